/**
 * What can be known about a site, and how well: each datum has its own scale, and no scale is ever converted into another.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Provider, Unit } from "../Operation.js"

/**
 * - `domainRating`: Ahrefs' DR, 0-100
 * - `domainInlinkRank`: SE Ranking's Domain InLink Rank, 0-100, another scale than DR
 * - `trustFlow`, `citationFlow`: Majestic's, 0-100
 * - `organicTraffic`: visits a month from search
 * - `referringDomains`, `dofollowReferringDomains`, `referringSubnets`, `linkedDomains`: counts
 * - `relevance`: 0-1, the tenant's own judgement
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Datum = Schema.Literal(
  "domainRating",
  "domainInlinkRank",
  "trustFlow",
  "citationFlow",
  "organicTraffic",
  "referringDomains",
  "dofollowReferringDomains",
  "referringSubnets",
  "linkedDomains",
  "relevance"
)

/**
 * @since 0.1.0
 * @category Models
 */
export type Datum = typeof Datum.Type

/**
 * The scale each datum is measured on.
 *
 * @since 0.1.0
 * @category Models
 */
export const scales = {
  domainRating: "ahrefs.domain_rating",
  domainInlinkRank: "se_ranking.domain_inlink_rank",
  trustFlow: "majestic.trust_flow",
  citationFlow: "majestic.citation_flow",
  organicTraffic: "visits_a_month",
  referringDomains: "count",
  dofollowReferringDomains: "count",
  referringSubnets: "count",
  linkedDomains: "count",
  relevance: "share"
} as const satisfies Record<Datum, string>

/**
 * Who said so: a provider, or the list that was imported.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Source = Schema.Union(Provider, Schema.Literal("imported"))

/**
 * @since 0.1.0
 * @category Models
 */
export type Source = typeof Source.Type

/**
 * A datum that is known.
 *
 * - `observedAt`: when the source said so, milliseconds since 1970; `null` for imported values
 * - `cache`: whether it was bought for this answer or known before; `imported` where it was given
 * - `cost`: its share of the price of the call that bought it, in `unit`; 0 where it was known before or imported, `null` where the contract states
 *   no price
 * - `operation`: the method that answered; `null` for imported values
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Observed = Schema.Struct({
  value: Schema.Number,
  source: Source,
  operation: Schema.NullOr(Schema.String),
  observedAt: Schema.NullOr(Schema.Number),
  cache: Schema.Literal("fresh", "stale", "bought", "imported"),
  cost: Schema.NullOr(Schema.Struct({ unit: Unit, amount: Schema.NullOr(Schema.Number) }))
})

/**
 * @since 0.1.0
 * @category Models
 */
export interface Observed extends Schema.Schema.Type<typeof Observed> {}

/**
 * Why a datum is not known. Absence is not zero.
 *
 * - `NotSupported`: no integration of the tenant can answer it
 * - `NotAsked`: it could not have changed the verdict, or the run ended before
 * - `NoData`: the provider was asked and knows nothing
 * - `Undefined`: a ratio over nothing
 * - `Invalid`: the value is none: not a number, or out of its range
 * - `OutOfBudget`, `Throttled`, `AuthFailed`, `Unavailable`: the provider could not be asked
 * - `Refused`: the provider calls the request itself wrong; nobody else was asked
 *
 * @since 0.1.0
 * @category Schemas
 */
export const MissingReason = Schema.Literal(
  "NotSupported",
  "NotAsked",
  "NoData",
  "Undefined",
  "Invalid",
  "OutOfBudget",
  "Throttled",
  "AuthFailed",
  "Unavailable",
  "Refused"
)

/**
 * @since 0.1.0
 * @category Models
 */
export type MissingReason = typeof MissingReason.Type

/**
 * What is known of one site, and why the rest is not. What is in neither is `NotAsked`.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Sheet {
  readonly known: { readonly [D in Datum]?: Observed }
  readonly missing: { readonly [D in Datum]?: MissingReason }
}

const isRate = (value: number): boolean => value >= 0 && value <= 100
const isCount = (value: number): boolean => value >= 0 && Number.isFinite(value)

const ranges: Record<Datum, (value: number) => boolean> = {
  domainRating: isRate,
  domainInlinkRank: isRate,
  trustFlow: isRate,
  citationFlow: isRate,
  organicTraffic: isCount,
  referringDomains: isCount,
  dofollowReferringDomains: isCount,
  referringSubnets: isCount,
  linkedDomains: isCount,
  relevance: (value) => value >= 0 && value <= 1
}

/** Whether a value can be one of the datum. NaN is in no range. */
export const isInRange = (datum: Datum, value: unknown): value is number =>
  typeof value === "number" && ranges[datum](value)
