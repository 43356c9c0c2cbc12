/** Counters of calls and units. Tags name provider, operation and outcome, never a tenant, a target or a key. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import type { Provider, Unit } from "../Operation.js"

type Counter = Metric.Metric.Counter<number>

/**
 * A counter for each combination of tags, made once: `Metric.tagged` looks its counter up anew on every update, which costs
 * more than the update.
 */
const counter = (name: string, description: string) => {
  const key = MetricKey.counter(name, { description, incremental: true })
  const known = new Map<string, Counter>()
  return (tags: Readonly<Record<string, string>>): Counter => {
    const id = Object.values(tags).join()
    const found = known.get(id)
    if (found !== undefined) return found
    const labels = Object.entries(tags).map(([tag, value]) => MetricLabel.make(tag, value))
    const made = Metric.fromMetricKey(MetricKey.taggedWithLabels(key, labels))
    known.set(id, made)
    return made
  }
}

const requests = counter("seo_provider_requests_total", "Calls sent to a provider, by outcome")
const units = counter("seo_provider_units_total", "What a provider charged, in its own unit")

/** One call that left; `outcome` is "ok" or the tag of the error. */
export const countRequest = (provider: Provider, operation: string, outcome: string): Effect.Effect<void> =>
  Metric.increment(requests({ provider, operation, outcome }))

export const countUnits = (provider: Provider, operation: string, unit: Unit, amount: number): Effect.Effect<void> =>
  Metric.incrementBy(units({ provider, operation, unit }), amount)

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

const alerts = counter("seo_provider_budget_alerts_total", "Shares of budgets that were crossed, by whose budget it is")

export const countAlert = (
  provider: Provider,
  unit: Unit,
  of: "account" | "tenant" | "job",
  share: number
): Effect.Effect<void> => Metric.increment(alerts({ provider, unit, of, share: String(share) }))
