/** The ledger's table, in a libSQL file and in a real PostgreSQL. */
import * as LibsqlClient from "@effect/sql-libsql/LibsqlClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as CreditLedger from "../src/CreditLedger.js"
import * as CreditLedgerSql from "../src/CreditLedgerSql.js"
import * as IntegrationsSql from "../src/IntegrationsSql.js"
import * as SharedState from "../src/SharedState.js"
import * as Postgres from "./support/postgres.js"
import { ask, start } from "./support/redis.js"

const quietly = Logger.replace(Logger.defaultLogger, Logger.none)

const account = CreditLedger.accountOf({ provider: "ahrefs", apiKey: Redacted.make("key") })
const book = { provider: "ahrefs", unit: "api_units" } as const
const budget = { ...book, of: "tenant", id: "acme's", limit: 100 } as const
const request = (amount: number): CreditLedger.Request => ({
  ...book,
  account,
  operation: "getBacklinks",
  parts: [{ tenant: "acme's", job: null, amount }]
})

const libsql = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "seo-ledger-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  ),
  (folder) => LibsqlClient.layer({ url: `file:${join(folder, "ledger.db")}` })
)
const postgres = Effect.map(Postgres.start, (url) => PgClient.layer({ url }))

const spend = (ledger: CreditLedger.Service, amount: number) =>
  Effect.flatMap(ledger.reserve(request(amount)), (held) => ledger.settle(held, amount))

/** What `check` needs comes to be true. */
const soon = <A, E, R>(work: Effect.Effect<A, E, R>, check: (value: A) => boolean) =>
  Effect.retry(
    Effect.filterOrFail(work, check, (value) => `still ${JSON.stringify(value)}`),
    Schedule.spaced("20 millis").pipe(Schedule.intersect(Schedule.recurs(200)))
  )

const layers = { libsql, postgres }

describe.each(["libsql", "postgres"] as const)("the table in %s", (name) => {
  it.scopedLive("has a row for each settlement, once, and outlives the ledger's own books", () =>
    Effect.gen(function* () {
      const database = yield* layers[name]
      const sql = Context.get(yield* Layer.build(database), SqlClient.SqlClient)
      const rows = sql<{ readonly amount: number | string }>`SELECT * FROM credit_ledger ORDER BY settled_at, amount`
      const run = Effect.fnUntraced(function* (
        work: (ledger: CreditLedger.Service) => Effect.Effect<unknown, unknown>
      ) {
        const scope = yield* Scope.make()
        const layer = CreditLedgerSql.layer.pipe(
          Layer.provide(SharedState.layerMemory({ budgets: [budget] })),
          Layer.provide(database)
        )
        const context = yield* Scope.extend(Layer.build(layer), scope)
        const exit = yield* Effect.exit(work(Context.get(context, CreditLedger.CreditLedger)))
        yield* Scope.close(scope, Exit.void)
        return yield* exit
      })
      yield* run((ledger) => Effect.zipRight(spend(ledger, 30), spend(ledger, 40)))
      assert.deepStrictEqual(
        (yield* rows).map(({ amount }) => Number(amount)),
        [30, 40]
      )
      // Another process, which knows nothing but the table.
      yield* run((ledger) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(ledger.reserve(request(31)))
          assert.include(error, { _tag: "BudgetExceeded", left: 30 })
          yield* spend(ledger, 30)
          assert.deepInclude(yield* ledger.balance(budget), { spent: 100, left: 0 })
        })
      )
      assert.strictEqual((yield* rows).length, 3)
    })
  )
})

describe("over a Redis", () => {
  it.scopedLive("that is flushed no figure is lost, and what a dead process settled is written by the next", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const database = yield* libsql
      const sql = Context.get(yield* Layer.build(database), SqlClient.SqlClient)
      const state = SharedState.layerRedis({ url: server.url, budgets: [budget] })
      // One that settles, but has no table.
      const dead = Context.get(yield* Layer.build(state), CreditLedger.CreditLedger)
      yield* spend(dead, 25)
      const made = CreditLedgerSql.layer.pipe(Layer.provide(state), Layer.provide(database))
      const ledger = Context.get(yield* Layer.build(Layer.fresh(made)), CreditLedger.CreditLedger)
      const count = sql<{ readonly count: number }>`SELECT COUNT(*) AS count FROM credit_ledger`
      assert.deepStrictEqual(yield* count, [{ count: 1 }])
      yield* spend(ledger, 45)
      yield* soon(count, ([row]) => row?.count === 2)
      yield* ask(server, (client) => client.flushAll())
      const error = yield* Effect.flip(ledger.reserve(request(31)))
      assert.include(error, { _tag: "BudgetExceeded", left: 30 })
      // A hold that was lost is booked when its call comes back.
      const held = yield* ledger.reserve(request(20))
      yield* ask(server, (client) => client.flushAll())
      yield* ledger.close(held, 20)
      assert.deepInclude(yield* ledger.balance(budget), { spent: 90, left: 10 })
    }).pipe(Effect.provide(quietly))
  )

  it.scopedLive("what could not be booked before it closes is written all the same", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const database = yield* libsql
      const sql = Context.get(yield* Layer.build(database), SqlClient.SqlClient)
      const scope = yield* Scope.make()
      const layer = CreditLedgerSql.layer.pipe(
        Layer.provide(SharedState.layerRedis({ url: server.url })),
        Layer.provide(database)
      )
      const ledger = Context.get(yield* Scope.extend(Layer.build(layer), scope), CreditLedger.CreditLedger)
      const held = yield* ledger.reserve(request(40))
      server.process.kill("SIGSTOP")
      yield* ledger.close(held, 40)
      server.process.kill("SIGCONT")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* sql`SELECT SUM(amount) AS spent FROM credit_ledger`, [{ spent: 40 }])
    }).pipe(Effect.provide(quietly))
  )

  it.scopedLive("a database that is gone: new periods are refused, what is known goes on, and is written later", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const database = yield* libsql
      const context = yield* Layer.build(database)
      const real = Context.get(context, SqlClient.SqlClient)
      let isGone = false
      // A database that can be made to fail.
      const failing = new Proxy(real, {
        apply: (target, self, args) =>
          isGone && Array.isArray(args[0]) ? real`SELECT * FROM nothing` : Reflect.apply(target, self, args)
      })
      const layer = CreditLedgerSql.layer.pipe(
        Layer.provide(SharedState.layerRedis({ url: server.url, budgets: [budget] })),
        Layer.provide(Layer.succeed(SqlClient.SqlClient, failing))
      )
      const ledger = Context.get(yield* Layer.build(layer), CreditLedger.CreditLedger)
      yield* spend(ledger, 10)
      isGone = true
      yield* spend(ledger, 10)
      yield* ask(server, (client) => client.flushAll())
      assert.strictEqual((yield* Effect.flip(ledger.reserve(request(1))))._tag, "LedgerUnavailable")
      isGone = false
      yield* soon(
        real<{ readonly spent: number }>`SELECT SUM(amount) AS spent FROM credit_ledger`,
        ([row]) => row?.spent === 20
      )
      yield* ledger.reserve(request(80))
      assert.strictEqual((yield* Effect.flip(ledger.reserve(request(1))))._tag, "BudgetExceeded")
    }).pipe(Effect.provide(quietly))
  )
})

it.scopedLive("the tables can be made by many at the same time", () =>
  Effect.gen(function* () {
    const database = yield* postgres
    const both = Effect.zipRight(CreditLedgerSql.migration, IntegrationsSql.migration)
    const made = Effect.forEach(Array.from({ length: 8 }), () => both, { concurrency: 8, discard: true })
    const dropped = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`DROP TABLE credit_ledger, integrations`)
    // The connections are open the second time: then they come together.
    yield* Effect.provide(Effect.repeatN(Effect.zipRight(made, dropped), 9), database)
  })
)
