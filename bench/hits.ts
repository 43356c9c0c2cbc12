/** What a hit costs: in Redis one by one and by the hundred, over the raw client and beside the peers; and in this process. */
import { PersistedCache, Persistence } from "@effect/experimental"
import * as PersistenceRedis from "@effect/experimental/Persistence/Redis"
import KeyvRedis, { createClient } from "@keyv/redis"
import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisDriver } from "bentocache/drivers/redis"
import { createCache } from "cache-manager"
import { Cacheable } from "cacheable"
import * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PrimaryKey from "effect/PrimaryKey"
import * as Schema from "effect/Schema"
import * as Context from "effect/Context"
import { Keyv } from "keyv"
import type { FactId } from "../src/CacheStore.js"
import * as ProviderCache from "../src/ProviderCache.js"
import { start } from "../test/support/redis.js"
import { agree, BenchError, medianOf, pairwise, race, type Row, type Section, timesOf } from "./measure.js"

const count = 100
// As long as the keys that the services make; the same for everybody.
const stem = `{a.0123456789abcdef}:ahrefs:vendor:metrics:1:${"p".repeat(22)}`
const names = Array.from({ length: count }, (_, i) => `${stem}:site-${i}.example:domainRating`)
const hour = 3_600_000
const timing = { warmUp: 10, rounds: 41 }

const values = {
  "42 B": (i: number): unknown => ({ domainRating: 50 + (i % 9), ahrefsRank: 123456 + i }),
  "1.5 kB": (i: number): unknown =>
    Object.fromEntries(Array.from({ length: 55 }, (_, column) => [`column_${column}_long`, column * 1_000 + i]))
} as const

type Read = (key: string) => Promise<unknown>
type ReadMany = (keys: ReadonlyArray<string>) => Promise<unknown>

/** In memory or in Redis, one by one or many at once: a peer that cannot ask for many asks for each at the same time. */
interface Contender {
  readonly one: Effect.Effect<unknown, unknown>
  readonly many: Effect.Effect<unknown, unknown>
}

/** All keys, one after the other. */
const inTurn = (read: (key: string) => Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> =>
  Effect.forEach(names, read, { discard: true })

const peer = (read: Read, readMany: ReadMany = (keys) => Promise.all(keys.map(read))): Contender => ({
  one: Effect.promise(async () => {
    for (const name of names) await read(name)
  }),
  many: Effect.promise(() => readMany(names))
})

const ids: ReadonlyArray<FactId> = names.map((key) => ({ key, scope: "a.0123456789abcdef", target: key }))

const ours = (cache: ProviderCache.Service, value: (i: number) => unknown) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    yield* cache.setMany(
      ids.map((id, i) => ({
        ...id,
        life: hour,
        fact: { value: value(i), observedAt: now, freshUntil: now + hour, paid: 2 }
      }))
    )
    return cache
  })

class Ask extends Schema.TaggedRequest<Ask>()("Ask", {
  failure: Schema.Unknown,
  success: Schema.Unknown,
  payload: { name: Schema.String }
}) {
  [PrimaryKey.symbol]() {
    return this.name
  }
}

const persisted = (value: (i: number) => unknown, port: number | null) =>
  Effect.gen(function* () {
    const backing =
      port === null ? Persistence.layerResultMemory : PersistenceRedis.layerResult({ host: "127.0.0.1", port })
    const cache = yield* PersistedCache.make({
      storeId: "persisted",
      lookup: ({ name }: Ask) => Effect.succeed(value(names.indexOf(name))),
      timeToLive: () => hour,
      inMemoryCapacity: port === null ? 1_000 : 1,
      inMemoryTTL: hour
    }).pipe(Effect.provide(yield* Layer.build(backing)))
    const asks = new Map(names.map((name) => [name, new Ask({ name })]))
    const get = (name: string) => cache.get(asks.get(name)!)
    const all = (concurrency: 1 | "unbounded") => Effect.forEach(names, get, { discard: true, concurrency })
    yield* all("unbounded")
    return { get, one: all(1), many: all("unbounded") }
  })

interface Peers {
  readonly keyv: Keyv
  readonly bento: {
    readonly set: (entry: { readonly key: string; readonly value: unknown; readonly ttl: number }) => Promise<unknown>
  }
  readonly cacheable: Cacheable
  readonly manager: ReturnType<typeof createCache>
}

const filled = ({ bento, cacheable, keyv, manager }: Peers, value: (i: number) => unknown) =>
  Effect.promise(async () => {
    for (const [i, name] of names.entries()) {
      await keyv.set(name, value(i), hour)
      await bento.set({ key: name, value: value(i), ttl: hour })
      await cacheable.set(name, value(i), hour)
      await manager.set(name, value(i), hour)
    }
  })

const ratioOf = (ours: ReadonlyArray<number>, other: ReadonlyArray<number>) =>
  medianOf(pairwise(ours, other, (a, b) => a / b))

const micros = (millis: ReadonlyArray<number>, hits: number) => {
  const { max, median, min } = timesOf(millis.map((time) => (time / hits) * 1_000))
  return { median: `${median.toFixed(1)} us`, spread: `${min.toFixed(1)} - ${max.toFixed(1)} us` }
}

interface Target {
  readonly text: string
  readonly isMet: (ratio: number) => boolean
}

const overRedis = (
  size: keyof typeof values,
  targets: { readonly one: Target; readonly many: Target }
): Effect.Effect<ReadonlyArray<Row>, unknown> =>
  Effect.gen(function* () {
    const value = values[size]
    const server = yield* start()
    const raw = yield* Effect.acquireRelease(
      Effect.promise(() => createClient({ url: server.url }).connect()),
      (client) => Effect.sync(() => client.destroy())
    )
    yield* Effect.promise(() => Promise.all(names.map((name, i) => raw.set(`raw:${name}`, JSON.stringify(value(i))))))
    const parsed = (text: string | null): unknown => JSON.parse(text ?? "null")

    const layer = ProviderCache.layerRedis({ url: server.url, deadline: 1_000 })
    const cache = yield* ours(Context.get(yield* Layer.build(layer), ProviderCache.ProviderCache), value)

    const keyv = new Keyv({ store: new KeyvRedis(server.url, { namespace: "keyv" }) })
    const bento = new BentoCache({
      default: "redis",
      stores: {
        redis: bentostore().useL2Layer(redisDriver({ connection: { host: "127.0.0.1", port: server.port } }))
      }
    })
    const cacheable = new Cacheable({ primary: new Keyv({ store: new KeyvRedis(server.url), namespace: "cacheable" }) })
    const manager = createCache({
      stores: [new Keyv({ store: new KeyvRedis(server.url), namespace: "cache-manager" })]
    })
    yield* filled({ keyv, bento, cacheable, manager }, value)

    const contenders: Readonly<Record<string, Contender>> = {
      raw: peer(
        async (name) => parsed(await raw.get(`raw:${name}`)),
        async (names) => (await raw.mGet(names.map((name) => `raw:${name}`))).map(parsed)
      ),
      "effect-seo-providers": {
        one: Effect.forEach(ids, (id) => cache.readMany([id]), { discard: true }),
        many: cache.readMany(ids)
      },
      keyv: peer(
        (name) => keyv.get(name),
        (names) => keyv.getMany(names as Array<string>)
      ),
      bentocache: peer((key) => bento.get({ key })),
      cacheable: peer(
        (name) => cacheable.get(name),
        (names) => cacheable.getMany(names as Array<string>)
      ),
      "cache-manager": peer(
        (name) => manager.get(name),
        (names) => manager.mget(names as Array<string>)
      ),
      PersistedCache: yield* persisted(value, server.port)
    }
    const expected = JSON.stringify(names.map((_, i) => value(i)))
    const facts = yield* cache.readMany(ids)
    yield* agree(JSON.stringify(facts.map((fact) => fact?.value)) === expected, "another value of ours.")
    for (const [name, read] of Object.entries({
      keyv: keyv.getMany(names as Array<string>),
      bentocache: Promise.all(names.map((key) => bento.get({ key }))),
      cacheable: cacheable.getMany(names as Array<string>),
      "cache-manager": manager.mget(names as Array<string>)
    })) {
      yield* agree(JSON.stringify(yield* Effect.promise(() => read)) === expected, `another value of ${name}.`)
    }

    const rows: Array<Row> = []
    for (const form of ["one", "many"] as const) {
      const repeats = form === "one" ? 1 : 10
      const works = Object.fromEntries(
        Object.entries(contenders).map(([name, contender]) => [name, Effect.repeatN(contender[form], repeats - 1)])
      )
      const times = yield* race(works, timing)
      for (const [name, taken] of Object.entries(times)) {
        const slower = ratioOf(taken, times["raw"] ?? [])
        const isOurs = name === "effect-seo-providers"
        const ratio = form === "one" ? slower : 1 / slower
        rows.push({
          section: "hits",
          what: `${name}: ${form === "one" ? "a hit in Redis" : `a hit in a batch of ${count}`}, ${size}`,
          ...micros(taken, count * repeats),
          result:
            name === "raw" ? "" : form === "one" ? `${ratio.toFixed(2)} x its time` : `${ratio.toFixed(2)} x its rate`,
          target: isOurs ? targets[form].text : "",
          isMet: isOurs ? targets[form].isMet(ratio) : null
        })
      }
    }
    yield* Effect.promise(() =>
      Promise.all([keyv.disconnect(), bento.disconnectAll(), cacheable.disconnect(), manager.disconnect()])
    )
    return rows
  }).pipe(Effect.scoped)

const inProcess: Effect.Effect<ReadonlyArray<Row>, unknown> = Effect.gen(function* () {
  const value = values["42 B"]
  const memory = yield* Layer.build(ProviderCache.layerMemory())
  const cache = yield* ours(Context.get(memory, ProviderCache.ProviderCache), value)
  const effectCache = yield* Cache.make({
    capacity: 1_000,
    timeToLive: hour,
    lookup: (name: string) => Effect.succeed(value(names.indexOf(name)))
  })
  const keyv = new Keyv()
  const bento = new BentoCache({
    default: "memory",
    stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 1_000 })) }
  })
  const cacheable = new Cacheable()
  const manager = createCache()
  yield* filled({ keyv, bento, cacheable, manager }, value)
  yield* inTurn((name) => effectCache.get(name))
  const single = ids.map((id) => [id])
  const { one } = yield* persisted(value, null)
  const works = {
    "effect-seo-providers": Effect.forEach(single, (id) => cache.getMany(id), { discard: true }),
    "Effect's Cache": inTurn((name) => effectCache.get(name)),
    keyv: peer((name) => keyv.get(name)).one,
    bentocache: peer((key) => bento.get({ key })).one,
    cacheable: peer((name) => cacheable.get(name)).one,
    "cache-manager": peer((name) => manager.get(name)).one,
    PersistedCache: one
  }
  const repeats = 10
  const times: Readonly<Record<string, ReadonlyArray<number>>> = yield* race(
    Object.fromEntries(Object.entries(works).map(([name, work]) => [name, Effect.repeatN(work, repeats - 1)])),
    { warmUp: 20, rounds: 101 }
  )
  const mine = times["effect-seo-providers"] ?? []
  const ratios = Object.entries(times)
    .filter(([name]) => name !== "effect-seo-providers")
    .map(([, taken]) => ratioOf(mine, taken))
  return Object.entries(times).map(([name, taken]): Row => {
    const isOurs = name === "effect-seo-providers"
    return {
      section: "hits",
      what: `${name}: a hit in this process`,
      ...micros(taken, count * repeats),
      result: isOurs ? `${Math.max(...ratios).toFixed(2)} x the fastest other's` : "",
      target: isOurs ? "<= 1" : "",
      isMet: isOurs ? Math.max(...ratios) <= 1 : null
    }
  })
}).pipe(Effect.scoped)

const single: Target = { text: "<= 1.35 x raw", isMet: (ratio) => ratio <= 1.35 }
const atLeast = (least: number): Target => ({ text: `>= ${least} x raw`, isMet: (ratio) => ratio >= least })

export const hits: Section = Effect.gen(function* () {
  return [
    ...(yield* overRedis("42 B", { one: single, many: atLeast(0.6) })),
    ...(yield* overRedis("1.5 kB", { one: single, many: atLeast(0.85) })),
    ...(yield* inProcess)
  ]
}).pipe(Effect.catchAllCause((cause) => new BenchError({ message: cause.toString() })))
