/** Facts in a store of the user's own. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { Keyv } from "keyv"
import * as Ahrefs from "../src/Ahrefs.js"
import * as ProviderCache from "../src/ProviderCache.js"
import * as SharedState from "../src/SharedState.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import { hasMembers } from "./support/assertions.js"
import { start } from "./support/redis.js"
import { json, type Script, stub, text } from "./support/stub.js"
import { advance } from "./support/clock.js"

const quietly = Logger.replace(Logger.defaultLogger, Logger.none)

const rows = (count: number, anchor: string) =>
  json({
    backlinks: Array.from({ length: count }, () => ({
      url_from: "https://a.com/",
      domain_rating_source: 5,
      is_nofollow: false,
      anchor
    }))
  })

const opened = (script: Script, state: Layer.Layer<SharedState.SharedState, unknown>) =>
  Effect.gen(function* () {
    const { client, sent } = stub(script)
    const ahrefs = yield* Ahrefs.make({ apiKey: Redacted.make("key"), batchWait: 0 }).pipe(
      Effect.provide(yield* Layer.build(state)),
      Effect.provideService(HttpClient.HttpClient, client)
    )
    return { ahrefs, sent }
  })

const referring = () => json({ metrics: { live_refdomains: 42 } })

describe("a Keyv of the user's own", () => {
  it.scopedLive("keeps what was bought, also for a service that comes later", () =>
    Effect.gen(function* () {
      const keyv = new Keyv({ throwOnErrors: true })
      for (const asked of [1, 0]) {
        const { ahrefs, sent } = yield* opened(referring, SharedState.layerKeyv(keyv))
        assert.strictEqual(yield* ahrefs.getReferringDomains("a.com"), 42)
        assert.strictEqual(sent.length, asked)
      }
    })
  )

  it.scopedLive("answers with 20 MB, and says that they are not kept", () =>
    Effect.gen(function* () {
      const keyv = new Keyv({ throwOnErrors: true })
      const told: Array<unknown> = []
      const listening = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void told.push(message))
      )
      const large = () => rows(20, "x".repeat(2 ** 20))
      const first = yield* opened(large, SharedState.layerKeyv(keyv)).pipe(Effect.provide(listening))
      const bought = yield* first.ahrefs.getBacklinks("b.com", 20).pipe(Effect.provide(listening))
      assert.strictEqual(bought.length, 20)
      assert.include(JSON.stringify(told), "too large")
      const second = yield* opened(large, SharedState.layerKeyv(keyv)).pipe(Effect.provide(quietly))
      yield* second.ahrefs.getBacklinks("b.com", 20).pipe(Effect.provide(quietly))
      assert.strictEqual(second.sent.length, 1)
    })
  )

  it.scopedLive("answers with what is nested too deeply to be written, and says that it is not kept", () =>
    Effect.gen(function* () {
      const told: Array<unknown> = []
      const listening = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void told.push(message))
      )
      const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`
      const row = `{"keyword":"a","best_position":1,"best_position_url":null,"entities":${deep}}`
      const keyv = new Keyv({ throwOnErrors: true })
      const answer = () => text(`{"keywords":[${row}]}`, 200)
      const { ahrefs } = yield* opened(answer, SharedState.layerKeyv(keyv)).pipe(Effect.provide(listening))
      const asked = ahrefs.getKeywordRankings("a.com", { country: "us", columns: ["entities"] })
      assert.strictEqual((yield* asked.pipe(Effect.provide(listening))).length, 1)
      // It is kept behind the answer.
      yield* Effect.repeat(Effect.yieldNow(), { until: () => told.length > 0, times: 10_000 })
      assert.include(JSON.stringify(told), "nested too deeply")
    })
  )

  it.scopedLive("that fails is unknown, not a miss", () =>
    Effect.gen(function* () {
      const store = new Map()
      const keyv = new Keyv({ store, throwOnErrors: true })
      store.get = () => {
        throw new Error("disk")
      }
      const { ahrefs, sent } = yield* opened(referring, SharedState.layerKeyv(keyv, { onCacheUnavailable: "fail" }))
      const error = yield* Effect.flip(ahrefs.getReferringDomains("a.com"))
      assert.strictEqual(error._tag, "CacheUnavailable")
      assert.notInclude(JSON.stringify(error), "disk")
      assert.strictEqual(sent.length, 0)
    }).pipe(Effect.provide(quietly))
  )

  it.scoped("that fails: what is stale here answers where that is wanted, within its window", () =>
    Effect.gen(function* () {
      const store = new Map()
      const { ahrefs, sent } = yield* opened(
        referring,
        SharedState.layerKeyv(new Keyv({ store, throwOnErrors: true }), {
          onCacheUnavailable: "stale",
          staleIfError: "1 hour",
          jitter: 0
        })
      )
      yield* ahrefs.getReferringDomains("a.com")
      store.get = () => {
        throw new Error("disk")
      }
      yield* advance("24 hours")
      assert.strictEqual(yield* ahrefs.getReferringDomains("a.com"), 42)
      yield* advance("59 minutes")
      assert.strictEqual(sent.length, 1)
      yield* advance("1 minute")
      yield* ahrefs.getReferringDomains("a.com")
      assert.strictEqual(sent.length, 2)
    }).pipe(Effect.provide(quietly))
  )

  it.scoped("must tell its errors", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(SharedState.layerKeyv(new Keyv())))
      assert.strictEqual(error._op, "InvalidData")
    })
  )
})

describe("in memory", () => {
  it.scoped("what was used longest ago is bought again when there is no more room", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* opened(referring, SharedState.layerMemory({ maxEntries: 2 }))
      for (const domain of ["a.com", "b.com", "a.com", "c.com", "a.com"]) yield* ahrefs.getReferringDomains(domain)
      assert.strictEqual(sent.length, 3)
      yield* ahrefs.getReferringDomains("b.com")
      assert.strictEqual(sent.length, 4)
    })
  )

  it.scoped("a target, an account or all can be forgotten", () =>
    Effect.gen(function* () {
      const state = yield* Layer.build(SharedState.layerMemory())
      const cache = yield* Effect.provide(ProviderCache.ProviderCache, state)
      const { ahrefs, sent } = yield* opened(referring, Layer.succeedContext(state))
      const asked = (...domains: ReadonlyArray<string>) =>
        Effect.suspend(() => {
          const before = sent.length
          return Effect.map(Effect.forEach(domains, ahrefs.getReferringDomains), () => sent.length - before)
        })
      assert.strictEqual(yield* asked("a.com", "b.com"), 2)
      yield* cache.invalidateTarget("a.com")
      assert.strictEqual(yield* asked("a.com", "b.com"), 1)
      yield* cache.invalidateAccount({ provider: "ahrefs", apiKey: Redacted.make("another") })
      assert.strictEqual(yield* asked("a.com", "b.com"), 0)
      yield* cache.invalidateAccount({ provider: "ahrefs", apiKey: Redacted.make("key") })
      assert.strictEqual(yield* asked("a.com", "b.com"), 2)
      yield* cache.invalidateAll
      assert.strictEqual(yield* asked("a.com", "b.com"), 2)
      assert.isTrue(yield* cache.isUp)
    })
  )

  it.scoped("with a target its keywords' rankings are forgotten", () =>
    Effect.gen(function* () {
      const state = yield* Layer.build(SharedState.layerMemory())
      const cache = yield* Effect.provide(ProviderCache.ProviderCache, state)
      const ranked = () => json({ keywords: [{ keyword: "seo", best_position: 3, best_position_url: null }] })
      const { ahrefs, sent } = yield* opened(ranked, Layer.succeedContext(state))
      const asked = ahrefs.getKeywordRankings("a.com", { country: "us", keywords: ["seo"] })
      yield* asked
      yield* cache.invalidateTarget("b.com")
      yield* asked
      assert.strictEqual(sent.length, 1)
      yield* cache.invalidateTarget("a.com")
      yield* asked
      assert.strictEqual(sent.length, 2)
    })
  )
})

describe("stats", () => {
  const redis = Effect.map(start(), ({ url }) => SharedState.layerRedis({ url }))
  const keyv = Effect.sync(() => SharedState.layerKeyv(new Keyv({ throwOnErrors: true })))

  it.scopedLive.each([
    ["in memory", Effect.succeed(SharedState.layerMemory())],
    ["in a Keyv", keyv],
    ["in Redis", redis]
  ] as const)("tell what is kept and what it had cost, without what was invalidated: %s", ([, state]) =>
    Effect.gen(function* () {
      const context = yield* Layer.build(yield* state)
      const { httpClient } = yield* AhrefsSimulator.make({ rateLimit: false })
      const ahrefs = yield* Ahrefs.make({ apiKey: Redacted.make("key"), batchWait: 0 }).pipe(
        Effect.provide(context),
        Effect.provideService(HttpClient.HttpClient, httpClient)
      )
      const cache = Context.get(context, ProviderCache.ProviderCache)
      assert.deepStrictEqual(yield* cache.stats, [])
      yield* ahrefs.getDomainRatings(["a.com", "b.com"])
      yield* ahrefs.getReferringDomains("a.com")
      const [ratings, counts, ...others] = (yield* cache.stats).toSorted((a, b) => b.facts - a.facts)
      assert.deepStrictEqual(others, [])
      hasMembers(ratings, { provider: "ahrefs", contract: "vendor", facts: 2, fresh: 2, paid: 50, unpriced: 0 })
      hasMembers(counts, { provider: "ahrefs", contract: "vendor", facts: 1, fresh: 1, paid: 50, unpriced: 0 })
      assert.isAtMost(ratings!.oldest, ratings!.newest)
      yield* cache.invalidateTarget("a.com")
      hasMembers((yield* cache.stats)[0], { facts: 1, paid: 25 })
      yield* cache.invalidateAll
      assert.deepStrictEqual(yield* cache.stats, [])
    })
  )

  it.scopedLive("fail where the store cannot list what it keeps", () =>
    Effect.gen(function* () {
      const store = new Keyv({ throwOnErrors: true })
      Object.assign(store, { iterator: undefined })
      const context = yield* Layer.build(SharedState.layerKeyv(store))
      const error = yield* Effect.flip(Context.get(context, ProviderCache.ProviderCache).stats)
      assert.include(error.message, "cannot list")
    })
  )
})
