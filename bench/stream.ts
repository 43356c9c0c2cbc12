/** The peak memory of reading backlinks page by page, 10,000 a page, simulator included. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import { agree, BenchError, type Row, type Section, timesOf } from "./measure.js"
import { node } from "./process.js"

const runs = 3
const child = fileURLToPath(new URL("./streamChild.js", import.meta.url))

const decode = Schema.decodeUnknown(
  Schema.parseJson(Schema.Struct({ rows: Schema.Number, millis: Schema.Number, peakKiB: Schema.Number }))
)
const run = (...args: ReadonlyArray<string>) => Effect.flatMap(node(...args), decode)

const megabytes = (kibibytes: number) => (kibibytes * 1024) / 1e6

interface Kind {
  readonly what: string
  readonly rows: number
  readonly args: ReadonlyArray<string>
  /** Megabytes. */
  readonly most?: number
}

const kinds: ReadonlyArray<Kind> = [
  { what: "the imports alone", rows: 0, args: [child, "0"] },
  { what: "100,000 backlinks", rows: 100_000, args: [child, "100000"] },
  { what: "1,000,000 backlinks", rows: 1_000_000, args: [child, "1000000"], most: 200 },
  { what: "the same pages on the bare HttpClient", rows: 1_000_000, args: [child, "1000000", "bare"] },
  {
    what: "1,000,000 backlinks, --max-old-space-size=64",
    rows: 1_000_000,
    args: ["--max-old-space-size=64", child, "1000000"]
  }
]

const measured = ({ args, most, rows, what }: Kind): Effect.Effect<Row, BenchError> =>
  Effect.gen(function* () {
    const reads = yield* Effect.replicateEffect(run(...args), runs)
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
