/** The servers and the browser that the tests start are programs of the machine: where one is missing, it is installed. */
import { spawnSync } from "node:child_process"
import { chromium } from "./chromium.js"
import { binary } from "./postgres.js"

const has = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0

const install = (packages: ReadonlyArray<string>, ...args: ReadonlyArray<string>): void => {
  const { status } = spawnSync("apt-get", [...args], { stdio: ["ignore", "ignore", "inherit"] })
  const names = packages.join(" and ")
  if (status !== 0) throw new Error(`${names} cannot be installed by apt-get. Install it yourself.`)
}

/** The report's page as it is now. */
const build = (): void => {
  const { status } = spawnSync(process.execPath, ["src/report/build.mjs"], { stdio: ["ignore", "ignore", "inherit"] })
  if (status !== 0) throw new Error("The page of the report cannot be built.")
}

export const setup = (): void => {
  build()
  const missing = [
    ...(has("redis-server") ? [] : ["redis-server"]),
    ...(binary("postgres") === undefined ? ["postgresql"] : []),
    ...(chromium() === undefined ? ["chromium"] : [])
  ]
  if (missing.length === 0) return
  install(missing, "update", "-qq")
  install(missing, "install", "-y", "-qq", "--no-install-recommends", ...missing)
}
