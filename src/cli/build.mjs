// Bundles the command, so that whoever embeds the package installs nothing for it.
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "../..")
const outdir = join(root, "dist/cli")
const { optionalDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

rmSync(outdir, { recursive: true, force: true })
/** The report's page is large, and in the package already. */
const page = {
  name: "page",
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/page\.generated\.js$/ }, () => ({ path: "../report/page.generated.js", external: true }))
  }
}

const { metafile } = await build({
  entryPoints: [join(here, "main.ts")],
  absWorkingDir: root,
  outdir,
  bundle: true,
  minify: true,
  // Names in errors and logs stay as they are.
  keepNames: true,
  splitting: true,
  chunkNames: "[hash]",
  format: "esm",
  platform: "node",
  target: "node20.19",
  // Native ones; the last is asked for by a driver that does without.
  external: [...Object.keys(optionalDependencies), "pg-native"],
  plugins: [page],
  banner: {
    // Of what is bundled some is CommonJS.
    js: `import { createRequire as nodeRequire } from "node:module"; const require = nodeRequire(import.meta.url);`
  },
  legalComments: "none",
  logLevel: "warning",
  metafile: true
})

const entry = join(outdir, "main.js")
writeFileSync(entry, `#!/usr/bin/env node\n${readFileSync(entry, "utf8")}`)
chmodSync(entry, 0o755)

const packages = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [])
)
const licences = Array.from(packages)
  .sort()
  .map((path) => {
    const dir = join(root, path)
    const { license, name, version } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"))
    const file = existsSync(dir) && readdirSync(dir).find((one) => /^licen[sc]e/i.test(one))
    return `${name} ${version} (${license})\n\n${file ? readFileSync(join(dir, file), "utf8").trim() : ""}`.trim()
  })
writeFileSync(join(outdir, "LICENSES.txt"), `${licences.join("\n\n---\n\n")}\n`)
