import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Ahrefs from "../src/Ahrefs.js"
import * as CreditLedger from "../src/CreditLedger.js"
import * as SERanking from "../src/SERanking.js"
import * as SharedState from "../src/SharedState.js"
import * as Spender from "../src/Spender.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../src/testing/SERankingSimulator.js"
import { start, startAt } from "./support/redis.js"
import { json, never, type Script, stub } from "./support/stub.js"
import { advance } from "./support/clock.js"

const quietly = Logger.replace(Logger.defaultLogger, Logger.none)

const apiKey = Redacted.make("key-1")
const account = CreditLedger.accountOf({ provider: "ahrefs", apiKey })
const book = { provider: "ahrefs", unit: "api_units" } as const
const today = DateTime.unsafeMake("2026-11-21T12:00:00Z")

type Budgets = ReadonlyArray<Omit<CreditLedger.Budget, "provider" | "unit">>
const budgetsOf = (budgets: Budgets) => budgets.map((budget) => ({ ...book, ...budget }))

const referring: Script = () => json({ metrics: { live_refdomains: 42 } })

interface Setup extends Partial<Ahrefs.Options> {
  readonly budgets?: Budgets
  readonly script?: Script
  readonly state?: Layer.Layer<SharedState.SharedState, unknown>
}

/** A service, its ledger, and what it sends. */
const opened = ({ budgets = [], script = referring, state, ...options }: Setup = {}) =>
  Effect.gen(function* () {
    if (state === undefined) yield* TestClock.setTime(DateTime.toEpochMillis(today))
    const { client, sent } = stub(script)
    const context = yield* Layer.build(state ?? SharedState.layerMemory({ budgets: budgetsOf(budgets) }))
    const ahrefs = yield* Ahrefs.make({ apiKey, batchWait: 0, retry: { times: 0 }, ...options }).pipe(
      Effect.provide(context),
      Effect.provideService(HttpClient.HttpClient, client)
    )
    return { ahrefs, sent, ledger: Context.get(context, CreditLedger.CreditLedger) }
  })

const request = (amount: number, more: Partial<CreditLedger.Request> = {}): CreditLedger.Request => ({
  ...book,
  account,
  operation: "getBacklinks",
  parts: [{ tenant: null, job: null, amount }],
  ...more
})

const tags = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.match(effect, { onFailure: ({ _tag }) => _tag, onSuccess: () => "ok" })

describe("a budget", () => {
  it.scoped("stops a call before it is sent, and says whose it is, what it has left and until when", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger, sent } = yield* opened({ budgets: [{ of: "account", id: account, limit: 120 }] })
      yield* ahrefs.getReferringDomains("a.com")
      yield* ahrefs.getReferringDomains("b.com")
      yield* ahrefs.getReferringDomains("b.com")
      const error = yield* Effect.flip(ahrefs.getReferringDomains("c.com"))
      assert.strictEqual(sent.length, 2)
      if (error._tag !== "BudgetExceeded") return assert.fail(error._tag)
      assert.deepInclude(error, { needed: 50, left: 20, unit: "api_units", budget: { of: "account", id: account } })
      assert.deepStrictEqual(Option.map(error.resetsAt, DateTime.formatIso), Option.some("2026-12-01T00:00:00.000Z"))
      const balance = yield* ledger.balance({ ...book, of: "account", id: account })
      assert.deepInclude(balance, { limit: 120, spent: 100, reserved: 0, left: 20 })
    })
  )

  it.scoped("begins anew with the month, at the provider's reset date, or never", () =>
    Effect.gen(function* () {
      const resetsAt = DateTime.unsafeMake("2026-11-25T06:00:00Z")
      const monthly = yield* opened({ budgets: [{ of: "account", id: account, limit: 50 }] })
      const dated = yield* opened({ budgets: [{ of: "account", id: account, limit: 50, per: { resetsAt } }] })
      const once = yield* opened({ budgets: [{ of: "account", id: account, limit: 50, per: "ever" }] })
      const all = [monthly, dated, once]
      const asked = (domain: string) => Effect.forEach(all, ({ ahrefs }) => tags(ahrefs.getReferringDomains(domain)))
      const refused = "BudgetExceeded"
      assert.deepStrictEqual(yield* asked("a.com"), ["ok", "ok", "ok"])
      assert.deepStrictEqual(yield* asked("b.com"), [refused, refused, refused])
      yield* TestClock.setTime(DateTime.toEpochMillis(resetsAt))
      assert.deepStrictEqual(yield* asked("c.com"), [refused, "ok", refused])
      yield* TestClock.setTime(Date.UTC(2026, 11, 1))
      assert.deepStrictEqual(yield* asked("d.com"), ["ok", refused, refused])
    })
  )

  it.scoped("of a tenant or a job counts what is bought for it, and nothing else", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger } = yield* opened({
        tenant: "default",
        budgets: [
          { of: "tenant", id: "acme", limit: 100 },
          { of: "job", id: "audit", limit: 50 }
        ]
      })
      const bought = (domain: string, spender: Parameters<typeof Spender.as>[0]) =>
        Spender.as(spender)(tags(ahrefs.getReferringDomains(domain)))
      assert.strictEqual(yield* bought("a.com", { tenant: "acme", job: "audit" }), "ok")
      assert.strictEqual(yield* bought("b.com", { tenant: "acme", job: "audit" }), "BudgetExceeded")
      assert.strictEqual(yield* bought("b.com", { tenant: "acme" }), "ok")
      assert.strictEqual(yield* bought("c.com", { tenant: "acme" }), "BudgetExceeded")
      assert.strictEqual(yield* bought("c.com", {}), "ok")
      // What one tenant has paid for answers the others of the account.
      assert.strictEqual(yield* bought("c.com", { tenant: "acme" }), "ok")
      const spent = (of: "tenant" | "job", id: string) =>
        Effect.map(ledger.balance({ ...book, of, id }), (balance) => balance.spent)
      assert.deepStrictEqual(
        yield* Effect.all([spent("tenant", "acme"), spent("job", "audit"), spent("tenant", "default")]),
        [100, 50, 50]
      )
    })
  )

  it.scoped("that one tenant has spent does not stop the others who share its call", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
      const state = yield* Layer.build(
        SharedState.layerMemory({ budgets: budgetsOf([{ of: "tenant", id: "poor", limit: 10 }]) })
      )
      // The call that is not made gives its turn to the one that is.
      const ahrefs = yield* Ahrefs.make({ apiKey, concurrency: 1 }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      const ask = (tenant: string, domains: ReadonlyArray<string>) =>
        Effect.fork(
          Spender.as({ tenant })(
            Effect.forEach(domains, (one) => tags(ahrefs.getDomainRating(one)), { concurrency: 9 })
          )
        )
      const poor = yield* ask("poor", ["a.com", "b.com", "c.com"])
      const rich = yield* ask("rich", ["c.com", "d.com"])
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(poor), ["BudgetExceeded", "BudgetExceeded", "BudgetExceeded"])
      assert.deepStrictEqual(yield* Fiber.join(rich), ["ok", "ok"])
      assert.strictEqual(yield* simulator.unitsBilled, 50)
      const ledger = Context.get(state, CreditLedger.CreditLedger)
      assert.strictEqual((yield* ledger.balance({ ...book, of: "tenant", id: "rich" })).spent, 50)
    })
  )

  it.scoped("is divided where tenants share a call, to the unit", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
      const state = yield* Layer.build(SharedState.layerMemory())
      const ahrefs = yield* Ahrefs.make({ apiKey }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      const ledger = Context.get(state, CreditLedger.CreditLedger)
      const ask = (tenant: string, domains: ReadonlyArray<string>) =>
        Effect.fork(Spender.as({ tenant })(Effect.forEach(domains, ahrefs.getDomainRating, { concurrency: 9 })))
      const fibers = [yield* ask("a", ["1.com", "2.com"]), yield* ask("b", ["3.com"])]
      yield* advance("1 second")
      yield* Fiber.joinAll(fibers)
      const spent = (id: string) => Effect.map(ledger.balance({ ...book, of: "tenant", id }), (one) => one.spent)
      assert.deepStrictEqual(yield* Effect.all([spent("a"), spent("b")]), [33, 17])
    })
  )

  it.scoped("of 0 allows nothing that costs; one lowered below what is spent allows nothing more; both add up", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger, sent } = yield* opened({ budgets: [{ of: "account", id: account, limit: 0 }] })
      assert.strictEqual(yield* tags(ahrefs.getReferringDomains("a.com")), "BudgetExceeded")
      assert.strictEqual(sent.length, 0)
      const budget = { ...book, of: "account", id: account } as const
      const balance = ledger.balance(budget)
      yield* ledger.setBudget({ ...budget, limit: 200 })
      // Of the time when it is asked, not of when it was written.
      assert.deepInclude(yield* balance, { limit: 200 })
      const held = yield* ledger.reserve(request(60))
      yield* ahrefs.getReferringDomains("a.com")
      yield* ledger.setBudget({ ...budget, limit: 70 })
      const figures = yield* ledger.balance(budget)
      assert.deepInclude(figures, { limit: 70, spent: 50, reserved: 60, left: -40 })
      const error = yield* Effect.flip(ahrefs.getReferringDomains("b.com"))
      assert.include(error, { _tag: "BudgetExceeded", left: -40 })
      yield* ledger.void(held)
      assert.deepInclude(yield* ledger.balance(budget), { spent: 50, reserved: 0, left: 20 })
      yield* ledger.removeBudget(budget)
      yield* ahrefs.getReferringDomains("b.com")
      assert.deepInclude(yield* ledger.balance(budget), { limit: null, left: null, spent: 100 })
    })
  )

  it.scoped("answers with what is stale where it has run out, as the cache allows", () =>
    Effect.gen(function* () {
      const { ahrefs } = yield* opened({ budgets: [{ of: "account", id: account, limit: 50 }] })
      yield* ahrefs.getUrlRating("https://a.com/").pipe(Effect.ignore)
      const one = yield* opened({ budgets: [{ of: "account", id: account, limit: 50, per: "ever" }] })
      const asked = one.ahrefs.getBacklinks("a.com", 5)
      assert.strictEqual(yield* tags(asked), "MalformedResponse")
      const two = yield* opened({
        script: () => json({ backlinks: [] }),
        budgets: [{ of: "account", id: account, limit: 50, per: "ever" }]
      })
      yield* two.ahrefs.getBacklinks("a.com", 5)
      yield* advance("2 days")
      assert.deepStrictEqual<unknown>(yield* two.ahrefs.getBacklinks("a.com", 5), [])
      assert.strictEqual(two.sent.length, 1)
    })
  )

  it.scoped("needs to be told what a call without a price may cost", () =>
    Effect.gen(function* () {
      const { client } = stub(() => json({ data: [] }))
      const budget = { provider: "se_ranking", unit: "row_credits", of: "tenant", id: "t", limit: 10 } as const
      const state = yield* Layer.build(SharedState.layerMemory({ budgets: [budget] }))
      const ledger = Context.get(state, CreditLedger.CreditLedger)
      const seranking = yield* SERanking.make({ apiKey, contract: "platform", tenant: "t", retry: { times: 0 } }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      const asked = (domain: string) => tags(seranking.getBacklinks({ domain }))
      assert.strictEqual(yield* asked("a.com"), "PriceUnknown")
      yield* ledger.setBudget({ ...budget, unpricedCall: 4 })
      yield* asked("a.com")
      yield* asked("b.com")
      assert.strictEqual(yield* asked("c.com"), "BudgetExceeded")
      assert.deepInclude(yield* ledger.balance(budget), { spent: 8, reserved: 0, left: 2 })
      const [row] = yield* ledger.usage(budget)
      assert.include(row, { calls: 2, unpriced: 2, spent: 8 })
    })
  )
})

describe("what a call costs", () => {
  it.scoped("is what the provider says, also where it cannot be read; nothing where it refused", () =>
    Effect.gen(function* () {
      const cost = { "x-api-units-cost-total-actual": "13" }
      const spentOn = (script: Script, options: Partial<Ahrefs.Options> = {}) =>
        Effect.gen(function* () {
          const { ahrefs, ledger } = yield* opened({ script, ...options })
          const fiber = yield* Effect.fork(Effect.exit(ahrefs.getReferringDomains("a.com")))
          yield* advance("1 minute")
          yield* Fiber.join(fiber)
          const { reserved, spent } = yield* ledger.balance({ ...book, of: "account", id: account })
          assert.strictEqual(reserved, 0)
          return spent
        })
      assert.strictEqual(yield* spentOn(() => json({ metrics: { live_refdomains: 1 } }, 200, cost)), 13)
      assert.strictEqual(yield* spentOn(() => json({ metrics: {} }, 200, cost)), 13)
      assert.strictEqual(yield* spentOn(() => json({ metrics: {} })), 50)
      assert.strictEqual(yield* spentOn(() => json({ error: "bad" }, 400)), 0)
      assert.strictEqual(yield* spentOn(() => json({ error: "busy" }, 503), { retry: { times: 2 } }), 0)
      // It may have been billed: the most it can have cost.
      assert.strictEqual(yield* spentOn(() => never), 50)
    })
  )

  it.scoped("is held while it is under way, and settled when its caller has gone", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ latency: "1 second" })
      const state = yield* Layer.build(SharedState.layerMemory())
      const ledger = Context.get(state, CreditLedger.CreditLedger)
      const ahrefs = yield* Ahrefs.make({ apiKey, batchWait: 0 }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      const fiber = yield* Effect.fork(ahrefs.getBacklinks("a.com", 100))
      yield* advance("500 millis")
      const balance = ledger.balance({ ...book, of: "account", id: account })
      assert.deepInclude(yield* balance, { spent: 0, reserved: 400 })
      yield* Fiber.interrupt(fiber)
      yield* advance("1 second")
      assert.deepInclude(yield* balance, { spent: yield* simulator.unitsBilled, reserved: 0 })
    })
  )

  it.scoped("shows in the usage, by tenant and operation, with what the cache has saved", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger } = yield* opened()
      const by = Spender.as({ tenant: "acme", job: "j" })
      yield* by(ahrefs.getReferringDomains("a.com"))
      yield* by(ahrefs.getReferringDomains("a.com"))
      yield* ahrefs.getReferringDomains("a.com")
      const common = {
        day: "2026-11-21",
        account,
        operation: "getReferringDomains",
        unpriced: 0,
        reserved: 0,
        expired: 0
      }
      assert.deepStrictEqual(
        (yield* ledger.usage(book)).toSorted((a, b) => b.calls - a.calls),
        [
          { ...common, tenant: "acme", job: "j", calls: 1, spent: 50, saved: 50 },
          { ...common, tenant: null, job: null, calls: 0, spent: 0, saved: 50 }
        ]
      )
      const tomorrow = DateTime.add(today, { days: 1 })
      assert.deepStrictEqual(yield* ledger.usage(book, { from: tomorrow, to: tomorrow }), [])
    })
  )
})

describe("a reservation", () => {
  const ledger = Effect.map(opened({ budgets: [{ of: "account", id: account, limit: 100 }] }), ({ ledger }) => ledger)
  const left = (ledger: CreditLedger.Service) =>
    Effect.map(ledger.balance({ ...book, of: "account", id: account }), (balance) => balance.left)

  it.scoped("is made once for an id, and closed once", () =>
    Effect.gen(function* () {
      const books = yield* ledger
      const one = yield* books.reserve(request(60, { id: "1" }))
      yield* books.reserve(request(60, { id: "1" }))
      assert.strictEqual(yield* left(books), 40)
      yield* books.settle(one, 10)
      assert.include(yield* Effect.flip(books.settle(one, 10)), { _tag: "ReservationClosed", state: "settled" })
      assert.include(yield* Effect.flip(books.void(one)), { _tag: "ReservationClosed", state: "settled" })
      assert.include(yield* Effect.flip(books.reserve(request(60, { id: "1" }))), { _tag: "ReservationClosed" })
      const two = yield* books.reserve(request(60, { id: "2" }))
      yield* books.void(two)
      assert.include(yield* Effect.flip(books.settle(two, 1)), { _tag: "ReservationClosed", state: "voided" })
      assert.strictEqual(yield* left(books), 90)
    })
  )

  it.scoped("has an id of its own in its book: another's parts are not taken for its own", () =>
    Effect.gen(function* () {
      const books = yield* ledger
      const one = yield* books.reserve(request(60, { id: "1" }))
      assert.strictEqual(yield* tags(books.reserve(request(10, { id: "1" }))), "InvalidAmount")
      const elsewhere = { provider: "se_ranking", unit: "credits" } as const
      yield* books.setBudget({ ...elsewhere, of: "account", id: account, limit: 5 })
      assert.strictEqual(yield* tags(books.reserve(request(10, { id: "1", ...elsewhere }))), "BudgetExceeded")
      yield* books.settle(one, 60)
      assert.strictEqual(yield* left(books), 40)
    })
  )

  it.scoped("that nobody made is unknown", () =>
    Effect.gen(function* () {
      const other = yield* ledger
      const foreign = yield* other.reserve(request(10))
      const books = yield* ledger
      assert.strictEqual((yield* Effect.flip(books.settle(foreign, 1)))._tag, "UnknownReservation")
      assert.strictEqual((yield* Effect.flip(books.void(foreign)))._tag, "UnknownReservation")
      assert.strictEqual(yield* left(books), 100)
    })
  )

  it.scoped("whose holder died is free again, and a bill that comes late overdraws", () =>
    Effect.gen(function* () {
      const books = yield* ledger
      const dead = yield* books.reserve(request(80, { life: "1 minute" }))
      assert.strictEqual(yield* tags(books.reserve(request(80))), "BudgetExceeded")
      yield* advance("1 minute")
      const next = yield* books.reserve(request(80))
      yield* books.settle(next, 80)
      yield* books.settle(dead, 80)
      assert.strictEqual(yield* left(books), -60)
      const [row] = yield* books.usage(book)
      assert.include(row, { spent: 160, expired: 80, reserved: 0, calls: 2 })
    })
  )

  it.effect.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53])("takes no amount of %d", (amount) =>
    Effect.scoped(
      Effect.gen(function* () {
        const books = yield* ledger
        const held = yield* books.reserve(request(10))
        assert.strictEqual(yield* tags(books.reserve(request(amount))), "InvalidAmount")
        assert.strictEqual(yield* tags(books.settle(held, amount)), "InvalidAmount")
        const budget = { ...book, of: "tenant", id: "t", limit: amount } as const
        assert.strictEqual(yield* tags(books.setBudget(budget)), "InvalidAmount")
        assert.strictEqual(yield* left(books), 90)
      })
    )
  )

  it.scoped("needs a part, and alerts are shares", () =>
    Effect.gen(function* () {
      const books = yield* ledger
      assert.strictEqual(yield* tags(books.reserve(request(1, { parts: [] }))), "InvalidAmount")
      const budget = { ...book, of: "tenant", id: "t", limit: 1 } as const
      for (const alerts of [[0], [1.5], [Number.NaN]]) {
        assert.strictEqual(yield* tags(books.setBudget({ ...budget, alerts })), "InvalidAmount")
      }
    })
  )

  it.prop(
    "is divided to the unit, like its parts",
    [FastCheck.maxSafeNat(), FastCheck.array(FastCheck.nat(1_000_000), { minLength: 1, maxLength: 20 })],
    ([total, weights]) => {
      const parts = CreditLedger.apportion(total, weights)
      assert.strictEqual(parts.length, weights.length)
      assert.isTrue(parts.every((part) => Number.isSafeInteger(part) && part >= 0))
      assert.strictEqual(
        parts.reduce((all, part) => all + BigInt(part), 0n),
        BigInt(total)
      )
    }
  )
})

describe("listeners", () => {
  it.scoped("hear of each crossing once, and again after it was below", () =>
    Effect.gen(function* () {
      const budget = { ...book, of: "account", id: account, limit: 100, alerts: [1, 0.5] } as const
      const { ledger } = yield* opened()
      yield* ledger.setBudget(budget)
      const heard: Array<number> = []
      yield* Effect.fork(Stream.runForEach(ledger.alerts, ({ share }) => Effect.sync(() => heard.push(share))))
      yield* advance(1)
      const spend = (amount: number) =>
        Effect.zipRight(
          Effect.flatMap(ledger.reserve(request(amount)), (held) => ledger.settle(held, amount)),
          advance(1)
        )
      yield* spend(40)
      yield* spend(10)
      yield* spend(10)
      assert.deepStrictEqual(heard, [0.5])
      yield* spend(40)
      assert.deepStrictEqual(heard, [0.5, 1])
      yield* ledger.setBudget({ ...budget, limit: 1_000 })
      yield* spend(300)
      assert.deepStrictEqual(heard, [0.5, 1])
      yield* spend(600)
      assert.deepStrictEqual(heard, [0.5, 1, 0.5, 1])
    })
  )

  it.scoped("hear nothing of a limit of 0 of which nothing is spent", () =>
    Effect.gen(function* () {
      const { ledger } = yield* opened({ budgets: [{ of: "account", id: account, limit: 0 }] })
      const heard: Array<number> = []
      yield* Effect.fork(Stream.runForEach(ledger.alerts, ({ share }) => Effect.sync(() => heard.push(share))))
      yield* advance(1)
      yield* ledger.settle(yield* ledger.reserve(request(0)), 0)
      yield* advance(1)
      assert.deepStrictEqual(heard, [])
      yield* ledger.settle(yield* ledger.reserve(request(0)), 1)
      yield* advance(1)
      assert.deepStrictEqual(heard, [0.8, 1])
    })
  )

  it.scoped("read every settlement of the book, from the first that is kept", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger } = yield* opened({ tenant: "acme" })
      yield* ahrefs.getReferringDomains("a.com")
      const own = yield* Effect.fork(Stream.runCollect(Stream.take(ledger.settlements, 1)))
      const all = yield* Effect.fork(Stream.runCollect(Stream.take(ledger.audit(book), 2)))
      yield* advance(1)
      yield* ahrefs.getReferringDomains("b.com")
      yield* advance("1 second")
      const [first, second] = Chunk.toReadonlyArray(yield* Fiber.join(all))
      assert.include(first, {
        tenant: "acme",
        job: null,
        account,
        operation: "getReferringDomains",
        amount: 50,
        part: 0
      })
      assert.include(first, { reserved: 50, isLate: false, provider: "ahrefs", unit: "api_units" })
      assert.deepStrictEqual<unknown>(Chunk.toReadonlyArray(yield* Fiber.join(own)), [second])
    })
  )
})

describe("a ledger over Redis", () => {
  const state = (server: { readonly url: string }, options: CreditLedger.Options = {}) =>
    SharedState.layerRedis({ url: server.url, ...options })
  const limited = { budgets: budgetsOf([{ of: "account", id: account, limit: 120 }]) }

  it.scopedLive("is one for all processes", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const layer = CreditLedger.layerRedis({ url: server.url, ...limited })
      const made = Effect.map(Layer.build(Layer.fresh(layer)), Context.get(CreditLedger.CreditLedger))
      const ledgers = yield* Effect.all([made, made])
      const granted = yield* Effect.forEach(
        [...ledgers, ...ledgers, ...ledgers, ...ledgers],
        (ledger) => tags(ledger.reserve(request(30))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(granted.filter((tag) => tag === "ok").length, 4)
      const [one, two] = ledgers
      const foreign = yield* one!.reserve(request(0))
      yield* two!.settle(foreign, 20)
      assert.deepInclude(yield* one!.balance(limited.budgets[0]!), { spent: 20, reserved: 120, left: -20 })
    })
  )

  it.scopedLive("tells of an odd share once", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const budgets = budgetsOf([{ of: "account", id: account, limit: 9, alerts: [1 / 3] }])
      const ledger = Context.get(
        yield* Layer.build(CreditLedger.layerRedis({ url: server.url, budgets })),
        CreditLedger.CreditLedger
      )
      const heard: Array<number> = []
      yield* Effect.fork(Stream.runForEach(ledger.alerts, ({ share }) => Effect.sync(() => heard.push(share))))
      yield* Effect.sleep("20 millis")
      for (const amount of [3, 1, 1]) yield* ledger.settle(yield* ledger.reserve(request(amount)), amount)
      yield* Effect.sleep("20 millis")
      assert.deepStrictEqual(heard, [1 / 3])
    })
  )

  it.scopedLive("that answers too late holds nothing for those it has refused, and tells what it has booked", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const layer = CreditLedger.layerRedis({ url: server.url, ...limited, deadline: 10 })
      const ledger = Context.get(yield* Layer.build(layer), CreditLedger.CreditLedger)
      const heard = yield* Effect.fork(Stream.runCollect(Stream.take(ledger.settlements, 1)))
      const held = yield* ledger.reserve(request(20))
      const frozen = (work: Effect.Effect<unknown>) =>
        Effect.zipRight(
          Effect.sync(() => server.process.kill("SIGSTOP")),
          Effect.ensuring(
            work,
            Effect.sync(() => server.process.kill("SIGCONT"))
          )
        )
      const refused = tags(ledger.reserve(request(100)))
      yield* frozen(
        Effect.zipRight(
          Effect.map(refused, (tag) => assert.strictEqual(tag, "LedgerUnavailable")),
          ledger.close(held, 15)
        )
      )
      const [settlement] = Chunk.toReadonlyArray(yield* Fiber.join(heard))
      assert.include(settlement, { amount: 15, reserved: 20 })
      const balance = ledger.balance(limited.budgets[0]!)
      yield* Effect.retry(
        Effect.filterOrFail(balance, ({ reserved, spent }) => reserved === 0 && spent === 15),
        Schedule.spaced("50 millis").pipe(Schedule.intersect(Schedule.recurs(100)))
      )
    }).pipe(Effect.provide(quietly))
  )

  it.scopedLive("that is gone refuses what has a budget, or lets it pass and books it later", () =>
    Effect.gen(function* () {
      const first = yield* start()
      const services = (options: CreditLedger.Options) => opened({ state: state(first, options), script: referring })
      const refusing = yield* services(limited)
      const unlimited = yield* services({})
      const allowing = yield* services({ ...limited, onLedgerUnavailable: "allow" })
      yield* refusing.ahrefs.getReferringDomains("a.com")
      first.process.kill("SIGKILL")
      const error = yield* Effect.flip(refusing.ahrefs.getReferringDomains("b.com"))
      assert.strictEqual(error._tag, "LedgerUnavailable")
      assert.strictEqual(refusing.sent.length, 1)
      assert.strictEqual(yield* unlimited.ahrefs.getReferringDomains("c.com"), 42)
      assert.strictEqual(yield* allowing.ahrefs.getReferringDomains("d.com"), 42)
      const own = yield* allowing.ledger.reserve(request(7))
      yield* startAt(first.port)
      yield* Effect.retry(
        allowing.ledger.settle(own, 7),
        Schedule.spaced("100 millis").pipe(Schedule.intersect(Schedule.recurs(100)))
      )
      // The new one knows of nothing but what is booked late.
      const spent = Effect.filterOrFail(
        Effect.map(refusing.ledger.balance(limited.budgets[0]!), (balance) => balance.spent),
        (spent) => spent === 107
      )
      yield* Effect.retry(spent, Schedule.spaced("100 millis").pipe(Schedule.intersect(Schedule.recurs(100))))
    }).pipe(Effect.provide(quietly))
  )
})

describe("settings", () => {
  const url = "redis://127.0.0.1:1"
  it.effect.each([
    CreditLedger.layerMemory({ budgets: budgetsOf([{ of: "job", id: "j", limit: -1 }]) }),
    CreditLedger.layerRedis({ url, budgets: budgetsOf([{ of: "job", id: "j", limit: 1.5 }]) }),
    CreditLedger.layerRedis({ url, deadline: 0 }),
    CreditLedger.layerRedis({ url, namespace: "a b" }),
    CreditLedger.layerRedis({ url: "nowhere" })
  ])("that are wrong are told when the layer is built", (layer) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.strictEqual(error._op, "InvalidData")
    })
  )
})

describe("reconciliation", () => {
  it.scoped("compares with the provider's own counter, and adopts its limit when asked", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ rateLimit: false, budget: 1_000 })
      const state = yield* Layer.build(SharedState.layerMemory())
      const made = (key: Redacted.Redacted, shared = state) =>
        Ahrefs.make({ apiKey: key, batchWait: 0 }).pipe(
          Effect.provide(shared),
          Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
        )
      const ahrefs = yield* made(apiKey)
      yield* ahrefs.getReferringDomains("a.com")
      // Somebody else spends of the same allowance.
      const other = yield* made(Redacted.make("another"), yield* Layer.build(SharedState.layerMemory()))
      yield* other.getReferringDomains("b.com")
      yield* other.getReferringDomains("c.com")
      const compared = yield* ahrefs.reconcile()
      assert.include(compared, { ours: 50, theirs: 150, drift: 100, limit: 1_000, left: 850, isAdopted: false })
      yield* ahrefs.reconcile({ adopt: true })
      const ledger = Context.get(state, CreditLedger.CreditLedger)
      const balance = yield* ledger.balance({ ...book, of: "account", id: account })
      assert.include(balance, { limit: 1_000, spent: 150, left: 850 })
    })
  )

  it.scoped("works where SE Ranking keeps the account", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(DateTime.toEpochMillis(today))
      const simulator = yield* SERankingSimulator.make({ rateLimit: false, budget: 5_000 })
      const state = yield* Layer.build(SharedState.layerMemory())
      const seranking = yield* SERanking.make({ apiKey, batchWait: 0 }).pipe(
        Effect.provide(state),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      yield* seranking.getDomainInlinkRank("a.com")
      assert.include(yield* seranking.reconcile({ adopt: true }), { ours: 10, drift: 0, isAdopted: true })
    })
  )
})

describe("a plan", () => {
  it.scoped("tells units, calls, time and what is known, and spends nothing", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
      const ahrefs = yield* Ahrefs.make({ apiKey, batchWait: 0, rateLimit: { requests: 1, per: "1 minute" } }).pipe(
        Effect.provide(SharedState.layerMemory()),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      const domains = Array.from({ length: 250 }, (_, i) => `site-${i}.com`)
      const plan = yield* ahrefs.plan("getDomainRatings", [...domains, "https://SITE-1.com/x"])
      const window = 60_500
      assert.deepInclude(plan, { provider: "ahrefs", operation: "getDomainRatings", targets: 250, cached: 0, calls: 3 })
      assert.deepInclude(plan, { unit: "api_units", units: { lower: 500, upper: 500 } })
      assert.strictEqual(plan.time.value._tag === "Millis" && plan.time.value.millis, 2 * window)
      assert.deepStrictEqual(yield* simulator.requests, [])
      yield* ahrefs.getDomainRatings(domains.slice(0, 100))
      const rest = yield* ahrefs.plan("getDomainMetrics", domains, ["domainRating", "refdomains"])
      // Both columns for 150, one for those whose rating is known.
      const billed = yield* simulator.unitsBilled
      assert.strictEqual(billed, 200)
      assert.include(rest, { targets: 250, cached: 0, calls: 3 })
      const known = yield* ahrefs.plan("getDomainRatings", domains.slice(50, 150))
      assert.deepInclude(known, { targets: 100, cached: 50, calls: 1, units: { lower: 100, upper: 100 } })
      const links = yield* ahrefs.plan("getBacklinks", "a.com", 100)
      assert.deepInclude(links, { targets: 1, calls: 1, units: { lower: 50, upper: 400 } })
      const error = yield* Effect.flip(ahrefs.plan("getDomainRatings", ["not a domain"]))
      assert.strictEqual(error._tag, "InvalidTarget")
      assert.strictEqual(yield* simulator.unitsBilled, billed)
    })
  )

  it.scoped("is what is then paid", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make({ rateLimit: false })
      const seranking = yield* SERanking.make({ apiKey, batchWait: 0 }).pipe(
        Effect.provide(SharedState.layerMemory()),
        Effect.provideService(HttpClient.HttpClient, simulator.httpClient)
      )
      const domains = Array.from({ length: 130 }, (_, i) => `site-${i}.com`)
      const { calls, units } = yield* seranking.plan("getBacklinksSummaries", domains)
      yield* seranking.getBacklinksSummaries(domains)
      assert.strictEqual((yield* simulator.requests).length, calls)
      assert.deepStrictEqual(units, { lower: 13_000, upper: yield* simulator.unitsBilled })
      assert.include(yield* seranking.plan("getBacklinksSummaries", domains), { calls: 0, cached: 130 })
    })
  )
})
