import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { Datum, type Sheet } from "../../src/scoring/data.js"
import * as Model from "../../src/scoring/model.js"
import * as Next from "../../src/scoring/next.js"
import { type Profile, standard } from "../../src/scoring/profile.js"
import { needs, Signal } from "../../src/scoring/signals.js"
import { arbitraries, blog, missing, sheet, type Values } from "./sheets.js"

const target = "example.com"
const { domainRating: _, ...blogWithoutRating } = blog

/** A call costs `base`, and each datum in it `each`. */
const offer = (id: string, base: number, each: number, unitPrice = 1): Next.Offer => ({
  id,
  data: Datum.literals,
  price: (data) => base + each * data.length,
  unitPrice
})

type Offers = { readonly [D in Datum]?: Next.Offer }
const among = (offers: Offers): Next.Availability<Next.Offer> => ({ id: "", best: (datum) => offers[datum] })
const single = offer("single", 10, 1)
const everything: Offers = Object.fromEntries(Datum.literals.map((datum) => [datum, single]))

const nextOf = (profile: Profile, sheet: Sheet, offers: Offers) =>
  Next.make(profile)(sheet, Model.make(profile)(sheet, target), among(offers))
const asked = (next: Next.Next | null) => next?.asks.map(({ data, offer }) => [offer.id, ...data])

const offers: FastCheck.Arbitrary<Offers> = FastCheck.dictionary(
  FastCheck.constantFrom(...Datum.literals.filter((datum) => datum !== "relevance")),
  FastCheck.constantFrom(single, offer("flat", 25, 0), offer("cheap", 0, 1, 2), offer("dear", 0, 40))
)
const values: FastCheck.Arbitrary<Values> = FastCheck.record(
  { ...arbitraries, domainRating: FastCheck.constantFrom(30, 52, 68, 89) },
  { requiredKeys: [] }
)
const profile: FastCheck.Arbitrary<Profile> = FastCheck.record({
  // No sum of weights hits it exactly: what the last bit of a number decides is not looked at.
  qualifiedFrom: FastCheck.integer({ min: 0, max: 99 }).map((points) => points + 0.3719),
  prior: FastCheck.constant(0.45),
  organicTraffic: FastCheck.constantFrom(0, 0, 500)
}).map(({ organicTraffic, ...some }) => ({ ...standard, ...some, gates: { ...standard.gates, organicTraffic } }))

/** What can be asked still. A Domain Rating does not take the place of a Domain InLink Rank. */
const obtainable = ({ known, missing }: Sheet, offers: Offers): ReadonlyArray<Datum> =>
  Datum.literals.filter(
    (datum) =>
      known[datum] === undefined &&
      missing[datum] === undefined &&
      offers[datum] !== undefined &&
      (datum !== "domainRating" || known.domainInlinkRank === undefined)
  )

const completed = ({ known, missing }: Sheet, data: ReadonlyArray<Datum>, values: Required<Values>): Sheet => ({
  known: { ...known, ...sheet(Object.fromEntries(data.map((datum) => [datum, values[datum]]))).known },
  missing
})
/** A look at it aside: a prospect that is to be looked at would qualify. */
const verdictOf = (profile: Profile, sheet: Sheet) => {
  const { _tag } = Model.make(profile)(sheet, target).verdict
  return _tag === "Review" ? "Qualified" : _tag
}
/** The first gate that is open can be answered by nobody: then nothing qualifies, and nothing is paid. */
const isShut = (profile: Profile, sheet: Sheet, offers: Offers): boolean => {
  const gate = Model.make(profile)(sheet, target).gates.find(({ outcome }) => outcome === "unknown")
  if (gate === undefined) return false
  const data = gate.gate === "traffic" ? (["organicTraffic"] as const) : (["domainRating", "domainInlinkRank"] as const)
  return !data.some((datum) => obtainable(sheet, offers).includes(datum))
}

const ideal: Required<Values> = {
  domainRating: 60,
  domainInlinkRank: 60,
  trustFlow: 30,
  citationFlow: 20,
  organicTraffic: 100_000,
  referringDomains: 10_000,
  dofollowReferringDomains: 7_000,
  referringSubnets: 5_000,
  linkedDomains: 0,
  relevance: 1
}
const worst: Required<Values> = {
  ...ideal,
  domainRating: 0,
  domainInlinkRank: 0,
  trustFlow: 0,
  organicTraffic: 0,
  referringDomains: 9,
  dofollowReferringDomains: 0
}

const many = { fastCheck: { numRuns: 1_000, seed: 8 } } as const

describe("null", () => {
  it.prop(
    "nothing that can be had decides then, or nothing can qualify for want of a gate",
    [profile, values, missing, offers, FastCheck.array(FastCheck.record(arbitraries), { maxLength: 5 })],
    ([profile, values, missing, offers, completions]) => {
      const before = sheet(values, missing)
      const verdict = verdictOf(profile, before)
      if (nextOf(profile, before, offers) !== null) return assert.strictEqual(verdict, "NeedsData")
      const data = obtainable(before, offers)
      for (const values of [ideal, worst, ...completions]) {
        const after = verdictOf(profile, completed(before, data, values))
        if (isShut(profile, before, offers)) assert.notStrictEqual(after, "Qualified")
        else assert.strictEqual(after, verdict)
      }
    },
    many
  )

  // Of data that stand in one ratio both or none are known: what one of them leaves to the other is not looked at.
  const pairs = ([both, flows, links]: readonly [Values, boolean, boolean]): Values => {
    const { citationFlow, dofollowReferringDomains, organicTraffic, referringDomains, trustFlow, ...rest } = both
    const known: Values = {
      ...rest,
      ...(flows && { trustFlow: trustFlow ?? 12, citationFlow: citationFlow ?? 20 }),
      ...(links && { organicTraffic: organicTraffic ?? 5_000, referringDomains: Math.max(1, referringDomains ?? 700) })
    }
    return links && dofollowReferringDomains !== undefined ? { ...known, dofollowReferringDomains } : known
  }
  const whole = FastCheck.tuple(values, FastCheck.boolean(), FastCheck.boolean()).map(pairs)
  const wholeOffers = FastCheck.record({
    domainRating: FastCheck.boolean(),
    domainInlinkRank: FastCheck.boolean(),
    flows: FastCheck.boolean(),
    links: FastCheck.boolean(),
    dofollow: FastCheck.boolean()
  }).map(({ dofollow, domainInlinkRank, domainRating, flows, links }): Offers => ({
    ...(domainRating && { domainRating: single }),
    ...(domainInlinkRank && { domainInlinkRank: single }),
    ...(flows && { trustFlow: single, citationFlow: single }),
    ...(links && { organicTraffic: single, referringDomains: single }),
    ...(dofollow && { dofollowReferringDomains: single })
  }))

  it.prop(
    "exactly where nothing decides: what it could become is what the best and the worst of the data come to",
    [profile, whole, FastCheck.boolean(), wholeOffers],
    ([profile, values, isUnrated, offers]) => {
      const before = sheet(values, isUnrated && values.domainRating === undefined ? { domainRating: "NoData" } : {})
      if (verdictOf(profile, before) !== "NeedsData") return
      const data = obtainable(before, offers)
      const follows = 0.7 * (values.referringDomains ?? ideal.referringDomains)
      const up = verdictOf(profile, completed(before, data, { ...ideal, dofollowReferringDomains: follows }))
      const down = verdictOf(profile, completed(before, data, worst))
      const expected: Next.Next["couldBecome"] = [
        ...(up === "Qualified" ? ["Qualified" as const] : []),
        ...(down === "Rejected" && !isShut(profile, before, offers) ? ["Rejected" as const] : [])
      ]
      assert.deepStrictEqual(nextOf(profile, before, offers)?.couldBecome ?? [], expected)
    },
    many
  )

  it("a decided prospect asks for nothing", () => {
    for (const domainRating of [29, 90]) assert.isNull(nextOf(standard, sheet({ domainRating }), everything))
    const { relevance: _, ...rest } = ideal
    assert.isNull(nextOf(standard, sheet(rest), everything))
  })

  it("a gate that nobody can answer: nothing is paid for what cannot qualify", () => {
    const { domainInlinkRank: _, domainRating: __, ...unrated } = everything
    assert.isNull(nextOf(standard, sheet({}), unrated))
    assert.isNull(nextOf(standard, sheet({}, { domainRating: "NoData", domainInlinkRank: "NoData" }), everything))
  })

  it("what cannot qualify is not said to", () => {
    const gated = { ...standard, gates: { ...standard.gates, organicTraffic: 500 } }
    const rated: Offers = { domainRating: single }
    assert.deepStrictEqual(nextOf(gated, sheet(blogWithoutRating), rated)?.couldBecome, ["Qualified", "Rejected"])
    assert.deepStrictEqual(nextOf(gated, sheet({}), rated)?.couldBecome, ["Rejected"])
    const flows = sheet({ trustFlow: 28, citationFlow: 34 })
    assert.deepStrictEqual(nextOf(standard, flows, rated)?.couldBecome, ["Qualified", "Rejected"])
    assert.deepStrictEqual(nextOf(gated, flows, rated)?.couldBecome, ["Rejected"])
    assert.deepStrictEqual(nextOf(standard, sheet({}), rated)?.couldBecome, ["Rejected"])
    assert.deepStrictEqual(nextOf(standard, sheet({}), everything)?.couldBecome, ["Qualified", "Rejected"])
  })
})

describe("asks", () => {
  it.prop(
    "only what is neither known nor settled, of whom it can be had, each datum once",
    [profile, values, missing, offers],
    ([profile, values, missing, offers]) => {
      const before = sheet(values, missing)
      const next = nextOf(profile, before, offers)
      if (next === null) return
      const data = next.asks.flatMap(({ data }) => data)
      assert.isAbove(data.length, 0)
      assert.strictEqual(new Set(data).size, data.length)
      assert.strictEqual(new Set(next.asks.map(({ offer }) => offer)).size, next.asks.length)
      for (const { data, offer } of next.asks) {
        for (const datum of data) {
          assert.include(obtainable(before, offers), datum)
          assert.strictEqual(offers[datum], offer)
        }
      }
      assert.isAbove(next.couldBecome.length, 0)
    },
    many
  )

  it.prop(
    "the same, whatever was asked about other prospects before",
    [
      profile,
      FastCheck.constantFrom<Offers>(everything, {
        ...everything,
        trustFlow: offer("a", 5, 1),
        citationFlow: offer("a", 5, 1),
        dofollowReferringDomains: offer("b", 3, 1)
      }),
      FastCheck.array(values, { minLength: 2, maxLength: 12 })
    ],
    ([profile, offers, all]) => {
      const once = Next.make(profile)
      const assess = Model.make(profile)
      for (const values of all) {
        const one = sheet({ domainRating: 52, ...values })
        const next = once(one, assess(one, target), among(offers))
        assert.deepStrictEqual(asked(next), asked(nextOf(profile, one, offers)))
      }
    },
    many
  )

  it("the gate first, and alone; the other rating where the first cannot be had", () => {
    const gated = { ...standard, gates: { ...standard.gates, organicTraffic: 500 } }
    assert.deepStrictEqual(asked(nextOf(gated, sheet({}), everything)), [["single", "domainRating"]])
    const { domainRating: _, ...unrated } = everything
    assert.deepStrictEqual(asked(nextOf(gated, sheet({}), unrated)), [["single", "domainInlinkRank"]])
    assert.deepStrictEqual(asked(nextOf(gated, sheet({}, { domainRating: "NoData" }), everything)), [
      ["single", "domainInlinkRank"]
    ])
    assert.deepStrictEqual(asked(nextOf(gated, sheet({ domainRating: 52 }), everything)), [
      ["single", "organicTraffic"]
    ])
  })

  it("one call where that is cheaper than two, and little by little where a call costs nothing by itself", () => {
    const rated = sheet({ domainRating: 52 })
    const together: Offers = { organicTraffic: single, referringDomains: single, dofollowReferringDomains: single }
    const profile = { ...standard, qualifiedFrom: 60 }
    const inOne = asked(nextOf(profile, rated, together))
    assert.strictEqual(inOne?.length, 1)
    assert.includeMembers(inOne?.[0] ?? [], ["organicTraffic", "referringDomains"])
    const perDatum = offer("row", 0, 5)
    const apart: Offers = { organicTraffic: perDatum, referringDomains: perDatum, dofollowReferringDomains: perDatum }
    assert.deepStrictEqual(asked(nextOf(standard, rated, apart)), [["row", "organicTraffic"]])
  })

  it("a unit counts for what it is worth", () => {
    const rated = sheet({ domainRating: 52 })
    const flows = (unitPrice: number) => {
      const majestic = offer("flows", 10, 0, unitPrice)
      const ahrefs = offer("traffic", 10, 0)
      return asked(
        nextOf(standard, rated, {
          trustFlow: majestic,
          citationFlow: majestic,
          organicTraffic: ahrefs
        })
      )
    }
    assert.deepStrictEqual(flows(0.1), [["flows", "trustFlow", "citationFlow"]])
    assert.deepStrictEqual(flows(10), [["traffic", "organicTraffic"]])
  })
})

// The policy again, as plainly as it can be said: every way of asking, every outcome.

/** Small, and whole in points: all outcomes can be counted. */
const small: Profile["weights"] = {
  authority: 0.8,
  trust: 0.06,
  reach: 0.04,
  breadth: 0.04,
  sanity: 0.04,
  followShare: 0.02
}
const points: Record<Signal, number> = {
  authority: 80,
  trust: 6,
  reach: 4,
  breadth: 4,
  sanity: 4,
  followShare: 2,
  relevance: 0
}

const subsets = (data: ReadonlyArray<Datum>): ReadonlyArray<ReadonlyArray<Datum>> =>
  Array.from({ length: 2 ** data.length }, (_, set) => data.filter((_, i) => (set & (2 ** i)) !== 0))

/** Each outcome of signals of so many points, with its chance: any value is as likely, and the whole point next to it stands for it. */
const outcomes = (most: ReadonlyArray<number>): ReadonlyArray<readonly [points: number, chance: number]> => {
  const [first, ...rest] = most
  if (first === undefined) return [[0, 1]]
  return outcomes(rest).flatMap(([sum, chance]) =>
    Array.from({ length: first + 1 }, (_, some): readonly [number, number] => [
      sum + some,
      (chance * (some === 0 || some === first ? 0.5 : 1)) / first
    ])
  )
}

const plainly = (
  qualifiedFrom: number,
  offers: Offers,
  known: ReadonlyArray<Datum>,
  data: ReadonlyArray<Datum>,
  unknown: number
) => {
  const made = (has: ReadonlyArray<Datum>) =>
    Signal.literals.filter((signal) => needs[signal].some((some) => some.every((datum) => has.includes(datum))))
  const gained = (before: ReadonlyArray<Datum>, after: ReadonlyArray<Datum>) =>
    made([...known, ...after])
      .filter((signal) => !made([...known, ...before]).includes(signal))
      .map((signal) => points[signal])
  const sum = (some: ReadonlyArray<number>) => some.reduce((all, one) => all + one, 0)
  const price = (some: ReadonlyArray<Datum>) =>
    sum(
      Array.from(
        new Set(some.map((datum) => offers[datum]!)),
        (offer) => offer.unitPrice * offer.price(some.filter((datum) => offers[datum] === offer))
      )
    )
  const memo = new Map<string, number>()
  /** What it costs to ask these, and whatever has to be asked then. */
  const costOf = (had: ReadonlyArray<Datum>, low: number, some: ReadonlyArray<Datum>): number => {
    const after = data.filter((datum) => had.includes(datum) || some.includes(datum))
    const chances = new Map<number, number>()
    for (const [points, chance] of outcomes(gained(had, after))) {
      chances.set(points, (chances.get(points) ?? 0) + chance)
    }
    return price(some) + sum(Array.from(chances, ([points, chance]) => chance * least(after, low + points)))
  }
  const ways = (had: ReadonlyArray<Datum>) =>
    subsets(data.filter((datum) => !had.includes(datum))).filter((some) => some.length > 0)
  const least = (had: ReadonlyArray<Datum>, low: number): number => {
    const id = `${had.join()} ${low}`
    const before = memo.get(id)
    if (before !== undefined) return before
    const high = low + unknown - sum(gained([], had))
    const more = sum(gained(had, data))
    const isDecided = low >= qualifiedFrom || high < qualifiedFrom
    const isHopeless = low + more < qualifiedFrom && high - more >= qualifiedFrom
    const cost = isDecided || isHopeless ? 0 : Math.min(...ways(had).map((some) => costOf(had, low, some)))
    memo.set(id, cost)
    return cost
  }
  return {
    costOf: (low: number, some: ReadonlyArray<Datum>) => costOf([], low, some),
    least: (low: number) => least([], low)
  }
}

const askable = ["trustFlow", "citationFlow", "organicTraffic", "referringDomains", "dofollowReferringDomains"] as const
const priced = FastCheck.record({
  base: FastCheck.integer({ min: 0, max: 20 }),
  each: FastCheck.integer({ min: 1, max: 10 }),
  unitPrice: FastCheck.constantFrom(1, 0.5, 3)
})

it.prop(
  "no other way of asking costs less, each value being as likely as any other",
  [
    FastCheck.tuple(priced, priced),
    FastCheck.record({
      trustFlow: FastCheck.constantFrom(0, 0, 1, null),
      citationFlow: FastCheck.constantFrom(0, 0, 1, null),
      organicTraffic: FastCheck.constantFrom(0, 1, 1, null),
      referringDomains: FastCheck.constantFrom(0, 1, 1, null),
      dofollowReferringDomains: FastCheck.constantFrom(0, 1, 1, null)
    }),
    FastCheck.subarray([...askable], { maxLength: 2 }),
    FastCheck.integer({ min: 40, max: 60 }),
    FastCheck.integer({ min: 0, max: 19 }),
    FastCheck.double({ min: 0, max: 0.999, noNaN: true })
  ],
  ([prices, who, given, low, short, part]) => {
    const pair = prices.map(({ base, each, unitPrice }, i) => offer(`${i}`, base, each, unitPrice))
    const offers: Offers = Object.fromEntries(
      askable.flatMap((datum) => (who[datum] === null ? [] : [[datum, pair[who[datum]]]]))
    )
    const profile = { ...standard, weights: small, qualifiedFrom: low + 1 + short }
    const known = sheet({ domainRating: 52, ...Object.fromEntries(given.map((datum) => [datum, 50])) })
    const has = Object.keys(known.known) as ReadonlyArray<Datum> // Safe: a sheet's own keys.
    const isOpen = (signal: Signal) => !needs[signal].some((some) => some.every((datum) => has.includes(datum)))
    const unknown = Signal.literals.filter(isOpen).reduce((sum, signal) => sum + points[signal], 0)
    const assessment: Model.Assessment = {
      ...Model.make(profile)(known, target),
      gates: [],
      verdict: { _tag: "NeedsData", signals: [] },
      // A part of a point is not looked at, but where it decides.
      range: { low: low + part, high: low + part + unknown }
    }
    if (assessment.range.high < profile.qualifiedFrom || low + unknown < profile.qualifiedFrom) return
    const next = Next.make(profile)(known, assessment, among(offers))
    const data = askable.filter((datum) => !given.includes(datum) && offers[datum] !== undefined)
    const plain = plainly(profile.qualifiedFrom, offers, has, data, unknown)
    if (next === null) return assert.strictEqual(plain.least(low), 0)
    // With the part of a point there may be hope where there is none without.
    if (plain.least(low) === 0) return
    const chosen = next.asks.flatMap(({ data }) => data)
    assert.closeTo(plain.costOf(low, chosen), plain.least(low), 1e-9)
  },
  { fastCheck: { numRuns: 150, seed: 8 } }
)
