/**
 * The wire of gateways and mocks that stand in front of Ahrefs: four operations, billed in row credits.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { Operation, Price } from "../Operation.js"
import type { Target } from "../Target.js"
import { classify } from "./errors.js"
import type { BacklinksInput, BatchDomainRating, Contract, Dated, DomainRating, Rows } from "./model.js"

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
  Schema.Struct({ domain_rating: Schema.Finite, ahrefs_rank: Schema.NullOr(Schema.Finite) })
)

const domainRating: Operation<Pick<Dated, "target">, DomainRating> = {
  name: "getDomainRating",
  batchSize: 1,
  request: ({ target }) => onTarget("/site-explorer/domain-rating", target, "domain_rating,ahrefs_rank"),
  decode: ({ target }, json) =>
    Either.map(decodeDomainRating(json), (rated) => ({
      value: { domain: target, domainRating: rated.domain_rating, ahrefsRank: rated.ahrefs_rank },
      rows: 1
    })),
  price: () => credits(1, 1),
  charge: () => 1
}

// There is no batch here: many ratings are many calls of one target.
const domainRatings: Operation<ReadonlyArray<Target>, ReadonlyArray<BatchDomainRating>> = {
  name: "getDomainRatings",
  batchSize: 1,
  request: ([target]) => domainRating.request({ target: target! }),
  decode: ([target], json) =>
    Either.map(domainRating.decode({ target: target! }, json), ({ rows, value }) => ({
      value: [{ domain: value.domain, domainRating: value.domainRating }],
      rows
    })),
  price: (targets) => credits(targets.length, targets.length),
  charge: (_, rows) => rows
}

const decodeBacklinks = Schema.decodeUnknownEither(
  Schema.Struct({
    backlinks: Schema.Array(
      Schema.Struct({
        url_from: Schema.String,
        domain_rating_source: Schema.Finite,
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
  charge: (_, rows) => rows
}

const choices = ["mode", "protocol", "history", "aggregation", "where", "orderBy"] as const

const decodeMetrics = Schema.decodeUnknownEither(Schema.Struct({ referring_domains: Schema.Finite }))

const referringDomains: Operation<Pick<Dated, "target">, number> = {
  name: "getReferringDomains",
  batchSize: 1,
  request: ({ target }) => onTarget("/site-explorer/metrics", target, "referring_domains"),
  decode: (_, json) => Either.map(decodeMetrics(json), ({ referring_domains: value }) => ({ value, rows: 1 })),
  price: () => credits(1, 1),
  charge: () => 1
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
  charge: () => 0
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
  authorization: (apiKey) => `Bearer ${apiKey}`,
  chargeHeader: null,
  classify,
  domainRating,
  domainRatings,
  freeDomainRating: null,
  freeDomainRatings: null,
  urlRating: null,
  metrics: null,
  backlinks,
  objectionToBacklinks: (input) =>
    input.columns.length > 0 || choices.some((name) => input[name] !== undefined)
      ? { _tag: "Unsupported", reason: "its columns are fixed, and a limit is all there is to choose" }
      : null,
  referringDomains,
  keywordRankings: null,
  usage,
  inactive: "NoSubscription"
}
