/** Scored prospects and what they came to, as a table, JSON lines or CSV. */
import { styleText } from "node:util"
import { Provider } from "../Operation.js"
import type { ScoredProspect, Summary, Verdict } from "../ProspectScorer.js"
import { Datum } from "../scoring/data.js"
import { names, signalNames, why } from "../scoring/explain.js"
import * as Target from "../Target.js"
import { described } from "./failure.js"
import { count, csv, headed, jsonLine, nameOf, plural, shortened, table as tableOf, units, visible } from "./text.js"

/** What is known of the run itself. */
export interface Run {
  readonly isSimulated: boolean
  readonly isInterrupted: boolean
  /** Of all that were to be answered. */
  readonly inputs: number
}

/** Text in pieces that can be written one after the other. */
export interface Format {
  readonly head: string
  readonly rows: (prospects: ReadonlyArray<ScoredProspect>) => string
  readonly summary: (summary: Summary, run: Run, prospects: ReadonlyArray<ScoredProspect>) => string
}

/** Why, in a line. */
export const reasonOf = ({ assessment, data, high, verdict }: ScoredProspect): string => {
  switch (verdict._tag) {
    case "Excluded":
      return verdict.message
    case "Qualified":
      return ""
    case "Review":
      return assessment?.markers.map(({ evidence }) => evidence).join("; ") ?? ""
    case "Rejected": {
      const gates = assessment?.gates.filter(({ outcome }) => outcome === "fail") ?? []
      // Whoever is rejected has a score.
      return gates.length === 0
        ? `a score of ${count(high!)} at the most is too low`
        : gates.map(({ rule, value }) => `${value} is not ${rule}`).join("; ")
    }
    case "NeedsData": {
      const unknown = assessment?.missing ?? []
      const gate = assessment?.gates.find(({ outcome, value }) => outcome === "unknown" && value === null)
      const missing = unknown.map(({ reason, signal }) => `${signalNames[signal]} (${why[reason]})`)
      const has = gate === undefined || data[gate.datum] !== undefined ? [] : [`no ${names[gate.datum]}`]
      return [...has, ...missing].join(", ")
    }
  }
}

// Stable: new columns come at the end.
const columns = [
  "input",
  "target",
  "verdict",
  "reason",
  "score",
  "low",
  "high",
  "coverage",
  ...Datum.literals,
  "flowRatio",
  "flowLabel",
  "duplicateOf",
  "attribution",
  ...Provider.literals.map((provider) => `cost_${provider}`)
]

const rounded = (value: number | null | undefined): number | null =>
  value === null || value === undefined ? null : Math.round(value * 100) / 100

/** A share of a call's price, without its last bits. */
const share = (amount: number): number => Math.round(amount * 1e6) / 1e6

const recordOf = (prospect: ScoredProspect): Readonly<Record<string, unknown>> => {
  const { assessment, attribution, cost, data, duplicateOf, flows, high, input, low, score, target, verdict } = prospect
  const ratio = flows?._tag === "Ratio" ? flows : null
  const costs = Provider.literals.map((provider) => {
    const paid = cost.find((one) => one.provider === provider)
    // Nothing was asked of a provider that is not in it.
    return [`cost_${provider}`, paid === undefined ? 0 : paid.amount === null ? "not stated" : share(paid.amount)]
  })
  return {
    input,
    target,
    verdict: verdict._tag,
    reason: reasonOf(prospect),
    score: rounded(score),
    low: rounded(low),
    high: rounded(high),
    coverage: rounded(assessment?.coverage),
    ...Object.fromEntries(Datum.literals.map((datum) => [datum, data[datum]?.value ?? null])),
    flowRatio: rounded(ratio?.ratio),
    flowLabel: ratio?.label ?? null,
    duplicateOf,
    attribution: attribution === null ? null : `${attribution.text}, ${attribution.url}`,
    ...Object.fromEntries(costs)
  }
}

const failureOf = ({ error, operation, provider, sites }: Summary["failures"][number]) => ({
  provider,
  operation,
  sites,
  error: error._tag,
  message: error.message
})

export const json: Format = {
  head: "",
  rows: (prospects) => prospects.map((prospect) => jsonLine({ type: "prospect", ...prospect })).join(""),
  summary: (summary, { isInterrupted, isSimulated }) =>
    jsonLine({
      type: "summary",
      ...summary,
      failures: summary.failures.map(failureOf),
      simulated: isSimulated,
      interrupted: isInterrupted
    })
}

const csvOf = (prospects: ReadonlyArray<ScoredProspect>, header: boolean): string =>
  csv(columns, prospects.map(recordOf), header)

/** A whole file. */
export const csvFile = (prospects: ReadonlyArray<ScoredProspect>): string => csvOf(prospects, true)

export const csvLines: Format = {
  head: csvOf([], true),
  rows: (prospects) => (prospects.length === 0 ? "" : csvOf(prospects, false)),
  summary: () => ""
}

const widths = [28, 24, 6, 5, 9, 9, 48]

const colours = {
  Qualified: "green",
  Rejected: "red",
  Review: "yellow",
  NeedsData: "yellow",
  Excluded: "gray"
} as const satisfies Record<Verdict["_tag"], string>

const whole = (value: number | null): string => (value === null ? "-" : value.toFixed(0))

const cellsOf =
  (isColoured: boolean) =>
  (prospect: ScoredProspect): ReadonlyArray<string> => {
    const { data, high, input, low, score, target, verdict } = prospect
    const rating = data.domainRating?.value
    const name = verdict._tag
    return [
      shortened(input, 28),
      target === null ? "-" : shortened(Target.display(target), 24),
      rating === undefined ? "-" : String(rating),
      whole(score),
      score === null ? "-" : `${whole(low)}-${whole(high)}`,
      isColoured ? styleText(colours[name], name) : name,
      visible(reasonOf(prospect))
    ]
  }

const spentOf = ({ provider, saved, spent, unit, unpriced }: Summary["spent"][number], isSimulated: boolean) =>
  `${nameOf(provider)} ${isSimulated ? "would have charged" : "charged"} ${units(spent, unit)}` +
  (unpriced > 0 ? `, and what ${plural(unpriced, "fact")} without a stated price cost` : "") +
  (saved > 0 ? `; what was known had cost ${units(saved, unit)}` : "")

const reasonsText = (reasons: Summary["reasons"]): string =>
  Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, times]) => `${reason.replaceAll("_", " ")} ${count(times)}`)
    .join(", ")

export const table = (isColoured: boolean): Format => ({
  head: headed(["input", "target", "rating", "score", "range", "verdict", "reason"], widths),
  rows: (prospects) => (prospects.length === 0 ? "" : tableOf(prospects.map(cellsOf(isColoured)), widths)),
  summary: (summary, { inputs, isInterrupted, isSimulated }, prospects) => {
    const { duplicates, excluded, failures, invalid, medianRating, reasons, spent, verdicts } = summary
    const attributions = new Set(
      prospects.flatMap(({ attribution }) =>
        attribution === null ? [] : [`${attribution.text}, ${attribution.url} (licence: ${attribution.license})`]
      )
    )
    return [
      "",
      ...(isInterrupted ? [`Interrupted: ${count(summary.inputs)} of ${count(inputs)} answered.`] : []),
      `${plural(summary.inputs, "prospect")}: ${count(verdicts.Qualified)} qualified, ${count(verdicts.Rejected)} rejected, ` +
        `${count(verdicts.Review)} to review, ${count(verdicts.NeedsData)} need data, ${count(excluded)} excluded, ` +
        `${count(invalid)} invalid, ${count(duplicates)} duplicates`,
      ...(Object.keys(reasons).length > 0 ? [`Rejected or excluded by: ${reasonsText(reasons)}`] : []),
      ...(medianRating === null ? [] : [`Median Domain Rating: ${count(medianRating)}`]),
      ...(isSimulated ? ["Cost: nothing."] : []),
      ...spent.map((one) => `${isSimulated ? "" : "Cost: "}${spentOf(one, isSimulated)}.`),
      ...failures.map(
        (failure) =>
          `Failed: ${nameOf(failure.provider)}, ${failure.operation}, ${plural(failure.sites, "site")}: ${visible(described(failure.error))}`
      ),
      ...attributions,
      ""
    ].join("\n")
  }
})
