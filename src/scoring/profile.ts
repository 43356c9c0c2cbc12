/**
 * What makes a prospect a good one, as data: bands, weights and exclusions, named and versioned.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Target from "../Target.js"

const share = Schema.Number.pipe(Schema.between(0, 1))
const rate = Schema.Number.pipe(Schema.between(0, 100))

const Band = Schema.Struct({ from: rate, to: rate }).pipe(
  Schema.filter(({ from, to }) => from < to || "a band must begin below its end")
)

const Weights = Schema.Struct({
  authority: share,
  trust: share,
  reach: share,
  breadth: share,
  sanity: share,
  followShare: share
}).pipe(
  Schema.filter(
    (weights) =>
      Math.abs(Object.values(weights).reduce((sum, weight) => sum + weight, 0) - 1) < 1e-9 ||
      "the weights must sum to 1"
  )
)

const domains = Schema.Array(Schema.String)
const sites = Schema.Array(
  Schema.String.pipe(Schema.filter((text) => Either.isRight(Target.make(text)) || "is no site"))
)
const topLevels = Schema.Array(
  Schema.String.pipe(Schema.filter((text) => /^[a-z0-9-]+$/.test(text) || "is no top level in lower-case ASCII"))
)

/**
 * - `domainRating`, `domainInlinkRank`: half-open bands, `from <= value < to`; the second is used where no Domain Rating is known
 * - `rounding`: `raw` compares the rating as it was measured, `ui` as Ahrefs shows it (29.5 is 30)
 * - `organicTraffic`: visits a month that a prospect needs; 0 asks for none
 * - `weights`: of the signals, without relevance, 1 in all; `relevance`: its weight where it is given, the others shrink
 * - `prior`: what is assumed of what is not known, 0-1
 * - `qualifiedFrom`: a prospect qualifies where its lowest possible score is at least this, 0-100
 * - `review`: from so many risk markers on somebody must look, and the score is no higher than `cap`. Sites under one of the
 *   `tlds`, or on the list `spam`, have a marker for that
 * - `exclude`: whom nobody is to pay for. `platforms`, `webmail`: lists that come with the package. Domains are compared as sites
 *   (`Target.make`), those of `spam` too; `tlds` in lower-case ASCII without a dot (`xn--p1ai`)
 *
 * Source of the defaults: the band 30-90, the weights and the quartiles of Majestic's Million that the curves follow.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Profile = Schema.Struct({
  name: Schema.NonEmptyString,
  version: Schema.NonEmptyString,
  gates: Schema.Struct({
    domainRating: Band,
    domainInlinkRank: Band,
    rounding: Schema.Literal("raw", "ui"),
    organicTraffic: Schema.Number.pipe(Schema.nonNegative())
  }),
  weights: Weights,
  relevance: share,
  prior: share,
  qualifiedFrom: rate,
  review: Schema.Struct({
    markers: Schema.Int.pipe(Schema.greaterThanOrEqualTo(1)),
    cap: rate,
    tlds: topLevels,
    spam: sites
  }),
  exclude: Schema.Struct({
    platforms: Schema.Boolean,
    webmail: Schema.Boolean,
    own: domains,
    competitors: domains,
    alreadyLinking: domains,
    contacted: domains,
    blocklist: domains,
    tlds: topLevels
  })
}).annotations({ identifier: "Profile" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface Profile extends Schema.Schema.Type<typeof Profile> {}

/**
 * The profile that is used where none is given.
 *
 * @since 0.1.0
 * @category Profiles
 */
export const standard: Profile = {
  name: "standard",
  version: "1",
  gates: {
    domainRating: { from: 30, to: 90 },
    domainInlinkRank: { from: 25, to: 90 },
    rounding: "raw",
    organicTraffic: 0
  },
  weights: { authority: 0.3, trust: 0.25, reach: 0.2, breadth: 0.1, sanity: 0.1, followShare: 0.05 },
  relevance: 0.35,
  prior: 0.45,
  // Links alone come to 45: whoever qualifies has more to show.
  qualifiedFrom: 46,
  review: { markers: 2, cap: 40, tlds: [], spam: [] },
  exclude: {
    platforms: true,
    webmail: true,
    own: [],
    competitors: [],
    alreadyLinking: [],
    contacted: [],
    blocklist: [],
    tlds: []
  }
}

/**
 * For tenants whose providers know links alone, like SE Ranking's vendor contract: what the others would say has no weight. A link farm
 * can pass; look at whoever qualifies.
 *
 * @since 0.1.0
 * @category Profiles
 */
export const linksOnly: Profile = {
  ...standard,
  name: "links-only",
  weights: { authority: 0.6, trust: 0, reach: 0, breadth: 0.25, sanity: 0, followShare: 0.15 },
  qualifiedFrom: 60
}
