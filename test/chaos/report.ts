/** What came of it, for people. */
import os from "node:os"
import type { Outcome } from "./play.js"
import { scenarios } from "./scenarios.js"

const whole = (value: number): string => Math.round(value).toLocaleString("en")
const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((all, count) => all + count, 0)

const soakTitle = "## Soak"

const machine = () => {
  const cpus = os.cpus()
  return `${cpus[0]?.model.trim()}, ${cpus.length} cores, Node ${process.versions.node}`
}
const today = () => new Date().toISOString().slice(0, 10)

const errorsOf = ({ outcomes }: Outcome): string =>
  Object.entries(outcomes)
    .filter(([tag]) => tag !== "answered")
    .toSorted(([, a], [, b]) => b - a)
    .map(([tag, count]) => `${tag} ${whole(count)}`)
    .join(", ")

const againOf = ({ again }: Outcome): string =>
  Object.entries(again)
    .map(([reason, count]) => `${whole(count)}: ${reason}`)
    .join(", ")

const titles = [
  "scenario",
  "what goes wrong",
  "seed",
  "questions",
  "answered",
  "typed errors",
  "calls",
  "units billed, booked (Ahrefs)",
  "credits billed, booked (SE Ranking)",
  "facts sold again, why",
  "slowest answer",
  "promise"
]

const table = (titles: ReadonlyArray<string>, lines: ReadonlyArray<ReadonlyArray<string>>): string =>
  [titles, titles.map(() => "---"), ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n")

const lineOf = (outcome: Outcome): ReadonlyArray<string> => {
  const { billed, booked, calls, outcomes, scenario, seed, slowest, violations } = outcome
  return [
    scenario.name,
    scenario.what,
    String(seed),
    whole(sum(outcomes)),
    whole(outcomes["answered"] ?? 0),
    errorsOf(outcome),
    whole(calls),
    `${whole(billed.ahrefs)}, ${whole(booked.ahrefs)}`,
    `${whole(billed.se_ranking)}, ${whole(booked.se_ranking)}`,
    againOf(outcome),
    `${(slowest / 1_000).toFixed(1)} s`,
    violations.length === 0 ? "kept" : `BROKEN: ${violations.join("; ")}`
  ]
}

/** The soak's part of a written report. */
const soakOf = (before: string): string => {
  const at = before.indexOf(soakTitle)
  return at === -1 ? "" : `\n${before.slice(at)}`
}

/** The lines of a written report, by scenario. */
const written = (before: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const at = before.indexOf(soakTitle)
  return new Map(
    (at === -1 ? before : before.slice(0, at))
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .slice(2)
      .map((line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim())
      )
      .map((cells) => [cells[0] ?? "", cells])
  )
}

/** The scenarios that were not played keep their lines. */
export const report = (before: string, outcomes: ReadonlyArray<Outcome>): string => {
  const seconds = (outcomes[0]?.millis ?? 0) / 1_000
  const old = written(before)
  const played = new Map(outcomes.map((outcome) => [outcome.scenario.name, lineOf(outcome)]))
  const lines = scenarios.flatMap(({ name }) => {
    const line = played.get(name) ?? old.get(name)
    return line === undefined ? [] : [line]
  })
  const kept = lines.filter((line) => line.at(-1) === "kept").length
  return `# Failure suite

Made by \`npm run test:chaos\`, last on ${today()}: ${kept} of ${lines.length} scenarios kept the promise.

- Machine: ${machine()}
- Each scenario: three processes with 12 callers each, eight tenants on three accounts of each provider, a real Redis, both
  vendors on loopback; ${seconds} s of trouble, 3 s without, then all are told to stop. One tenant has a budget of 3,000 units.
- One of them again: \`npm run test:chaos -- --only NAME --seed SEED\`.
- Audited after each: units booked = units billed by the simulators' own record; no fact sold again but for the reasons given;
  every question answered with the truth of its own account or a typed error, within 20 s; the budget kept; every process
  ended by itself with no fiber left; no key in Redis without an end; no API key printed, logged, in Redis, or sent elsewhere.

${table(titles, lines)}

Booked may be more than billed where a list did not arrive: it is booked at its most. It is less where a process was killed
between the vendor's bill and its own books: then its hold is counted too. SE Ranking states no charge, so an answer that lacks
or repeats rows is booked at what its rows cost.
${soakOf(before)}`
}

const buckets = 10

const tenths = <A>(all: ReadonlyArray<A>, of: (one: A) => number): ReadonlyArray<string> =>
  Array.from({ length: buckets }, (_, i) => {
    const part = all.slice(Math.floor((i / buckets) * all.length), Math.floor(((i + 1) / buckets) * all.length))
    return part.length === 0 ? "" : whole(part.reduce((sum, one) => sum + of(one), 0) / part.length)
  })

/** Heap of each process that lived through it all: what was left after collections. */
const heapsOf = ({ heaps, millis }: Outcome): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from(new Set(heaps.map(([worker]) => worker)))
    .map((worker) => heaps.filter((heap) => heap[0] === worker))
    .filter((own) => own.at(-1)![1] - own[0]![1] > 0.9 * millis)
    .map((own) => [
      `heap of process ${own[0]![0]} after a collection, MB`,
      ...tenths(own, ([, , bytes]) => bytes / 1e6)
    ])

export const soakReport = (before: string, outcome: Outcome, minutes: number): string => {
  const { kills, keyCounts, troubles } = outcome
  const at = before.indexOf(soakTitle)
  const rest = at === -1 ? before : before.slice(0, at)
  const times = Array.from({ length: buckets }, (_, i) => `${((minutes / buckets) * (i + 1)).toFixed(0)} min`)
  return `${rest.trimEnd()}

${soakTitle}

Made by \`npm run test:chaos -- --soak ${minutes}\`, last on ${today()} (${machine()}): steady load for ${minutes} minutes, something
goes wrong every few seconds (${kills} processes killed, ${troubles} times Redis stood still, 6 % of the calls refused or broken,
event loops blocked).

${table(titles, [lineOf(outcome)])}

${table(
  ["", ...times],
  [
    ...heapsOf(outcome),
    ["keys in Redis, but for closed reservations", ...tenths(keyCounts, ([all, closed]) => all - closed)],
    ["closed reservations, each of which is remembered for six hours", ...tenths(keyCounts, ([, closed]) => closed)]
  ]
)}
`
}
