/**
 * One process that calls a vendor over a limiter that others share, and prints how long it waited.
 *
 *     node limiterChild.js REDIS_PORT VENDOR_URL TASK
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SERanking from "../src/SERanking.js"
import * as SharedState from "../src/SharedState.js"
import * as Spender from "../src/Spender.js"
import { rate, Report, Task } from "./limiterSetting.js"
import { toStderr } from "./process.js"

const [port = "", apiUrl = "", task = ""] = process.argv.slice(2)

const layer = SERanking.layer({
  apiKey: Redacted.make("key"),
  apiUrl,
  rateLimit: { requests: rate, per: "1 second" },
  // A vendor that allows less than it says refuses the same call more than three times.
  retry: { times: 10 }
}).pipe(
  Layer.provide([FetchHttpClient.layer, SharedState.layerRedis({ url: `redis://127.0.0.1:${port}` })]),
  // Around it: what the service logs by itself must not be taken for its report either.
  Layer.provideMerge(toStderr)
)

const timed = <E extends { readonly _tag: string }>(work: Effect.Effect<unknown, E>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(Effect.either(work), (exit) => ({
      wait: performance.now() - start,
      failures: Either.isLeft(exit) ? [exit.left._tag] : []
    }))
  })

const main = Effect.gen(function* () {
  const { name, tenant, work } = yield* Schema.decodeUnknown(Schema.parseJson(Task))(task)
  const { getDomainInlinkRank } = yield* SERanking.SERanking
  let asked = 0
  const lookup = Effect.suspend(() => getDomainInlinkRank(`${name}-${asked++}.com`))
  const times = (count: number) => Array.from({ length: count }, (_, i) => i)
  const all = (count: number) => Effect.forEach(times(count), () => lookup, { concurrency: "unbounded", discard: true })

  const measured = Effect.gen(function* () {
    switch (work._tag) {
      case "Load":
        return yield* Effect.forEach(times(work.callers), () => Effect.forever(lookup), { concurrency: "unbounded" })
      case "Calls":
        return yield* Effect.forEach(times(work.calls), () => timed(lookup), { concurrency: "unbounded" })
      case "Groups": {
        const group = Effect.zipLeft(timed(all(work.size)), Effect.sleep(work.everyMillis), { concurrent: true })
        // A service compiles its code once: the first group is not measured.
        yield* Effect.zipLeft(group, Effect.sleep("1 second"))
        return yield* Effect.forEach(times(work.groups), () => group)
      }
    }
  })
  const waits = yield* Spender.as({ tenant })(measured)
  const report = { waits: waits.map(({ wait }) => wait), failures: waits.flatMap(({ failures }) => failures) }
  yield* Console.log(yield* Schema.encode(Schema.parseJson(Report))(report))
})

// Its pretty logger would print into the report.
NodeRuntime.runMain(Effect.provide(main, layer), { disablePrettyLogger: true })
