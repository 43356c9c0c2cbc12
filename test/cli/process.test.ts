/** The real command in a process of its own, against the simulators on a loopback socket. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import { AhrefsSimulator, SERankingSimulator } from "../../src/testing/index.js"
import { start } from "../support/redis.js"
import { freshCache, linesOf } from "./harness.js"

// Starting a process takes a second, and many on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 })

const root = fileURLToPath(new URL("../..", import.meta.url))
const sample = "examples/prospects.txt"
const key = "CANARY-7d1f"
const unlimited = { rateLimit: false } as const
const server = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })
const ahrefs = (options: AhrefsSimulator.Options) =>
  Layer.provideMerge(AhrefsSimulator.layerServer({ ...unlimited, keys: [key], ...options }), server)
const seRanking = (options: SERankingSimulator.Options) =>
  Layer.provideMerge(SERankingSimulator.layerServer({ ...unlimited, keys: [key], ...options }), server)

const listOf = (lines: ReadonlyArray<string>): string => {
  const file = join(mkdtempSync(join(tmpdir(), "score-")), "list.txt")
  writeFileSync(file, lines.join("\n"))
  return file
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const score = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  onStart: (child: ChildProcess) => void = () => undefined
) =>
  Effect.async<Ended>((resume) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], {
      cwd: root,
      env: { PATH: process.env["PATH"], SEO_CACHE_DIR: freshCache(), ...env }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    onStart(child)
    return Effect.sync(() => child.kill())
  }).pipe(
    Effect.tap((ended) => {
      assert.notInclude(ended.stdout + ended.stderr, key)
      assert.notMatch(ended.stderr, /^ +at /m)
    })
  )

const address = HttpServer.addressFormattedWith(Effect.succeed)
const ahrefsEnv = Effect.map(address, (url) => ({ AHREFS_API_KEY: key, AHREFS_API_URL: `${url}/v3` }))
const seRankingEnv = Effect.map(address, (url) => ({ SE_RANKING_API_KEY: key, SE_RANKING_API_URL: url }))

const list = () => listOf(["https://www.strong.com/x", "", "weak.com", "localhost", "giant.com", "strong.com"])
const invalid = {
  type: "prospect",
  input: "localhost",
  target: null,
  domainRating: null,
  verdict: "invalid",
  reason: '"localhost" is a single label, not a public domain'
} as const
const answer = (
  input: string,
  target: string,
  domainRating: number | null,
  verdict: string,
  reason: string | null
) => ({
  type: "prospect",
  input,
  target,
  domainRating,
  verdict,
  reason
})
const ratings = {
  "strong.com": { domainRating: 55 },
  "weak.com": { domainRating: 12.5 },
  "giant.com": { domainRating: 95 }
}
const rated = [
  answer("https://www.strong.com/x", "strong.com", 55, "qualified", null),
  answer("weak.com", "weak.com", 12.5, "too_weak", "Domain Rating 12.5 is below 30"),
  invalid,
  answer("giant.com", "giant.com", 95, "too_strong", "Domain Rating 95 is not below 90"),
  answer("strong.com", "strong.com", 55, "qualified", null)
]
const summary = { type: "summary", qualified: 2, rejected: 2, unknown: 0, invalid: 1 }

describe.concurrent("--json", () => {
  it.live("by Ahrefs' own contract", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* score([list(), "--json"], yield* ahrefsEnv)
      assert.deepStrictEqual<unknown>(linesOf(stdout), [
        ...rated,
        { ...summary, units: { ahrefs: 50, se_ranking: 0 }, calls: 1, cache: { fresh: 0, stale: 0, bought: 3 } }
      ])
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
    }).pipe(Effect.provide(ahrefs({ facts: ratings })))
  )

  it.live("by the platform contract of Ahrefs", () =>
    Effect.gen(function* () {
      const env = { ...(yield* ahrefsEnv), AHREFS_CONTRACT: "platform" }
      const { code, stdout } = yield* score([list(), "--json"], env)
      assert.deepStrictEqual<unknown>(linesOf(stdout), [
        ...rated,
        { ...summary, units: { ahrefs: 3, se_ranking: 0 }, calls: 3, cache: { fresh: 0, stale: 0, bought: 3 } }
      ])
      assert.strictEqual(code, 0)
    }).pipe(Effect.provide(ahrefs({ contract: "platform", facts: ratings })))
  )

  it.live("by SE Ranking's own contract", () =>
    Effect.gen(function* () {
      const ranked = (rank: number) =>
        `domain InLink Rank ${rank} (SE Ranking's own scale, band 25-90); no Domain Rating`
      const { code, stdout } = yield* score([list(), "--json"], yield* seRankingEnv)
      assert.deepStrictEqual<unknown>(linesOf(stdout), [
        answer("https://www.strong.com/x", "strong.com", null, "qualified", ranked(41)),
        answer("weak.com", "weak.com", null, "too_weak", ranked(24)),
        invalid,
        answer("giant.com", "giant.com", null, "too_strong", ranked(90)),
        answer("strong.com", "strong.com", null, "qualified", ranked(41)),
        { ...summary, units: { ahrefs: 0, se_ranking: 30 }, calls: 3, cache: { fresh: 0, stale: 0, bought: 3 } }
      ])
      assert.strictEqual(code, 0)
    }).pipe(
      Effect.provide(
        seRanking({
          facts: {
            "strong.com": { domainInlinkRank: 41 },
            "weak.com": { domainInlinkRank: 24 },
            "giant.com": { domainInlinkRank: 90 }
          }
        })
      )
    )
  )

  it.live("by the platform contract of SE Ranking", () =>
    Effect.gen(function* () {
      const flows = (text: string) => `no Domain Rating on this contract; ${text}`
      const env = { ...(yield* seRankingEnv), SE_RANKING_CONTRACT: "platform" }
      const { code, stdout } = yield* score([list(), "--json"], env)
      const good = flows("Trust Flow 30, Citation Flow 40, ratio 0.75 (good: above 0.5 is)")
      assert.deepStrictEqual<unknown>(linesOf(stdout), [
        answer("https://www.strong.com/x", "strong.com", null, "unknown", good),
        answer("weak.com", "weak.com", null, "unknown", flows("Trust Flow 0, Citation Flow 0, no ratio")),
        invalid,
        answer("giant.com", "giant.com", null, "unknown", flows("SE Ranking has no data for this site")),
        answer("strong.com", "strong.com", null, "unknown", good),
        {
          ...summary,
          qualified: 0,
          rejected: 0,
          unknown: 4,
          units: { ahrefs: 0, se_ranking: null },
          calls: 1,
          cache: { fresh: 0, stale: 0, bought: 3 }
        }
      ])
      assert.strictEqual(code, 0)
    }).pipe(
      Effect.provide(
        seRanking({
          contract: "platform",
          facts: {
            "strong.com": { trustFlow: 30, citationFlow: 40 },
            "weak.com": { trustFlow: 0, citationFlow: 0 },
            "giant.com": { known: false }
          }
        })
      )
    )
  )
})

describe.concurrent("the sample list", () => {
  it.live("costs 2,000 units in 10 calls", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* score([sample], yield* ahrefsEnv)
      assert.strictEqual(code, 0)
      assert.include(stdout, "\n1000 prospects: ")
      assert.include(stdout, "\nCost: Ahrefs charged 2000 API units in 10 calls.\n")
      assert.include(stdout, "\nOne call per domain would have cost 50000 API units in 1000 calls.\n")
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      assert.strictEqual(yield* simulator.unitsBilled, 2_000)
      assert.strictEqual((yield* simulator.requests).length, 10)
    }).pipe(Effect.provide(ahrefs({})))
  )

  it.live("costs nothing with --free-domain-rating, and the attribution is shown", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* score([sample, "--json", "--free-domain-rating"], yield* ahrefsEnv)
      assert.strictEqual(code, 0)
      const last = linesOf(stdout).at(-1)
      assert.deepInclude(last, { units: { ahrefs: 0, se_ranking: 0 }, calls: 10 })
      assert.deepNestedInclude(last, {
        "attribution.text": "Domain Rating by Ahrefs",
        "attribution.url": "https://ahrefs.com/"
      })
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      assert.strictEqual(yield* simulator.unitsBilled, 0)
      assert.strictEqual((yield* simulator.requests).length, 10)
    }).pipe(Effect.provide(ahrefs({})))
  )

  it.live("is simulated without a key, and says so first", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* score([sample, "--free-domain-rating"], { AHREFS_API_KEY: "" })
      assert.strictEqual(code, 0)
      assert.match(stdout, /^No API key is set: .*made-up ratings.*nothing is spent/)
      assert.match(stdout, /\nDomain Rating by Ahrefs, https:\/\/ahrefs\.com\/ \(licence: http/)
      assert.strictEqual(stderr, "")
    })
  )
})

describe.concurrent("exit codes", () => {
  it.live("1 where the provider refused: what was bought before is printed", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* score([sample, "--json"], yield* ahrefsEnv)
      assert.strictEqual(code, 1)
      assert.match(stderr, /^CreditsExhausted: [^\n]+\n$/)
      const prospects = linesOf(stdout).filter((line) => line.type === "prospect")
      assert.strictEqual(prospects.length, 1_000)
      assert.isTrue(prospects.slice(0, 200).every(({ domainRating }) => domainRating !== null))
      assert.isTrue(
        prospects.slice(200).every(({ reason, verdict }) => verdict === "unknown" && stderr === `${reason}\n`)
      )
      assert.deepInclude(linesOf(stdout).at(-1), { unknown: 800, units: { ahrefs: 400, se_ranking: 0 }, calls: 2 })
    }).pipe(Effect.provide(ahrefs({ budget: 450 })))
  )

  it.live("2 where it was called wrongly", () =>
    Effect.gen(function* () {
      const [noFile, badContract] = yield* Effect.all(
        [score([]), score([sample], { AHREFS_API_KEY: key, AHREFS_CONTRACT: key })],
        { concurrency: 2 }
      )
      assert.deepStrictEqual([noFile.code, badContract.code], [2, 2])
      assert.include(noFile.stderr, "FILE")
      assert.include(badContract.stderr, "AHREFS_CONTRACT")
    })
  )

  it.live("0 where the reader goes early", () =>
    Effect.gen(function* () {
      const file = listOf(Array.from({ length: 20_000 }, (_, i) => `site${i}.com`))
      const { code, stderr } = yield* score([file], {}, ({ stdout }) => stdout?.once("data", () => stdout.destroy()))
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
    })
  )
})

describe("a second run", () => {
  const costs = (stdout: string) => {
    const summary = linesOf(stdout).at(-1)
    return summary?.type === "summary" ? { units: summary.units.ahrefs, cache: summary.cache } : assert.fail(stdout)
  }
  const twice = (env: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const first = yield* score([sample, "--json"], env)
      const second = yield* score([sample, "--json"], env)
      const sites = costs(first.stdout).cache.bought
      assert.isAtLeast(sites, 990)
      assert.deepStrictEqual(costs(second.stdout), { units: 0, cache: { fresh: sites, stale: 0, bought: 0 } })
      const prospects = (stdout: string) => stdout.split("\n").slice(0, -2)
      assert.deepStrictEqual(prospects(second.stdout), prospects(first.stdout))
    })

  it.live("of the same list costs nothing, without Redis", () => twice({ SEO_CACHE_DIR: freshCache() }))

  it.scopedLive("of the same list costs nothing, with Redis", () =>
    Effect.flatMap(start(), ({ url }) => twice({ REDIS_URL: url }))
  )
})
