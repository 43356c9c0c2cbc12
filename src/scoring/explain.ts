/**
 * A verdict in words.
 *
 * @since 0.1.0
 */
import { names as providers } from "../internal/names.js"
import type { Datum, MissingReason, Observed, Source } from "./data.js"
import type { Gate } from "./gates.js"
import type { Contribution, Marker, Verdict } from "./model.js"
import type { Signal } from "./signals.js"

export const sources: Record<Source, string> = { ...providers, imported: "imported" }

export const names: Record<Datum, string> = {
  domainRating: "Domain Rating",
  domainInlinkRank: "Domain InLink Rank",
  trustFlow: "Trust Flow",
  citationFlow: "Citation Flow",
  organicTraffic: "organic visits a month",
  referringDomains: "referring domains",
  dofollowReferringDomains: "referring domains that follow",
  referringSubnets: "referring subnets",
  linkedDomains: "linked domains",
  relevance: "relevance"
}

export const why: Record<MissingReason, string> = {
  NotSupported: "no integration has it",
  NotAsked: "not asked",
  NoData: "the provider knows nothing",
  Undefined: "not defined",
  Invalid: "not a valid value",
  OutOfBudget: "out of budget",
  Throttled: "too many calls",
  AuthFailed: "the key does not work",
  Unavailable: "the provider does not answer",
  Refused: "the provider refused the request"
}

export const signalNames: Record<Signal, string> = {
  authority: "authority",
  trust: "trust",
  reach: "reach",
  breadth: "breadth",
  sanity: "traffic for its links",
  followShare: "share of followed links",
  relevance: "relevance"
}

const hour = 3_600_000

const ageOf = (observedAt: number | null, now: number): string => {
  if (observedAt === null) return ""
  const hours = Math.floor(Math.max(0, now - observedAt) / hour)
  return hours < 1 ? ", new" : hours < 48 ? `, ${hours} h old` : `, ${Math.floor(hours / 24)} days old`
}

const count = (value: number): string =>
  value >= 10_000 ? `${Math.round(value / 1_000)}k` : value >= 1_000 ? `${(value / 1_000).toFixed(1)}k` : String(value)

/** What of a scored prospect is explained. */
interface Explained {
  readonly verdict: Verdict
  readonly score: number | null
  readonly low: number | null
  readonly high: number | null
  readonly assessment: {
    readonly contributions: ReadonlyArray<Contribution>
    readonly gates: ReadonlyArray<Gate>
    readonly markers: ReadonlyArray<Marker>
    readonly missing: ReadonlyArray<{ readonly signal: Signal; readonly reason: MissingReason }>
  } | null
  readonly data: { readonly [D in Datum]?: Observed | undefined }
  readonly flows:
    | { readonly _tag: "Ratio"; readonly ratio: number; readonly label: string }
    | { readonly _tag: "Missing"; readonly reason: MissingReason }
    | null
}

const verdictText = (verdict: Verdict): string => {
  switch (verdict._tag) {
    case "Qualified":
      return "Qualified"
    case "Rejected":
      return `Rejected by ${verdict.by.join(" and ")}`
    case "Review":
      return `To be looked at for ${verdict.markers.length} risk marker${verdict.markers.length === 1 ? "" : "s"}`
    case "NeedsData":
      return "Undecided"
    case "Excluded":
      return `Excluded: ${verdict.message}`
  }
}

/**
 * A few sentences: the verdict with its range, what it stands on with source and age, what is missing and why. What is unknown is
 * called unknown, never 0. `now` in milliseconds since 1970.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const explain = ({ assessment, data, flows, high, low, score, verdict }: Explained, now: number): string => {
  if (assessment === null || score === null || low === null || high === null) return `${verdictText(verdict)}.`
  const sentences = [`${verdictText(verdict)}, score ${score.toFixed(0)} (${low.toFixed(0)} to ${high.toFixed(0)}).`]
  for (const { datum, outcome, rule, value } of assessment.gates) {
    const observed = data[datum]
    sentences.push(
      observed === undefined || value === null
        ? `${names[datum]} is unknown (${rule}).`
        : `${names[datum]} ${value} (${sources[observed.source]}${ageOf(observed.observedAt, now)}) ${
            outcome === "pass" ? "passes" : "fails"
          } ${rule}.`
    )
  }
  const parts: Array<string> = []
  if (data.organicTraffic !== undefined) parts.push(`${count(data.organicTraffic.value)} organic visits a month`)
  if (data.referringDomains !== undefined) parts.push(`${count(data.referringDomains.value)} referring domains`)
  if (flows?._tag === "Ratio") parts.push(`Trust Flow over Citation Flow ${flows.ratio.toFixed(2)} (${flows.label})`)
  if (parts.length > 0) sentences.push(`${parts.join("; ")}.`)
  if (assessment.markers.length > 0) {
    sentences.push(`Risk: ${assessment.markers.map(({ evidence }) => evidence).join("; ")}.`)
  }
  if (assessment.missing.length > 0) {
    const unknown = assessment.missing.map(({ reason, signal }) => `${signalNames[signal]} (${why[reason]})`)
    sentences.push(`Unknown: ${unknown.join(", ")}.`)
  }
  return sentences.join(" ")
}
