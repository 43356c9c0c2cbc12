/**
 * One call, its typed errors and what it cost. Runs on the simulator; swap the layer for `FetchHttpClient.layer` and set
 * AHREFS_API_KEY to ask Ahrefs.
 *
 *     npx tsx examples/one-call.ts
 */
import { Console, Effect, Layer, Redacted } from "effect"
import { Ahrefs, SharedState } from "../src/index.js"
import { AhrefsSimulator } from "../src/testing/index.js"

const program = Effect.gen(function* () {
  const ahrefs = yield* Ahrefs.Ahrefs
  const { ahrefsRank, domain, domainRating } = yield* ahrefs.getDomainRating("https://www.Example.com/blog")
  yield* Console.log(`${domain}: domain rating ${domainRating}, rank ${ahrefsRank ?? "none"}`)
}).pipe(
  Effect.catchTags({
    InvalidKey: ({ message }) => Console.error(message),
    CreditsExhausted: ({ message }) => Console.error(message)
  })
)

const AhrefsLive = Ahrefs.layer({
  apiKey: Redacted.make("any-key-will-do-here"),
  onCharge: ({ amount, operation, unit }) => Console.log(`${operation} cost ${amount} ${unit}`)
}).pipe(Layer.provide([AhrefsSimulator.layer(), SharedState.layerMemory()]))

Effect.runPromise(Effect.provide(program, AhrefsLive))
