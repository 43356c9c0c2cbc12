import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as MetricState from "effect/MetricState"
import * as TestClock from "effect/TestClock"
import * as CreditLedger from "../src/CreditLedger.js"
import { LedgerUnavailable } from "../src/ProviderError.js"
import * as Telemetry from "../src/Telemetry.js"
import { advance } from "./support/clock.js"

const noon = DateTime.toEpochMillis(DateTime.unsafeMake("2026-11-21T12:00:00Z"))
const book = { provider: "ahrefs", unit: "api_units" } as const
const account = "a.0123456789abcdef"

/** The figures of a gauge by the values of these tags; 0 where nothing is told of them. */
const told = (name: string, ...tags: ReadonlyArray<string>) =>
  Effect.map(Metric.snapshot, (all) => {
    const found = all.flatMap(({ metricKey, metricState }) => {
      if (metricKey.name !== name || !MetricState.isGaugeState(metricState)) return []
      const valueOf = (tag: string) => metricKey.tags.find(({ key }) => key === tag)?.value ?? ""
      const value = Number(metricState.value)
      // The registry is one for all tests: what another has told is 0 by now, or is told apart by its operation.
      return value === 0 ? [] : [[tags.map(valueOf).join(" "), value] as const]
    })
    return Object.fromEntries(found.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  })

const opened = (options: CreditLedger.Options = {}) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(noon)
    const context = yield* Layer.build(CreditLedger.layerMemory(options))
    const ledger = Context.get(context, CreditLedger.CreditLedger)
    const hold = (tenant: string | null, operation: string, amount: number) =>
      ledger.reserve({ ...book, account, operation, parts: [{ tenant, job: null, amount }] })
    const spend = (tenant: string | null, operation: string, amount: number) =>
      Effect.flatMap(hold(tenant, operation, amount), (held) => ledger.settle(held, amount))
    const reading = (options: Telemetry.Options = {}) => Effect.provide(Telemetry.make(options), context)
    return { context, ledger, hold, spend, reading }
  })

const spent = (...tags: ReadonlyArray<string>) => told("seo_provider_ledger_spent", ...tags)

describe("the ledger's figures", () => {
  it.scoped("are counted once, though readings overlap, or one is given up in the middle", () =>
    Effect.gen(function* () {
      const { context, ledger, spend } = yield* opened()
      yield* spend("acme", "overlap.a", 100)
      const slow: CreditLedger.Service = {
        ...ledger,
        usage: (...asked) => Effect.zipLeft(ledger.usage(...asked), Effect.sleep("1 second"))
      }
      const read = yield* Telemetry.make({}).pipe(
        Effect.provideService(CreditLedger.CreditLedger, slow),
        Effect.provide(context)
      )
      // A second for each of the three books.
      const gaveUp = yield* Effect.fork(Effect.timeoutOption(read, "1500 millis"))
      yield* advance("1500 millis")
      yield* Fiber.join(gaveUp)
      const both = yield* Effect.fork(Effect.all([read, read], { concurrency: 2 }))
      for (let second = 0; second < 6; second++) yield* advance("1 second")
      yield* Fiber.join(both)
      const all = yield* spent("operation", "day")
      assert.strictEqual(all["overlap.a today"], 100)
      // Nothing of it is left for the other tests.
      yield* advance("3 days")
      const last = yield* Effect.fork(read)
      for (let second = 0; second < 3; second++) yield* advance("1 second")
      yield* Fiber.join(last)
    })
  )

  it.scoped("are read again after `tenants` has died, which is logged", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const listening = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ logLevel }) => void logged.push(logLevel._tag))
      )
      const { reading, spend } = yield* opened()
      yield* spend("acme", "dying.a", 40)
      let asked = 0
      const tenants = (tenant: string) => {
        if (asked++ === 0) throw new Error("no such plan")
        return `plan of ${tenant}`
      }
      const read = Effect.provide(yield* reading({ tenants }), listening)
      yield* read
      assert.deepStrictEqual(logged, ["Error"])
      assert.notProperty(yield* spent("operation", "tenant"), "dying.a plan of acme")
      yield* read
      assert.strictEqual((yield* spent("operation", "tenant"))["dying.a plan of acme"], 40)
      // Nothing of it is left for the other tests.
      yield* advance("3 days")
      yield* read
    })
  )

  it.scoped("are those of today and yesterday, and move on with the day", () =>
    Effect.gen(function* () {
      const { hold, ledger, reading, spend } = yield* opened()
      const read = yield* reading()
      yield* spend("acme", "days.a", 100)
      yield* spend("acme", "days.a", 20)
      yield* spend(null, "days.b", 7)
      ledger.saved({ ...book, account, operation: "days.a" }, { tenant: "acme", job: null }, 2.5)
      yield* hold("acme", "days.c", 30)
      yield* read
      const tags = ["operation", "day", "tenant", "billing_unit"]
      assert.deepStrictEqual(yield* spent(...tags), {
        "days.a today (all) api_units": 120,
        "days.b today (all) api_units": 7
      })
      assert.deepStrictEqual(yield* told("seo_provider_ledger_saved", "operation", "day"), { "days.a today": 2.5 })
      assert.deepStrictEqual(yield* told("seo_provider_ledger_reserved", "operation", "day"), { "days.c today": 30 })

      yield* TestClock.setTime(noon + 86_400_000)
      yield* spend("acme", "days.b", 1)
      yield* read
      assert.deepStrictEqual(yield* spent("operation", "day"), {
        "days.a yesterday": 120,
        "days.b today": 1,
        "days.b yesterday": 7
      })
      yield* TestClock.setTime(noon + 3 * 86_400_000)
      yield* read
      assert.deepStrictEqual(yield* spent("operation", "day"), {})
    })
  )

  it.scoped("name tenants only where that is chosen, and no more than so many", () =>
    Effect.gen(function* () {
      const { reading, spend } = yield* opened()
      yield* spend("small", "tenants", 1)
      yield* spend("big", "tenants", 100)
      yield* spend("middle", "tenants", 10)
      yield* spend(null, "tenants", 5)
      const figures = (options: Telemetry.Options) =>
        Effect.zipRight(Effect.flatten(reading(options)), spent("tenant", "day"))
      assert.deepStrictEqual(yield* figures({}), { "(all) today": 116 })
      // Another reading of another process: this one's own figures stay as they were told.
      assert.deepStrictEqual(yield* figures({ tenants: true }), {
        "(all) today": 116,
        "(none) today": 5,
        "big today": 100,
        "middle today": 10,
        "small today": 1
      })
      const capped = yield* reading({ tenants: (tenant) => `plan-${tenant}`, maxTenants: 2 })
      yield* capped
      assert.include(yield* spent("tenant", "day"), {
        "(other) today": 1,
        "plan-big today": 100,
        "plan-middle today": 10
      })
      // Whoever has a label keeps it.
      yield* spend("small", "tenants", 1_000)
      yield* capped
      assert.include(yield* spent("tenant", "day"), { "(other) today": 1_001, "plan-middle today": 10 })
      yield* TestClock.setTime(noon + 3 * 86_400_000)
      for (const options of [{}, { tenants: true }]) yield* Effect.flatten(reading(options))
      yield* capped
    })
  )

  it.scoped("of budgets are summed under a label, with the fullest of them", () =>
    Effect.gen(function* () {
      const { ledger, hold, reading, spend } = yield* opened({
        budgets: [
          { ...book, of: "tenant", id: "one", limit: 100 },
          { ...book, of: "tenant", id: "two", limit: 1_000 },
          { ...book, of: "tenant", id: "none", limit: 0 },
          { ...book, of: "account", id: account, limit: 5_000 },
          { ...book, of: "job", id: "audit", limit: 10 },
          { provider: "se_ranking", unit: "row_credits", of: "tenant", id: "one", limit: 9 }
        ]
      })
      yield* spend("one", "budgets", 60)
      yield* hold("one", "budgets", 30)
      yield* spend("two", "budgets", 10)
      const read = yield* reading()
      yield* read
      const tags = ["provider", "of", "tenant"]
      assert.deepStrictEqual(yield* told("seo_provider_budget_limit", ...tags), {
        "ahrefs account (all)": 5_000,
        "ahrefs tenant (all)": 1_100
      })
      assert.deepStrictEqual(yield* told("seo_provider_budget_spent", ...tags), {
        "ahrefs account (all)": 70,
        "ahrefs tenant (all)": 70
      })
      assert.deepStrictEqual(yield* told("seo_provider_budget_reserved", ...tags), {
        "ahrefs account (all)": 30,
        "ahrefs tenant (all)": 30
      })
      assert.deepStrictEqual(yield* told("seo_provider_budget_used_ratio", ...tags), {
        "ahrefs account (all)": 100 / 5_000,
        "ahrefs tenant (all)": 0.9
      })
      for (const id of ["one", "two", "none"]) yield* ledger.removeBudget({ ...book, of: "tenant", id })
      yield* read
      assert.deepStrictEqual(yield* told("seo_provider_budget_limit", ...tags), { "ahrefs account (all)": 5_000 })
    })
  )

  it.scoped("stay as they were while the ledger does not answer, and that is told", () =>
    Effect.gen(function* () {
      const { ledger, spend } = yield* opened()
      yield* spend("acme", "down", 10)
      let isDown = false
      const read = yield* Effect.provideService(Telemetry.make(), CreditLedger.CreditLedger, {
        ...ledger,
        usage: (...asked) =>
          isDown
            ? new LedgerUnavailable({ provider: "ahrefs", operation: "usage", message: "down" })
            : ledger.usage(...asked)
      })
      const up = told("seo_provider_ledger_up")
      yield* read
      assert.deepStrictEqual(yield* up, { "": 1 })
      isDown = true
      yield* spend("acme", "down", 10)
      yield* read
      assert.deepStrictEqual(yield* up, {})
      assert.include(yield* spent("operation", "day"), { "down today": 10 })
      isDown = false
      yield* read
      assert.deepStrictEqual(yield* up, { "": 1 })
      assert.include(yield* spent("operation", "day"), { "down today": 20 })
    })
  )

  it.scoped("are read at once and then at an interval, until the layer ends", () =>
    Effect.gen(function* () {
      const { context, spend } = yield* opened()
      const figure = Effect.map(spent("operation"), (all) => all["layer"] ?? 0)
      yield* spend("acme", "layer", 1)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Layer.build(
            Telemetry.layer({ interval: "30 seconds" }).pipe(Layer.provide(Layer.succeedContext(context)))
          )
          yield* advance(0)
          assert.strictEqual(yield* figure, 1)
          yield* spend("acme", "layer", 1)
          yield* advance("29 seconds")
          assert.strictEqual(yield* figure, 1)
          yield* advance("1 second")
          assert.strictEqual(yield* figure, 2)
        })
      )
      yield* spend("acme", "layer", 1)
      yield* advance("1 minute")
      assert.strictEqual(yield* figure, 2)
    })
  )
})
