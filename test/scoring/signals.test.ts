import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { Datum, isInRange, scales } from "../../src/scoring/data.js"
import { flowRatio, measure, needs, Signal, trafficForLinks } from "../../src/scoring/signals.js"
import { many, sheet, type Values, values } from "./sheets.js"

const measured = (signal: Signal, data: Values) => measure[signal](sheet(data).known)
const valueOf = (signal: Signal, data: Values): number => {
  const found = measured(signal, data)
  if (found === undefined || found === null) throw new Error(`${signal} is not measured`)
  return found.value
}
const near = (actual: number, expected: number, about = "") => assert.closeTo(actual, expected, 5e-3, about)

describe("curves", () => {
  it.each<readonly [signal: Signal, datum: Datum, knots: ReadonlyArray<readonly [number, number]>]>([
    [
      "authority",
      "domainRating",
      [
        [0, 0],
        [10, 0.05],
        [20, 0.225],
        [30, 0.4],
        [45, 0.8],
        [50, 0.9],
        [55, 1],
        [75, 1],
        [85, 0.85],
        [90, 0.6],
        [100, 0.3]
      ]
    ],
    [
      "authority",
      "domainInlinkRank",
      [
        [0, 0],
        [10, 0.05],
        [25, 0.4],
        [40, 0.8],
        [55, 1],
        [75, 1],
        [90, 0.6],
        [100, 0.3]
      ]
    ],
    [
      "reach",
      "organicTraffic",
      [
        [0, 0],
        [99, 0],
        [999, 1 / 3],
        [9_999, 2 / 3],
        [99_999, 1],
        [1e9, 1]
      ]
    ],
    [
      "breadth",
      "referringDomains",
      [
        [0, 0],
        [9, 0],
        [99, 1 / 3],
        [9_999, 1],
        [1e9, 1]
      ]
    ],
    [
      "relevance",
      "relevance",
      [
        [0, 0],
        [0.5, 0.5],
        [1, 1]
      ]
    ]
  ])("%s of %s", (signal, datum, knots) => {
    for (const [at, expected] of knots) {
      near(valueOf(signal, { [datum]: at }), expected, `${at}`)
      assert.deepStrictEqual(measured(signal, { [datum]: at })?.from, [datum])
    }
  })

  it("trust follows the percentiles of the ratio", () => {
    for (const [trustFlow, expected] of [
      [0, 0],
      [10.1, 0.02],
      [15.2, 0.08],
      [30.4, 0.25],
      [50, 0.47],
      [55.2, 0.5],
      [91.7, 0.75],
      [100, 0.8]
    ] as const) {
      near(valueOf("trust", { trustFlow, citationFlow: 100 }), expected, `${trustFlow}`)
    }
    near(valueOf("trust", { trustFlow: 60, citationFlow: 50 }), 1)
    near(valueOf("trust", { trustFlow: 90, citationFlow: 20 }), 1)
  })

  it("share of followed links: none is bad, too many are no good sign", () => {
    for (const [dofollowReferringDomains, expected] of [
      [0, 0],
      [20, 0.1],
      [50, 0.7],
      [60, 1],
      [92, 1],
      [100, 0.7],
      [150, 0.7]
    ] as const) {
      near(valueOf("followShare", { dofollowReferringDomains, referringDomains: 100 }), expected)
    }
  })

  it("sanity is traffic beside links", () => {
    near(valueOf("sanity", { organicTraffic: 999, referringDomains: 999 }), 1)
    near(valueOf("sanity", { organicTraffic: 40, referringDomains: 5_200 }), 0.129)
    near(valueOf("sanity", { organicTraffic: 0, referringDomains: 5_200 }), 0)
    assert.isNull(trafficForLinks(10, 0))
  })
})

describe("absence", () => {
  it("Citation Flow 0: a ratio over nothing is none; Trust Flow 0 over some is 0, measured", () => {
    assert.isNull(flowRatio(10, 0))
    assert.isNull(flowRatio(0, 0))
    assert.isNull(flowRatio(90, Number.MIN_VALUE))
    assert.strictEqual(flowRatio(0, 20), 0)
    assert.isNull(measured("trust", { trustFlow: 10, citationFlow: 0 }))
    assert.deepStrictEqual(measured("trust", { trustFlow: 0, citationFlow: 20 }), {
      value: 0,
      reliability: 1,
      from: ["trustFlow", "citationFlow"]
    })
  })

  it("flows below 5 carry no weight, and a small Citation Flow little", () => {
    for (const [trustFlow, citationFlow, reliability] of [
      [4.99, 4.99, 0],
      [0, 4.99, 0],
      [5, 3, 0.2],
      [0, 5, 1 / 3],
      [5, 15, 1],
      [5, 90, 1]
    ] as const) {
      near(measured("trust", { trustFlow, citationFlow })?.reliability ?? NaN, reliability, `${trustFlow}`)
    }
  })

  it("no referring domains: nothing to set beside", () => {
    const none = { organicTraffic: 10, referringDomains: 0, dofollowReferringDomains: 0 }
    assert.isNull(measured("sanity", none))
    assert.isNull(measured("followShare", none))
    assert.strictEqual(valueOf("breadth", none), 0)
  })

  it.prop(
    "a signal is measured or undefined exactly where what it needs is known, and is between 0 and 1",
    [values],
    ([data]) => {
      for (const signal of Signal.literals) {
        const isWhole = needs[signal].some((some) => some.every((datum) => data[datum] !== undefined))
        const found = measured(signal, data)
        assert.strictEqual(found !== undefined, isWhole, signal)
        if (found === undefined || found === null) continue
        assert.isTrue(found.value >= 0 && found.value <= 1, `${signal} ${found.value}`)
        assert.isTrue(found.reliability >= 0 && found.reliability <= 1, `${signal} ${found.reliability}`)
        assert.isTrue(needs[signal].some((some) => some.join() === found.from.join()))
      }
    },
    many
  )

  it.prop(
    "Domain InLink Rank says nothing where a Domain Rating is known",
    [values, FastCheck.double({ min: 0, max: 100, noNaN: true })],
    ([data, domainRating]) => {
      const { domainInlinkRank: _, ...rest } = data
      assert.deepStrictEqual(
        measured("authority", { ...data, domainRating }),
        measured("authority", { ...rest, domainRating })
      )
    },
    many
  )

  it("the two ratings have curves of their own", () => {
    assert.notStrictEqual(valueOf("authority", { domainRating: 27 }), valueOf("authority", { domainInlinkRank: 27 }))
  })
})

describe("data", () => {
  it("each datum has a scale, and the ratings do not share one", () => {
    assert.sameMembers(Object.keys(scales), [...Datum.literals])
    const rated = [scales.domainRating, scales.domainInlinkRank, scales.trustFlow, scales.citationFlow]
    assert.strictEqual(new Set<string>(rated).size, rated.length)
  })

  it("what is no number, or out of its range, is none", () => {
    for (const datum of Datum.literals) {
      for (const value of [NaN, -1, -1e-9, Infinity, -Infinity, "50", "", null, undefined, true, 1n, [1]]) {
        assert.isFalse(isInRange(datum, value), `${datum} ${String(value)}`)
      }
      assert.isTrue(isInRange(datum, 0))
      assert.isTrue(isInRange(datum, 1))
    }
    for (const datum of ["domainRating", "domainInlinkRank", "trustFlow", "citationFlow"] as const) {
      assert.isTrue(isInRange(datum, 100))
      assert.isFalse(isInRange(datum, 100.0001))
    }
    assert.isTrue(isInRange("organicTraffic", 1e9))
    assert.isFalse(isInRange("relevance", 1.0001))
  })
})
