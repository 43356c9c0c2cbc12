/** A day of look-ups, the same for everybody: Zipf over real domain names, half of them one by one, half in lists. */
import * as Either from "effect/Either"
import domains from "disposable-email-domains" with { type: "json" }
import * as Target from "../src/Target.js"

export const processes = 3
export const lookups = 100_000
/** How long the provider takes. */
export const upstreamMillis = 50
/** Ahrefs, vendor contract: 2 units a domain rating, at least 50 a call. */
export const unitsOf = (targets: number): number => Math.max(50, 2 * targets)
export const leastUnits = 2

const exponent = 0.99
const listLength = 50
const wave = 3_400

/** mulberry32 */
const random = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const shuffled = (names: ReadonlyArray<string>, next: () => number): ReadonlyArray<string> => {
  const all = names.slice()
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    ;[all[i], all[j]] = [all[j]!, all[i]!]
  }
  return all
}

/** Those that are sites: what is asked is what is bought. */
const sites = domains.filter((domain) => Either.getOrNull(Target.make(domain)) === domain)

const drawn = (): ReadonlyArray<string> => {
  const next = random(20_261_121)
  const ranked = shuffled(sites, next)
  const sums: Array<number> = []
  let sum = 0
  for (let rank = 1; rank <= ranked.length; rank++) sums.push((sum += rank ** -exponent))
  return Array.from({ length: lookups }, () => {
    const at = next() * sum
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < at) low = middle + 1
      else high = middle
    }
    return ranked[low]!
  })
}

/** A caller asks for one domain, or for a list. */
export type Request = ReadonlyArray<string>

export const trace: ReadonlyArray<string> = drawn()

/** What one of the processes is asked, wave by wave: the callers of a wave come at once. */
export const wavesOf = (number: number): ReadonlyArray<ReadonlyArray<Request>> => {
  const mine = trace.filter((_, i) => i % processes === number)
  const waves: Array<Array<Request>> = []
  for (let start = 0; start < mine.length; start += wave) {
    const names = mine.slice(start, start + wave)
    const half = names.length >> 1
    const requests: Array<Request> = names.slice(0, half).map((name) => [name])
    for (let i = half; i < names.length; i += listLength) requests.push(names.slice(i, i + listLength))
    waves.push(requests)
  }
  return waves
}
