/** Rows and the summary as text: JSON lines, a table, a CSV file. */
import Table from "cli-table3"
import { stringify } from "csv-stringify/sync"
import * as Option from "effect/Option"
import type { Unit } from "../Operation.js"
import * as Target from "../Target.js"
import type { Row } from "./rows.js"
import type { Summary } from "./summary.js"

/** Text in pieces that can be written one after the other. */
export interface Format {
  readonly head: string
  readonly rows: (rows: ReadonlyArray<Row>) => string
  readonly summary: (summary: Summary) => string
}

/** Everything that could move a cursor, hide text or turn its direction, as a sign or an escape that can be seen. */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0)!
    if (code < 0x20) return String.fromCodePoint(0x2400 + code)
    return code === 0x7f ? "\u2421" : `\\u{${code.toString(16)}}`
  })

/** The beginning of a text that may be very long. */
const shortened = (text: string, length: number): string => {
  const characters = Array.from(visible(text.slice(0, 4 * length)))
  return characters.length <= length ? characters.join("") : `${characters.slice(0, length - 1).join("")}\u2026`
}

const columns = ["input", "target", "domainRating", "verdict", "reason"] as const

const recordOf = ({ domainRating, input, reason, target, verdict }: Row) => ({
  input,
  target,
  domainRating,
  verdict,
  reason
})

/** JSON lets some line breaks and terminal controls through. */
const jsonLine = (value: unknown): string =>
  `${JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )}\n`

export const json: Format = {
  head: "",
  rows: (rows) => rows.map((row) => jsonLine({ type: "prospect", ...recordOf(row) })).join(""),
  summary: ({ counts, isSimulated, ledger }) =>
    jsonLine({
      type: "summary",
      qualified: counts.qualified,
      rejected: counts.too_weak + counts.too_strong,
      unknown: counts.unknown,
      invalid: counts.invalid,
      units: ledger.units,
      calls: ledger.calls,
      cache: ledger.cache,
      ...(isSimulated && { simulated: true }),
      ...(Option.isSome(ledger.attribution) && { attribution: ledger.attribution.value })
    })
}

const widths = [28, 26, 6, 10, 52]
const blank = Object.fromEntries(
  ["top", "bottom", "left", "mid", "right"].flatMap((side) =>
    ["", "-mid", "-left", "-right"].map((end) => [`${side}${end}`, ""])
  )
)

// Without borders tables join: cli-table3 draws a table only when it is complete, and takes quadratic time for a long one.
const tableOf = (records: ReadonlyArray<ReadonlyArray<string>>): string => {
  const table = new Table({
    colWidths: widths,
    wordWrap: true,
    chars: { ...blank, middle: "  " },
    style: { compact: true, "padding-left": 0, "padding-right": 0, head: [], border: [] }
  })
  table.push(...records.map((record) => [...record]))
  return `${table.toString().replace(/ +$/gm, "")}\n`
}

const cellsOf = ({ domainRating, input, reason, target, verdict }: Row): ReadonlyArray<string> => [
  shortened(input, 28),
  target === null ? "-" : shortened(Target.display(target), 26),
  domainRating === null ? "-" : String(domainRating),
  verdict,
  visible(reason ?? "")
]

const unitNames: Record<Unit, string> = { api_units: "API units", credits: "credits", row_credits: "row credits" }
const providerNames = { ahrefs: "Ahrefs", se_ranking: "SE Ranking" } as const

const amount = (units: number | null, unit: Unit): string =>
  units === null ? `an amount of ${unitNames[unit]} that the contract does not state` : `${units} ${unitNames[unit]}`

const inCalls = (calls: number): string => `in ${calls} ${calls === 1 ? "call" : "calls"}`

export const table: Format = {
  head: tableOf([["input", "target", "rating", "verdict", "reason"], widths.map((width) => "\u2500".repeat(width))]),
  rows: (rows) => (rows.length === 0 ? "" : tableOf(rows.map(cellsOf))),
  summary: ({ counts, isSimulated, ledger, provider, unit, unitsAlone }) => {
    const { invalid, qualified, too_strong: strong, too_weak: weak, unknown } = counts
    const total = qualified + weak + strong + unknown + invalid
    const alone = unitsAlone === null ? null : unitsAlone * ledger.sites
    const cost = `${amount(ledger.units[provider], unit)} ${inCalls(ledger.calls)}`
    return [
      "",
      `${total} ${total === 1 ? "prospect" : "prospects"}: ${qualified} qualified, ` +
        `${weak + strong} rejected (${weak} too weak, ${strong} too strong), ${unknown} unknown, ${invalid} invalid`,
      isSimulated
        ? `Cost: nothing. ${providerNames[provider]} itself would have charged ${cost}.`
        : `Cost: ${providerNames[provider]} charged ${cost}.`,
      `One call per domain would have cost ${amount(alone, unit)} ${inCalls(ledger.sites)}.`,
      ...Option.match(ledger.attribution, {
        onNone: () => [],
        onSome: ({ license, text, url }) => [`${text}, ${url} (licence: ${license})`]
      }),
      ""
    ].join("\n")
  }
}

/** A file for spreadsheets: no cell of it is a formula. */
export const csv = (rows: ReadonlyArray<Row>): string =>
  stringify(rows.map(recordOf), {
    header: true,
    columns: [...columns],
    escape_formulas: true,
    // It quotes line feeds by itself.
    quoted_match: /\r/
  })
