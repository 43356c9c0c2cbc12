// Packs the package, installs the tarball into an empty project without running any script, and uses it there: types, ESM,
// require, native packages, the command, closed doors.
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "../..")
const project = mkdtempSync(join(tmpdir(), "effect-seo-providers-smoke-"))
const run = (command, args, cwd = project) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
const versionOf = (name) => JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version
const expect = (holds, what) => {
  if (!holds) throw new Error(`smoke test: ${what}`)
}

try {
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], root))
  const names = packed.files.map(({ path }) => path)
  expect(names.includes("dist/index.d.ts") && names.includes("LICENSE"), "the tarball lacks files")
  expect(names.includes("dist/cli/main.js") && names.includes("dist/cli/LICENSES.txt"), "the tarball lacks the command")
  expect(!names.some((name) => /^(test|bench|examples)\/|^src\/cli\//.test(name)), "the tarball holds too much")

  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
  const peers = ["effect", "@effect/platform"].map((name) => `${name}@${versionOf(name)}`)
  const quick = ["--no-audit", "--no-fund", "--prefer-offline"]
  run("npm", ["install", "--ignore-scripts", ...quick, join(project, packed.filename), ...peers])
  const { scripts, version } = JSON.parse(
    readFileSync(join(project, "node_modules/effect-seo-providers/package.json"), "utf8")
  )
  expect(!["preinstall", "install", "postinstall"].some((name) => name in scripts), "the package has an install script")

  copyFileSync(join(here, "consumer.ts"), join(project, "consumer.ts"))
  const compiler = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: "ES2022",
    module: "NodeNext",
    lib: ["ES2023", "DOM"]
  }
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...compiler, skipLibCheck: true, types: [] }, files: ["consumer.ts"] })
  )
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."])
  const answer = JSON.parse(run(process.execPath, ["consumer.js"]))
  expect(typeof answer.rating === "number" && typeof answer.traffic === "number", "the ESM program gave no rating")

  // Their prebuilt binaries are enough: nobody compiled anything.
  const native = `import { open } from "lmdb"
    import { createClient } from "@libsql/client"
    const db = open({ path: "native.lmdb" })
    await db.put("key", "value")
    const { rows } = await createClient({ url: "file:native.db" }).execute("select 1 as one")
    console.log(db.get("key"), rows[0].one)
    await db.close()`
  expect(run(process.execPath, ["--input-type=module", "-e", native]) === "value 1\n", "a native package does not work")

  writeFileSync(join(project, "list.txt"), "example.com\nexample.org\nexample.net\nnot a site\n")
  const env = { PATH: process.env.PATH, HOME: project }
  const command = join(project, "node_modules/.bin/effect-seo-providers")
  expect(run(command, ["--version"]).trim() === version, "the command has another version")
  const scored = execFileSync(command, ["score", "list.txt", "--json", "--html", "r.html"], {
    cwd: project,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env
  })
  const lines = scored
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(lines.length === 5 && lines[0].data.domainRating.source === "ahrefs", `the command gave ${scored}`)
  expect(lines[4].simulated && lines[4].invalid === 1, `the command's summary is ${JSON.stringify(lines[4])}`)
  expect(readFileSync(join(project, "r.html"), "utf8").startsWith("<!doctype html>"), "the command wrote no report")
  const installed = readdirSync(join(project, "node_modules/@effect"))
  expect(
    installed.every((name) => name === "platform"),
    `embedders would install @effect/${installed}`
  )

  const script = (code) => run(process.execPath, ["--input-type=commonjs", "-e", code])
  const required = script(
    `const all = require("effect-seo-providers"); console.log(Object.keys(all).join(), typeof require("effect-seo-providers/Target").make, typeof require("effect-seo-providers/Report").html)`
  )
  expect(/\bAhrefs\b.*\bSERanking\b.* function function/.test(required), `require() gave ${required}`)
  for (const closed of [
    "internal/http",
    "ahrefs/vendor",
    "seranking/vendor",
    "majestic/vendor",
    "cli/main",
    "report/document",
    "testing/world"
  ]) {
    const code = `try { require("effect-seo-providers/${closed}"); console.log("open") } catch (error) { console.log(error.code) }`
    expect(script(code).includes("ERR_PACKAGE_PATH_NOT_EXPORTED"), `${closed} is not closed`)
  }
} finally {
  rmSync(project, { recursive: true, force: true })
}
