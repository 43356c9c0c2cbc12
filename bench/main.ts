/**
 * Compiles src and bench as a user gets them (tsx would name every function at run time), runs each section in a process of
 * its own, prints the table and writes it to RESULTS.md.
 *
 *     npm run bench [-- SECTION...]
 *
 * Where sections are named, the rows of the others stay as they are.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { execFileSync } from "node:child_process"
import os from "node:os"
import { BenchError, Row } from "./measure.js"
import { node } from "./process.js"
import { sections } from "./sections.js"

const decodeRows = Schema.decodeUnknown(Schema.parseJson(Schema.Array(Row)))
const decodeManifest = Schema.decodeUnknown(Schema.parseJson(Schema.Struct({ version: Schema.String })))

const compilerOptions = ["-p", "tsconfig.json", "--noEmit", "false", "--noCheck", "--rootDir", "."]

/** Types are the business of `npm run check`. */
const compileTo = (folder: string) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    yield* node("node_modules/typescript/bin/tsc", ...compilerOptions, "--outDir", folder)
    yield* files.copyFile("package.json", `${folder}/package.json`)
    yield* files.symlink(`${process.cwd()}/node_modules`, `${folder}/node_modules`)
  })

const packages = [
  "effect",
  "@effect/platform",
  "@effect/experimental",
  "tldts",
  "@keyv/redis",
  "keyv",
  "axios",
  "bentocache",
  "cacheable",
  "cache-manager"
]

const titles = ["section", "what", "median", "min - max", "result", "target", "met"]
const numeric = new Set([2, 3, 4, 5])

const table = (rows: ReadonlyArray<Row>): string => {
  const met = ({ isMet }: Row) => (isMet === null ? "" : isMet ? "yes" : "NO")
  const lines = rows.map((row) => [row.section, row.what, row.median, row.spread, row.result, row.target, met(row)])
  const widths = titles.map((title, i) =>
    Math.max(...[titles, ...lines].map((line) => line[i]?.length ?? 0), title.length)
  )
  const format = (line: ReadonlyArray<string>) =>
    `| ${line.map((cell, i) => (numeric.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(" | ")} |`
  const rule = `| ${widths.map((width, i) => (numeric.has(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`
  return [format(titles), rule, ...lines.map(format)].join("\n")
}

const verdicts: Readonly<Record<string, boolean | null>> = { yes: true, NO: false, "": null }

/** The rows of a written table. */
const written = (markdown: string): ReadonlyArray<Row> =>
  markdown
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2)
    .map((line) => {
      const [section = "", what = "", median = "", spread = "", result = "", target = "", met = ""] = line
        .split("|")
        .slice(1)
        .map((cell) => cell.trim())
      return { section, what, median, spread, result, target, isMet: verdicts[met] ?? null }
    })

const report = (rows: ReadonlyArray<Row>) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const versions = yield* Effect.forEach(packages, (name) =>
      Effect.map(
        Effect.flatMap(files.readFileString(`node_modules/${name}/package.json`), decodeManifest),
        ({ version }) => `${name} ${version}`
      )
    )
    const cpus = os.cpus()
    const date = new Date(yield* Clock.currentTimeMillis).toISOString().slice(0, 10)
    const machine = `${cpus[0]?.model.trim()}, ${cpus.length} cores, ${(os.totalmem() / 1e9).toFixed(0)} GB, ${os.type()}`
    return `# Benchmarks

Made by \`npm run bench\`, last on ${date}.

- Machine: ${machine}
- Node ${process.versions.node}, ${versions.join(", ")}
- ${execFileSync("redis-server", ["--version"], { encoding: "utf8" }).split(" sha=")[0]}
- Load average when it ended: ${os.loadavg()[1]?.toFixed(1)}

${table(rows)}

The contenders of a section take turns in one process, warmed up; ratios and differences are medians over the rounds of what
was measured in the same round. A stampede, a day of credits and a minute of the service have processes of their own, and a Redis for each contender.
In \`service\` the provider limits nobody, since a day goes by in a minute; ours gathers what its callers ask for within
\`batchWait\`. axios sends one call for the domains of a request; bentocache (memory, Redis and bus) looks all of
them up and sends one call for those that are missing. Latency is measured from when a request was due. Trust the ratios, not the
absolutes.
`
  })

const main = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const asked = process.argv.slice(2)
  const unknown = asked.find((name) => !Object.hasOwn(sections, name))
  if (unknown !== undefined) {
    const known = Object.keys(sections).join(", ")
    return yield* new BenchError({ message: `There is no section "${unknown}". There are: ${known}.` })
  }
  const folder = yield* files.makeTempDirectoryScoped({ prefix: "effect-seo-providers-bench-" })
  yield* compileTo(folder)
  const measured = yield* Effect.forEach(asked.length === 0 ? Object.keys(sections) : asked, (name) =>
    Console.log(`${name} ...`).pipe(
      Effect.zipRight(node(`${folder}/bench/sectionChild.js`, name)),
      Effect.flatMap(decodeRows),
      Effect.tap((rows) => Console.log(table(rows)))
    )
  ).pipe(Effect.map((rows) => rows.flat()))
  const path = "bench/RESULTS.md"
  const before = asked.length === 0 ? [] : written(yield* files.readFileString(path))
  const rows = Object.keys(sections).flatMap((name) => {
    const of = (rows: ReadonlyArray<Row>) => rows.filter(({ section }) => section === name)
    return asked.length === 0 || asked.includes(name) ? of(measured) : of(before)
  })
  yield* files.writeFileString(path, yield* report(rows))
  yield* Console.log("\nWritten to bench/RESULTS.md.")
})

NodeRuntime.runMain(Effect.provide(Effect.scoped(main), NodeContext.layer))
