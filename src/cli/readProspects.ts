/** A list as people have it, one domain a line or a CSV with a header, to one prospect for each of its lines. */
import { CsvError, parse } from "csv-parse/sync"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Target from "../Target.js"

export interface Prospect {
  /** The line, or the domain cell of a record, as it is in the list. */
  readonly input: string
  /** The site to ask about, or why there is none. */
  readonly target: Either.Either<Target.Target, string>
}

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

const headerOf = (line: string): Header | undefined => {
  for (const delimiter of [",", ";", "\t"]) {
    const cells = Either.getOrElse(tryParse(line, delimiter), () => [])[0]?.map(nameOf) ?? []
    const name = columnNames.find((known) => cells.includes(known))
    if (name !== undefined) return { delimiter, column: cells.indexOf(name) }
  }
  return undefined
}

const ofText = (input: string): Prospect => ({
  input,
  target: Either.mapLeft(Target.make(input), ({ message }) => message)
})

const ofCell = (cell: string | undefined): Prospect =>
  cell === undefined || cell === "" ? { input: "", target: Either.left("the domain cell is empty") } : ofText(cell)

const broken = (line: string, code: string): Prospect => ({
  input: line,
  target: Either.left(
    code === "CSV_QUOTE_NOT_CLOSED"
      ? "is not valid CSV: a quote is opened and not closed"
      : `is not valid CSV (${code.toLowerCase().replaceAll("_", " ")})`
  )
})

/** None where the text does not parse, or where a stray quote made many lines one domain cell. */
const wholeCsv = (text: string, { column, delimiter }: Header): Option.Option<ReadonlyArray<Prospect>> =>
  Option.map(
    Option.filter(
      Either.getRight(tryParse(text, delimiter)),
      (records) => !records.some((cells) => /[\r\n]/.test(cells[column]?.trim() ?? ""))
    ),
    (records) => records.slice(1).map((cells) => ofCell(cells[column]))
  )

const csvLine =
  ({ column, delimiter }: Header) =>
  (line: string): Prospect =>
    Either.match(tryParse(line, delimiter, { relax_quotes: true }), {
      onLeft: (code) => broken(line, code),
      onRight: (records) => ofCell(records[0]?.[column])
    })

/** One prospect for each line that is not blank (in a CSV: each record after the header), in order. */
export const readProspects = (text: string): ReadonlyArray<Prospect> => {
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== "")
  const header = headerOf(lines[0] ?? "")
  if (header === undefined) return lines.map(ofText)
  return Option.getOrElse(wholeCsv(text, header), () => lines.slice(1).map(csvLine(header)))
}
