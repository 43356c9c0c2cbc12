/** Counters of calls and units. Tags name provider, operation and outcome, never a tenant, a target or a key. */
import type * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Provider, Unit } from "../Operation.js"

/** Tagging a metric costs more than counting with it, and there are few combinations of tags. */
const counter = (name: string, description: string) => {
  const metric = Metric.counter(name, { description, incremental: true })
  const known = new Map<string, Metric.Metric.Counter<number>>()
  return (tags: Readonly<Record<string, string>>): Metric.Metric.Counter<number> => {
    const key = Object.values(tags).join()
    let found = known.get(key)
    if (found === undefined) {
      found = Object.entries(tags).reduce((tagged, [tag, value]) => Metric.tagged(tagged, tag, value), metric)
      known.set(key, found)
    }
    return found
  }
}

const requests = counter("seo_provider_requests_total", "Calls sent to a provider, by outcome")
const units = counter("seo_provider_units_total", "What a provider charged, in its own unit")

/** One call that left; `outcome` is "ok" or the tag of the error. */
export const countRequest = (provider: Provider, operation: string, outcome: string): Effect.Effect<void> =>
  Metric.increment(requests({ provider, operation, outcome }))

export const countUnits = (provider: Provider, operation: string, unit: Unit, amount: number): Effect.Effect<void> =>
  Metric.incrementBy(units({ provider, operation, unit }), amount)
