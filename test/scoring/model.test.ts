import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { Datum } from "../../src/scoring/data.js"
import * as Model from "../../src/scoring/model.js"
import { linksOnly, type Profile, standard } from "../../src/scoring/profile.js"
import { measure, Signal } from "../../src/scoring/signals.js"
import {
  allValues,
  arbitraries,
  blog,
  datum,
  farm,
  many,
  missing,
  omit,
  profile,
  sheet,
  type Values,
  values
} from "./sheets.js"

const target = "example.com"
const assess = (data: Values, of: Profile = standard) => Model.make(of)(sheet(data), target)
const margin = 1e-9

/** What is not known yet becomes known; a Domain Rating does not take the place of a Domain InLink Rank, and nobody begins to judge. */
const completed = (data: Values, more: Values): Values => {
  const { relevance: _, ...rest } = more
  const { domainRating: __, ...others } = rest
  const isRanked = data.domainInlinkRank !== undefined && data.domainRating === undefined
  return { ...(isRanked ? others : rest), ...data }
}

describe("a verdict", () => {
  it("is not Qualified by links alone, however strong", () => {
    const strong = { domainRating: 68, referringDomains: 90_000, dofollowReferringDomains: 60_000 }
    assert.strictEqual(assess(strong).verdict._tag, "NeedsData")
    assert.strictEqual(assess(strong, linksOnly).verdict._tag, "Qualified")
  })

  it("names what is known too weakly", () => {
    const weak = { ...blog, domainRating: 35, organicTraffic: 200, trustFlow: 6, citationFlow: 7 }
    const { missing, verdict } = assess(weak)
    assert.deepStrictEqual(missing, [])
    assert.deepStrictEqual(verdict, { _tag: "NeedsData", signals: ["trust"] })
  })
})

describe("the design's table", () => {
  const { citationFlow: _, trustFlow: __, ...withoutFlows } = blog

  it.each<readonly [name: string, data: Values, score: number, low: number, high: number, verdict: string]>([
    ["healthy blog, all signals", blog, 82.5, 82.5, 82.5, "Qualified"],
    // It has enough without.
    ["healthy blog without flows", withoutFlows, 76.6, 65.4, 90.4, "Qualified"],
    ["healthy blog, Domain Rating only", { domainRating: 52 }, 59.7, 28.2, 98.2, "NeedsData"],
    ["link farm, all signals", farm, 40, 40, 40, "Review"],
    ["link farm, Domain Rating only", { domainRating: 68 }, 61.5, 30, 100, "NeedsData"],
    ["giant", { ...blog, domainRating: 94 }, 68.7, 68.7, 68.7, "Rejected"],
    ["nothing known", {}, 45, 0, 100, "NeedsData"]
  ])("%s", (_, data, score, low, high, verdict) => {
    const assessment = assess(data)
    assert.strictEqual(assessment.verdict._tag, verdict)
    assert.closeTo(assessment.score, score, 0.05)
    assert.closeTo(assessment.low, low, 0.05)
    assert.closeTo(assessment.high, high, 0.05)
  })

  it("the link farm: 47.1 before its three markers cap it", () => {
    const { cap, markers, range, verdict } = assess(farm)
    assert.closeTo(range.low, 47.1, 0.05)
    assert.closeTo(cap, 40 - range.low, margin)
    const names = ["flow_ratio", "little_traffic_for_links", "too_many_followed"] as const
    assert.deepStrictEqual(verdict, { _tag: "Review", markers: [...names] })
    assert.deepStrictEqual(
      markers.map(({ evidence }) => evidence),
      [
        "Trust Flow 9 over Citation Flow 47 is 0.19",
        "40 visits a month for 5200 referring domains",
        "99 % of the referring domains follow"
      ]
    )
  })

  it("the giant is rejected by its gate, whatever its score", () => {
    assert.deepStrictEqual(assess({ ...blog, domainRating: 94 }).verdict, { _tag: "Rejected", by: ["authority"] })
  })

  it("nothing known: all is missing, and nothing is 0", () => {
    const { contributions, coverage, gates, missing, prior } = assess({})
    assert.deepStrictEqual(contributions, [])
    assert.strictEqual(coverage, 0)
    assert.strictEqual(prior, 45)
    assert.deepStrictEqual(
      missing,
      Signal.literals.flatMap((signal) => (signal === "relevance" ? [] : ([{ signal, reason: "NotAsked" }] as const)))
    )
    assert.deepStrictEqual(
      gates.map(({ outcome }) => outcome),
      ["unknown"]
    )
  })
})

describe("laws", () => {
  it.prop(
    "low <= score <= high, 0 to 100",
    [profile, values],
    ([profile, data]) => {
      const { coverage, high, low, range, score } = assess(data, profile)
      assert.isAtMost(low, score)
      assert.isAtMost(score, high)
      assert.isAtLeast(low, 0)
      assert.isAtMost(high, 100 + margin)
      assert.isAtMost(low, range.low)
      assert.isAtMost(high, range.high)
      assert.isTrue(coverage >= 0 && coverage <= 1 + margin)
    },
    many
  )

  it.prop(
    "contributions, prior and cap sum to the score; what is missing and what contributes are all the signals that weigh",
    [profile, values],
    ([profile, data]) => {
      const { cap, contributions, missing, prior, score } = assess(data, profile)
      const points = contributions.reduce((sum, { points }) => sum + points, 0)
      assert.closeTo(points + prior + cap, score, margin)
      assert.isAtMost(cap, 0)
      for (const { points, reliability, value, weight } of contributions) {
        assert.closeTo(points, 100 * weight * reliability * value, margin)
      }
      const isJudged = data.relevance !== undefined
      const weighs = (signal: Signal) =>
        signal === "relevance"
          ? isJudged && profile.relevance > 0
          : profile.weights[signal] > 0 && (!isJudged || profile.relevance < 1)
      assert.sameMembers(
        [...contributions, ...missing].map(({ signal }) => signal),
        Signal.literals.filter(weighs)
      )
    },
    many
  )

  it.prop(
    "absence is not zero: what is unknown leaves the range open, and the worst that it can be is its lower end",
    [values, FastCheck.constantFrom(...Datum.literals)],
    ([data, datum]) => {
      const without = omit(data, datum)
      const { contributions, high, low, missing, score } = assess(without)
      for (const { signal } of missing) {
        assert.isUndefined(contributions.find((one) => one.signal === signal))
      }
      const open = missing.reduce(
        (sum, { signal }) =>
          signal === "relevance"
            ? sum
            : sum + standard.weights[signal] * (without.relevance === undefined ? 1 : 1 - standard.relevance),
        0
      )
      const { range } = assess(without)
      assert.isAtLeast(range.high - range.low, 100 * open - margin)
      if (open > 0 && range.low === low && range.high === high) {
        assert.isAbove(score, low)
        assert.isBelow(score, high)
      }
    },
    many
  )

  it("a value of zero is known, and worse than none", () => {
    const { domainRating, ...without } = blog
    assert.isAbove(domainRating, 0)
    for (const datum of ["organicTraffic", "trustFlow"] as const) {
      const { [datum]: _, ...rest } = blog
      assert.isBelow(assess({ ...rest, [datum]: 0 }).score, assess(rest).score)
      assert.isBelow(assess({ ...rest, [datum]: 0 }).high, assess(rest).high)
    }
    assert.deepStrictEqual(assess({ ...without, domainRating: 0 }).verdict, { _tag: "Rejected", by: ["authority"] })
    assert.strictEqual(assess(without).verdict._tag, "NeedsData")
  })

  it.prop(
    "a datum more narrows the range before caps, on both sides",
    [profile, values, allValues, datum],
    ([profile, data, all, datum]) => {
      const before = assess(data, profile).range
      const after = assess(completed(data, { [datum]: all[datum] }), profile).range
      assert.isAtLeast(after.low, before.low - margin)
      assert.isAtMost(after.high, before.high + margin)
    },
    many
  )

  it.prop(
    "a decided verdict stays, whatever the missing data turn out to be; a look at it may still be asked for",
    [profile, values, values],
    ([profile, data, more]) => {
      const before = assess(data, profile).verdict._tag
      const after = assess(completed(data, more), profile).verdict._tag
      if (before === "Rejected" || before === "Review") assert.strictEqual(after, before)
      if (before === "Qualified") assert.include(["Qualified", "Review"], after)
    },
    { fastCheck: { numRuns: 3_000, seed: 8 } }
  )

  it.prop(
    "nothing is rejected by what is unknown: a known value is outside of its gate, or the best that can still come is too low",
    [profile, values],
    ([profile, data]) => {
      const { gates, range, verdict } = assess(data, profile)
      if (verdict._tag !== "Rejected") return
      for (const by of verdict.by) {
        if (by === "score") assert.isBelow(range.high, profile.qualifiedFrom)
        else
          assert.include(
            gates.find(({ gate }) => gate === by),
            { outcome: "fail" }
          )
      }
      assert.isAbove(verdict.by.length, 0)
    },
    many
  )

  it.prop(
    "nothing qualifies by what is unknown: each gate is passed, and the worst that can still come is enough",
    [profile, values],
    ([profile, data]) => {
      const { gates, markers, range, verdict } = assess(data, profile)
      const isEnough = range.low >= profile.qualifiedFrom && gates.every(({ outcome }) => outcome === "pass")
      assert.strictEqual(verdict._tag === "Qualified" || verdict._tag === "Review", isEnough)
      if (isEnough) assert.strictEqual(verdict._tag === "Review", markers.length >= profile.review.markers)
    },
    many
  )

  it.prop(
    "why something is missing changes no number and no verdict",
    [profile, values, missing],
    ([profile, data, missing]) => {
      const { missing: _, ...plain } = assess(data, profile)
      const { missing: __, ...told } = Model.make(profile)(sheet(data, missing), target)
      assert.deepStrictEqual(told, plain)
    },
    many
  )

  it.prop(
    "the order of the data in the sheet is of no matter, nor what was assessed before",
    [profile, values, FastCheck.shuffledSubarray([...Datum.literals], { minLength: Datum.literals.length }), values],
    ([profile, data, order, other]) => {
      const shuffled: Values = Object.fromEntries(
        order.flatMap((datum) => (data[datum] === undefined ? [] : [[datum, data[datum]]]))
      )
      const once = Model.make(profile)
      once(sheet(other), target)
      assert.deepStrictEqual(once(sheet(shuffled), target), assess(data, profile))
    },
    many
  )

  // Of the prior: two flows that leave noise have a ratio of 1 at least, worth 0.8.
  it.prop(
    "more Trust Flow never lowers the low end, nor the score where the prior is 0.8 at most, and adds no marker",
    [profile, values, arbitraries.trustFlow, arbitraries.trustFlow],
    ([profile, data, one, other]) => {
      const of = { ...profile, prior: Math.min(profile.prior, 0.8) }
      const less = assess({ ...data, trustFlow: Math.min(one, other) }, of)
      const more = assess({ ...data, trustFlow: Math.max(one, other) }, of)
      assert.isAtLeast(more.low, less.low - margin)
      assert.isAtLeast(more.score, less.score - margin)
      assert.includeMembers(markersOf(less), markersOf(more))
    },
    many
  )

  it.prop(
    "more organic traffic never lowers low, score and high, adds no marker, and makes no verdict worse",
    [profile, values, arbitraries.organicTraffic, arbitraries.organicTraffic],
    ([profile, data, one, other]) => {
      const less = assess({ ...data, organicTraffic: Math.min(one, other) }, profile)
      const more = assess({ ...data, organicTraffic: Math.max(one, other) }, profile)
      assert.isAtLeast(more.low, less.low - margin)
      assert.isAtLeast(more.score, less.score - margin)
      assert.isAtLeast(more.high, less.high - margin)
      assert.includeMembers(markersOf(less), markersOf(more))
      if (less.verdict._tag === "Qualified") assert.strictEqual(more.verdict._tag, "Qualified")
      if (more.verdict._tag === "Rejected") assert.strictEqual(less.verdict._tag, "Rejected")
    },
    many
  )

  it.prop(
    "Domain InLink Rank changes nothing where a Domain Rating is known, and is not taken for one where it is not",
    [profile, allValues],
    ([profile, { domainInlinkRank, ...data }]) => {
      assert.deepStrictEqual(assess({ ...data, domainInlinkRank }, profile), assess(data, profile))
      const { domainRating: _, ...unrated } = data
      const ranked = assess({ ...unrated, domainInlinkRank }, profile)
      assert.include(ranked.gates[0], { datum: "domainInlinkRank", value: domainInlinkRank })
    },
    many
  )

  it("relevance takes its weight, and the others shrink", () => {
    const plain = assess(blog)
    const judged = assess({ ...blog, relevance: 1 })
    assert.closeTo(judged.score, 35 + 0.65 * plain.score, margin)
    assert.closeTo(assess({ ...blog, relevance: 0 }).score, 0.65 * plain.score, margin)
    assert.closeTo(assess({ relevance: 0.5 }).score, 17.5 + 65 * 0.45, margin)
  })
})

const markersOf = ({ markers }: Model.Assessment) => markers.map(({ marker }) => marker)

describe("markers", () => {
  it.each<readonly [marker: Model.Marker["marker"], without: Values, beyond: Values]>([
    ["flow_ratio", { trustFlow: 6, citationFlow: 20 }, { trustFlow: 5.99, citationFlow: 20 }],
    ["flow_ratio", { trustFlow: 0, citationFlow: 4.99 }, { trustFlow: 0, citationFlow: 5 }],
    [
      "little_traffic_for_links",
      { organicTraffic: 0, referringDomains: 200 },
      { organicTraffic: 0, referringDomains: 201 }
    ],
    [
      "too_many_followed",
      { dofollowReferringDomains: 97, referringDomains: 100 },
      { dofollowReferringDomains: 98, referringDomains: 100 }
    ],
    ["few_subnets", { referringSubnets: 10, referringDomains: 100 }, { referringSubnets: 10, referringDomains: 101 }],
    ["links_out", { linkedDomains: 500, referringDomains: 1 }, { linkedDomains: 501, referringDomains: 1 }],
    ["links_out", { linkedDomains: 1_000, referringDomains: 100 }, { linkedDomains: 1_001, referringDomains: 100 }]
  ])("%s", (marker, without, beyond) => {
    assert.deepStrictEqual(markersOf(assess(without)), [])
    assert.deepStrictEqual(markersOf(assess(beyond)), [marker])
  })

  it("of the profile: a top level, a list in any spelling", () => {
    const of = (review: Partial<Profile["review"]>) => ({
      ...standard,
      review: { ...standard.review, ...review }
    })
    assert.deepStrictEqual(markersOf(assess({}, of({ tlds: ["com"] }))), ["tld"])
    assert.deepStrictEqual(markersOf(assess({}, of({ tlds: ["om", "example.com"] }))), [])
    for (const spelling of ["example.com", "https://www.Example.com/a", "blog.example.com"]) {
      assert.deepStrictEqual(markersOf(assess({}, of({ spam: [spelling] }))), ["spam_list"], spelling)
    }
    assert.deepStrictEqual(markersOf(assess({}, of({ spam: ["example.org"] }))), [])
  })

  it("one is a note, two cap and ask for a look, none rejects", () => {
    const one = { ...blog, referringSubnets: 10 }
    const two = { ...one, linkedDomains: 1_000_000 }
    assert.strictEqual(assess(one).verdict._tag, "Qualified")
    assert.strictEqual(assess(one).score, assess(blog).score)
    assert.deepStrictEqual(assess(two).verdict, { _tag: "Review", markers: ["few_subnets", "links_out"] })
    assert.include(assess(two), { score: 40, low: 40, high: 40 })
  })

  it.prop(
    "the more is known the more markers there are",
    [values, values],
    ([data, more]) => {
      assert.includeMembers(markersOf(assess(completed(data, more))), markersOf(assess(data)))
    },
    many
  )
})

describe("missing", () => {
  const reasons = (data: Values, missing: Parameters<typeof sheet>[1]) =>
    Object.fromEntries(
      Model.make(standard)(sheet(data, missing), target).missing.map(({ reason, signal }) => [signal, reason])
    )

  it("tells why, by the data of the signal", () => {
    assert.deepStrictEqual(
      reasons({ organicTraffic: 5 }, { citationFlow: "NotSupported", referringDomains: "NoData" }),
      {
        authority: "NotAsked",
        trust: "NotSupported",
        breadth: "NoData",
        sanity: "NoData",
        followShare: "NoData"
      }
    )
  })

  it("a ratio over nothing is undefined, not 0", () => {
    assert.deepStrictEqual(
      reasons(
        { ...blog, citationFlow: 0, referringDomains: 0, dofollowReferringDomains: 0 },
        { referringSubnets: "NoData" }
      ),
      { trust: "Undefined", sanity: "Undefined", followShare: "Undefined" }
    )
  })

  it.prop(
    "is exactly what is not measured",
    [values],
    ([data]) => {
      const known = sheet(data).known
      const { missing } = assess(data)
      assert.deepStrictEqual(
        missing.map(({ signal }) => signal),
        Signal.literals.filter((signal) => signal !== "relevance" && (measure[signal](known) ?? null) === null)
      )
    },
    many
  )
})
