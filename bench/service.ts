/** One service under load, written with this package and without: what it pays, how long its callers wait, what it costs to run. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { start } from "../test/support/redis.js"
import { agree, BenchError, medianOf, pairwise, quantileOf, type Row, rowsOf, type Section } from "./measure.js"
import { leastUnits } from "./price.js"
import { standby } from "./process.js"
import { Billed, day, ours, oursDefault, perSecond, processes, Report, seconds, tenants } from "./serviceSetting.js"

const row = rowsOf("service")

const child = new URL("./serviceChild.js", import.meta.url).pathname
const vendorChild = new URL("./serviceVendorChild.js", import.meta.url).pathname
const rounds = 3

/** Ours comes first; what it pays where it does not wait is seen in one round. */
const contenders = [
  { name: ours, times: rounds },
  { name: "axios", times: rounds },
  { name: "bentocache", times: rounds },
  { name: oursDefault, times: 1 }
]

const decodeReport = Schema.decodeUnknown(Schema.parseJson(Report))
const decodeBilled = Schema.decodeUnknown(Billed)

const figures = {
  units: { name: "units paid", text: (value: number) => whole(value) },
  calls: { name: "provider calls", text: (value: number) => whole(value) },
  p50: { name: "p50", text: (value: number) => `${value.toFixed(1)} ms` },
  p99: { name: "p99", text: (value: number) => `${value.toFixed(1)} ms` },
  cpuSeconds: { name: `processor time of the ${processes} processes`, text: (value: number) => `${value.toFixed(1)} s` }
}

type Figure = keyof typeof figures
type Round = Readonly<Record<Figure, number>>

const whole = (value: number): string => Math.round(value).toLocaleString("en")

/** A minute on an empty Redis. */
const minute = (contender: string) =>
  Effect.gen(function* () {
    const { port } = yield* start()
    const vendor = yield* standby(vendorChild)
    const url = yield* Effect.promise(() => vendor.ready)
    const billed = Effect.flatMap(
      Effect.promise(async (): Promise<unknown> => (await fetch(url)).json()),
      decodeBilled
    )
    const all = yield* Effect.forEach(Array.from({ length: processes }), (_, i) =>
      standby(child, contender, String(port), url, String(i))
    )
    yield* Effect.promise(() => Promise.all(all.map(({ ready }) => ready)))
    const before = yield* billed
    for (const { go } of all) go()
    const lines = yield* Effect.promise(() => Promise.all(all.map(({ report }) => report)))
    const reports = yield* Effect.mapError(
      Effect.forEach(lines, (line) => decodeReport(line)),
      () => new BenchError({ message: `${contender}: a process ended without a report.` })
    )
    const after = yield* billed
    const waits = reports.flatMap(({ waits }) => waits)
    yield* agree(waits.length === perSecond * seconds, `${contender} answered ${waits.length} requests.`)
    const round: Round = {
      units: after.units - before.units,
      calls: after.calls - before.calls,
      p50: quantileOf(waits, 0.5),
      p99: quantileOf(waits, 0.99),
      cpuSeconds: reports.reduce((sum, { cpuMillis }) => sum + cpuMillis, 0) / 1_000
    }
    return round
  }).pipe(Effect.scoped)

const rowsFor = (contender: string, own: ReadonlyArray<Round>, reference: ReadonlyArray<Round>): ReadonlyArray<Row> =>
  // Safe: the keys of a literal.
  (Object.keys(figures) as ReadonlyArray<Figure>).map((figure) => {
    const { name, text } = figures[figure]
    const values = own.map((round) => round[figure])
    const ratio = medianOf(
      pairwise(
        values,
        reference.map((round) => round[figure]),
        (theirs, ours) => theirs / ours
      )
    )
    return row(`${contender}: ${name}`, {
      median: text(medianOf(values)),
      spread: `${text(Math.min(...values))} - ${text(Math.max(...values))}`,
      ...(own !== reference && {
        result: `${ratio.toFixed(2)} x ours${ratio < 1 && contender !== oursDefault ? ", beats us" : ""}`
      })
    })
  })

export const service: Section = Effect.gen(function* () {
  const runs = contenders.map((one) => ({ ...one, own: new Array<Round>() }))
  for (let i = 0; i < rounds; i++) {
    // Every other round runs backwards, so that nobody always comes second.
    for (const { name, own, times } of i % 2 === 0 ? runs : runs.toReversed()) {
      if (i < times) own.push(yield* minute(name))
    }
  }
  const lookups = day().flatMap(({ domains }) => domains)
  const distinct = new Set(lookups).size
  const reference = runs[0]?.own ?? []
  return [
    row(
      `${processes} processes, ${tenants} tenants, ${perSecond} requests a second for ${seconds} s: ${whole(distinct)} distinct of ${whole(lookups.length)} domains; least units`,
      { median: whole(distinct * leastUnits) }
    ),
    ...runs.flatMap(({ name, own }) => rowsFor(name, own, reference))
  ]
}).pipe(Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) }))))
