/**
 * The reports of Ahrefs as rows over the facts of a world, before selection, filter and order. Pure.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import { type Field, operations } from "./ahrefsOperations.js"
import { bits, market, pick, type Site, uniform, vocabulary } from "./world.js"

/**
 * The value of a parameter of a request.
 *
 * @since 0.1.0
 * @category Models
 */
export type Param = (name: string) => string | undefined

const midnight = (day: string): string => `${day}T00:00:00Z`

/**
 * A row before its columns are chosen: what follows from the facts is `known`, the other columns are drawn from `id`.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Row {
  readonly id: number
  readonly known: Readonly<Record<string, unknown>>
}

/**
 * The rows of a report, made one by one.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Table {
  readonly length: number
  readonly row: (index: number) => Row
}

const tableOf = (rows: ReadonlyArray<Row>): Table => ({
  length: rows.length,
  row: (index) => rows[index] ?? { id: index, known: {} }
})

const drawn = (field: Field, id: number): unknown => {
  const seed = bits(id, Hash.string(field.name))
  if (field.isList) return []
  if (field.isNullable && uniform(seed, 1) < 0.5) return null
  if (Arr.isNonEmptyReadonlyArray(field.enum)) return pick(field.enum, uniform(seed, 2))
  switch (field.type) {
    case "integer":
      return seed % 1000
    case "number":
      return (seed % 1000) / 10
    case "boolean":
      return seed % 5 === 0
    case "date":
      return "2026-09-01"
    case "date-time":
      return "2026-09-01T07:06:33Z"
    case "url":
      return `https://${seed.toString(36)}.com/`
    default:
      return `${field.name} ${seed.toString(36)}`
  }
}

/**
 * The value of a column in a row, of the column's type.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const cell = (field: Field, row: Row): unknown =>
  field.name in row.known ? row.known[field.name] : drawn(field, row.id)

/**
 * The chosen columns of a row.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const project = (columns: ReadonlyArray<Field>, row: Row): Record<string, unknown> =>
  Object.fromEntries(columns.map((column) => [column.name, cell(column, row)]))

const backlinkRow = (site: Site, index: number): Row => {
  const link = site.backlink(index)
  return {
    id: link.id,
    known: {
      url_from: link.urlFrom,
      url_from_plain: link.urlFrom.slice("https://".length),
      url_to: link.urlTo,
      url_to_plain: link.urlTo.slice("https://".length),
      name_source: link.source,
      root_name_source: link.source,
      name_target: site.host,
      root_name_target: site.host,
      title: link.title,
      anchor: link.anchor,
      domain_rating_source: link.domainRating,
      url_rating_source: Math.floor(link.domainRating / 3),
      domain_rating_target: site.facts.domainRating,
      refdomains_target_domain: site.facts.refdomains,
      linked_domains_target_domain: site.facts.linkedDomains,
      is_nofollow: link.isNofollow,
      is_dofollow: !link.isNofollow,
      is_image: link.isImage,
      is_text: !link.isImage,
      link_type: link.isImage ? "image" : "text",
      is_lost: link.lastSeen !== null,
      lost_reason: link.lastSeen === null ? null : "removedfromhtml",
      first_seen: midnight(link.firstSeen),
      first_seen_link: midnight(link.firstSeen),
      last_visited: midnight(link.lastVisited),
      last_seen: link.lastSeen === null ? null : midnight(link.lastSeen)
    }
  }
}

/**
 * Living links, newest first; with the lost ones (`history` other than `live`) every eighth row is lost.
 *
 * @since 0.1.0
 * @category Reports
 */
export const backlinksTable = (site: Site, param: Param): Table => {
  const { backlinks, refdomains } = site.facts
  if (param("aggregation") === "1_per_domain") {
    return { length: Math.min(backlinks, refdomains), row: (index) => backlinkRow(site, index) }
  }
  if (param("history") === "live") return { length: backlinks, row: (index) => backlinkRow(site, index) }
  return {
    length: backlinks + site.lostBacklinks,
    row: (index) => {
      const lost = Math.floor(index / 8)
      return backlinkRow(site, index % 8 === 7 ? backlinks + lost : index - lost)
    }
  }
}

/**
 * @since 0.1.0
 * @category Reports
 */
export const refdomainsTable = (site: Site): Table => ({
  length: site.facts.refdomains,
  row: (index) => {
    const { domain, domainRating, firstSeen, id, links, linksDofollow } = site.refdomain(index)
    return {
      id,
      known: {
        domain,
        domain_rating: domainRating,
        links_to_target: links,
        dofollow_links: linksDofollow,
        is_root_domain: true,
        first_seen: midnight(firstSeen),
        last_seen: null
      }
    }
  }
})

/**
 * Grouped from the first thousand links.
 *
 * @since 0.1.0
 * @category Reports
 */
export const anchorsTable = (site: Site): Table => {
  const links = Array.from({ length: Math.min(1000, site.facts.backlinks) }, (_, index) => site.backlink(index))
  const rows = Object.entries(Arr.groupBy(links, ({ anchor }) => anchor)).map(([anchor, group]): Row => ({
    id: Hash.string(anchor),
    known: {
      anchor,
      refdomains: new Set(group.map(({ source }) => source)).size,
      refpages: group.length,
      links_to_target: group.length,
      dofollow_links: group.filter(({ isNofollow }) => !isNofollow).length,
      top_domain_rating: Math.max(...group.map(({ domainRating }) => domainRating)),
      first_seen: midnight(Arr.lastNonEmpty(group).firstSeen),
      last_seen: null
    }
  }))
  return tableOf(rows)
}

const keywordRow = (
  site: Site,
  keyword: string,
  country: string,
  comparedTo: string | undefined
): Option.Option<Row> => {
  const position = site.position(keyword)
  if (position === null) return Option.none()
  const { cpc, difficulty, volume } = market(keyword)
  const words = keyword.split(" ").length
  const traffic = Math.round(volume / (2 * position))
  const id = bits(Hash.string(site.host), Hash.string(keyword))
  const merged = {
    keyword_merged: keyword,
    keyword_country: country.toUpperCase(),
    keyword_difficulty_merged: difficulty,
    volume_merged: volume,
    cpc_merged: cpc,
    words_merged: words,
    sum_traffic_merged: traffic,
    sum_paid_traffic_merged: 0,
    best_position_kind_merged: "organic"
  }
  const now = {
    keyword,
    best_position: position,
    best_position_url: `https://${site.host}/${keyword.replaceAll(" ", "-")}`,
    best_position_kind: "organic",
    keyword_difficulty: difficulty,
    volume,
    cpc,
    words,
    sum_traffic: traffic,
    sum_paid_traffic: 0
  }
  const set = position <= 3 ? "top_3" : position <= 10 ? "top_4_10" : position <= 50 ? "top_11_50" : "top_51_more"
  const sets = {
    best_position_set: set,
    is_best_position_set_top_3: set === "top_3",
    is_best_position_set_top_4_10: set === "top_4_10",
    is_best_position_set_top_11_50: set === "top_11_50"
  }
  const nothing = (names: ReadonlyArray<string>) => Object.fromEntries(names.map((name) => [name, null]))
  if (comparedTo === undefined) {
    return Option.some({ id, known: { ...nothing(earlier), ...sets, ...merged, ...now, status: "left" } })
  }
  const isLost = uniform(id, Hash.string(comparedTo)) < 0.1
  const before = { keyword_prev: keyword, best_position_prev: position, best_position_diff: 0 }
  return Option.some({
    id,
    known: isLost
      ? { ...nothing(Object.keys(now)), ...sets, ...merged, ...before, best_position_diff: null, status: "right" }
      : { ...sets, ...merged, ...now, ...before, status: "both" }
  })
}

const keywordsOperation = operations.get("GET /site-explorer/organic-keywords")
const earlier = [...(keywordsOperation?.columns.values() ?? [])]
  .filter(({ isNullable, name }) => isNullable && /_(?:prev|diff)$/.test(name))
  .map(({ name }) => name)

/**
 * The listed keywords, and any other that the filter names: the vendor knows far more than it lists here.
 *
 * @since 0.1.0
 * @category Reports
 */
export const keywordsTable = (site: Site, param: Param, named: ReadonlyArray<string>): Table =>
  tableOf(
    Arr.filterMap(Arr.dedupe([...named, ...vocabulary]), (keyword) =>
      keywordRow(site, keyword, param("country") ?? "us", param("date_compared"))
    )
  )

/**
 * The columns of a batch row that do not depend on the request.
 *
 * @since 0.1.0
 * @category Reports
 */
export const batchRow = ({ facts, host }: Site) => {
  const others = facts.orgKeywords - facts.orgKeywordsTop3
  const fifth = Math.floor(others / 5)
  return {
    domain_rating: facts.domainRating,
    url_rating: facts.urlRating,
    ahrefs_rank: facts.ahrefsRank,
    backlinks: facts.backlinks,
    backlinks_dofollow: facts.backlinksDofollow,
    backlinks_nofollow: facts.backlinksNofollow,
    backlinks_redirect: 0,
    backlinks_internal: facts.linkedDomains,
    refdomains: facts.refdomains,
    refdomains_dofollow: facts.refdomainsDofollow,
    refdomains_nofollow: facts.refdomainsNofollow,
    refips: facts.refips,
    refips_subnets: facts.subnets,
    linked_domains: facts.linkedDomains,
    linked_domains_dofollow: Math.floor(facts.linkedDomains * 0.7),
    outgoing_links: facts.linkedDomains * 3,
    outgoing_links_dofollow: facts.linkedDomains * 2,
    org_keywords: facts.orgKeywords,
    org_keywords_1_3: facts.orgKeywordsTop3,
    org_keywords_4_10: fifth,
    org_keywords_11_20: fifth,
    org_keywords_21_50: fifth,
    org_keywords_51_plus: others - 3 * fifth,
    org_traffic: facts.orgTraffic,
    org_cost: facts.orgCost,
    org_traffic_top_by_country:
      facts.orgTraffic === 0 ? [] : [[host.endsWith(".de") ? "DE" : "US", Math.ceil(facts.orgTraffic / 2)]],
    paid_keywords: facts.paidKeywords,
    paid_ads: facts.paidKeywords,
    paid_traffic: facts.paidTraffic,
    paid_cost: facts.paidCost,
    ip: facts.known ? "192.0.2.1" : null
  }
}

/**
 * @since 0.1.0
 * @category Reports
 */
export const ratingRow = ({ facts }: Site) => ({ domain_rating: facts.domainRating, ahrefs_rank: facts.ahrefsRank })

/**
 * @since 0.1.0
 * @category Reports
 */
export const statsRow = ({ facts, lostBacklinks }: Site) => ({
  live: facts.backlinks,
  all_time: facts.backlinks + lostBacklinks,
  live_refdomains: facts.refdomains,
  all_time_refdomains: Math.ceil(facts.refdomains * 1.3)
})

/**
 * @since 0.1.0
 * @category Reports
 */
export const metricsRow = ({ facts }: Site) => ({
  org_keywords: facts.orgKeywords,
  org_keywords_1_3: facts.orgKeywordsTop3,
  org_traffic: facts.orgTraffic,
  org_cost: facts.orgCost,
  paid_keywords: facts.paidKeywords,
  paid_traffic: facts.paidTraffic,
  paid_cost: facts.paidCost,
  paid_pages: Math.ceil(facts.paidKeywords / 10)
})
