/** The table of all prospects: only the rows in view are in the document. */
import {
  type ColumnDefinition,
  FilterModule,
  FormatModule,
  InteractionModule,
  ResizeColumnsModule,
  ResizeTableModule,
  SortModule,
  Tabulator
} from "tabulator-tables"
import { sources } from "../../scoring/explain.js"
import type { Cost, Prospect, Report } from "../document.js"
import { h, table as plainTable } from "./dom.js"
import { amount, badge, because, count, points, plural, type Tag, tags, verdicts } from "./words.js"

Tabulator.registerModule([
  FilterModule,
  FormatModule,
  InteractionModule,
  ResizeColumnsModule,
  ResizeTableModule,
  SortModule
])

interface Row {
  readonly index: number
  readonly number: number
  readonly site: string
  readonly input: string
  readonly text: string
  readonly verdict: Tag
  readonly because: string
  readonly score: number | null
  readonly low: number | null
  readonly high: number | null
  readonly domainRating: number | null
  readonly domainInlinkRank: number | null
  readonly trustFlow: number | null
  readonly citationFlow: number | null
  readonly ratio: number | null
  readonly organicTraffic: number | null
  readonly referringDomains: number | null
  readonly cost: string
}

const costOf = (all: ReadonlyArray<Cost>): string =>
  all.map(({ amount: value, provider, unit }) => `${sources[provider]} ${amount(value, unit)}`).join("; ")

const rowOf = (prospect: Prospect): Row => {
  const { cost, data, flows, high, index, input, low, score, target, verdict } = prospect
  const reason = because(verdict)
  const of = (datum: keyof Prospect["data"]) => data[datum]?.value ?? null
  return {
    index,
    number: index + 1,
    site: target ?? input,
    input,
    text: `${target ?? ""} ${input} ${reason}`.toLowerCase(),
    verdict: verdict._tag,
    because: reason,
    score,
    low,
    high,
    domainRating: of("domainRating"),
    domainInlinkRank: of("domainInlinkRank"),
    trustFlow: of("trustFlow"),
    citationFlow: of("citationFlow"),
    ratio: flows?._tag === "Ratio" ? flows.ratio : null,
    organicTraffic: of("organicTraffic"),
    referringDomains: of("referringDomains"),
    cost: costOf(cost)
  }
}

const unknown = () => h("span", { class: "unknown", title: "unknown" }, "\u2013")

const site = ({ input, site }: Row): HTMLElement =>
  h("span", {}, h("bdi", {}, site), input !== site && h("bdi", { class: "input" }, input))

const range = ({ high, low, score }: Row): HTMLElement => {
  if (score === null || low === null || high === null) return unknown()
  const span = h("span", { class: "span" })
  span.style.left = `${low}%`
  span.style.width = `${high - low}%`
  const tick = h("span", { class: "tick" })
  tick.style.left = `${score}%`
  return h(
    "span",
    { class: "ranged" },
    h("span", { class: "ends" }, `${low.toFixed(0)} to ${high.toFixed(0)}`),
    h("span", { class: "range", "aria-hidden": "true" }, span, tick)
  )
}

/** Tabulator's headers take no focus: a button in each does. */
const heading = (title: string) => () => h("button", { type: "button", class: "sort", tabindex: 0 }, title)

const columnsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<ColumnDefinition> => {
  const isKnown = (field: keyof Row) => rows.some((row) => row[field] !== null)
  const column = (
    title: string,
    field: keyof Row,
    width: number,
    // What a formatter returns is a node: as a text it would be taken for markup.
    cell: (row: Row) => HTMLElement,
    more: Partial<ColumnDefinition> = {}
  ): ColumnDefinition => ({
    title,
    titleFormatter: more.headerSort === false ? () => h("span", {}, title) : heading(title),
    field,
    width,
    minWidth: Math.min(width, 60),
    // Safe: the rows are those below.
    formatter: (component) => cell(component.getData() as Row),
    ...more
  })
  const number = (title: string, field: keyof Row, width: number, format = count) =>
    column(
      title,
      field,
      width,
      (row) => {
        const value = row[field]
        return typeof value === "number" ? h("span", {}, format(value)) : unknown()
      },
      { hozAlign: "right", headerHozAlign: "right", sorter: "number", sorterParams: { alignEmptyValues: "bottom" } }
    )
  const optional = (title: string, field: keyof Row, width: number, format = count) =>
    isKnown(field) ? [number(title, field, width, format)] : []
  return [
    number("#", "number", 64, String),
    column("Site", "site", 250, site, { sorter: "string", minWidth: 160, widthGrow: 2 }),
    column("Verdict", "verdict", 134, ({ verdict }) => badge(verdict), {
      sorter: (a: Tag, b: Tag) => tags.indexOf(a) - tags.indexOf(b)
    }),
    column("Why", "because", 170, ({ because }) => h("span", {}, because), { sorter: "string" }),
    number("Score", "score", 84, points),
    column("Range", "low", 130, range, {
      sorter: "number",
      sorterParams: { alignEmptyValues: "bottom" }
    }),
    number("DR", "domainRating", 72),
    ...optional("InLink Rank", "domainInlinkRank", 118),
    ...optional("TF", "trustFlow", 70),
    ...optional("CF", "citationFlow", 70),
    ...optional("TF/CF", "ratio", 84, (value) => value.toFixed(2)),
    ...optional("Visits a month", "organicTraffic", 132),
    ...optional("Ref. domains", "referringDomains", 124),
    column("Cost", "cost", 210, ({ cost }) => h("span", {}, cost === "" ? "nothing" : cost), { headerSort: false })
  ]
}

/** A printer sees no more than is in view: so many rows are put on paper as a plain table. */
const printable = 2_000

const printed = (rows: ReadonlyArray<Row>): HTMLElement => {
  const value = (value: number | null, format: (value: number) => string) => (value === null ? "\u2013" : format(value))
  return plainTable(
    rows.length > printable ? `The first ${count(printable)} of ${count(rows.length)} prospects` : "Prospects",
    ["#", "Site", "Verdict", "Why", "Score", "Range", "DR"],
    rows
      .slice(0, printable)
      .map(({ because, domainRating, high, low, number, score, site, verdict }) => [
        String(number),
        site,
        `${verdicts[verdict].sign} ${verdicts[verdict].name}`,
        because,
        value(score, points),
        low === null || high === null ? "\u2013" : `${low.toFixed(0)} to ${high.toFixed(0)}`,
        value(domainRating, count)
      ]),
    { numeric: ["Score", "DR"] }
  )
}

const numberOf = ({ value }: HTMLInputElement): number | null => (value.trim() === "" ? null : Number(value))

export const makeProspects = (
  { prospects }: Report,
  attribution: Node | null,
  open: (index: number) => void
): { readonly element: HTMLElement; readonly start: () => void } => {
  const rows = prospects.map(rowOf)
  const counts = new Map<Tag, number>()
  for (const { verdict } of rows) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)

  const search = h("input", { type: "search", id: "search", autocomplete: "off", spellcheck: "false" })
  const least = h("input", { type: "number", id: "dr-from", min: 0, max: 100, step: "any", inputmode: "decimal" })
  const most = h("input", { type: "number", id: "dr-to", min: 0, max: 100, step: "any", inputmode: "decimal" })
  const boxes = tags.map((tag) => ({ tag, box: h("input", { type: "checkbox", id: `verdict-${tag}`, checked: true }) }))
  const reset = h("button", { type: "button" }, "Reset")
  const status = h("p", { class: "status", role: "status", "aria-live": "polite" })
  const holder = h("div", { id: "prospects" })
  const paper = h("div", { class: "paper" })

  const field = (label: string, input: HTMLElement) =>
    h("div", { class: "field" }, h("label", { for: input.id }, label), input)
  const element = h(
    "section",
    { class: "card", "aria-labelledby": "prospects-title" },
    h("h2", { id: "prospects-title" }, "Prospects"),
    h(
      "div",
      { class: "filters", role: "search", "aria-label": "Filters" },
      field("Search site, input or reason", search),
      h(
        "fieldset",
        {},
        h("legend", {}, "Verdict"),
        ...boxes.map(({ box, tag }) =>
          h("label", { class: "chip" }, box, badge(tag), h("span", { class: "n" }, count(counts.get(tag) ?? 0)))
        )
      ),
      h("fieldset", {}, h("legend", {}, "Domain Rating"), field("from", least), field("to", most)),
      reset
    ),
    status,
    attribution,
    h(
      "p",
      { class: "note", id: "prospects-help" },
      "Click a row, or press Enter on it, for all that is known. The arrow keys, Page Up, Page Down, Home and End move between rows."
    ),
    holder,
    paper
  )

  const start = () => {
    const table = new Tabulator(holder, {
      // Safe: rows are only read.
      data: rows as Array<Row>,
      index: "index",
      columns: columnsOf(rows) as Array<ColumnDefinition>,
      height: "min(72vh, 640px)",
      rowHeight: 38,
      layout: "fitColumns",
      columnHeaderSortMulti: false,
      placeholder: "No prospect fits the filters."
    })
    holder.setAttribute("aria-label", "Prospects")
    holder.setAttribute("aria-describedby", "prospects-help")
    holder.setAttribute("aria-readonly", "true")

    const shown = () => table.getRows("active")
    let current = 0
    /** How far a row stands out of the view: above it below 0, below it above 0. */
    const outside = (line: HTMLElement): number => {
      const view = holder.querySelector(".tabulator-tableholder")
      if (view === null) return 0
      const top = line.getBoundingClientRect().top - view.getBoundingClientRect().top
      return Math.min(0, top) + Math.max(0, top + line.offsetHeight - view.clientHeight)
    }
    /** One of the rows that are wholly in view can be reached by Tab: the current one, or else the first. */
    const renumber = () => {
      const visible = table.getRows("visible").map((row) => ({ line: row.getElement(), position: row.getPosition() }))
      const whole = visible.filter(({ line }) => outside(line) === 0)
      const stop = whole.find(({ position }) => position === current + 1) ?? whole[0]
      for (const one of visible) {
        one.line.tabIndex = one === stop ? 0 : -1
        one.line.setAttribute("aria-rowindex", String(Number(one.position) + 1))
      }
    }

    const apply = () => {
      const text = search.value.trim().toLowerCase()
      const from = numberOf(least)
      const to = numberOf(most)
      const wanted = new Set(boxes.flatMap(({ box, tag }) => (box.checked ? [tag] : [])))
      table.setFilter(
        ({ domainRating, text: own, verdict }: Row) =>
          wanted.has(verdict) &&
          (text === "" || own.includes(text)) &&
          (from === null || (domainRating !== null && domainRating >= from)) &&
          (to === null || (domainRating !== null && domainRating <= to))
      )
      const left = shown().length
      const isRated = from !== null || to !== null
      status.textContent =
        `${count(left)} of ${plural(rows.length, "prospect")} shown.` +
        (isRated ? " Those without a Domain Rating are left out." : "")
      holder.setAttribute("aria-rowcount", String(left + 1))
      current = 0
    }

    const focus = async (to: number) => {
      const all = shown()
      const next = Math.max(0, Math.min(all.length - 1, to))
      const row = all[next]
      if (row === undefined) return
      current = next
      const line = row.getElement()
      const view = holder.querySelector(".tabulator-tableholder")
      const height = table.getRows("visible")[0]?.getElement().offsetHeight ?? 0
      if (!line.isConnected && view !== null) {
        // As by hand: Tabulator draws what has come into view in a later frame.
        view.scrollTop = next * height
        for (let frame = 0; frame < 60 && !line.isConnected; frame++) {
          await new Promise((resolve) => requestAnimationFrame(resolve))
        }
      }
      if (current !== next) return
      if (view !== null) view.scrollTop += outside(line)
      renumber()
      line.tabIndex = 0
      // The scrolling of a browser that brings a row into view sends Tabulator back to the first.
      line.focus({ preventScroll: true })
    }
    const page = 12
    const moves: Readonly<Record<string, () => number>> = {
      ArrowDown: () => current + 1,
      ArrowUp: () => current - 1,
      PageDown: () => current + page,
      PageUp: () => current - page,
      Home: () => 0,
      End: () => rows.length
    }
    holder.addEventListener("keydown", (event) => {
      // Safe: keys are pressed in elements.
      const target = event.target as HTMLElement
      if (target.closest(".tabulator-header") !== null || event.altKey || event.ctrlKey || event.metaKey) return
      const isRow = target.classList.contains("tabulator-row")
      const move = moves[event.key]
      if (isRow && move !== undefined) {
        event.preventDefault()
        void focus(move())
      } else if (event.key === "Enter" && isRow) {
        event.preventDefault()
        const row = shown()[current]
        // Safe: the rows are those above.
        if (row !== undefined) open((row.getData() as Row).index)
      }
    })

    table.on("rowClick", (_, row) => {
      current = shown().findIndex((other) => other.getIndex() === row.getIndex())
      row.getElement().focus({ preventScroll: true })
      // Safe: the rows are those above.
      open((row.getData() as Row).index)
    })
    table.on("renderComplete", renumber)
    table.on("scrollVertical", renumber)
    table.on("dataSorted", () => {
      current = 0
    })
    table.on("tableBuilt", () => {
      apply()
      for (const input of [search, least, most]) input.addEventListener("input", apply)
      for (const { box } of boxes) box.addEventListener("change", apply)
      reset.addEventListener("click", () => {
        for (const input of [search, least, most]) input.value = ""
        for (const { box } of boxes) box.checked = true
        apply()
      })
      // Its rows have the focus; what is neither a row nor of them must not.
      holder.querySelector(".tabulator-tableholder")?.removeAttribute("tabindex")
    })
    addEventListener("beforeprint", () => {
      // Safe: the rows are those above.
      paper.replaceChildren(printed(table.getData("active") as Array<Row>))
    })
    addEventListener("afterprint", () => paper.replaceChildren())
  }
  return { element, start }
}
