/**
 * What the data say about a prospect: each signal from 0, the worst, to 1.
 *
 * The curves are those of the scoring model: DR is logarithmic already, the ratio of the flows follows the percentiles of Majestic's
 * Million, traffic and referring domains are logarithms.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Datum, Sheet } from "./data.js"

/**
 * - `authority`: Domain Rating, where there is none the Domain InLink Rank on a curve of its own
 * - `trust`: Trust Flow over Citation Flow
 * - `reach`: organic visits a month
 * - `breadth`: referring domains
 * - `sanity`: visits beside the links that should bring them
 * - `followShare`: of the referring domains, those with a followed link
 * - `relevance`: the tenant's own judgement
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Signal = Schema.Literal("authority", "trust", "reach", "breadth", "sanity", "followShare", "relevance")

/**
 * @since 0.1.0
 * @category Models
 */
export type Signal = typeof Signal.Type

/** A signal that is measured. */
export interface Measured {
  /** 0 to 1. */
  readonly value: number
  /** How much of its weight it carries, 0 to 1. */
  readonly reliability: number
  /** What it was made of. */
  readonly from: ReadonlyArray<Datum>
}

type Knots = ReadonlyArray<readonly [at: number, value: number]>

/** Straight between the knots, level beyond them. */
const along = (knots: Knots, at: number): number => {
  let [x0, y0] = knots[0]!
  if (at <= x0) return y0
  for (let i = 1; i < knots.length; i++) {
    const [x1, y1] = knots[i]!
    if (at <= x1) return y0 + ((y1 - y0) * (at - x0)) / (x1 - x0)
    x0 = x1
    y0 = y1
  }
  return y0
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value))

const ratingKnots: Knots = [
  [0, 0],
  [10, 0.05],
  [30, 0.4],
  [45, 0.8],
  [55, 1],
  [75, 1],
  [85, 0.85],
  [90, 0.6],
  [100, 0.3]
]
/** Its own scale, so its own curve: the same shape about its own band. */
const inlinkRankKnots: Knots = [
  [0, 0],
  [10, 0.05],
  [25, 0.4],
  [40, 0.8],
  [55, 1],
  [75, 1],
  [85, 0.85],
  [90, 0.6],
  [100, 0.3]
]
const ratioKnots: Knots = [
  [0, 0],
  [0.101, 0.02],
  [0.152, 0.08],
  [0.304, 0.25],
  [0.5, 0.47],
  [0.552, 0.5],
  [0.917, 0.75],
  [1, 0.8],
  [1.2, 1]
]
const followKnots: Knots = [
  [0, 0],
  [0.2, 0.1],
  [0.5, 0.7],
  [0.6, 1],
  [0.92, 1],
  [1, 0.7]
]

/** Flows below this are noise, and their ratio says nothing. */
export const leastFlow = 5
const fullCitationFlow = 15

/** Visits a month beside referring domains; `null` where there are no links to bring any. */
export const trafficForLinks = (organicTraffic: number, referringDomains: number): number | null =>
  referringDomains < 1 ? null : clamp((Math.log10(organicTraffic + 1) / Math.log10(referringDomains + 1) - 0.35) / 0.65)

/**
 * Trust Flow over Citation Flow; `null` without Citation Flow: a ratio over nothing is none.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const flowRatio = (trustFlow: number, citationFlow: number): number | null => {
  const ratio = trustFlow / citationFlow
  return Number.isFinite(ratio) ? ratio : null
}

const rating = ["domainRating"] as const
const inlinkRank = ["domainInlinkRank"] as const
const flows = ["trustFlow", "citationFlow"] as const
const traffic = ["organicTraffic"] as const
const referring = ["referringDomains"] as const
const trafficAndReferring = ["organicTraffic", "referringDomains"] as const
const followed = ["dofollowReferringDomains", "referringDomains"] as const
const judged = ["relevance"] as const

/** What each signal is made of: the first of these that is known whole. */
export const needs: Record<Signal, ReadonlyArray<ReadonlyArray<Datum>>> = {
  authority: [rating, inlinkRank],
  trust: [flows],
  reach: [traffic],
  breadth: [referring],
  sanity: [trafficAndReferring],
  followShare: [followed],
  relevance: [judged]
}

const certain = (value: number, from: ReadonlyArray<Datum>): Measured => ({ value, reliability: 1, from })

type Known = Sheet["known"]

/** `undefined`: something it is made of is not known; `null`: all is known, but the signal is not defined. */
export const measure: Record<Signal, (known: Known) => Measured | null | undefined> = {
  authority: ({ domainInlinkRank, domainRating }) => {
    if (domainRating !== undefined) return certain(along(ratingKnots, domainRating.value), rating)
    if (domainInlinkRank !== undefined) return certain(along(inlinkRankKnots, domainInlinkRank.value), inlinkRank)
    return undefined
  },
  trust: ({ citationFlow, trustFlow }) => {
    if (trustFlow === undefined || citationFlow === undefined) return undefined
    const ratio = flowRatio(trustFlow.value, citationFlow.value)
    if (ratio === null) return null
    const isNoise = Math.max(trustFlow.value, citationFlow.value) < leastFlow
    return {
      value: along(ratioKnots, ratio),
      reliability: isNoise ? 0 : Math.min(1, citationFlow.value / fullCitationFlow),
      from: flows
    }
  },
  reach: ({ organicTraffic }) =>
    organicTraffic && certain(clamp((Math.log10(organicTraffic.value + 1) - 2) / 3), traffic),
  breadth: ({ referringDomains }) =>
    referringDomains && certain(clamp((Math.log10(referringDomains.value + 1) - 1) / 3), referring),
  sanity: ({ organicTraffic, referringDomains }) => {
    if (organicTraffic === undefined || referringDomains === undefined) return undefined
    const value = trafficForLinks(organicTraffic.value, referringDomains.value)
    return value === null ? null : certain(value, trafficAndReferring)
  },
  followShare: ({ dofollowReferringDomains, referringDomains }) => {
    if (dofollowReferringDomains === undefined || referringDomains === undefined) return undefined
    if (referringDomains.value < 1) return null
    return certain(along(followKnots, dofollowReferringDomains.value / referringDomains.value), followed)
  },
  relevance: ({ relevance }) => relevance && certain(relevance.value, judged)
}
