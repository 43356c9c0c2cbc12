// Raises the version as the changesets say, also in the lock file and where the package tells it to providers.
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = process.cwd()
const run = (command, ...args) =>
  execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
const changed = (path, change) => {
  const file = join(root, path)
  writeFileSync(file, change(readFileSync(file, "utf8")))
}

run(process.execPath, join(root, "node_modules/@changesets/cli/bin.js"), "version")
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
changed("src/internal/version.ts", (text) => text.replace(/(?<=version = )".*"/, `"${version}"`))
changed("package-lock.json", (text) => {
  const lock = JSON.parse(text)
  lock.version = version
  lock.packages[""].version = version
  return `${JSON.stringify(lock, null, 2)}\n`
})
