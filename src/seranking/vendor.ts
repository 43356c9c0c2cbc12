/**
 * The wire that SE Ranking publishes: Data API v1.
 *
 * Source: SE Ranking API documentation and OpenAPI, 2026-04 to 2026-08.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Count, Rating } from "../internal/figures.js"
import { utc } from "../internal/utc.js"
import { listOfFacts, oneFact, type Operation, type Request, rowOfFacts } from "../Operation.js"
import * as Target from "../Target.js"
import { classify } from "./errors.js"
import { marketOf } from "./market.js"
import {
  type Backlink,
  type BacklinksInput,
  type BacklinksMetrics,
  type BacklinksSummary,
  type Contract,
  type DomainInlinkRank,
  type KeywordRanking,
  type KeywordsInput,
  metricsOf,
  type Page,
  type PageInput,
  rankingsOf,
  type SortBy,
  type SummariesInput,
  unknownSummary
} from "./model.js"
import { credits, exact, upTo } from "./pricing.js"

const optional = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optionalWith(Schema.NullOr(schema), { default: () => null })
// For the rows of long lists, where a union and a default for each field would double the time of decoding: one look at
// the value, and the default where the row is read.
const maybe = <A>(is: (u: unknown) => u is A) =>
  Schema.optionalWith(
    Schema.declare((u): u is A | null => u === null || is(u)),
    { exact: true }
  )
const isRating = Schema.is(Rating)
const count = optional(Count)
const rating = optional(Rating)
const text = optional(Schema.String)

const targetsRequest = (path: string, targets: ReadonlyArray<Target.Target>, mode: string): Request => ({
  method: "POST",
  path,
  query: [["output", "json"]],
  body: { target: targets, mode }
})

/** Rows come fewer, in another order and with another spelling of the target than asked. */
const byTarget = <R extends { readonly target: string }>(rows: ReadonlyArray<R>) => {
  const verbatim = new Map(rows.map((row) => [row.target, row])) // pages may differ in nothing but their scheme
  const found = new Map(rows.map((row) => [Target.key(row.target), row]))
  return (target: Target.Target): R | undefined => verbatim.get(target) ?? found.get(Target.key(target))
}

const counts = {
  backlinks: count,
  refdomains: count,
  subnets: count,
  ips: count,
  nofollow_backlinks: count,
  dofollow_backlinks: count,
  edu_backlinks: count,
  gov_backlinks: count
}

const SummaryRow = Schema.Struct({
  target: Schema.String,
  ...counts,
  inlink_rank: rating,
  domain_inlink_rank: rating,
  dofollow_refdomains: count,
  edu_refdomains: count,
  gov_refdomains: count,
  text_backlinks: count,
  from_home_page_backlinks: count,
  dofollow_from_home_page_backlinks: count,
  from_home_page_refdomains: count,
  anchors: count,
  dofollow_anchors: count,
  pages_with_backlinks: count,
  top_anchors_by_backlinks: optional(Schema.Array(Schema.Struct({ anchor: Schema.String, backlinks: Count }))),
  top_anchors_by_refdomains: optional(Schema.Array(Schema.Struct({ anchor: Schema.String, refdomains: Count }))),
  top_pages_by_backlinks: optional(Schema.Array(Schema.Struct({ url: Schema.String, backlinks: Count }))),
  top_pages_by_refdomains: optional(Schema.Array(Schema.Struct({ url: Schema.String, refdomains: Count }))),
  top_tlds: optional(Schema.Array(Schema.Struct({ tld: Schema.String, count: Count }))),
  top_countries: optional(Schema.Array(Schema.Struct({ country: Schema.String, count: Count })))
})

const decodeSummaries = Schema.decodeUnknownEither(Schema.Struct({ summary: Schema.Array(SummaryRow) }))

const withBacklinks = <R extends { readonly backlinks: number }>(rows: ReadonlyArray<R> | null) =>
  rows?.map((row) => ({ ...row, referringDomains: null })) ?? null
const withDomains = <R extends { readonly refdomains: number }>(rows: ReadonlyArray<R> | null) =>
  rows?.map(({ refdomains, ...row }) => ({ ...row, backlinks: null, referringDomains: refdomains })) ?? null

const summaryOf = (domain: Target.Target, row: typeof SummaryRow.Type): BacklinksSummary => ({
  domain,
  isKnown: true,
  totalBacklinks: row.backlinks,
  referringDomains: row.refdomains,
  referringIPs: row.ips,
  referringSubnets: row.subnets,
  trustFlow: null,
  citationFlow: null,
  domainScore: null,
  noFollowLinks: row.nofollow_backlinks,
  doFollowLinks: row.dofollow_backlinks,
  domainInlinkRank: row.domain_inlink_rank,
  inlinkRank: row.inlink_rank,
  doFollowReferringDomains: row.dofollow_refdomains,
  eduBacklinks: row.edu_backlinks,
  govBacklinks: row.gov_backlinks,
  eduReferringDomains: row.edu_refdomains,
  govReferringDomains: row.gov_refdomains,
  textBacklinks: row.text_backlinks,
  homePageBacklinks: row.from_home_page_backlinks,
  homePageDoFollowBacklinks: row.dofollow_from_home_page_backlinks,
  homePageReferringDomains: row.from_home_page_refdomains,
  anchors: row.anchors,
  doFollowAnchors: row.dofollow_anchors,
  pagesWithBacklinks: row.pages_with_backlinks,
  topAnchorsByBacklinks: withBacklinks(row.top_anchors_by_backlinks),
  topAnchorsByReferringDomains: withDomains(row.top_anchors_by_refdomains),
  topPagesByBacklinks: withBacklinks(row.top_pages_by_backlinks),
  topPagesByReferringDomains: withDomains(row.top_pages_by_refdomains),
  topTlds: row.top_tlds,
  topCountries: row.top_countries
})

const summaries: Operation<SummariesInput, ReadonlyArray<BacklinksSummary>> = {
  name: "getBacklinksSummary",
  batchSize: 100,
  request: ({ mode, targets }) => targetsRequest("/backlinks/summary", targets, mode),
  decode: ({ targets }, json) =>
    Either.map(decodeSummaries(json), ({ summary }) => {
      const find = byTarget(summary)
      const value = targets.map((target) => {
        const row = find(target)
        return row === undefined ? unknownSummary(target) : summaryOf(target, row)
      })
      return { value, rows: summary.length }
    }),
  price: ({ targets }) => exact(targets.length * credits.summaryTarget),
  charge: ({ targets }) => targets.length * credits.summaryTarget,
  facts: rowOfFacts({
    kind: "summary",
    params: ({ mode }) => ({ mode }),
    subjects: ({ targets }) => targets,
    // Safe: the subjects are targets of the wider input.
    narrow: (input, targets) => ({ ...input, targets: targets as ReadonlyArray<Target.Target> }),
    isUnknown: ({ isKnown }) => !isKnown
  })
}

const decodeMetrics = Schema.decodeUnknownEither(
  Schema.Struct({ metrics: Schema.Array(Schema.Struct({ target: Schema.String, ...counts })) })
)

const metrics: Operation<ReadonlyArray<Target.Target>, ReadonlyArray<BacklinksMetrics>> = {
  name: "getBacklinksMetrics",
  batchSize: 100,
  request: (targets) => targetsRequest("/backlinks/metrics", targets, "domain"),
  decode: (targets, json) =>
    Either.map(decodeMetrics(json), ({ metrics }) => {
      const find = byTarget(metrics)
      const value = targets.map((target) => {
        const row = find(target)
        return metricsOf(
          target,
          row && {
            totalBacklinks: row.backlinks,
            referringDomains: row.refdomains,
            referringIPs: row.ips,
            referringSubnets: row.subnets,
            noFollowLinks: row.nofollow_backlinks,
            doFollowLinks: row.dofollow_backlinks,
            eduBacklinks: row.edu_backlinks,
            govBacklinks: row.gov_backlinks
          }
        )
      })
      return { value, rows: metrics.length }
    }),
  price: (targets) => upTo(targets.length * credits.metricsRecord),
  charge: (_, rows) => rows * credits.metricsRecord,
  facts: rowOfFacts({
    kind: "metrics",
    subjects: (targets) => targets,
    // Safe: the subjects are targets of the wider input.
    narrow: (_, targets) => targets as ReadonlyArray<Target.Target>,
    isUnknown: ({ isKnown }) => !isKnown
  })
}

const Link = Schema.Struct({
  url_from: Schema.String,
  url_to: Schema.String,
  nofollow: Schema.Boolean,
  title: maybe(Predicate.isString),
  anchor: maybe(Predicate.isString),
  alt: maybe(Predicate.isString),
  image: maybe(Predicate.isBoolean),
  image_source: maybe(Predicate.isString),
  inlink_rank: maybe(isRating),
  domain_inlink_rank: maybe(isRating),
  first_seen: maybe(Predicate.isString),
  last_visited: maybe(Predicate.isString)
})

const linkOf = (row: typeof Link.Type): Backlink => ({
  sourceUrl: row.url_from,
  targetUrl: row.url_to,
  anchorText: row.anchor ?? null,
  isNoFollow: row.nofollow,
  firstSeen: row.first_seen ?? null,
  lastSeen: null,
  lastVisited: row.last_visited ?? null,
  trustFlow: null,
  citationFlow: null,
  inlinkRank: row.inlink_rank ?? null,
  domainInlinkRank: row.domain_inlink_rank ?? null,
  title: row.title ?? null,
  alt: row.alt ?? null,
  isImage: row.image ?? null,
  imageSource: row.image_source ?? null
})

const orders: Readonly<Record<SortBy, string | undefined>> = {
  trustFlow: undefined,
  citationFlow: undefined,
  firstSeen: "date_found",
  inlinkRank: "inlink_rank",
  domainInlinkRank: "domain_inlink_rank"
}
const orderOf = (sortBy: SortBy | undefined) => (sortBy && orders[sortBy]) ?? "domain_inlink_rank"

const decodeLinks = Schema.decodeUnknownEither(Schema.Struct({ backlinks: Schema.Array(Link) }))

const backlinks: Operation<BacklinksInput, ReadonlyArray<Backlink>> = {
  name: "getBacklinks",
  batchSize: 1,
  request: ({ doFollowOnly, limit, sortBy, target }) => ({
    method: "GET",
    path: "/backlinks/all",
    query: [
      ["target", target],
      ["mode", "domain"],
      ["limit", String(limit)],
      ["order_by", orderOf(sortBy)],
      ...(doFollowOnly ? [["nofollow_filter", "dofollow_only"] as const] : []),
      ["output", "json"]
    ]
  }),
  decode: (_, json) =>
    Either.map(decodeLinks(json), ({ backlinks }) => ({ value: backlinks.map(linkOf), rows: backlinks.length })),
  price: ({ limit }) => upTo(limit * credits.backlinkRecord),
  charge: (_, rows) => rows * credits.backlinkRecord,
  facts: listOfFacts({
    kind: "backlinks",
    subject: ({ target }) => target,
    limit: ({ limit }) => limit,
    params: ({ doFollowOnly, offset, sortBy }) => ({ doFollowOnly, offset, sortBy: orderOf(sortBy) })
  })
}

const decodePage = Schema.decodeUnknownEither(Schema.Struct({ backlinks: Schema.Array(Link), next: text }))

const page: Operation<PageInput, Page> = {
  name: "getBacklinksStream",
  batchSize: 1,
  request: ({ cursor, limit, sortBy, target }) => ({
    method: "GET",
    path: "/backlinks/raw",
    query: [
      ["target", target],
      ["mode", "domain"],
      ["limit", String(limit)],
      ["order_by", orderOf(sortBy)],
      ...(cursor === null ? [] : [["next", cursor] as const]),
      ["output", "json"]
    ]
  }),
  // The end is a missing, null or empty cursor, or an empty page.
  decode: (_, json) =>
    Either.map(decodePage(json), ({ backlinks, next }) => ({
      value: { backlinks: backlinks.map(linkOf), next: backlinks.length === 0 || next === "" ? null : next },
      rows: backlinks.length
    })),
  price: ({ limit }) => upTo(limit * credits.backlinkRecord),
  charge: (_, rows) => rows * credits.backlinkRecord,
  facts: oneFact({
    kind: "page",
    subject: ({ target }) => target,
    params: ({ cursor, limit, sortBy }) => ({ cursor, limit, sortBy: orderOf(sortBy) }),
    isUnknown: ({ backlinks }) => backlinks.length === 0
  })
}

const decodeKeywords = Schema.decodeUnknownEither(
  Schema.Array(Schema.Struct({ keyword: Schema.String, position: count, url: text, volume: count }))
)

// One row per keyword is what was seen; the room for a second one costs nothing, as only rows that come back are billed.
const keywordRows = (keywords: ReadonlyArray<string>) => Math.min(1000, keywords.length * 2)

const keywordRankings: Operation<KeywordsInput, ReadonlyArray<KeywordRanking>> = {
  name: "getKeywordRankings",
  // A filter on more keywords than this no longer fits into a URL.
  batchSize: 50,
  request: ({ keywords, location, target }) => ({
    method: "GET",
    path: "/domain/keywords",
    query: [
      ["source", marketOf(location) ?? ""],
      ["domain", target],
      ["type", "organic"],
      ["order_field", "position"],
      ["order_type", "asc"],
      ["page", "1"],
      ["limit", String(keywordRows(keywords))],
      // Outer list: or. Inner list: and.
      [
        "filter[multi_keyword_included]",
        JSON.stringify(keywords.map((value) => [{ type: "exact", value: value.toLowerCase() }]))
      ],
      ["output", "json"]
    ]
  }),
  decode: ({ keywords }, json) =>
    Either.map(decodeKeywords(json), (rows) => ({ value: rankingsOf(keywords, rows), rows: rows.length })),
  price: ({ keywords }) => upTo(keywordRows(keywords) * credits.keyword),
  charge: (_, rows) => Math.max(1, rows) * credits.keyword,
  facts: rowOfFacts({
    kind: "keyword",
    params: ({ location, searchEngine, target }) => ({ location: marketOf(location), searchEngine, target }),
    target: ({ target }) => target,
    subjects: ({ keywords }) => keywords,
    narrow: (input, keywords) => ({ ...input, keywords }),
    isUnknown: ({ position }) => position === null
  })
}

const decodeAuthority = Schema.decodeUnknownEither(
  Schema.Struct({ pages: Schema.Array(Schema.Struct({ url: Schema.String, domain_inlink_rank: rating })) })
)

const domainInlinkRank: Operation<Target.Target, DomainInlinkRank> = {
  name: "getDomainInlinkRank",
  batchSize: 1,
  request: (target) => ({
    method: "GET",
    path: "/backlinks/authority/domain",
    query: [
      ["target", target],
      ["output", "json"]
    ]
  }),
  decode: (domain, json) =>
    Either.map(decodeAuthority(json), ({ pages }) => ({
      value: { domain, domainInlinkRank: pages[0]?.domain_inlink_rank ?? null },
      rows: pages.length
    })),
  price: () => upTo(credits.domainAuthorityRecord),
  charge: (_, rows) => rows * credits.domainAuthorityRecord,
  facts: oneFact({
    kind: "domainInlinkRank",
    subject: (target) => target,
    isUnknown: ({ domainInlinkRank }) => domainInlinkRank === null
  })
}

const units = Schema.NullOr(Schema.Union(Schema.Finite, Schema.NumberFromString.pipe(Schema.finite())))

const decodeUsage = Schema.decodeUnknownEither(
  Schema.Struct({
    subscription_info: Schema.Struct({
      status: Schema.String,
      // The vendor's own misspelling, and the spelling of a newer sample.
      expiraton_date: text,
      expiration_date: text,
      units_limit: units,
      units_left: units
    })
  })
)

const usage: Contract["usage"] = {
  name: "getUsage",
  batchSize: 1,
  request: () => ({ method: "GET", path: "/account/subscription", query: [["output", "json"]] }),
  decode: (_, json) =>
    Either.map(decodeUsage(json), ({ subscription_info: account }) => ({
      value: {
        provider: "se_ranking",
        unit: "credits",
        plan: null,
        isActive: account.status === "active",
        limit: account.units_limit,
        used:
          account.units_limit === null || account.units_left === null ? null : account.units_limit - account.units_left,
        left: account.units_left,
        resetsAt: Option.getOrNull(utc(account.expiraton_date ?? account.expiration_date)),
        keyExpiresAt: null
      },
      rows: 1
    })),
  price: () => exact(0),
  charge: () => 0,
  facts: null
}

const unsupported = (reason: string) => ({ _tag: "Unsupported", reason }) as const

/**
 * @since 0.1.0
 * @category Contracts
 */
export const vendor: Contract = {
  provider: "se_ranking",
  contract: "vendor",
  unit: "credits",
  apiUrl: "https://api.seranking.com/v1",
  rate: { requests: 10, per: "1 second" },
  authorize: (apiKey) => HttpClientRequest.setHeader("authorization", `Token ${apiKey}`),
  chargeHeader: null,
  classify,
  refusedIn: null,
  summaries,
  metrics,
  backlinks,
  page,
  objectionToBacklinks: ({ offset, sortBy }) => {
    if (offset > 0) return unsupported("it cannot skip rows, read on with getBacklinksStream")
    return sortBy !== undefined && orders[sortBy] === undefined
      ? unsupported(`it does not know ${sortBy}, sort by an InLink Rank`)
      : null
  },
  keywordRankings,
  objectionToKeywords: ({ location, searchEngine }) => {
    if (searchEngine !== "google") return unsupported(`it knows Google positions only, not ${searchEngine}`)
    return marketOf(location) === undefined
      ? unsupported(`it knows countries only, and "${location.slice(0, 60)}" is none`)
      : null
  },
  domainInlinkRank,
  usage,
  inactive: "NoSubscription"
}
