/**
 * Every backlink of a site, page by page and in constant memory. Only the pages that are read are paid.
 *
 *     npx tsx examples/stream-backlinks.ts
 */
import { Console, Effect, Layer, Redacted, Stream } from "effect"
import { SERanking, SharedState } from "../src/index.js"
import { SERankingSimulator } from "../src/testing/index.js"

const program = Effect.gen(function* () {
  const seRanking = yield* SERanking.SERanking
  const followed = yield* seRanking.getBacklinksStream({ domain: "example.com", pageSize: 500 }).pipe(
    Stream.filter(({ isNoFollow }) => !isNoFollow),
    Stream.take(1_000),
    Stream.runCount
  )
  yield* Console.log(`${followed} followed links`)
})

const SERankingLive = SERanking.layer({
  apiKey: Redacted.make("any-key-will-do-here"),
  onCharge: ({ amount, unit }) => Console.log(`one page: ${amount} ${unit}`)
}).pipe(Layer.provide([SERankingSimulator.layer(), SharedState.layerMemory()]))

Effect.runPromise(Effect.provide(program, SERankingLive))
