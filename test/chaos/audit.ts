/** Whether the promise was kept: the books beside the vendor's own record, and what was sold beside what was known. Pure. */
import type { Played } from "./setting.js"
import type { Sale } from "./vendor.js"

/** A time in which Redis did not do its work. Milliseconds since 1970. */
export interface Trouble {
  readonly from: number
  readonly to: number
  /** What it knew was lost; otherwise it was only deaf. */
  readonly isLoss: boolean
}

export interface Kill {
  readonly worker: number
  readonly at: number
}

/** A process whose event loop stood still for longer than a part of a claim's life. */
export interface Still {
  readonly worker: number
  readonly from: number
  readonly to: number
}

/** What a provider's book says of all accounts, in its unit. */
export interface Booked {
  readonly provider: Played
  readonly spent: number
  readonly reserved: number
  readonly expired: number
}

export interface Evidence {
  readonly sales: ReadonlyArray<Sale>
  readonly troubles: ReadonlyArray<Trouble>
  readonly kills: ReadonlyArray<Kill>
  readonly stills: ReadonlyArray<Still>
  /** Milliseconds a fact is fresh; null for longer than a run. */
  readonly freshFor: number | null
  readonly books: ReadonlyArray<Booked>
  /** What the first tenant may spend with Ahrefs, and has. */
  readonly budget: { readonly limit: number; readonly spent: number } | null
  /** Keys in Redis, and the milliseconds they have left (-1: for ever). */
  readonly keys: ReadonlyArray<readonly [key: string, life: number]>
}

/** After this a store that is back is asked again. */
const recovery = 2_500
/** What is bought is kept so soon after the last byte. */
const keeping = 3_000

type Circumstances = Pick<Evidence, "freshFor" | "kills" | "stills" | "troubles">

interface Bought {
  /** Facts sold again for no reason: the promise broken. */
  readonly twice: ReadonlyArray<string>
  /** Facts sold again for a stated reason, by reason. */
  readonly again: Readonly<Record<string, number>>
}

const isWithin = (at: number, { from, to }: Trouble): boolean => at >= from - 100 && at <= to + recovery

/** Why what was sold could not be known when it was sold again; null where it should have been. */
const reasonOf = (first: Sale, second: Sale, { freshFor, kills, stills, troubles }: Circumstances): string | null => {
  // A trickle that arrived in time is an answer; one that did not has no end.
  if (first.fault === "Trickle" ? first.doneAt === null : first.fault !== null) return "no readable answer came"
  const end = first.doneAt ?? first.at
  // A tenth of its time is drawn by lot.
  if (freshFor !== null && second.at - first.at >= 0.9 * freshFor) return "it was fresh no more"
  // What it had sent before may arrive after it is dead.
  if (kills.some(({ at, worker }) => worker === first.worker && at <= end + keeping)) {
    return "its buyer was killed"
  }
  // Its claims may have been over before it could keep what it had.
  if (stills.some(({ from, to, worker }) => worker === first.worker && from <= end + keeping && to >= first.at)) {
    return "its buyer stood still"
  }
  const isLost = troubles.some(
    (trouble) =>
      (trouble.isLoss && trouble.from <= second.at && trouble.to + recovery >= first.at) ||
      isWithin(first.at, trouble) ||
      isWithin(end, trouble) ||
      isWithin(second.at, trouble)
  )
  return isLost ? "Redis was in trouble" : null
}

/** A row that lacks a column rides along with rows that lack all: a call of its own would be dearer. */
const cheaper = "cheaper in one call than in two"

const idOf = ({ account, provider }: Sale, fact: string): string => `${provider} ${account} ${fact}`

/** Ahrefs' prices: a call at least, a row of a batch, and its columns. */
const least = 50
const indexPrice = 1
const columnPrices: Readonly<Record<string, number>> = { domain_rating: 1, refdomains: 5 }

/** What it would have cost to buy only what was not known: for each set of columns a call of its own. */
const apart = (facts: ReadonlyArray<string>, isKnown: (fact: string) => boolean): number => {
  const missing = new Map<string, Array<string>>()
  for (const fact of facts) {
    const [, target, column] = JSON.parse(fact) as readonly [string, unknown, string]
    const row = JSON.stringify(target)
    const columns = missing.get(row) ?? []
    missing.set(row, isKnown(fact) ? columns : [...columns, column])
  }
  const sets = new Map<string, number>()
  for (const columns of missing.values()) {
    const set = columns.toSorted().join()
    if (set !== "") sets.set(set, (sets.get(set) ?? 0) + 1)
  }
  return Array.from(sets).reduce((sum, [set, rows]) => {
    const price = set.split(",").reduce((all, column) => all + (columnPrices[column] ?? 0), indexPrice)
    return sum + Math.max(least, rows * price)
  }, 0)
}

export const bought = ({ sales, ...circumstances }: Circumstances & Pick<Evidence, "sales">): Bought => {
  const again: Record<string, number> = {}
  const twice: Array<string> = []
  const byFact = new Map<string, Array<Sale>>()
  for (const sale of sales.filter(({ billed }) => billed > 0).toSorted((a, b) => a.at - b.at)) {
    const isBatch = sale.path.endsWith("/batch-analysis")
    const isKnown = (fact: string) =>
      (byFact.get(idOf(sale, fact)) ?? []).some((first) => reasonOf(first, sale, circumstances) === null)
    const isCheapest = isBatch && sale.billed <= apart(sale.facts, isKnown)
    for (const fact of sale.facts) {
      const id = idOf(sale, fact)
      const before = byFact.get(id) ?? []
      byFact.set(id, [...before, sale])
      // A longer list is another fact.
      const covering = before.filter(({ limit }) => limit === null || sale.limit === null || limit >= sale.limit)
      if (covering.length === 0) continue
      const reasons = covering.map((first) => reasonOf(first, sale, circumstances))
      if (reasons.includes(null) && isCheapest) {
        again[cheaper] = (again[cheaper] ?? 0) + 1
      } else if (reasons.includes(null)) {
        const first = covering.find((_, i) => reasons[i] === null)
        const length = (first!.doneAt ?? Number.NaN) - first!.at
        const gap = `${(sale.at - first!.at).toFixed(0)} ms after it, which took ${length.toFixed(0)} ms,`
        twice.push(`${id}, by ${first!.worker} and ${gap} by ${sale.worker}`)
      } else {
        const reason = reasons.at(-1) ?? "unknown"
        again[reason] = (again[reason] ?? 0) + 1
      }
    }
  }
  return { twice, again }
}

/** What an answer that is not as it should be was booked with may differ by: SE Ranking states no charge. */
const leeway = (sales: ReadonlyArray<Sale>): number =>
  sales
    .filter(({ fault, provider }) => provider === "se_ranking" && (fault === "Lie" || fault === "Garble"))
    .reduce((sum, { billed }) => sum + Math.max(billed, 100), 0)

/** What of a list may be booked at its most: an answer that did not come counts as all its rows. */
const atMost = (sales: ReadonlyArray<Sale>): number =>
  sales
    .filter(({ fault, limit }) => limit !== null && fault !== null && fault !== "Refuse")
    .reduce((sum, { limit }) => sum + 60 * (limit ?? 0), 0)

export const violations = (evidence: Evidence): ReadonlyArray<string> => {
  const { books, budget, keys, kills, sales, troubles } = evidence
  const found: Array<string> = []
  for (const { expired, provider, reserved, spent } of books) {
    const sold = sales.filter((sale) => sale.provider === provider)
    const billed = sold.reduce((sum, sale) => sum + sale.billed, 0)
    const slack = leeway(sold)
    const most = billed + slack + atMost(sold)
    if (spent > most) found.push(`${provider}: ${spent} booked, ${billed} billed`)
    // The hold of a process that was killed is all there is of what it bought.
    const told = kills.length === 0 ? spent : spent + reserved + expired
    if (told < billed - slack) found.push(`${provider}: ${told} booked or held, ${billed} billed`)
    if (kills.length === 0 && troubles.length === 0 && reserved > 0) {
      found.push(`${provider}: ${reserved} held, and nobody is left to settle them`)
    }
  }
  if (budget !== null && budget.spent > budget.limit) {
    found.push(`a budget of ${budget.limit} was overdrawn: ${budget.spent}`)
  }
  const { twice } = bought(evidence)
  if (twice.length > 0) found.push(`${twice.length} facts were bought twice: ${twice.slice(0, 3).join("; ")}`)
  const eternal = keys.filter(([, life]) => life === -1)
  if (eternal.length > 0) {
    found.push(
      `${eternal.length} keys never expire: ${eternal
        .slice(0, 3)
        .map(([key]) => key)
        .join(", ")}`
    )
  }
  return found
}
