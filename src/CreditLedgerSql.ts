/**
 * The audit trail of the ledger as a table, so that no figure is lost with the store of the ledger: every settlement becomes a row
 * of `credit_ledger`, and a budget's period that the ledger does not know, because its store is new or was flushed, is summed up
 * from the rows before anything is granted.
 *
 * Needs `@effect/sql` and one of its clients; PostgreSQL and libSQL are tested.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import { type Book, CreditLedger, type History, type Settlement } from "./CreditLedger.js"
import { Provider, Unit } from "./Operation.js"
import type { LedgerUnavailable } from "./ProviderError.js"

/**
 * Makes the table where there is none. `amount` and `reserved` in whole units, `held_at` and `settled_at` in milliseconds since
 * 1970, `is_late` 0 or 1.
 *
 * @since 0.1.0
 * @category Migrations
 */
export const migration: Effect.Effect<void, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE IF NOT EXISTS credit_ledger (
      id TEXT NOT NULL,
      part INTEGER NOT NULL,
      provider TEXT NOT NULL,
      unit TEXT NOT NULL,
      account TEXT NOT NULL,
      tenant TEXT,
      job TEXT,
      operation TEXT NOT NULL,
      reserved BIGINT NOT NULL,
      amount BIGINT NOT NULL,
      is_late INTEGER NOT NULL,
      held_at BIGINT NOT NULL,
      settled_at BIGINT NOT NULL,
      PRIMARY KEY (provider, unit, id, part, held_at)
    )`
  for (const holder of ["account", "tenant", "job"]) {
    yield* sql`
      CREATE INDEX IF NOT EXISTS ${sql(`credit_ledger_${holder}`)}
      ON credit_ledger (provider, unit, ${sql(holder)}, held_at)`
  }
  // PostgreSQL refuses one of two that make it at the same time; then it is there.
}).pipe(Effect.retry({ times: 10 }))

/** Those of a provider that has no such unit are empty. */
const books: ReadonlyArray<Book> = Provider.literals.flatMap((provider) =>
  Unit.literals.map((unit) => ({ provider, unit }))
)

/** PostgreSQL keeps no NUL in a text. */
const text = (value: string): string => value.replaceAll("\u0000", "\ufffd")

const rowOf = ({ at, heldAt, isLate, job, tenant, ...rest }: Settlement) => ({
  ...rest,
  id: text(rest.id),
  tenant: tenant === null ? null : text(tenant),
  job: job === null ? null : text(job),
  is_late: isLate ? 1 : 0,
  held_at: heldAt,
  settled_at: at
})

/** So many rows a statement carries: each has 13 parameters, and a statement has some 32,000 at the most. */
const rowsAtOnce = 500
const patience = "5 seconds"

/**
 * The ledger in use, with its table: give the services this one.
 *
 * Rows are written behind the calls, some at a time; while the database does not answer they wait in this process, and new
 * periods are refused or let pass as `onLedgerUnavailable` says. What other processes settled and could not write any more is
 * written when this layer is built, as far as the trail of the ledger's store goes back.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer: Layer.Layer<CreditLedger, SqlError | LedgerUnavailable, SqlClient.SqlClient | CreditLedger> =
  Layer.scoped(
    CreditLedger,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const ledger = yield* CreditLedger
      yield* migration

      const write = (rows: ReadonlyArray<Settlement>): Effect.Effect<void, SqlError> =>
        Effect.forEach(
          Chunk.chunksOf(Chunk.fromIterable(rows), rowsAtOnce),
          (some) => sql`INSERT INTO credit_ledger ${sql.insert(Array.from(some, rowOf))} ON CONFLICT DO NOTHING`,
          { discard: true }
        )

      const unwritten: Array<Settlement> = []
      const bell = yield* Queue.sliding<void>(1)
      const turn = yield* Effect.makeSemaphore(1)
      const writeAll = turn.withPermits(1)(
        Effect.suspend(() => {
          const rows = Array.from(unwritten)
          return Effect.map(write(rows), () => void unwritten.splice(0, rows.length))
        })
      )
      yield* ledger.listen((settlement) => {
        unwritten.push(settlement)
        Queue.unsafeOffer(bell, undefined)
      })

      const history: History = ({ id, of, provider, since, unit }) =>
        Effect.zipRight(
          writeAll,
          Effect.map(
            sql<{ readonly spent: number | string | null }>`
              SELECT SUM(amount) AS spent FROM credit_ledger
              WHERE provider = ${provider} AND unit = ${unit} AND ${sql(of)} = ${text(id)} AND held_at >= ${since}`,
            // No row is nothing spent.
            ([row]) => Number(row?.spent ?? 0)
          )
        ).pipe(
          // A database that hangs is one that does not answer.
          Effect.interruptible,
          Effect.timeoutFail({ duration: patience, onTimeout: () => ({ message: "the table does not answer" }) })
        )
      yield* Effect.acquireRelease(ledger.remember(history), () => ledger.remember(null))

      yield* Effect.forEach(books, (book) => Effect.flatMap(ledger.trail(book), write), { discard: true })

      const told = (error: SqlError) => Effect.logWarning(`Settlements wait for the database: ${error.message}`)
      const written = writeAll.pipe(
        Effect.tapError(told),
        Effect.retry(Schedule.union(Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")))
      )
      yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Queue.take(bell), written)))
      yield* Effect.addFinalizer(() =>
        // What the ledger books when it closes, after this, nobody would write.
        Effect.catchAll(Effect.zipRight(ledger.bookLate, writeAll), ({ message }) =>
          Effect.logError(`${unwritten.length} settlements are not in the table: ${message}`)
        )
      )
      return ledger
    })
  )
