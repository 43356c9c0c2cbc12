/** What whoever imports the package takes in: bytes as a bundler ships them, time as Node loads them, and the tarball. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { build, type Metafile } from "esbuild"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { agree, BenchError, medianOf, pairwise, race, rowsOf, type Section, timesOf } from "./measure.js"
import { node } from "./process.js"

const entry = fileURLToPath(new URL("../src/index.js", import.meta.url))
const rounds = { warmUp: 2, rounds: 15 }
const target = 60

/** The chunks that are loaded with the entry; what is imported later has chunks of its own. */
const loadedWith = ({ outputs }: Metafile): ReadonlySet<string> => {
  const [first] = Object.entries(outputs).flatMap(([path, { entryPoint }]) =>
    entryPoint?.endsWith("index.js") ? [path] : []
  )
  const loaded = new Set<string>()
  const add = (path: string | undefined): void => {
    if (path === undefined || loaded.has(path)) return
    loaded.add(path)
    for (const { external, kind, path: next } of outputs[path]?.imports ?? []) {
      if (kind === "import-statement" && external !== true) add(next)
    }
  }
  add(first)
  return loaded
}

const bundled = (external: ReadonlyArray<string>) =>
  Effect.tryPromise({
    try: async () => {
      const { metafile, outputFiles } = await build({
        entryPoints: [entry],
        absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
        bundle: true,
        minify: true,
        splitting: true,
        format: "esm",
        platform: "node",
        external: ["effect", "@effect/platform", ...external],
        outdir: "bundled",
        metafile: true,
        write: false
      })
      const loaded = loadedWith(metafile)
      const sizes = { minified: 0, zipped: 0, later: 0 }
      for (const { contents, path } of outputFiles) {
        const zipped = gzipSync(contents, { level: 9 }).length
        if (Array.from(loaded).some((one) => path.endsWith(`/${one}`))) {
          sizes.minified += contents.length
          sizes.zipped += zipped
        } else sizes.later += zipped
      }
      const inputs = Array.from(loaded).flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {}))
      return { ...sizes, inputs }
    },
    catch: (error) => new BenchError({ message: `The entry cannot be bundled: ${String(error)}` })
  })

const kilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} kB`

const Packed = Schema.parseJson(
  Schema.Tuple(Schema.Struct({ size: Schema.Number, unpackedSize: Schema.Number, entryCount: Schema.Number }))
)

const npm = (...args: ReadonlyArray<string>) =>
  Effect.try({
    try: () => execFileSync("npm", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
    catch: () => new BenchError({ message: `npm ${args.join(" ")} failed` })
  })

export const imports: Section = Effect.gen(function* () {
  const row = rowsOf("import")
  const whole = yield* bundled([])
  const suffixes = yield* bundled(["tldts"])
  const own = yield* bundled(["tldts", "lru-cache"])
  const strangers = whole.inputs.filter((path) => /src\/(cli|testing|report)\/|@redis|echarts|tabulator/.test(path))
  yield* agree(strangers.length === 0, `The main entry holds ${strangers.join(", ")}.`)

  const loading = (...modules: ReadonlyArray<string>) =>
    node("--input-type=module", "-e", modules.map((name) => `await import(${JSON.stringify(name)})`).join(";")).pipe(
      Effect.provide(NodeContext.layer)
    )
  const needed = ["effect", "@effect/platform"].map((name) => import.meta.resolve(name))
  const times = yield* Effect.mapError(
    race({ peers: loading(...needed), ours: loading(...needed, import.meta.resolve(entry)) }, rounds),
    (error) => (error instanceof BenchError ? error : new BenchError({ message: error.message }))
  )
  const extra = timesOf(pairwise(times.peers, times.ours, (peers, ours) => ours - peers))
  const millis = (value: number) => `${value.toFixed(0)} ms`

  yield* npm("run", "build")
  const [packed] = yield* Effect.mapError(
    Effect.flatMap(npm("pack", "--dry-run", "--json", "--ignore-scripts"), Schema.decodeUnknown(Packed)),
    (error) => (error instanceof BenchError ? error : new BenchError({ message: "npm pack told nothing" }))
  )
  return [
    row("the main entry, minified and zipped, without its peers", {
      median: kilobytes(whole.zipped),
      result: `${kilobytes(whole.minified)} minified`,
      target: `<= ${target} kB`,
      isMet: whole.zipped <= target * 1_000
    }),
    row("the same: the public suffix list (tldts); the LRU cache; the package's own code", {
      median: [whole.zipped - suffixes.zipped, suffixes.zipped - own.zipped, own.zipped].map(kilobytes).join(", ")
    }),
    row("the driver of Redis, which is loaded by whoever uses it", { median: kilobytes(whole.later) }),
    row("import of the main entry, in addition to its peers", {
      median: millis(extra.median),
      spread: `${millis(extra.min)} - ${millis(extra.max)}`,
      result: `peers alone ${millis(medianOf(times.peers))}`
    }),
    row("npm pack: tarball, unpacked, files", {
      median: kilobytes(packed.size),
      result: `${kilobytes(packed.unpackedSize)}, ${packed.entryCount} files`
    })
  ]
})
