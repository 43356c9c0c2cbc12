/** A real PostgreSQL server, started for a test and stopped with its scope. */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chownSync, existsSync, readdirSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "./redis.js"

const home = "/usr/lib/postgresql"

/** Debian keeps them out of the path, by version; elsewhere they are in it. */
export const binary = (name: string): string | undefined => {
  const versions = existsSync(home) ? readdirSync(home).toSorted((a, b) => Number(b) - Number(a)) : []
  return [...versions.map((version) => join(home, version, "bin")), ...(process.env["PATH"] ?? "").split(":")]
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))
}

/** The server refuses to run as root. */
const user = () => {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout)
  return { uid: idOf("-u"), gid: idOf("-g") }
}

/** Where it listens, as user `test`, to whom everything is allowed. */
export const start = Effect.gen(function* () {
  const port = yield* freePort
  const files = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "seo-postgres-"))),
    (files) => Effect.promise(() => rm(files, { recursive: true, force: true }))
  )
  const as = user()
  if (as.uid !== undefined) chownSync(files, as.uid, as.gid)
  const program = (name: string) => binary(name) ?? name
  const { status, stderr } = spawnSync(
    program("initdb"),
    ["-D", files, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    { ...as, encoding: "utf8", cwd: files }
  )
  if (status !== 0) return yield* Effect.dieMessage(`initdb: ${stderr}`)
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        program("postgres"),
        ["-D", files, "-p", String(port), "-k", files, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
        { ...as, stdio: "ignore", cwd: files }
      )
    ),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null) return
        // Fast: it ends the connections and goes.
        child.kill("SIGINT")
        await once(child, "exit")
      })
  )
  const url = Redacted.make(`postgres://test@127.0.0.1:${port}/postgres`)
  const ready = Effect.scoped(
    Effect.flatMap(PgClient.make({ url }), (sql) => sql`SELECT 1`).pipe(Effect.provide(Reactivity.layer))
  )
  yield* Effect.retry(ready, Schedule.spaced("50 millis").pipe(Schedule.intersect(Schedule.recurs(200))))
  return url
})
