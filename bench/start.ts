/** What a newcomer waits: from `git clone` to the first scored table, with nothing in npm's cache. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { agree, BenchError, rowsOf, type Section } from "./measure.js"

const command = "npm ci && npm run score -- examples/prospects.txt"

const run = (program: string, args: ReadonlyArray<string>, cwd: string, env: NodeJS.ProcessEnv = process.env) =>
  Effect.try({
    try: () => execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
    catch: () => new BenchError({ message: `${program} ${args.join(" ")} failed` })
  })

/** Compiled benches run elsewhere: the checkout is where the bench was called. */
const checkout = process.cwd()

export const start: Section = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const folder = yield* files.makeTempDirectoryScoped({ prefix: "effect-seo-providers-start-" })
  const env = { ...process.env, npm_config_cache: `${folder}/npm`, SEO_CACHE_DIR: `${folder}/facts` }
  const begun = performance.now()
  yield* run("git", ["clone", "--quiet", checkout, `${folder}/clone`], folder)
  const cloned = performance.now()
  const printed = yield* run("bash", ["-c", command], `${folder}/clone`, env)
  const ended = performance.now()
  yield* agree(/\n1,000 prospects: /.test(printed), "The table is not there.")
  const seconds = (millis: number) => `${(millis / 1_000).toFixed(0)} s`
  return [
    rowsOf("start")(`git clone, then ${command}, nothing in npm's cache`, {
      median: seconds(ended - begun),
      result: `${seconds(cloned - begun)} of it the clone`
    })
  ]
}).pipe(
  Effect.scoped,
  Effect.provide(NodeContext.layer),
  Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: error.message })))
)
