/** All that is known of one prospect, in a dialog. */
import { explain, names, signalNames, sources, why } from "../../scoring/explain.js"
import type { Datum, Prospect, Report } from "../document.js"
import { h, link, table } from "./dom.js"
import { amount, badge, because, costs, count, day, notStated, points } from "./words.js"

// Safe: the keys of a record.
const datums = Object.keys(names) as ReadonlyArray<Datum>

const section = (title: string, ...children: ReadonlyArray<Node | string>): HTMLElement =>
  h("section", {}, h("h3", {}, title), ...children)

/** Rounded so that they sum to the rounded sum: each is the step between two rounded sums. */
const shown = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  let sum = 0
  let before = 0
  return values.map((value) => {
    sum += value
    const rounded = Math.round(10 * sum)
    const step = rounded - before
    before = rounded
    return step / 10
  })
}

const contributions = ({ assessment, score }: Prospect): HTMLElement | null => {
  if (assessment === null || score === null) return null
  const { cap, coverage, prior } = assessment
  const parts = [
    ...assessment.contributions.map(({ points, reliability, signal, value, weight }) => ({
      cells: [signalNames[signal], value.toFixed(2), weight.toFixed(2), reliability.toFixed(2)],
      points
    })),
    { cells: ["assumed of what is unknown", "\u2013", (1 - coverage).toFixed(2), "\u2013"], points: prior },
    ...(cap === 0 ? [] : [{ cells: ["taken off for risk markers", "\u2013", "\u2013", "\u2013"], points: cap }])
  ]
  const rounded = shown(parts.map((part) => part.points))
  return section(
    "What the score is made of",
    table(
      `${Math.round(100 * coverage)} % of the weights are known`,
      ["Signal", "Value", "Weight", "Reliability", "Points"],
      parts.map(({ cells }, i) => [...cells, points(rounded[i]!)]),
      {
        foot: ["Score", "", "", "", points(rounded.reduce((sum, part) => sum + part, 0))],
        numeric: ["Value", "Weight", "Reliability", "Points"]
      }
    )
  )
}

/** Where the score is, on the line from 0 to 100. */
const range = ({ high, low, score }: Prospect, profile: Report["profile"]): HTMLElement | null => {
  if (score === null || low === null || high === null) return null
  const at = (name: string, left: number, right = left) => {
    const mark = h("span", { class: name })
    mark.style.left = `${left}%`
    mark.style.width = left === right ? "" : `${right - left}%`
    return mark
  }
  return h(
    "div",
    {},
    h(
      "p",
      { class: "score" },
      h("strong", {}, points(score)),
      ` of 100, between ${points(low)} and ${points(high)} whatever is unknown`,
      profile !== null && `; qualifies from ${count(profile.qualifiedFrom)}`
    ),
    h(
      "div",
      { class: "range wide", "aria-hidden": "true" },
      at("span", low, high),
      at("tick", score),
      profile !== null && at("threshold", profile.qualifiedFrom)
    )
  )
}

const caches = { fresh: "known before", stale: "known before, old", bought: "bought now", imported: "from the list" }

const data = ({ data }: Prospect): HTMLElement => {
  const rows = datums.flatMap((datum) => {
    const observed = data[datum]
    if (observed === undefined) return []
    const { cache, cost, observedAt, operation, source, value } = observed
    return [
      [
        names[datum],
        count(value),
        operation === null ? sources[source] : `${sources[source]}, ${operation}`,
        observedAt === null ? "\u2013" : day(observedAt),
        caches[cache],
        cost === null ? (source === "imported" ? "\u2013" : notStated) : amount(cost.amount, cost.unit)
      ]
    ]
  })
  return section(
    "Data",
    rows.length === 0
      ? h("p", { class: "note" }, "Nothing is known, and nothing was paid.")
      : table(
          "What is known, from whom and at what cost",
          ["Datum", "Value", "Source", "Observed", "How", "Cost"],
          rows,
          {
            numeric: ["Value"]
          }
        )
  )
}

const outcomes = { pass: "\u2713 passed", fail: "\u2715 failed", unknown: "? unknown" }

const gates = ({ assessment }: Prospect): HTMLElement | null =>
  assessment === null || assessment.gates.length === 0
    ? null
    : section(
        "Gates",
        table(
          "What must be passed whatever the score",
          ["Gate", "Rule", "Value", "Outcome"],
          assessment.gates.map(({ gate, isNear, outcome, rule, value }) => [
            gate,
            rule,
            value === null ? "unknown" : count(value),
            outcomes[outcome] + (isNear ? ", near an end of the band" : "")
          ]),
          { numeric: ["Value"] }
        )
      )

const markers = ({ assessment }: Prospect): HTMLElement | null =>
  assessment === null || assessment.markers.length === 0
    ? null
    : section(
        "Risk markers",
        h(
          "ul",
          {},
          ...assessment.markers.map(({ evidence, marker }) =>
            h("li", {}, h("strong", {}, marker.replaceAll("_", " ")), `: ${evidence}`)
          )
        )
      )

const missing = ({ assessment }: Prospect): HTMLElement | null =>
  assessment === null || assessment.missing.length === 0
    ? null
    : section(
        "Unknown",
        h(
          "ul",
          {},
          ...assessment.missing.map(({ reason, signal }) =>
            h("li", {}, h("strong", {}, signalNames[signal]), `: ${why[reason]}`)
          )
        )
      )

const next = ({ costToDecide, nextBest, verdict }: Prospect): HTMLElement | null => {
  if (verdict._tag !== "NeedsData") return null
  if (nextBest === null) return section("What to ask next", h("p", {}, "Nobody that this tenant has can tell."))
  const { asks, couldBecome } = nextBest
  return section(
    "What to ask next",
    table(
      `It could become ${couldBecome.join(" or ") || "neither qualified nor rejected"}`,
      ["Ask", "For", "Price"],
      asks.map(({ amount: price, data, operation, provider, unit }) => [
        `${sources[provider]}, ${operation}`,
        data.map((datum) => names[datum]).join(", "),
        amount(price, unit)
      ])
    ),
    h("p", { class: "note" }, `All that is missing, in full calls: ${costs(costToDecide)}.`)
  )
}

/** The line that the free ratings of Ahrefs ask for. */
export const attributed = ({ license, text, url }: Report["attributions"][number]): HTMLElement =>
  h("p", { class: "attribution" }, link(text, url), " (licence: ", link(license, license), ")")

const content = (prospect: Prospect, report: Report): ReadonlyArray<Node | null> => {
  const { attribution, cost, duplicateOf, flows, input, target, verdict } = prospect
  const owed = attribution === null ? undefined : report.attributions[attribution]
  return [
    h(
      "p",
      { class: "facts" },
      badge(verdict._tag),
      h("span", {}, because(verdict)),
      h("span", {}, `input ${prospect.index + 1}: `, h("bdi", {}, input)),
      duplicateOf !== null && h("span", {}, `the same site as input ${duplicateOf + 1}: nothing was paid twice`),
      target !== null && link(`Open ${target}`, `https://${target}/`)
    ),
    range(prospect, report.profile),
    h("p", { class: "explanation" }, explain(prospect, report.at ?? 0)),
    contributions(prospect),
    gates(prospect),
    markers(prospect),
    missing(prospect),
    next(prospect),
    data(prospect),
    owed === undefined ? null : attributed(owed),
    flows === null
      ? null
      : h(
          "p",
          { class: "note" },
          flows._tag === "Ratio"
            ? `Trust Flow over Citation Flow: ${flows.ratio.toFixed(2)} (${flows.label}).`
            : `Trust Flow over Citation Flow: unknown (${why[flows.reason]}).`
        ),
    h("p", { class: "note" }, `This answer cost ${costs(cost)}.`)
  ]
}

/** Opens the dialog; it gives the focus back when it is closed. */
export const makeDetails = (
  report: Report
): { readonly element: HTMLElement; readonly open: (index: number) => void } => {
  const byIndex = new Map(report.prospects.map((prospect) => [prospect.index, prospect]))
  const title = h("h2", { id: "details-title" })
  const close = h("button", { type: "button", class: "close" }, "Close")
  const body = h("div", { class: "body", tabindex: 0, role: "region", "aria-labelledby": "details-title" })
  const dialog = h("dialog", { id: "details", "aria-labelledby": "details-title" }, h("header", {}, title, close), body)
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close()
  })
  const open = (index: number) => {
    const prospect = byIndex.get(index)
    if (prospect === undefined) return
    title.replaceChildren(h("bdi", {}, prospect.target ?? prospect.input))
    body.replaceChildren(...content(prospect, report).filter((node) => node !== null))
    if (!dialog.open) dialog.showModal()
    body.scrollTop = 0
  }
  return { element: dialog, open }
}
