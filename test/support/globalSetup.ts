/** The servers that the tests start are programs of the machine: where one is missing, it is installed. */
import { spawnSync } from "node:child_process"
import { binary } from "./postgres.js"

const has = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0

const install = (packages: ReadonlyArray<string>, ...args: ReadonlyArray<string>): void => {
  const { status } = spawnSync("apt-get", [...args], { stdio: ["ignore", "ignore", "inherit"] })
  const names = packages.join(" and ")
  if (status !== 0) throw new Error(`${names} cannot be installed by apt-get. Install it yourself.`)
}

export const setup = (): void => {
  const missing = [
    ...(has("redis-server") ? [] : ["redis-server"]),
    ...(binary("postgres") === undefined ? ["postgresql"] : [])
  ]
  if (missing.length === 0) return
  install(missing, "update", "-qq")
  install(missing, "install", "-y", "-qq", "--no-install-recommends", ...missing)
}
