/** What a provider's figures say about a prospect. Scales are never converted: each has its own band, or none. */

export type Verdict = "qualified" | "too_weak" | "too_strong" | "unknown" | "invalid"

export interface Judgement {
  readonly verdict: Verdict
  /** Ahrefs' Domain Rating, 0-100; null where nobody measured one. */
  readonly domainRating: number | null
  /** In words; null where the verdict says it all. */
  readonly reason: string | null
}

interface Band {
  /** The first value that is strong enough. */
  readonly from: number
  /** The first value that is too strong. */
  readonly to: number
}

const domainRatingBand: Band = { from: 30, to: 90 }
const inlinkRankBand: Band = { from: 25, to: 90 }

const place = (value: number, { from, to }: Band): "qualified" | "too_weak" | "too_strong" =>
  value < from ? "too_weak" : value >= to ? "too_strong" : "qualified"

export const invalid = (reason: string): Judgement => ({ verdict: "invalid", domainRating: null, reason })

export const unknown = (reason: string): Judgement => ({ verdict: "unknown", domainRating: null, reason })

export const ofDomainRating = (domainRating: number | null): Judgement => {
  if (domainRating === null) return unknown("Ahrefs has no Domain Rating for this site")
  const verdict = place(domainRating, domainRatingBand)
  const { from, to } = domainRatingBand
  const reasons = {
    qualified: null,
    too_weak: `Domain Rating ${domainRating} is below ${from}`,
    too_strong: `Domain Rating ${domainRating} is not below ${to}`
  }
  return { verdict, domainRating, reason: reasons[verdict] }
}

export const ofInlinkRank = (rank: number | null): Judgement => {
  if (rank === null) return unknown("SE Ranking has no domain InLink Rank for this site; no Domain Rating")
  const { from, to } = inlinkRankBand
  return {
    verdict: place(rank, inlinkRankBand),
    domainRating: null,
    reason: `domain InLink Rank ${rank} (SE Ranking's own scale, band ${from}-${to}); no Domain Rating`
  }
}

const ratio = (trustFlow: number, citationFlow: number): string => {
  if (citationFlow === 0) return "no ratio"
  const value = trustFlow / citationFlow
  return `ratio ${value.toFixed(2)} (${value > 0.5 ? "good" : "not good"}: above 0.5 is)`
}

/** The flows are a note: they say how clean a site's links are, not how strong it is. */
export const ofFlows = ({
  citationFlow,
  isKnown,
  trustFlow
}: {
  readonly isKnown: boolean
  readonly trustFlow: number | null
  readonly citationFlow: number | null
}): Judgement => {
  const flows = !isKnown
    ? "SE Ranking has no data for this site"
    : trustFlow === null || citationFlow === null
      ? "Trust Flow and Citation Flow were not measured"
      : `Trust Flow ${trustFlow}, Citation Flow ${citationFlow}, ${ratio(trustFlow, citationFlow)}`
  return unknown(`no Domain Rating on this contract; ${flows}`)
}
