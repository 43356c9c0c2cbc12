import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { Profile, standard } from "../../src/scoring/profile.js"
import { many, profile } from "./sheets.js"

/** Paths that are wrong, `path: message`. */
const wrong = (value: unknown): ReadonlyArray<string> =>
  Either.match(Schema.decodeUnknownEither(Profile, { errors: "all" })(value), {
    onRight: () => [],
    onLeft: (error) =>
      ParseResult.ArrayFormatter.formatErrorSync(error).map(({ message, path }) => `${path.join(".")}: ${message}`)
  })
const json = (value: Profile): unknown => JSON.parse(JSON.stringify(Schema.encodeSync(Profile)(value)))

describe("JSON", () => {
  it("standard comes back", () => {
    assert.deepStrictEqual(Schema.decodeUnknownSync(Profile)(json(standard)), standard)
    assert.deepStrictEqual(json(standard), standard)
  })

  it.prop(
    "any profile comes back",
    [profile],
    ([profile]) => {
      assert.deepStrictEqual(Schema.decodeUnknownSync(Profile)(json(profile)), profile)
    },
    many
  )
})

describe("weights", () => {
  it.each([0.3 - 1e-6, 0.3 + 1e-6, 0, 1, NaN, -0.3, "0.3", null])("authority %s is refused", (authority) => {
    assert.isAbove(wrong({ ...standard, weights: { ...standard.weights, authority } }).length, 0)
  })

  it("must sum to 1, to the last bits", () => {
    const weights = { ...standard.weights, authority: 0.2, trust: 0.25 }
    assert.deepStrictEqual(wrong({ ...standard, weights }), ["weights: the weights must sum to 1"])
    const thirds = { authority: 0.1, trust: 0.2, reach: 0.3, breadth: 0.4 - 0.1, sanity: 0.1, followShare: 0 }
    assert.deepStrictEqual(wrong({ ...standard, weights: thirds }), [])
  })

  it("one that is left out is no 0", () => {
    const { followShare: _, ...rest } = standard.weights
    assert.isAbove(wrong({ ...standard, weights: { ...rest, authority: 0.35 } }).length, 0)
  })
})

describe("bands", () => {
  it.each([
    [30, 30],
    [90, 30],
    [-1, 90],
    [30, 101],
    [NaN, 90],
    [30, NaN]
  ])("from %d to %d is refused", (from, to) => {
    for (const gate of ["domainRating", "domainInlinkRank"]) {
      const problems = wrong({ ...standard, gates: { ...standard.gates, [gate]: { from, to } } })
      assert.isAbove(problems.length, 0)
      for (const problem of problems) assert.include(problem, `gates.${gate}`)
    }
  })

  it("must begin below its end, and says so", () => {
    assert.deepStrictEqual(wrong({ ...standard, gates: { ...standard.gates, domainRating: { from: 90, to: 30 } } }), [
      "gates.domainRating: a band must begin below its end"
    ])
    assert.deepStrictEqual(wrong({ ...standard, gates: { ...standard.gates, domainRating: { from: 0, to: 100 } } }), [])
  })
})

describe("the rest", () => {
  it.each<readonly [path: string, profile: unknown]>([
    ["name", { ...standard, name: "" }],
    ["version", { ...standard, version: "" }],
    ["relevance", { ...standard, relevance: 1.1 }],
    ["prior", { ...standard, prior: -0.1 }],
    ["qualifiedFrom", { ...standard, qualifiedFrom: 100.1 }],
    ["gates.organicTraffic", { ...standard, gates: { ...standard.gates, organicTraffic: -1 } }],
    ["gates.rounding", { ...standard, gates: { ...standard.gates, rounding: "up" } }],
    ["review.markers", { ...standard, review: { ...standard.review, markers: 0 } }],
    ["review.markers", { ...standard, review: { ...standard.review, markers: 1.5 } }],
    ["review.cap", { ...standard, review: { ...standard.review, cap: 101 } }],
    // They would match nothing, and nobody would notice.
    ["review.spam.0", { ...standard, review: { ...standard.review, spam: ["no site"] } }],
    ["review.tlds.0", { ...standard, review: { ...standard.review, tlds: [".xyz"] } }],
    ["review.tlds.1", { ...standard, review: { ...standard.review, tlds: ["xyz", "XYZ"] } }],
    ["exclude.tlds.0", { ...standard, exclude: { ...standard.exclude, tlds: ["co.uk"] } }],
    ["exclude.tlds.0", { ...standard, exclude: { ...standard.exclude, tlds: ["рф"] } }]
  ])("%s", (path, profile) => {
    const problems = wrong(profile)
    assert.strictEqual(problems.length, path === "gates.rounding" ? 2 : 1, problems.join("; "))
    for (const problem of problems) assert.isTrue(problem.startsWith(`${path}: `), problem)
  })
})
