/** The peak memory of reading backlinks page by page, 10,000 a page, from a simulator in a process of its own. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import { agree, BenchError, type Row, type Section, timesOf } from "./measure.js"
import { node, standby } from "./process.js"

const runs = 3
const child = fileURLToPath(new URL("./streamChild.js", import.meta.url))
const simulatorChild = fileURLToPath(new URL("./simulatorChild.js", import.meta.url))

const decode = Schema.decodeUnknown(
  Schema.parseJson(Schema.Struct({ rows: Schema.Number, millis: Schema.Number, peakKiB: Schema.Number }))
)

/** The read of so many backlinks. */
const run = ({ args, flags, rows }: Kind) =>
  Effect.scoped(
    Effect.gen(function* () {
      const simulator = yield* standby(simulatorChild, "se_ranking", String(rows))
      const url = yield* Effect.promise(() => simulator.ready)
      return yield* Effect.flatMap(node(...flags, child, rows === 0 ? "" : url, ...args), decode)
    })
  )

const megabytes = (kibibytes: number) => (kibibytes * 1024) / 1e6

interface Kind {
  readonly what: string
  readonly rows: number
  readonly flags: ReadonlyArray<string>
  readonly args: ReadonlyArray<string>
  /** Megabytes. */
  readonly most?: number
}

const kinds: ReadonlyArray<Kind> = [
  { what: "the imports alone", rows: 0, flags: [], args: [] },
  { what: "100,000 backlinks", rows: 100_000, flags: [], args: [] },
  { what: "1,000,000 backlinks", rows: 1_000_000, flags: [], args: [], most: 200 },
  { what: "the same pages on the bare HttpClient", rows: 1_000_000, flags: [], args: ["bare"] },
  {
    what: "1,000,000 backlinks, --max-old-space-size=64",
    rows: 1_000_000,
    flags: ["--max-old-space-size=64"],
    args: []
  }
]

const measured = (kind: Kind): Effect.Effect<Row, BenchError> =>
  Effect.gen(function* () {
    const { most, rows, what } = kind
    const reads = yield* Effect.replicateEffect(run(kind), runs)
    yield* agree(
      reads.every((read) => read.rows === rows),
      `${what}: rows are missing.`
    )
    const { max, median, min } = timesOf(reads.map(({ peakKiB }) => megabytes(peakKiB)))
    const speed = timesOf(reads.map(({ millis, rows }) => rows / millis)).median
    return {
      section: "stream",
      what: `peak RSS: ${what}`,
      median: `${median.toFixed(0)} MB`,
      spread: `${min.toFixed(0)} - ${max.toFixed(0)} MB`,
      result: rows === 0 ? "" : `${speed.toFixed(0)} k rows/s`,
      target: most === undefined ? "" : `<= ${most} MB`,
      isMet: most === undefined ? null : max <= most
    }
  }).pipe(
    Effect.provide(NodeContext.layer),
    Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) })))
  )

export const stream: Section = Effect.forEach(kinds, measured)
