/** Calls of one account in many processes: none too many, hardly any too few, and nobody starves. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import * as Ahrefs from "../src/Ahrefs.js"
import * as SharedState from "../src/SharedState.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import { start } from "../test/support/redis.js"
import { rate, Report, Task, upstreamMillis } from "./limiterSetting.js"
import { vendor } from "./limiterVendor.js"
import { agree, BenchError, type Row, rowsOf, type Section, timesOf } from "./measure.js"
import { node } from "./process.js"

const child = new URL("./limiterChild.js", import.meta.url).pathname

/** Full load in seconds: ten minutes, or less to try it out. */
const loadSeconds = Config.withDefault(Config.integer("BENCH_LIMITER_SECONDS"), 600)

const encodeTask = Schema.encode(Schema.parseJson(Task))
const decodeReport = Schema.decodeUnknown(Schema.parseJson(Report))

const row = rowsOf("limiter")

const whole = (value: number): string => Math.round(value).toLocaleString("en")
const millis = (value: number): string => `${value.toFixed(0)} ms`

/** An empty Redis, a vendor, and processes that share both. */
const stage = (limitAfter: (admitted: number) => number = () => rate) =>
  Effect.gen(function* () {
    const { port } = yield* start()
    const { seen, url } = yield* vendor(limitAfter)
    const run = (task: Task) =>
      Effect.flatMap(encodeTask(task), (text) => Effect.flatMap(node(child, String(port), url, text), decodeReport))
    const runAll = (tasks: ReadonlyArray<Task>) => Effect.forEach(tasks, run, { concurrency: "unbounded" })
    return {
      seen,
      run,
      runAll,
      /** They never end by themselves, but by an error. */
      behind: <A, E, R>(load: ReadonlyArray<Task>, work: Effect.Effect<A, E, R>) =>
        Effect.raceFirst(work, Effect.zipRight(runAll(load), Effect.never))
    }
  })

const tasks = (count: number, tenant: string, work: Task["work"]): ReadonlyArray<Task> =>
  Array.from({ length: count }, (_, i) => ({ name: `${tenant}-${i}`, tenant, work }))

const load = Effect.gen(function* () {
  const seconds = yield* loadSeconds
  const { behind, seen } = yield* stage()
  const span = seconds * 1_000
  const isOver = () => seen.length > 0 && performance.now() > seen[0]!.at + span
  yield* behind(
    tasks(4, "load", { _tag: "Load", callers: 20 }),
    Effect.repeat(Effect.sleep("100 millis"), { until: isOver })
  )
  const inTime = seen.filter(({ at }) => at < seen[0]!.at + span)
  const refusals = inTime.filter(({ isAdmitted }) => !isAdmitted)
  const refused = refusals.length
  const cold = refusals.filter(({ at }) => at < seen[0]!.at + 3_000).length
  const share = (inTime.length - refused) / (rate * seconds)
  const what = `4 processes at full load for ${seconds} s, ${rate} calls a second`
  return [
    row(`${what}: refused`, {
      median: whole(refused),
      result: `of ${whole(inTime.length)} calls, ${cold} in the first 3 s`,
      target: "0",
      isMet: refused === 0
    }),
    row(`${what}: share of the rate used`, {
      median: `${(share * 100).toFixed(1)} %`,
      target: ">= 95 %",
      isMet: share >= 0.95
    })
  ]
})

const hidden = 4
const calls = 240
const half = calls / 2

/** The vendor allows less than it says. */
const throttled = (what: string, limitAfter: (admitted: number) => number, bestSeconds: number) =>
  Effect.gen(function* () {
    const { runAll, seen } = yield* stage(limitAfter)
    const reports = yield* runAll(tasks(2, "calls", { _tag: "Calls", calls: half }))
    const failed = reports.flatMap(({ failures }) => failures).length
    const refused = seen.filter(({ isAdmitted }) => !isAdmitted).length
    yield* agree(seen.length - refused === calls - failed, `${seen.length - refused} calls were admitted.`)
    const seconds = (seen.at(-1)!.at + upstreamMillis - seen[0]!.at) / 1_000
    const ratio = seconds / bestSeconds
    return row(`${what}; 2 processes, ${calls} calls, up to 10 retries`, {
      median: `${seconds.toFixed(1)} s`,
      result: `${ratio.toFixed(2)} x ${bestSeconds} s, ${refused} refused, ${failed} failed`,
      target: "<= 1.2 x, 0 failed",
      isMet: ratio <= 1.2 && failed === 0
    })
  }).pipe(Effect.scoped)

const p95Of = (waits: ReadonlyArray<number>): number =>
  waits.toSorted((a, b) => a - b)[Math.ceil(waits.length * 0.95) - 1] ?? Number.NaN

/** How long a tenant waits for its three look-ups. */
const small = (groups: number, everyMillis: number, large: ReadonlyArray<Task> = []) =>
  Effect.gen(function* () {
    const { behind, run, seen } = yield* stage()
    const isFull = Effect.repeat(Effect.sleep("100 millis"), {
      until: () => large.length === 0 || seen.length > 5 * rate
    })
    const asked = run({ name: "small", tenant: "small", work: { _tag: "Groups", groups, size: 3, everyMillis } })
    const { failures, waits } = yield* behind(large, Effect.zipRight(isFull, asked))
    yield* agree(failures.length === 0, `the small tenant got ${failures.join()}.`)
    return { ...timesOf(waits), p95: p95Of(waits), refused: seen.filter(({ isAdmitted }) => !isAdmitted).length }
  }).pipe(Effect.scoped)

const fairness = Effect.gen(function* () {
  const idle = yield* small(20, 2_000)
  const own = yield* small(40, 0)
  const behind = yield* small(20, 2_000, tasks(2, "large", { _tag: "Load", callers: 1_000 }))
  const told = (
    what: string,
    { max, median, min, p95, refused }: typeof idle,
    result: string,
    more: Partial<Row> = {}
  ) =>
    row(`3 look-ups of a small tenant: ${what}`, {
      median: millis(median),
      spread: `${min.toFixed(0)} - ${millis(max)}`,
      result: `p95 ${millis(p95)}${result}, ${refused} refused`,
      ...more
    })
  const ratio = behind.p95 / own.p95
  return [
    told("every 2 s, the account idle", idle, ""),
    told("alone, but again at once: its own calls fill each second, which has to pass", own, ""),
    told(
      "every 2 s, behind 2,000 of a large one in 2 processes; over the row above",
      behind,
      `, ${ratio.toFixed(2)} x (${(behind.p95 / idle.p95).toFixed(1)} x idle)`,
      { target: "<= 2 x", isMet: ratio <= 2 }
    )
  ]
})

const domains = 10_000
/** Sixty calls leave at once, forty a minute later. */
const boundSeconds = 60

const simulated = Effect.gen(function* () {
  const simulator = yield* AhrefsSimulator.make({ latency: "200 millis" })
  const { getDomainRating } = yield* Ahrefs.make({ apiKey: Redacted.make("key") }).pipe(
    Effect.provide(SharedState.layerMemory()),
    Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
  )
  const began = yield* Clock.currentTimeMillis
  const names = Array.from({ length: domains }, (_, i) => `site-${i}.com`)
  const fiber = yield* Effect.fork(
    Effect.zipRight(
      Effect.forEach(names, getDomainRating, { concurrency: "unbounded", discard: true }),
      Clock.currentTimeMillis
    )
  )
  yield* TestClock.adjust("10 minutes")
  const seconds = ((yield* Fiber.join(fiber)) - began) / 1_000
  const sent = yield* simulator.requests
  const refused = sent.filter(({ status }) => status !== 200).length
  const ratio = seconds / boundSeconds
  const what = `${whole(domains)} domains on Ahrefs, 60 calls a minute, time simulated`
  return [
    row(`${what}: calls`, {
      median: whole(sent.length),
      result: `${refused} refused`,
      target: "100",
      isMet: sent.length === 100 && refused === 0
    }),
    row(`${what}: time`, {
      median: `${seconds.toFixed(1)} s`,
      result: `${ratio.toFixed(3)} x ${boundSeconds} s`,
      target: "<= 1.05 x",
      isMet: ratio <= 1.05
    })
  ]
}).pipe(
  Effect.scoped,
  Effect.provide(TestContext.TestContext),
  // On a busy machine the clock says that it has to wait for 10,000 fibers.
  Logger.withMinimumLogLevel(LogLevel.None)
)

export const limiter: Section = Effect.gen(function* () {
  const full = yield* Effect.scoped(load)
  const slow = yield* throttled(`${rate} a second promised, ${hidden} allowed`, () => hidden, calls / hidden)
  const lifted = yield* throttled(
    `the same, ${rate} allowed after half of the calls`,
    (admitted) => (admitted < half ? hidden : rate),
    half / hidden + half / rate
  )
  return [...full, slow, lifted, ...(yield* fairness), ...(yield* simulated)]
}).pipe(
  Effect.provide(NodeContext.layer),
  Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) }))),
  Effect.catchAllDefect((defect) => new BenchError({ message: String(defect) }))
)
