import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Gates from "../../src/scoring/gates.js"
import { type Profile, standard } from "../../src/scoring/profile.js"
import { allValues, many, sheet, type Values, values } from "./sheets.js"

const profile = (gates: Partial<Profile["gates"]>): Profile => ({
  ...standard,
  gates: { ...standard.gates, ...gates }
})
const authority = (data: Values, gates: Partial<Profile["gates"]> = {}) => Gates.make(profile(gates))(sheet(data))[0]!

describe("authority", () => {
  it.each<readonly [rounding: Profile["gates"]["rounding"], rating: number, outcome: Gates.Gate["outcome"]]>([
    ["raw", 0, "fail"],
    ["raw", 29.4999, "fail"],
    ["raw", 29.5, "fail"],
    ["raw", 29.9999, "fail"],
    ["raw", 30, "pass"],
    ["raw", 89.5, "pass"],
    ["raw", 89.9999, "pass"],
    ["raw", 90, "fail"],
    ["raw", 100, "fail"],
    ["ui", 29.4999, "fail"],
    ["ui", 29.5, "pass"],
    ["ui", 29.9999, "pass"],
    ["ui", 30, "pass"],
    ["ui", 89.4999, "pass"],
    ["ui", 89.5, "fail"],
    ["ui", 89.9999, "fail"],
    ["ui", 90, "fail"]
  ])("%s: a Domain Rating of %d: %s", (rounding, domainRating, outcome) => {
    const gate = authority({ domainRating }, { rounding })
    assert.deepInclude(gate, { gate: "authority", datum: "domainRating", value: domainRating, outcome })
    assert.strictEqual(gate.rule, "30 <= Domain Rating < 90")
  })

  it("Domain InLink Rank has its own band, and is never rounded nor converted", () => {
    for (const [rank, outcome] of [
      [24.9999, "fail"],
      [25, "pass"],
      [27, "pass"],
      [89.9999, "pass"],
      [90, "fail"]
    ] as const) {
      for (const rounding of ["raw", "ui"] as const) {
        assert.deepInclude(authority({ domainInlinkRank: rank }, { rounding }), {
          datum: "domainInlinkRank",
          value: rank,
          rule: "25 <= Domain InLink Rank < 90",
          outcome
        })
      }
    }
  })

  it.prop(
    "Domain InLink Rank goes only where no Domain Rating is known",
    [allValues],
    ([{ domainInlinkRank, domainRating }]) => {
      assert.deepStrictEqual(authority({ domainInlinkRank, domainRating }), authority({ domainRating }))
      assert.include(authority({ domainInlinkRank }), { datum: "domainInlinkRank", value: domainInlinkRank })
    },
    many
  )

  it("is near within 1 of an end of its band, on both sides", () => {
    for (const [domainRating, isNear] of [
      [28.99, false],
      [29, true],
      [31, true],
      [31.01, false],
      [88.99, false],
      [89, true],
      [91, true],
      [91.01, false]
    ] as const) {
      assert.strictEqual(authority({ domainRating }).isNear, isNear, `${domainRating}`)
    }
    assert.isTrue(authority({ domainInlinkRank: 25.5 }).isNear)
    assert.isFalse(authority({ domainInlinkRank: 30 }).isNear)
    assert.isFalse(authority({}).isNear)
  })
})

describe("traffic", () => {
  const traffic = (data: Values, organicTraffic: number) =>
    Gates.make(profile({ organicTraffic }))(sheet(data)).filter(({ gate }) => gate === "traffic")

  it("is no gate where none is asked for", () => {
    assert.deepStrictEqual(traffic({ organicTraffic: 0 }, 0), [])
  })

  it.each([
    [999.9999, "fail"],
    [1_000, "pass"],
    [0, "fail"]
  ] as const)("%d of 1,000: %s", (organicTraffic, outcome) => {
    const gates = traffic({ organicTraffic }, 1_000)
    assert.deepStrictEqual(gates, [
      {
        gate: "traffic",
        datum: "organicTraffic",
        value: organicTraffic,
        rule: "organic visits a month >= 1000",
        outcome,
        isNear: false
      }
    ])
  })
})

it.prop(
  "an unknown value neither passes nor fails, a known one does one of them",
  [values, FastCheck.constantFrom(0, 500)],
  ([data, organicTraffic]) => {
    const isKnown = {
      authority: data.domainRating !== undefined || data.domainInlinkRank !== undefined,
      traffic: data.organicTraffic !== undefined
    }
    for (const { gate, outcome, value } of Gates.make(profile({ organicTraffic }))(sheet(data))) {
      assert.strictEqual(outcome !== "unknown", isKnown[gate])
      assert.strictEqual(value !== null, isKnown[gate])
    }
  },
  many
)
