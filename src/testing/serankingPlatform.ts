/**
 * The platform contract of SE Ranking: the wire of gateways and mocks that stand in front of the vendor. Pure.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import {
  indexed,
  invalid,
  notFound,
  readChoice,
  readInteger,
  rowsOf,
  type Setting,
  subscriptionRequired,
  success,
  unauthorized
} from "./serankingVendor.js"
import { type Account, type Incoming, keyOf, type Reply } from "./simulator.js"
import { bits, hostOf, market, type Site } from "./world.js"

const summary = ({ facts }: Site) => ({
  total_backlinks: facts.backlinks,
  referring_domains: facts.refdomains,
  referring_ips: facts.refips,
  trust_flow: facts.trustFlow,
  citation_flow: facts.citationFlow,
  domain_trust_score: facts.domainTrustScore,
  nofollow_backlinks: facts.backlinksNofollow,
  dofollow_backlinks: facts.backlinksDofollow
})

const backlinkRow = (site: Site, index: number) => {
  const link = site.backlink(index)
  const citationFlow = Math.round(link.domainRating * 0.7)
  return {
    source_url: link.urlFrom,
    target_url: link.urlTo,
    anchor_text: link.anchor,
    trust_flow: Math.round((citationFlow * (bits(link.id, 1) % 100)) / 100),
    citation_flow: citationFlow,
    nofollow: link.isNofollow,
    first_seen: link.firstSeen,
    last_seen: link.lastVisited
  }
}

const highest = <A>(value: (row: A) => number): Order.Order<A> => Order.mapInput(Order.reverse(Order.number), value)

const backlinks = (site: Site, params: ReadonlyMap<string, string>): Either.Either<unknown, Reply> =>
  Either.gen(function* () {
    const limit = yield* readInteger(params, "limit", { fallback: 50, low: 1, high: indexed })
    const offset = yield* readInteger(params, "offset", { fallback: 0, low: 0, high: Infinity })
    const field = yield* readChoice(params, "sort_by", ["trust_flow", "citation_flow", "first_seen"])
    const dofollow = yield* readChoice(params, "filter_dofollow", ["0", "1"])
    const length = Math.min(indexed, site.facts.backlinks)
    const rows = Array.from({ length }, (_, index) => backlinkRow(site, index)).filter(
      ({ nofollow }) => dofollow === "0" || !nofollow
    )
    // Rows are made newest first, so only the flows need sorting.
    const sorted = field === "first_seen" ? rows : rows.sort(highest((row) => row[field]))
    return rows.length === 0 ? {} : { backlinks: sorted.slice(offset, offset + limit) }
  })

const decodeDomains = Schema.decodeUnknownOption(Schema.Struct({ domains: Schema.Array(Schema.String) }))

const metrics = (body: unknown, setting: Setting): Either.Either<unknown, Reply> =>
  Either.gen(function* () {
    const domains = Option.match(decodeDomains(body), { onNone: () => [], onSome: ({ domains }) => domains })
    if (domains.length === 0 || domains.length > 100) return yield* invalid("domains: 1 to 100 expected")
    if (domains.some((domain) => hostOf(domain) === null)) return yield* invalid("Incorrect website URL")
    return rowsOf(domains, setting).map(({ site: { facts }, target }) => ({
      domain: target,
      trust_flow: facts.trustFlow,
      citation_flow: facts.citationFlow,
      referring_domains: facts.refdomains,
      total_backlinks: facts.backlinks
    }))
  })

const decodeCheck = Schema.decodeUnknownOption(
  Schema.Struct({
    domain: Schema.String,
    keywords: Schema.Array(Schema.String),
    search_engine: Schema.Literal("google", "bing", "yahoo"),
    location_name: Schema.optionalWith(Schema.String, { default: () => "United States" })
  })
)

const check = (body: unknown, { world }: Setting): Either.Either<unknown, Reply> =>
  Either.gen(function* () {
    const request = Option.getOrUndefined(decodeCheck(body))
    const host = request === undefined ? null : hostOf(request.domain)
    if (request === undefined || host === null) return yield* invalid("domain, keywords and search_engine are required")
    const site = world(host)
    return Arr.map(request.keywords, (keyword) => {
      const position = site.position(keyword)
      const url = position === null ? null : `https://${host}/${keyword.replaceAll(" ", "-")}`
      return { keyword, position, url, volume: market(keyword).volume }
    })
  })

const answer = (request: Incoming, account: Account, setting: Setting): Either.Either<Reply, Reply> =>
  Either.gen(function* () {
    const key = keyOf(request.authorization, "Token", setting.keys)
    const isKnown = key !== null && key !== false
    const route = `${request.method} ${request.path}`
    if (route === "GET /system/account/") {
      return yield* success(isKnown && setting.status === "active" ? { email: "owner@example.com" } : {}, 0, account)
    }
    if (!isKnown) return yield* unauthorized
    if (!routes.has(route)) return yield* notFound
    if (setting.status !== "active") return yield* subscriptionRequired
    if (route === "POST /research/backlinks/metrics/") {
      return yield* success(yield* metrics(request.body, setting), 0, account)
    }
    if (route === "POST /keywords/check/") return yield* success(yield* check(request.body, setting), 0, account)
    const params = new Map(request.query)
    const host = hostOf(params.get("domain") ?? "")
    if (host === null) return yield* invalid("domain is required")
    yield* readChoice(params, "domain_type", ["domain", "page", "subdomain"])
    const site = setting.world(host)
    return yield* success(
      route === "GET /research/backlinks/" ? yield* backlinks(site, params) : summary(site),
      0,
      account
    )
  })

const routes = new Set([
  "GET /research/backlinks/summary/",
  "GET /research/backlinks/",
  "POST /research/backlinks/metrics/",
  "POST /keywords/check/"
])

/**
 * The gateway's answer to a request. The contract states no prices, so everything is billed 0; bodies of errors are the
 * vendor's. An account that is not active, or a key that is not accepted, is an account without `email`.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const platform =
  (setting: Setting) =>
  (request: Incoming, account: Account): Reply =>
    Either.merge(answer(request, account, setting))
