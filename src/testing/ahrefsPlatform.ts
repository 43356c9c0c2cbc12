/**
 * The platform contract of Ahrefs: the wire of gateways and mocks that stand in front of the vendor. Pure.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import { affordable, bad, indexed, insufficientPlan, notFound, type Setting, unauthorized } from "./ahrefsVendor.js"
import { type Account, type Incoming, keyOf, type Reply } from "./simulator.js"
import { hostOf } from "./world.js"

const success = (body: unknown, credits: number, account: Account): Either.Either<Reply, Reply> =>
  Either.map(affordable(credits, account), () => ({ status: 200, body, units: credits }))

const answer = (request: Incoming, account: Account, setting: Setting): Either.Either<Reply, Reply> =>
  Either.gen(function* () {
    const key = keyOf(request.authorization, "Bearer", setting.keys)
    if (key === null || key === false) return yield* unauthorized
    const route = `${request.method} ${request.path}`
    if (route === "GET /account/usage") {
      const subscription = { plan: "Advanced", row_credits_limit: account.budget, row_credits_used: account.used }
      return yield* success({ subscription: setting.noSubscription ? null : subscription }, 0, account)
    }
    if (!routes.has(route)) return yield* notFound(request.sentPath)
    if (setting.noSubscription) return yield* insufficientPlan
    const params = new Map(request.query)
    const host = hostOf(params.get("target") ?? "")
    if (host === null) return yield* bad("bad target")
    const site = setting.world(host)
    if (route === "GET /site-explorer/domain-rating") {
      const { ahrefsRank, domainRating } = site.facts
      return yield* success({ domain: host, domain_rating: domainRating, ahrefs_rank: ahrefsRank }, 1, account)
    }
    if (route === "GET /site-explorer/metrics") {
      return yield* success({ referring_domains: site.facts.refdomains }, 1, account)
    }
    const limit = Number(params.get("limit") ?? 100)
    if (!Number.isInteger(limit) || limit < 1) return yield* bad(`bad value ${params.get("limit")} for type integer`)
    const isSorted = params.get("order_by") === "domain_rating_source:desc"
    const length = Math.min(site.facts.backlinks, isSorted ? indexed : limit)
    const links = Array.from({ length }, (_, index) => site.backlink(index))
    const sorted = isSorted ? links.sort((a, b) => b.domainRating - a.domainRating) : links
    const backlinks = sorted.slice(0, limit).map((link) => ({
      url_from: link.urlFrom,
      domain_rating_source: link.domainRating,
      anchor: link.anchor,
      nofollow: link.isNofollow
    }))
    return yield* success({ backlinks }, backlinks.length, account)
  })

const routes = new Set([
  "GET /site-explorer/domain-rating",
  "GET /site-explorer/backlinks",
  "GET /site-explorer/metrics"
])

/**
 * The gateway's answer to a request. Bills row credits: 1 a rating, 1 a metrics call, 1 a backlink row. What the
 * contract leaves open (bodies of errors, the fields of `subscription`) is the vendor's or made up.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const platform =
  (setting: Setting) =>
  (request: Incoming, account: Account): Reply =>
    Either.merge(answer(request, account, setting))
