/** The worker as one file, so that a process is there at once. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { build } from "esbuild"

export const bundle = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const folder = yield* files.makeTempDirectoryScoped({ prefix: "effect-seo-providers-chaos-" })
  const out = `${folder}/worker.js`
  yield* Effect.promise(() =>
    build({
      entryPoints: ["test/chaos/worker.ts"],
      outfile: out,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      packages: "external",
      logLevel: "warning"
    })
  )
  yield* files.writeFileString(`${folder}/package.json`, '{"type":"module"}')
  yield* files.symlink(`${process.cwd()}/node_modules`, `${folder}/node_modules`)
  return out
})
