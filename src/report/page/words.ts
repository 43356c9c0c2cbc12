/** What the page calls things. */
import { unitNames } from "../../internal/names.js"
import { sources } from "../../scoring/explain.js"
import type { Cost, Prospect, Unit, Verdict } from "../document.js"
import { h } from "./dom.js"

export const count = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 2 })

export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

export const points = (value: number): string => {
  const text = value.toFixed(1)
  return text === "-0.0" ? "0.0" : text.replace("-", "\u2212")
}

export const day = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`

export const units = unitNames

export const notStated = "not stated"

export const amount = (value: number | null, unit: Unit): string =>
  value === null ? `${notStated} (${units[unit]})` : `${count(value)} ${units[unit]}`

export const costs = (all: ReadonlyArray<Cost>): string =>
  all.length === 0
    ? "nothing"
    : all.map(({ amount: value, provider, unit }) => `${sources[provider]}: ${amount(value, unit)}`).join("; ")

export type Tag = Verdict["_tag"]

/** Told apart by sign and word, not by colour alone. */
export const verdicts: Record<Tag, { readonly name: string; readonly sign: string }> = {
  Qualified: { name: "Qualified", sign: "\u2713" },
  Review: { name: "Review", sign: "\u2691" },
  NeedsData: { name: "Needs data", sign: "?" },
  Rejected: { name: "Rejected", sign: "\u2715" },
  Excluded: { name: "Excluded", sign: "\u2013" }
}

// Safe: the keys of a record.
export const tags = Object.keys(verdicts) as ReadonlyArray<Tag>

export const badge = (tag: Tag): HTMLElement =>
  h(
    "span",
    { class: `badge ${tag}` },
    h("span", { "aria-hidden": "true" }, verdicts[tag].sign),
    h("span", {}, verdicts[tag].name)
  )

const exclusions: Record<Extract<Verdict, { readonly _tag: "Excluded" }>["reason"], string> = {
  invalid: "no valid site",
  own: "own site",
  competitor: "competitor",
  already_linking: "already linking",
  contacted: "already contacted",
  blocklist: "on a blocklist",
  platform_host: "platform host",
  webmail: "webmail host",
  tld: "top-level domain"
}

/** Why a verdict is as it is, in a few words. */
export const because = (verdict: Verdict): string => {
  switch (verdict._tag) {
    case "Qualified":
      return ""
    case "Rejected":
      return verdict.by.join(" and ")
    case "Review":
      return `${verdict.markers.length} risk markers`
    case "NeedsData":
      return verdict.signals.length === 0 ? "" : `without ${verdict.signals.length} signals`
    case "Excluded":
      return exclusions[verdict.reason]
  }
}

export type Flow = Extract<NonNullable<Prospect["flows"]>, { readonly _tag: "Ratio" }>["label"]

export const flows: Record<Flow, string> = {
  good: "good, above 0.5",
  caution: "caution, 0.3 to 0.5",
  poor: "poor, 0.152 to 0.3",
  outlier: "outlier, below 0.152"
}
