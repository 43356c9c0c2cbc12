/**
 * Scores this many prospects as a stream over the Redis and the simulator at these URLs, and prints what it took. A process of
 * its own: its peak memory never goes down, and with 0 prospects it is what the imports alone take.
 *
 *     node scoreChild.js REDIS_URL SIMULATOR_URL COUNT
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ProspectScorer from "../src/ProspectScorer.js"
import { toStderr } from "./process.js"
import { layer, sites, tenant } from "./scoreSetting.js"

const [redis = "", simulator = "", count = "0"] = process.argv.slice(2)

const main = Effect.gen(function* () {
  const { score } = yield* ProspectScorer.ProspectScorer
  const verdicts: Record<string, number> = {}
  let bought = 0
  const start = performance.now()
  yield* Stream.runForEach(score(tenant, sites(Number(count))), ({ cost, verdict }) =>
    Effect.sync(() => {
      verdicts[verdict._tag] = (verdicts[verdict._tag] ?? 0) + 1
      for (const { amount } of cost) bought += amount ?? Number.NaN // the simulator states its prices
    })
  )
  const millis = performance.now() - start
  const peakKiB = process.resourceUsage().maxRSS
  yield* Console.log(JSON.stringify({ verdicts, bought, millis, peakKiB }))
})

NodeRuntime.runMain(main.pipe(Effect.provide(layer(redis, simulator)), Effect.provide(toStderr)), {
  disablePrettyLogger: true
})
