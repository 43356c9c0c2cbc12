/** Facts and claims over real Redis servers. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { vi } from "vitest"
import * as Ahrefs from "../src/Ahrefs.js"
import { ProviderCache } from "../src/ProviderCache.js"
import * as Cache from "../src/ProviderCache.js"
import * as Provenance from "../src/Provenance.js"
import * as SharedState from "../src/SharedState.js"
import { AhrefsSimulator } from "../src/testing/index.js"
import { ask, cluster, sentinel, start, startAt } from "./support/redis.js"

vi.setConfig({ testTimeout: 30_000 })

const domains = Array.from({ length: 150 }, (_, i) => `site-${i}.com`)

interface Choices extends Partial<Ahrefs.Options> {
  readonly key?: string
}

/** One process: a service, a connection and a memory of its own. */
const process_ = (
  simulator: Effect.Effect.Success<ReturnType<typeof AhrefsSimulator.make>>,
  options: SharedState.RedisOptions,
  { key = "key", ...ours }: Choices = {}
) =>
  Effect.gen(function* () {
    const state = yield* Layer.build(SharedState.layerRedis(options))
    const cache = yield* Effect.provide(ProviderCache, state)
    const ahrefs = yield* Ahrefs.make({ apiKey: Redacted.make(key), ...ours }).pipe(
      Effect.provide(state),
      Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
    )
    return { ahrefs, cache }
  })

// What is wrong with the server is said on purpose.
const quietly = Logger.replace(Logger.defaultLogger, Logger.none)

const up = ({ isUp }: ProviderCache["Type"], mark: Effect.Effect<unknown, unknown>) =>
  Effect.zipRight(Effect.retry(mark, Schedule.spaced("20 millis").pipe(Schedule.intersect(Schedule.recurs(200)))), isUp)

const known = ({ cache }: { readonly cache: ProviderCache["Type"] }) =>
  up(cache, cache.readMany([{ key: "k", scope: "s", target: "x" }]))

const simulated = (options: AhrefsSimulator.Options = {}) => AhrefsSimulator.make({ rateLimit: false, ...options })

describe("over one Redis", () => {
  it.scopedLive("what one process bought answers the other, for nothing", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated()
      const one = yield* process_(simulator, server)
      const two = yield* process_(simulator, server)
      assert.isTrue(yield* up(one.cache, one.cache.getMany([{ key: "k", scope: "s", target: "x" }])))
      assert.isTrue(yield* up(two.cache, two.cache.getMany([{ key: "k", scope: "s", target: "x" }])))
      const bought = yield* one.ahrefs.getDomainRatings(domains)
      const billed = yield* simulator.unitsBilled
      assert.strictEqual(billed, 200 + 100)
      const [known, facts] = yield* Provenance.collect(two.ahrefs.getDomainRatings(domains))
      assert.deepStrictEqual(known, bought)
      assert.strictEqual(yield* simulator.unitsBilled, billed)
      assert.isTrue(facts.every(({ cache }) => cache === "fresh"))
      const keys = yield* ask(server, async (client) => {
        const names = await client.keys("*")
        return Promise.all(names.map(async (name) => [name, await client.pTTL(name)] as const))
      })
      assert.isAtLeast(keys.length, 150)
      for (const [name, life] of keys) assert.isAbove(life, 0, name)
    })
  )

  it.scopedLive("two processes that ask at once pay once", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated({ latency: "200 millis" })
      const all = yield* Effect.all([
        process_(simulator, server),
        process_(simulator, server),
        process_(simulator, server)
      ])
      for (const { cache } of all) yield* up(cache, cache.getMany([{ key: "k", scope: "s", target: "x" }]))
      const asked = domains.slice(0, 20)
      const answers = yield* Effect.forEach(
        all,
        ({ ahrefs }) => Effect.forEach(asked, (domain) => ahrefs.getDomainRating(domain), { concurrency: "unbounded" }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers[1], answers[0])
      assert.deepStrictEqual(answers[2], answers[0])
      const requests = yield* simulator.requests
      const targets = requests.flatMap(({ body }) => (body as { targets: ReadonlyArray<{ url: string }> }).targets)
      assert.strictEqual(targets.length, 20)
    })
  )

  it.scopedLive("an account sees its own facts alone, unless it names a scope", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated()
      const ask = Effect.fnUntraced(function* (choices: Choices) {
        const { ahrefs, cache } = yield* process_(simulator, server, choices)
        yield* up(cache, cache.getMany([{ key: "k", scope: "s", target: "x" }]))
        yield* ahrefs.getDomainRating("example.com")
        return yield* simulator.unitsBilled
      })
      assert.strictEqual(yield* ask({ key: "a" }), 50)
      assert.strictEqual(yield* ask({ key: "b" }), 100)
      assert.strictEqual(yield* ask({ key: "a" }), 100)
      assert.strictEqual(yield* ask({ key: "a", cacheScope: "team" }), 150)
      assert.strictEqual(yield* ask({ key: "b", cacheScope: "team" }), 150)
      assert.strictEqual(yield* ask({ key: "b", cacheScope: "others" }), 200)
    })
  )

  it.scopedLive("an invalidated target is bought again by every process", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated()
      const options = { ...server, firstLevel: { life: 0 } }
      const one = yield* process_(simulator, options)
      const two = yield* process_(simulator, options)
      for (const { cache } of [one, two]) yield* up(cache, cache.getMany([{ key: "k", scope: "s", target: "x" }]))
      yield* one.ahrefs.getDomainRatings(["a.com", "b.com"])
      yield* Effect.sleep("2 millis")
      yield* one.cache.invalidateTarget("a.com")
      yield* Effect.sleep("2 millis")
      const [, facts] = yield* Provenance.collect(two.ahrefs.getDomainRatings(["a.com", "b.com"]))
      assert.deepStrictEqual(
        facts.map(({ cache, subject }) => [subject, cache]),
        [
          ["a.com", "bought"],
          ["b.com", "fresh"]
        ]
      )
      yield* Effect.sleep("2 millis")
      yield* one.cache.invalidateAccount({ provider: "ahrefs", apiKey: Redacted.make("key") })
      const [, again] = yield* Provenance.collect(two.ahrefs.getDomainRatings(["b.com"]))
      assert.strictEqual(again[0]?.cache, "bought")
      yield* Effect.sleep("2 millis")
      yield* one.cache.invalidateAll
      const [, last] = yield* Provenance.collect(two.ahrefs.getDomainRatings(["b.com"]))
      assert.strictEqual(last[0]?.cache, "bought")
    })
  )

  it.scopedLive("corrupt, foreign and moved values are misses", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated()
      const options = { ...server, firstLevel: { life: 0 } }
      const { ahrefs, cache } = yield* process_(simulator, options)
      yield* up(cache, cache.getMany([{ key: "k", scope: "s", target: "x" }]))
      const { domainRating } = yield* ahrefs.getDomainRating("a.com")
      yield* ahrefs.getDomainRating("b.com")
      const [a, b] = yield* ask(server, async (client) => {
        const names = await client.keys("seo::*.com:*")
        return [names.find((name) => name.includes("a.com"))!, names.find((name) => name.includes("b.com"))!] as const
      })
      const values = [
        "{",
        "",
        "5",
        "null",
        '{"value":"forged"}',
        "[1]",
        // Another's, and one of an older form.
        yield* ask(server, async (client) => (await client.get(b))!),
        (yield* ask(server, async (client) => (await client.get(a))!)).replace(/^\[1,/, "[0,")
      ]
      for (const value of values) {
        yield* ask(server, (client) => client.set(a, value))
        const before = yield* simulator.unitsBilled
        assert.strictEqual((yield* ahrefs.getDomainRating("a.com")).domainRating, domainRating, value)
        assert.strictEqual(yield* simulator.unitsBilled, before + 50, value)
      }
      yield* ask(server, async (client) => {
        await client.del(a)
        await client.lPush(a, "x")
      })
      assert.strictEqual((yield* ahrefs.getDomainRating("a.com")).domainRating, domainRating)
    })
  )
})

describe("a Redis that is not there", () => {
  it.scopedLive("down at the start: answers are paid for, and kept when it comes up", () =>
    Effect.gen(function* () {
      const first = yield* Effect.scoped(start())
      const simulator = yield* simulated()
      const { ahrefs, cache } = yield* process_(simulator, first)
      assert.isNumber((yield* ahrefs.getDomainRating("a.com")).domainRating)
      // The first level has it all the same.
      yield* ahrefs.getDomainRating("a.com")
      assert.strictEqual(yield* simulator.unitsBilled, 50)
      yield* startAt(first.port)
      assert.isTrue(yield* up(cache, cache.getMany([{ key: "k", scope: "s", target: "x" }])))
    }).pipe(Effect.provide(quietly))
  )

  it.scopedLive("frozen: nobody waits longer than a deadline; `fail` fails, `stale` answers with what is here", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated()
      const paying = yield* process_(simulator, server)
      const failing = yield* process_(simulator, { ...server, onCacheUnavailable: "fail" })
      const stale = yield* process_(simulator, { ...server, onCacheUnavailable: "stale", firstLevel: { life: 0 } })
      for (const { cache } of [paying, failing, stale]) {
        yield* up(cache, cache.getMany([{ key: "k", scope: "s", target: "x" }]))
      }
      yield* stale.ahrefs.getDomainRating("known.com")
      server.process.kill("SIGSTOP")
      const start_ = performance.now()
      assert.isNumber((yield* paying.ahrefs.getDomainRating("a.com")).domainRating)
      assert.isBelow(performance.now() - start_, 2_000)
      const error = yield* Effect.flip(failing.ahrefs.getDomainRating("b.com"))
      assert.strictEqual(error._tag, "CacheUnavailable")
      const before = yield* simulator.unitsBilled
      yield* stale.ahrefs.getDomainRating("known.com")
      assert.strictEqual(yield* simulator.unitsBilled, before)
      server.process.kill("SIGCONT")
      assert.isTrue(yield* up(paying.cache, paying.cache.getMany([{ key: "k", scope: "s", target: "x" }])))
    }).pipe(Effect.provide(quietly))
  )

  it.scopedLive("out of memory: the answer is given, and bought again by others", () =>
    Effect.gen(function* () {
      const server = yield* start("--maxmemory", "1", "--maxmemory-policy", "noeviction")
      const simulator = yield* simulated()
      const one = yield* process_(simulator, server)
      const two = yield* process_(simulator, server)
      yield* Effect.forEach([one, two], known)
      assert.isNumber((yield* one.ahrefs.getDomainRating("a.com")).domainRating)
      assert.strictEqual(yield* simulator.unitsBilled, 50)
      yield* two.ahrefs.getDomainRating("a.com")
      assert.strictEqual(yield* simulator.unitsBilled, 100)
    }).pipe(Effect.provide(quietly))
  )
})

describe("a Redis that is lost", () => {
  it.scopedLive("flushed: what is gone is bought again, once", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated()
      const one = yield* process_(simulator, { ...server, firstLevel: { life: 0 } })
      yield* known(one)
      yield* one.ahrefs.getDomainRating("a.com")
      yield* ask(server, (client) => client.flushAll())
      yield* one.ahrefs.getDomainRating("a.com")
      yield* one.ahrefs.getDomainRating("a.com")
      assert.strictEqual(yield* simulator.unitsBilled, 100)
    })
  )

  it.scopedLive("a connection that is lost is back before it is missed: what is known is not bought again", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated()
      const buyer = yield* process_(simulator, server)
      yield* buyer.ahrefs.getDomainRatings(domains)
      const billed = yield* simulator.unitsBilled
      const other = yield* process_(simulator, { ...server, deadline: "1 second" })
      assert.isTrue(yield* known(other))
      yield* ask(server, (client) => client.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]))
      // It learns that it is cut off when it next hears from its sockets, before the look-up or while it is under way.
      yield* Effect.promise(() => new Promise(setImmediate))
      yield* other.ahrefs.getDomainRatings(domains)
      assert.strictEqual(yield* simulator.unitsBilled, billed)
      assert.isTrue(yield* known(other))
    })
  )

  it.scopedLive("killed and started again: nobody hangs, and it is used again by itself", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(start(), scope)
      const simulator = yield* simulated()
      const one = yield* process_(simulator, server)
      const two = yield* process_(simulator, server)
      yield* Effect.forEach([one, two], known)
      yield* one.ahrefs.getDomainRating("a.com")
      yield* Scope.close(scope, Exit.void)
      assert.isNumber((yield* two.ahrefs.getDomainRating("b.com")).domainRating)
      yield* startAt(server.port)
      yield* Effect.forEach([one, two], known)
      yield* one.ahrefs.getDomainRating("c.com")
      const before = yield* simulator.unitsBilled
      yield* two.ahrefs.getDomainRating("c.com")
      assert.strictEqual(yield* simulator.unitsBilled, before)
    }).pipe(Effect.provide(quietly))
  )

  it.scopedLive("failed over by its sentinel: facts are still known, and new ones are kept", () =>
    Effect.gen(function* () {
      const { master, sentinel: node } = yield* sentinel
      const simulator = yield* simulated()
      const options = { sentinel: [node], name: "facts", firstLevel: { life: 0 } }
      const one = yield* process_(simulator, options)
      const two = yield* process_(simulator, options)
      yield* Effect.forEach([one, two], known)
      yield* one.ahrefs.getDomainRating("a.com")
      yield* ask(master, (client) => client.sendCommand(["WAIT", "1", "1000"]))
      master.process.kill("SIGKILL")
      yield* Effect.forEach([one, two], known)
      yield* two.ahrefs.getDomainRating("a.com")
      assert.strictEqual(yield* simulator.unitsBilled, 50)
      yield* one.ahrefs.getDomainRating("b.com")
      yield* two.ahrefs.getDomainRating("b.com")
      assert.strictEqual(yield* simulator.unitsBilled, 100)
    }).pipe(Effect.provide(quietly))
  )
})

describe("a buyer that died", () => {
  it.scopedLive("is waited for no longer than its claim lives", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const simulator = yield* simulated()
      const one = yield* process_(simulator, { ...server, claimLife: "1 second" })
      yield* known(one)
      // What a process leaves behind that is killed after it has claimed.
      const scope = yield* Scope.make()
      const dying = yield* Scope.extend(process_(simulator, server), scope)
      yield* known(dying)
      yield* dying.ahrefs.getDomainRating("a.com")
      const fact = yield* ask(server, async (client) => (await client.keys("seo::*a.com*"))[0]!)
      yield* ask(server, async (client) => {
        await client.del(fact)
        await client.set(
          `seo:claim:${fact.replace(/^seo::/, "").replace(/[^:]+$/, "")}`,
          "00000000-0000-4000-8000-000000000000",
          { PX: 700 }
        )
      })
      const start_ = performance.now()
      yield* one.ahrefs.getDomainRating("a.com")
      const took = performance.now() - start_
      assert.isAbove(took, 300)
      assert.isBelow(took, 3_000)
      assert.strictEqual(yield* simulator.unitsBilled, 100)
    })
  )
})

describe("a cluster of three masters", () => {
  it.scopedLive("facts and claims of an account are in one slot", () =>
    Effect.gen(function* () {
      const servers = yield* cluster
      const simulator = yield* simulated()
      const options = { cluster: servers.map(({ port }) => ({ host: "127.0.0.1", port })) }
      const one = yield* process_(simulator, options)
      const two = yield* process_(simulator, options)
      for (const { cache } of [one, two]) yield* up(cache, cache.getMany([{ key: "k", scope: "s", target: "x" }]))
      const bought = yield* one.ahrefs.getDomainRatings(domains)
      assert.deepStrictEqual(yield* two.ahrefs.getDomainRatings(domains), bought)
      assert.strictEqual(yield* simulator.unitsBilled, 300)
    })
  )
})

describe("settings from the environment", () => {
  const provider = (url: string) => ConfigProvider.fromMap(new Map([["REDIS_URL", url]]))

  it.scopedLive.each([
    ["SharedState", SharedState.layerRedisConfig({ url: Config.redacted("REDIS_URL") })],
    ["ProviderCache", Cache.layerRedisConfig({ url: Config.redacted("REDIS_URL") })]
  ] as const)("%s", ([, layer]) =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const cache = yield* Effect.provide(
        ProviderCache,
        yield* Layer.build(Layer.provide(layer, Layer.setConfigProvider(provider(url))))
      )
      assert.isTrue(yield* up(cache, cache.getMany([{ key: "k", scope: "s", target: "x" }])))
      const error = yield* Effect.flip(Layer.build(Layer.provide(layer, Layer.setConfigProvider(provider("")))))
      assert.notInclude(JSON.stringify(error), "redis:")
    })
  )
})

describe("bad settings", () => {
  it.effect.each([
    { namespace: "a*" },
    { namespace: "" },
    { jitter: 2 },
    { unknownFor: 0 },
    { unknownFor: Number.NaN },
    { freshFor: { "ahrefs.metrics": Infinity } },
    { deadline: -1 },
    { claimLife: 0 },
    { firstLevel: { maxEntries: 0.5 } },
    { maxValueBytes: Number.NaN }
  ] satisfies ReadonlyArray<Partial<SharedState.RedisOptions>>)("%j is refused before anything is asked", (bad) =>
    Effect.gen(function* () {
      const made = Layer.build(SharedState.layerRedis({ url: "redis://127.0.0.1:1", ...bad }))
      const error = yield* Effect.flip(Effect.scoped(made))
      assert.strictEqual(error._op, "InvalidData")
    })
  )
})
