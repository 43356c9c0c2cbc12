/**
 * What Ahrefs knows, in our words, and what a contract with Ahrefs must be able to say.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Objection, Operation, Wire } from "../Operation.js"
import { Target } from "../Target.js"
import type { Usage } from "../Usage.js"
import type { BacklinkColumn, KeywordColumn, MetricColumn } from "./columns.js"
import type { Filter, Order } from "./filter.js"

/**
 * What an application that shows a free domain rating owes Ahrefs: this text with this link.
 *
 * Source: Ahrefs API v3, public/domain-rating-free.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Attribution = Schema.Struct({
  text: Schema.Literal("Domain Rating by Ahrefs"),
  url: Schema.Literal("https://ahrefs.com/"),
  license: Schema.String
}).annotations({ identifier: "Attribution" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface Attribution extends Schema.Schema.Type<typeof Attribution> {}

export const attribution = (license: string): Attribution => ({
  text: "Domain Rating by Ahrefs",
  url: "https://ahrefs.com/",
  license
})

/**
 * - `domain`: the site that was rated
 * - `domainRating`: 0-100, one decimal; 0 is a value, not an absence: that is `null`
 * - `ahrefsRank`: place among all sites, 1 is the strongest; sent with the rating by the platform contract. `null` on the
 *   vendor contract, where it would add half to the price: `getDomainMetrics` has it as a column
 * - `attribution`: there where the rating was free of charge and must be shown with it
 *
 * Source: Ahrefs API v3, batch-analysis (vendor contract), site-explorer/domain-rating (platform contract).
 *
 * @since 0.1.0
 * @category Schemas
 */
export const DomainRating = Schema.Struct({
  domain: Target,
  domainRating: Schema.NullOr(Schema.Number),
  ahrefsRank: Schema.NullOr(Schema.Number),
  attribution: Schema.optionalWith(Attribution, { exact: true })
}).annotations({ identifier: "DomainRating" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface DomainRating extends Schema.Schema.Type<typeof DomainRating> {}

/**
 * One of many ratings: `domainRating` is `null` where Ahrefs sent none for this domain. The rank is not bought with it.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const BatchDomainRating = Schema.Struct({
  domain: Target,
  domainRating: Schema.NullOr(Schema.Number),
  attribution: Schema.optionalWith(Attribution, { exact: true })
}).annotations({ identifier: "BatchDomainRating" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface BatchDomainRating extends Schema.Schema.Type<typeof BatchDomainRating> {}

/**
 * `urlRating`: 0-100, one decimal; `null` where Ahrefs has none.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const UrlRating = Schema.Struct({
  url: Target,
  urlRating: Schema.NullOr(Schema.Number)
}).annotations({ identifier: "UrlRating" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface UrlRating extends Schema.Schema.Type<typeof UrlRating> {}

/**
 * - `urlFrom`: the page that links
 * - `domainRating`: of the linking site, 0-100
 * - `anchor`: the link's text, "" for an image link
 * - `isNofollow`: the link or its page is nofollow
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Backlink = Schema.Struct({
  urlFrom: Schema.String,
  domainRating: Schema.Number,
  anchor: Schema.String,
  isNofollow: Schema.Boolean
}).annotations({ identifier: "Backlink" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface Backlink extends Schema.Schema.Type<typeof Backlink> {}

/**
 * - `position`: best organic position, 1 is the top; `null` when the domain does not rank for the keyword
 * - `url`: the page that ranks
 *
 * @since 0.1.0
 * @category Schemas
 */
export const KeywordRanking = Schema.Struct({
  keyword: Schema.String,
  position: Schema.NullOr(Schema.Number),
  url: Schema.NullOr(Schema.String)
}).annotations({ identifier: "KeywordRanking" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface KeywordRanking extends Schema.Schema.Type<typeof KeywordRanking> {}

/**
 * What of a target is looked at: the page, all below its path, the host, the host with its subdomains.
 *
 * @since 0.1.0
 * @category Models
 */
export type Mode = "exact" | "prefix" | "domain" | "subdomains"

/**
 * The URLs that count, by their scheme.
 *
 * @since 0.1.0
 * @category Models
 */
export type Protocol = "both" | "http" | "https"

export interface MetricsInput {
  readonly targets: ReadonlyArray<Target>
  readonly columns: ReadonlyArray<MetricColumn>
  readonly mode: Mode
  readonly protocol: Protocol
  readonly country?: string | undefined
}

export interface BacklinksInput {
  readonly target: Target
  readonly limit: number
  readonly columns: ReadonlyArray<BacklinkColumn>
  readonly mode?: Mode | undefined
  readonly protocol?: Protocol | undefined
  readonly history?: "live" | "all_time" | `since:${string}` | undefined
  readonly aggregation?: "similar_links" | "1_per_domain" | "all" | undefined
  readonly where?: Filter<FilterColumn> | undefined
  readonly orderBy?: ReadonlyArray<Order<FilterColumn>> | undefined
}

/**
 * Columns a backlink can be filtered and ordered by.
 *
 * @since 0.1.0
 * @category Models
 */
export type FilterColumn = BacklinkColumn | keyof Backlink

export interface KeywordsInput {
  readonly target: Target
  readonly date: string
  readonly country: string
  readonly limit: number
  readonly keywords: ReadonlyArray<string>
  readonly columns: ReadonlyArray<KeywordColumn>
  readonly mode: Mode
}

export interface Dated {
  readonly target: Target
  readonly date: string
}

/** The site's rating, as it is meant everywhere. */
export const asRatings = (targets: ReadonlyArray<Target>): MetricsInput => ({
  targets,
  columns: ["domainRating"],
  mode: "subdomains",
  protocol: "both"
})

/** Rows whose keys are the columns asked for; the caller of the operation knows them. */
export type Rows = ReadonlyArray<Readonly<Record<string, unknown>>>

/**
 * What the service `Ahrefs` asks of a contract. `null`: this contract cannot answer that.
 */
export interface Contract extends Wire {
  /** Rows of `domainRating` and, where the contract sends it, `ahrefsRank`. */
  readonly domainRatings: Operation<MetricsInput, Rows>
  /** Rows of `domainRating` and `attribution`. */
  readonly freeDomainRatings: Operation<MetricsInput, Rows> | null
  /** Rows in the order of the targets; all null where the answer had no row for one. */
  readonly metrics: Operation<MetricsInput, Rows> | null
  readonly backlinks: Operation<BacklinksInput, Rows>
  readonly objectionToBacklinks: (input: BacklinksInput) => Objection
  readonly referringDomains: Operation<Dated & { readonly mode: Mode }, number>
  /** Rows in the order of the keywords. */
  readonly keywordRankings: Operation<KeywordsInput, Rows> | null
  /** The best rows of all: no keyword is asked for. */
  readonly topKeywords: Operation<KeywordsInput, Rows> | null
  readonly usage: Operation<void, Usage>
  /** What a working key with an inactive account fails `verify` with. */
  readonly inactive: "InvalidKey" | "NoSubscription"
}
