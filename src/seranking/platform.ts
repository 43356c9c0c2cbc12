/**
 * The wire of gateways and mocks that stand in front of SE Ranking. It states no prices.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Count, Rating } from "../internal/figures.js"
import { listOfFacts, oneFact, type Operation, type Price, rowOfFacts } from "../Operation.js"
import type { Target } from "../Target.js"
import * as Targets from "../Target.js"
import { classify } from "./errors.js"
import { nameOf } from "./market.js"
import {
  type Backlink,
  type BacklinksInput,
  type BacklinksMetrics,
  type BacklinksSummary,
  type Contract,
  type KeywordRanking,
  type KeywordsInput,
  metricsOf,
  type Mode,
  type Page,
  type PageInput,
  rankingsOf,
  type SortBy,
  type SummariesInput,
  unknownSummary
} from "./model.js"

const unstated = {
  price: (): Price => ({ unit: "row_credits", lower: 0, upper: null }),
  charge: () => null
}

const count = Schema.NullOr(Count)
const rating = Schema.NullOr(Rating)
const text = Schema.NullOr(Schema.String)

const domainTypes: Readonly<Record<Mode, string>> = { domain: "domain", host: "subdomain", url: "page" }

const decodeSummary = Schema.decodeUnknownEither(
  Schema.Struct({
    total_backlinks: count,
    referring_domains: count,
    referring_ips: count,
    trust_flow: rating,
    citation_flow: rating,
    domain_trust_score: count,
    nofollow_backlinks: count,
    dofollow_backlinks: count
  })
)

// There is no batch here: many summaries are many calls of one target. The answer does not echo the domain.
const summaries: Operation<SummariesInput, ReadonlyArray<BacklinksSummary>> = {
  name: "getBacklinksSummary",
  batchSize: 1,
  request: ({ mode, targets }) => ({
    method: "GET",
    path: "/research/backlinks/summary/",
    query: [
      ["domain", targets[0]!],
      ["domain_type", domainTypes[mode]]
    ]
  }),
  decode: ({ targets }, json) =>
    Either.map(decodeSummary(json), (row) => ({
      value: [
        {
          ...unknownSummary(targets[0]!),
          isKnown: true,
          totalBacklinks: row.total_backlinks,
          referringDomains: row.referring_domains,
          referringIPs: row.referring_ips,
          trustFlow: row.trust_flow,
          citationFlow: row.citation_flow,
          domainScore: row.domain_trust_score,
          noFollowLinks: row.nofollow_backlinks,
          doFollowLinks: row.dofollow_backlinks
        }
      ],
      rows: 1
    })),
  ...unstated,
  facts: rowOfFacts({
    kind: "summary",
    params: ({ mode }) => ({ mode }),
    subjects: ({ targets }) => targets,
    // Safe: the subjects are targets of the wider input.
    narrow: (input, targets) => ({ ...input, targets: targets as ReadonlyArray<Target> }),
    isUnknown: ({ isKnown }) => !isKnown
  })
}

const decodeMetrics = Schema.decodeUnknownEither(
  Schema.Array(
    Schema.Struct({
      domain: Schema.String,
      trust_flow: rating,
      citation_flow: rating,
      referring_domains: count,
      total_backlinks: count
    })
  )
)

const metrics: Operation<ReadonlyArray<Target>, ReadonlyArray<BacklinksMetrics>> = {
  name: "getBacklinksMetrics",
  batchSize: 100,
  request: (domains) => ({ method: "POST", path: "/research/backlinks/metrics/", body: { domains } }),
  decode: (domains, json) =>
    Either.map(decodeMetrics(json), (rows) => {
      const found = new Map(rows.map((row) => [Targets.key(row.domain), row]))
      const value = domains.map((domain) => {
        const row = found.get(Targets.key(domain))
        return metricsOf(
          domain,
          row && {
            totalBacklinks: row.total_backlinks,
            referringDomains: row.referring_domains,
            trustFlow: row.trust_flow,
            citationFlow: row.citation_flow
          }
        )
      })
      return { value, rows: rows.length }
    }),
  ...unstated,
  facts: rowOfFacts({
    kind: "metrics",
    subjects: (targets) => targets,
    // Safe: the subjects are targets of the wider input.
    narrow: (_, targets) => targets as ReadonlyArray<Target>,
    isUnknown: ({ isKnown }) => !isKnown
  })
}

const decodeLinks = Schema.decodeUnknownEither(
  Schema.Struct({
    backlinks: Schema.optionalWith(
      Schema.Array(
        Schema.Struct({
          source_url: Schema.String,
          target_url: Schema.String,
          anchor_text: text,
          trust_flow: rating,
          citation_flow: rating,
          nofollow: Schema.Boolean,
          first_seen: text,
          last_seen: text
        })
      ),
      { default: () => [] }
    )
  })
)

const orders: Readonly<Record<SortBy, string | undefined>> = {
  trustFlow: "trust_flow",
  citationFlow: "citation_flow",
  firstSeen: "first_seen",
  inlinkRank: undefined,
  domainInlinkRank: undefined
}

const orderOf = (sortBy: SortBy | undefined): string => (sortBy && orders[sortBy]) ?? "trust_flow"

const backlinks: Operation<BacklinksInput, ReadonlyArray<Backlink>> = {
  name: "getBacklinks",
  batchSize: 1,
  request: ({ doFollowOnly, limit, offset, sortBy, target }) => ({
    method: "GET",
    path: "/research/backlinks/",
    query: [
      ["domain", target],
      ["domain_type", "domain"],
      ["limit", String(limit)],
      ["offset", String(offset)],
      ["sort_by", orderOf(sortBy)],
      ["filter_dofollow", doFollowOnly ? "1" : "0"]
    ]
  }),
  decode: (_, json) =>
    Either.map(decodeLinks(json), ({ backlinks }) => ({
      value: backlinks.map((row) => ({
        sourceUrl: row.source_url,
        targetUrl: row.target_url,
        anchorText: row.anchor_text,
        isNoFollow: row.nofollow,
        firstSeen: row.first_seen,
        lastSeen: row.last_seen,
        lastVisited: null,
        trustFlow: row.trust_flow,
        citationFlow: row.citation_flow,
        inlinkRank: null,
        domainInlinkRank: null,
        title: null,
        alt: null,
        isImage: null,
        imageSource: null
      })),
      rows: backlinks.length
    })),
  ...unstated,
  facts: listOfFacts({
    kind: "backlinks",
    subject: ({ target }) => target,
    limit: ({ limit }) => limit,
    params: ({ doFollowOnly, offset, sortBy }) => ({ doFollowOnly, offset, sortBy: orderOf(sortBy) })
  })
}

const offsetOf = (cursor: string | null): number => (cursor === null ? 0 : Number(cursor))
const asList = ({ cursor, limit, sortBy, target }: PageInput): BacklinksInput => ({
  target,
  limit,
  sortBy,
  offset: offsetOf(cursor),
  doFollowOnly: false
})

// No cursor on this wire: the offset is one. A page that is not full is the last.
const page: Operation<PageInput, Page> = {
  name: "getBacklinksStream",
  batchSize: 1,
  request: (input) => backlinks.request(asList(input)),
  decode: (input, json) =>
    Either.map(backlinks.decode(asList(input), json), ({ rows, value }) => ({
      value: { backlinks: value, next: rows < input.limit ? null : String(offsetOf(input.cursor) + rows) },
      rows
    })),
  ...unstated,
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

const keywordRankings: Operation<KeywordsInput, ReadonlyArray<KeywordRanking>> = {
  name: "getKeywordRankings",
  batchSize: 100,
  request: ({ keywords, location, searchEngine, target }) => ({
    method: "POST",
    path: "/keywords/check/",
    body: { domain: target, keywords, search_engine: searchEngine, location_name: nameOf(location) }
  }),
  decode: ({ keywords }, json) =>
    Either.map(decodeKeywords(json), (rows) => ({ value: rankingsOf(keywords, rows), rows: rows.length })),
  ...unstated,
  facts: rowOfFacts({
    kind: "keyword",
    params: ({ location, searchEngine, target }) => ({ location: nameOf(location), searchEngine, target }),
    target: ({ target }) => target,
    subjects: ({ keywords }) => keywords,
    narrow: (input, keywords) => ({ ...input, keywords }),
    isUnknown: ({ position }) => position === null
  })
}

const decodeAccount = Schema.decodeUnknownEither(
  Schema.Struct({ email: Schema.optional(Schema.NullOr(Schema.String)) })
)

const usage: Contract["usage"] = {
  name: "getUsage",
  batchSize: 1,
  request: () => ({ method: "GET", path: "/system/account/" }),
  decode: (_, json) =>
    Either.map(decodeAccount(json), ({ email }) => ({
      value: {
        provider: "se_ranking",
        unit: "row_credits",
        plan: null,
        isActive: email !== undefined && email !== null && email !== "",
        limit: null,
        used: null,
        left: null,
        resetsAt: null,
        keyExpiresAt: null
      },
      rows: 1
    })),
  price: () => ({ unit: "row_credits", lower: 0, upper: 0 }),
  charge: () => 0,
  facts: null
}

/**
 * @since 0.1.0
 * @category Contracts
 */
export const platform: Contract = {
  provider: "se_ranking",
  contract: "platform",
  unit: "row_credits",
  apiUrl: "https://api4.seranking.com",
  // The contract names none: the limiter learns a lower one from refusals.
  rate: { requests: 10, per: "1 second" },
  authorize: (apiKey) => HttpClientRequest.setHeader("authorization", `Token ${apiKey}`),
  chargeHeader: null,
  classify,
  refusedIn: null,
  summaries,
  metrics,
  backlinks,
  page,
  objectionToBacklinks: ({ sortBy }) =>
    sortBy !== undefined && orders[sortBy] === undefined
      ? { _tag: "Unsupported", reason: `it does not know ${sortBy}, sort by a flow` }
      : null,
  keywordRankings,
  objectionToKeywords: () => null,
  domainInlinkRank: null,
  usage,
  inactive: "InvalidKey"
}
