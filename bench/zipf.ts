/** Skewed draws of real domain names, the same on every machine. */
import * as Either from "effect/Either"
import domains from "disposable-email-domains" with { type: "json" }
import * as Target from "../src/Target.js"

const exponent = 0.99

const shuffled = (names: ReadonlyArray<string>, next: () => number): ReadonlyArray<string> => {
  const all = names.slice()
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

/** Draws a domain: those that are sites, so that what is asked is what is bought. */
export const zipf = (next: () => number): (() => string) => {
  const sites = domains.filter((domain) => Either.getOrNull(Target.make(domain)) === domain)
  const ranked = shuffled(sites, next)
  const sums: Array<number> = []
  let sum = 0
  for (let rank = 1; rank <= ranked.length; rank++) sums.push((sum += rank ** -exponent))
  return () => {
    const at = next() * sum
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < at) low = middle + 1
      else high = middle
    }
    return ranked[low]!
  }
}
