/** A list scored end to end, where nothing is known and where all is: time, units and memory, and whether they grow with the list. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import { start } from "../test/support/redis.js"
import { agree, BenchError, medianOf, rowsOf, timesOf } from "./measure.js"
import { node, standby } from "./process.js"

const row = rowsOf("score")
const whole = (value: number): string => Math.round(value).toLocaleString("en")

const child = fileURLToPath(new URL("./scoreChild.js", import.meta.url))
const simulatorChild = fileURLToPath(new URL("./simulatorChild.js", import.meta.url))

const rounds = 3
/** The largest takes a minute where nothing is known. */
const sizes = [
  { count: 1_000, colds: rounds },
  { count: 10_000, colds: rounds },
  { count: 100_000, colds: 1 }
]
const largest = 100_000
/** What growth is measured between: a smaller list is over before the code is compiled. */
const [compared, to] = [10_000, largest]

const Run = Schema.Struct({
  verdicts: Schema.Record({ key: Schema.String, value: Schema.Number }),
  bought: Schema.Number,
  millis: Schema.Number,
  peakKiB: Schema.Number
})
type Run = typeof Run.Type
type Runs = ReadonlyArray<Run>

const decode = Schema.decodeUnknown(Schema.parseJson(Run))

const megabytes = (kibibytes: number) => (kibibytes * 1024) / 1e6
const small = (heap: string) => `--max-old-space-size=${heap}`

const rowsFor = (count: number, runs: Runs, what: string, isTarget: boolean) => {
  const speed = timesOf(runs.map(({ millis }) => count / (millis / 1_000)))
  const peak = timesOf(runs.map(({ peakKiB }) => megabytes(peakKiB)))
  const isMany = runs.length > 1
  return [
    row(`${whole(count)} prospects, ${what}`, {
      median: `${whole(speed.median)} a second`,
      spread: isMany ? `${whole(speed.min)} - ${whole(speed.max)}` : "",
      result: `${(count / speed.median).toFixed(1)} s, ${whole(runs[0]?.bought ?? Number.NaN)} units`,
      ...(isTarget && { target: ">= 20,000 a second", isMet: speed.median >= 20_000 })
    }),
    row(`${whole(count)} prospects, ${what}: peak RSS`, {
      median: `${peak.median.toFixed(0)} MB`,
      spread: isMany ? `${peak.min.toFixed(0)} - ${peak.max.toFixed(0)} MB` : "",
      ...(isTarget && { target: "<= 300 MB", isMet: peak.max <= 300 })
    })
  ]
}

/** Less than this of one run is not more than of another. */
const leastKiB = 1_024

/** What a prospect of the longer list takes over one of the shorter. */
const growth = (of: (count: number) => Runs, what: string, imports: number, isFree: boolean) => {
  const measured = (name: string, per: (run: Run) => number, digits: number) => {
    const each = (count: number) => medianOf(of(count).map(per)) / count
    const ratio = each(to) / each(compared)
    return row(`${what}, a prospect of ${whole(to)} over one of ${whole(compared)}: ${name}`, {
      median: `${ratio.toFixed(digits)} x`,
      target: "<= 1.2 x",
      isMet: ratio <= 1.2
    })
  }
  return [
    measured("time", ({ millis }) => millis, 2),
    // What is known costs nothing at any length, which the runs are checked for.
    ...(isFree ? [] : [measured("units", ({ bought }) => bought, 3)]),
    measured("peak RSS over the imports'", ({ peakKiB }) => Math.max(leastKiB, peakKiB - imports), 2)
  ]
}

export const endToEnd = Effect.gen(function* () {
  const simulator = yield* standby(simulatorChild, "ahrefs")
  const url = yield* Effect.promise(() => simulator.ready)
  const run = (redis: string, count: number, ...flags: ReadonlyArray<string>) =>
    Effect.flatMap(node(...flags, child, redis, url, String(count)), decode)

  const colds = new Map(sizes.map(({ count }) => [count, new Array<Run>()]))
  const warms = new Map(sizes.map(({ count }) => [count, new Array<Run>()]))
  const smalls = new Array<Run>()
  const checked = (count: number, cold: Run, warm: Run) =>
    Effect.zipRight(
      agree(warm.bought === 0, `${whole(warm.bought)} units were paid twice.`),
      agree(JSON.stringify(warm.verdicts) === JSON.stringify(cold.verdicts), `other verdicts of ${whole(count)}.`)
    )
  for (let round = 0; round < rounds; round++) {
    for (const { colds: times, count } of sizes) {
      if (round >= times) continue
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { url: redis } = yield* start()
          const cold = yield* run(redis, count)
          const answered = Object.values(cold.verdicts).reduce((sum, one) => sum + one, 0)
          yield* agree(answered === count, `${whole(answered)} answers for ${whole(count)} prospects.`)
          colds.get(count)?.push(cold)
          for (let i = 0; i < rounds / times; i++) {
            const warm = yield* run(redis, count)
            yield* checked(count, cold, warm)
            warms.get(count)?.push(warm)
            if (count !== largest) continue
            const little = yield* run(redis, count, small("160"))
            yield* checked(count, cold, little)
            smalls.push(little)
          }
        })
      )
    }
  }
  const imports = yield* Effect.scoped(
    Effect.flatMap(start(), ({ url: redis }) => Effect.replicateEffect(run(redis, 0), rounds))
  )
  const base = medianOf(imports.map(({ peakKiB }) => peakKiB))
  const of = (runs: ReadonlyMap<number, Runs>) => (count: number) => runs.get(count) ?? []
  const [unknown, known] = ["nothing known", "all known in Redis"]
  return [
    ...sizes.flatMap(({ count }) => rowsFor(count, of(colds)(count), unknown, false)),
    ...sizes.flatMap(({ count }) => rowsFor(count, of(warms)(count), known, count === largest)),
    ...rowsFor(largest, smalls, `${known}, ${small("160")}`, true),
    ...growth(of(colds), unknown, base, false),
    ...growth(of(warms), known, base, true)
  ]
}).pipe(
  Effect.scoped,
  Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) })))
)
