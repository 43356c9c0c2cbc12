/** Whom a tenant can ask, and about what. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Ahrefs from "../ahrefs/abilities.js"
import * as Majestic from "../majestic/abilities.js"
import type { Provider, Unit } from "../Operation.js"
import type { Datum } from "../scoring/data.js"
import type { Offer } from "../scoring/next.js"
import * as SERanking from "../seranking/abilities.js"
import type { Live } from "../TenantProviders.js"
import type { Ability, Wanted } from "./ability.js"
import { wireOf } from "./openProvider.js"

/** Someone to ask, as the scorer sees it. */
export interface Source extends Offer, Omit<Ability, "callPrice" | "columnOf"> {
  readonly columnOf: (datum: Datum) => string
  readonly provider: Provider
  readonly unit: Unit
  readonly priority: number
  /** How long so many calls take to leave at the account's rate. */
  readonly timeFor: (calls: number) => Duration.Duration
  /** What a fact costs that was known. */
  readonly nothing: { readonly unit: Unit; readonly amount: 0 }
  /** What so many sites cost at the most, none of them known yet; `null` where the contract states no price. */
  readonly most: (data: Wanted, sites: number) => number | null
}

const abilities = (live: Live): ReadonlyArray<Ability> => {
  const { metadata } = live.integration
  switch (live.provider) {
    case "ahrefs":
      return Ahrefs.abilities(live.service, metadata)
    case "se_ranking":
      return SERanking.abilities(live.service, metadata)
    case "majestic":
      return Majestic.abilities(live.service)
  }
}

/** A site's price in a call that is full; one without a stated price counts as 1. */
const fullPrice = ({ callPrice, size }: Ability, data: Wanted): number => (callPrice(data, size) ?? size) / size

const most = ({ callPrice, size }: Ability, data: Wanted, sites: number): number | null => {
  const full = callPrice(data, size)
  const rest = sites % size === 0 ? 0 : callPrice(data, sites % size)
  return full === null || rest === null ? null : Math.floor(sites / size) * full + rest
}

/**
 * Whom a tenant can ask, and about what, as its routing has it.
 */
export const sourcesOf = (all: ReadonlyArray<Live>): ReadonlyArray<Source> =>
  all
    .flatMap((live) => {
      const { routing = {} } = live.integration.metadata
      const isRouted = (datum: Datum) =>
        (routing.only ?? [datum]).includes(datum) && !(routing.never ?? []).includes(datum)
      const { provider, rate, unit } = wireOf(live.integration)
      const { per, requests } = live.integration.metadata.rateLimit ?? rate
      const timeFor = (calls: number) =>
        Duration.times(Duration.decode(per), Math.ceil(Math.max(0, calls / requests - 1)))
      return abilities(live).map((ability): Source => ({
        ...ability,
        columnOf: ability.columnOf ?? identity,
        id: `${provider}.${ability.operation}`,
        provider,
        unit,
        nothing: { unit, amount: 0 },
        data: ability.data.filter(isRouted),
        priority: routing.priority ?? 0,
        unitPrice: routing.unitPrice ?? 1,
        timeFor,
        plan: (targets, data) =>
          Effect.map(ability.plan(targets, data), (plan) => ({
            ...plan,
            // Plans of single calls know nothing of each other.
            time: Duration.max(plan.time, timeFor(plan.calls))
          })),
        price: (data) => fullPrice(ability, data),
        most: (data, sites) => most(ability, data, sites)
      }))
    })
    .filter(({ data }) => data.length > 0)

/**
 * Who answers a datum first, who next: by priority, then the cheapest, then whoever answers more sites in a call. Prices in different
 * units are compared by what the tenant says a unit is worth.
 */
export const ranked = (sources: ReadonlyArray<Source>, datum: Datum): ReadonlyArray<Source> => {
  const worth = ({ price, unitPrice }: Source) => unitPrice * price([datum])
  return sources
    .filter(({ data }) => data.includes(datum))
    .toSorted((a, b) => a.priority - b.priority || worth(a) - worth(b) || b.size - a.size)
}
