/**
 * What is counted; docs/telemetry.md has it as a table. Tags name provider, operation, outcome and the like, never a tenant, a
 * target or a key.
 *
 * The tag `unit` is OTLP's unit, as the exporter reads it: a word in braces, or Prometheus would hang it on the name (`_ratio` on a
 * gauge without one). So what a provider bills in is the tag `billing_unit`.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import type * as MetricKeyType from "effect/MetricKeyType"
import * as MetricLabel from "effect/MetricLabel"
import { unsafeElapsed } from "./elapsed.js"
import type { Provider, Unit } from "../Operation.js"
import type { PaidError } from "../ProviderError.js"

type Tags = Readonly<Record<string, string>>
/** Of the tags that it has, each has a value. */
type Tagged<M> = (tags: Tags) => M

/**
 * A metric for each combination of tags, made once: `Metric.tagged` looks its metric up anew on every update, which costs more
 * than the update.
 */
const tagged = <M>(make: (labels: ReadonlyArray<MetricLabel.MetricLabel>) => M): Tagged<M> => {
  const known = new Map<string, M>()
  return (tags) => {
    const id = Object.values(tags).join()
    const found = known.get(id)
    if (found !== undefined) return found
    const made = make(Object.entries(tags).map(([tag, value]) => MetricLabel.make(tag, value)))
    known.set(id, made)
    return made
  }
}

const counter = (name: string, description: string): Tagged<Metric.Metric.Counter<number>> => {
  const key = MetricKey.counter(name, { description, incremental: true })
  return tagged((labels) => Metric.fromMetricKey(MetricKey.taggedWithLabels(key, labels)))
}

/** Its value goes up and down; `unit` is a word for what is counted. */
export const gauge = (name: string, description: string, unit?: string): Tagged<Metric.Metric.Gauge<number>> => {
  const key = MetricKey.gauge(name, { description })
  const own = unit === undefined ? [] : [MetricLabel.make("unit", `{${unit}}`)]
  return tagged((labels) => Metric.fromMetricKey(MetricKey.taggedWithLabels(key, [...own, ...labels])))
}

const histogram = (
  name: string,
  description: string,
  unit: string,
  boundaries: ReadonlyArray<number>
): Tagged<Metric.Metric<MetricKeyType.MetricKeyType.Histogram, number, unknown>> => {
  const key = MetricKey.histogram(name, MetricBoundaries.fromIterable(boundaries), description)
  const own = MetricLabel.make("unit", unit)
  return tagged((labels) => Metric.fromMetricKey(MetricKey.taggedWithLabels(key, [own, ...labels])))
}

// What was sent, and what it cost.

const requests = counter("seo_provider_requests_total", "Calls sent to a provider, by outcome")
const units = counter("seo_provider_units_total", "What a provider charged, in its own unit")
const retries = counter("seo_provider_retries_total", "Calls that were sent again after a refusal")
const durations = histogram(
  "seo_provider_request_duration_seconds",
  "From sending a call to its decoded answer, without the wait for its turn",
  "s",
  [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
)

/** One call that left; `outcome` is "ok" or the tag of the error. */
export const countRequest = (provider: Provider, operation: string, outcome: string): Effect.Effect<void> =>
  Metric.increment(requests({ provider, operation, outcome }))

export const countUnits = (provider: Provider, operation: string, unit: Unit, amount: number): Effect.Effect<void> =>
  Metric.incrementBy(units({ provider, operation, billing_unit: unit }), amount)

export const countRetry = (provider: Provider, operation: string): Effect.Effect<void> =>
  Metric.increment(retries({ provider, operation }))

/** How long a call took, however it ended. */
export const timedRequest = <A, E, R>(
  provider: Provider,
  operation: string,
  request: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    const began = unsafeElapsed(clock)
    return Effect.ensuring(
      request,
      Effect.suspend(() => Metric.update(durations({ provider, operation }), (unsafeElapsed(clock) - began) / 1000))
    )
  })

// What was not sent.

const refusals = counter("seo_provider_refusals_total", "Calls that were refused here, before anything was sent")

/** Told by its reason; what the provider refused counts as a request. */
export const countRefusal = (provider: Provider, operation: string, error: PaidError): Effect.Effect<void> => {
  switch (error._tag) {
    case "BudgetExceeded":
    case "PriceUnknown":
    case "LedgerUnavailable":
    case "CacheUnavailable":
      return Metric.increment(refusals({ provider, operation, outcome: error._tag }))
    case "RateLimited":
      return error.status._tag === "Some"
        ? Effect.void
        : Metric.increment(refusals({ provider, operation, outcome: error._tag }))
    default:
      return Effect.void
  }
}

const claimed = counter("seo_provider_claims_total", "Rows that were to be bought: won, or bought by another process")

/** "unavailable": nobody could tell, so it is bought. */
export const countClaims = (
  provider: Provider,
  operation: string,
  outcome: "won" | "waited" | "unavailable",
  rows: number
): Effect.Effect<void> =>
  rows === 0 ? Effect.void : Metric.incrementBy(claimed({ provider, operation, outcome }), rows)

type FactState = "fresh" | "stale" | "bought"

const answered = counter("seo_provider_facts_total", "Facts answered, by where they came from: fresh, stale or bought")

export const countFacts = (
  provider: Provider,
  operation: string,
  facts: ReadonlyArray<{ readonly state: FactState }>
): Effect.Effect<void> => {
  const counted = (state: FactState, amount: number) =>
    Metric.incrementBy(answered({ provider, operation, state }), amount)
  const first = facts[0]?.state
  if (first === undefined) return Effect.void
  return facts.every(({ state }) => state === first)
    ? counted(first, facts.length)
    : Effect.forEach(facts, ({ state }) => counted(state, 1), { discard: true })
}

const waits = Metric.timerWithBoundaries(
  "seo_provider_limiter_wait",
  [10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 120_000],
  "How long calls that could not leave at once waited for their turn"
)

export const timedWait = <A, E>(provider: Provider, waiting: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Metric.trackDuration(Metric.tagged(waits, "provider", provider))(waiting)

// The books.

const alerts = counter("seo_provider_budget_alerts_total", "Shares of budgets that were crossed, by whose budget it is")

export const countAlert = (
  provider: Provider,
  unit: Unit,
  of: "account" | "tenant" | "job",
  share: number
): Effect.Effect<void> => Metric.increment(alerts({ provider, billing_unit: unit, of, share: String(share) }))

const drift = gauge(
  "seo_provider_drift",
  "Units of which the provider counts more (over) or less (under) than the ledger, when accounts were last reconciled",
  "billing_unit"
)
const reconciled = gauge(
  "seo_provider_reconciled",
  "Units that the provider's own counters had when accounts were last reconciled",
  "billing_unit"
)

/** Sums over the accounts that this process has reconciled: an account is no tag, and more than was counted here is no less elsewhere. */
export const setDrift = (
  provider: Provider,
  unit: Unit,
  accounts: Iterable<{ readonly theirs: number; readonly drift: number }>
): Effect.Effect<void> => {
  const sums = { over: 0, under: 0, theirs: 0 }
  for (const { drift, theirs } of accounts) {
    sums[drift > 0 ? "over" : "under"] += Math.abs(drift)
    sums.theirs += theirs
  }
  const tags = { provider, billing_unit: unit }
  return Metric.set(drift({ ...tags, state: "over" }), sums.over).pipe(
    Effect.zipRight(Metric.set(drift({ ...tags, state: "under" }), sums.under)),
    Effect.zipRight(Metric.set(reconciled(tags), sums.theirs))
  )
}

// The shared store.

/** Which questions: those for facts and claims, or those for turns and books, which have longer to be answered. */
export type Store = "cache" | "ledger"

const up = gauge("seo_provider_store_up", "The breaker: 1 while the shared store answers, 0 while it does not", "store")
const failures = counter(
  "seo_provider_store_failures_total",
  "Questions that the shared store did not answer in time, or with an error"
)

/** At once, so that there is a figure before the first failure. */
export const setStoreUp = (store: Store, isUp: boolean): void => up({ store }).unsafeUpdate(isUp ? 1 : 0, [])

export const countStoreFailure = (store: Store): Effect.Effect<void> => Metric.increment(failures({ store }))

// Scoring.

const prospects = counter("seo_provider_prospects_total", "Prospects that were answered, by verdict")

export const countProspects = (verdicts: ReadonlyArray<string>): Effect.Effect<void> => {
  const counts = new Map<string, number>()
  for (const verdict of verdicts) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  return Effect.forEach(counts, ([outcome, count]) => Metric.incrementBy(prospects({ outcome }), count), {
    discard: true
  })
}
