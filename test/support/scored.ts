/** Answers of the scorer for a report: with flows, duplicates, excluded sites, known facts, and a provider that refuses. */
import * as Effect from "effect/Effect"
import type { Input, ScoredProspect } from "../../src/ProspectScorer.js"
import * as ProspectScorer from "../../src/ProspectScorer.js"
import type { Scored } from "../../src/Report.js"
import * as Scorer from "./scorer.js"

const inputs: ReadonlyArray<Input> = [
  ...Scorer.sites(60).map((input, i) =>
    i % 3 === 0 ? { input, signals: { trustFlow: (i * 7) % 60, citationFlow: (i * 13) % 80 } } : input
  ),
  "https://WWW.site-3.com/blog",
  "medium.com/@somebody",
  "not a domain"
]

/** Keys of the tenant are `key-of-ahrefs` and `key-of-se_ranking`. */
export const scored = ({ free = false } = {}): Effect.Effect<Scored> =>
  Effect.gen(function* () {
    const { scorer } = yield* Scorer.make({
      providers: { ahrefs: { freeDomainRating: free }, se_ranking: { budget: { limit: 10 } } },
      refused: ["site-7.com"]
    })
    yield* scorer.scoreAll("acme", Scorer.sites(10), { maxUnits: { ahrefs: 100 } })
    return yield* scorer.scoreAll("acme", inputs, { maxUnits: { ahrefs: 300 } })
  }).pipe(Effect.scoped, Effect.orDie)

/** So many prospects, each of its own site, like those that were scored. */
export const many = ({ prospects, summary }: Scored, count: number): Scored => {
  const distinct = prospects.filter(({ duplicateOf, target }) => duplicateOf === null && target !== null)
  return {
    prospects: Array.from({ length: count }, (_, index): ScoredProspect => {
      const site = `prospect-${index}.com`
      // Safe: a normalised site.
      return { ...distinct[index % distinct.length]!, index, input: site, target: site as ScoredProspect["target"] }
    }),
    summary: { ...summary, inputs: count, duplicates: 0, invalid: 0 }
  }
}

export const profile = ProspectScorer.standard
