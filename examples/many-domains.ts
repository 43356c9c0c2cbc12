/**
 * 250 domains in three calls instead of 250, delivered call by call, so that what was paid is kept when a later call fails.
 *
 *     npx tsx examples/many-domains.ts
 */
import { Console, Effect, Layer, Redacted, Stream } from "effect"
import { Ahrefs, SharedState } from "../src/index.js"
import { AhrefsSimulator } from "../src/testing/index.js"

const domains = Array.from({ length: 250 }, (_, i) => `site-${i}.com`)

const program = Effect.gen(function* () {
  const ahrefs = yield* Ahrefs.Ahrefs
  const qualified = yield* ahrefs.getDomainRatingsStream(domains).pipe(
    Stream.filter(({ domainRating }) => domainRating !== null && domainRating >= 30 && domainRating < 90),
    Stream.runCount
  )
  yield* Console.log(`${qualified} of ${domains.length} qualify`)
})

const AhrefsLive = Ahrefs.layer({
  apiKey: Redacted.make("any-key-will-do-here"),
  onCharge: ({ amount, unit }) => Console.log(`one call: ${amount} ${unit}`)
}).pipe(Layer.provide([AhrefsSimulator.layer(), SharedState.layerMemory()]))

Effect.runPromise(Effect.provide(program, AhrefsLive))
