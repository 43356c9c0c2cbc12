/** The report's page: reads the data that the file holds, and draws them. All texts become text nodes. */
import { sources } from "../scoring/explain.js"
import { decode, type Report } from "./document.js"
import { figuresOf, funnel, histograms, redraw, scatter, spending } from "./page/charts.js"
import { attributed, makeDetails } from "./page/details.js"
import { h, visible } from "./page/dom.js"
import { makeProspects } from "./page/prospects.js"
import { badge, count, day, notStated, plural, type Tag, tags, units } from "./page/words.js"

const tile = (label: string | Node, value: string, note = "", kind = ""): HTMLElement =>
  h(
    "div",
    { class: `tile ${kind}` },
    h("dt", {}, label),
    h("dd", {}, h("span", { class: "value" }, value), note !== "" && h("span", { class: "note" }, note))
  )

const tiles = ({ prospects, summary }: Report): HTMLElement => {
  const { duplicates, excluded, failures, inputs, invalid, medianRating, spent } = summary
  const counts: Record<Tag, number> = { ...summary.verdicts, Excluded: excluded }
  const text = (value: number | null) => (value === null ? notStated : count(value))
  const rated = prospects.filter(({ data, duplicateOf }) => duplicateOf === null && data.domainRating !== undefined)
  const unanswered = failures.reduce((sum, { sites }) => sum + sites, 0)
  return h(
    "dl",
    { class: "tiles" },
    tile("Inputs", count(inputs), `${count(invalid)} invalid, ${plural(duplicates, "duplicate")}`),
    ...tags.map((tag) => tile(badge(tag), count(counts[tag]), "distinct sites")),
    tile(
      "Median rating",
      medianRating === null ? "unknown" : count(medianRating),
      medianRating === null ? "Domain Rating" : `Domain Rating, of ${plural(rated.length, "site")}`
    ),
    ...spent.flatMap((entry) => {
      const figures = figuresOf(entry, prospects)
      const unit = units[entry.unit]
      return [
        tile(
          `${sources[entry.provider]}: spent`,
          text(figures.spent),
          entry.unpriced > 0 ? `${unit}; ${plural(entry.unpriced, "fact")} at no stated price` : unit
        ),
        tile(`${sources[entry.provider]}: saved`, text(figures.saved), unit)
      ]
    }),
    tile(
      "Failures",
      count(failures.length),
      failures.length === 0 ? "" : `${plural(unanswered, "site")} left without an answer`,
      failures.length === 0 ? "" : "warning"
    )
  )
}

const failuresOf = ({ failures }: Report["summary"]): HTMLElement | null =>
  failures.length === 0
    ? null
    : h(
        "section",
        { class: "card", "aria-labelledby": "failures" },
        h("h2", { id: "failures" }, "Failures"),
        h(
          "ul",
          {},
          ...failures.map(({ error, message, operation, provider, sites }) =>
            h(
              "li",
              {},
              h(
                "strong",
                {},
                `${Object.entries(sources).find(([id]) => id === provider)?.[1] ?? provider}, ${operation}`
              ),
              `: ${error}, ${plural(sites, "site")} left without an answer. ${message}`
            )
          )
        )
      )

const themes = ["System", "Light", "Dark"] as const

const themeSwitch = (): HTMLElement => {
  const select = h("select", { id: "theme" }, ...themes.map((name) => h("option", { value: name.toLowerCase() }, name)))
  select.addEventListener("change", () => {
    document.documentElement.dataset["theme"] = select.value
    redraw()
  })
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw)
  return h("div", { class: "field theme" }, h("label", { for: "theme" }, "Theme"), select)
}

const main = () => {
  const root = document.getElementById("report")!
  const report = decode(document.getElementById("data")!.textContent)
  const { at, attributions, profile, prospects, scoredBy, summary, title } = report
  const sites = prospects.filter(({ duplicateOf, verdict }) => duplicateOf === null && verdict._tag !== "Excluded")
  const owed = () => (attributions.length === 0 ? null : h("div", {}, ...attributions.map(attributed)))
  const details = makeDetails(report)
  const table = makeProspects(report, owed(), details.open)
  const facts = [
    scoredBy && `Profile ${visible(scoredBy.profile)}, version ${visible(scoredBy.version)}; model ${scoredBy.model}`,
    at !== null && day(at)
  ]
  root.replaceChildren(
    h(
      "header",
      { class: "top" },
      h("div", {}, h("h1", {}, title), h("p", { class: "note" }, facts.filter(Boolean).join(". "))),
      themeSwitch()
    ),
    h(
      "main",
      {},
      h("h2", { class: "hidden" }, "Summary"),
      tiles(report),
      failuresOf(summary) ?? "",
      h("h2", { class: "hidden" }, "Charts"),
      h(
        "div",
        { class: "charts" },
        funnel(prospects),
        ...histograms(sites, profile, owed),
        scatter(sites, details.open),
        summary.spent.length === 0 ? "" : h("div", { class: "card spending" }, ...spending(summary.spent, prospects))
      ),
      table.element
    ),
    details.element
  )
  table.start()
  document.documentElement.dataset["ready"] = ""
}

main()
