/** The charts: drawn on canvases, each with the same figures as text. */
import { BarChart, LineChart, ScatterChart } from "echarts/charts"
import { GridComponent, LegendComponent, MarkAreaComponent, TooltipComponent } from "echarts/components"
import { type EChartsCoreOption, init, use } from "echarts/core"
import { CanvasRenderer } from "echarts/renderers"
import { names, sources } from "../../scoring/explain.js"
import type { Observed, Prospect, Report, Spent } from "../document.js"
import { asTable, figure, h, table, visible } from "./dom.js"
import { because, count, flows, type Flow, notStated, plural, units } from "./words.js"

use([
  BarChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  TooltipComponent,
  CanvasRenderer
])

type Colours = Record<"text" | "muted" | "line" | "card" | "accent" | "band" | "saved" | Flow, string>

/** As they are in the theme at this moment: a canvas does not know of variables. */
const coloursOf = (element: HTMLElement): Colours => {
  const probe = element.appendChild(h("span"))
  const of = (name: string): string => {
    probe.style.color = `var(--${name})`
    return getComputedStyle(probe).color
  }
  const colours: Colours = {
    text: of("text"),
    muted: of("muted"),
    line: of("line"),
    card: of("card"),
    accent: of("accent"),
    band: of("band"),
    saved: of("Qualified"),
    good: of("Qualified"),
    caution: of("Review"),
    poor: of("poor"),
    outlier: of("Rejected")
  }
  probe.remove()
  return colours
}

const redraws: Array<() => void> = []

/** After the theme has changed. At once, as a printer does not wait. */
export const redraw = (): void => redraws.forEach((draw) => draw())

const canvas = (
  label: string,
  size: "tall" | "short" | "row",
  option: (colours: Colours) => EChartsCoreOption,
  onClick?: (name: unknown) => void
): HTMLElement => {
  const element = h("div", { class: `chart ${size}`, role: "img", "aria-label": label })
  let drawn: ReturnType<typeof init> | undefined
  const draw = () => {
    if (drawn === undefined) return
    const colours = coloursOf(element)
    drawn.setOption(
      {
        animation: false,
        textStyle: { fontFamily: "system-ui, sans-serif", color: colours.text },
        ...option(colours)
      },
      { notMerge: true }
    )
    drawn.getZr().flush()
  }
  redraws.push(draw)
  new ResizeObserver(() => {
    if (element.clientWidth === 0) return
    if (drawn === undefined) {
      drawn = init(element, null, { renderer: "canvas" })
      if (onClick !== undefined) drawn.on("click", ({ value }) => onClick(value))
      draw()
    } else drawn.resize()
  }).observe(element)
  return element
}

const axis = ({ line, muted }: Colours) => ({
  axisLabel: { color: muted, fontSize: 12, hideOverlap: true },
  axisLine: { lineStyle: { color: line } },
  axisTick: { show: false },
  nameTextStyle: { color: muted, fontSize: 12 },
  splitLine: { lineStyle: { color: line } }
})

/** On the canvas: as markup it would need inline styles, and could be one. */
const tooltip = ({ card, line, text }: Colours) => ({
  renderMode: "richText",
  confine: true,
  backgroundColor: card,
  borderColor: line,
  textStyle: { color: text, fontSize: 13 }
})

const width = 5
const bins = 100 / width

type Rating = "domainRating" | "domainInlinkRank"

/** How many sites have which rating, with the band of the profile. */
const histogram = (
  datum: Rating,
  sites: ReadonlyArray<Prospect>,
  profile: Report["profile"],
  attribution: ReadonlyArray<Node>
): HTMLElement => {
  const name = names[datum]
  const values = sites.flatMap(({ data }) => data[datum]?.value ?? [])
  const counts = Array.from({ length: bins }, () => 0)
  for (const value of values) counts[Math.min(bins - 1, Math.floor(value / width))]!++
  const band = profile?.gates[datum]
  // What is shown as 30 is 29.5 and more.
  const shift = profile?.gates.rounding === "ui" && datum === "domainRating" ? 0.5 : 0
  const inBand = band && values.filter((value) => value >= band.from - shift && value < band.to - shift).length
  const unknown = sites.length - values.length
  const sentence = [
    `${name} of ${plural(values.length, "site")}`,
    band && `${count(inBand!)} of them in the band ${band.from} \u2264 ${name} < ${band.to}`,
    unknown > 0 && `unknown for ${count(unknown)}, which are not drawn`
  ]
    .filter(Boolean)
    .join("; ")
  const range = (i: number) => `${i * width} to ${i === bins - 1 ? "" : "below "}${(i + 1) * width}`
  const chart = canvas(`Histogram. ${sentence}.`, "tall", (colours) => ({
    grid: { left: 8, right: 16, top: 28, bottom: 28, containLabel: true },
    tooltip: {
      ...tooltip(colours),
      trigger: "item",
      formatter: ({ dataIndex }: { readonly dataIndex: number }) =>
        `${name} ${range(dataIndex)}: ${plural(counts[dataIndex] ?? 0, "site")}`
    },
    xAxis: {
      ...axis(colours),
      type: "value",
      min: 0,
      max: 100,
      interval: 10,
      name,
      nameLocation: "middle",
      nameGap: 28,
      splitLine: { show: false }
    },
    yAxis: { ...axis(colours), type: "value", minInterval: 1, name: "sites" },
    series: [
      {
        type: "bar",
        barCategoryGap: "12%",
        itemStyle: { color: colours.accent, borderRadius: [3, 3, 0, 0] },
        data: counts.map((n, i) => [(i + 0.5) * width, n]),
        markArea: band && {
          silent: true,
          itemStyle: { color: colours.band },
          label: { color: colours.muted, fontSize: 12, position: "insideTop" },
          data: [[{ name: `band ${band.from} to ${band.to}`, xAxis: band.from - shift }, { xAxis: band.to - shift }]]
        }
      }
    ]
  }))
  return figure(
    name,
    h("p", { class: "note" }, `${sentence}.`, profile === null && " The profile's band was not given."),
    chart,
    ...attribution,
    asTable(
      table(
        `Sites by ${name}`,
        [name, "Sites"],
        counts.map((n, i) => [range(i), count(n)]),
        { numeric: ["Sites"] }
      )
    )
  )
}

export const histograms = (
  sites: ReadonlyArray<Prospect>,
  profile: Report["profile"],
  attribution: () => Node | null
): ReadonlyArray<HTMLElement> => {
  const known = (["domainRating", "domainInlinkRank"] as const).filter((datum) =>
    sites.some(({ data }) => data[datum] !== undefined)
  )
  if (known.length === 0) {
    return [figure(names.domainRating, h("p", { class: "note" }, "No rating is known of any site."))]
  }
  return known.map((datum) => {
    const owed = datum === "domainRating" ? attribution() : null
    return histogram(datum, sites, profile, owed === null ? [] : [owed])
  })
}

const ratios = [0.5, 0.3, 0.152]
const shapes: Record<Flow, string> = { good: "circle", caution: "diamond", poor: "triangle", outlier: "rect" }
// Safe: the keys of a record.
const labels = Object.keys(shapes) as ReadonlyArray<Flow>
const many = 2_000

export const scatter = (sites: ReadonlyArray<Prospect>, open: (index: number) => void): HTMLElement => {
  const title = "Trust Flow and Citation Flow"
  const groups = new Map<Flow, Array<readonly [cf: number, tf: number, index: number]>>(
    labels.map((label) => [label, []])
  )
  let undefinedRatio = 0
  const byIndex = new Map<number, Prospect>()
  for (const site of sites) {
    const { citationFlow, trustFlow } = site.data
    if (citationFlow === undefined || trustFlow === undefined) continue
    if (site.flows?._tag !== "Ratio") {
      undefinedRatio++
      continue
    }
    byIndex.set(site.index, site)
    groups.get(site.flows.label)!.push([citationFlow.value, trustFlow.value, site.index])
  }
  const known = byIndex.size
  const without =
    undefinedRatio > 0 &&
    ` ${plural(undefinedRatio, "site has", "sites have")} a Citation Flow of 0, and no ratio: not drawn.`
  if (known === 0) {
    return figure(
      title,
      h(
        "p",
        { class: "note" },
        "Left out: both are known of no site. They come from SE Ranking's platform contract, or from columns of the list;" +
          " the ratio is never guessed from other ratings.",
        without
      )
    )
  }
  const found = labels.filter((label) => groups.get(label)!.length > 0)
  const sentence = `${plural(known, "site")} by the ratio of Trust Flow to Citation Flow: ${found
    .map((label) => `${count(groups.get(label)!.length)} ${flows[label]}`)
    .join("; ")}`
  const chart = canvas(
    `Scatter chart. ${sentence}.`,
    "tall",
    (colours) => ({
      grid: { left: 28, right: 44, top: 36, bottom: 28, containLabel: true },
      legend: {
        top: 0,
        left: 20,
        data: found.map((name) => ({ name })),
        textStyle: { color: colours.text },
        itemGap: 18
      },
      tooltip: {
        ...tooltip(colours),
        trigger: "item",
        formatter: ({ value }: { readonly value?: readonly [number, number, number] }) => {
          const site = value && byIndex.get(value[2])
          if (value === undefined || site?.flows?._tag !== "Ratio") return ""
          const name = visible(site.target ?? site.input)
          return `${name}\nTrust Flow ${value[1]}, Citation Flow ${value[0]}, ratio ${site.flows.ratio.toFixed(2)}`
        }
      },
      xAxis: {
        ...axis(colours),
        type: "value",
        min: 0,
        max: 100,
        name: names.citationFlow,
        nameLocation: "middle",
        nameGap: 28
      },
      yAxis: {
        ...axis(colours),
        type: "value",
        min: 0,
        max: 100,
        name: names.trustFlow,
        nameLocation: "middle",
        nameGap: 34
      },
      series: [
        ...ratios.map((ratio) => ({
          type: "line",
          silent: true,
          symbol: "none",
          lineStyle: { color: colours.muted, width: 1, type: "dashed" },
          endLabel: { show: true, formatter: String(ratio), color: colours.muted, fontSize: 12 },
          data: [
            [0, 0],
            [100, 100 * ratio]
          ]
        })),
        ...found.map((label) => ({
          type: "scatter",
          name: label,
          symbol: shapes[label],
          symbolSize: known > many ? 5 : 9,
          large: known > many,
          largeThreshold: many,
          itemStyle: { color: colours[label], opacity: known > many ? 0.6 : 0.8 },
          data: groups.get(label)
        }))
      ]
    }),
    (value) => {
      if (Array.isArray(value) && typeof value[2] === "number") open(value[2])
    }
  )
  return figure(
    title,
    h("p", { class: "note" }, `${sentence}.`, without, " Dashed: ratios of 0.5, 0.3 and 0.152."),
    chart,
    asTable(
      table(
        "Sites by ratio of Trust Flow to Citation Flow",
        ["Ratio", "Sites"],
        labels.map((label) => [flows[label], count(groups.get(label)!.length)]),
        { numeric: ["Sites"] }
      )
    )
  )
}

const tally = (reasons: Iterable<string>): ReadonlyArray<readonly [reason: string, sites: number]> => {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return Array.from(counts).sort(([, a], [, b]) => b - a)
}

interface Step {
  readonly name: string
  readonly left: number
  readonly lost: ReadonlyArray<readonly [reason: string, sites: number]>
}

/** How many are left after each step, and why the others are not. */
const stepsOf = (prospects: ReadonlyArray<Prospect>): ReadonlyArray<Step> => {
  const steps: Array<Step> = [{ name: "Inputs", left: prospects.length, lost: [] }]
  let left = prospects
  const step = (name: string, lostBy: (prospect: Prospect) => string | null) => {
    const lost: Array<string> = []
    left = left.filter((prospect) => {
      const reason = lostBy(prospect)
      if (reason !== null) lost.push(reason)
      return reason === null
    })
    steps.push({ name, left: left.length, lost: tally(lost) })
  }
  step("Valid sites", ({ target, verdict }) => (target === null ? because(verdict) : null))
  step("Distinct", ({ duplicateOf }) => (duplicateOf === null ? null : "the same site again"))
  step("Not excluded", ({ verdict }) => (verdict._tag === "Excluded" ? because(verdict) : null))
  step("Passed the gates", ({ assessment, verdict }) => {
    const gates = assessment?.gates ?? []
    const failed = gates.filter(({ outcome }) => outcome === "fail").map(({ gate }) => gate)
    if (failed.length > 0) return failed.join(" and ")
    const unknown = gates.filter(({ outcome }) => outcome === "unknown").map(({ gate }) => gate)
    if (unknown.length === 0) return null
    return verdict._tag === "Rejected" ? "score too low whatever is unknown" : `${unknown.join(" and ")} unknown`
  })
  step("Qualified", ({ verdict }) => {
    switch (verdict._tag) {
      case "Qualified":
        return null
      case "Rejected":
        return "score too low"
      case "Review":
        return "to be reviewed"
      default:
        return "needs data"
    }
  })
  return steps
}

export const funnel = (prospects: ReadonlyArray<Prospect>): HTMLElement => {
  const steps = stepsOf(prospects)
  const chart = canvas(
    `Funnel. ${steps.map(({ left, name }) => `${name}: ${count(left)}`).join("; ")}.`,
    "tall",
    (colours) => ({
      grid: { left: 8, right: 56, top: 4, bottom: 4, containLabel: true },
      tooltip: { show: false },
      xAxis: { type: "value", show: false, min: 0, max: Math.max(1, prospects.length) },
      yAxis: {
        ...axis(colours),
        type: "category",
        inverse: true,
        data: steps.map(({ name }) => name),
        axisLine: { show: false },
        axisLabel: { color: colours.text, fontSize: 13 }
      },
      series: [
        {
          type: "bar",
          silent: true,
          barWidth: "62%",
          showBackground: true,
          backgroundStyle: { color: colours.band, borderRadius: 3 },
          itemStyle: { color: colours.accent, borderRadius: 3 },
          label: {
            show: true,
            position: "right",
            color: colours.text,
            formatter: ({ value }: { readonly value: number }) => count(value)
          },
          data: steps.map(({ left }) => left)
        }
      ]
    })
  )
  return figure(
    "Funnel",
    chart,
    table(
      "What is left after each step, and why the rest is not",
      ["Step", "Left", "Left out, by reason"],
      steps.map(({ left, lost, name }) => [
        name,
        count(left),
        lost.length === 0 ? "\u2013" : lost.map(([reason, sites]) => `${reason}: ${count(sites)}`).join("; ")
      ]),
      { numeric: ["Left"] }
    )
  )
}

/** `null`: nobody states it. What was known and saved nothing had no stated price, unless it was free. */
export const figuresOf = (
  { provider, saved, spent, unpriced }: Spent,
  prospects: ReadonlyArray<Prospect>
): { readonly spent: number | null; readonly saved: number | null } => {
  const isKnown = (observed: Observed | undefined) =>
    observed?.source === provider && (observed.cache === "fresh" || observed.cache === "stale")
  const hasKnown = prospects.some(({ attribution, data }) => attribution === null && Object.values(data).some(isKnown))
  return {
    spent: spent === 0 && unpriced > 0 ? null : spent,
    saved: saved === 0 && (unpriced > 0 || hasKnown) ? null : saved
  }
}

/** One for each provider, as no unit is another's. */
export const spending = (spent: ReadonlyArray<Spent>, prospects: ReadonlyArray<Prospect>): ReadonlyArray<HTMLElement> =>
  spent.map((entry) => {
    const { provider, unit, unpriced } = entry
    const figures = figuresOf(entry, prospects)
    const bars = [
      ["Spent", figures.spent],
      ["Saved", figures.saved]
    ] as const
    const text = (value: number | null) => (value === null ? notStated : count(value))
    const title = `${sources[provider]}: ${units[unit]}`
    const sentence = `${text(figures.spent)} spent, ${text(figures.saved)} saved by what was known before`
    return h(
      "figure",
      {},
      h("figcaption", {}, h("h3", {}, title)),
      h(
        "p",
        { class: "note" },
        `${sentence}.`,
        unpriced > 0 &&
          ` ${plural(unpriced, "fact was", "facts were")} bought at a price that the contract does not state: in no figure here.`
      ),
      canvas(`Bar chart. ${title}: ${sentence}.`, "row", (colours) => ({
        grid: { left: 8, right: 92, top: 4, bottom: 4, containLabel: true },
        tooltip: { show: false },
        xAxis: { type: "value", show: false, min: 0, max: Math.max(1, figures.spent ?? 0, figures.saved ?? 0) },
        yAxis: {
          ...axis(colours),
          type: "category",
          inverse: true,
          data: bars.map(([name]) => name),
          axisLabel: { color: colours.text, fontSize: 13 }
        },
        series: [
          {
            type: "bar",
            silent: true,
            barWidth: "60%",
            label: {
              show: true,
              position: "right",
              color: colours.text,
              formatter: ({ dataIndex }: { readonly dataIndex: number }) => text(bars[dataIndex]![1])
            },
            data: bars.map(([, value], i) => ({
              value: value ?? 0,
              itemStyle: { color: i === 0 ? colours.accent : colours.saved, borderRadius: 3 }
            }))
          }
        ]
      })),
      asTable(
        table(
          title,
          ["", units[unit]],
          bars.map(([name, value]) => [name, text(value)]),
          { numeric: [units[unit]] }
        )
      )
    )
  })
