/** One scenario: a Redis, a vendor and processes, what goes wrong, and the audit. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as SqlClient from "@effect/sql/SqlClient"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as CreditLedger from "../../src/CreditLedger.js"
import * as SharedState from "../../src/SharedState.js"
import * as Postgres from "../support/postgres.js"
import { random } from "../support/random.js"
import * as Redis from "../support/redis.js"
import * as Audit from "./audit.js"
import type { Scenario } from "./scenarios.js"
import { canary, type Played, type RedisAt, type Setting, tenantName } from "./setting.js"
import * as Store from "./store.js"
import * as Vendor from "./vendor.js"
import * as Workers from "./workers.js"

export interface Outcome {
  readonly scenario: Scenario
  readonly seed: number
  readonly millis: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly calls: number
  readonly billed: Readonly<Record<Played, number>>
  readonly booked: Readonly<Record<Played, number>>
  /** Facts sold again for a stated reason. */
  readonly again: Readonly<Record<string, number>>
  readonly slowest: number
  /** Keys in Redis, counted every few seconds, and those of them that remember a reservation for its six hours. */
  readonly keyCounts: ReadonlyArray<readonly [all: number, closed: number]>
  readonly heaps: Workers.Heard["heaps"]
  readonly kills: number
  readonly troubles: number
  /** Questions that Redis did not answer in time. */
  readonly unheard: number
  readonly violations: ReadonlyArray<string>
}

const budget = 3_000
/** Well again, before all stop. */
const convalescence = 3_000

const books = [
  { provider: "ahrefs", unit: "api_units" },
  { provider: "se_ranking", unit: "credits" }
] as const satisfies ReadonlyArray<CreditLedger.Book>

/** What the books in Redis say. */
const inRedis = (at: RedisAt) =>
  Effect.gen(function* () {
    const { usage } = yield* CreditLedger.CreditLedger
    const now = yield* DateTime.now
    // A process whose clock is wrong may be in another day.
    const days = { from: DateTime.subtract(now, { days: 1 }), to: DateTime.add(now, { days: 1 }) }
    return yield* Effect.forEach(books, (book) => Effect.map(usage(book, days), (rows) => ({ ...book, rows })))
  }).pipe(
    // A breaker may still rest.
    Effect.retry(Schedule.intersect(Schedule.spaced("500 millis"), Schedule.recurs(20))),
    Effect.provide(SharedState.layerRedis({ ...at, deadline: "2 seconds" })),
    Effect.scoped
  )

/** What the ledger's table says. */
const inTable = (url: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    return yield* sql<{ readonly provider: Played; readonly tenant: string | null; readonly spent: string }>`
      SELECT provider, tenant, sum(amount) AS spent FROM credit_ledger GROUP BY provider, tenant`
  }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url) })), Effect.scoped)

interface Row {
  readonly tenant: string | null
  readonly spent: number
  readonly reserved: number
  readonly expired: number
}

const sum = (rows: ReadonlyArray<Row>, of: "spent" | "reserved" | "expired") =>
  rows.reduce((all, row) => all + row[of], 0)

export const play = ({
  isShort,
  millis,
  scenario,
  seed,
  worker
}: {
  readonly scenario: Scenario
  readonly seed: number
  readonly millis: number
  readonly worker: string
  readonly isShort: boolean
}) =>
  Effect.gen(function* () {
    const next = random(seed)
    const redis = yield* Store.make(scenario.store ?? "server")
    const database = scenario.isBookLost === true ? yield* Postgres.start : null
    const setting = (number: number): Setting => ({
      number,
      seed,
      redis: redis.at,
      vendor: "",
      transport: "fetch",
      tenants: 8,
      accounts: 3,
      callers: 12,
      rest: 100,
      sites: 300,
      budget,
      // A machine that runs all of this at once is late without being in trouble.
      deadline: 2_000,
      freshFor: null,
      mayBeAbsent: false,
      database: database === null ? null : Redacted.value(database),
      ...scenario.setting
    })
    const vendor = yield* Vendor.make(setting(0))
    const unheard: Array<Audit.Trouble> = []
    const workers = yield* Workers.make(
      worker,
      (number) => ({ ...setting(number), vendor: vendor.url }),
      next,
      (from, to) => unheard.push({ from, to, isLoss: false })
    )
    yield* Effect.forEach(Array.from({ length: isShort ? 2 : 3 }), () => workers.start, { concurrency: "unbounded" })

    const keyCounts: Array<readonly [number, number]> = []
    const counting = Effect.gen(function* () {
      yield* Effect.sleep("10 seconds")
      const keys = (yield* Effect.forEach(yield* redis.servers, (server) =>
        Redis.ask(server, (client) => client.keys("*"))
      )).flat()
      keyCounts.push([keys.length, keys.filter((key) => key.includes(":closed:")).length])
    })
    yield* Effect.forkScoped(Effect.forever(counting))

    yield* Effect.scoped(Effect.disconnect(scenario.disturb({ next, vendor, redis, millis, workers }))).pipe(
      Effect.timeoutTo({ duration: millis, onSuccess: () => undefined, onTimeout: () => undefined })
    )
    vendor.ail(() => null)
    yield* Effect.sleep(convalescence)
    yield* workers.stop

    const servers = yield* redis.servers
    const keys = (yield* Effect.forEach(servers, Redis.keysWithLife)).flat()
    const leaks = (yield* Effect.forEach(servers, Store.keysThatHold(canary))).flat()
    const said: ReadonlyArray<{ readonly provider: Played; readonly rows: ReadonlyArray<Row> }> =
      database === null
        ? yield* inRedis(redis.at)
        : yield* Effect.map(inTable(Redacted.value(database)), (rows) =>
            books.map(({ provider }) => ({
              provider,
              rows: rows
                .filter((row) => row.provider === provider)
                .map(({ spent, tenant }) => ({ tenant, spent: Number(spent), reserved: 0, expired: 0 }))
            }))
          )
    const ofFirst = said[0]!.rows.filter(({ tenant }) => tenant === tenantName(0))
    const { kills } = workers
    const evidence: Audit.Evidence = {
      sales: vendor.sales,
      freshFor: setting(0).freshFor,
      troubles: [...redis.troubles, ...unheard],
      kills,
      stills: workers.stills,
      books: said.map(({ provider, rows }) => ({
        provider,
        spent: sum(rows, "spent"),
        reserved: sum(rows, "reserved"),
        expired: sum(rows, "expired")
      })),
      budget: { limit: setting(0).budget, spent: sum(ofFirst, "spent") },
      keys
    }
    const { heard } = workers
    const total = (provider: Played) =>
      vendor.sales.filter((sale) => sale.provider === provider).reduce((all, { billed }) => all + billed, 0)
    const spent = (provider: Played) => evidence.books.find((book) => book.provider === provider)!.spent
    const outcome: Outcome = {
      scenario,
      seed,
      millis,
      outcomes: heard.outcomes,
      calls: vendor.calls(),
      billed: { ahrefs: total("ahrefs"), se_ranking: total("se_ranking") },
      booked: { ahrefs: spent("ahrefs"), se_ranking: spent("se_ranking") },
      again: Audit.bought(evidence).again,
      slowest: heard.slowest,
      keyCounts,
      heaps: heard.heaps,
      kills: kills.length,
      troubles: redis.troubles.length,
      unheard: heard.unheard,
      violations: [
        ...heard.violations,
        ...Audit.violations(evidence),
        ...(heard.outcomes["answered"] === undefined ? ["nobody was answered"] : []),
        ...vendor.astray
          .filter((request) => request.includes(canary))
          .map((request) => `the key followed a redirect: ${request}`),
        ...vendor.failures.map((failure) => `the vendor failed: ${failure}`),
        ...leaks.map((key) => `a key is in Redis at ${key}`)
      ]
    }
    return outcome
  })
