/** Real redis-servers, started for a test and stopped with its scope. */
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClient, type RedisClientType } from "@keyv/redis"

export interface Server {
  readonly port: number
  readonly url: string
  readonly process: ChildProcess
}

export const freePort = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
})

const quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--loglevel", "warning"]

const launched = (port: number, args: ReadonlyArray<string>, ...settings: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      // A replica writes what it is sent to a file first.
      const child = spawn(
        "redis-server",
        [...settings, ...quiet, "--dbfilename", `seo-${port}.rdb`, "--port", String(port), ...args],
        { stdio: "ignore", cwd: tmpdir() }
      )
      const failed = new Promise<never>((_, fail) => child.once("error", fail))
      for (;;) {
        const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: false } })
        client.on("error", () => undefined)
        try {
          await Promise.race([client.connect(), failed])
          await client.ping()
          await client.close()
          return child
        } catch (error) {
          if (child.exitCode !== null || child.pid === undefined) throw error
          await new Promise((resume) => setTimeout(resume, 20))
        }
      }
    }),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill("SIGCONT")
        child.kill("SIGKILL")
        await once(child, "exit")
        await rm(join(tmpdir(), `seo-${port}.rdb`), { force: true })
      })
  )

export const startAt = (port: number, ...args: ReadonlyArray<string>) =>
  Effect.map(launched(port, args), (process): Server => ({ port, process, url: `redis://127.0.0.1:${port}` }))

export const start = (...args: ReadonlyArray<string>) => Effect.flatMap(freePort, (port) => startAt(port, ...args))

/** Whatever goes over the wire to look at it. */
export const ask = <A>(server: Server, question: (client: RedisClientType) => Promise<A>) =>
  Effect.acquireUseRelease(
    Effect.promise(async () => {
      const client = createClient({ url: server.url }) as RedisClientType
      client.on("error", () => undefined)
      await client.connect()
      return client
    }),
    (client) => Effect.promise(() => question(client)),
    (client) => Effect.promise(() => client.close())
  )

/** All keys, and how many milliseconds they have left. */
export const keysWithLife = (server: Server) =>
  ask(server, async (client) => {
    const keys = await client.keys("*")
    return Promise.all(keys.map(async (key) => [key, await client.pTTL(key)] as const))
  })

/** Three masters that share the slots. */
export const cluster = Effect.gen(function* () {
  const servers = yield* Effect.forEach([0, 1, 2], (i) =>
    start("--cluster-enabled", "yes", "--cluster-config-file", `/tmp/seo-nodes-${process.pid}-${i}-${Date.now()}.conf`)
  )
  const bounds = [0, 5461, 10923, 16384]
  yield* Effect.forEach(servers, (server, i) =>
    ask(server, async (client) => {
      await client.sendCommand(["CLUSTER", "ADDSLOTSRANGE", String(bounds[i]), String(bounds[i + 1]! - 1)])
      for (const other of servers) await client.sendCommand(["CLUSTER", "MEET", "127.0.0.1", String(other.port)])
    })
  )
  yield* Effect.forEach(servers, (server) =>
    ask(server, async (client) => {
      while (!String(await client.sendCommand(["CLUSTER", "INFO"])).includes("cluster_state:ok")) {
        await new Promise((resume) => setTimeout(resume, 50))
      }
    })
  )
  return servers
})

/** A master, a replica of it, and a sentinel that makes the replica the master when the master is gone. */
export const sentinel = Effect.gen(function* () {
  const master = yield* start()
  const replica = yield* start("--replicaof", "127.0.0.1", String(master.port))
  yield* ask(replica, async (client) => {
    while (!String(await client.info("replication")).includes("master_link_status:up")) {
      await new Promise((resume) => setTimeout(resume, 50))
    }
  })
  const files = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "seo-sentinel-")))
  yield* Effect.addFinalizer(() => Effect.promise(() => rm(files, { recursive: true, force: true })))
  // A sentinel keeps what it learns in its own settings.
  const settings = join(files, "sentinel.conf")
  yield* Effect.promise(() =>
    writeFile(
      settings,
      [
        `sentinel monitor facts 127.0.0.1 ${master.port} 1`,
        "sentinel down-after-milliseconds facts 300",
        "sentinel failover-timeout facts 2000",
        ""
      ].join("\n")
    )
  )
  const port = yield* freePort
  yield* launched(port, ["--sentinel"], settings)
  return { master, replica, sentinel: { host: "127.0.0.1", port } }
})
