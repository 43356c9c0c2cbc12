/**
 * What Ahrefs charges: `max(50, rows x sum of the prices of the distinct columns named)` API units a call.
 *
 * Source: Ahrefs API v3 documentation, "API units consumption"; every recorded charge fits.
 *
 * @since 0.1.0
 */
import type { Price } from "../Operation.js"
import type { Target } from "../Target.js"
import type { Column } from "./columns.js"

/**
 * The least a billed call costs.
 *
 * @since 0.1.0
 * @category Prices
 */
export const minimumUnits = 50

/**
 * API units of an answer of `rows` rows at `unitsPerRow` each.
 *
 * @since 0.1.0
 * @category Prices
 */
export const units = (rows: number, unitsPerRow: number): number => Math.max(minimumUnits, rows * unitsPerRow)

/**
 * API units a row: each distinct column counts once, wherever it is named (select, where, order_by).
 *
 * @since 0.1.0
 * @category Prices
 */
export const unitsPerRow = (columns: Iterable<Column>): number => {
  const prices = new Map(Array.from(columns, ({ units, wire }) => [wire, units]))
  return Array.from(prices.values()).reduce((sum, price) => sum + price, 0)
}

const freeTargets = new Set(["ahrefs.com", "yep.com", "firehose.com"])

/**
 * Ahrefs' own test targets (ahrefs.com, yep.com, firehose.com and URLs on them) are answered for 0 units, with at most
 * {@link freeTargetRows} rows. Source: Ahrefs API v3 documentation, "Free test queries".
 *
 * @since 0.1.0
 * @category Prices
 */
export const isFreeTarget = (target: Target): boolean =>
  freeTargets.has(target.includes("/") ? new URL(target).hostname : target)

/**
 * @since 0.1.0
 * @category Prices
 */
export const freeTargetRows = 100

/**
 * A call whose answer always has `rows` rows.
 *
 * @since 0.1.0
 * @category Prices
 */
export const exact = (rows: number, unitsPerRow: number, isFree: boolean): Price => {
  const amount = isFree ? 0 : units(rows, unitsPerRow)
  return { unit: "api_units", lower: amount, upper: amount }
}

/**
 * A list of up to `limit` rows.
 *
 * @since 0.1.0
 * @category Prices
 */
export const upTo = (limit: number, unitsPerRow: number, isFree: boolean): Price =>
  isFree
    ? { unit: "api_units", lower: 0, upper: 0 }
    : { unit: "api_units", lower: minimumUnits, upper: units(limit, unitsPerRow) }
