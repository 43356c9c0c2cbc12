/** What people call providers and their units. */
import type { Provider, Unit } from "../Operation.js"

export const names: Readonly<Record<Provider, string>> = {
  ahrefs: "Ahrefs",
  majestic: "Majestic",
  se_ranking: "SE Ranking"
}

export const unitNames: Readonly<Record<Unit, string>> = {
  api_units: "API units",
  credits: "credits",
  index_item_units: "index item units",
  row_credits: "row credits"
}
