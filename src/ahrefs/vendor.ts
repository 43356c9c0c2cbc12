/**
 * The wire that Ahrefs publishes: API v3.
 *
 * Source: Ahrefs API v3 OpenAPI and documentation, 2026-08.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Count, Rating } from "../internal/figures.js"
import { keywordKey } from "../internal/keyword.js"
import {
  type Answer,
  listOfFacts,
  type Objection,
  oneFact,
  type Operation,
  type Request,
  rowOfFacts,
  tableOfFacts
} from "../Operation.js"
import * as Target from "../Target.js"
import {
  backlinkColumns,
  type Column,
  keywordColumns,
  metricColumns,
  type MetricColumn,
  needed,
  rowsDecoder
} from "./columns.js"
import { classify } from "./errors.js"
import { columnsOf, isValid, toWire } from "./filter.js"
import {
  attribution,
  type BacklinksInput,
  type Contract,
  type Dated,
  type KeywordsInput,
  type MetricsInput,
  type Mode,
  type Rows
} from "./model.js"
import { exact, freeTargetRows, isFreeTarget, unitsPerRow, upTo, units } from "./pricing.js"

const get = (path: string, query: Readonly<Record<string, string | undefined>>): Request => ({
  method: "GET",
  path,
  query: Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
})

const one = <A>(value: A): Answer<A> => ({ value, rows: 1 })

const snapshot = (unitsPerRow: number) => ({
  batchSize: 1,
  price: (input: Dated) => exact(1, unitsPerRow, isFreeTarget(input.target)),
  charge: (input: Dated) => (isFreeTarget(input.target) ? 0 : units(1, unitsPerRow))
})

const free = {
  price: () => ({ unit: "api_units", lower: 0, upper: 0 }) as const,
  charge: () => 0
}

const decodeManyFree = Schema.decodeUnknownEither(
  Schema.Struct({
    domain_rating: Schema.Struct({
      targets: Schema.Array(Schema.Struct({ target: Schema.String, domain_rating: Schema.NullOr(Rating) })),
      license: Schema.String
    })
  })
)

// Safe, where a narrower input is made: subjects and columns are taken from those of the wider one.
const narrowed = (
  input: MetricsInput,
  targets: ReadonlyArray<string>,
  columns: ReadonlyArray<string>
): MetricsInput => ({
  ...input,
  targets: targets as ReadonlyArray<Target.Target>,
  columns: columns as ReadonlyArray<MetricColumn>
})

// The free batch has no index: its rows are joined by target, which comes back in Unicode and with a slash.
const freeDomainRatings: Operation<MetricsInput, Rows> = {
  name: "getDomainRatings",
  batchSize: 100,
  ...free,
  request: ({ targets }) => ({ method: "POST", path: "/public/domain-rating-free", body: { targets } }),
  decode: ({ targets }, json) =>
    Either.map(decodeManyFree(json), ({ domain_rating: rated }) => {
      const found = new Map(rated.targets.map((row) => [Target.key(row.target), row.domain_rating]))
      const owed = attribution(rated.license)
      const value = targets.map((domain) => ({
        domainRating: found.get(Target.key(domain)) ?? null,
        attribution: owed
      }))
      return { value, rows: rated.targets.length }
    }),
  facts: tableOfFacts({
    kind: "freeDomainRating",
    subjects: ({ targets }) => targets,
    columns: () => ["domainRating", "attribution"],
    narrow: narrowed
  })
}

const metricRows = rowsDecoder("targets", needed.metric, metricColumns)
const metricUnits = (columns: ReadonlyArray<MetricColumn>) =>
  unitsPerRow([needed.metric.index, ...columns.map((name) => metricColumns[name])])

const metrics: Operation<MetricsInput, Rows> = {
  name: "getDomainMetrics",
  batchSize: 100,
  request: ({ columns, country, mode, protocol, targets }) => ({
    method: "POST",
    path: "/batch-analysis/batch-analysis",
    body: {
      select: ["index", ...columns.map((name) => metricColumns[name].wire)],
      targets: targets.map((url) => ({ url, mode, protocol })),
      ...(country === undefined ? {} : { country }),
      output: "json"
    }
  }),
  // Rows come in any order, with another spelling of the target, or not at all: the index is the only thing to join by.
  decode: ({ columns, targets }, json) =>
    Either.map(metricRows(columns)(json), (rows) => {
      const absent = Object.fromEntries(columns.map((name) => [name, null]))
      const found = new Map(rows.map(({ index, ...row }) => [index, row]))
      return { value: targets.map((_, index) => found.get(index) ?? absent), rows: rows.length }
    }),
  price: ({ columns, targets }) => {
    const price = exact(targets.length, metricUnits(columns), targets.every(isFreeTarget))
    return targets.some(isFreeTarget) ? { ...price, lower: 0 } : price
  },
  charge: ({ columns, targets }) => (targets.every(isFreeTarget) ? 0 : units(targets.length, metricUnits(columns))),
  facts: tableOfFacts({
    kind: "metrics",
    params: ({ country, mode, protocol }) => ({ country, mode, protocol }),
    subjects: ({ targets }) => targets,
    columns: ({ columns }) => columns,
    narrow: narrowed
  })
}

const domainRatings: Operation<MetricsInput, Rows> = { ...metrics, name: "getDomainRatings" }

const linkColumns = { ...needed.backlink, ...backlinkColumns }
const linkRows = rowsDecoder("backlinks", needed.backlink, backlinkColumns)
const strongestFirst = [{ column: "domainRating", direction: "desc" }] as const

const selected = ({ columns }: BacklinksInput): ReadonlyArray<Column> => [
  ...Object.values(needed.backlink),
  ...columns.map((name) => backlinkColumns[name])
]
const linkUnits = (input: BacklinksInput): number =>
  unitsPerRow([
    ...selected(input),
    ...(input.where === undefined ? [] : columnsOf(linkColumns, input.where)),
    ...(input.orderBy ?? strongestFirst).map(({ column }) => linkColumns[column])
  ])
const rowLimit = (target: Target.Target, limit: number) =>
  isFreeTarget(target) ? Math.min(limit, freeTargetRows) : limit

const backlinks: Operation<BacklinksInput, Rows> = {
  name: "getBacklinks",
  batchSize: 1,
  request: (input) =>
    get("/site-explorer/all-backlinks", {
      target: input.target,
      select: selected(input)
        .map(({ wire }) => wire)
        .join(),
      mode: input.mode ?? "subdomains",
      protocol: input.protocol ?? "both",
      history: input.history ?? "live",
      aggregation: input.aggregation ?? "similar_links",
      where: input.where === undefined ? undefined : JSON.stringify(toWire(linkColumns, input.where)),
      order_by:
        (input.orderBy ?? strongestFirst)
          .map(({ column, direction }) => `${linkColumns[column].wire}:${direction}`)
          .join() || undefined,
      limit: String(rowLimit(input.target, input.limit)),
      output: "json"
    }),
  decode: ({ columns }, json) => Either.map(linkRows(columns)(json), (value) => ({ value, rows: value.length })),
  price: (input) => upTo(input.limit, linkUnits(input), isFreeTarget(input.target)),
  charge: (input, rows) => (isFreeTarget(input.target) ? 0 : units(rows, linkUnits(input))),
  facts: listOfFacts({
    kind: "backlinks",
    subject: ({ target }) => target,
    limit: ({ limit }) => limit,
    params: (input) => ({
      columns: input.columns.toSorted(),
      mode: input.mode ?? "subdomains",
      protocol: input.protocol ?? "both",
      history: input.history ?? "live",
      aggregation: input.aggregation ?? "similar_links",
      where: input.where,
      orderBy: input.orderBy ?? strongestFirst
    })
  })
}

const invalid = (reason: string) => ({ _tag: "InvalidRequest", reason }) as const

const objectionToBacklinks = ({ aggregation, columns, history, orderBy, where }: BacklinksInput): Objection => {
  if (history !== undefined && !/^(?:live|all_time|since:\d{4}-\d{2}-\d{2})$/.test(history)) {
    return invalid("history is live, all_time or since:YYYY-MM-DD")
  }
  if (where !== undefined && !isValid(linkColumns, where))
    return invalid("the filter names an unknown column or is empty")
  if (orderBy?.some(({ column }) => !Object.hasOwn(linkColumns, column)))
    return invalid("it is ordered by an unknown column")
  if (orderBy?.some(({ column }) => column === "linkGroupCount")) return invalid("linkGroupCount cannot be ordered by")
  return aggregation === "all" && columns.includes("linkGroupCount")
    ? invalid("linkGroupCount needs another aggregation than all")
    : null
}

const decodeStats = Schema.decodeUnknownEither(Schema.Struct({ metrics: Schema.Struct({ live_refdomains: Count }) }))

const referringDomains: Operation<Dated & { readonly mode: Mode }, number> = {
  name: "getReferringDomains",
  ...snapshot(12),
  request: ({ date, mode, target }) =>
    get("/site-explorer/backlinks-stats", { target, date, mode, protocol: "both", output: "json" }),
  decode: (_, json) => Either.map(decodeStats(json), ({ metrics }) => one(metrics.live_refdomains)),
  facts: oneFact({ kind: "referringDomains", subject: ({ target }) => target, params: ({ mode }) => ({ mode }) })
}

const keywordRows = rowsDecoder("keywords", needed.keyword, keywordColumns)
const keywordUnits = ({ columns }: KeywordsInput): number =>
  unitsPerRow([...Object.values(needed.keyword), ...columns.map((name) => keywordColumns[name])])
const keywordLimit = ({ keywords, limit }: KeywordsInput): number => (keywords.length === 0 ? limit : keywords.length)
const isKeyword = (keyword: string) => ({ field: "keyword", is: ["eq", keyword] })

/** One row for each keyword asked, or every row that has a keyword: rows without one are keywords lost meanwhile. */
const keywordsAsked = ({ columns, keywords }: KeywordsInput, rows: Rows): Rows => {
  if (keywords.length === 0) return rows.filter((row) => row["keyword"] !== null)
  const found = new Map(rows.map((row) => [keywordKey(String(row["keyword"])), row]))
  const absent = Object.fromEntries(["position", "url", ...columns].map((name) => [name, null]))
  return keywords.map((keyword) => ({ ...(found.get(keywordKey(keyword)) ?? absent), keyword }))
}

const keywordParams = ({ columns, country, mode, target }: KeywordsInput) => ({
  target,
  country,
  mode,
  columns: columns.toSorted()
})
const keywordRankings: Operation<KeywordsInput, Rows> = {
  name: "getKeywordRankings",
  // A filter on more keywords than this no longer fits into a URL.
  batchSize: 50,
  request: (input) =>
    get("/site-explorer/organic-keywords", {
      target: input.target,
      select: [...Object.values(needed.keyword), ...input.columns.map((name) => keywordColumns[name])]
        .map(({ wire }) => wire)
        .join(),
      date: input.date,
      country: input.country,
      mode: input.mode,
      protocol: "both",
      where: input.keywords.length === 0 ? undefined : JSON.stringify({ or: input.keywords.map(isKeyword) }),
      // Ordered by a column that is bought anyway: ordering by traffic would cost 10 units a row more.
      order_by: "best_position:asc",
      limit: String(rowLimit(input.target, keywordLimit(input))),
      output: "json"
    }),
  decode: (input, json) =>
    Either.map(keywordRows(input.columns)(json), (rows) => ({ value: keywordsAsked(input, rows), rows: rows.length })),
  price: (input) => upTo(keywordLimit(input), keywordUnits(input), isFreeTarget(input.target)),
  charge: (input, rows) => (isFreeTarget(input.target) ? 0 : units(rows, keywordUnits(input))),
  facts: rowOfFacts({
    kind: "keyword",
    params: keywordParams,
    target: ({ target }) => target,
    subjects: ({ keywords }) => keywords,
    narrow: (input, keywords) => ({ ...input, keywords }),
    isUnknown: (row) => row["position"] === null
  })
}

const topKeywords: Operation<KeywordsInput, Rows> = {
  ...keywordRankings,
  batchSize: 1,
  facts: listOfFacts({
    kind: "topKeywords",
    params: keywordParams,
    subject: ({ target }) => target,
    limit: ({ limit }) => limit
  })
}

const decodeUsage = Schema.decodeUnknownEither(
  Schema.Struct({
    limits_and_usage: Schema.Struct({
      subscription: Schema.String,
      usage_reset_date: Schema.NullOr(Schema.DateTimeUtc),
      units_limit_workspace: Schema.NullOr(Schema.Finite),
      units_usage_workspace: Schema.NullOr(Schema.Finite),
      units_limit_api_key: Schema.NullOr(Schema.Finite),
      units_usage_api_key: Schema.NullOr(Schema.Finite),
      api_key_expiration_date: Schema.NullOr(Schema.DateTimeUtc)
    })
  })
)

const remaining = (limit: number | null, used: number | null) => (limit === null || used === null ? null : limit - used)

const usage: Contract["usage"] = {
  name: "getUsage",
  batchSize: 1,
  ...free,
  facts: null,
  request: () => get("/subscription-info/limits-and-usage", { output: "json" }),
  decode: (_, json) =>
    Either.map(decodeUsage(json), ({ limits_and_usage: account }) => {
      const ofKey = remaining(account.units_limit_api_key, account.units_usage_api_key)
      const ofWorkspace = remaining(account.units_limit_workspace, account.units_usage_workspace)
      // The key's own cap binds where it is the tighter one.
      const keyBinds = ofKey !== null && (ofWorkspace === null || ofKey < ofWorkspace)
      return one({
        provider: "ahrefs" as const,
        unit: "api_units" as const,
        plan: account.subscription,
        isActive: account.units_limit_workspace !== 0,
        limit: keyBinds ? account.units_limit_api_key : account.units_limit_workspace,
        used: keyBinds ? account.units_usage_api_key : account.units_usage_workspace,
        left: keyBinds ? ofKey : ofWorkspace,
        resetsAt: account.usage_reset_date,
        keyExpiresAt: account.api_key_expiration_date
      })
    })
}

/**
 * @since 0.1.0
 * @category Contracts
 */
export const vendor: Contract = {
  provider: "ahrefs",
  contract: "vendor",
  unit: "api_units",
  apiUrl: "https://api.ahrefs.com/v3",
  rate: { requests: 60, per: "1 minute" },
  authorize: (apiKey) => HttpClientRequest.setHeader("authorization", `Bearer ${apiKey}`),
  chargeHeader: "x-api-units-cost-total-actual",
  classify,
  refusedIn: null,
  domainRatings,
  freeDomainRatings,
  metrics,
  backlinks,
  objectionToBacklinks,
  referringDomains,
  keywordRankings,
  topKeywords,
  usage,
  inactive: "NoSubscription"
}
