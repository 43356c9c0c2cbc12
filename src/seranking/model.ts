/**
 * What SE Ranking knows, in our words, and what a contract with SE Ranking must be able to say.
 *
 * Trust Flow and Citation Flow (0-100, another vendor's scale) exist on the platform contract only; InLink Ranks (0-100) on
 * the vendor contract only. The scales are never converted into each other: what a contract lacks is `null`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Objection, Operation, Wire } from "../Operation.js"
import { keywordKey } from "../internal/keyword.js"
import { Target } from "../Target.js"
import type { Usage } from "../Usage.js"

const count = Schema.NullOr(Schema.Number)

const topAnchors = Schema.NullOr(
  Schema.Array(Schema.Struct({ anchor: Schema.String, backlinks: count, referringDomains: count }))
)
const topPages = Schema.NullOr(
  Schema.Array(Schema.Struct({ url: Schema.String, backlinks: count, referringDomains: count }))
)

/**
 * The backlink profile of a target.
 *
 * - `isKnown`: whether SE Ranking has data on the target at all; without it every figure is `null`
 * - `trustFlow`, `citationFlow`, `domainScore`: 0-100, platform contract only
 * - `domainInlinkRank` (the domain's), `inlinkRank` (the page's): 0-100, vendor contract only
 * - all other figures are counts
 *
 * Source: SE Ranking API, backlinks/summary.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const BacklinksSummary = Schema.Struct({
  domain: Target,
  isKnown: Schema.Boolean,
  totalBacklinks: count,
  referringDomains: count,
  referringIPs: count,
  referringSubnets: count,
  trustFlow: count,
  citationFlow: count,
  domainScore: count,
  noFollowLinks: count,
  doFollowLinks: count,
  domainInlinkRank: count,
  inlinkRank: count,
  doFollowReferringDomains: count,
  eduBacklinks: count,
  govBacklinks: count,
  eduReferringDomains: count,
  govReferringDomains: count,
  textBacklinks: count,
  homePageBacklinks: count,
  homePageDoFollowBacklinks: count,
  homePageReferringDomains: count,
  anchors: count,
  doFollowAnchors: count,
  pagesWithBacklinks: count,
  topAnchorsByBacklinks: topAnchors,
  topAnchorsByReferringDomains: topAnchors,
  topPagesByBacklinks: topPages,
  topPagesByReferringDomains: topPages,
  topTlds: Schema.NullOr(Schema.Array(Schema.Struct({ tld: Schema.String, count: Schema.Number }))),
  topCountries: Schema.NullOr(Schema.Array(Schema.Struct({ country: Schema.String, count: Schema.Number })))
}).annotations({ identifier: "BacklinksSummary" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface BacklinksSummary extends Schema.Schema.Type<typeof BacklinksSummary> {}

/**
 * The counts of a target, without ranks. `isKnown: false` where SE Ranking has no data on it: absent, not zero.
 *
 * Source: SE Ranking API, backlinks/metrics.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const BacklinksMetrics = Schema.Struct({
  domain: Target,
  isKnown: Schema.Boolean,
  totalBacklinks: count,
  referringDomains: count,
  referringIPs: count,
  referringSubnets: count,
  trustFlow: count,
  citationFlow: count,
  noFollowLinks: count,
  doFollowLinks: count,
  eduBacklinks: count,
  govBacklinks: count
}).annotations({ identifier: "BacklinksMetrics" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface BacklinksMetrics extends Schema.Schema.Type<typeof BacklinksMetrics> {}

/**
 * One link.
 *
 * - `anchorText`: "" is a real anchor (an image link), `null` is none sent
 * - `firstSeen`, `lastSeen`, `lastVisited`: `YYYY-MM-DD`; the vendor contract tells the last visit, the platform contract
 *   when the link was last seen
 * - `trustFlow`, `citationFlow`: platform contract only; `inlinkRank`, `domainInlinkRank` (of the linking page and its
 *   domain), `title`, `alt`, `isImage`, `imageSource`: vendor contract only
 *
 * Source: SE Ranking API, backlinks/all and backlinks/raw.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Backlink = Schema.Struct({
  sourceUrl: Schema.String,
  targetUrl: Schema.String,
  anchorText: Schema.NullOr(Schema.String),
  isNoFollow: Schema.Boolean,
  firstSeen: Schema.NullOr(Schema.String),
  lastSeen: Schema.NullOr(Schema.String),
  lastVisited: Schema.NullOr(Schema.String),
  trustFlow: count,
  citationFlow: count,
  inlinkRank: count,
  domainInlinkRank: count,
  title: Schema.NullOr(Schema.String),
  alt: Schema.NullOr(Schema.String),
  isImage: Schema.NullOr(Schema.Boolean),
  imageSource: Schema.NullOr(Schema.String)
}).annotations({ identifier: "Backlink" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface Backlink extends Schema.Schema.Type<typeof Backlink> {}

/**
 * - `keyword`: as it was asked
 * - `position`: 1 is the top; `null` when the domain is not ranked (platform contract: not in the top 100)
 * - `volume`: searches a month
 *
 * Source: SE Ranking API, domain/keywords.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const KeywordRanking = Schema.Struct({
  keyword: Schema.String,
  position: Schema.NullOr(Schema.Number),
  url: Schema.NullOr(Schema.String),
  volume: Schema.NullOr(Schema.Number)
}).annotations({ identifier: "KeywordRanking" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface KeywordRanking extends Schema.Schema.Type<typeof KeywordRanking> {}

/**
 * `domainInlinkRank`: 0-100, SE Ranking's own scale, never a domain rating; `null` where SE Ranking knows nothing.
 *
 * Source: SE Ranking API, backlinks/authority/domain.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const DomainInlinkRank = Schema.Struct({
  domain: Target,
  domainInlinkRank: Schema.NullOr(Schema.Number)
}).annotations({ identifier: "DomainInlinkRank" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface DomainInlinkRank extends Schema.Schema.Type<typeof DomainInlinkRank> {}

/**
 * What of a target is looked at: the site with its subdomains, the host alone, the page.
 *
 * @since 0.1.0
 * @category Models
 */
export type Mode = "domain" | "host" | "url"

/**
 * The flows order on the platform contract, the InLink Ranks on the vendor contract, `firstSeen` on both.
 *
 * @since 0.1.0
 * @category Models
 */
export type SortBy = "trustFlow" | "citationFlow" | "firstSeen" | "inlinkRank" | "domainInlinkRank"

/**
 * Whose results a position is in.
 *
 * @since 0.1.0
 * @category Models
 */
export type SearchEngine = "google" | "bing" | "yahoo"

export interface SummariesInput {
  readonly targets: ReadonlyArray<Target>
  readonly mode: Mode
}

export interface BacklinksInput {
  readonly target: Target
  readonly limit: number
  readonly offset: number
  readonly sortBy: SortBy | undefined
  readonly doFollowOnly: boolean
}

export interface PageInput {
  readonly target: Target
  readonly limit: number
  readonly sortBy: SortBy | undefined
  /** Where the page before ended; null for the first one. */
  readonly cursor: string | null
}

export interface Page {
  readonly backlinks: ReadonlyArray<Backlink>
  readonly next: string | null
}

export interface KeywordsInput {
  readonly target: Target
  readonly keywords: ReadonlyArray<string>
  readonly searchEngine: SearchEngine
  /** English name or ISO code of a country, or a location name the contract knows. */
  readonly location: string
}

/**
 * What the service `SERanking` asks of a contract. `null`: this contract cannot answer that.
 */
export interface Contract extends Wire {
  readonly summaries: Operation<SummariesInput, ReadonlyArray<BacklinksSummary>>
  readonly metrics: Operation<ReadonlyArray<Target>, ReadonlyArray<BacklinksMetrics>>
  readonly backlinks: Operation<BacklinksInput, ReadonlyArray<Backlink>>
  readonly page: Operation<PageInput, Page>
  readonly objectionToBacklinks: (input: Pick<BacklinksInput, "offset" | "sortBy">) => Objection
  readonly keywordRankings: Operation<KeywordsInput, ReadonlyArray<KeywordRanking>>
  readonly objectionToKeywords: (input: Pick<KeywordsInput, "location" | "searchEngine">) => Objection
  readonly domainInlinkRank: Operation<Target, DomainInlinkRank> | null
  readonly usage: Operation<void, Usage>
  /** What an answer without an active account fails `verify` with. */
  readonly inactive: "InvalidKey" | "NoSubscription"
}

const nothing = Object.fromEntries(Object.keys(BacklinksSummary.fields).map((name) => [name, null]))

// Safe: every field but these two is nullable, and `Object.keys` of the schema gave them all.
export const unknownSummary = (domain: Target): BacklinksSummary =>
  ({ ...nothing, domain, isKnown: false }) as BacklinksSummary

/** The metrics of a target: what the row says, `null` for the rest. */
export const metricsOf = (
  domain: Target,
  row: Partial<Omit<BacklinksMetrics, "domain" | "isKnown">> | undefined
): BacklinksMetrics => ({
  domain,
  isKnown: row !== undefined,
  totalBacklinks: row?.totalBacklinks ?? null,
  referringDomains: row?.referringDomains ?? null,
  referringIPs: row?.referringIPs ?? null,
  referringSubnets: row?.referringSubnets ?? null,
  trustFlow: row?.trustFlow ?? null,
  citationFlow: row?.citationFlow ?? null,
  noFollowLinks: row?.noFollowLinks ?? null,
  doFollowLinks: row?.doFollowLinks ?? null,
  eduBacklinks: row?.eduBacklinks ?? null,
  govBacklinks: row?.govBacklinks ?? null
})

/** One row per keyword asked, in that order: the best position sent for it, or `null` for not ranked. */
export const rankingsOf = (
  keywords: ReadonlyArray<string>,
  rows: ReadonlyArray<KeywordRanking>
): ReadonlyArray<KeywordRanking> => {
  const best = new Map<string, KeywordRanking>()
  for (const row of rows) {
    const key = keywordKey(row.keyword)
    const known = best.get(key)
    if (known === undefined || (row.position ?? Infinity) < (known.position ?? Infinity)) best.set(key, row)
  }
  return keywords.map((keyword) => ({
    ...(best.get(keywordKey(keyword)) ?? { position: null, url: null, volume: null }),
    keyword
  }))
}
