/**
 * What a prospect must pass, whatever its score. An unknown value neither passes nor fails.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Datum, type Sheet } from "./data.js"
import type { Profile } from "./profile.js"

/**
 * - `gate`: `authority` by Domain Rating, or by Domain InLink Rank in its own band where no Domain Rating is known; `traffic`
 * - `datum`, `value`: what it went by; `null` where nothing is known
 * - `rule`: in words
 * - `isNear`: the value is within 1 of an end of the band, and may be on the other side of it next time
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Gate = Schema.Struct({
  gate: Schema.Literal("authority", "traffic"),
  datum: Datum,
  value: Schema.NullOr(Schema.Number),
  rule: Schema.String,
  outcome: Schema.Literal("pass", "fail", "unknown"),
  isNear: Schema.Boolean
})

/**
 * @since 0.1.0
 * @category Models
 */
export interface Gate extends Schema.Schema.Type<typeof Gate> {}

const nearness = 1

/** The gates of a profile, from the cheapest datum to the dearest. */
export const make = ({ gates }: Profile): ((sheet: Sheet) => ReadonlyArray<Gate>) => {
  const { domainInlinkRank, domainRating, organicTraffic, rounding } = gates
  const bands = { domainRating, domainInlinkRank }
  const ruleOf = (name: string, { from, to }: { readonly from: number; readonly to: number }) =>
    `${from} <= ${name} < ${to}`
  const rules = {
    domainRating: ruleOf("Domain Rating", domainRating),
    domainInlinkRank: ruleOf("Domain InLink Rank", domainInlinkRank)
  }
  const trafficRule = `organic visits a month >= ${organicTraffic}`

  const authority = ({ known }: Sheet): Gate => {
    const datum =
      known.domainRating === undefined && known.domainInlinkRank !== undefined ? "domainInlinkRank" : "domainRating"
    const observed = known[datum]
    const rule = rules[datum]
    if (observed === undefined) {
      return { gate: "authority", datum, value: null, rule, outcome: "unknown", isNear: false }
    }
    const { value } = observed
    const { from, to } = bands[datum]
    const compared = rounding === "ui" && datum === "domainRating" ? Math.round(value) : value
    return {
      gate: "authority",
      datum,
      value,
      rule,
      outcome: compared >= from && compared < to ? "pass" : "fail",
      isNear: Math.abs(value - from) <= nearness || Math.abs(value - to) <= nearness
    }
  }

  const traffic = ({ known }: Sheet): Gate => {
    const value = known.organicTraffic?.value ?? null
    return {
      gate: "traffic",
      datum: "organicTraffic",
      value,
      rule: trafficRule,
      outcome: value === null ? "unknown" : value >= organicTraffic ? "pass" : "fail",
      isNear: false
    }
  }

  return organicTraffic === 0 ? (sheet) => [authority(sheet)] : (sheet) => [authority(sheet), traffic(sheet)]
}
