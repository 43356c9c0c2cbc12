/** Sheets as the tests need them: stated, and random. */
import * as FastCheck from "effect/FastCheck"
import { Datum, MissingReason, type Observed, type Sheet } from "../../src/scoring/data.js"
import { type Profile, standard } from "../../src/scoring/profile.js"

export type Values = { readonly [D in Datum]?: number }

export const observed = (value: number, more: Partial<Observed> = {}): Observed => ({
  value,
  source: "imported",
  operation: null,
  observedAt: null,
  cache: "imported",
  cost: null,
  ...more
})

/** Without some of them. */
export const omit = (values: Values, ...data: ReadonlyArray<Datum>): Values =>
  Object.fromEntries(Object.entries(values).filter(([datum]) => !data.some((one) => one === datum)))

export const sheet = (values: Values, missing: Sheet["missing"] = {}): Sheet => ({
  known: Object.fromEntries(Object.entries(values).map(([datum, value]) => [datum, observed(value)])),
  missing
})

/** The prospects of the design's table. */
export const blog = {
  domainRating: 52,
  trustFlow: 28,
  citationFlow: 34,
  organicTraffic: 18_000,
  referringDomains: 1_400,
  dofollowReferringDomains: 980
} satisfies Values
export const farm = {
  domainRating: 68,
  trustFlow: 9,
  citationFlow: 47,
  organicTraffic: 40,
  referringDomains: 5_200,
  dofollowReferringDomains: 5_148
} satisfies Values

const between = (max: number) => FastCheck.double({ min: 0, max, noNaN: true })
const rate = FastCheck.oneof(
  FastCheck.constantFrom(0, 4.9999, 5, 10, 15, 29.5, 29.9999, 30, 89.5, 89.9999, 90, 100),
  between(100)
)
const count = FastCheck.oneof(
  FastCheck.constantFrom(0, 1, 9, 99, 200, 201, 10_000, 100_000),
  FastCheck.integer({ min: 0, max: 3_000 }),
  FastCheck.integer({ min: 0, max: 10_000_000 }),
  between(50_000)
)

export const arbitraries = {
  domainRating: rate,
  domainInlinkRank: rate,
  trustFlow: rate,
  citationFlow: rate,
  organicTraffic: count,
  referringDomains: count,
  dofollowReferringDomains: count,
  referringSubnets: count,
  linkedDomains: count,
  relevance: between(1)
} satisfies Record<Datum, FastCheck.Arbitrary<number>>

/** Any of the data, none to all. */
export const values: FastCheck.Arbitrary<Values> = FastCheck.record(arbitraries, { requiredKeys: [] })
export const allValues = FastCheck.record(arbitraries)
export const datum = FastCheck.constantFrom(...Datum.literals)
export const missing: FastCheck.Arbitrary<Sheet["missing"]> = FastCheck.dictionary(
  datum,
  FastCheck.constantFrom(...MissingReason.literals)
)

const weight = FastCheck.oneof(FastCheck.constant(0), FastCheck.integer({ min: 0, max: 100 }))
const band = FastCheck.tuple(between(60), between(35)).map(([from, width]) => ({ from, to: from + 5 + width }))

export const profile: FastCheck.Arbitrary<Profile> = FastCheck.oneof(
  FastCheck.constant(standard),
  FastCheck.record({
    gates: FastCheck.record({
      domainRating: band,
      domainInlinkRank: band,
      rounding: FastCheck.constantFrom<"raw" | "ui">("raw", "ui"),
      organicTraffic: FastCheck.constantFrom(0, 200, 1_000)
    }),
    weights: FastCheck.record({
      authority: FastCheck.integer({ min: 1, max: 100 }),
      trust: weight,
      reach: weight,
      breadth: weight,
      sanity: weight,
      followShare: weight
    }).map((weights) => {
      const sum = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
      return {
        authority: weights.authority / sum,
        trust: weights.trust / sum,
        reach: weights.reach / sum,
        breadth: weights.breadth / sum,
        sanity: weights.sanity / sum,
        followShare: weights.followShare / sum
      }
    }),
    relevance: FastCheck.oneof(FastCheck.constantFrom(0, 0.35, 1), between(1)),
    prior: between(1),
    qualifiedFrom: FastCheck.oneof(FastCheck.constantFrom(0, 40, 100), between(100)),
    review: FastCheck.record({
      markers: FastCheck.integer({ min: 1, max: 3 }),
      cap: between(100),
      tlds: FastCheck.constantFrom([], ["com"]),
      spam: FastCheck.constantFrom([], ["example.com"])
    })
  }).map((some) => ({ ...standard, ...some }))
)

export const many = { fastCheck: { numRuns: 500, seed: 8 } } as const
