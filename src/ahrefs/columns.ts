/**
 * The columns Ahrefs sells: our name, the wire's name, the type, the price a row.
 *
 * Source: Ahrefs API v3 OpenAPI, 2026-08 (batch-analysis, all-backlinks, organic-keywords).
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { Count, Rating } from "../internal/figures.js"

/**
 * One column: its name on the wire, its type, API units a row.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Column<S extends Schema.Schema.AnyNoContext = Schema.Schema.AnyNoContext> {
  readonly wire: string
  readonly schema: S
  readonly units: number
}

/**
 * @since 0.1.0
 * @category Models
 */
export type Columns = Readonly<Record<string, Column>>

/**
 * A row of the columns asked for. `null` where Ahrefs sent none.
 *
 * @since 0.1.0
 * @category Models
 */
export type Row<Table extends Columns, Name extends keyof Table> = {
  readonly [K in Name]: Schema.Schema.Type<Table[K]["schema"]> | null
}

const column = <S extends Schema.Schema.AnyNoContext>(wire: string, schema: S, units = 1): Column<S> => ({
  wire,
  schema,
  units
})

const number = Count
const rating = Rating
const text = Schema.String
const flag = Schema.Boolean
const texts = Schema.Array(Schema.String)
const numbers = Schema.Array(Count)
const objects = Schema.Array(Schema.Unknown)
const countryTraffic = Schema.Array(Schema.Tuple(Schema.String, Count))

/**
 * Batch analysis, one row a target. `orgCost` and `paidCost` are US cents; `orgTraffic` and `paidTraffic` visits a month.
 *
 * @since 0.1.0
 * @category Columns
 */
export const metricColumns = {
  ahrefsRank: column("ahrefs_rank", number),
  backlinks: column("backlinks", number),
  backlinksDofollow: column("backlinks_dofollow", number),
  backlinksInternal: column("backlinks_internal", number),
  backlinksNofollow: column("backlinks_nofollow", number),
  backlinksRedirect: column("backlinks_redirect", number),
  domainRating: column("domain_rating", rating),
  ip: column("ip", text),
  linkedDomains: column("linked_domains", number),
  linkedDomainsDofollow: column("linked_domains_dofollow", number),
  mode: column("mode", text),
  orgCost: column("org_cost", number, 10),
  orgKeywords: column("org_keywords", number),
  orgKeywords11To20: column("org_keywords_11_20", number),
  orgKeywords1To3: column("org_keywords_1_3", number),
  orgKeywords21To50: column("org_keywords_21_50", number),
  orgKeywords4To10: column("org_keywords_4_10", number),
  orgKeywords51Plus: column("org_keywords_51_plus", number),
  orgTraffic: column("org_traffic", number, 10),
  orgTrafficTopByCountry: column("org_traffic_top_by_country", countryTraffic, 10),
  outgoingLinks: column("outgoing_links", number),
  outgoingLinksDofollow: column("outgoing_links_dofollow", number),
  paidAds: column("paid_ads", number),
  paidCost: column("paid_cost", number, 10),
  paidKeywords: column("paid_keywords", number),
  paidTraffic: column("paid_traffic", number, 10),
  protocol: column("protocol", text),
  refdomains: column("refdomains", number, 5),
  refdomainsDofollow: column("refdomains_dofollow", number, 5),
  refdomainsNofollow: column("refdomains_nofollow", number, 5),
  refips: column("refips", number),
  refipsSubnets: column("refips_subnets", number),
  url: column("url", text),
  urlRating: column("url_rating", rating)
}

/**
 * A column of `getDomainMetrics`.
 *
 * @since 0.1.0
 * @category Columns
 */
export type MetricColumn = keyof typeof metricColumns

/**
 * Columns of a backlink beyond the four every row has. Dates are ISO texts in UTC.
 *
 * @since 0.1.0
 * @category Columns
 */
export const backlinkColumns = {
  ahrefsRankSource: column("ahrefs_rank_source", number),
  ahrefsRankTarget: column("ahrefs_rank_target", number),
  alt: column("alt", text),
  brokenRedirectNewTarget: column("broken_redirect_new_target", text),
  brokenRedirectReason: column("broken_redirect_reason", text),
  brokenRedirectSource: column("broken_redirect_source", text),
  classC: column("class_c", number, 5),
  discoveredStatus: column("discovered_status", text),
  domainRatingTarget: column("domain_rating_target", rating),
  dropReason: column("drop_reason", text),
  encoding: column("encoding", text),
  firstSeen: column("first_seen", text),
  firstSeenLink: column("first_seen_link", text),
  httpCode: column("http_code", number),
  httpCrawl: column("http_crawl", flag),
  ipSource: column("ip_source", text),
  isAlternate: column("is_alternate", flag),
  isCanonical: column("is_canonical", flag),
  isContent: column("is_content", flag),
  isDofollow: column("is_dofollow", flag),
  isForm: column("is_form", flag),
  isFrame: column("is_frame", flag),
  isImage: column("is_image", flag),
  isLost: column("is_lost", flag),
  isNew: column("is_new", flag),
  isRedirect: column("is_redirect", flag),
  isRedirectLost: column("is_redirect_lost", flag),
  isRootSource: column("is_root_source", flag),
  isRootTarget: column("is_root_target", flag),
  isRss: column("is_rss", flag),
  isSpam: column("is_spam", flag),
  isSponsored: column("is_sponsored", flag),
  isText: column("is_text", flag),
  isUgc: column("is_ugc", flag),
  jsCrawl: column("js_crawl", flag),
  languages: column("languages", texts),
  lastSeen: column("last_seen", text),
  lastVisited: column("last_visited", text),
  linkGroupCount: column("link_group_count", number),
  linkType: column("link_type", text),
  linkedDomainsSourceDomain: column("linked_domains_source_domain", number),
  linkedDomainsSourcePage: column("linked_domains_source_page", number),
  linkedDomainsTargetDomain: column("linked_domains_target_domain", number),
  linksExternal: column("links_external", number),
  linksInternal: column("links_internal", number),
  lostReason: column("lost_reason", text),
  nameSource: column("name_source", text),
  nameTarget: column("name_target", text),
  noindex: column("noindex", flag),
  pageCategorySource: column("page_category_source", text),
  pageSize: column("page_size", number),
  pageTypeSource: column("page_type_source", text),
  portSource: column("port_source", number),
  portTarget: column("port_target", number),
  positions: column("positions", number),
  poweredBy: column("powered_by", texts),
  redirectCode: column("redirect_code", number),
  redirectKind: column("redirect_kind", numbers),
  refdomainsSource: column("refdomains_source", number, 5),
  refdomainsSourceDomain: column("refdomains_source_domain", number, 5),
  refdomainsTargetDomain: column("refdomains_target_domain", number, 5),
  rootNameSource: column("root_name_source", text),
  rootNameTarget: column("root_name_target", text),
  snippetLeft: column("snippet_left", text),
  snippetRight: column("snippet_right", text),
  sourcePageAuthor: column("source_page_author", text),
  sourcePagePublishDate: column("source_page_publish_date", text),
  title: column("title", text),
  tldClassSource: column("tld_class_source", text),
  tldClassTarget: column("tld_class_target", text),
  traffic: column("traffic", number, 10),
  trafficDomain: column("traffic_domain", number, 10),
  urlFromPlain: column("url_from_plain", text),
  urlRatingSource: column("url_rating_source", rating),
  urlRedirect: column("url_redirect", texts),
  urlRedirectWithTarget: column("url_redirect_with_target", texts),
  urlTo: column("url_to", text),
  urlToPlain: column("url_to_plain", text)
}

/**
 * A further column of `getBacklinks`.
 *
 * @since 0.1.0
 * @category Columns
 */
export type BacklinkColumn = keyof typeof backlinkColumns

/**
 * Columns of an organic keyword beyond keyword, position and URL. Those that only compare two dates are left out.
 * `cpc` is US cents.
 *
 * @since 0.1.0
 * @category Columns
 */
export const keywordColumns = {
  allPositions: column("all_positions", objects, 5),
  bestPositionHasThumbnail: column("best_position_has_thumbnail", flag),
  bestPositionHasVideo: column("best_position_has_video", flag),
  bestPositionKind: column("best_position_kind", text),
  bestPositionSet: column("best_position_set", text),
  cpc: column("cpc", number),
  entities: column("entities", objects),
  isBestPositionSetTop11To50: column("is_best_position_set_top_11_50", flag),
  isBestPositionSetTop3: column("is_best_position_set_top_3", flag),
  isBestPositionSetTop4To10: column("is_best_position_set_top_4_10", flag),
  isBranded: column("is_branded", flag),
  isCommercial: column("is_commercial", flag),
  isInformational: column("is_informational", flag),
  isLocal: column("is_local", flag),
  isNavigational: column("is_navigational", flag),
  isTransactional: column("is_transactional", flag),
  keywordCountry: column("keyword_country", text),
  keywordDifficulty: column("keyword_difficulty", number, 10),
  keywordLanguage: column("keyword_language", texts),
  language: column("language", text),
  lastUpdate: column("last_update", text),
  serpFeatures: column("serp_features", texts),
  serpFeaturesCount: column("serp_features_count", number),
  serpTargetMainPositionsCount: column("serp_target_main_positions_count", number),
  serpTargetPositionsCount: column("serp_target_positions_count", number),
  sumPaidTraffic: column("sum_paid_traffic", number, 10),
  sumTraffic: column("sum_traffic", number, 10),
  volume: column("volume", number, 10),
  volumeDesktopPct: column("volume_desktop_pct", number),
  volumeMobilePct: column("volume_mobile_pct", number),
  words: column("words", number)
}

/**
 * A further column of `getKeywordRankings`.
 *
 * @since 0.1.0
 * @category Columns
 */
export type KeywordColumn = keyof typeof keywordColumns

/**
 * Columns every row must have; a missing one makes the answer malformed.
 */
export const needed = {
  metric: { index: column("index", Schema.Int) },
  backlink: {
    urlFrom: column("url_from", text),
    domainRating: column("domain_rating_source", rating),
    anchor: column("anchor", text),
    isNofollow: column("is_nofollow", flag)
  },
  keyword: {
    keyword: column("keyword", Schema.NullOr(text)),
    position: column("best_position", Schema.NullOr(number)),
    url: column("best_position_url", Schema.NullOr(text))
  }
}

type RowsDecoder = (
  json: unknown
) => Either.Either<ReadonlyArray<Readonly<Record<string, unknown>>>, ParseResult.ParseError>

const makeDecoder = (wrapper: string, needed: Columns, asked: Columns): RowsDecoder => {
  const fields: Record<string, Schema.Schema.AnyNoContext> = {}
  for (const { schema, wire } of Object.values(asked)) fields[wire] = Schema.NullOr(schema)
  for (const { schema, wire } of Object.values(needed)) fields[wire] = schema
  const decode = Schema.decodeUnknownEither(Schema.Struct({ [wrapper]: Schema.Array(Schema.Struct(fields)) }))
  const names = Object.entries({ ...needed, ...asked }).map(([name, { wire }]) => [name, wire] as const)
  const rename = (row: Readonly<Record<string, unknown>>) => {
    const renamed: Record<string, unknown> = {}
    for (const [name, wire] of names) renamed[name] = row[wire]
    return renamed
  }
  return (json) => Either.map(decode(json), (body) => (body[wrapper] ?? []).map(rename))
}

/**
 * Reads `{ [wrapper]: [...] }`: the columns of `needed` as they are, those of `asked` or null. Decoders cost more to build
 * than to run, so each choice of columns keeps its own.
 */
export const rowsDecoder = <Table extends Columns>(
  wrapper: string,
  needed: Columns,
  table: Table
): ((names: ReadonlyArray<keyof Table & string>) => RowsDecoder) => {
  const decoders = new Map<string, RowsDecoder>()
  return (names) => {
    const key = names.join()
    const known = decoders.get(key)
    if (known !== undefined) return known
    const decoder = makeDecoder(
      wrapper,
      needed,
      Object.fromEntries(names.map((name) => [name, table[name]])) as Columns
    )
    if (decoders.size >= maxDecoders) decoders.clear()
    decoders.set(key, decoder)
    return decoder
  }
}

const maxDecoders = 256
