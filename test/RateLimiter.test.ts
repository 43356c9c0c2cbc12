import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ahrefs from "../src/Ahrefs.js"
import * as RateLimiter from "../src/RateLimiter.js"
import * as SERanking from "../src/SERanking.js"
import * as SharedState from "../src/SharedState.js"
import * as Spender from "../src/Spender.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../src/testing/SERankingSimulator.js"
import { start } from "./support/redis.js"
import { json, type Script, stub } from "./support/stub.js"
import { advance } from "./support/clock.js"

const quietly = Logger.replace(Logger.defaultLogger, Logger.none)

const request = (more: Partial<RateLimiter.Request> = {}): RateLimiter.Request => ({
  provider: "ahrefs",
  operation: "getBacklinks",
  account: "a.1",
  rate: { requests: 2, per: "10 seconds" },
  concurrency: 10,
  ...more
})
/** The window is a little longer than the provider's. */
const window = 10_300

const answered: RateLimiter.Outcome = { _tag: "Answered" }

/** Sends nothing, and says when it could have. */
const sent = (limiter: RateLimiter.Service, more?: Partial<RateLimiter.Request>, lasts = 0) =>
  limiter.withPermit(request(more), (permit) =>
    Effect.gen(function* () {
      const at = yield* Clock.currentTimeMillis
      if (lasts > 0) yield* Effect.sleep(lasts)
      yield* permit.over(answered)
      return at
    })
  )

/** Lets time go on until the work is done. */
const driven = <A, E, R>(work: Effect.Effect<A, E, R>, step: Duration.DurationInput = "100 millis") =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(work)
    while (Option.isNone(yield* Fiber.poll(fiber))) yield* advance(step)
    return yield* Fiber.join(fiber)
  })

const domains = (count: number, name = "site") => Array.from({ length: count }, (_, i) => `${name}-${i}.com`)

describe("a limiter", () => {
  it.effect("lets calls leave in order, so many in any window", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const all = yield* driven(
        Effect.forEach([0, 1, 2, 3, 4], () => sent(limiter), { concurrency: "unbounded" }),
        "1 second"
      )
      assert.deepStrictEqual(all, [0, 0, window, window, 2 * window])
    })
  )

  it.effect("counts a heavy call for what it weighs, and never lets a light one pass it", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const rate = { requests: 4, per: "10 seconds" } as const
      const costs = [3, 3, 1]
      const all = yield* driven(
        Effect.forEach(costs, (cost) => sent(limiter, { rate, cost }), { concurrency: "unbounded" }),
        "1 second"
      )
      assert.deepStrictEqual(all, [0, window, window])
    })
  )

  it.effect("has no more under way at once than the concurrency", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const wide = { rate: { requests: 100, per: "10 seconds" }, concurrency: 2 } as const
      const all = yield* driven(
        Effect.forEach([0, 1, 2, 3, 4], () => sent(limiter, wide, 1_000), { concurrency: "unbounded" })
      )
      assert.deepStrictEqual(all, [0, 0, 1_000, 1_000, 2_000])
    })
  )

  it.effect("gives a permit on that was not used, and the place of one who goes", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const one = { rate: { requests: 1, per: "10 seconds" } } as const
      yield* limiter.withPermit(request(one), () => Effect.void)
      const held = yield* Deferred.make<void>()
      const holder = yield* Effect.fork(limiter.withPermit(request(one), () => Deferred.await(held)))
      yield* advance(1)
      const first = yield* Effect.fork(sent(limiter, one))
      const second = yield* Effect.fork(sent(limiter, one))
      yield* advance(1)
      yield* Fiber.interrupt(first)
      yield* Fiber.interrupt(holder)
      yield* advance(1)
      assert.isAtMost(yield* Fiber.join(second), 3)
    })
  )

  it.effect("counts a call from when it is sent, where that is late", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const one = { rate: { requests: 1, per: "10 seconds" } } as const
      const late = limiter.withPermit(request(one), ({ leaves, over }) =>
        Effect.sleep("5 seconds").pipe(Effect.zipRight(leaves), Effect.zipRight(over(answered)))
      )
      yield* driven(late, "1 second")
      assert.strictEqual(yield* driven(sent(limiter, one), "1 second"), 5_000 + window)
    })
  )

  it.effect("counts a call that was answered late as one that may have arrived late", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const one = { rate: { requests: 1, per: "10 seconds" } } as const
      const step = "100 millis"
      // A first call opens a connection: it may have arrived just before its answer.
      assert.strictEqual(yield* driven(sent(limiter, one, 100), step), 0)
      assert.strictEqual(yield* driven(sent(limiter, one, 2_100), step), 100 + window)
      assert.strictEqual(yield* driven(sent(limiter, one, 100), step), 100 + window + 2_000 + window)
      assert.strictEqual(yield* driven(sent(limiter, one, 100), step), 100 + window + 2_000 + window + window)
    })
  )

  it.effect("uses 95 % of the rate also where a provider's answers always vary", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const wide = { rate: { requests: 10, per: "1 minute" }, concurrency: 100 } as const
      const calls = Array.from({ length: 60 }, (_, i) => i)
      const times = yield* driven(
        Effect.forEach(calls, (i) => sent(limiter, wide, i % 2 === 0 ? 3_000 : 51_000), { concurrency: 30 }),
        "10 seconds"
      )
      assert.isAtMost(Math.max(...times), (calls.length / 10 / 0.95) * 60_000)
    })
  )

  it.effect("fails at once with RateLimited where it would be too long, and keeps no place for it", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      yield* sent(limiter)
      yield* sent(limiter)
      const error = yield* Effect.flip(sent(limiter, { maxWait: "5 seconds" }))
      assert.strictEqual(error._tag, "RateLimited")
      assert.deepStrictEqual(error._tag === "RateLimited" && error.retryAfter, Option.some(Duration.millis(window)))
      assert.strictEqual(yield* driven(sent(limiter), "1 second"), window)
    })
  )

  it.effect.each([
    { rate: { requests: 0, per: "1 second" } },
    { rate: { requests: 1.5, per: "1 second" } },
    { rate: { requests: 5, per: 0 } },
    { rate: { requests: 5, per: Infinity } },
    { concurrency: 0 },
    { cost: -1 },
    { cost: 3 }
  ] satisfies ReadonlyArray<Partial<RateLimiter.Request>>)("refuses what can never be granted: %o", (more) =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      assert.strictEqual((yield* Effect.flip(sent(limiter, more)))._tag, "InvalidRequest")
    })
  )

  it.effect("takes turns between tenants: ten thousand of one do not keep three of another waiting", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const rate = { requests: 10, per: "1 second" } as const
      const alone = yield* driven(sent(yield* RateLimiter.memory, { rate, tenant: "small" }))
      const large = yield* Effect.fork(
        Effect.forEach(domains(1_000), () => sent(limiter, { rate, tenant: "large", maxWait: Infinity }), {
          concurrency: "unbounded",
          discard: true
        })
      )
      yield* advance("500 millis")
      const began = yield* Clock.currentTimeMillis
      const small = yield* driven(
        Effect.forEach([0, 1, 2], () => sent(limiter, { rate, tenant: "small" }), { concurrency: "unbounded" })
      )
      assert.strictEqual(alone, 0)
      // The window that was full when they came, and not a moment longer.
      assert.isAtMost(Math.max(...small) - began, 1_100)
      yield* Fiber.interrupt(large)
    })
  )

  it.effect("tells how long so many calls take", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.memory
      const time = (calls: number) => Effect.map(limiter.timeFor(request(), calls), Duration.toMillis)
      assert.deepStrictEqual(yield* Effect.forEach([0, 2, 3, 7], time), [0, 0, window, 3 * window])
      yield* sent(limiter)
      assert.strictEqual(yield* time(2), window)
    })
  )
})

describe("a limiter over Redis", () => {
  const over = ({ url }: { readonly url: string }) =>
    Effect.map(
      Layer.build(RateLimiter.layerRedis({ url, namespace: "limits", deadline: 200 })),
      Context.get(RateLimiter.RateLimiter)
    )

  it.scopedLive("is one for all processes", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const limiters = yield* Effect.all([over(server), over(server), over(server)])
      const rate = { requests: 5, per: "500 millis" } as const
      const all = yield* Effect.forEach(
        limiters.flatMap((limiter) => [limiter, limiter, limiter, limiter]),
        (limiter) => sent(limiter, { rate }),
        { concurrency: "unbounded" }
      )
      const times = all.toSorted((a, b) => a - b)
      assert.isAtLeast(times[5]! - times[0]!, 450)
      assert.isAtLeast(times[10]! - times[5]!, 450)
      assert.isAtMost(times[11]! - times[0]!, 2_000)
    })
  )

  it.scopedLive("wakes those who wait elsewhere when a permit comes back", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const [one, two] = yield* Effect.all([over(server), over(server)])
      const narrow = { rate: { requests: 1, per: "1 minute" } } as const
      const held = yield* Deferred.make<void>()
      const has = yield* Deferred.make<void>()
      const holder = yield* Effect.fork(
        one.withPermit(request(narrow), () => Effect.zipRight(Deferred.succeed(has, undefined), Deferred.await(held)))
      )
      yield* Deferred.await(has)
      const waiting = yield* Effect.fork(sent(two, narrow))
      yield* Effect.sleep("200 millis")
      const began = yield* Clock.currentTimeMillis
      yield* Fiber.interrupt(holder)
      assert.isBelow((yield* Fiber.join(waiting)) - began, 500)
    })
  )

  it.scopedLive("that is gone: each process goes on alone with its part of what is allowed", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const limiters = yield* Effect.all([over(server), over(server)])
      const rate = { requests: 6, per: "1 minute" } as const
      // Each has heard of the other.
      for (const limiter of [...limiters, ...limiters]) yield* sent(limiter, { rate, account: "a.2" })
      server.process.kill("SIGKILL")
      for (const limiter of limiters) {
        const all = yield* Effect.forEach(domains(6), () => Effect.exit(sent(limiter, { rate, maxWait: 0 })), {
          concurrency: "unbounded"
        })
        assert.strictEqual(all.filter(Exit.isSuccess).length, 3)
      }
    }).pipe(Effect.provide(quietly))
  )
})

interface Setup extends Partial<Ahrefs.Options> {
  readonly script: Script
}

const services = (setups: ReadonlyArray<Setup>) =>
  Effect.gen(function* () {
    const state = yield* Layer.build(SharedState.layerMemory())
    return yield* Effect.forEach(setups, ({ script, ...options }) => {
      const { client, sent } = stub(script)
      return Ahrefs.make({ apiKey: Redacted.make("key"), batchWait: 0, ...options }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.map((ahrefs) => ({ ahrefs, sent }))
      )
    })
  })

const referring = () => json({ metrics: { live_refdomains: 42 } })

describe("calls of a service", () => {
  it.scoped("retried, take a permit again; known answers need none", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const script: Script = (_, n) => (n === 0 ? json({ error: "busy" }, 503) : referring())
      const [one] = yield* services([{ script, rateLimit: { requests: 1, per: "10 seconds" } }])
      const fiber = yield* Effect.fork(one!.ahrefs.getReferringDomains("a.com"))
      yield* advance("10 seconds")
      times.push(one!.sent.length)
      yield* advance("400 millis")
      times.push(one!.sent.length)
      assert.strictEqual(yield* Fiber.join(fiber), 42)
      assert.deepStrictEqual(times, [1, 2])
      assert.strictEqual(yield* one!.ahrefs.getReferringDomains("a.com"), 42)
    })
  )

  it.scoped("pause everywhere when one is refused, for as long as the provider says", () =>
    Effect.gen(function* () {
      const refusing: Script = (_, n) =>
        n === 0 ? json({ error: "slow down" }, 429, { "retry-after": "7" }) : referring()
      const [one, two] = yield* services([{ script: refusing }, { script: referring }])
      const first = yield* Effect.fork(one!.ahrefs.getReferringDomains("a.com"))
      yield* advance(1)
      const second = yield* Effect.fork(two!.ahrefs.getReferringDomains("b.com"))
      yield* advance("6 seconds")
      assert.deepStrictEqual([one!.sent.length, two!.sent.length], [1, 0])
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.joinAll([first, second]), [42, 42])
    })
  )

  it.scoped("that would wait too long fail, and nothing is sent", () =>
    Effect.gen(function* () {
      const [one] = yield* services([
        { script: referring, rateLimit: { requests: 1, per: "1 hour" }, maxWait: "1 minute" }
      ])
      yield* one!.ahrefs.getReferringDomains("a.com")
      const error = yield* Effect.flip(one!.ahrefs.getReferringDomains("b.com"))
      assert.strictEqual(error._tag, "RateLimited")
      assert.strictEqual(one!.sent.length, 1)
    })
  )

  it.scoped("that wait gather: ten thousand single look-ups leave as a hundred full batches, as fast as may be", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ latency: "200 millis" })
      const ahrefs = yield* Ahrefs.make({ apiKey: Redacted.make("key"), maxWait: "1 hour" }).pipe(
        Effect.provide(SharedState.layerMemory()),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      const fiber = yield* Effect.fork(
        Effect.forEach(domains(10_000), ahrefs.getDomainRating, { concurrency: "unbounded", discard: true })
      )
      // Sixty leave at once, forty a minute later.
      yield* advance(1.05 * 60_000)
      yield* Fiber.join(fiber)
      const requests = yield* simulator.requests
      assert.deepStrictEqual(
        requests.map(({ status, unitsBilled }) => [status, unitsBilled]),
        Array.from({ length: 100 }, () => [200, 200])
      )
    })
  )

  it.scoped("of one tenant do not push those of another out of a batch", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
      const ahrefs = yield* Ahrefs.make({
        apiKey: Redacted.make("key"),
        rateLimit: { requests: 1, per: "1 minute" }
      }).pipe(
        Effect.provide(SharedState.layerMemory()),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      yield* ahrefs.getReferringDomains("first.com")
      const large = yield* Effect.fork(
        Spender.as({ tenant: "large" })(
          Effect.forEach(domains(500), ahrefs.getDomainRating, { concurrency: "unbounded", discard: true })
        )
      )
      yield* advance("1 second")
      const small = yield* Effect.fork(
        Spender.as({ tenant: "small" })(Effect.forEach(domains(3, "few"), ahrefs.getDomainRating, { concurrency: 3 }))
      )
      yield* advance("61 seconds")
      assert.lengthOf(yield* Fiber.join(small), 3)
      yield* Fiber.interrupt(large)
    })
  )

  it.scoped("of four services for ten seconds: the vendor never refuses one, and 95 % of the rate is used", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make({ latency: "150 millis" })
      const state = yield* Layer.build(SharedState.layerMemory())
      const made = SERanking.make({ apiKey: Redacted.make("key") }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      const services = yield* Effect.all([made, made, made, made])
      const seconds = 10
      const load = Effect.forEach(
        services,
        (service, i) => Effect.forEach(domains(40, `s${i}`), service.getDomainInlinkRank, { concurrency: 20 }),
        { concurrency: "unbounded", discard: true }
      )
      const fiber = yield* Effect.fork(load)
      yield* advance(Duration.seconds(seconds))
      yield* Fiber.interrupt(fiber)
      const requests = yield* simulator.requests
      assert.isTrue(requests.every(({ status }) => status === 200))
      assert.isAtLeast(requests.length, 0.95 * 10 * seconds)
    })
  )
})
