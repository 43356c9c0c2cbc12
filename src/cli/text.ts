/** Text for a terminal, a JSON stream and a spreadsheet: what others wrote is shown, never obeyed. */
import Table from "cli-table3"
import { stringify } from "csv-stringify/sync"
import type { Provider, Unit } from "../Operation.js"
import { unitNames } from "../internal/names.js"
import { sources } from "../scoring/explain.js"

/** Everything that could move a cursor, hide text or turn its direction, as a sign or an escape that can be seen. */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0)!
    if (code < 0x20) return String.fromCodePoint(0x2400 + code)
    return code === 0x7f ? "\u2421" : `\\u{${code.toString(16)}}`
  })

/** The beginning of a text that may be very long. */
export const shortened = (text: string, length: number): string => {
  const characters = Array.from(visible(text.slice(0, 4 * length)))
  return characters.length <= length ? characters.join("") : `${characters.slice(0, length - 1).join("")}\u2026`
}

/** JSON lets some line breaks and terminal controls through. */
export const jsonLine = (value: unknown): string =>
  `${JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )}\n`

/** For spreadsheets: no cell of it is a formula. */
export const csv = (
  columns: ReadonlyArray<string>,
  records: ReadonlyArray<Readonly<Record<string, unknown>>>,
  header: boolean
): string =>
  stringify([...records], {
    header,
    columns: [...columns],
    escape_formulas: true,
    // It quotes line feeds by itself.
    quoted_match: /\r/
  })

const blank = Object.fromEntries(
  ["top", "bottom", "left", "mid", "right"].flatMap((side) =>
    ["", "-mid", "-left", "-right"].map((end) => [`${side}${end}`, ""])
  )
)

/** Without borders tables join: cli-table3 draws a table only when it is complete, and takes quadratic time for a long one. */
export const table = (
  records: ReadonlyArray<ReadonlyArray<string>>,
  widths?: ReadonlyArray<number> | undefined
): string => {
  const drawn = new Table({
    ...(widths && { colWidths: [...widths], wordWrap: true }),
    chars: { ...blank, middle: "  " },
    style: { compact: true, "padding-left": 0, "padding-right": 0, head: [], border: [] }
  })
  drawn.push(...records.map((record) => [...record]))
  return `${drawn.toString().replace(/ +$/gm, "")}\n`
}

/** A heading with a line under it. */
export const headed = (heads: ReadonlyArray<string>, widths: ReadonlyArray<number>): string =>
  table([heads, widths.map((width) => "\u2500".repeat(width))], widths)

export const nameOf = (provider: Provider): string => sources[provider]

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 })

export const count = (value: number): string => grouped.format(value)

/** `null`: nobody stated it. */
export const units = (amount: number | null, unit: Unit): string =>
  amount === null
    ? `an amount of ${unitNames[unit]} that the contract does not state`
    : `${count(amount)} ${unitNames[unit]}`

export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`
