/** The Redis of a run: a server, a cluster, a master with a sentinel, or one that comes late. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Redis from "../support/redis.js"
import type { Trouble } from "./audit.js"
import type { RedisAt } from "./setting.js"

export interface Store {
  readonly at: RedisAt
  /** Those whose keys count in the end. */
  readonly servers: Effect.Effect<ReadonlyArray<Redis.Server>>
  /** The one that is troubled. */
  readonly main: () => Redis.Server
  /** Starts it anew at its place, empty. */
  readonly restart: Effect.Effect<void, never, Scope.Scope>
  /** Records a time in which it does not work, or loses what it knew. It is not left in trouble. */
  readonly trouble: <A, E, R>(isLoss: boolean, work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly troubles: ReadonlyArray<Trouble>
}

export const make = (kind: "server" | "cluster" | "sentinel" | "down at start") =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const troubles: Array<Trouble> = []
    const trouble: Store["trouble"] = (isLoss, work) =>
      Effect.suspend(() => {
        const from = Date.now()
        return Effect.ensuring(
          work,
          Effect.sync(() => troubles.push({ from, to: Date.now(), isLoss }))
        )
      }).pipe(Effect.uninterruptible)
    const common = { trouble, troubles }

    if (kind === "cluster") {
      const servers = yield* Redis.cluster
      const store: Store = {
        ...common,
        at: { cluster: servers.map(({ port }) => ({ host: "127.0.0.1", port })) },
        servers: Effect.succeed(servers),
        main: () => servers[0]!,
        restart: Effect.void
      }
      return store
    }
    if (kind === "sentinel") {
      const { master, replica, sentinel } = yield* Redis.sentinel
      const store: Store = {
        ...common,
        at: { sentinel: [sentinel], name: "facts" },
        servers: Effect.succeed([replica]),
        main: () => master,
        restart: Effect.void
      }
      return store
    }
    const port = yield* Redis.freePort
    let server: Redis.Server | null = null
    const restart = Redis.startAt(port, "--enable-debug-command", "yes").pipe(
      Effect.map((started) => {
        server = started
      }),
      // It lives as long as the run, not as long as what started it.
      Effect.provideService(Scope.Scope, scope)
    )
    if (kind === "server") yield* restart
    const store: Store = {
      ...common,
      at: { url: `redis://127.0.0.1:${port}` },
      servers: Effect.sync(() => (server === null ? [] : [server])),
      main: () => {
        if (server === null) throw new Error("Redis was not started")
        return server
      },
      restart
    }
    return store
  })

/** The keys whose values hold this text. */
export const keysThatHold = (text: string) => (server: Redis.Server) =>
  Redis.ask(server, async (client) => {
    await client.configSet("rdbcompression", "no")
    const found: Array<string> = []
    for (const key of await client.keys("*")) {
      const dump = String(await client.sendCommand(["DUMP", key]))
      if (key.includes(text) || dump.includes(text)) found.push(key)
    }
    return found
  })
