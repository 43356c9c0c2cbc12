/** The way of one paid call, in one process. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Ahrefs from "../../src/Ahrefs.js"
import { CreditLedger } from "../../src/CreditLedger.js"
import { ProviderCache } from "../../src/ProviderCache.js"
import type * as Cache from "../../src/ProviderCache.js"
import * as Provenance from "../../src/Provenance.js"
import * as SharedState from "../../src/SharedState.js"
import * as Spender from "../../src/Spender.js"
import { type Answer, type Script, type Sent, stub, json, never, text } from "../support/stub.js"
import { advance } from "../support/clock.js"

const targetsOf = ({ body }: Sent) =>
  (body as { targets: ReadonlyArray<{ url: string }> }).targets.map(({ url }) => url)

/** A rating for each target: the length of its name. */
const rated = (sent: Sent): Answer =>
  json({ targets: targetsOf(sent).map((url, index) => ({ index, url, domain_rating: url.length })) }, 200, {
    "x-api-units-cost-total-actual": String(Math.max(50, targetsOf(sent).length * 2))
  })

interface Setup extends Partial<Ahrefs.Options> {
  readonly policy?: Cache.MemoryOptions
}

const made = (script: Script = rated, { policy, ...options }: Setup = {}) =>
  Effect.gen(function* () {
    const { client, sent } = stub(script)
    const state = yield* Layer.build(SharedState.layerMemory(policy))
    const open = (more: Partial<Ahrefs.Options> = {}) =>
      Ahrefs.make({ apiKey: Redacted.make("key"), ...options, ...more }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, client)
      )
    const cache = yield* Effect.provide(ProviderCache, state)
    const ledger = yield* Effect.provide(CreditLedger, state)
    return { ahrefs: yield* open(), cache, ledger, open, sent }
  })

const wait = Duration.millis(10)
const domains = (count: number) => Array.from({ length: count }, (_, i) => `site-${i}.com`)

describe("single look-ups", () => {
  it.scoped("of many fibers leave as full batches, each fact once", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made()
      const asked = [...domains(250), ...domains(250)]
      const fiber = yield* Effect.fork(
        Effect.forEach(asked, (domain) => ahrefs.getDomainRating(domain), { concurrency: "unbounded" })
      )
      yield* advance(wait)
      const rows = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        rows.map(({ domainRating }) => domainRating),
        asked.map((domain) => domain.length)
      )
      assert.deepStrictEqual(sent.map((one) => targetsOf(one).length).toSorted(), [100, 100, 50])
      yield* ahrefs.getDomainRating("site-7.com")
      assert.strictEqual(sent.length, 3)
    })
  )

  it.scoped("join lists and other methods that ask for the same column", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made()
      const fiber = yield* Effect.fork(
        Effect.all(
          [
            ahrefs.getDomainRating("A.com"),
            ahrefs.getDomainRatings(["a.com", "b.com"]),
            ahrefs.getDomainMetrics(["b.com", "c.com"], ["domainRating"])
          ],
          { concurrency: "unbounded" }
        )
      )
      yield* advance(wait)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        sent.map((one) => targetsOf(one).toSorted()),
        [["a.com", "b.com", "c.com"]]
      )
    })
  )

  it.scoped("one bad target does not spoil the others", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made((one) =>
        targetsOf(one).includes("site-41.com") ? text('{"error":"bad target"}', 400) : rated(one)
      )
      const fiber = yield* Effect.fork(
        Effect.forEach(domains(100), (domain) => Effect.either(ahrefs.getDomainRating(domain)), {
          concurrency: "unbounded"
        })
      )
      yield* advance(wait)
      const answers = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        answers.flatMap((answer, i) => (answer._tag === "Left" ? [[i, answer.left._tag] as const] : [])),
        [[41, "InvalidRequest"]]
      )
      assert.isAtMost(sent.length, 17)
    })
  )

  it.scoped("a batch that fails answers everyone with its error, and is not kept", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made((one, n) => (n === 0 ? text("", 401) : rated(one)))
      const ask = Effect.forEach(domains(3), (domain) => Effect.either(ahrefs.getDomainRating(domain)), {
        concurrency: "unbounded"
      })
      const first = yield* Effect.fork(ask)
      yield* advance(wait)
      for (const answer of yield* Fiber.join(first)) {
        assert.strictEqual(answer._tag === "Left" ? answer.left._tag : "", "InvalidKey")
      }
      const second = yield* Effect.fork(ask)
      yield* advance(wait)
      for (const answer of yield* Fiber.join(second)) assert.strictEqual(answer._tag, "Right")
      assert.strictEqual(sent.length, 2)
    })
  )
})

describe("callers that leave", () => {
  it.scoped("before the batch has left: nothing is bought for them", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made()
      const gone = yield* Effect.fork(ahrefs.getDomainRating("gone.com"))
      const stays = yield* Effect.fork(ahrefs.getDomainRating("stays.com"))
      yield* advance("5 millis")
      yield* Fiber.interrupt(gone)
      yield* advance("5 millis")
      yield* Fiber.join(stays)
      assert.deepStrictEqual(sent.map(targetsOf), [["stays.com"]])
    })
  )

  it.scoped("the first does not take the others down, and a paid answer is kept when all have gone", () =>
    Effect.gen(function* () {
      const latch = yield* Effect.makeLatch()
      const { client, sent } = stub(rated)
      const slow = HttpClient.transform(client, (call) => Effect.zipLeft(call, latch.await))
      const state = yield* Layer.build(SharedState.layerMemory())
      const ahrefs = yield* Ahrefs.make({ apiKey: Redacted.make("key") }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, slow)
      )
      const first = yield* Effect.fork(ahrefs.getDomainRating("a.com"))
      const second = yield* Effect.fork(ahrefs.getDomainRating("a.com"))
      const alone = yield* Effect.fork(ahrefs.getReferringDomains("b.com"))
      yield* advance(wait)
      yield* Fiber.interrupt(first)
      yield* Fiber.interruptFork(alone)
      yield* latch.open
      assert.strictEqual((yield* Fiber.join(second)).domainRating, 5)
      assert.strictEqual(sent.length, 2)
      const third = yield* ahrefs.getDomainRating("a.com")
      assert.strictEqual(third.domainRating, 5)
      assert.strictEqual(sent.length, 2)
    })
  )

  it.effect("closing the service ends those who wait", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { ahrefs } = yield* Scope.extend(
        made(() => never, { timeout: "1 minute" }),
        scope
      )
      const fiber = yield* Effect.fork(ahrefs.getDomainRating("a.com"))
      yield* advance("1 second")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* advance("1 minute")
      yield* Fiber.join(closing)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
    })
  )
})

describe("a service that is closed", () => {
  it.scoped.each(["somebody waits", "nobody waits any more"])(
    "keeps what it is paying for, and pays for nothing else, while %s",
    (who) =>
      Effect.gen(function* () {
        const slowly = (client: HttpClient.HttpClient) =>
          HttpClient.transform(client, (answer) => Effect.delay(answer, "5 seconds"))
        const { open, sent } = yield* made(rated, { transformClient: slowly })
        const scope = yield* Scope.make()
        const first = yield* Scope.extend(open(), scope)
        const fiber = yield* Effect.fork(first.getDomainRating("a.com"))
        yield* advance("1 second")
        if (who !== "somebody waits") yield* Fiber.interrupt(fiber)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* advance("1 second")
        assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
        yield* advance("5 seconds")
        yield* Fiber.join(closing)
        const second = yield* open()
        assert.strictEqual((yield* second.getDomainRating("a.com")).domainRating, 5)
        assert.strictEqual(sent.length, 1)
      })
  )

  it.scoped("sends nothing else while it waits: no second attempt, nothing that waits for its turn", () =>
    Effect.gen(function* () {
      const slowly = (client: HttpClient.HttpClient) =>
        HttpClient.transform(client, (answer, { url }) =>
          // After it is sent.
          url.endsWith("batch-analysis") ? answer : Effect.zipLeft(answer, Effect.sleep("20 seconds"))
        )
      const { open, sent } = yield* made(
        (one, n) => (n === 0 ? text("", 503, { "retry-after": "2" }) : json({ metrics: { live_refdomains: 1 } })),
        { transformClient: slowly }
      )
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(open({ rateLimit: { requests: 2, per: "5 seconds" } }), scope)
      yield* Effect.fork(first.getDomainRating("a.com"))
      yield* advance("10 millis")
      yield* Effect.fork(first.getReferringDomains("b.com"))
      yield* advance("10 millis")
      yield* Effect.fork(first.getReferringDomains("c.com"))
      yield* advance("10 millis")
      assert.strictEqual(sent.length, 2)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* advance("15 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
      assert.strictEqual(sent.length, 2)
      yield* advance("5 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual(sent.length, 2)
    })
  )

  it.scoped("tells who comes while it closes at once", () =>
    Effect.gen(function* () {
      const { open } = yield* made(() => never)
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(open(), scope)
      yield* Effect.fork(first.getDomainRating("a.com"))
      yield* advance("1 second")
      yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* advance(0)
      const late = yield* Effect.fork(first.getDomainRating("b.com"))
      yield* advance("1 second")
      assert.isTrue(Option.isSome(yield* Fiber.poll(late)))
      yield* advance("1 minute")
    })
  )

  it.scoped("sends nothing that it has only held units for, and gives those back", () =>
    Effect.gen(function* () {
      const { ledger, open, sent } = yield* made()
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(open({ rateLimit: { requests: 1, per: "1 second" } }), scope)
      const book = { provider: "ahrefs", unit: "api_units" } as const
      yield* first.getDomainRating("a.com").pipe(Effect.fork, Effect.zipLeft(advance("10 millis")))
      const fiber = yield* Effect.fork(first.getDomainRating("b.com"))
      // A permit comes a little before its moment.
      yield* advance("950 millis")
      const held = (yield* ledger.usage(book)).reduce((sum, { reserved }) => sum + reserved, 0)
      assert.deepStrictEqual([held, sent.length], [50, 1])
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
      const rows = yield* ledger.usage(book)
      assert.deepStrictEqual(
        rows.map(({ reserved, spent }) => [reserved, spent]),
        [[0, 50]]
      )
      assert.strictEqual(sent.length, 1)
    })
  )

  it.scoped("lets go of its claims: another of the same account buys", () =>
    Effect.gen(function* () {
      const { open, sent } = yield* made((one, n) => (n === 0 ? never : rated(one)), { timeout: "1 minute" })
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(open(), scope)
      yield* Effect.fork(first.getDomainRating("a.com"))
      yield* advance("1 second")
      const second = yield* open()
      const fiber = yield* Effect.fork(second.getDomainRating("a.com"))
      yield* advance("1 second")
      assert.strictEqual(sent.length, 1)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* advance("1 minute")
      yield* Fiber.join(closing)
      yield* advance("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).domainRating, 5)
      assert.strictEqual(sent.length, 2)
    })
  )
})

describe("columns", () => {
  it.scoped("only those that are missing are bought", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made(
        (one) =>
          json({
            targets: targetsOf(one).map((_, index) => ({ index, domain_rating: 1, refdomains: 2, backlinks: 3 }))
          }),
        { batchWait: 0 }
      )
      yield* ahrefs.getDomainMetrics(["a.com"], ["domainRating"])
      yield* ahrefs.getDomainMetrics(["a.com"], ["domainRating", "refdomains"])
      const [row] = yield* ahrefs.getDomainMetrics(["a.com"], ["refdomains", "domainRating"])
      assert.deepStrictEqual<unknown>(row, { domain: "a.com", refdomains: 2, domainRating: 1 })
      assert.deepStrictEqual(
        sent.map(({ body }) => (body as { select: unknown }).select),
        [
          ["index", "domain_rating"],
          ["index", "refdomains"]
        ]
      )
    })
  )

  /** Of few sites both columns, of more one: together they are cheapest. */
  const mixed = (ahrefs: Ahrefs.Service, both: ReadonlyArray<string>, one: ReadonlyArray<string>) =>
    Effect.all(
      [
        Spender.as({ tenant: "small" })(Effect.either(ahrefs.getDomainMetrics(both, ["domainRating", "refdomains"]))),
        Spender.as({ tenant: "large" })(Effect.either(ahrefs.getDomainMetrics(one, ["refdomains"])))
      ],
      { concurrency: "unbounded" }
    ).pipe(Effect.fork, Effect.zipLeft(advance(wait)), Effect.flatMap(Fiber.join))
  const measured = (one: Sent) =>
    json({
      targets: targetsOf(one).map((_, index) => ({
        index,
        domain_rating: 1,
        refdomains: 2
      }))
    })
  const asked = (one: Sent) => [targetsOf(one).length, ...(one.body as { select: ReadonlyArray<string> }).select]
  const [some, others] = [domains(4), domains(14).slice(4)]

  it.scoped("that rode along for one tenant are not bought for another, when the first cannot pay", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger, sent } = yield* made(measured)
      const budget = {
        provider: "ahrefs",
        unit: "api_units",
        of: "tenant",
        id: "small",
        period: "day"
      } as const
      yield* ledger.setBudget({ ...budget, limit: 1 })
      const [small, large] = yield* mixed(ahrefs, some, others)
      assert.strictEqual(small._tag === "Left" ? small.left._tag : "", "BudgetExceeded")
      assert.isTrue(large._tag === "Right")
      assert.deepStrictEqual(sent.map(asked), [[10, "index", "refdomains"]])
    })
  )

  it.scoped("that rode along are not bought of the part in which nobody wants them", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made((one, n) => (n === 0 ? text('{"error":"bad target"}', 400) : measured(one)))
      const answers = yield* mixed(ahrefs, some, others)
      assert.deepStrictEqual(
        answers.map(({ _tag }) => _tag),
        ["Right", "Right"]
      )
      assert.deepStrictEqual(sent.map((one) => asked(one).join(" ")).toSorted(), [
        "14 index domain_rating refdomains",
        "7 index domain_rating refdomains",
        "7 index refdomains"
      ])
    })
  )
})

describe("lists", () => {
  const links = (count: number) => ({
    backlinks: Array.from({ length: count }, (_, i) => ({
      url_from: `https://a${i}.com/`,
      domain_rating_source: 90 - i,
      anchor: "a",
      is_nofollow: false
    }))
  })
  const limited: Script = ({ query }) =>
    json(links(Math.min(20, Number(query.find(([name]) => name === "limit")?.[1]))))

  it.scoped("a shorter one is cut from a longer one; one that ended answers every limit", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made(limited)
      const ten = yield* ahrefs.getBacklinks("a.com", 10)
      const three = yield* ahrefs.getBacklinks("a.com", 3)
      assert.deepStrictEqual(three, ten.slice(0, 3))
      assert.strictEqual(sent.length, 1)
      assert.strictEqual((yield* ahrefs.getBacklinks("a.com", 50)).length, 20)
      assert.strictEqual((yield* ahrefs.getBacklinks("a.com", 5_000)).length, 20)
      assert.strictEqual(sent.length, 2)
      // Defaults and the order of options make no other request.
      yield* ahrefs.getBacklinks("a.com", 10, { protocol: "both", mode: "subdomains", history: "live" })
      assert.strictEqual(sent.length, 2)
      yield* ahrefs.getBacklinks("a.com", 10, { history: "all_time" })
      assert.strictEqual(sent.length, 3)
    })
  )
})

describe("time", () => {
  const states = (effect: Effect.Effect<unknown, unknown>) =>
    Effect.map(Provenance.collect(effect), ([, facts]) => facts.map(({ cache }) => cache).join())

  it.scoped("fresh, then bought anew; unknown facts have a life of their own", () =>
    Effect.gen(function* () {
      const { ahrefs } = yield* made(
        (one) =>
          json({
            targets: targetsOf(one).flatMap((url, index) => (url === "no.com" ? [] : [{ index, domain_rating: 1 }]))
          }),
        { batchWait: 0, policy: { jitter: 0, freshFor: { "ahrefs.metrics": "2 days" }, unknownFor: "1 hour" } }
      )
      const ask = states(ahrefs.getDomainRatings(["a.com", "no.com"]))
      assert.strictEqual(yield* ask, "bought,bought")
      assert.strictEqual(yield* ask, "fresh,fresh")
      yield* advance("1 hour")
      assert.strictEqual(yield* ask, "fresh,bought")
      yield* advance("2 days")
      assert.strictEqual(yield* ask, "bought,bought")
    })
  )

  it.scoped("jitter shortens a life by at most its share", () =>
    Effect.gen(function* () {
      const { ahrefs } = yield* made(rated, {
        batchWait: 0,
        policy: { jitter: 0.5, freshFor: { "ahrefs.metrics": "10 hours" } }
      })
      const ask = states(ahrefs.getDomainRating("a.com"))
      yield* ask
      yield* advance("299 minutes")
      assert.strictEqual(yield* ask, "fresh")
      yield* advance("301 minutes")
      assert.strictEqual(yield* ask, "bought")
    })
  )

  it.scoped("stale-while-revalidate answers at once and buys behind", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made(rated, {
        batchWait: 0,
        policy: { jitter: 0, staleWhileRevalidate: "1 hour" }
      })
      const ask = states(ahrefs.getDomainRating("a.com"))
      yield* ask
      yield* advance("1 day")
      assert.strictEqual(yield* ask, "stale")
      yield* advance("1 second")
      assert.strictEqual(sent.length, 2)
      assert.strictEqual(yield* ask, "fresh")
    })
  )

  it.scoped("stale-if-error and stale-if-exhausted, each in its window", () =>
    Effect.gen(function* () {
      let status = 200
      const { ahrefs } = yield* made(
        (one) =>
          status === 200
            ? rated(one)
            : text(status === 403 ? '{"error":"API units limit reached"}' : '{"error":"x"}', status),
        {
          batchWait: 0,
          retry: { times: 0 },
          policy: { jitter: 0, staleIfError: "1 hour", staleIfExhausted: "2 hours" }
        }
      )
      const ask = states(ahrefs.getDomainRating("a.com"))
      yield* ask
      yield* advance("1 day")
      status = 500
      assert.strictEqual(yield* ask, "stale")
      yield* advance("1 hour")
      assert.strictEqual((yield* Effect.flip(ahrefs.getDomainRating("a.com")))._tag, "ProviderUnavailable")
      status = 403
      const exhausted = yield* Effect.either(ahrefs.getDomainRating("a.com"))
      assert.strictEqual(exhausted._tag, "Right")
      status = 401
      assert.strictEqual((yield* Effect.flip(ahrefs.getDomainRating("a.com")))._tag, "InvalidKey")
    })
  )

  it.scoped("provenance tells the share of the price, when and by whom", () =>
    Effect.gen(function* () {
      const { ahrefs } = yield* made(rated, { batchWait: 0 })
      yield* ahrefs.getDomainRatings(["a.com", "b.com"])
      const [, facts] = yield* Provenance.collect(ahrefs.getDomainRating("a.com"))
      assert.deepStrictEqual<unknown>(facts, [
        {
          provider: "ahrefs",
          contract: "vendor",
          operation: "getDomainRating",
          subject: "a.com",
          column: "domainRating",
          cache: "fresh",
          observedAt: 0,
          unit: "api_units",
          paid: 25
        }
      ])
    })
  )
})

describe("streams", () => {
  it.scoped("what is known does not take room in a call, and nothing is bought that nobody pulls", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* made(rated, { batchWait: 0 })
      const all = domains(300)
      yield* ahrefs.getDomainRatings(all.filter((_, i) => i % 3 !== 0))
      const before = sent.length
      yield* Stream.runDrain(ahrefs.getDomainRatingsStream(all))
      assert.deepStrictEqual(
        sent.slice(before).map((one) => targetsOf(one).length),
        [100]
      )
      const more = Array.from({ length: 300 }, (_, i) => `more-${i}.com`)
      yield* Stream.runDrain(Stream.take(ahrefs.getDomainRatingsStream(more), 5))
      assert.strictEqual(sent.length, before + 2)
    })
  )
})

describe("accounts", () => {
  it.scoped("no fact crosses them unless both name the same scope", () =>
    Effect.gen(function* () {
      const { open, sent } = yield* made(rated, { batchWait: 0 })
      const count = (more: Partial<Ahrefs.Options>) =>
        Effect.gen(function* () {
          yield* (yield* open(more)).getDomainRating("a.com")
          return sent.length
        })
      const other = Redacted.make("other")
      assert.strictEqual(yield* count({}), 1)
      assert.strictEqual(yield* count({}), 1)
      assert.strictEqual(yield* count({ apiKey: other }), 2)
      assert.strictEqual(yield* count({ apiUrl: "https://gateway.example/v3" }), 3)
      assert.strictEqual(yield* count({ cacheScope: "team" }), 4)
      assert.strictEqual(yield* count({ apiKey: other, cacheScope: "team" }), 4)
      const bad = yield* Effect.flip((yield* open({ cacheScope: "a*" })).getDomainRating("a.com"))
      assert.strictEqual(bad._tag, "InvalidRequest")
    })
  )
})
