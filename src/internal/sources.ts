/** What each provider can be asked about prospects, on which contract and at what price: capabilities, not names, decide who answers. */
import * as Array from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import * as Ahrefs from "../Ahrefs.js"
import { needed } from "../ahrefs/columns.js"
import { units, unitsPerRow } from "../ahrefs/pricing.js"
import type { Provider, Unit } from "../Operation.js"
import type { Plan } from "../Plan.js"
import type { InvalidRequest, InvalidTarget, PaidError, Unsupported } from "../ProviderError.js"
import { type Datum, Datum as Data } from "../scoring/data.js"
import type { Offer } from "../scoring/next.js"
import type * as SERanking from "../SERanking.js"
import { credits } from "../seranking/pricing.js"
import type { Target } from "../Target.js"
import type { Live } from "../TenantProviders.js"
import { wireOf } from "./openProvider.js"

/** What a site's row of an answer says; `null`: the provider knows nothing. */
export interface Answer {
  readonly target: Target
  readonly values: { readonly [D in Datum]?: number | null }
  readonly attribution?: Ahrefs.Attribution | undefined
}

export type AskError = PaidError | InvalidTarget | Unsupported

type Targets = ReadonlyArray<Target>
type Wanted = ReadonlyArray<Datum>

/** What a provider can be asked on one contract by one method. */
interface Ability {
  readonly operation: string
  readonly data: Wanted
  /** What a datum's fact is called; a fact about all of them has no name of its own. */
  readonly columnOf?: (datum: Datum) => string
  /** Sites that are asked about at once. */
  readonly size: number
  /** A call for each site: what is known is not told apart from what is bought. */
  readonly isOneByOne?: true
  /** What a call about so many sites costs; `null` where the contract states no price. */
  readonly callPrice: (data: Wanted, sites: number) => number | null
  /** An answer for each site, call by call: what was paid is delivered before a later call fails. */
  readonly ask: (targets: Targets, data: Wanted) => Stream.Stream<Answer, AskError>
  readonly plan: (targets: Targets, data: Wanted) => Effect.Effect<Plan, InvalidRequest | InvalidTarget | Unsupported>
}

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

const ahrefsColumns = {
  domainRating: "domainRating",
  organicTraffic: "orgTraffic",
  referringDomains: "refdomains",
  dofollowReferringDomains: "refdomainsDofollow",
  referringSubnets: "refipsSubnets",
  linkedDomains: "linkedDomains"
} as const satisfies { readonly [D in Datum]?: Ahrefs.MetricColumn }

type AhrefsDatum = keyof typeof ahrefsColumns
const isAhrefsDatum = (datum: Datum): datum is AhrefsDatum => Object.hasOwn(ahrefsColumns, datum)

const ahrefsVendor = (service: Ahrefs.Service): Ability => {
  const columnsOf = (data: Wanted) => data.filter(isAhrefsDatum).map((datum) => ahrefsColumns[datum])
  return {
    operation: "getDomainMetrics",
    data: Data.literals.filter(isAhrefsDatum),
    columnOf: (datum) => (isAhrefsDatum(datum) ? ahrefsColumns[datum] : datum),
    size: 100,
    callPrice: (data, sites) => {
      const columns = columnsOf(data).map((column) => Ahrefs.metricColumns[column])
      // A row has its index beside its columns.
      return units(sites, unitsPerRow([needed.metric.index, ...columns]))
    },
    ask: (targets, data) =>
      Stream.map(service.getDomainMetricsStream(targets, columnsOf(data)), (row) => ({
        target: row.domain,
        values: Object.fromEntries(data.filter(isAhrefsDatum).map((datum) => [datum, row[ahrefsColumns[datum]]]))
      })),
    plan: (targets, data) => service.plan("getDomainMetrics", targets, columnsOf(data))
  }
}

const ahrefsRatings = (service: Ahrefs.Service, price: number): Ability => ({
  operation: "getDomainRatings",
  data: ["domainRating"],
  size: 100,
  callPrice: (_, sites) => sites * price,
  ask: (targets) =>
    Stream.map(service.getDomainRatingsStream(targets), ({ attribution, domain, domainRating }) => ({
      target: domain,
      values: { domainRating },
      attribution
    })),
  plan: (targets) => service.plan("getDomainRatings", targets)
})

/** So many single calls at once; the account's own limits hold beside it. */
const atOnce = 10

/**
 * A call for each site. After a refusal no further call starts, and those under way are waited for: they are paid.
 */
const each = (
  targets: Targets,
  ask: (target: Target) => Effect.Effect<Answer, AskError>
): Stream.Stream<Answer, AskError> =>
  Stream.fromIterable(Array.chunksOf(targets, atOnce)).pipe(
    Stream.mapEffect((some) =>
      Effect.forEach(some, (target) => Effect.either(ask(target)), { concurrency: "unbounded" })
    ),
    Stream.flatMap((answers) => {
      const [refusals, found] = Array.separate(answers)
      const [refusal] = refusals
      const told = Stream.fromChunk(Chunk.unsafeFromArray(found))
      return refusal === undefined ? told : Stream.concat(told, Stream.fail(refusal))
    })
  )

/** What many plans of single calls come to. */
const summed = <E>(plans: Effect.Effect<ReadonlyArray<Plan>, E>): Effect.Effect<Plan, E> =>
  Effect.map(plans, (all) =>
    all.reduce((sum, one) => ({
      ...one,
      targets: sum.targets + one.targets,
      cached: sum.cached + one.cached,
      calls: sum.calls + one.calls,
      units: {
        lower: sum.units.lower + one.units.lower,
        upper: sum.units.upper === null || one.units.upper === null ? null : sum.units.upper + one.units.upper
      },
      time: sum.time
    }))
  )

const ahrefsReferring = (service: Ahrefs.Service): Ability => ({
  operation: "getReferringDomains",
  data: ["referringDomains"],
  size: atOnce,
  isOneByOne: true,
  callPrice: (_, sites) => sites,
  ask: (targets) =>
    each(targets, (target) =>
      Effect.map(service.getReferringDomains(target), (referringDomains) => ({ target, values: { referringDomains } }))
    ),
  plan: (targets) => summed(Effect.forEach(targets, (target) => service.plan("getReferringDomains", target)))
})

const seRankingRank = (service: SERanking.Service): Ability => ({
  operation: "getDomainInlinkRank",
  data: ["domainInlinkRank"],
  size: atOnce,
  isOneByOne: true,
  callPrice: (_, sites) => sites * credits.domainAuthorityRecord,
  ask: (targets) =>
    each(targets, (target) =>
      Effect.map(service.getDomainInlinkRank(target), ({ domainInlinkRank }) => ({
        target,
        values: { domainInlinkRank }
      }))
    ),
  plan: (targets) => summed(Effect.forEach(targets, (target) => service.plan("getDomainInlinkRank", target)))
})

const seRankingSummaries = (service: SERanking.Service): Ability => ({
  operation: "getBacklinksSummaries",
  data: ["domainInlinkRank", "referringDomains", "dofollowReferringDomains", "referringSubnets"],
  size: 100,
  callPrice: (_, sites) => sites * credits.summaryTarget,
  ask: (targets) =>
    Stream.map(
      service.getBacklinksSummariesStream(targets),
      ({ doFollowReferringDomains, domain, domainInlinkRank, referringDomains, referringSubnets }) => ({
        target: domain,
        values: {
          domainInlinkRank,
          referringDomains,
          referringSubnets,
          dofollowReferringDomains: doFollowReferringDomains
        }
      })
    ),
  plan: (targets) => service.plan("getBacklinksSummaries", targets)
})

const seRankingMetrics = (service: SERanking.Service): Ability => ({
  operation: "getBacklinksMetrics",
  data: ["trustFlow", "citationFlow", "referringDomains"],
  size: 100,
  callPrice: () => null,
  ask: (targets) =>
    Stream.map(service.getBacklinksMetricsStream(targets), ({ citationFlow, domain, referringDomains, trustFlow }) => ({
      target: domain,
      values: { trustFlow, citationFlow, referringDomains }
    })),
  plan: (targets) => service.plan("getBacklinksMetrics", targets)
})

const abilities = (live: Live): ReadonlyArray<Ability> => {
  const { contract = "vendor", freeDomainRating = false } = live.integration.metadata
  switch (live.provider) {
    case "ahrefs":
      if (contract === "platform") return [ahrefsRatings(live.service, 1), ahrefsReferring(live.service)]
      return [...(freeDomainRating ? [ahrefsRatings(live.service, 0)] : []), ahrefsVendor(live.service)]
    case "se_ranking":
      return contract === "platform"
        ? [seRankingMetrics(live.service)]
        : [seRankingRank(live.service), seRankingSummaries(live.service)]
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
