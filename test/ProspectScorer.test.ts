import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Provider } from "../src/Operation.js"
import * as ProspectScorer from "../src/ProspectScorer.js"
import * as Model from "../src/scoring/model.js"
import { standard } from "../src/scoring/profile.js"
import type { Fault } from "../src/testing/simulator.js"
import * as World from "../src/testing/world.js"
import { hasMembers } from "./support/assertions.js"
import { plansOf } from "./support/plans.js"
import * as Scorer from "./support/scorer.js"

const both = { ahrefs: {}, se_ranking: {} }
/** Links alone can decide. */
const lenient = { ...standard, qualifiedFrom: 40 }
const world = World.make({ seed: 1, facts: {} })

type Prospect = ProspectScorer.ScoredProspect
type Run = { readonly prospects: ReadonlyArray<Prospect>; readonly summary: ProspectScorer.Summary }

const tags = (prospects: ReadonlyArray<Prospect>) => prospects.map(({ verdict }) => verdict._tag)

/** What must not depend on where the data came from, or when. */
const judged = ({ high, inputsHash, low, score, target, verdict }: Prospect) => ({
  target,
  verdict,
  score,
  low,
  high,
  inputsHash
})
const bySite = (prospects: ReadonlyArray<Prospect>) =>
  prospects.map(judged).toSorted((a, b) => ((a.target ?? "") < (b.target ?? "") ? -1 : 1))

/** What the answers say they cost of a provider. */
const costOf = (prospects: ReadonlyArray<Prospect>, provider: Provider): number =>
  prospects.flatMap(({ cost }) => cost).reduce((sum, one) => sum + (one.provider === provider ? one.amount! : 0), 0)
const spentOf = ({ spent }: Pick<ProspectScorer.Summary, "spent">, provider: Provider): number =>
  spent.find((one) => one.provider === provider)!.spent

const asked = (simulator: { readonly requests: Effect.Effect<ReadonlyArray<unknown>> }) =>
  Effect.map(simulator.requests, ({ length }) => length)

/** Answers, summary and bills say the same. */
const isAccounted = (
  { prospects, summary }: Run,
  {
    ahrefs,
    majestic,
    seRanking
  }: Pick<Effect.Effect.Success<ReturnType<typeof Scorer.make>>, "ahrefs" | "majestic" | "seRanking">
) =>
  Effect.gen(function* () {
    for (const [provider, simulator] of [
      ["ahrefs", ahrefs],
      ["se_ranking", seRanking],
      ["majestic", majestic]
    ] as const) {
      const billed = yield* simulator.unitsBilled
      if (!summary.spent.some((one) => one.provider === provider)) {
        assert.strictEqual(billed, 0)
        continue
      }
      assert.approximately(spentOf(summary, provider), billed, 1e-6, `spent of ${provider}`)
      assert.approximately(costOf(prospects, provider), billed, 1e-6, `cost of ${provider}`)
    }
  })

const isWhole = (prospects: ReadonlyArray<Prospect>, inputs: ReadonlyArray<ProspectScorer.Input>) =>
  assert.deepStrictEqual(
    prospects.map(({ index, input }) => [index, input]),
    inputs.map((input, index) => [index, typeof input === "string" ? input : input.input])
  )

const forbidden: Fault = { _tag: "Html", status: 403 }

describe("economy", () => {
  it.scopedLive.each([
    ["the first thousand sites", 0, standard.qualifiedFrom, 1.05],
    ["the second thousand", 1_000, standard.qualifiedFrom, 1.05],
    ["a bar that links alone can pass", 0, lenient.qualifiedFrom, 1.1],
    ["a low bar", 0, 30, 1.1],
    ["a high bar", 0, 60, 1.05]
  ] as const)("buys no more than the best plan made in advance: %s", ([, from, qualifiedFrom, overForesight]) =>
    Effect.gen(function* () {
      const profile = { ...standard, qualifiedFrom }
      const setting = yield* Scorer.make({ providers: both })
      const sites = Scorer.sites(1_000, from)
      const run = yield* setting.scorer.scoreAll("acme", sites, { profile })
      const billed = yield* setting.ahrefs.unitsBilled
      const { best, foresight, passed } = plansOf(sites, profile)
      assert.isAtLeast(passed, 350)
      assert.isAtMost(passed, 430)
      assert.isAtMost(billed / best, 1.05)
      assert.isAtMost(billed / foresight, overForesight)
      assert.isBelow(billed, 150_000 / 15)
      yield* isAccounted(run, setting)
    })
  )
})

describe("three providers", () => {
  it.scopedLive("flows come from Majestic, a unit for each site that passes the gates, and once", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: { ...both, majestic: {} } })
      const { majestic, scorer } = setting
      const sites = Scorer.sites(1_000)
      const run = yield* scorer.scoreAll("acme", sites)
      isWhole(run.prospects, sites)
      yield* isAccounted(run, setting)
      const items = (yield* majestic.requests).flatMap(({ query }) =>
        query.flatMap(([name, value]) => (/^item\d/.test(name) ? [value] : []))
      )
      assert.isNotEmpty(items)
      assert.strictEqual(new Set(items).size, items.length)
      assert.strictEqual(yield* majestic.unitsBilled, items.length)
      const bought = new Set(items)
      for (const { assessment, data, flows, target } of run.prospects) {
        if (!bought.has(target!)) {
          assert.isUndefined(data.trustFlow)
          continue
        }
        assert.isTrue(assessment!.gates.every(({ outcome }) => outcome !== "fail"))
        if (data.trustFlow === undefined) continue
        hasMembers(data.trustFlow, { source: "majestic", operation: "getIndexItemInfo" })
        assert.strictEqual(data.trustFlow.value, world(target!).facts.trustFlow)
        assert.strictEqual(flows!._tag, "Ratio")
      }
      const calls = yield* asked(majestic)
      const again = yield* scorer.scoreAll("acme", sites)
      assert.strictEqual(yield* asked(majestic), calls)
      assert.deepStrictEqual(bySite(again.prospects), bySite(run.prospects))
    })
  )

  it.scopedLive("an estimate decides nothing", () =>
    Effect.gen(function* () {
      const { majestic, scorer } = yield* Scorer.make({
        providers: { ...both, majestic: {} },
        majestic: { mayExist: Scorer.sites(100) }
      })
      const { prospects } = yield* scorer.scoreAll("acme", Scorer.sites(100))
      assert.isAbove(yield* majestic.unitsBilled, 0)
      for (const { data } of prospects) assert.notProperty(data, "trustFlow")
    })
  )
})

describe("invariants", () => {
  const inputs = [...Scorer.sites(150), "unknown-1.com", "unknown-2.com"]

  it.scopedLive("neither order, nor company, nor the cache changes an answer", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: both })
      const { scorer } = setting
      const run = yield* scorer.scoreAll("acme", inputs)
      isWhole(run.prospects, inputs)
      yield* isAccounted(run, setting)

      const counted = Effect.zip(asked(setting.ahrefs), asked(setting.seRanking))
      const before = yield* counted
      const again = yield* scorer.scoreAll("acme", inputs)
      assert.deepStrictEqual(yield* counted, before)
      const bought = (prospect: Prospect) => ({
        ...prospect,
        cost: null,
        data: Object.fromEntries(
          Object.entries(prospect.data).map(([datum, one]) => [datum, { ...one, cache: null, cost: null }])
        )
      })
      assert.deepStrictEqual(again.prospects.map(bought), run.prospects.map(bought))
      assert.deepStrictEqual(
        again.summary.spent.map(({ spent }) => spent),
        [0, 0]
      )
      assert.approximately(again.summary.spent[0]!.saved, run.summary.spent[0]!.spent, 1e-6)
      assert.isTrue(again.prospects.every(({ cost }) => cost.every(({ amount }) => amount === 0)))

      const other = yield* Scorer.make({ providers: both })
      const reversed = yield* other.scorer.scoreAll("acme", inputs.toReversed(), { window: 7 })
      assert.deepStrictEqual(bySite(reversed.prospects), bySite(run.prospects))

      const alone = yield* Scorer.make({ providers: both })
      const singles = yield* Effect.forEach(inputs.slice(0, 40), (input) => alone.scorer.scoreAll("acme", [input]))
      assert.deepStrictEqual(
        singles.map(({ prospects }) => judged(prospects[0]!)),
        run.prospects.slice(0, 40).map(judged)
      )
    })
  )

  it.scopedLive("every input has one answer, and nobody pays for junk, duplicates and the excluded", () =>
    Effect.gen(function* () {
      const given = [
        "site-1.com",
        "",
        "https://www.SITE-1.com/path?q=1",
        "not a domain",
        "10.0.0.1",
        "medium.com/@someone",
        "site-2.com.",
        "site-1.com",
        "gmail.com",
        "MEDIUM.com",
        "competitor.com",
        "site-2.com:8080",
        "com",
        "site-3.com"
      ]
      for (const window of [1, 2, 3, 1_000]) {
        const setting = yield* Scorer.make({ providers: both })
        const run = yield* setting.scorer.scoreAll("acme", given, {
          window,
          exclude: { competitors: ["competitor.com"] }
        })
        isWhole(run.prospects, given)
        assert.deepStrictEqual(
          run.prospects.map(({ duplicateOf }) => duplicateOf),
          [null, null, 0, null, null, null, null, 0, null, 5, null, 6, null, null]
        )
        hasMembers(run.summary, { inputs: 14, invalid: 4, duplicates: 4, excluded: 3 })
        const { NeedsData, Qualified, Rejected, Review } = run.summary.verdicts
        assert.strictEqual(NeedsData + Qualified + Rejected + Review, 3)
        for (const { cost, duplicateOf, index, verdict } of run.prospects) {
          if (duplicateOf === null && verdict._tag !== "Excluded") continue
          assert.deepStrictEqual(cost, [], `${index}`)
        }
        for (const [duplicate, first] of [
          [2, 0],
          [7, 0],
          [9, 5],
          [11, 6]
        ] as const) {
          assert.deepStrictEqual(judged(run.prospects[duplicate]!), judged(run.prospects[first]!))
        }
        const bodies = JSON.stringify(yield* setting.ahrefs.requests)
        for (const never of ["medium", "gmail", "competitor.com", "10.0.0.1"]) assert.notInclude(bodies, never)
        yield* isAccounted(run, setting)
      }
    })
  )

  it.scopedLive("what the provider knows nothing of was paid for too, and the other is asked", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: both, ahrefs: { quirks: { missingRows: true } } })
      const run = yield* setting.scorer.scoreAll("acme", inputs)
      const [unknown] = run.prospects.slice(-2)
      assert.isUndefined(unknown!.data.domainRating)
      assert.strictEqual(unknown!.data.domainInlinkRank?.source ?? "se_ranking", "se_ranking")
      assert.isAbove(yield* asked(setting.seRanking), 0)
      yield* isAccounted(run, setting)
    })
  )

  it.scopedLive("answers survive JSON", () =>
    Effect.gen(function* () {
      const { scorer } = yield* Scorer.make({ providers: both })
      const { prospects } = yield* scorer.scoreAll("acme", [...inputs, "", "medium.com", "site-1.com"])
      const json: unknown = JSON.parse(
        JSON.stringify(yield* Schema.encode(Schema.Array(ProspectScorer.ScoredProspect))(prospects))
      )
      assert.deepStrictEqual(yield* Schema.decodeUnknown(Schema.Array(ProspectScorer.ScoredProspect))(json), prospects)
    })
  )

  it.scopedLive("4,000 inputs, a third of them junk and duplicates", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: both })
      const given = Array.from({ length: 4_000 }, (_, i) =>
        i % 20 < 3 ? `junk ${i}` : i % 20 < 6 ? `https://www.site-${i >> 2}.com/` : `site-${i}.com`
      )
      const run = yield* setting.scorer.scoreAll("acme", given)
      isWhole(run.prospects, given)
      assert.strictEqual(run.summary.invalid, 600)
      assert.strictEqual(
        run.summary.inputs - run.summary.invalid - run.summary.duplicates,
        new Set(run.prospects.flatMap(({ target }) => target ?? [])).size
      )
      yield* isAccounted(run, setting)
    })
  )
})

describe("who fails is followed by the next", () => {
  const facts = {
    "good.com": { domainRating: 50, domainInlinkRank: 50 },
    "poor.com": { domainRating: 5, domainInlinkRank: 3 }
  }
  const given = ["good.com", "poor.com", ...Scorer.sites(118)]

  it.scopedLive.each([
    ["a wrong key", { keys: ["another"] }, "AuthFailed"],
    ["no subscription", { noSubscription: true }, "AuthFailed"],
    ["no units", { budget: 0 }, "OutOfBudget"]
  ] as const)("Ahrefs has %s: SE Ranking's rank decides in its own band", ([, ahrefs, reason]) =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: both, ahrefs: { ...ahrefs, facts }, seRanking: { facts } })
      for (const maxUnits of [undefined, { ahrefs: 100_000, se_ranking: 1_000_000 }]) {
        yield* setting.ahrefs.reset
        const run = yield* setting.scorer.scoreAll("acme", given, { maxUnits, window: 40 })
        isWhole(run.prospects, given)
        const [one, two] = run.prospects
        for (const { assessment, data } of [one!, two!]) {
          assert.strictEqual(data.domainInlinkRank!.source, "se_ranking")
          assert.isUndefined(data.domainRating)
          hasMembers(assessment!.gates[0], { gate: "authority", datum: "domainInlinkRank" })
        }
        hasMembers(one!.assessment!.gates[0], { outcome: "pass" })
        assert.deepStrictEqual(two!.verdict, { _tag: "Rejected", by: ["authority"] })
        const reach = one!.assessment!.missing.find(({ signal }) => signal === "reach")
        assert.strictEqual(reach?.reason ?? reason, reason)
        // Told once, it is not asked again for the rest of the run; where the plan has no such method, none is asked twice.
        assert.strictEqual(yield* asked(setting.ahrefs), 1)
        assert.strictEqual(run.summary.failures[0]!.provider, "ahrefs")
      }
    })
  )

  it.scopedLive.each([
    ["wrong keys", { keys: ["another"] }, { keys: ["another"] }, "AuthFailed"],
    ["no subscriptions", { noSubscription: true }, { status: "expired" }, "AuthFailed"],
    ["no units", { budget: 0 }, { budget: 0 }, "OutOfBudget"]
  ] as const)("both fail with %s: what is missing, and what it would cost", ([, ahrefs, seRanking, reason]) =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: both, ahrefs, seRanking })
      const run = yield* setting.scorer.scoreAll("acme", given, { window: 40 })
      isWhole(run.prospects, given)
      for (const { assessment, costToDecide, nextBest, verdict } of run.prospects) {
        assert.strictEqual(verdict._tag, "NeedsData")
        assert.deepStrictEqual(
          assessment!.missing.find(({ signal }) => signal === "authority"),
          { signal: "authority", reason }
        )
        assert.deepStrictEqual(nextBest, {
          asks: [
            { provider: "ahrefs", unit: "api_units", amount: 2, operation: "getDomainMetrics", data: ["domainRating"] }
          ],
          couldBecome: ["Qualified", "Rejected"]
        })
        // The rank is asked only where there is no rating.
        assert.deepStrictEqual(costToDecide, [{ provider: "ahrefs", unit: "api_units", amount: 22 }])
      }
      assert.deepStrictEqual([yield* asked(setting.ahrefs)], [1])
      assert.isAtMost(yield* asked(setting.seRanking), 20)
      yield* isAccounted(run, setting)
    })
  )

  it.scopedLive("an outage costs each provider one refusal a window, with and without a limit", () =>
    Effect.gen(function* () {
      for (const maxUnits of [undefined, { ahrefs: 100_000, se_ranking: 100_000 }]) {
        const setting = yield* Scorer.make({ providers: both })
        yield* setting.ahrefs.arm(forbidden, { times: 10_000 })
        yield* setting.seRanking.arm(forbidden, { times: 10_000 })
        const { prospects } = yield* setting.scorer.scoreAll("acme", given, { maxUnits })
        assert.isTrue(
          prospects.every(({ assessment }) =>
            assessment!.missing.some(({ reason, signal }) => signal === "authority" && reason === "Unavailable")
          )
        )
        assert.strictEqual(yield* asked(setting.ahrefs), 1)
        assert.isAtMost(yield* asked(setting.seRanking), 11)
      }
    })
  )

  it.scopedLive("what was bought before a failure is delivered", () =>
    Effect.gen(function* () {
      const sites = Scorer.sites(500)
      const warm = yield* Scorer.make({ providers: { ahrefs: {} }, ahrefs: { budget: 450 } })
      const run = yield* warm.scorer.scoreAll("acme", sites)
      isWhole(run.prospects, sites)
      const rated = run.prospects.filter(({ data }) => data.domainRating !== undefined)
      // 450 units: two calls of 100 sites, and 25 sites of what is left.
      assert.strictEqual(rated.length, 225)
      assert.strictEqual(yield* warm.ahrefs.unitsBilled, 450)
      yield* isAccounted(run, warm)
    })
  )

  it.scopedLive("facts that are known answer whatever becomes of the provider", () =>
    Effect.gen(function* () {
      for (const maxUnits of [undefined, { ahrefs: 100_000 }]) {
        const setting = yield* Scorer.make({ providers: both })
        const { ahrefs, scorer, seRanking } = setting
        const known = Scorer.sites(300).filter((_, i) => i % 3 === 0)
        const before = yield* scorer.scoreAll("acme", known)
        yield* ahrefs.reset
        yield* ahrefs.arm({ _tag: "Status", status: 401, body: ["Error", "Unauthorized"] }, { times: 100 })
        const { prospects } = yield* scorer.scoreAll("acme", Scorer.sites(300), { window: 60, maxUnits })
        assert.deepStrictEqual(
          prospects.filter((_, i) => i % 3 === 0).map(({ data, verdict }) => [data.domainRating?.value, verdict]),
          before.prospects.map(({ data, verdict }) => [data.domainRating?.value, verdict])
        )
        assert.strictEqual(yield* asked(ahrefs), 1)
        assert.isTrue(prospects.every(({ data }) => (data.domainRating ?? data.domainInlinkRank) !== undefined))
        assert.isAbove(yield* seRanking.unitsBilled, 0)
      }
    })
  )

  it.scopedLive("what was bought before decides before anything is paid", () =>
    Effect.gen(function* () {
      const { scorer } = yield* Scorer.make({ providers: both })
      const sites = Scorer.sites(200)
      const weights = { authority: 0.3, trust: 0, reach: 0, breadth: 0.4, sanity: 0, followShare: 0.3 }
      // Links alone are bought, and of those that may reach this bar.
      const before = yield* scorer.scoreAll("acme", sites, { profile: { ...lenient, weights, qualifiedFrom: 99 } })
      const { prospects } = yield* scorer.scoreAll("acme", sites, { profile: lenient })
      const assess = Model.make(lenient)
      const decided = prospects.filter(({ target }, i) => {
        const { dofollowReferringDomains, domainRating, referringDomains } = before.prospects[i]!.data
        if (dofollowReferringDomains === undefined) return false
        const known = { domainRating: domainRating!, referringDomains: referringDomains!, dofollowReferringDomains }
        return assess({ known, missing: {} }, target!).verdict._tag === "Qualified"
      })
      assert.isAbove(decided.length, 5)
      for (const { cost, verdict } of decided) {
        assert.strictEqual(verdict._tag, "Qualified")
        assert.deepStrictEqual(cost, [])
      }
    })
  )

  it.scopedLive("later data fall through by themselves", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: both, ahrefs: { facts } })
      const rated = yield* setting.scorer.scoreAll("acme", ["good.com"], {
        profile: lenient,
        maxUnits: { ahrefs: 50, se_ranking: 1_000 }
      })
      const [prospect] = rated.prospects
      assert.strictEqual(prospect!.data.domainRating?.source, "ahrefs")
      assert.strictEqual(prospect!.data.referringDomains?.source, "se_ranking")
      assert.strictEqual(prospect!.data.dofollowReferringDomains?.source, "se_ranking")
      const reach = prospect!.assessment!.missing.find(({ signal }) => signal === "reach")
      assert.deepStrictEqual(reach, { signal: "reach", reason: "OutOfBudget" })
      yield* isAccounted(rated, setting)
    })
  )

  it.scopedLive.each([[1], [4], [30]] as const)(
    "%i refused sites cost the others nothing, and nobody else is asked",
    ([bad]) =>
      Effect.gen(function* () {
        const sites = Scorer.sites(400)
        // Apart from each other, and no name is part of another.
        const refused = Array.from({ length: bad }, (_, i) => `site-${101 + 9 * i}.com`)
        for (const maxUnits of [undefined, { ahrefs: 100_000 }]) {
          const setting = yield* Scorer.make({ providers: both, refused })
          const run = yield* setting.scorer.scoreAll("acme", sites, { maxUnits })
          isWhole(run.prospects, sites)
          const without = run.prospects.filter(({ data }) => data.domainRating === undefined)
          assert.deepStrictEqual(
            without.map(({ input }) => input),
            refused
          )
          for (const { assessment, verdict } of without) {
            assert.strictEqual(verdict._tag, "NeedsData")
            const authority = assessment!.missing.find(({ signal }) => signal === "authority")
            assert.strictEqual(authority?.reason, "Refused")
          }
          assert.isUndefined(run.prospects.find(({ data }) => data.domainInlinkRank !== undefined))
          assert.strictEqual(yield* asked(setting.seRanking), 0)
          yield* isAccounted(run, setting)
        }
      })
  )

  it.scopedLive("a request that is wrong in itself is not tried for each site", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: both, refused: ["batch-analysis"] })
      const { prospects } = yield* setting.scorer.scoreAll("acme", Scorer.sites(1_000))
      assert.isTrue(tags(prospects).every((tag) => tag === "NeedsData"))
      assert.isAtMost(setting.counts.refused, 600)
      assert.strictEqual(yield* asked(setting.seRanking), 0)
    })
  )
})

describe("limits", () => {
  const given = Scorer.sites(150)

  it.scopedLive("whatever the limit, no more is billed, and the best come first", () =>
    Effect.gen(function* () {
      let before = -1
      for (const limit of [0, 49, 50, 51, 100, 201, 350, 613, 3_000]) {
        const setting = yield* Scorer.make({ providers: { ahrefs: {} } })
        const run = yield* setting.scorer.scoreAll("acme", given, { profile: lenient, maxUnits: { ahrefs: limit } })
        const billed = yield* setting.ahrefs.unitsBilled
        assert.isAtMost(billed, limit)
        yield* isAccounted(run, setting)
        const decided = run.prospects.filter(({ verdict }) => verdict._tag !== "NeedsData").length
        assert.isAtLeast(decided, before)
        before = decided
        for (const { assessment, costToDecide, verdict } of run.prospects) {
          if (!assessment!.missing.some(({ reason }) => reason === "OutOfBudget")) continue
          if (verdict._tag === "NeedsData") assert.isAbove(costToDecide[0]!.amount!, 0)
        }
        const passed = run.prospects.filter(({ assessment }) => assessment!.gates[0]!.outcome === "pass")
        const authority = ({ assessment }: Prospect) => assessment!.contributions[0]!.points
        const deeper = passed.filter(({ data }) => Object.keys(data).length > 1)
        const left = passed.filter(
          ({ data, verdict }) => Object.keys(data).length === 1 && verdict._tag === "NeedsData"
        )
        const isAsked = ({ assessment }: Prospect) => assessment!.missing.some(({ reason }) => reason === "OutOfBudget")
        for (const one of left.filter(isAsked)) {
          for (const other of deeper) assert.isAtLeast(authority(other) + 1e-9, authority(one), `${limit}`)
        }
      }
      assert.isAbove(before, 140)
    })
  )

  it.scopedLive.each([["BadJson"], ["CutBody"]] as const)("what may have been billed counts: %s", ([_tag]) =>
    Effect.gen(function* () {
      for (const limit of [200, 300, 450, 700]) {
        const { ahrefs, scorer } = yield* Scorer.make({ providers: { ahrefs: {} } })
        yield* ahrefs.arm({ _tag })
        yield* scorer.scoreAll("acme", given, { maxUnits: { ahrefs: limit }, window: 30 })
        assert.isAtMost(yield* ahrefs.unitsBilled, limit)
      }
    })
  )

  it.scopedLive("a limit that is none allows nothing", () =>
    Effect.gen(function* () {
      for (const limit of [Number.NaN, -1]) {
        const { ahrefs, scorer } = yield* Scorer.make({ providers: { ahrefs: {} } })
        const { prospects } = yield* scorer.scoreAll("acme", given, { maxUnits: { ahrefs: limit } })
        assert.isTrue(tags(prospects).every((tag) => tag === "NeedsData"))
        assert.strictEqual(yield* asked(ahrefs), 0)
      }
    })
  )

  it.scopedLive("what is known costs nothing of a limit", () =>
    Effect.gen(function* () {
      const { ahrefs, scorer } = yield* Scorer.make({ providers: { ahrefs: {} } })
      const known = given.filter((_, i) => i % 2 === 0)
      const before = yield* scorer.scoreAll("acme", known)
      yield* ahrefs.reset
      for (const maxUnits of [0, 60]) {
        const { prospects } = yield* scorer.scoreAll("acme", given, { maxUnits: { ahrefs: maxUnits } })
        assert.deepStrictEqual(
          prospects
            .filter((_, i) => i % 2 === 0)
            .map(judged)
            .map(({ verdict }) => verdict),
          before.prospects.map(({ verdict }) => verdict)
        )
        assert.isAtMost(yield* ahrefs.unitsBilled, maxUnits)
      }
      assert.strictEqual(yield* ahrefs.unitsBilled, 60)
    })
  )

  it.scopedLive("a tenant's budget leaves partial results, and what is known is no part of it", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: { ahrefs: { budget: { limit: 333, per: "ever" } } } })
      const run = yield* setting.scorer.scoreAll("acme", given)
      isWhole(run.prospects, given)
      const billed = yield* setting.ahrefs.unitsBilled
      assert.isAtMost(billed, 333)
      assert.isAtLeast(billed, 300)
      yield* isAccounted(run, setting)
      const again = yield* setting.scorer.scoreAll("acme", [...Scorer.sites(30, 900), ...given])
      assert.deepStrictEqual(bySite(again.prospects.slice(30)), bySite(run.prospects))
      assert.deepStrictEqual(
        again.prospects.slice(0, 30).flatMap(({ assessment }) => assessment!.missing[0]!.reason),
        Array.from({ length: 30 }, () => "OutOfBudget")
      )
    })
  )
})

describe("plan", () => {
  it.scopedLive("its gate is what is billed, and what is known is told", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: both })
      const { ahrefs, scorer } = setting
      const given = [...Scorer.sites(260), "junk", "", "medium.com", "site-1.com"]
      const plan = yield* scorer.plan("acme", given)
      hasMembers(plan, { inputs: 264, invalid: 2, duplicates: 1, excluded: 1, sites: 260 })
      assert.strictEqual(yield* asked(ahrefs), 0)
      const gate = plan.stages.filter(({ stage }) => stage === "gate")
      assert.strictEqual(gate.length, 1)
      hasMembers(gate[0], { provider: "ahrefs", targets: 260, cached: 0, calls: 3, units: { lower: 520, upper: 520 } })
      const run = yield* scorer.scoreAll("acme", given)
      const requests = yield* ahrefs.requests
      assert.strictEqual(
        requests.slice(0, 3).reduce((sum, { unitsBilled }) => sum + unitsBilled, 0),
        520
      )
      const most = plan.stages
        .filter(({ provider }) => provider === "ahrefs")
        .reduce((sum, { units }) => sum + units.upper!, 0)
      assert.isAtMost(spentOf(run.summary, "ahrefs"), most)
      const before = yield* asked(ahrefs)
      const again = yield* scorer.plan("acme", given)
      hasMembers(
        again.stages.find(({ stage }) => stage === "gate"),
        { cached: 260, calls: 0, units: { lower: 0, upper: 0 } }
      )
      assert.strictEqual(yield* asked(ahrefs), before)
    })
  )

  it.scopedLive("its time is that of all calls, over windows and one by one", () =>
    Effect.gen(function* () {
      const ahrefs = yield* Scorer.make({
        providers: { ahrefs: { rateLimit: { requests: 60, per: "1 minute" } } }
      })
      const [gate] = (yield* ahrefs.scorer.plan("acme", Scorer.sites(12_500))).stages
      assert.deepInclude(gate, { calls: 125, time: Duration.minutes(2) })
      const seRanking = yield* Scorer.make({
        providers: { se_ranking: { rateLimit: { requests: 10, per: "1 second" } } }
      })
      const [rank] = (yield* seRanking.scorer.plan("acme", Scorer.sites(500))).stages
      assert.deepInclude(rank, { calls: 500, time: Duration.seconds(49) })
    })
  )

  it.scopedLive("who passed the gate already has none to pay", () =>
    Effect.gen(function* () {
      const { scorer } = yield* Scorer.make({ providers: { ahrefs: {} } })
      const given = Scorer.sites(50).map((input) => ({ input, signals: { domainRating: 50 } }))
      const { stages } = yield* scorer.plan("acme", given)
      assert.isAbove(stages.length, 0)
      for (const { stage, units } of stages) {
        assert.strictEqual(stage, "signals")
        assert.strictEqual(units.lower, 0)
      }
    })
  )
})

describe("routing and contracts", () => {
  it.scopedLive("priority, only and never", () =>
    Effect.gen(function* () {
      const source = (routing: Record<keyof typeof both, unknown>) =>
        Effect.gen(function* () {
          const { scorer } = yield* Scorer.make({
            providers: { ahrefs: { routing: routing.ahrefs }, se_ranking: { routing: routing.se_ranking } }
          })
          const { prospects } = yield* scorer.scoreAll("acme", Scorer.sites(60), { profile: lenient })
          return new Set(
            prospects.flatMap(({ data }) => Object.entries(data).map(([datum, one]) => `${one?.source} ${datum}`))
          )
        })
      const never = yield* source({ ahrefs: { never: ["domainRating"] }, se_ranking: {} })
      assert.isFalse(never.has("ahrefs domainRating"))
      assert.isTrue(never.has("se_ranking domainInlinkRank"))
      const only = yield* source({ ahrefs: { only: ["domainRating"] }, se_ranking: {} })
      assert.deepStrictEqual(
        Array.from(only).filter((one) => one.startsWith("ahrefs")),
        ["ahrefs domainRating"]
      )
      assert.isTrue(only.has("se_ranking referringDomains"))
      const first = yield* source({ ahrefs: { priority: 1 }, se_ranking: {} })
      assert.isTrue(first.has("se_ranking referringDomains"))
      assert.isFalse(first.has("ahrefs referringDomains"))
    })
  )

  it.scopedLive("the free rating costs nothing and is attributed, also when it is known", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({ providers: { ahrefs: { freeDomainRating: true } } })
      const profile = { ...standard, gates: { ...standard.gates, domainRating: { from: 99, to: 100 } } }
      for (const _ of [1, 2]) {
        const run = yield* setting.scorer.scoreAll("acme", Scorer.sites(120), { profile })
        assert.isTrue(tags(run.prospects).every((tag) => tag === "Rejected"))
        assert.isTrue(run.prospects.every(({ attribution }) => attribution !== null))
        yield* isAccounted(run, setting)
        assert.strictEqual(yield* setting.ahrefs.unitsBilled, 0)
      }
    })
  )

  it.scopedLive("the platform contracts: row credits, and flows without a price", () =>
    Effect.gen(function* () {
      const setting = yield* Scorer.make({
        providers: { ahrefs: { contract: "platform" }, se_ranking: { contract: "platform" } },
        ahrefs: { contract: "platform" },
        seRanking: { contract: "platform" }
      })
      const given = Scorer.sites(80)
      const run = yield* setting.scorer.scoreAll("acme", given)
      isWhole(run.prospects, given)
      const billed = yield* setting.ahrefs.unitsBilled
      assert.approximately(spentOf(run.summary, "ahrefs"), billed, 1e-6)
      assert.approximately(costOf(run.prospects, "ahrefs"), billed, 1e-6)
      const flows = run.prospects.filter(({ data }) => data.trustFlow !== undefined)
      assert.isAbove(flows.length, 0)
      for (const { cost, data, flows: ratio, target } of flows) {
        const { facts } = world(target!)
        assert.deepStrictEqual([data.trustFlow!.value, data.citationFlow!.value], [facts.trustFlow, facts.citationFlow])
        hasMembers(
          cost.find(({ provider }) => provider === "se_ranking"),
          { amount: null }
        )
        assert.strictEqual(ratio!._tag, facts.citationFlow === 0 ? "Missing" : "Ratio")
      }
      hasMembers(
        run.summary.spent.find(({ provider }) => provider === "se_ranking"),
        { spent: 0 }
      )
      assert.isAbove(run.summary.spent.find(({ provider }) => provider === "se_ranking")!.unpriced, 0)
      // A rating each; the referring domains alone could not decide.
      for (const limit of [0, 50, 80]) {
        const tight = yield* Scorer.make({
          providers: { ahrefs: { contract: "platform" } },
          ahrefs: { contract: "platform" }
        })
        const cut = yield* tight.scorer.scoreAll("acme", given, { maxUnits: { ahrefs: limit } })
        assert.strictEqual(yield* tight.ahrefs.unitsBilled, limit)
        assert.approximately(costOf(cut.prospects, "ahrefs"), limit, 1e-6)
      }
      // A call without a price is not made under a limit.
      const limited = yield* Scorer.make({
        providers: { se_ranking: { contract: "platform" } },
        seRanking: { contract: "platform" }
      })
      const imported = given.map((input) => ({ input, signals: { domainRating: 50 } }))
      const none = yield* limited.scorer.scoreAll("acme", imported, { maxUnits: { se_ranking: 1_000 } })
      assert.strictEqual(yield* asked(limited.seRanking), 0)
      hasMembers(none.prospects[0]!.flows, { _tag: "Missing", reason: "OutOfBudget" })
    })
  )
})

describe("imported signals", () => {
  it.scopedLive("decide alone, and are checked", () =>
    Effect.gen(function* () {
      const { ahrefs, scorer } = yield* Scorer.make({ providers: { ahrefs: {} } })
      const one = (signals: ProspectScorer.Prospect["signals"]) =>
        Effect.map(
          scorer.scoreAll("acme", [{ input: "site-1.com", signals }], { maxUnits: { ahrefs: 0 } }),
          ({ prospects }) => prospects[0]!
        )
      assert.deepStrictEqual((yield* one({ domainRating: 12 })).verdict, { _tag: "Rejected", by: ["authority"] })
      assert.deepStrictEqual((yield* one({ domainRating: " 95 " })).verdict, { _tag: "Rejected", by: ["authority"] })
      const qualified = yield* one({ domainRating: 55, trustFlow: "40", citationFlow: 40 })
      assert.strictEqual(qualified.verdict._tag, "Qualified")
      assert.deepStrictEqual(qualified.flows, { _tag: "Ratio", ratio: 1, label: "good" })
      assert.deepStrictEqual(qualified.cost, [])
      assert.deepStrictEqual((yield* one({ trustFlow: 3, citationFlow: 0 })).flows, {
        _tag: "Missing",
        reason: "Undefined"
      })
      assert.deepStrictEqual((yield* one({ trustFlow: 0, citationFlow: 10 })).flows, {
        _tag: "Ratio",
        ratio: 0,
        label: "outlier"
      })
      for (const value of ["n/a", Number.NaN, -1, 101, "1e2", "0x10", "Infinity"]) {
        const { data, flows } = yield* one({ trustFlow: value, citationFlow: 10 })
        assert.isUndefined(data.trustFlow)
        assert.deepStrictEqual(flows, { _tag: "Missing", reason: "Invalid" })
      }
      for (const value of ["", "  ", null, undefined]) {
        assert.deepStrictEqual((yield* one({ trustFlow: value, citationFlow: 10 })).flows, {
          _tag: "Missing",
          reason: "NotSupported"
        })
      }
      const rated = yield* one({ domainRating: 50, trustFlow: 10, citationFlow: 40 })
      assert.strictEqual(rated.verdict._tag, "NeedsData")
      assert.strictEqual(rated.data.domainRating!.cost, null)
      assert.strictEqual(yield* asked(ahrefs), 0)
    })
  )

  it.scopedLive("a value that is none keeps nobody from asking", () =>
    Effect.gen(function* () {
      const { scorer } = yield* Scorer.make({ providers: { ahrefs: {} } })
      const { prospects } = yield* scorer.scoreAll("acme", [{ input: "site-1.com", signals: { domainRating: "n/a" } }])
      hasMembers(prospects[0]!.data.domainRating, { source: "ahrefs", value: world("site-1.com").facts.domainRating })
    })
  )
})

describe("tenants", () => {
  const row = (provider: Provider, metadata: unknown = {}) => ({ provider, apiKey: Redacted.make("key"), metadata })

  it.scopedLive("what is wrong with one is told of it alone", () =>
    Effect.gen(function* () {
      const other = { ...standard, name: "other" }
      const { ahrefs, scorer } = yield* Scorer.make({
        providers: both,
        others: {
          none: [],
          off: [row("ahrefs", { isEnabled: false })],
          twice: [row("ahrefs"), row("ahrefs")],
          torn: [row("ahrefs", { profile: standard }), row("se_ranking", { profile: other })]
        }
      })
      const failure = (tenant: string, options?: ProspectScorer.Options) =>
        Effect.map(
          Effect.all([
            Effect.flip(scorer.scoreAll(tenant, ["site-1.com"], options)),
            Effect.flip(scorer.plan(tenant, ["site-1.com"], options)),
            Effect.flip(Stream.runDrain(scorer.score(tenant, ["site-1.com"], options)))
          ]),
          (all) => all.map(({ _tag }) => _tag)
        )
      const thrice = (tag: string) => [tag, tag, tag]
      assert.deepStrictEqual(yield* failure("nobody"), thrice("UnknownTenant"))
      assert.deepStrictEqual(yield* failure("none"), thrice("NoIntegration"))
      assert.deepStrictEqual(yield* failure("off"), thrice("NoIntegration"))
      assert.deepStrictEqual(yield* failure("twice"), thrice("DuplicateIntegration"))
      assert.deepStrictEqual(yield* failure("torn"), thrice("InvalidProfile"))
      const wrong = { ...standard, weights: { ...standard.weights, trust: 0.9 } }
      assert.deepStrictEqual(yield* failure("acme", { profile: wrong }), thrice("InvalidProfile"))
      assert.deepStrictEqual(yield* failure("acme", { exclude: { own: ["not a domain"] } }), thrice("InvalidProfile"))
      assert.strictEqual(yield* asked(ahrefs), 0)
      assert.strictEqual(
        (yield* scorer.scoreAll("torn", ["site-1.com"], { profile: other })).prospects[0]!.profile.name,
        "other"
      )
    })
  )

  it.scopedLive("two tenants share nothing", () =>
    Effect.gen(function* () {
      const { ahrefs, scorer } = yield* Scorer.make({ providers: { ahrefs: {} }, others: { other: [row("ahrefs")] } })
      const one = yield* scorer.scoreAll("acme", Scorer.sites(40))
      const billed = yield* ahrefs.unitsBilled
      const two = yield* scorer.scoreAll("other", Scorer.sites(40))
      assert.strictEqual(yield* ahrefs.unitsBilled, 2 * billed)
      assert.deepStrictEqual(bySite(one.prospects), bySite(two.prospects))
    })
  )

  it.scopedLive("a run ends with what it began with", () =>
    Effect.gen(function* () {
      const { integrations, scorer } = yield* Scorer.make({ providers: { ahrefs: {} } })
      const given = Scorer.sites(30)
      const onProgress = ({ answered }: ProspectScorer.Progress) =>
        answered === 10 ? Effect.orDie(integrations.remove({ tenant: "acme", provider: "ahrefs" })) : Effect.void
      const { prospects } = yield* scorer.scoreAll("acme", given, { window: 10, onProgress })
      assert.isTrue(prospects.every(({ data }) => data.domainRating !== undefined))
    })
  )
})

describe("profiles", () => {
  it.scopedLive("a tenant with links alone decides by links alone", () =>
    Effect.gen(function* () {
      const { scorer } = yield* Scorer.make({ providers: { se_ranking: {} } })
      const sites = Scorer.sites(100)
      const strict = yield* scorer.scoreAll("acme", sites)
      assert.strictEqual(strict.summary.verdicts.Qualified, 0)
      const { prospects, summary } = yield* scorer.scoreAll("acme", sites, { profile: ProspectScorer.linksOnly })
      assert.isAbove(summary.verdicts.Qualified, 10)
      assert.isAbove(summary.verdicts.Rejected, 10)
      for (const { data, profile } of prospects) {
        assert.strictEqual(profile.name, "links-only")
        assert.isUndefined(data.domainRating)
      }
    })
  )
})

describe("runs", () => {
  it.scopedLive("progress only goes on, and ends at all", () =>
    Effect.gen(function* () {
      const { scorer } = yield* Scorer.make({ providers: both })
      const given = [...Scorer.sites(100), "junk", "site-1.com"]
      const seen: Array<ProspectScorer.Progress> = []
      const { prospects, summary } = yield* scorer.scoreAll("acme", given, {
        window: 30,
        onProgress: (progress) => Effect.sync(() => seen.push(progress))
      })
      const numbers = seen.map(({ answered, read, spent, verdicts }) => [
        read,
        answered,
        spent.reduce((sum, one) => sum + one.spent, 0),
        Object.values(verdicts).reduce((sum, one) => sum + one, 0)
      ])
      numbers.reduce((before, now) => {
        now.forEach((value, i) => assert.isAtLeast(value, before[i]!))
        assert.strictEqual(now[1], now[3])
        return now
      })
      hasMembers(seen.at(-1), { read: 102, answered: 102, total: 102, stage: null, spent: summary.spent })
      const stages = seen.flatMap(({ stage }) => stage ?? [])
      assert.isTrue(stages.some(({ answered, sites }) => answered === 0 && sites > 0))
      assert.isTrue(stages.some(({ answered, sites }) => answered === sites))
      assert.isTrue(stages.every(({ answered, sites }) => answered <= sites))
      assert.deepStrictEqual(ProspectScorer.summarize(prospects, seen.at(-1)!), summary)
    })
  )

  it.scopedLive("what was paid before an end is known to the next run", () =>
    Effect.gen(function* () {
      const whole = yield* Scorer.make({ providers: { ahrefs: {} } })
      yield* whole.scorer.scoreAll("acme", Scorer.sites(200))
      const all = yield* whole.ahrefs.unitsBilled
      const { ahrefs, scorer } = yield* Scorer.make({ providers: { ahrefs: {} } })
      const given = Scorer.sites(200)
      const first = yield* Stream.runCollect(Stream.take(scorer.score("acme", given, { window: 100 }), 1))
      assert.strictEqual(Chunk.size(first), 1)
      yield* scorer.scoreAll("acme", given)
      // The two windows fill fewer calls.
      assert.isAtMost(yield* ahrefs.unitsBilled, all + 150)
    })
  )

  it.scopedLive("an interrupted call is paid once", () =>
    Effect.gen(function* () {
      const { ahrefs, scorer } = yield* Scorer.make({ providers: { ahrefs: {} }, ahrefs: { latency: "30 millis" } })
      const given = Scorer.sites(100)
      const fiber = yield* Effect.fork(scorer.scoreAll("acme", given))
      yield* Effect.sleep("40 millis")
      yield* Fiber.interrupt(fiber)
      yield* Effect.sleep("60 millis")
      yield* scorer.scoreAll("acme", given)
      const gates = (yield* ahrefs.requests).filter(({ body }) =>
        JSON.stringify(body).includes('"select":["index","domain_rating"]')
      )
      assert.isAtMost(gates.length, 1)
    })
  )
})
