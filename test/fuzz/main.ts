/**
 * Fuzzes every subject, with fast-check and with jsfuzz, which is guided by the coverage that it reaches. Each in processes of its
 * own, compiled as a user gets the package.
 *
 *     npm run test:fuzz [-- --seed N] [--runs N] [--only NAME]
 *
 * `runs`: inputs of fast-check, all subjects together; jsfuzz gets a fifth of it. Where neither it nor a subject is given, the
 * table is written to RESULTS.md. The same seed gives the same inputs.
 */
import type * as CommandExecutor from "@effect/platform/CommandExecutor"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { ParseError } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { build } from "esbuild"
import { readdirSync } from "node:fs"
import os from "node:os"
import { parseArgs } from "node:util"
import { type Finding, Result, type Subject } from "./campaign.js"
import { Coverage } from "./coverage.js"
import { FuzzError, node } from "./process.js"
import { subjects } from "./subjects.js"

const Measured = Schema.Struct({ ...Result.fields, coverage: Schema.NullOr(Coverage) })
type Measured = typeof Measured.Type
const decodeMeasured = Schema.decodeUnknown(Schema.parseJson(Measured))
const decodeManifest = Schema.decodeUnknown(Schema.parseJson(Schema.Struct({ version: Schema.String })))

interface Row extends Measured {
  readonly subject: string
  readonly fuzzer: "fast-check" | "jsfuzz"
}

interface Options {
  readonly seed: number
  readonly runs: number
  readonly folder: string
}

const allRuns = 1_000_000
/** How much of a campaign is run again, instrumented, to know what it covers. */
const coverRuns = 5_000
const guidedSeconds = 40

const sources = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts") && !name.endsWith(".test.ts"))
    .map((name) => `${folder}/${name}`)

/** Each file to one of its own, as CommonJS: what jsfuzz can instrument, and what coverage can be told of by file. */
const compileTo = (folder: string) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    yield* Effect.promise(() =>
      build({
        entryPoints: [...sources("src"), ...sources("test/fuzz"), "test/support/fixture.ts", "test/support/random.ts"],
        outdir: folder,
        outbase: ".",
        format: "cjs",
        platform: "node",
        target: "node20",
        define: { "import.meta.url": "__importMetaUrl" },
        banner: { js: 'const __importMetaUrl = require("node:url").pathToFileURL(__filename).href' },
        logLevel: "error"
      })
    )
    yield* files.writeFileString(`${folder}/package.json`, '{ "type": "commonjs" }')
    yield* files.copy("test/fixtures", `${folder}/test/fixtures`)
    yield* files.symlink(`${process.cwd()}/node_modules`, `${folder}/node_modules`)
  })

type Job = Effect.Effect<
  Row,
  FuzzError | ParseError | PlatformError,
  CommandExecutor.CommandExecutor | FileSystem.FileSystem
>

const propertyBased = ({ name, share }: Subject, { folder, runs, seed }: Options): Job =>
  Effect.gen(function* () {
    const shares = subjects.reduce((sum, one) => sum + one.share, 0)
    const own = Math.ceil((runs * share) / shares)
    const child = (runs: number, ...flags: ReadonlyArray<string>) =>
      node([...flags, `${folder}/test/fuzz/campaignChild.js`, name, String(seed), String(runs)], {
        cwd: folder,
        env: { FUZZ_SUBJECT: name, FUZZ_INSTRUMENT: flags.length === 0 ? "no" : "yes" }
      }).pipe(
        Effect.filterOrFail(
          ({ code }) => code === 0,
          ({ printed }) => new FuzzError({ message: `fast-check on ${name} ended: ${printed.slice(-2000)}` })
        ),
        Effect.flatMap(({ printed }) => decodeMeasured(printed))
      )
    const result = yield* child(own)
    const { coverage } = yield* child(Math.min(own, coverRuns), "--require", `${folder}/test/fuzz/preload.js`)
    return { ...result, coverage, subject: name, fuzzer: "fast-check" }
  })

const bytesOf = ({ choice, text }: Subject["corpus"][number]): Uint8Array => {
  const start = Buffer.alloc(4)
  start.writeUInt32LE(choice)
  return Buffer.concat([start, Buffer.from(text)])
}

const guided = ({ corpus, name }: Subject, { folder, runs, seed }: Options): Job =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const own = `${folder}/guided-${name}`
    yield* files.makeDirectory(`${own}/corpus`, { recursive: true })
    yield* Effect.forEach(corpus, (input, i) => files.writeFile(`${own}/corpus/seed-${i}`, bytesOf(input)))
    // Its versifier takes minutes and gigabytes for some JSON.
    const target = "../test/fuzz/guided.target.js"
    const { printed } = yield* node(
      [
        `${folder}/node_modules/jsfuzz/build/src/index.js`,
        target,
        "corpus",
        "--no-versifier",
        "--timeout",
        "60",
        "--exact-artifact-path",
        "crash"
      ],
      {
        cwd: own,
        env: {
          NODE_OPTIONS: `--require ${folder}/test/fuzz/preload.js`,
          FUZZ_SEED: String(seed),
          FUZZ_SUBJECT: name,
          FUZZ_RUNS: String(Math.ceil(runs / 5 / subjects.length)),
          FUZZ_SECONDS: String(guidedSeconds),
          FUZZ_RESULT: `${own}/result.json`
        }
      }
    )
    if (yield* files.exists(`${own}/result.json`)) {
      const result = yield* Effect.flatMap(files.readFileString(`${own}/result.json`), decodeMeasured)
      return { ...result, subject: name, fuzzer: "jsfuzz" }
    }
    if (!(yield* files.exists(`${own}/crash`))) {
      return yield* new FuzzError({ message: `jsfuzz on ${name} ended: ${printed.slice(-2000)}` })
    }
    const crash = Buffer.from(yield* files.readFile(`${own}/crash`)).toString("base64")
    const finding: Finding = {
      kind: printed.includes("timeout reached") ? "hang" : printed.includes("MEMORY OOM") ? "growth" : "defect",
      message: printed.slice(-3000),
      input: `base64 ${crash}`
    }
    const nothing = { inputs: 0, slowestMillis: 0, slowestInput: "", growthBytes: 0, coverage: null }
    return { ...nothing, finding, subject: name, fuzzer: "jsfuzz" }
  })

const titles = ["subject", "fuzzer", "inputs", "statements", "branches", "slowest input", "heap growth", "defects"]
const numeric = new Set([2, 3, 4, 5, 6, 7])
const percent = (share: number | undefined): string => (share === undefined ? "" : `${(share * 100).toFixed(0)} %`)
const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KB`

const table = (rows: ReadonlyArray<Row>): string => {
  const lines = rows.map(({ coverage, finding, fuzzer, growthBytes, inputs, slowestMillis, subject }) => [
    subject,
    fuzzer,
    inputs.toLocaleString("en-US"),
    percent(coverage?.statements),
    percent(coverage?.branches),
    `${slowestMillis.toFixed(1)} ms`,
    kilobytes(growthBytes),
    finding === null ? "0" : `1 (${finding.kind})`
  ])
  const widths = titles.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]?.length ?? 0)))
  const format = (line: ReadonlyArray<string>) =>
    `| ${line.map((cell, i) => (numeric.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(" | ")} |`
  const rule = `| ${widths.map((width, i) => (numeric.has(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`
  return [format(titles), rule, ...lines.map(format)].join("\n")
}

const found = `- \`www.www.example.com\` was normalised to \`www.example.com\`, and that to \`example.com\`
- a URL that percent-encoding made longer than 2048 characters was given back, and refused when it was given again
- a \`Retry-After\` of more than 2^53 ms made an error that could not be encoded
- half a surrogate pair was shown of a long input that is no target
- a \`Retry-After\` with parts of a millisecond made an error that came back from JSON in another form`

const report = (rows: ReadonlyArray<Row>, { seed }: Options, minutes: number) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const versions = yield* Effect.forEach(["effect", "fast-check", "jsfuzz"], (name) =>
      Effect.map(
        Effect.flatMap(files.readFileString(`node_modules/${name}/package.json`), decodeManifest),
        ({ version }) => `${name} ${version}`
      )
    )
    const cpus = os.cpus()
    const date = new Date(yield* Clock.currentTimeMillis).toISOString().slice(0, 10)
    const total = (fuzzer: Row["fuzzer"]) =>
      rows.reduce((sum, row) => sum + (row.fuzzer === fuzzer ? row.inputs : 0), 0).toLocaleString("en-US")
    return `# Fuzzing

Made by \`npm run test:fuzz\`, last on ${date}, in ${minutes.toFixed(1)} minutes. Seed ${seed}: \`npm run test:fuzz -- --seed ${seed}\`.

- Machine: ${cpus[0]?.model.trim()}, ${cpus.length} cores, ${(os.totalmem() / 1e9).toFixed(0)} GB, ${os.type()}
- Node ${process.versions.node}, ${versions.join(", ")}
- Inputs: ${total("fast-check")} of fast-check, ${total("jsfuzz")} of jsfuzz
- Load average when it ended: ${os.loadavg()[1]?.toFixed(1)}

${table(rows)}

Coverage is of the files that a subject is about, for fast-check of its first ${coverRuns.toLocaleString("en-US")} inputs. Heap growth is
between the first third and the end, after garbage collections. The slowest input is the best of three tries at it.

Found so far, each fixed and held by a test:

${found}
`
  })

const positive = (name: string, text: string | undefined, otherwise: number) => {
  const value = text === undefined ? otherwise : Number(text)
  return Number.isSafeInteger(value) && value > 0
    ? Effect.succeed(value)
    : Effect.fail(new FuzzError({ message: `--${name} must be a whole number above 0.` }))
}

const main = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const { values } = yield* Effect.try({
    try: () => parseArgs({ options: { seed: { type: "string" }, runs: { type: "string" }, only: { type: "string" } } }),
    catch: (error) => new FuzzError({ message: String(error) })
  })
  const began = yield* Clock.currentTimeMillis
  const seed = yield* positive("seed", values.seed, began % 2 ** 31)
  const runs = yield* positive("runs", values.runs, allRuns)
  const asked = subjects.filter(({ name }) => values.only === undefined || name === values.only)
  if (asked.length === 0) {
    const known = subjects.map(({ name }) => name).join(", ")
    return yield* new FuzzError({ message: `There is no subject "${values.only}". There are: ${known}.` })
  }
  yield* Console.log(`Seed ${seed}`)
  const folder = yield* Effect.flatMap(
    files.makeTempDirectoryScoped({ prefix: "effect-seo-providers-fuzz-" }),
    files.realPath
  )
  yield* compileTo(folder)
  const options = { seed, runs, folder }
  const jobs = [
    ...asked.map((subject) => propertyBased(subject, options)),
    ...asked.map((subject) => guided(subject, options))
  ]
  const rows = yield* Effect.forEach(
    jobs,
    (job) => Effect.tap(job, (row) => Console.log(table([row]).split("\n")[2])),
    {
      concurrency: os.availableParallelism()
    }
  )
  yield* Console.log(table(rows))
  const minutes = ((yield* Clock.currentTimeMillis) - began) / 60_000
  if (values.only === undefined && values.runs === undefined) {
    yield* files.writeFileString("test/fuzz/RESULTS.md", yield* report(rows, options, minutes))
    yield* Console.log("\nWritten to test/fuzz/RESULTS.md.")
  }
  const findings = rows.flatMap(({ finding, fuzzer, subject }) =>
    finding === null ? [] : [{ ...finding, fuzzer, subject }]
  )
  for (const { fuzzer, input, kind, message, subject } of findings) {
    yield* Console.error(`\n${subject}, ${fuzzer}: ${kind}\n${message}\ninput: ${input}\nseed: ${seed}`)
  }
  if (findings.length > 0) return yield* new FuzzError({ message: `${findings.length} findings` })
})

NodeRuntime.runMain(Effect.provide(Effect.scoped(main), NodeContext.layer))
