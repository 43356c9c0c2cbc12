import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Answers from "../../src/cli/answers.js"
import { type ScoredProspect, summarize } from "../../src/ProspectScorer.js"
import { InvalidKey } from "../../src/ProviderError.js"
import { scored } from "../support/scored.js"

const run: Answers.Run = { isSimulated: false, isInterrupted: false, inputs: 10 }

/** One of the prospects, with what a test needs of it. */
const prospectWith = (some: Partial<ScoredProspect>) =>
  Effect.map(scored(), ({ prospects }): ScoredProspect => {
    const known = prospects.find(({ assessment }) => assessment !== null)
    return known === undefined ? assert.fail("nothing was scored") : { ...known, ...some }
  })

describe("reasonOf", () => {
  it.live("has words for every verdict", () =>
    Effect.gen(function* () {
      const { prospects } = yield* scored()
      for (const prospect of prospects) {
        const reason = Answers.reasonOf(prospect)
        const { _tag } = prospect.verdict
        if (_tag === "Qualified") assert.strictEqual(reason, "")
        else assert.isAbove(reason.length, 5, _tag)
      }
      const tags = new Set(prospects.map(({ verdict }) => verdict._tag))
      assert.includeMembers([...tags], ["Rejected", "NeedsData", "Excluded"])
    })
  )

  it.live("tells the gate that failed, or the score that is too low", () =>
    Effect.gen(function* () {
      const gate = {
        gate: "authority",
        datum: "domainRating",
        rule: "30 <= Domain Rating < 90",
        isNear: false
      } as const
      const rejected = yield* prospectWith({ verdict: { _tag: "Rejected", by: ["authority"] }, high: 41.239 })
      const assessment = rejected.assessment!
      const failed = { ...assessment, gates: [{ ...gate, value: 0, outcome: "fail" as const }] }
      assert.strictEqual(Answers.reasonOf({ ...rejected, assessment: failed }), "0 is not 30 <= Domain Rating < 90")
      const passed = { ...assessment, gates: [{ ...gate, value: 50, outcome: "pass" as const }] }
      assert.strictEqual(
        Answers.reasonOf({ ...rejected, assessment: passed }),
        "a score of 41.24 at the most is too low"
      )
    })
  )

  it.live("tells what is not known, and why", () =>
    Effect.gen(function* () {
      const open = yield* prospectWith({ verdict: { _tag: "NeedsData" }, data: {} } as Partial<ScoredProspect>)
      const assessment = {
        ...open.assessment!,
        gates: [
          {
            gate: "authority" as const,
            datum: "domainRating" as const,
            value: null,
            rule: "",
            outcome: "unknown" as const,
            isNear: false
          }
        ],
        missing: [{ signal: "trust" as const, reason: "OutOfBudget" as const }]
      }
      assert.strictEqual(Answers.reasonOf({ ...open, assessment }), "no Domain Rating, trust (out of budget)")
    })
  )
})

describe("a price that nobody states", () => {
  it.live("is never 0", () =>
    Effect.gen(function* () {
      const prospect = yield* prospectWith({
        cost: [{ provider: "se_ranking", unit: "row_credits", amount: null }],
        duplicateOf: null
      })
      const [header, record] = Answers.csvFile([prospect]).split("\n")
      const names = header?.split(",") ?? []
      assert.strictEqual(record?.split(",").at(names.indexOf("cost_se_ranking") - names.length), "not stated")
      const spent = [{ provider: "se_ranking", unit: "row_credits", spent: 0, saved: 7, unpriced: 1 } as const]
      const text = Answers.table(false).summary(summarize([prospect], { spent, failures: [] }), run, [prospect])
      assert.include(
        text,
        "Cost: SE Ranking charged 0 row credits, and what 1 fact without a stated price cost; what was known had cost 7 row credits.\n"
      )
    })
  )
})

describe("the summary", () => {
  it.live("tells an interruption, a simulation, and failures whose texts are shown, never obeyed", () =>
    Effect.gen(function* () {
      const { prospects } = yield* scored()
      const error = new InvalidKey({
        provider: "ahrefs",
        operation: "getDomainMetrics",
        message: "no\u001b[2J\nmore"
      })
      const failures = [{ provider: "ahrefs", operation: "getDomainMetrics", error, sites: 1 } as const]
      const spent = [{ provider: "ahrefs", unit: "api_units", spent: 1_200, saved: 0, unpriced: 0 } as const]
      const summary = summarize(prospects, { spent, failures })
      const text = Answers.table(false).summary(summary, { ...run, isInterrupted: true, isSimulated: true }, prospects)
      assert.include(text, `\nInterrupted: ${prospects.length} of 10 answered.\n`)
      assert.include(text, "\nCost: nothing.\nAhrefs would have charged 1,200 API units.\n")
      assert.include(text, "\nFailed: Ahrefs, getDomainMetrics, 1 site: InvalidKey: no␛[2J␊more\n")
      const json = JSON.parse(Answers.json.summary(summary, { ...run, isInterrupted: true }, prospects)) as unknown
      assert.deepNestedInclude(json, { interrupted: true, simulated: false, "failures[0].error": "InvalidKey" })
    })
  )
})

describe("the table", () => {
  it.live("shows the Unicode form, a line for each prospect however long its input is", () =>
    Effect.gen(function* () {
      const known = yield* prospectWith({ input: "x".repeat(1_000_000), verdict: { _tag: "Qualified" } } as never)
      const prospect = { ...known, target: "xn--mnchen-3ya.de" as ScoredProspect["target"] }
      const plain = Answers.table(false).rows([prospect, prospect])
      assert.match(plain, /^x{27}… +münchen\.de +[\d.-]+ +\d+ +\d+-\d+ +Qualified\n/)
      assert.strictEqual(plain.split("\n").length, 3)
      assert.strictEqual(Answers.table(true).rows([]), "")
    })
  )
})
