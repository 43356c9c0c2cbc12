/** What the links and the traffic of prospects cost where somebody plans in advance what to buy of each. */
import type { Datum, Sheet } from "../../src/scoring/data.js"
import * as Model from "../../src/scoring/model.js"
import * as Next from "../../src/scoring/next.js"
import type { Profile } from "../../src/scoring/profile.js"
import * as World from "../../src/testing/world.js"

const world = World.make({ seed: 1, facts: {} })

const columns = ["organicTraffic", "referringDomains", "dofollowReferringDomains"] as const
const prices = { organicTraffic: 10, referringDomains: 5, dofollowReferringDomains: 5 }
const subset = (bits: number) => columns.filter((_, i) => (bits & (1 << i)) !== 0)
const rowPrice = (bits: number) => subset(bits).reduce((sum, column) => sum + prices[column], 1)
const partitions = (left: number): ReadonlyArray<ReadonlyArray<number>> =>
  left === 0
    ? [[]]
    : [1, 2, 3, 4, 5, 6, 7]
        .filter((bits) => (bits & left) === bits)
        .flatMap((bits) => partitions(left & ~bits).map((rest) => [bits, ...rest]))

export interface Plans {
  /** Prospects that pass the gate. */
  readonly passed: number
  /** Units of the best order that is the same for all prospects. */
  readonly best: number
  /** Units where somebody knows of each prospect what will decide it. */
  readonly foresight: number
}

/** Ahrefs units of the sites in the simulators' world. */
export const plansOf = (sites: ReadonlyArray<string>, profile: Profile): Plans => {
  const assess = Model.make(profile)
  const next = Next.make<Next.Offer>(profile)
  const offer: Next.Offer = { id: "ahrefs", data: columns, unitPrice: 1, price: (data) => data.length }
  const wanted = new Set<Datum>(columns)
  const who: Next.Availability<Next.Offer> = {
    id: "",
    best: (datum) => (wanted.has(datum) ? offer : undefined)
  }
  const isOver = (facts: World.Facts, bits: number): boolean => {
    const values: Partial<Record<Datum, number>> = {
      domainRating: facts.domainRating,
      ...(bits & 1 && { organicTraffic: facts.orgTraffic }),
      ...(bits & 2 && { referringDomains: facts.refdomains }),
      ...(bits & 4 && { dofollowReferringDomains: facts.refdomainsDofollow })
    }
    // Safe: the names are those of data.
    const known = Object.fromEntries(
      Object.entries(values).map(([datum, value]) => [
        datum,
        { value, source: "ahrefs", operation: null, observedAt: 0, cache: "bought", cost: null }
      ])
    ) as Sheet["known"]
    const sheet: Sheet = { known, missing: {} }
    return next(sheet, assess(sheet, "x.com"), who) === null
  }

  const gate = 2 * sites.length
  const plans = partitions(7).map((order) => ({ order, units: gate }))
  let foresight = gate
  let passed = 0
  for (const site of sites) {
    const { facts } = world(site)
    if (!(facts.domainRating >= 30 && facts.domainRating < 90)) continue
    passed++
    const over = Array.from({ length: 8 }, (_, bits) => isOver(facts, bits))
    foresight += Math.min(...over.flatMap((isOver, bits) => (isOver ? [bits === 0 ? 0 : rowPrice(bits)] : [])))
    for (const plan of plans) {
      let known = 0
      for (const bits of plan.order) {
        if (over[known]!) break
        plan.units += rowPrice(bits)
        known |= bits
      }
    }
  }
  return { passed, best: Math.min(...plans.map(({ units }) => units)), foresight }
}
