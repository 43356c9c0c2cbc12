import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { parse } from "csv-parse/sync"
import * as Effect from "effect/Effect"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { AhrefsSimulator, SERankingSimulator } from "../../src/testing/index.js"
import { standard } from "../../src/ProspectScorer.js"
import * as Scorer from "../support/scorer.js"
import { answersOf, canary, command, domains, fileOf, fresh, listOf, score, spentOf } from "./harness.js"

const ahrefsEnv = { AHREFS_API_KEY: canary }
const seRankingEnv = { SE_RANKING_API_KEY: canary }
const bothEnv = { ...ahrefsEnv, ...seRankingEnv }
const unlimited = { rateLimit: false, keys: [canary] } as const
const ahrefs = (options?: AhrefsSimulator.Options) => AhrefsSimulator.make({ ...unlimited, ...options })
const seRanking = (options?: SERankingSimulator.Options) => SERankingSimulator.make({ ...unlimited, ...options })

const recordsOf = (text: string): ReadonlyArray<Readonly<Record<string, string>>> => parse(text, { columns: true })

const ratings = {
  "strong.com": { domainRating: 55 },
  "weak.com": { domainRating: 12.5 },
  "giant.com": { domainRating: 95 }
}
const list = listOf(["https://www.strong.com/x", "", "weak.com", "localhost", "giant.com", "medium.com", "strong.com"])

describe("called wrongly, it asks nobody", () => {
  const file = listOf(["site-1.com"])
  const secret = fileOf(`${canary}\n`)
  it.live.each([
    [["LIST", "--out", "DIRECTORY"], {}, /cannot be written/],
    [["LIST", "--out", "DIRECTORY/none/x.csv"], {}, /cannot be written/],
    [["LIST", "--html", "DIRECTORY/none/x.html"], {}, /cannot be written/],
    [["LIST", "--out", "LIST"], {}, /list itself/],
    [["LIST", "--html", "LIST"], {}, /list itself/],
    [["DIRECTORY"], {}, /cannot be read/],
    [["DIRECTORY/none.txt"], {}, /cannot be read: NotFound/],
    [["LIST", "--exclude", "DIRECTORY/none.txt"], {}, /cannot be read: NotFound/],
    [["LIST", "--profile", "DIRECTORY/none.txt"], {}, /cannot be read: NotFound/],
    [["LIST", "--profile", secret], {}, /is no JSON$/],
    [["LIST", "--profile", fileOf("{}")], {}, /is no profile: name: is missing; version: is missing/],
    [["LIST", "--json", "--csv"], {}, /not both/],
    [["LIST", "--max-units", "1e3"], {}, /must be a whole number/],
    [["LIST", "--max-units=-1"], {}, /must be a whole number/],
    [["LIST", "--max-units", "ahrefs="], {}, /must be a whole number/],
    [["LIST", "--max-units", "se_ranking=5"], {}, /se_ranking is not asked/],
    [["LIST", "--max-units", "moz=5"], {}, /moz is not asked/],
    [["LIST", "--max-units", "5"], seRankingEnv, /of which provider\? .*ahrefs=5 or se_ranking=5/],
    [["LIST", "--max-units", "5", "--max-units", "ahrefs=6"], {}, /ahrefs is given more than once/],
    [["LIST", "--provider", "se_ranking"], {}, /no key of se_ranking/],
    [["LIST", "--import", "trustFlow"], {}, /must be like trustFlow="Trust Flow"/],
    [["LIST", "--import", "trustFlow="], {}, /must be like/],
    [["LIST", "--import", "trust=Trust Flow"], {}, /no such datum; one of domainRating, /],
    [["LIST", "--import", "__proto__=x"], {}, /no such datum/],
    [["LIST", "--import", "trustFlow=TF"], {}, /has no column TF to import/],
    [["LIST", "--import", "trustFlow=a", "--import", "trustFlow=b"], {}, /trustFlow is given more than once/],
    [["LIST"], { AHREFS_CONTRACT: "Vendor" }, /AHREFS_CONTRACT must be/],
    [["LIST"], { SE_RANKING_CONTRACT: canary }, /SE_RANKING_CONTRACT must be/],
    [["LIST"], { AHREFS_API_URL: "api.ahrefs.com" }, /AHREFS_API_URL must be an http or https URL/],
    [["LIST"], { REDIS_URL: canary }, /REDIS_URL is no address/],
    [["LIST"], { SEO_CACHE_DIR: file }, /cannot be kept in .*SEO_CACHE_DIR/],
    [["LIST", "--free-domain-rating"], { AHREFS_CONTRACT: "platform" }, /vendor contract/],
    [["LIST", "--free-domain-rating"], { AHREFS_API_KEY: "", ...seRankingEnv }, /vendor contract/],
    [["LIST", "--tenant", "acme"], { SEO_DATABASE_URL: `mysql://u:${canary}@h/x` }, /SEO_DATABASE_URL must be/]
  ] as const)("%j %j", ([args, env, reason]) =>
    Effect.gen(function* () {
      const given = args.map((arg) => arg.replace("LIST", file).replace("DIRECTORY", dirname(file)))
      const { end, stderr, stdout } = yield* score(given, { env: { ...ahrefsEnv, ...env } })
      assert.strictEqual(end, "BadUsage", stderr)
      assert.match(stderr, reason)
      assert.strictEqual(stdout, "")
      assert.strictEqual(readFileSync(file, "utf8"), "site-1.com")
    })
  )

  it.live.each([
    [[], /Missing argument/],
    [["--nope", "LIST"], /'--nope' is no option/],
    [["LIST", "--nope"], /unknown argument: '--nope'/],
    [["LIST", "--JSON"], /unknown argument/],
    [["LIST", "--out"], /unknown argument/],
    [["--out", "a", "--out", "b", "LIST"], /given twice/],
    [["LIST", "LIST"], /unknown argument/],
    [["LIST", "--provider", "moz"], /ahrefs, se_ranking, majestic/]
  ] as const)("%j", ([args, reason]) =>
    Effect.gen(function* () {
      const given = args.map((arg) => arg.replace("LIST", file))
      const { end, stderr } = yield* score(given, { env: ahrefsEnv })
      assert.isNotNull(end)
      assert.match(stderr, reason)
    })
  )
})

describe("--json", () => {
  it.live("has an answer for every line, each site bought once, and their sum", () =>
    Effect.gen(function* () {
      const simulator = yield* ahrefs({ facts: ratings })
      const { end, stderr, stdout } = yield* score([list, "--json"], {
        env: ahrefsEnv,
        httpClient: simulator.httpClient
      })
      assert.deepStrictEqual([end, stderr], [null, ""])
      const answers = answersOf(stdout)
      assert.deepStrictEqual(
        answers.prospects.map(({ data, duplicateOf, index, input, target, verdict }) => [
          index,
          input,
          target,
          duplicateOf,
          data.domainRating?.value,
          verdict._tag
        ]),
        [
          [0, "https://www.strong.com/x", "strong.com", null, 55, "Qualified"],
          [1, "weak.com", "weak.com", null, 12.5, "Rejected"],
          [2, "localhost", null, null, undefined, "Excluded"],
          [3, "giant.com", "giant.com", null, 95, "Rejected"],
          [4, "medium.com", "medium.com", null, undefined, "Excluded"],
          [5, "strong.com", "strong.com", 0, 55, "Qualified"]
        ]
      )
      const { summary } = answers
      assert.deepInclude(summary, {
        inputs: 6,
        invalid: 1,
        duplicates: 1,
        excluded: 1,
        medianRating: 55,
        simulated: false,
        interrupted: false,
        failures: []
      })
      assert.deepStrictEqual(summary.verdicts, { Qualified: 1, Rejected: 2, Review: 0, NeedsData: 0 })
      assert.strictEqual(spentOf(answers)["ahrefs"], yield* simulator.unitsBilled)
      // What each answer cost comes to what was billed.
      const costs = answers.prospects.flatMap(({ cost }) => cost.map(({ amount }) => amount ?? NaN))
      assert.closeTo(
        costs.reduce((a, b) => a + b, 0),
        yield* simulator.unitsBilled,
        1e-6
      )
    })
  )

  it.live.each(["vendor", "platform"] as const)("by the %s contract of Ahrefs", (contract) =>
    Effect.gen(function* () {
      const { httpClient, unitsBilled } = yield* ahrefs({ contract, facts: ratings })
      const { end, stdout } = yield* score([list, "--json"], {
        env: { ...ahrefsEnv, AHREFS_CONTRACT: contract },
        httpClient
      })
      assert.isNull(end)
      const answers = answersOf(stdout)
      assert.strictEqual(answers.summary.medianRating, 55)
      assert.strictEqual(answers.summary.verdicts.Rejected, 2)
      assert.strictEqual(spentOf(answers)["ahrefs"], yield* unitsBilled)
    })
  )

  it.live("by SE Ranking's own contract, on its own scale", () =>
    Effect.gen(function* () {
      const { httpClient, unitsBilled } = yield* seRanking({
        facts: { "strong.com": { domainInlinkRank: 41 }, "weak.com": { domainInlinkRank: 24 } }
      })
      const args = [list, "--json", "--profile", "links-only"]
      const answers = answersOf((yield* score(args, { env: seRankingEnv, httpClient })).stdout)
      const [strong, weak] = answers.prospects
      assert.strictEqual(strong?.data.domainInlinkRank?.value, 41)
      assert.isUndefined(strong?.data.domainRating)
      assert.strictEqual(weak?.verdict._tag, "Rejected")
      assert.strictEqual(strong?.profile.name, "links-only")
      assert.isNull(answers.summary.medianRating)
      assert.strictEqual(spentOf(answers)["se_ranking"], yield* unitsBilled)
    })
  )

  it.live("by the platform contract of SE Ranking, which knows no rating: nothing is bought in vain", () =>
    Effect.gen(function* () {
      const { httpClient, requests } = yield* seRanking({ contract: "platform" })
      const env = { ...seRankingEnv, SE_RANKING_CONTRACT: "platform" }
      const answers = answersOf((yield* score([list, "--json"], { env, httpClient })).stdout)
      assert.strictEqual(answers.summary.verdicts.NeedsData, 3)
      assert.deepStrictEqual(yield* requests, [])
    })
  )

  it.live("of both, one of them alone, and each within its own limit", () =>
    Effect.gen(function* () {
      const { ahrefs, client, seRanking } = yield* Scorer.simulators({ ahrefs: unlimited, seRanking: unlimited })
      const file = listOf(domains(120))
      const limits = ["--max-units", "ahrefs=300", "--max-units=se_ranking=450"]
      const answers = answersOf(
        (yield* score([file, "--json", ...limits], { env: bothEnv, httpClient: client })).stdout
      )
      const spent = spentOf(answers)
      const billed = { ahrefs: yield* ahrefs.unitsBilled, se_ranking: yield* seRanking.unitsBilled }
      assert.deepStrictEqual([spent["ahrefs"] ?? 0, spent["se_ranking"] ?? 0], [billed.ahrefs, billed.se_ranking])
      assert.isAtMost(billed.ahrefs, 300)
      assert.isAtMost(billed.se_ranking, 450)
      assert.isAbove(billed.ahrefs, 0)

      yield* Effect.all([ahrefs.reset, seRanking.reset])
      const one = yield* score([file, "--json", "--provider=ahrefs", "--max-units", "250"], {
        env: bothEnv,
        httpClient: client
      })
      assert.isNull(one.end)
      assert.strictEqual(yield* seRanking.unitsBilled, 0)
      assert.isAtMost(yield* ahrefs.unitsBilled, 250)
    })
  )
})

describe("--max-units", () => {
  it.live.each([0, 49, 50, 333])("of %d are never passed", (limit) =>
    Effect.gen(function* () {
      const { httpClient, unitsBilled } = yield* ahrefs()
      const args = [listOf(domains(150)), "--json", "--max-units", String(limit)]
      const { end, stdout } = yield* score(args, { env: ahrefsEnv, httpClient })
      assert.isAtMost(yield* unitsBilled, limit)
      assert.strictEqual(answersOf(stdout).summary.inputs, 150)
      // A limit of one's own is no failure.
      assert.isNull(end)
    })
  )
})

describe("--csv and --out", () => {
  it.live("have the same stable columns, and no formulas", () =>
    Effect.gen(function* () {
      const { httpClient } = yield* ahrefs({ facts: ratings })
      const file = listOf(["strong.com", "=1+1", "localhost", "STRONG.com"])
      const out = join(fresh(), "out.csv")
      writeFileSync(out, "before\n".repeat(1_000))
      const { end, stderr, stdout } = yield* score([file, "--csv", "--out", out], { env: ahrefsEnv, httpClient })
      assert.deepStrictEqual([end, stderr], [null, ""])
      assert.strictEqual(readFileSync(out, "utf8"), stdout)
      assert.strictEqual(
        stdout.split("\n")[0],
        "input,target,verdict,reason,score,low,high,coverage,domainRating,domainInlinkRank,trustFlow,citationFlow," +
          "organicTraffic,referringDomains,dofollowReferringDomains,referringSubnets,linkedDomains,relevance,flowRatio," +
          "flowLabel,duplicateOf,attribution,cost_ahrefs,cost_se_ranking,cost_majestic"
      )
      const records = recordsOf(stdout)
      assert.deepStrictEqual(
        records.map(({ input, target, verdict }) => [input, target, verdict]),
        [
          ["strong.com", "strong.com", "Qualified"],
          ["'=1+1", "", "Excluded"],
          ["localhost", "", "Excluded"],
          ["STRONG.com", "strong.com", "Qualified"]
        ]
      )
      assert.deepInclude(records[0], { domainRating: "55", trustFlow: "", cost_se_ranking: "0", duplicateOf: "" })
      assert.deepInclude(records[3], { duplicateOf: "0", cost_ahrefs: "0" })
    })
  )

  it.live("a price that nobody states is not 0", () =>
    Effect.gen(function* () {
      const { httpClient } = yield* seRanking({ contract: "platform" })
      const env = { ...seRankingEnv, SE_RANKING_CONTRACT: "platform" }
      const trust = { ...standard.weights, authority: 0, reach: 0, breadth: 0, sanity: 0, followShare: 0, trust: 1 }
      const profile = fileOf(JSON.stringify({ ...standard, name: "trust", weights: trust }))
      // The list knows the rating, so that trust decides.
      const file = fileOf("domain,dr\nsite-1.com,50\nsite-2.com,60\n")
      const args = [file, "--import", "domainRating=dr", "--profile", profile]
      const { stdout } = yield* score([...args, "--csv"], { env, httpClient })
      const [first] = recordsOf(stdout)
      assert.deepInclude(first, { cost_se_ranking: "not stated", cost_ahrefs: "0", domainRating: "50" })
      assert.notStrictEqual(first?.["trustFlow"], "")
      const shown = yield* score(args, { env, httpClient })
      assert.match(shown.stdout, /, and what \d facts? without a stated price cost\.\n/)
    })
  )
})

describe("--html", () => {
  it.live("is a report in one page; that of simulated data says so", () =>
    Effect.gen(function* () {
      const html = join(fresh(), "report.html")
      const { end, stdout } = yield* score([list, "--html", html])
      assert.isNull(end)
      assert.match(stdout, /^No API key is set: .*made-up ratings.*nothing is spent/)
      assert.include(stdout, "\nCost: nothing.\nAhrefs would have charged ")
      const page = readFileSync(html, "utf8")
      assert.match(page, /^<!doctype html>/i)
      assert.match(page, /simulated/i)
      assert.include(page, "strong.com")
    })
  )
})

describe("--profile and --exclude", () => {
  it.live("a profile of a file is the one that is used", () =>
    Effect.gen(function* () {
      const { httpClient } = yield* ahrefs({ facts: ratings })
      const low = { from: 10, to: 20 }
      const profile = fileOf(
        JSON.stringify({ ...standard, name: "low", gates: { ...standard.gates, domainRating: low }, qualifiedFrom: 0 })
      )
      const { stdout } = yield* score([list, "--json", "--profile", profile], { env: ahrefsEnv, httpClient })
      const [strong, weak] = answersOf(stdout).prospects
      assert.deepStrictEqual([strong?.verdict._tag, weak?.verdict._tag], ["Rejected", "Qualified"])
      assert.strictEqual(weak?.profile.name, "low")
    })
  )

  it.live("nothing is paid for sites of a list of them, be it a CSV", () =>
    Effect.gen(function* () {
      const { httpClient, requests } = yield* ahrefs()
      const one = fileOf("Name;Domain\nx;https://www.site-0.com/a\n", "one.csv")
      const two = listOf(["site-1.com"])
      const args = [listOf(domains(2)), "--json", "--exclude", one, "--exclude", two]
      const answers = answersOf((yield* score(args, { env: ahrefsEnv, httpClient })).stdout)
      assert.strictEqual(answers.summary.excluded, 2)
      assert.deepStrictEqual(yield* requests, [])
    })
  )

  it.live("a site of such a list that is none is told", () =>
    Effect.gen(function* () {
      const { end, stderr } = yield* score([list, "--exclude", listOf(["localhost"])], { env: ahrefsEnv })
      assert.strictEqual(end, "BadUsage")
      assert.match(stderr, /localhost/)
    })
  )
})

describe("--import", () => {
  it.live("what the list knows is not bought", () =>
    Effect.gen(function* () {
      const { httpClient, requests } = yield* ahrefs()
      const file = fileOf(
        'Domain,Rating,Trust Flow\nsite-1.com,7,12\nsite-2.com,8,x\nsite-3.com,9,\n"site-4.com",91,3\n'
      )
      const args = [file, "--json", "--import", "domainRating=rating", "--import=trustFlow=Trust Flow"]
      const answers = answersOf((yield* score(args, { env: ahrefsEnv, httpClient })).stdout)
      assert.deepStrictEqual(yield* requests, [])
      assert.deepStrictEqual(
        answers.prospects.map(({ data, verdict }) => [data.domainRating?.value, data.trustFlow?.value, verdict._tag]),
        [
          [7, 12, "Rejected"],
          [8, undefined, "Rejected"],
          [9, undefined, "Rejected"],
          [91, 3, "Rejected"]
        ]
      )
      assert.strictEqual(answers.prospects[0]?.data.trustFlow?.source, "imported")
    })
  )

  it.live("takes a column whose name has an = in it, and no word that follows", () =>
    Effect.gen(function* () {
      const file = fileOf("domain,a=b\nsite-1.com,7\n", "x=y.csv")
      const { end, stdout } = yield* score(["--json", "--import", "domainRating=a=b", file])
      assert.isNull(end)
      assert.strictEqual(answersOf(stdout).prospects[0]?.data.domainRating?.value, 7)
    })
  )
})

describe("--free-domain-rating", () => {
  it.live("costs no units for ratings, and the attribution is shown", () =>
    Effect.gen(function* () {
      const { httpClient } = yield* ahrefs({ facts: { "weak.com": { domainRating: 12.5 } } })
      const file = listOf(["weak.com"])
      const setup = { env: ahrefsEnv, httpClient }
      const answers = answersOf((yield* score([file, "--json", "--free-domain-rating"], setup)).stdout)
      assert.strictEqual(spentOf(answers)["ahrefs"] ?? 0, 0)
      assert.strictEqual(answers.prospects[0]?.attribution?.text, "Domain Rating by Ahrefs")
      const { stdout } = yield* score([file, "--free-domain-rating"], setup)
      assert.match(stdout, /\nDomain Rating by Ahrefs, https:\/\/ahrefs\.com\/ \(licence: http/)
    })
  )
})

describe("a refusal", () => {
  it.live("of the key fails the run, and every line is answered and written all the same", () =>
    Effect.gen(function* () {
      const { httpClient } = yield* ahrefs({ keys: ["another"] })
      const out = join(fresh(), "out.csv")
      const { end, stderr, stdout } = yield* score([list, "--out", out], { env: ahrefsEnv, httpClient })
      assert.strictEqual(end, "Failed")
      assert.match(stderr, /^InvalidKey: [^\n]+$/)
      assert.match(stdout, /\nFailed: Ahrefs, getDomainMetrics, 3 sites: InvalidKey: /)
      const records = recordsOf(readFileSync(out, "utf8"))
      assert.strictEqual(records.length, 6)
      assert.include(records[0]?.["reason"], "the key does not work")
    })
  )

  it.live("for want of credits keeps what was bought before", () =>
    Effect.gen(function* () {
      const { httpClient, unitsBilled } = yield* ahrefs({ budget: 450 })
      const { end, stderr, stdout } = yield* score([listOf(domains(300)), "--json"], { env: ahrefsEnv, httpClient })
      assert.strictEqual(end, "Failed")
      assert.match(stderr, /^CreditsExhausted: /)
      const answers = answersOf(stdout)
      assert.strictEqual(answers.prospects.length, 300)
      assert.isAbove(answers.prospects.filter(({ data }) => data.domainRating !== undefined).length, 200)
      assert.strictEqual(spentOf(answers)["ahrefs"], yield* unitsBilled)
      assert.strictEqual(answers.summary.failures[0]?.error, "CreditsExhausted")
    })
  )

  it.live("of one provider leaves the other's answers", () =>
    Effect.gen(function* () {
      const { client } = yield* Scorer.simulators({ ahrefs: { keys: ["another"] }, seRanking: unlimited })
      const { end, stdout } = yield* score([list, "--json"], { env: bothEnv, httpClient: client })
      assert.strictEqual(end, "Failed")
      const [strong] = answersOf(stdout).prospects
      assert.isDefined(strong?.data.domainInlinkRank)
    })
  )

  it.live("of a key that no header can carry tells nothing of it", () =>
    Effect.gen(function* () {
      const { httpClient } = yield* ahrefs()
      for (const key of [`${canary}\nx`, `${canary}ключ`]) {
        const { end, stderr } = yield* score([list], { env: { AHREFS_API_KEY: key }, httpClient })
        assert.strictEqual(end, "Failed")
        assert.match(stderr, /InvalidKey: .*characters that no header can carry/)
      }
    })
  )
})

describe("a reader that goes", () => {
  it.live("ends the asking", () =>
    Effect.gen(function* () {
      const simulator = yield* ahrefs()
      const { httpClient } = simulator
      const args = [listOf(domains(3_000)), "--json"]
      const { end, stderr } = yield* score(args, { env: ahrefsEnv, httpClient, reads: 1 })
      assert.deepStrictEqual([end, stderr], [null, ""])
      const asked = JSON.stringify((yield* simulator.requests).map(({ body }) => body))
      assert.include(asked, "site-999.com")
      assert.notInclude(asked, "site-2000.com")
    })
  )

  it.live("leaves the files to be written", () =>
    Effect.gen(function* () {
      const { httpClient } = yield* ahrefs()
      const [out, html] = [join(fresh(), "out.csv"), join(fresh(), "out.html")]
      const args = [listOf(domains(300)), "--out", out, "--html", html]
      const { end } = yield* score(args, { env: ahrefsEnv, httpClient, reads: 1 })
      assert.isNull(end)
      assert.strictEqual(readFileSync(out, "utf8").trimEnd().split("\n").length, 301)
      assert.isTrue(existsSync(html))
    })
  )
})

describe("an empty list", () => {
  it.live("is answered too", () =>
    Effect.gen(function* () {
      const file = listOf([])
      const shown = yield* score([file])
      assert.isNull(shown.end)
      assert.include(shown.stdout, "\n0 prospects: ")
      assert.strictEqual(answersOf((yield* score([file, "--json"])).stdout).summary.inputs, 0)
      assert.strictEqual((yield* score([file, "--csv"])).stdout.split("\n").length, 2)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("plan", () => {
  it.live("what the list knows is not planned for", () =>
    Effect.gen(function* () {
      const file = fileOf("domain,DR\nsite-0.com,10\n", "known.csv")
      const planned = yield* command(["plan", file, "--json", "--import", "domainRating=DR"])
      const { sites, stages } = JSON.parse(planned.stdout) as { sites: number; stages: ReadonlyArray<unknown> }
      assert.deepStrictEqual([sites, stages], [1, []])
    })
  )

  const billed = (lines: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const { httpClient, unitsBilled } = yield* ahrefs()
      const planned = yield* command(["plan", listOf(lines), "--json"], { env, httpClient })
      assert.strictEqual(yield* unitsBilled, 0)
      const told = JSON.parse(planned.stdout) as {
        readonly stages: ReadonlyArray<{ readonly units: { readonly lower: number; readonly upper: number } }>
      }
      yield* score([listOf(lines)], { env, httpClient })
      return {
        lower: told.stages.reduce((sum, { units }) => sum + units.lower, 0),
        upper: told.stages.reduce((sum, { units }) => sum + units.upper, 0),
        paid: yield* unitsBilled
      }
    })

  it.live("spends nothing, and what scoring costs then is within it", () =>
    Effect.gen(function* () {
      const { lower, paid, upper } = yield* billed(domains(250), ahrefsEnv)
      assert.isAbove(lower, 0)
      assert.isAtMost(lower, paid)
      assert.isAtMost(paid, upper)
    })
  )

  it.live("is a table by stage, and tells of a simulation", () =>
    Effect.gen(function* () {
      const { end, stdout } = yield* command(["plan", listOf([...domains(250), "localhost"])])
      assert.isNull(end)
      assert.match(stdout, /^No API key is set/)
      assert.match(stdout, /\ngate +Ahrefs +Domain Rating +250 +0 +3 +500 API units\n/)
      assert.match(stdout, /\n251 prospects: 250 to ask about, 0 excluded, 1 invalid, 0 duplicates\n/)
      assert.match(stdout, /\nAhrefs: 500 to [\d,]+ API units; /)
    })
  )

  it.live("of what nobody can answer is none", () =>
    Effect.gen(function* () {
      const env = { ...seRankingEnv, SE_RANKING_CONTRACT: "platform" }
      const { stdout } = yield* command(["plan", listOf(domains(2))], { env })
      assert.match(stdout, /^\n2 prospects: 2 to ask about/)
    })
  )
})
