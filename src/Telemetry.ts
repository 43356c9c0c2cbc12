/**
 * The ledger's figures as metrics: what was spent, held and saved today and yesterday, and how full the budgets are. They are read
 * from the books, so they outlive processes; the counters of calls and units, and the spans, are there without this module.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as CreditLedger from "./CreditLedger.js"
import { gauge } from "./internal/metrics.js"
import type { LedgerUnavailable } from "./ProviderError.js"

/**
 * - `books`: which are read; default those of the vendors' own contracts
 * - `interval`: between two readings; default a minute, at least a second. A reading is a question for each book and each budget
 * - `tenants`: whether the label `tenant` names tenants, or what it says instead of a name (a plan, a region). Default `false`: all
 *   are `(all)`
 * - `maxTenants`: so many labels of tenants at the most, those that have spent the most when they are first seen; the others are
 *   `(other)`. Default 100. Processes that see them in another order choose others: with more tenants, let one process report
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly books?: ReadonlyArray<CreditLedger.Book> | undefined
  readonly interval?: Duration.DurationInput | undefined
  readonly tenants?: boolean | ((tenant: string) => string) | undefined
  readonly maxTenants?: number | undefined
}

// A label `day` with a date would grow by a day each day, and no metric can be taken back. And a gauge that begins anew at midnight
// loses what it was last at: yesterday's figure stays for a day, so that it is seen whenever somebody looks.
const spent = gauge("seo_provider_ledger_spent", "What was spent in a day (UTC), as the ledger has it", "billing_unit")
const reserved = gauge("seo_provider_ledger_reserved", "What is held for calls under way, by their day", "billing_unit")
const saved = gauge(
  "seo_provider_ledger_saved",
  "What the facts that the cache answered with in a day had cost",
  "billing_unit"
)
const limits = gauge("seo_provider_budget_limit", "Budgets in their present period", "billing_unit")
const budgetSpent = gauge(
  "seo_provider_budget_spent",
  "What was spent of budgets in their present period",
  "billing_unit"
)
const budgetReserved = gauge(
  "seo_provider_budget_reserved",
  "What is held of budgets for calls under way",
  "billing_unit"
)
const used = gauge("seo_provider_budget_used_ratio", "The fullest budget: spent and held over its limit")
const up = gauge(
  "seo_provider_ledger_up",
  "1 when the ledger could be read the last time, 0 when it could not",
  "ledger"
)

type Tags = Readonly<Record<string, string>>

/** Figures of one gauge by their tags. What was told before and is no more is 0: a metric cannot be taken back. */
const figures = (gaugeOf: (tags: Tags) => Metric.Metric.Gauge<number>, join: (a: number, b: number) => number) => {
  const told = new Set<Metric.Metric.Gauge<number>>()
  let found = new Map<Metric.Metric.Gauge<number>, number>()
  return {
    add: (tags: Tags, value: number): void => {
      const one = gaugeOf(tags)
      const before = found.get(one)
      found.set(one, before === undefined ? value : join(before, value))
    },
    tell: (): void => {
      for (const one of found.keys()) told.add(one)
      for (const one of told) one.unsafeUpdate(found.get(one) ?? 0, [])
      found = new Map()
    },
    drop: (): void => {
      found = new Map()
    }
  }
}

const sum = (a: number, b: number): number => a + b

const vendors: ReadonlyArray<CreditLedger.Book> = [
  { provider: "ahrefs", unit: "api_units" },
  { provider: "majestic", unit: "index_item_units" },
  { provider: "se_ranking", unit: "credits" }
]

// In parentheses, as nobody's tenant is called so.
const everybody = "(all)"
const nobody = "(none)"
const others = "(other)"

/**
 * A reading that may be run whenever the figures are wanted: from a cron job, before an export. It sets the gauges
 * `seo_provider_ledger_*` and `seo_provider_budget_*`, in whole units of the book (`saved` with fractions). While the ledger does not
 * answer they stay as they were, and `seo_provider_ledger_up` is 0. Budgets of jobs are not told: there is no end of jobs.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = ({
  books = vendors,
  maxTenants = 100,
  tenants = false
}: Omit<Options, "interval"> = {}): Effect.Effect<Effect.Effect<void>, never, CreditLedger.CreditLedger> =>
  Effect.map(CreditLedger.CreditLedger, (ledger) => {
    const labels = new Set<string>()
    const labelOf = (tenant: string | null): string => {
      if (tenants === false) return everybody
      if (tenant === null) return nobody
      const label = tenants === true ? tenant : tenants(tenant)
      if (!labels.has(label) && labels.size >= maxTenants) return others
      labels.add(label)
      return label
    }
    const usage = { spent: figures(spent, sum), reserved: figures(reserved, sum), saved: figures(saved, sum) }
    const budgets = {
      limit: figures(limits, sum),
      spent: figures(budgetSpent, sum),
      reserved: figures(budgetReserved, sum),
      used: figures(used, Math.max)
    }
    const all = [...Object.values(usage), ...Object.values(budgets)]

    const readUsage = (book: CreditLedger.Book, now: DateTime.Utc): Effect.Effect<void, LedgerUnavailable> =>
      Effect.map(ledger.usage(book, { from: DateTime.subtract(now, { days: 1 }), to: now }), (rows) => {
        const today = DateTime.formatIsoDateUtc(now)
        for (const row of rows.toSorted((a, b) => b.spent - a.spent)) {
          const { operation } = row
          const its = row.day === today ? "today" : "yesterday"
          const tenant = labelOf(row.tenant)
          // The other day has a figure too: a series that is not there is not 0.
          for (const day of ["today", "yesterday"]) {
            const tags = { provider: book.provider, billing_unit: book.unit, tenant, operation, day }
            const add = (one: ReturnType<typeof figures>, amount: number) => one.add(tags, day === its ? amount : 0)
            add(usage.spent, row.spent)
            add(usage.reserved, row.reserved)
            add(usage.saved, row.saved)
          }
        }
      })

    const readBudget = (budget: CreditLedger.Budget): Effect.Effect<void, LedgerUnavailable> =>
      Effect.map(ledger.balance(budget), ({ limit, reserved, spent }) => {
        // Taken away meanwhile.
        if (limit === null) return
        const { id, of, provider, unit } = budget
        const tags = { provider, billing_unit: unit, of, tenant: labelOf(of === "tenant" ? id : null) }
        budgets.limit.add(tags, limit)
        budgets.spent.add(tags, spent)
        budgets.reserved.add(tags, reserved)
        // One that allows nothing is not full.
        budgets.used.add(tags, limit === 0 ? 0 : (spent + reserved) / limit)
      })

    const isRead = ({ provider, unit }: CreditLedger.Book) =>
      books.some((book) => book.provider === provider && book.unit === unit)

    const reading = Effect.gen(function* () {
      const now = yield* DateTime.now
      yield* Effect.forEach(books, (book) => readUsage(book, now), { discard: true })
      const known = yield* ledger.budgets
      yield* Effect.forEach(
        known.filter((budget) => budget.of !== "job" && isRead(budget)),
        readBudget,
        { discard: true, concurrency: 8 }
      )
    })
    const turn = Effect.unsafeMakeSemaphore(1)
    const told = Effect.matchCauseEffect(reading, {
      onFailure: (cause) => {
        if (Cause.isInterruptedOnly(cause)) return Effect.interrupt
        up({}).unsafeUpdate(0, [])
        const stale = "The ledger's figures are as old as the last reading"
        return Option.match(Cause.failureOption(cause), {
          onSome: ({ message }) => Effect.logDebug(`${stale}: ${message}`),
          // What dies is the embedder's `tenants`, and would do so again unheard.
          onNone: () => Effect.logError(stale, cause)
        })
      },
      onSuccess: () =>
        Effect.sync(() => {
          for (const one of all) one.tell()
          up({}).unsafeUpdate(1, [])
        })
    })
    // One that was given up left what it had read.
    return turn.withPermits(1)(
      Effect.suspend(() => {
        for (const one of all) one.drop()
        return told
      })
    )
  })

/**
 * Reads the ledger at once and then at an interval, for as long as the layer lives: {@link make}. It is no part of the other layers
 * because it asks the ledger, and because the names of tenants become labels only where that is chosen.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer = ({ interval = "1 minute", ...options }: Options = {}): Layer.Layer<
  never,
  never,
  CreditLedger.CreditLedger
> =>
  Layer.scopedDiscard(
    Effect.flatMap(make(options), (reading) =>
      Effect.forkScoped(Effect.repeat(reading, Schedule.spaced(Duration.max(interval, "1 second"))))
    )
  )
