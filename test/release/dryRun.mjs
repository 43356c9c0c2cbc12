// A release, as far as it goes without publishing: versions and changelog on a copy, and what npm would then be given.
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "../..")
const copy = mkdtempSync(join(tmpdir(), "effect-seo-providers-release-"))
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: copy, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env })
const read = (path) => readFileSync(join(copy, path), "utf8")
const must = (holds, what) => {
  if (!holds) throw new Error(`release: ${what}`)
}
const who = {
  GIT_AUTHOR_NAME: "dry run",
  GIT_AUTHOR_EMAIL: "dry@run",
  GIT_COMMITTER_NAME: "dry run",
  GIT_COMMITTER_EMAIL: "dry@run"
}
const env = { ...process.env, ...who, GIT_CONFIG_GLOBAL: "/dev/null" }

const changesets = () =>
  readdirSync(join(copy, ".changeset")).filter((name) => name.endsWith(".md") && name !== "README.md")
const numbers = (version) => version.split(".").map(Number)
const isHigher = (one, other) => {
  const [a, b] = [numbers(one), numbers(other)]
  const at = a.findIndex((number, i) => number !== b[i])
  return at !== -1 && a[at] > b[at]
}

try {
  must(existsSync(join(root, "dist/index.js")), "there is no dist: npm run build comes first")
  const parts = [
    "package.json",
    "package-lock.json",
    "CHANGELOG.md",
    "README.md",
    "LICENSE",
    ".changeset",
    "src",
    "dist"
  ]
  for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true })
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  writeFileSync(join(copy, ".gitignore"), "node_modules\n")
  if (changesets().length === 0) {
    writeFileSync(
      join(copy, ".changeset/dry-run.md"),
      '---\n"effect-seo-providers": patch\n---\n\nNothing, for a dry run.\n'
    )
  }
  run("git", "init", "--quiet", "--initial-branch=main")
  run("git", "add", ".")
  run("git", "commit", "--quiet", "--no-verify", "--message=copy")

  const before = { log: read("CHANGELOG.md"), ...JSON.parse(read("package.json")) }
  const summaries = changesets().map((name) => read(`.changeset/${name}`).split("---\n\n")[1].trim().split("\n")[0])
  run(process.execPath, join(root, "test/release/version.mjs"))

  const { publishConfig, version } = JSON.parse(read("package.json"))
  const log = read("CHANGELOG.md")
  must(isHigher(version, before.version), `the version went from ${before.version} to ${version}`)
  must(changesets().length === 0, "changesets are left over")
  must(log.startsWith(`# effect-seo-providers\n\n## ${version}\n`), "the changelog does not begin with the new version")
  for (const summary of summaries) must(log.includes(summary), `the changelog lacks "${summary}"`)
  must(log.endsWith(before.log.slice(before.log.indexOf("\n## "))), "the changelog has lost what it said before")
  must(read("src/internal/version.ts").includes(`"${version}"`), "src/internal/version.ts has another version")
  must(JSON.parse(read("package-lock.json")).packages[""].version === version, "package-lock.json has another version")

  must(publishConfig?.access === "public" && publishConfig.provenance === true, "publishConfig is not that of the page")
  const published = JSON.parse(
    run("npm", "publish", "--dry-run", "--ignore-scripts", "--json", "--offline", "--tag=latest")
  )
  const files = (published.files ?? published["effect-seo-providers"].files).map(({ path }) => path)
  for (const file of ["dist/index.js", "dist/index.d.ts", "README.md", "LICENSE"])
    must(files.includes(file), `npm is not given ${file}`)
  process.stdout.write(
    `${before.version} -> ${version}: ${summaries.length} changes, ${files.length} files; nothing was published\n`
  )
} finally {
  rmSync(copy, { recursive: true, force: true })
}
