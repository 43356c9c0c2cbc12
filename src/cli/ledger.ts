/** What the answers of a run cost. */
import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import type { Attribution } from "../Ahrefs.js"
import type { Charge, Provider } from "../Operation.js"
import type { Provenance } from "../Provenance.js"

export interface Ledger {
  /** Answered calls. */
  readonly calls: number
  /** Sites answered, by where the answer came from. */
  readonly cache: Readonly<Record<Provenance["cache"], number>>
  /** Sites answered. */
  readonly sites: number
  /** null where the contract states no price. */
  readonly units: Readonly<Record<Provider, number | null>>
  /** What free ratings oblige to show. */
  readonly attribution: Option.Option<Attribution>
}

export const empty: Ledger = {
  calls: 0,
  cache: { fresh: 0, stale: 0, bought: 0 },
  sites: 0,
  units: { ahrefs: 0, se_ranking: 0 },
  attribution: Option.none()
}

const plus = (sum: number | null, amount: number | null): number | null =>
  sum === null || amount === null ? null : sum + amount

export const charged =
  ({ amount, provider }: Charge) =>
  (ledger: Ledger): Ledger => ({
    ...ledger,
    calls: ledger.calls + 1,
    units: { ...ledger.units, [provider]: plus(ledger.units[provider], amount) }
  })

export const told =
  (facts: ReadonlyArray<Provenance>) =>
  (ledger: Ledger): Ledger => {
    const cache = { ...ledger.cache }
    // A site counts once, however many columns its row has.
    const sites = new Map(facts.map((fact) => [fact.subject, fact.cache]))
    for (const state of sites.values()) cache[state]++
    return { ...ledger, cache }
  }

export const answered =
  (answers: Chunk.Chunk<{ readonly attribution?: Attribution | undefined }>) =>
  (ledger: Ledger): Ledger => ({
    ...ledger,
    sites: ledger.sites + Chunk.size(answers),
    attribution: Option.orElse(ledger.attribution, () =>
      Option.flatMapNullable(Chunk.head(answers), ({ attribution }) => attribution)
    )
  })
