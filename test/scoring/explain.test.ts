import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { type Datum, MissingReason, type Observed, type Sheet } from "../../src/scoring/data.js"
import { explain } from "../../src/scoring/explain.js"
import * as Model from "../../src/scoring/model.js"
import { type Profile, standard } from "../../src/scoring/profile.js"
import { flowRatio } from "../../src/scoring/signals.js"
import { blog, datum, farm, many, missing, observed, profile, sheet, values } from "./sheets.js"

const now = Date.UTC(2026, 0, 31)
const hour = 3_600_000

const explained = (sheet: Sheet, of: Profile = standard, at = now): string => {
  const { high, low, score, verdict, ...assessment } = Model.make(of)(sheet, "example.com")
  const { citationFlow, trustFlow } = sheet.known
  const ratio = citationFlow && trustFlow ? flowRatio(trustFlow.value, citationFlow.value) : null
  const flows = ratio === null ? null : ({ _tag: "Ratio", ratio, label: "caution" } as const)
  return explain({ verdict, score, low, high, assessment, data: sheet.known, flows }, at)
}

describe("texts", () => {
  it("what it stands on, with source and age", () => {
    const { known } = sheet(blog)
    const domainRating = observed(52, { source: "ahrefs", operation: "getMetrics", observedAt: now - 3 * hour })
    assert.strictEqual(
      explained({ known: { ...known, domainRating }, missing: {} }),
      "Qualified, score 83 (83 to 83). Domain Rating 52 (Ahrefs, 3 h old) passes 30 <= Domain Rating < 90. " +
        "18k organic visits a month; 1.4k referring domains; Trust Flow over Citation Flow 0.82 (caution)."
    )
  })

  it("what is unknown, and why", () => {
    assert.strictEqual(
      explained(sheet({ domainInlinkRank: 24 }, { domainRating: "NoData", trustFlow: "NotSupported" })),
      "Rejected by authority, score 43 (11 to 81). Domain InLink Rank 24 (imported) fails 25 <= Domain InLink Rank < 90. " +
        "Unknown: trust (no integration has it), reach (not asked), breadth (not asked), " +
        "traffic for its links (not asked), share of followed links (not asked)."
    )
    assert.include(explained(sheet({})), "Undecided, score 45 (0 to 100). Domain Rating is unknown (30 <= Domain")
  })

  it("risks, with their evidence", () => {
    const text = explained(sheet(farm))
    assert.include(text, "To be looked at for 3 risk markers, score 40 (40 to 40).")
    assert.include(
      text,
      "Risk: Trust Flow 9 over Citation Flow 47 is 0.19; 40 visits a month for 5200 referring domains; 99 % of the"
    )
    const strict = { ...standard, review: { ...standard.review, markers: 1 } }
    const one = explained(sheet({ ...blog, referringSubnets: 10 }), strict)
    assert.include(one, "To be looked at for 1 risk marker, score 40")
  })

  it("rejected by several", () => {
    const gated = { ...standard, gates: { ...standard.gates, organicTraffic: 500 } }
    assert.include(
      explained(sheet({ domainRating: 9, organicTraffic: 0 }), gated),
      "Rejected by authority and traffic, score"
    )
  })

  it("who is excluded has no score", () => {
    const verdict = { _tag: "Excluded", reason: "own", message: "example.com is one's own site" } as const
    assert.strictEqual(
      explain({ verdict, score: null, low: null, high: null, assessment: null, data: {}, flows: null }, now),
      "Excluded: example.com is one's own site."
    )
  })

  it.each([
    [0, "new"],
    [hour - 1, "new"],
    [hour, "1 h old"],
    [48 * hour - 1, "47 h old"],
    [48 * hour, "2 days old"],
    [31 * 24 * hour, "31 days old"],
    // A clock that runs ahead elsewhere.
    [-hour, "new"]
  ] as const)("an age of %d ms: %s", (age, text) => {
    const domainRating = observed(52, { source: "se_ranking", observedAt: now - age })
    assert.include(explained({ known: { domainRating }, missing: {} }), `Domain Rating 52 (SE Ranking, ${text}) passes`)
  })
})

const source: FastCheck.Arbitrary<Partial<Observed>> = FastCheck.option(
  FastCheck.record({
    source: FastCheck.constantFrom<"ahrefs" | "se_ranking">("ahrefs", "se_ranking"),
    observedAt: FastCheck.integer({ min: now - 1_000 * 24 * hour, max: now + hour })
  })
).map((some) => some ?? {})

describe("laws", () => {
  it.prop(
    "no text shows the inside",
    [profile, values, missing, source],
    ([profile, values, missing, source]) => {
      const known = Object.fromEntries(Object.entries(values).map(([datum, value]) => [datum, observed(value, source)]))
      const text = explained({ known, missing }, profile)
      assert.notMatch(text, /undefined|NaN|null|Infinity|\[object|_[a-z]|\(\)| {2}|\.\.|,,|; ;/)
      assert.match(text, /^[A-Z].*\.$/)
    },
    many
  )

  it.prop(
    "what is unknown has no figure, and is called unknown with its reason",
    [values, datum, FastCheck.constantFrom(...MissingReason.literals)],
    ([values, datum, reason]) => {
      const { [datum]: _, ...without } = values
      const text = explained(sheet(without, { [datum]: reason }))
      const figures: { readonly [D in Datum]?: RegExp } = {
        domainRating: /Domain Rating [\d.]/,
        domainInlinkRank: /Domain InLink Rank [\d.]/,
        organicTraffic: /[\dk] (organic )?visits a month/,
        referringDomains: /[\dk] referring domains/,
        trustFlow: /Trust Flow( over Citation Flow)? [\d.]/,
        citationFlow: /Citation Flow [\d.]/
      }
      const figure = figures[datum]
      if (figure !== undefined) assert.notMatch(text, figure)
      if (datum === "domainRating" && values.domainInlinkRank === undefined) {
        assert.include(text, "Domain Rating is unknown (")
      }
      const signals: { readonly [D in Datum]?: string } = {
        trustFlow: "trust (",
        citationFlow: "trust (",
        organicTraffic: "reach (",
        referringDomains: "breadth (",
        dofollowReferringDomains: "share of followed links ("
      }
      const signal = signals[datum]
      if (signal !== undefined) assert.include(text.slice(text.indexOf("Unknown: ")), signal)
    },
    many
  )
})
