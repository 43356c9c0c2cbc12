/** The servers that the tests start are programs of the machine: where one is missing, it is installed. */
import { spawnSync } from "node:child_process"

const has = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0

const install = (...args: ReadonlyArray<string>): void => {
  const { status } = spawnSync("apt-get", [...args], { stdio: ["ignore", "ignore", "inherit"] })
  if (status !== 0)
    throw new Error("redis-server is not installed, and apt-get cannot install it. Install it yourself.")
}

export const setup = (): void => {
  if (has("redis-server")) return
  install("update", "-qq")
  install("install", "-y", "-qq", "--no-install-recommends", "redis-server")
}
