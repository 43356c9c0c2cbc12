/**
 * The wire of gateways and mocks that stand in front of Ahrefs: four operations, billed in row credits.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Count, Rating } from "../internal/figures.js"
import { listOfFacts, oneFact, type Operation, type Price, tableOfFacts } from "../Operation.js"
import type { Target } from "../Target.js"
import { classify } from "./errors.js"
import type { BacklinksInput, Contract, Dated, MetricsInput, Mode, Rows } from "./model.js"

const credits = (lower: number, upper: number): Price => ({ unit: "row_credits", lower, upper })

const onTarget = (path: string, target: Target, select: string) => ({
  method: "GET" as const,
  path,
  query: [
    ["target", target],
    ["mode", "domain"],
    ["select", select]
  ] as const
})

const decodeDomainRating = Schema.decodeUnknownEither(
  Schema.Struct({ domain_rating: Rating, ahrefs_rank: Schema.NullOr(Count) })
)

// There is no batch here: many ratings are many calls of one target.
const domainRatings: Operation<MetricsInput, Rows> = {
  name: "getDomainRatings",
  batchSize: 1,
  // A call has a target: the pipeline cuts the input to the batch size.
  request: ({ targets: [target] }) => onTarget("/site-explorer/domain-rating", target!, "domain_rating,ahrefs_rank"),
  decode: (_, json) =>
    Either.map(decodeDomainRating(json), (rated) => ({
      value: [{ domainRating: rated.domain_rating, ahrefsRank: rated.ahrefs_rank }],
      rows: 1
    })),
  price: ({ targets }) => credits(targets.length, targets.length),
  charge: (_, rows) => rows,
  facts: tableOfFacts({
    kind: "domainRating",
    subjects: ({ targets }) => targets,
    columns: () => ["domainRating", "ahrefsRank"],
    // Safe: the subjects are targets of the wider input.
    narrow: (input, targets) => ({ ...input, targets: targets as ReadonlyArray<Target> })
  })
}

const decodeBacklinks = Schema.decodeUnknownEither(
  Schema.Struct({
    backlinks: Schema.Array(
      Schema.Struct({
        url_from: Schema.String,
        domain_rating_source: Rating,
        anchor: Schema.String,
        nofollow: Schema.Boolean
      })
    )
  })
)

const backlinks: Operation<BacklinksInput, Rows> = {
  name: "getBacklinks",
  batchSize: 1,
  request: ({ limit, target }) => {
    const base = onTarget("/site-explorer/backlinks", target, "url_from,domain_rating_source,anchor,nofollow")
    return {
      ...base,
      query: [...base.query, ["order_by", "domain_rating_source:desc"], ["output", "json"], ["limit", String(limit)]]
    }
  },
  decode: (_, json) =>
    Either.map(decodeBacklinks(json), ({ backlinks }) => ({
      value: backlinks.map((row) => ({
        urlFrom: row.url_from,
        domainRating: row.domain_rating_source,
        anchor: row.anchor,
        isNofollow: row.nofollow
      })),
      rows: backlinks.length
    })),
  price: ({ limit }) => credits(0, limit),
  charge: (_, rows) => rows,
  facts: listOfFacts({ kind: "backlinks", subject: ({ target }) => target, limit: ({ limit }) => limit })
}

const choices = ["mode", "protocol", "history", "aggregation", "where", "orderBy"] as const

const decodeMetrics = Schema.decodeUnknownEither(Schema.Struct({ referring_domains: Count }))

const referringDomains: Operation<Dated & { readonly mode: Mode }, number> = {
  name: "getReferringDomains",
  batchSize: 1,
  request: ({ target }) => onTarget("/site-explorer/metrics", target, "referring_domains"),
  decode: (_, json) => Either.map(decodeMetrics(json), ({ referring_domains: value }) => ({ value, rows: 1 })),
  price: () => credits(1, 1),
  charge: () => 1,
  facts: oneFact({ kind: "referringDomains", subject: ({ target }) => target })
}

const decodeUsage = Schema.decodeUnknownEither(
  Schema.Struct({ subscription: Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown })) })
)

// The contract says that a subscription is an object or null, not what is in it.
const usage: Contract["usage"] = {
  name: "getUsage",
  batchSize: 1,
  request: () => ({ method: "GET", path: "/account/usage" }),
  decode: (_, json) =>
    Either.map(decodeUsage(json), ({ subscription }) => ({
      value: {
        provider: "ahrefs",
        unit: "row_credits",
        plan: null,
        isActive: subscription !== null,
        limit: null,
        used: null,
        left: null,
        resetsAt: null,
        keyExpiresAt: null
      },
      rows: 1
    })),
  price: () => credits(0, 0),
  charge: () => 0,
  facts: null
}

/**
 * @since 0.1.0
 * @category Contracts
 */
export const platform: Contract = {
  provider: "ahrefs",
  contract: "platform",
  unit: "row_credits",
  apiUrl: "https://api.ahrefs.com/v3",
  // The contract names none: the limiter learns a lower one from refusals.
  rate: { requests: 10, per: "1 second" },
  authorize: (apiKey) => HttpClientRequest.setHeader("authorization", `Bearer ${apiKey}`),
  chargeHeader: null,
  classify,
  refusedIn: null,
  domainRatings,
  freeDomainRatings: null,
  metrics: null,
  backlinks,
  objectionToBacklinks: (input) =>
    input.columns.length > 0 || choices.some((name) => input[name] !== undefined)
      ? { _tag: "Unsupported", reason: "its columns are fixed, and a limit is all there is to choose" }
      : null,
  referringDomains,
  keywordRankings: null,
  topKeywords: null,
  usage,
  inactive: "NoSubscription"
}
