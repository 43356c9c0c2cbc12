/** What people call providers and their units. */
import type { Provider, Unit } from "../Operation.js"

export const names: Readonly<Record<Provider, string>> = {
  ahrefs: "Ahrefs",
  se_ranking: "SE Ranking"
}

export const unitNames: Readonly<Record<Unit, string>> = {
  api_units: "API units",
  credits: "credits",
  row_credits: "row credits"
}
