/**
 * Your own code, tested without a provider: `layerTest` where an answer is all it needs, the simulator where prices, refusals
 * and broken connections matter.
 *
 *     npx tsx examples/test-layers.ts
 */
import { Console, Effect, Layer, Redacted } from "effect"
import { Ahrefs, SharedState, Target } from "../src/index.js"
import { AhrefsSimulator } from "../src/testing/index.js"

/** The code under test. */
const isStrong = (domain: string) =>
  Effect.gen(function* () {
    const ahrefs = yield* Ahrefs.Ahrefs
    const { domainRating } = yield* ahrefs.getDomainRating(domain)
    return domainRating !== null && domainRating >= 70
  }).pipe(Effect.catchTag("CreditsExhausted", () => Effect.succeed("ask again next month" as const)))

const answering = Ahrefs.layerTest({
  getDomainRating: (input) =>
    Effect.map(Target.make(input), (domain) => ({ domain, domainRating: 71.5, ahrefsRank: 12_000 }))
})

const broke = Ahrefs.layer({ apiKey: Redacted.make("key") }).pipe(
  Layer.provide([AhrefsSimulator.layer({ budget: 0 }), SharedState.layerNoop])
)

const program = Effect.gen(function* () {
  yield* Console.log("with an answer:", yield* Effect.provide(isStrong("example.com"), answering))
  yield* Console.log("without credits:", yield* Effect.provide(isStrong("example.com"), broke))
})

Effect.runPromise(program)
