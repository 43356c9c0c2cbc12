/**
 * The score of a prospect: a range that holds whatever is still unknown, and a verdict that stands only on what is known.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Target from "../Target.js"
import type { MissingReason, Sheet } from "./data.js"
import * as Gates from "./gates.js"
import type { Profile } from "./profile.js"
import { flowRatio, leastFlow, measure, needs, Signal, trafficForLinks } from "./signals.js"

/**
 * Scores of another version are not comparable.
 *
 * @since 0.1.0
 * @category Models
 */
export const modelVersion = "1"

/**
 * A known signal's part of the score: `points = 100 x weight x reliability x value`.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Contribution = Schema.Struct({
  signal: Signal,
  value: Schema.Number,
  weight: Schema.Number,
  reliability: Schema.Number,
  points: Schema.Number
})

/**
 * @since 0.1.0
 * @category Models
 */
export interface Contribution extends Schema.Schema.Type<typeof Contribution> {}

/**
 * Something that speaks against a prospect, with its evidence. One is a note, more ask for a look.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Marker = Schema.Struct({
  marker: Schema.Literal(
    "flow_ratio",
    "little_traffic_for_links",
    "too_many_followed",
    "few_subnets",
    "links_out",
    "spam_list",
    "tld"
  ),
  evidence: Schema.String
})

/**
 * @since 0.1.0
 * @category Models
 */
export interface Marker extends Schema.Schema.Type<typeof Marker> {}

/**
 * - `Qualified`: the gates are passed, and whatever is unknown the score is high enough
 * - `Rejected`: by a gate, or by the score: whatever is unknown it is too low
 * - `Review`: it would qualify, but so many risk markers ask for a look
 * - `NeedsData`: what is known does not decide; `signals` that are missing, or known too weakly
 * - `Excluded`: nothing was to be paid for it
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Verdict = Schema.Union(
  Schema.TaggedStruct("Qualified", {}),
  Schema.TaggedStruct("Rejected", { by: Schema.Array(Schema.Literal("authority", "traffic", "score")) }),
  Schema.TaggedStruct("Review", { markers: Schema.Array(Marker.fields.marker) }),
  Schema.TaggedStruct("NeedsData", { signals: Schema.Array(Signal) }),
  Schema.TaggedStruct("Excluded", {
    reason: Schema.Literal(
      "invalid",
      "own",
      "competitor",
      "already_linking",
      "contacted",
      "blocklist",
      "platform_host",
      "webmail",
      "tld"
    ),
    message: Schema.String
  })
)

/**
 * @since 0.1.0
 * @category Models
 */
export type Verdict = typeof Verdict.Type

/**
 * What is known of a prospect, judged.
 *
 * - `low`, `high`: the score where all that is unknown is at its worst, at its best; `low <= score <= high`
 * - `coverage`: the share of the weights that is known
 * - `contributions`, `prior`, `cap`: their points sum to the score. `prior` stands for what is unknown, `cap` is what the markers take off
 *
 * @since 0.1.0
 * @category Models
 */
export interface Assessment {
  readonly verdict: Exclude<Verdict, { readonly _tag: "Excluded" }>
  readonly score: number
  readonly low: number
  readonly high: number
  readonly coverage: number
  readonly contributions: ReadonlyArray<Contribution>
  readonly prior: number
  readonly cap: number
  readonly gates: ReadonlyArray<Gates.Gate>
  readonly markers: ReadonlyArray<Marker>
  readonly missing: ReadonlyArray<{ readonly signal: Signal; readonly reason: MissingReason }>
  /** @internal The range before the markers cap it: what the verdict goes by. */
  readonly range: { readonly low: number; readonly high: number }
}

const suspectRatio = 0.3
const suspectSanity = 0.2
const manyReferring = 200
const tooFollowed = 0.97
const perSubnet = 10
const outward = 10
const manyOutward = 500

const markersOf = (
  {
    citationFlow,
    dofollowReferringDomains,
    linkedDomains,
    organicTraffic,
    referringDomains,
    referringSubnets,
    trustFlow
  }: Sheet["known"],
  target: string,
  spam: ReadonlySet<string>,
  tlds: ReadonlySet<string>
): ReadonlyArray<Marker> => {
  const markers: Array<Marker> = []
  if (trustFlow !== undefined && citationFlow !== undefined && citationFlow.value >= leastFlow) {
    const ratio = flowRatio(trustFlow.value, citationFlow.value)
    if (ratio !== null && ratio < suspectRatio) {
      markers.push({
        marker: "flow_ratio",
        evidence: `Trust Flow ${trustFlow.value} over Citation Flow ${citationFlow.value} is ${ratio.toFixed(2)}`
      })
    }
  }
  if (referringDomains !== undefined) {
    const referring = referringDomains.value
    if (organicTraffic !== undefined && referring > manyReferring) {
      const sanity = trafficForLinks(organicTraffic.value, referring)
      if (sanity !== null && sanity < suspectSanity) {
        markers.push({
          marker: "little_traffic_for_links",
          evidence: `${organicTraffic.value} visits a month for ${referring} referring domains`
        })
      }
    }
    if (dofollowReferringDomains !== undefined && referring >= 1) {
      const share = dofollowReferringDomains.value / referring
      if (share > tooFollowed) {
        markers.push({
          marker: "too_many_followed",
          evidence: `${(100 * share).toFixed(0)} % of the referring domains follow`
        })
      }
    }
    if (
      referringSubnets !== undefined &&
      referringSubnets.value > 0 &&
      referring / referringSubnets.value > perSubnet
    ) {
      markers.push({
        marker: "few_subnets",
        evidence: `${referring} referring domains in ${referringSubnets.value} subnets`
      })
    }
    if (linkedDomains !== undefined && linkedDomains.value > Math.max(manyOutward, outward * referring)) {
      markers.push({
        marker: "links_out",
        evidence: `links to ${linkedDomains.value} domains, ${referring} link to it`
      })
    }
  }
  if (spam.has(target)) markers.push({ marker: "spam_list", evidence: `${target} is on the profile's spam list` })
  if (tlds.size > 0) {
    const tld = target.slice(target.lastIndexOf(".") + 1)
    if (tlds.has(tld)) markers.push({ marker: "tld", evidence: `.${tld} is on the profile's list` })
  }
  return markers
}

const signals = Signal.literals

/** Why a signal is not known: the first of what it is made of that has a reason. */
const reasonOf = ({ known, missing }: Sheet, signal: Signal): MissingReason => {
  for (const alternative of needs[signal]) {
    for (const datum of alternative) {
      const reason = known[datum] === undefined ? missing[datum] : undefined
      if (reason !== undefined) return reason
    }
  }
  return "NotAsked"
}

/**
 * What a profile makes of a sheet. Pure: the same sheet gives the same assessment.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = (profile: Profile): ((sheet: Sheet, target: string) => Assessment) => {
  const gatesOf = Gates.make(profile)
  const { prior, qualifiedFrom, relevance, review } = profile
  const spam = new Set<string>(review.spam.map((site) => Either.getOrElse(Target.make(site), () => site)))
  const tlds = new Set(review.tlds)
  const plain: Record<Signal, number> = { ...profile.weights, relevance: 0 }
  const judged = Object.fromEntries(
    signals.map((signal) => [signal, signal === "relevance" ? relevance : plain[signal] * (1 - relevance)])
  ) as Record<Signal, number> // Safe: a weight for each signal.

  return (sheet, target) => {
    const weights = sheet.known.relevance === undefined ? plain : judged
    const contributions: Array<Contribution> = []
    const missing: Array<{ readonly signal: Signal; readonly reason: MissingReason }> = []
    const open: Array<Signal> = []
    let low = 0
    let coverage = 0
    for (const signal of signals) {
      const weight = weights[signal]
      if (weight === 0) continue
      const measured = measure[signal](sheet.known)
      if (measured === undefined || measured === null) {
        open.push(signal)
        missing.push({ signal, reason: measured === null ? "Undefined" : reasonOf(sheet, signal) })
        continue
      }
      const { reliability, value } = measured
      if (reliability < 1) open.push(signal)
      const points = 100 * weight * reliability * value
      low += points
      coverage += weight * reliability
      contributions.push({ signal, value, weight, reliability, points })
    }
    const unknown = Math.max(0, 1 - coverage)
    const high = low + 100 * unknown
    const whole = low + 100 * unknown * prior
    const gates = gatesOf(sheet)
    const markers = markersOf(sheet.known, target, spam, tlds)
    const isReview = markers.length >= review.markers
    const score = isReview ? Math.min(whole, review.cap) : whole
    return {
      verdict: verdictOf(gates, low, high, qualifiedFrom, isReview ? markers : [], open),
      score,
      low: isReview ? Math.min(low, review.cap) : low,
      high: isReview ? Math.min(high, review.cap) : high,
      coverage,
      contributions,
      prior: 100 * unknown * prior,
      cap: score - whole,
      gates,
      markers,
      missing,
      range: { low, high }
    }
  }
}

/** The same signals with the reasons that a sheet has by now; one that is not defined stays so. */
export const reasons = (sheet: Sheet, missing: Assessment["missing"]): Assessment["missing"] =>
  missing.map(({ reason, signal }) => ({ signal, reason: reason === "Undefined" ? reason : reasonOf(sheet, signal) }))

const qualified = { _tag: "Qualified" } as const

const verdictOf = (
  gates: ReadonlyArray<Gates.Gate>,
  low: number,
  high: number,
  qualifiedFrom: number,
  markers: ReadonlyArray<Marker>,
  open: ReadonlyArray<Signal>
): Assessment["verdict"] => {
  const failed = gates.filter(({ outcome }) => outcome === "fail").map(({ gate }) => gate)
  if (failed.length > 0) return { _tag: "Rejected", by: failed }
  if (high < qualifiedFrom) return { _tag: "Rejected", by: ["score"] }
  if (low >= qualifiedFrom && gates.every(({ outcome }) => outcome === "pass")) {
    return markers.length > 0 ? { _tag: "Review", markers: markers.map(({ marker }) => marker) } : qualified
  }
  return { _tag: "NeedsData", signals: open }
}
