/** The one place that touches node-redis: connections that never hang their callers, and come back by themselves. */
import type * as KeyvRedis from "@keyv/redis"
import * as ConfigError from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { constVoid } from "effect/Function"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import type { TextStore } from "../CacheStore.js"
import * as Guard from "./guard.js"

export interface Node {
  readonly host: string
  readonly port: number
}

export type Server =
  | { readonly url: string | Redacted.Redacted }
  | { readonly cluster: ReadonlyArray<Node>; readonly password?: Redacted.Redacted | undefined }
  | {
      readonly sentinel: ReadonlyArray<Node>
      readonly name: string
      readonly password?: Redacted.Redacted | undefined
    }

export interface Redis extends Guard.Guard {
  /** For what is not to be decided without an answer: waits longer, and has a breaker of its own. */
  readonly patient: Guard.Guard["awaited"]
  readonly texts: TextStore
  readonly evaluate: (script: string, keys: ReadonlyArray<string>, args: ReadonlyArray<string>) => Promise<unknown>
  readonly listen: (channel: string, heard: (message: string) => void) => Effect.Effect<void, never, Scope.Scope>
}

const isNamespace = /^[A-Za-z0-9_-]{1,64}$/

export const checkedNamespace = (namespace: string): Effect.Effect<string, ConfigError.ConfigError> =>
  isNamespace.test(namespace)
    ? Effect.succeed(namespace)
    : Effect.fail(ConfigError.InvalidData(["namespace"], "must be 1 to 64 letters, digits, _ or -"))

// Never `false`: a client would then not come back.
const reconnectStrategy = (retries: number): number =>
  // A server that has only hung up is there.
  retries === 0 ? 0 : Math.min(50 * 2 ** Math.min(retries, 6), 2_000)

// A socket that is silent for 3 s is dead: the ping keeps a live one from being silent.
const socket = { connectTimeout: 500, socketTimeout: 3_000, reconnectStrategy }
const client = { disableOfflineQueue: true, pingInterval: 1_000, commandsQueueMaxLength: 100_000 }

type Driver = typeof KeyvRedis

/** It is half of the package's weight: whoever has no Redis does not load it. */
const driver: Effect.Effect<Driver> = Effect.promise(() => import("@keyv/redis"))

const open = ({ createClient, createCluster, createSentinel }: Driver, server: Server) => {
  if ("url" in server) {
    const url = Redacted.isRedacted(server.url) ? Redacted.value(server.url) : server.url
    // node-redis takes an empty one for localhost.
    if (!/^rediss?:\/\/[^/]/.test(url) || !URL.canParse(url)) throw new Error("not a Redis URL")
    return createClient({ url, socket, ...client })
  }
  const password = server.password && { password: Redacted.value(server.password) }
  return "cluster" in server
    ? createCluster({
        rootNodes: server.cluster.map((node) => ({ socket: node })),
        defaults: { ...client, ...password, socket }
      })
    : createSentinel({
        name: server.name,
        sentinelRootNodes: server.sentinel.map(({ host, port }) => ({ host, port })),
        nodeClientOptions: { ...client, ...password, socket },
        sentinelClientOptions: { socket }
      })
}

type Client = ReturnType<typeof open>

interface Connection {
  readonly client: Client
  readonly isReady: () => boolean
}

const graceMillis = 1_000

/** A late answer of the cache costs units, one of the limiter or the ledger would stop calls. */
const patience = 10
const longestPatience = 2_000

const digests = new Map<string, string>()

/** What the server knows a script by: the scripts are few, and long. */
const digestOf = (script: string): string => {
  const known = digests.get(script)
  if (known !== undefined) return known
  const digest = createHash("sha1").update(script).digest("hex")
  digests.set(script, digest)
  return digest
}

/** Comes up in the background, however long that takes: whoever asks before is told that it is down. */
const connected = (
  loaded: Driver,
  server: Server,
  whenUp: (client: Client) => Promise<unknown> = async () => {}
): Effect.Effect<Connection, ConfigError.ConfigError, Scope.Scope> =>
  Effect.gen(function* () {
    const one = yield* Effect.try({
      try: () => open(loaded, server),
      catch: () => ConfigError.InvalidData(["redis"], "is no address of a Redis server")
    })
    // Errors come with the answers; an event nobody listens to would end the process.
    one.on("error", constVoid)
    one.setMaxListeners(0)
    // A cluster and a sentinel call themselves open before they know where to send.
    let hasConnected = false
    const up = yield* Effect.tryPromise(() =>
      (one.isOpen ? Promise.resolve() : one.connect()).then(() => whenUp(one))
    ).pipe(
      Effect.retry(Schedule.spaced("500 millis")),
      Effect.map(() => {
        hasConnected = true
      }),
      Effect.forkScoped
    )
    yield* Effect.addFinalizer(() => Effect.sync(() => void one.destroy()))
    // A server that is there is waited for: asked too early, it would be taken for one that is down, and facts be paid twice.
    yield* Effect.raceFirst(
      Fiber.await(up),
      Effect.async<void>((resume) => {
        const timer = setTimeout(() => resume(Effect.void), graceMillis)
        return Effect.sync(() => clearTimeout(timer))
      })
    )
    return { client: one, isReady: () => ("isReady" in one ? one.isReady : hasConnected) }
  })

const glance = 5

/**
 * A process that stood still has lost its connection, and has it again in a moment: a server asked before that would be taken for
 * one that is down, and facts be paid twice. So often is looked, not for so long: a busy process looks later.
 */
const whenBack = ({ isReady }: Connection, millis: number): (() => Promise<void>) => {
  let waiting: Promise<void> | null = null
  const look = async (): Promise<void> => {
    for (let looks = millis / glance; !isReady(); looks--) {
      if (looks <= 0) throw new Error("not connected")
      await sleep(glance)
    }
  }
  return () =>
    (waiting ??= look().finally(() => {
      waiting = null
    }))
}

/** How a connection is opened. */
export type Options = Server & {
  readonly namespace?: string | undefined
  readonly deadline?: Duration.DurationInput | undefined
}

export const defaultNamespace = "seo"

/** A connection as its options say. */
export const connect = (options: Options): Effect.Effect<Redis, ConfigError.ConfigError, Scope.Scope> => {
  const deadlineMillis = Math.round(Duration.toMillis(options.deadline ?? 50))
  return deadlineMillis >= 1 && deadlineMillis <= 60_000
    ? make(options, { namespace: options.namespace ?? defaultNamespace, deadlineMillis })
    : Effect.fail(ConfigError.InvalidData(["deadline"], "must be 1 ms to a minute"))
}

export const make = (
  server: Server,
  options: { readonly namespace: string; readonly deadlineMillis: number }
): Effect.Effect<Redis, ConfigError.ConfigError, Scope.Scope> =>
  Effect.gen(function* () {
    const namespace = yield* checkedNamespace(options.namespace)
    const guard = Guard.make(options.deadlineMillis)
    // What waits so long is not to wait again for a server that is down.
    const patient = Guard.make(
      Math.max(options.deadlineMillis, Math.min(longestPatience, patience * options.deadlineMillis)),
      {
        store: "ledger",
        threshold: 1
      }
    )
    // Scripts have a connection of their own: behind a large value on the same one they would wait for all of it.
    const loaded = yield* driver
    const [values, scripts] = yield* Effect.all([connected(loaded, server), connected(loaded, server)], {
      concurrency: "unbounded"
    })
    const whenReady = (connection: Connection, { awaited }: Guard.Guard): Guard.Guard["awaited"] => {
      const back = whenBack(connection, options.deadlineMillis)
      return (ask) => awaited(() => (connection.isReady() ? ask() : back().then(ask)))
    }
    // Without a Keyv around it: at small values that alone costs as much as Redis.
    // Safe: it takes a client, a cluster or a sentinel; its types ask for the modules of its own default client.
    const texts = new loaded.default(values.client as never, { namespace, throwOnErrors: true })
    texts.on("error", constVoid)
    const entries: TextStore["entries"] = () => texts.iterator(namespace)
    // The adapter finds each value again by its key, in case it had to ask a cluster's slots apart: a twentieth of a batch.
    const getMany: TextStore["getMany"] = (keys) =>
      values.client.mGet(keys.map((key) => texts.createKeyPrefix(key, namespace)))
    return {
      isUp: guard.isUp,
      awaited: whenReady(values, guard),
      patient: whenReady(scripts, patient),
      texts: Object.assign(texts, { entries }, "cluster" in server ? {} : { getMany }),
      evaluate: async (script, keys, args) => {
        if (!scripts.isReady()) throw new Error("not connected")
        const given = { keys: keys as Array<string>, arguments: args as Array<string> }
        try {
          return await scripts.client.evalSha(digestOf(script), given)
        } catch (error) {
          // A server that was started anew knows it no more.
          if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error
          return await scripts.client.eval(script, given)
        }
      },
      listen: (channel, heard) =>
        Effect.ignoreLogged(connected(loaded, server, (one) => one.subscribe(channel, heard))).pipe(Effect.asVoid)
    }
  })
