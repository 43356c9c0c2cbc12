/** What a report holds: `Report` writes it, the page reads it. */
import type { Attribution } from "../ahrefs/model.js"
import type { Provider, Unit } from "../Operation.js"
import type { Datum, MissingReason, Observed } from "../scoring/data.js"
import type { Assessment, Verdict } from "../scoring/model.js"
import type { Profile } from "../scoring/profile.js"

export type { Datum, Observed, Profile, Unit, Verdict }

export interface Cost {
  readonly provider: Provider
  readonly unit: Unit
  readonly amount: number | null
}

/** A `ScoredProspect` without what is the same for all, and `attribution` as an index into those of the report. */
export interface Prospect {
  readonly index: number
  readonly input: string
  readonly target: string | null
  readonly duplicateOf: number | null
  readonly verdict: Verdict
  readonly score: number | null
  readonly low: number | null
  readonly high: number | null
  readonly assessment: Pick<
    Assessment,
    "coverage" | "contributions" | "prior" | "cap" | "gates" | "markers" | "missing"
  > | null
  readonly data: { readonly [D in Datum]?: Observed | undefined }
  readonly flows:
    | {
        readonly _tag: "Ratio"
        readonly ratio: number
        readonly label: "good" | "caution" | "poor" | "outlier"
      }
    | { readonly _tag: "Missing"; readonly reason: MissingReason }
    | null
  readonly nextBest: {
    readonly asks: ReadonlyArray<Cost & { readonly operation: string; readonly data: ReadonlyArray<Datum> }>
    readonly couldBecome: ReadonlyArray<"Qualified" | "Rejected">
  } | null
  readonly costToDecide: ReadonlyArray<Cost>
  readonly cost: ReadonlyArray<Cost>
  readonly attribution: number | null
}

export interface Spent {
  readonly provider: Provider
  readonly unit: Unit
  readonly spent: number
  readonly saved: number
  readonly unpriced: number
}

interface Summary {
  readonly inputs: number
  readonly invalid: number
  readonly duplicates: number
  readonly excluded: number
  readonly verdicts: { readonly [V in Exclude<Verdict["_tag"], "Excluded">]: number }
  readonly medianRating: number | null
  readonly spent: ReadonlyArray<Spent>
  readonly failures: ReadonlyArray<Failure>
}

interface Failure {
  readonly provider: Provider
  readonly operation: string
  readonly error: string
  readonly message: string
  readonly sites: number
}

export interface Report {
  readonly title: string
  /** Milliseconds since 1970; `null` where nothing has a date. */
  readonly at: number | null
  readonly simulated: boolean
  readonly scoredBy: { readonly profile: string; readonly version: string; readonly model: string } | null
  readonly profile: Pick<Profile, "gates" | "qualifiedFrom"> | null
  readonly summary: Summary
  readonly attributions: ReadonlyArray<Attribution>
  readonly prospects: ReadonlyArray<Prospect>
}

type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [key: string]: Json }
type Packed = string | number | boolean | null | ReadonlyArray<Packed>

/** A report as it stands in the file: objects are rows of their `shapes`, as ten thousand prospects have the same few. */
interface Wire {
  readonly shapes: ReadonlyArray<ReadonlyArray<string>>
  readonly value: Packed
}

const list = -1

const pack = (value: Json): Wire => {
  const shapes: Array<ReadonlyArray<string>> = []
  const ids = new Map<string, number>()
  const go = (value: Json): Packed => {
    if (value === null || typeof value !== "object") return value
    if (Array.isArray(value)) return [list, ...value.map(go)]
    const entries = Object.entries(value)
    const keys = entries.map(([key]) => key)
    const name = JSON.stringify(keys)
    let id = ids.get(name)
    if (id === undefined) {
      id = shapes.push(keys) - 1
      ids.set(name, id)
    }
    return [id, ...entries.map(([, value]) => go(value))]
  }
  return { value: go(value), shapes }
}

const unpack = ({ shapes, value }: Wire): Json => {
  const go = (value: Packed): Json => {
    if (value === null || typeof value !== "object") return value
    const [id, ...values] = value
    if (id === list) return values.map(go)
    // Safe: written by `pack`.
    return Object.fromEntries(shapes[id as number]!.map((key, i) => [key, go(values[i]!)]))
  }
  return go(value)
}

/** All that could end the script element, or a line of it. */
const unsafe = /[<>&\u2028\u2029]/g

/** JSON that can stand in an HTML script element. A duplicate is its input and the index of the first. */
export const encode = ({ prospects, ...rest }: Report): string => {
  const known = new Set(prospects.map(({ duplicateOf, index }) => (duplicateOf === null ? index : null)))
  const rows = prospects.map((prospect) => {
    const { duplicateOf, index, input } = prospect
    return duplicateOf !== null && known.has(duplicateOf) ? { index, input, duplicateOf } : prospect
  })
  // Through JSON, which leaves out what is undefined.
  const plain: Json = JSON.parse(JSON.stringify({ ...rest, prospects: rows }))
  return JSON.stringify(pack(plain)).replace(
    unsafe,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
}

export const decode = (text: string): Report => {
  const wire: Wire = JSON.parse(text)
  // Safe: written by `encode`.
  const report = unpack(wire) as unknown as Report
  const firsts = new Map(report.prospects.map((prospect) => [prospect.index, prospect]))
  const prospects = report.prospects.map((prospect) =>
    "verdict" in prospect
      ? prospect
      : {
          ...firsts.get(prospect["duplicateOf"])!,
          ...(prospect as Pick<Prospect, "index" | "input" | "duplicateOf">),
          cost: []
        }
  )
  return { ...report, prospects }
}
