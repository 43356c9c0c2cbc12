import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import * as Ahrefs from "../src/Ahrefs.js"
import * as CreditLedger from "../src/CreditLedger.js"
import * as Integrations from "../src/Integrations.js"
import * as SERanking from "../src/SERanking.js"
import * as SharedState from "../src/SharedState.js"
import * as Spender from "../src/Spender.js"
import * as TenantProviders from "../src/TenantProviders.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../src/testing/SERankingSimulator.js"
import { advance } from "./support/clock.js"
import { always, stub } from "./support/stub.js"

const book = { provider: "ahrefs", unit: "api_units" } as const

/** A row of Ahrefs whose turns are never waited for. */
const row = (key: string, metadata: Readonly<Record<string, unknown>> = {}): Integrations.Static => ({
  provider: "ahrefs",
  apiKey: Redacted.make(key),
  metadata: { rateLimit: { requests: 1_000_000, per: "1 second" }, ...metadata }
})

interface Setup extends TenantProviders.Options {
  readonly tenants?: Readonly<Record<string, ReadonlyArray<Integrations.Static>>>
  readonly simulator?: AhrefsSimulator.Options
  readonly client?: HttpClient.HttpClient
  /** What becomes of each look-up of rows. */
  readonly get?: (rows: Integrations.Service["get"]) => Integrations.Service["get"]
  readonly budgets?: ReadonlyArray<CreditLedger.Budget>
}

/** Everything real but the provider, which is a simulator. */
const opened = ({ budgets, client, get = (rows) => rows, simulator: choices, tenants = {}, ...options }: Setup = {}) =>
  Effect.gen(function* () {
    const simulator = yield* AhrefsSimulator.make({ rateLimit: false, ...choices })
    const rows = Context.get(yield* Layer.build(Integrations.layerStatic(tenants)), Integrations.Integrations)
    const parts = Layer.mergeAll(
      Layer.succeed(Integrations.Integrations, { ...rows, get: get(rows.get) }),
      Layer.succeed(HttpClient.HttpClient, client ?? simulator.httpClient),
      SharedState.layerMemory({ budgets })
    )
    const context = yield* Layer.build(Layer.provideMerge(TenantProviders.layer(options), parts))
    const providers = Context.get(context, TenantProviders.TenantProviders)
    const ahrefsOf = (tenant: string) =>
      providers.use(tenant, ({ ahrefs }) => Effect.orDieWith(ahrefs, () => "no Ahrefs"))
    /** Asks a question of its own, sent at once. */
    const ask = (tenant: string, domain: string) =>
      providers.use(tenant, ({ ahrefs }) =>
        Effect.flatMap(Effect.orDie(ahrefs), (ahrefs) => ahrefs.getReferringDomains(domain))
      )
    const keys = Effect.map(simulator.requests, (requests) =>
      requests.map(({ headers: { authorization } }) =>
        (Redacted.isRedacted(authorization) ? String(Redacted.value(authorization)) : "").replace("Bearer ", "")
      )
    )
    return {
      ahrefsOf,
      ask,
      context,
      keys,
      ledger: Context.get(context, CreditLedger.CreditLedger),
      providers,
      rows,
      simulator
    }
  })

/** Whether the instance of a service that was kept too long is open still. */
const isOpen = (ahrefs: Ahrefs.Service, domain: string) =>
  Effect.map(Effect.exit(ahrefs.getReferringDomains(domain)), Exit.isSuccess)

const targetsOf = ({ body }: AhrefsSimulator.RecordedRequest): number =>
  Predicate.hasProperty(body, "targets") && Array.isArray(body.targets) ? body.targets.length : 0

describe("instances", () => {
  it.scoped("one for an account, whoever uses it", () =>
    Effect.gen(function* () {
      const { providers, simulator } = yield* opened({
        tenants: { one: [row("key")], two: [row("key", { routing: { priority: 2 }, budget: { limit: 1_000 } })] }
      })
      const asked = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 50 }, (_, i) => i),
          (i) =>
            providers.use(i % 2 === 0 ? "one" : "two", ({ ahrefs }) =>
              Effect.flatMap(Effect.orDie(ahrefs), ({ getDomainRating }) => getDomainRating(`site-${i}.com`))
            ),
          { concurrency: "unbounded" }
        )
      )
      yield* advance("10 millis")
      assert.strictEqual((yield* Fiber.join(asked)).length, 50)
      // Look-ups leave together where one instance has them.
      assert.deepStrictEqual((yield* simulator.requests).map(targetsOf), [50])
    })
  )

  it.scoped("another for other settings, and for another key", () =>
    Effect.gen(function* () {
      const { providers, simulator } = yield* opened({
        tenants: {
          one: [row("key")],
          same: [row("key", { contract: "vendor", freeDomainRating: false })],
          slow: [row("key", { concurrency: 3 })],
          patient: [row("key", { timeout: "1 minute", batchWait: 5 })],
          other: [row("other-key")]
        }
      })
      const asked = yield* Effect.fork(
        Effect.forEach(
          ["one", "same", "slow", "patient", "other"],
          (tenant) =>
            providers.use(tenant, ({ ahrefs }) =>
              Effect.flatMap(Effect.orDie(ahrefs), ({ getDomainRating }) => getDomainRating(`${tenant}.com`))
            ),
          { concurrency: "unbounded" }
        )
      )
      yield* advance("10 millis")
      yield* Fiber.join(asked)
      assert.deepStrictEqual((yield* simulator.requests).map(targetsOf).sort(), [1, 1, 1, 2])
    })
  )

  it.scoped("closed when nobody has used it for a while, and opened anew", () =>
    Effect.gen(function* () {
      const { ahrefsOf, ask, providers } = yield* opened({ tenants: { acme: [row("key")] } })
      const first = yield* ahrefsOf("acme")
      yield* advance("299 seconds")
      assert.isTrue(yield* isOpen(first, "a.com"))
      yield* advance("1 second")
      assert.isFalse(yield* isOpen(first, "b.com"))
      yield* ask("acme", "c.com")

      const scope = yield* Scope.make()
      const { ahrefs } = yield* Scope.extend(providers.get("acme"), scope)
      const held = yield* ahrefs
      yield* advance("1 hour")
      assert.isTrue(yield* isOpen(held, "d.com"))
      yield* Scope.close(scope, Exit.void)
      yield* advance("5 minutes")
      assert.isFalse(yield* isOpen(held, "e.com"))
    })
  )

  it.scoped("above the capacity the one goes that was used longest ago", () =>
    Effect.gen(function* () {
      const { ahrefsOf } = yield* opened({
        capacity: 2,
        tenants: { a: [row("key-a")], b: [row("key-b")], c: [row("key-c")] }
      })
      const a = yield* ahrefsOf("a")
      const b = yield* ahrefsOf("b")
      yield* ahrefsOf("a")
      const c = yield* ahrefsOf("c")
      yield* advance(0)
      assert.isFalse(yield* isOpen(b, "1.com"))
      assert.isTrue(yield* isOpen(a, "2.com"))
      assert.isTrue(yield* isOpen(c, "3.com"))
      // And so on: what was evicted once comes back in the place of another.
      const again = yield* ahrefsOf("b")
      yield* advance(0)
      assert.isTrue(yield* isOpen(again, "4.com"))
      assert.isFalse(yield* isOpen(a, "5.com"))
    })
  )

  it.scoped("the one that goes waits for no provider", () =>
    Effect.gen(function* () {
      const { ahrefsOf, ask, keys } = yield* opened({
        capacity: 1,
        simulator: { latency: "10 seconds" },
        tenants: { a: [row("key-a")], b: [row("key-b")] }
      })
      // Its caller goes away when it is sent.
      const gone = yield* Effect.fork(ask("a", "1.com"))
      yield* advance(0)
      yield* Fiber.interrupt(gone)
      // The clock stands still.
      yield* ahrefsOf("b")
      assert.deepStrictEqual(yield* keys, ["key-a"])
      yield* advance("10 seconds")
    })
  )

  it.effect("are closed all at once: while one is waited for, no other goes on", () =>
    Effect.gen(function* () {
      const names = ["a", "b", "c"]
      const scope = yield* Scope.make()
      const { ask, keys } = yield* Scope.extend(
        opened({
          simulator: { latency: "10 seconds" },
          tenants: Object.fromEntries(
            names.map((name) => [name, [row(`key-${name}`, { rateLimit: { requests: 1, per: "1 second" } })]])
          )
        }),
        scope
      )
      for (const name of names) {
        yield* Effect.fork(ask(name, "1.com"))
        yield* advance(0)
        yield* Effect.fork(ask(name, "2.com"))
        yield* advance(0)
      }
      assert.lengthOf(yield* keys, 3)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* advance("10 seconds")
      yield* Fiber.join(closing)
      assert.lengthOf(yield* keys, 3)
    })
  )

  it.scoped("above the capacity with all in use it is an error that says so", () =>
    Effect.gen(function* () {
      const { ask, providers } = yield* opened({
        capacity: 2,
        tenants: { a: [row("key-a")], b: [row("key-b")], c: [row("key-c")], alsoA: [row("key-a")] }
      })
      const scope = yield* Scope.make()
      yield* Scope.extend(Effect.all([providers.get("a"), providers.get("b")]), scope)
      const error = yield* Effect.flip(ask("c", "1.com"))
      assert.strictEqual(error._tag, "TooManyAccounts")
      assert.match(error.message, /2 accounts .* Try again/)
      yield* ask("alsoA", "2.com")
      yield* Scope.close(scope, Exit.void)
      yield* ask("c", "3.com")
    })
  )

  it.scoped("many at once over few places: each call gets its own account's service", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 20 }, (_, i) => `t${i}`)
      const { ask, keys } = yield* opened({
        capacity: 3,
        tenants: Object.fromEntries(names.map((name) => [name, [row(`key-${name}`)]]))
      })
      const calls = Array.from({ length: 200 }, (_, i) => i)
      yield* Effect.forEach(calls, (i) => ask(names[i % 20]!, `site-${i}.com`), { concurrency: 3 })
      const used = yield* keys
      assert.strictEqual(used.length, 200)
      for (const name of names) assert.strictEqual(used.filter((key) => key === `key-${name}`).length, 10)
    })
  )

  it.scoped("is made of what the layer has, not of what its first user has", () =>
    Effect.gen(function* () {
      const { ask } = yield* opened({ tenants: { acme: [row("key")] } })
      const { client, sent } = stub(always({ metrics: { live_refdomains: 1 } }))
      yield* Effect.provideService(ask("acme", "a.com"), HttpClient.HttpClient, client)
      assert.deepStrictEqual(sent, [])
    })
  )

  it.scoped("one that could not be opened is not kept", () =>
    Effect.gen(function* () {
      let isBroken = true
      const { client } = stub(always({ metrics: { live_refdomains: 1 } }))
      const { ask } = yield* opened({
        client: new Proxy(client, {
          get: (target, name, receiver) => {
            if (isBroken) {
              isBroken = false
              throw new Error("broken")
            }
            return Reflect.get(target, name, receiver) as unknown
          }
        }),
        tenants: { acme: [row("key")] }
      })
      const exit = yield* Effect.exit(ask("acme", "a.com"))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      yield* ask("acme", "a.com")
    })
  )

  it.scoped("closed with the layer", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { ahrefsOf } = yield* Scope.extend(opened({ tenants: { acme: [row("key")] } }), scope)
      const ahrefs = yield* ahrefsOf("acme")
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(yield* isOpen(ahrefs, "a.com"))
    })
  )
})

describe("rows", () => {
  it.scoped("are read once for those who come at once, and again when they are old", () =>
    Effect.gen(function* () {
      let reads = 0
      const { ask } = yield* opened({
        tenants: { acme: [row("key")], other: [row("other")] },
        get: (rows) => (tenant) =>
          Effect.zipRight(
            Effect.sync(() => {
              reads++
            }),
            Effect.delay(rows(tenant), "1 second")
          )
      })
      const first = yield* Effect.fork(ask("acme", "0.com"))
      yield* advance(0)
      const asked = yield* Effect.fork(
        Effect.forEach([1, 2, 3], (i) => ask("acme", `${i}.com`), { concurrency: "unbounded" })
      )
      yield* advance(0)
      // Who came first may go.
      yield* Fiber.interrupt(first)
      yield* advance("1 second")
      yield* Fiber.join(asked)
      assert.strictEqual(reads, 1)
      // As old as the question, not as the answer.
      yield* advance("3999 millis")
      yield* ask("acme", "4.com")
      assert.strictEqual(reads, 1)
      yield* advance("1 millis")
      const again = yield* Effect.fork(ask("acme", "5.com"))
      yield* advance("1 second")
      yield* Fiber.join(again)
      assert.strictEqual(reads, 2)
    })
  )

  it.scoped("that could not be read are asked for again, by each who comes", () =>
    Effect.gen(function* () {
      let reads = 0
      const { ask } = yield* opened({
        tenants: { acme: [row("key")] },
        get: (rows) => (tenant) => {
          reads++
          if (reads === 1) return new Integrations.IntegrationsUnavailable({ message: "The database is away." })
          return reads === 2 ? Effect.die("a defect") : rows(tenant)
        }
      })
      assert.strictEqual((yield* Effect.flip(ask("acme", "a.com")))._tag, "IntegrationsUnavailable")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(ask("acme", "a.com"))))
      yield* ask("acme", "a.com")
      assert.strictEqual(reads, 3)
    })
  )

  it.scoped("a retry at once is not told of the failure that it comes from", () =>
    Effect.gen(function* () {
      let reads = 0
      const { ask } = yield* opened({
        tenants: { acme: [row("key")] },
        get: (rows) => (tenant) =>
          Effect.suspend(() => {
            reads++
            const answer = reads === 1 ? new Integrations.IntegrationsUnavailable({ message: "Away." }) : rows(tenant)
            return Effect.delay(answer, "1 second")
          })
      })
      const asked = yield* Effect.fork(
        Effect.forEach([1, 2, 3, 4], (i) => Effect.retry(ask("acme", `${i}.com`), { times: 1 }), {
          concurrency: "unbounded"
        })
      )
      yield* advance("1 second")
      yield* advance("1 second")
      yield* Fiber.join(asked)
      // Those who came late may have asked once more.
      assert.include([2, 3], reads)
    })
  )

  it.scoped("a new key is used in time, and a call under way with the old one comes to its end", () =>
    Effect.gen(function* () {
      const { ask, keys, rows } = yield* opened({
        simulator: { latency: "20 seconds" },
        tenants: { acme: [row("old")] }
      })
      const slow = yield* Effect.fork(ask("acme", "a.com"))
      yield* advance("1 second")
      yield* rows.upsert({ tenant: "acme", ...row("new") })
      yield* advance("3999 millis")
      const late = yield* Effect.fork(ask("acme", "b.com"))
      yield* advance("1 millis")
      const next = yield* Effect.fork(ask("acme", "c.com"))
      yield* advance("20 seconds")
      yield* Fiber.joinAll([slow, late, next])
      assert.deepStrictEqual(yield* keys, ["old", "old", "new"])
    })
  )

  it.scoped("keys that change under load lose no call", () =>
    Effect.gen(function* () {
      const all = ["key-0", "key-1", "key-2", "key-3"]
      const { ask, keys, rows } = yield* opened({
        refresh: "1 second",
        simulator: { latency: "1 second", keys: all },
        tenants: { acme: [row("key-0", { concurrency: 100 })] }
      })
      let isOver = false
      let calls = 0
      const caller = (i: number) =>
        Effect.iterate(0, {
          while: () => !isOver,
          body: (n) => {
            calls++
            return Effect.as(ask("acme", `site-${i}-${n}.com`), n + 1)
          }
        })
      const busy = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 40 }, (_, i) => i),
          caller,
          { concurrency: "unbounded" }
        )
      )
      for (const key of all.slice(1)) {
        yield* advance("700 millis")
        yield* rows.upsert({ tenant: "acme", ...row(key, { concurrency: 100 }) })
        yield* advance("1 second")
        const before = (yield* keys).length
        yield* advance("1 second")
        const later = (yield* keys).slice(before)
        assert.isAtLeast(later.length, 40)
        assert.deepStrictEqual(Array.from(new Set(later)), [key])
      }
      isOver = true
      yield* advance("1 second")
      yield* Fiber.join(busy)
      assert.strictEqual((yield* keys).length, calls)
    })
  )

  it.scoped("a tenant that is gone fails in time; one whose row is broken fails alone", () =>
    Effect.gen(function* () {
      const { ask, rows } = yield* opened({
        tenants: { acme: [row("key")], other: [row("key")], broken: [row("key"), row("other")] }
      })
      yield* ask("acme", "a.com")
      yield* rows.remove({ tenant: "acme", provider: "ahrefs" })
      yield* advance("5 seconds")
      assert.strictEqual((yield* Effect.flip(ask("acme", "b.com")))._tag, "NoIntegration")
      assert.strictEqual((yield* Effect.flip(ask("nobody", "b.com")))._tag, "UnknownTenant")
      assert.strictEqual((yield* Effect.flip(ask("broken", "b.com")))._tag, "DuplicateIntegration")
      yield* ask("other", "b.com")
    })
  )
})

describe("budgets", () => {
  const tenantOf = (id: string) => ({ ...book, of: "tenant", id }) as const

  it.scoped("limit their tenant alone, and change with the row", () =>
    Effect.gen(function* () {
      const { ask, ledger, rows } = yield* opened({
        tenants: { acme: [row("key", { budget: { limit: 60 } })], other: [row("key")] }
      })
      // 50 units each.
      yield* ask("acme", "a.com")
      const error = yield* Effect.flip(ask("acme", "b.com"))
      assert.strictEqual(error._tag, "BudgetExceeded")
      if (error._tag === "BudgetExceeded") {
        assert.deepStrictEqual(error.budget, { of: "tenant", id: "acme" })
        assert.strictEqual(error.left, 10)
      }
      yield* ask("other", "d.com")

      yield* rows.upsert({ tenant: "acme", ...row("key", { budget: { limit: 100, per: "month" } }) })
      yield* advance("5 seconds")
      yield* ask("acme", "b.com")
      assert.strictEqual((yield* Effect.flip(ask("acme", "c.com")))._tag, "BudgetExceeded")

      yield* rows.upsert({ tenant: "acme", ...row("key") })
      yield* advance("5 seconds")
      yield* ask("acme", "c.com")
      assert.strictEqual((yield* ledger.balance(tenantOf("acme"))).limit, null)
    })
  )

  it.scoped("go with the contract to its unit, and are left alone where somebody else set them", () =>
    Effect.gen(function* () {
      const { ahrefsOf, ledger, rows } = yield* opened({
        budgets: [{ ...tenantOf("other"), limit: 500 }],
        tenants: { acme: [row("key", { budget: { limit: 60 } })], other: [row("key")] }
      })
      const limits = Effect.suspend(() =>
        Effect.all([
          Effect.map(ledger.balance(tenantOf("acme")), ({ limit }) => limit),
          Effect.map(ledger.balance({ ...tenantOf("acme"), unit: "row_credits" }), ({ limit }) => limit),
          Effect.map(ledger.balance(tenantOf("other")), ({ limit }) => limit)
        ])
      )
      yield* Effect.all([ahrefsOf("acme"), ahrefsOf("other")])
      assert.deepStrictEqual(yield* limits, [60, null, 500])
      yield* rows.upsert({ tenant: "acme", ...row("key", { contract: "platform", budget: { limit: 7 } }) })
      yield* advance("5 seconds")
      yield* Effect.all([ahrefsOf("acme"), ahrefsOf("other")])
      assert.deepStrictEqual(yield* limits, [null, 7, 500])
    })
  )

  it.scoped("stay while the row is away: what is under way is still limited", () =>
    Effect.gen(function* () {
      const { ask, ledger, providers, rows } = yield* opened({
        tenants: { acme: [row("key", { budget: { limit: 60 } })] }
      })
      const { ahrefs } = yield* providers.get("acme")
      const held = yield* ahrefs
      yield* rows.remove({ tenant: "acme", provider: "ahrefs" })
      yield* advance("5 seconds")
      assert.strictEqual((yield* Effect.flip(ask("acme", "a.com")))._tag, "NoIntegration")
      assert.strictEqual((yield* ledger.balance(tenantOf("acme"))).limit, 60)
      yield* held.getReferringDomains("a.com")
      assert.strictEqual((yield* Effect.flip(held.getReferringDomains("b.com")))._tag, "BudgetExceeded")
      yield* rows.upsert({ tenant: "acme", ...row("key") })
      yield* ask("acme", "b.com")
      assert.strictEqual((yield* ledger.balance(tenantOf("acme"))).limit, null)
    })
  )

  it.scoped("that no ledger takes fail the tenant", () =>
    Effect.gen(function* () {
      const { ask } = yield* opened({
        tenants: { acme: [row("key")] },
        get: (rows) => (tenant) =>
          Effect.map(rows(tenant), (all) =>
            all.map((row) => ({ ...row, metadata: { ...row.metadata, budget: { limit: 0.5 } } }))
          )
      })
      const error = yield* Effect.flip(ask("acme", "a.com"))
      assert.strictEqual(error._tag, "InvalidMetadata")
    })
  )
})

describe("spending", () => {
  const spender = FiberRef.get(Spender.current)
  const spent = (ledger: CreditLedger.Service) =>
    Effect.map(ledger.usage(book), (rows) =>
      rows.map(({ job, operation, spent, tenant }) => `${tenant} ${job} ${operation} ${spent}`).sort()
    )

  it.scoped("is booked for the tenant: in use, through the layer, in another fiber, in a job", () =>
    Effect.gen(function* () {
      const { ask, context, ledger, providers } = yield* opened({
        tenants: { acme: [row("key")], other: [row("key")] }
      })
      yield* ask("acme", "a.com")
      yield* Spender.as({ tenant: "nobody", job: "j1" })(ask("acme", "b.com"))
      yield* Effect.provide(
        Effect.flatMap(Ahrefs.Ahrefs, ({ getReferringDomains }) => getReferringDomains("c.com")),
        Layer.provide(TenantProviders.layerAhrefs("other"), Layer.succeedContext(context))
      )
      const { ahrefs } = yield* providers.get("other")
      const { getReferringDomains } = yield* ahrefs
      yield* Effect.flatMap(Effect.fork(getReferringDomains("d.com")), Fiber.join)
      yield* Effect.forkDaemon(getReferringDomains("e.com")).pipe(Effect.flatMap(Fiber.join))
      assert.deepStrictEqual(yield* spent(ledger), [
        "acme j1 getReferringDomains 50",
        "acme null getReferringDomains 50",
        "other null getReferringDomains 150"
      ])
    })
  )

  it.scoped("of streams that take turns in one fiber is told apart", () =>
    Effect.gen(function* () {
      const { ledger, providers } = yield* opened({ tenants: { acme: [row("key")], other: [row("key")] } })
      const pullOf = (tenant: string) =>
        Effect.gen(function* () {
          const { ahrefs } = yield* providers.get(tenant)
          const sites = Array.from({ length: 200 }, (_, i) => `${tenant}-${i}.com`)
          return yield* Stream.toPull((yield* ahrefs).getDomainRatingsStream(sites))
        })
      const acme = yield* pullOf("acme")
      const other = yield* pullOf("other")
      const asked = yield* Effect.all([acme, other, acme, other]).pipe(
        Effect.zipRight(spender),
        Spender.as({ job: "j1" }),
        Effect.fork
      )
      yield* advance("1 second")
      // Between two pulls the fiber is nobody's.
      assert.deepStrictEqual(yield* Fiber.join(asked), { tenant: null, job: "j1" })
      assert.deepStrictEqual(yield* spent(ledger), ["acme j1 getDomainRatings 400", "other j1 getDomainRatings 400"])
    })
  )

  it.scoped("a stream that is left half read has cost what was read", () =>
    Effect.gen(function* () {
      const { ahrefsOf, ledger } = yield* opened({ tenants: { acme: [row("key")] } })
      const ahrefs = yield* ahrefsOf("acme")
      const asked = yield* Effect.fork(
        Stream.runCollect(
          Stream.take(ahrefs.getDomainRatingsStream(Array.from({ length: 500 }, (_, i) => `s${i}.com`)), 5)
        )
      )
      yield* advance("1 second")
      assert.strictEqual((yield* Fiber.join(asked)).length, 5)
      assert.deepStrictEqual(yield* spent(ledger), ["acme null getDomainRatings 200"])
    })
  )
})

describe("providers", () => {
  it.scoped("both of a tenant, each by its name, and an error where the layer's is none of them", () =>
    Effect.gen(function* () {
      const seRanking = yield* SERankingSimulator.make({ rateLimit: false })
      const { context, providers } = yield* opened({
        client: seRanking.httpClient,
        tenants: {
          both: [row("key"), { provider: "se_ranking", apiKey: Redacted.make("se"), metadata: { custom: { n: 1 } } }],
          one: [row("key")]
        }
      })
      const both = yield* providers.get("both")
      assert.deepStrictEqual(
        both.all.map(({ integration: { metadata, tenant }, provider }) => [tenant, provider, metadata.custom]),
        [
          ["both", "ahrefs", undefined],
          ["both", "se_ranking", { n: 1 }]
        ]
      )
      assert.isTrue(Option.isSome(both.ahrefs))
      const rank = (tenant: string) =>
        Effect.provide(
          Effect.flatMap(SERanking.SERanking, ({ getDomainInlinkRank }) => getDomainInlinkRank("a.com")),
          Layer.provide(TenantProviders.layerSERanking(tenant), Layer.succeedContext(context))
        )
      yield* rank("both")
      const error = yield* Effect.flip(rank("one"))
      assert.strictEqual(error._tag, "NoIntegration")
    })
  )

  it.scoped("print no key, and neither do errors", () =>
    Effect.gen(function* () {
      const { ask, providers } = yield* opened({
        capacity: 1,
        simulator: { keys: [] },
        tenants: { acme: [row("s3cret-key")], other: [row("s3cret-other")] }
      })
      const acme = yield* providers.get("acme")
      const refused = yield* Effect.flip(ask("acme", "a.com"))
      const full = yield* Effect.flip(ask("other", "a.com"))
      assert.strictEqual(refused._tag, "InvalidKey")
      assert.strictEqual(full._tag, "TooManyAccounts")
      const defect = yield* Effect.exit(providers.use("acme", (all) => Effect.die(all)))
      for (const one of [providers, acme, refused, full, defect]) {
        assert.notInclude(JSON.stringify(one), "s3cret")
        assert.notInclude(inspect(one, { depth: Infinity, showHidden: true }), "s3cret")
        assert.notInclude(String(one), "s3cret")
      }
    })
  )

  it.scoped("every member of a service is the tenant's", () =>
    Effect.gen(function* () {
      const { ahrefsOf } = yield* opened({ tenants: { acme: [row("key")] } })
      const plain = yield* Ahrefs.make({ apiKey: Redacted.make("key") }).pipe(
        Effect.provide(SharedState.layerNoop),
        Effect.provideService(HttpClient.HttpClient, stub(always({})).client)
      )
      const ours = yield* ahrefsOf("acme")
      assert.deepStrictEqual(Object.keys(ours), Object.keys(plain))
      assert.strictEqual((yield* ours.plan("getDomainRatings", ["a.com"])).calls, 1)
      assert.strictEqual((yield* ours.verify).provider, "ahrefs")
    })
  )

  it.scoped("use closes what it opened, and nothing of its caller's", () =>
    Effect.gen(function* () {
      const { providers } = yield* opened({ tenants: { acme: [row("key")] } })
      const isClosed = yield* Deferred.make<void>()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* providers.use("acme", () => Effect.addFinalizer(() => Deferred.succeed(isClosed, undefined)))
          assert.isFalse(yield* Deferred.isDone(isClosed))
        })
      )
      assert.isTrue(yield* Deferred.isDone(isClosed))
      assert.deepStrictEqual(yield* Effect.flip(providers.use("acme", () => Effect.fail("mine"))), "mine")
    })
  )

  it.effect("can be put in place of the real ones", () =>
    Effect.gen(function* () {
      const ahrefs = Context.get(
        yield* Layer.build(Ahrefs.layerTest({ getReferringDomains: () => Effect.succeed(7) })),
        Ahrefs.Ahrefs
      )
      const integration: Integrations.Listed = {
        id: "1",
        tenant: "acme",
        provider: "ahrefs",
        metadata: {},
        verification: Option.none()
      }
      const providers = TenantProviders.fromLive("acme", [{ provider: "ahrefs", integration, service: ahrefs }])
      const layer = TenantProviders.layerTest({ use: (_, f) => f(providers) })
      const asked = yield* Effect.provide(
        Effect.flatMap(TenantProviders.TenantProviders, ({ use }) =>
          use("acme", ({ ahrefs }) => Effect.flatMap(ahrefs, ({ getReferringDomains }) => getReferringDomains("a.com")))
        ),
        layer
      )
      assert.strictEqual(asked, 7)
      assert.isTrue(Option.isNone(providers.seRanking))
      const dead = yield* Effect.either(
        Effect.sandbox(
          Effect.provide(
            Effect.flatMap(TenantProviders.TenantProviders, ({ get }) => get("acme")),
            layer
          )
        )
      )
      assert.isTrue(Either.isLeft(dead))
    }).pipe(Effect.scoped)
  )
})
