/**
 * What SE Ranking charges, in credits. Where its pages disagree the higher figure counts.
 *
 * Source: SE Ranking API documentation, "Credits", 2026-06.
 *
 * @since 0.1.0
 */
import type { Price } from "../Operation.js"

/** Credits a unit of each operation. */
export const credits = {
  summaryTarget: 100,
  metricsRecord: 100,
  domainAuthorityRecord: 10,
  backlinkRecord: 1,
  /** A request by one page, a keyword returned by another. */
  keyword: 100
} as const

/** Exactly `amount`. */
export const exact = (amount: number): Price => ({ unit: "credits", lower: amount, upper: amount })

/** Billed by what comes back: nothing, up to `amount`. */
export const upTo = (amount: number): Price => ({ unit: "credits", lower: 0, upper: amount })
