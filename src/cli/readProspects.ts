/** A list as people have it, one domain a line or a CSV with a header, to one prospect for each of its lines. */
import { CsvError, parse } from "csv-parse/sync"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Prospect as Scorable } from "../ProspectScorer.js"
import type { Datum } from "../scoring/data.js"

export interface Prospect {
  /** The line, or the domain cell of a record, as it is in the list. */
  readonly input: string
  /** Why nothing can be read of it; `null` where something can. */
  readonly problem: string | null
  /** What the list says of it. */
  readonly signals?: Scorable["signals"]
}

/** The column that holds a datum, by its name in the header. */
export type Imports = ReadonlyMap<Datum, string>

/** UTF-8, or UTF-16 where a byte order mark says so. Bytes that are neither become U+FFFD. */
export const decode = (bytes: Uint8Array): string => {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "utf-8"
  return new TextDecoder(encoding).decode(bytes)
}

// Where a header names several of them, the first one here is the column that is read.
const columnNames = [
  "domain",
  "domains",
  "domain name",
  "root domain",
  "referring domain",
  "hostname",
  "host",
  "website",
  "web site",
  "website url",
  "homepage",
  "site",
  "sites",
  "site url",
  "url",
  "urls",
  "target",
  "targets",
  "target url",
  "link",
  "links",
  "page",
  "prospect",
  "prospects"
]

interface Header {
  readonly delimiter: string
  readonly column: number
  readonly imports: ReadonlyArray<readonly [datum: Datum, column: number]>
}

/** The records, or the code of what is wrong. */
const tryParse = (
  text: string,
  delimiter: string,
  options?: { readonly relax_quotes: boolean }
): Either.Either<Array<Array<string>>, string> =>
  Either.try({
    try: () =>
      parse(text, {
        ...options,
        delimiter,
        record_delimiter: ["\r\n", "\n", "\r"],
        relax_column_count: true,
        skip_empty_lines: true,
        trim: true
      }),
    catch: (error) => (error instanceof CsvError ? error.code : "unknown")
  })

const nameOf = (cell: string): string => cell.toLowerCase().replace(/[\s_-]+/g, " ")

const headerOf = (line: string, imports: Imports): Header | undefined => {
  for (const delimiter of [",", ";", "\t"]) {
    const cells = Either.getOrElse(tryParse(line, delimiter), () => [])[0]?.map(nameOf) ?? []
    const name = columnNames.find((known) => cells.includes(known))
    if (name === undefined) continue
    const columns = Array.from(imports, ([datum, name]) => [datum, cells.indexOf(nameOf(name))] as const)
    return { delimiter, column: cells.indexOf(name), imports: columns }
  }
  return undefined
}

const ofText = (input: string): Prospect => ({ input, problem: null })

const ofRecord = (cells: ReadonlyArray<string>, { column, imports }: Header): Prospect => {
  const input = cells[column] ?? ""
  const problem = input === "" ? "the domain cell is empty" : null
  return imports.length === 0
    ? { input, problem }
    : { input, problem, signals: Object.fromEntries(imports.map(([datum, at]) => [datum, cells[at]])) }
}

const broken = (line: string, code: string): Prospect => ({
  input: line,
  problem:
    code === "CSV_QUOTE_NOT_CLOSED"
      ? "is not valid CSV: a quote is opened and not closed"
      : `is not valid CSV (${code.toLowerCase().replaceAll("_", " ")})`
})

/** None where the text does not parse, or where a stray quote made many lines one domain cell. */
const wholeCsv = (text: string, header: Header): Option.Option<ReadonlyArray<Prospect>> =>
  Option.map(
    Option.filter(
      Either.getRight(tryParse(text, header.delimiter)),
      (records) => !records.some((cells) => /[\r\n]/.test(cells[header.column]?.trim() ?? ""))
    ),
    (records) => records.slice(1).map((cells) => ofRecord(cells, header))
  )

const csvLine =
  (header: Header) =>
  (line: string): Prospect =>
    Either.match(tryParse(line, header.delimiter, { relax_quotes: true }), {
      onLeft: (code) => broken(line, code),
      onRight: (records) => ofRecord(records[0] ?? [], header)
    })

export interface List {
  readonly prospects: ReadonlyArray<Prospect>
  /** Columns to import that the list does not have. */
  readonly unknownColumns: ReadonlyArray<string>
}

/** One prospect for each line that is not blank (in a CSV: each record after the header), in order. */
export const readProspects = (text: string, imports: Imports = new Map()): List => {
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== "")
  const header = headerOf(lines[0] ?? "", imports)
  if (header === undefined) return { prospects: lines.map(ofText), unknownColumns: Array.from(imports.values()) }
  return {
    prospects: Option.getOrElse(wholeCsv(text, header), () => lines.slice(1).map(csvLine(header))),
    unknownColumns: header.imports.flatMap(([datum, at]) => (at === -1 ? [imports.get(datum)!] : []))
  }
}
