import { assert, describe, it } from "@effect/vitest"
import { ofDomainRating, ofFlows, ofInlinkRank } from "../../src/cli/verdict.js"

describe("ofDomainRating", () => {
  it.each([
    [0, "too_weak"],
    [29.9999, "too_weak"],
    [30, "qualified"],
    [89.9999, "qualified"],
    [90, "too_strong"],
    [100, "too_strong"]
  ])("%d is %s", (rating, verdict) => {
    const judgement = ofDomainRating(rating)
    assert.strictEqual(judgement.verdict, verdict)
    assert.strictEqual(judgement.domainRating, rating)
    assert.strictEqual(judgement.reason === null, verdict === "qualified")
  })

  it("no rating is unknown, not 0", () => {
    assert.deepStrictEqual(ofDomainRating(null), {
      verdict: "unknown",
      domainRating: null,
      reason: "Ahrefs has no Domain Rating for this site"
    })
  })
})

describe("ofInlinkRank", () => {
  it.each([
    [24.9999, "too_weak"],
    [25, "qualified"],
    [89.9999, "qualified"],
    [90, "too_strong"]
  ] as const)("%d is %s on its own scale", (rank, verdict) => {
    assert.deepStrictEqual(ofInlinkRank(rank), {
      verdict,
      domainRating: null,
      reason: `domain InLink Rank ${rank} (SE Ranking's own scale, band 25-90); no Domain Rating`
    })
  })

  it("no rank is unknown", () => {
    assert.strictEqual(ofInlinkRank(null).verdict, "unknown")
  })
})

describe("ofFlows", () => {
  it.each([
    [
      { isKnown: true, trustFlow: 20, citationFlow: 39 },
      "Trust Flow 20, Citation Flow 39, ratio 0.51 (good: above 0.5 is)"
    ],
    [
      { isKnown: true, trustFlow: 20, citationFlow: 40 },
      "Trust Flow 20, Citation Flow 40, ratio 0.50 (not good: above 0.5 is)"
    ],
    [{ isKnown: true, trustFlow: 0, citationFlow: 0 }, "Trust Flow 0, Citation Flow 0, no ratio"],
    [{ isKnown: true, trustFlow: null, citationFlow: 10 }, "Trust Flow and Citation Flow were not measured"],
    [{ isKnown: false, trustFlow: null, citationFlow: null }, "SE Ranking has no data for this site"]
  ])("%j", (metrics, flows) => {
    assert.deepStrictEqual(ofFlows(metrics), {
      verdict: "unknown",
      domainRating: null,
      reason: `no Domain Rating on this contract; ${flows}`
    })
  })
})
