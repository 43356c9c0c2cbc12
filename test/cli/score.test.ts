import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { AhrefsSimulator, SERankingSimulator } from "../../src/testing/index.js"
import { linesOf, score } from "./harness.js"

const key = "CANARY-7d1f"
const ahrefsEnv = { AHREFS_API_KEY: key }
const seRankingEnv = { SE_RANKING_API_KEY: key }
const unlimited = { rateLimit: false } as const

/** A list in a directory of its own. */
const listOf = Effect.fnUntraced(function* (lines: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  const file = `${directory}/list.txt`
  yield* fs.writeFileString(file, lines.join("\n"))
  return { directory, file }
})

const domains = (count: number) => Array.from({ length: count }, (_, i) => `site${i}.com`)

const failureOf = <A, E>(exit: Exit.Exit<A, E>) =>
  Exit.isFailure(exit) ? Option.getOrNull(Cause.failureOption(exit.cause)) : null

const tagOf = <A, E extends { readonly _tag: string }>(exit: Exit.Exit<A, E>) => failureOf(exit)?._tag ?? null

const lastOf = (stdout: string) => linesOf(stdout).at(-1)

describe("bad usage is found before anything is asked", () => {
  it.scopedLive.each([
    [["LIST", "--out", "DIRECTORY"], {}, /cannot be written/],
    [["LIST", "--out", "DIRECTORY/none/x.csv"], {}, /cannot be written/],
    [["LIST", "--out", "DIRECTORY/list.txt"], {}, /list itself/],
    [["DIRECTORY"], {}, /cannot be read/],
    [["DIRECTORY/none.txt"], {}, /cannot be read/],
    [["LIST"], { AHREFS_CONTRACT: "Vendor" }, /AHREFS_CONTRACT must be/],
    [["LIST"], { SE_RANKING_CONTRACT: key }, /SE_RANKING_CONTRACT must be/],
    [["LIST"], { AHREFS_API_URL: "api.ahrefs.com" }, /AHREFS_API_URL must be/],
    [["LIST", "--free-domain-rating"], { AHREFS_CONTRACT: "platform" }, /vendor contract/],
    [["LIST", "--free-domain-rating"], { AHREFS_API_KEY: "", ...seRankingEnv }, /vendor contract/]
  ] as const)("%j %j", ([args, env, reason]) =>
    Effect.gen(function* () {
      const { directory, file } = yield* listOf(["a.com"])
      const given = args.map((arg) => arg.replace("LIST", file).replace("DIRECTORY", directory))
      const { exit, stderr, stdout } = yield* score(given, { env: { ...ahrefsEnv, ...env } })
      assert.strictEqual(tagOf(exit), "BadUsage")
      assert.match(stderr, reason)
      assert.notInclude(stderr, key)
      assert.strictEqual(stdout, "")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive.each([
    [[], /Missing argument/],
    [["--nope", "LIST"], /unknown option: '--nope'/],
    [["LIST", "--nope"], /unknown argument: '--nope'/],
    [["LIST", "--JSON"], /unknown argument/],
    [["LIST", "--out"], /unknown argument/],
    [["LIST", "LIST"], /unknown argument/]
  ] as const)("%j", ([args, reason]) =>
    Effect.gen(function* () {
      const { file } = yield* listOf(["a.com"])
      const { exit, stderr } = yield* score(
        args.map((arg) => arg.replace("LIST", file)),
        { env: ahrefsEnv }
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.match(stderr, reason)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("an unknown price", () => {
  it.scopedLive("is null, not 0", () =>
    Effect.gen(function* () {
      const { file } = yield* listOf(domains(150))
      const { httpClient } = yield* SERankingSimulator.make({ contract: "platform" })
      const env = { ...seRankingEnv, SE_RANKING_CONTRACT: "platform" }
      const { stdout } = yield* score([file, "--json"], { env, httpClient })
      assert.deepInclude(lastOf(stdout), { unknown: 150, units: { ahrefs: 0, se_ranking: null }, calls: 2 })
      const shown = yield* score([file], { env, httpClient })
      assert.include(shown.stdout, "an amount of row credits that the contract does not state in 2 calls")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("is 0 where nothing was asked", () =>
    Effect.gen(function* () {
      const { file } = yield* listOf(["junk"])
      const env = { ...seRankingEnv, SE_RANKING_CONTRACT: "platform" }
      const { stdout } = yield* score([file, "--json"], { env })
      assert.deepInclude(lastOf(stdout), { invalid: 1, units: { ahrefs: 0, se_ranking: 0 }, calls: 0 })
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("a refusal", () => {
  it.scopedLive("by SE Ranking keeps what the calls under way bought, and ends the asking", () =>
    Effect.gen(function* () {
      const { file } = yield* listOf(domains(100))
      const simulator = yield* SERankingSimulator.make({ ...unlimited, budget: 65 })
      const { httpClient } = simulator
      const { exit, stderr, stdout } = yield* score([file, "--json"], { env: seRankingEnv, httpClient })
      assert.strictEqual(tagOf(exit), "Refused")
      assert.match(stderr, /^CreditsExhausted: [^\n]+$/)
      const bought = linesOf(stdout).filter(
        (line) => line.type === "prospect" && !line.reason?.startsWith("CreditsExhausted")
      )
      assert.strictEqual(bought.length, 6)
      assert.strictEqual(linesOf(stdout).length, 101)
      assert.deepInclude(lastOf(stdout), { units: { ahrefs: 0, se_ranking: 60 }, calls: 6 })
      assert.strictEqual(yield* simulator.unitsBilled, 60)
      assert.isAtMost((yield* simulator.requests).length, 10)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("is written to the file too", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* listOf(["junk", "a.com"])
      const { httpClient } = yield* AhrefsSimulator.make({ ...unlimited, keys: ["another"] })
      const { exit } = yield* score([file, "--out", `${directory}/out.csv`], { env: ahrefsEnv, httpClient })
      assert.strictEqual(tagOf(exit), "Refused")
      const fs = yield* FileSystem.FileSystem
      const [, ...records] = (yield* fs.readFileString(`${directory}/out.csv`)).trimEnd().split("\n")
      assert.strictEqual(records.length, 2)
      assert.match(records[0] ?? "", /^junk,,,invalid,/)
      assert.match(records[1] ?? "", /^a\.com,a\.com,,unknown,InvalidKey: /)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("duplicates", () => {
  it.scopedLive("are asked once and answered everywhere", () =>
    Effect.gen(function* () {
      const { file } = yield* listOf(["a.com", "https://www.A.com/x", "b.com", "blog.a.com"])
      const simulator = yield* AhrefsSimulator.make({
        ...unlimited,
        contract: "platform",
        facts: { "a.com": { domainRating: 90 }, "b.com": { domainRating: 30 } }
      })
      const env = { ...ahrefsEnv, ...seRankingEnv, AHREFS_CONTRACT: "platform", SE_RANKING_CONTRACT: "" }
      const { stdout } = yield* score([file, "--json"], { env, httpClient: simulator.httpClient })
      assert.deepStrictEqual(
        linesOf(stdout).map((line) => (line.type === "prospect" ? [line.target, line.domainRating] : line.units)),
        [["a.com", 90], ["a.com", 90], ["b.com", 30], ["a.com", 90], { ahrefs: 2, se_ranking: 0 }]
      )
      assert.strictEqual((yield* simulator.requests).length, 2)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("a reader that goes", () => {
  it.scopedLive("ends the asking", () =>
    Effect.gen(function* () {
      const { file } = yield* listOf(domains(1_000))
      const simulator = yield* AhrefsSimulator.make(unlimited)
      const { httpClient } = simulator
      const { exit, stderr } = yield* score([file, "--json"], { env: ahrefsEnv, httpClient, reads: 1 })
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(stderr, "")
      assert.isBelow((yield* simulator.requests).length, 5)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("leaves the file to be written", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* listOf(domains(300))
      const { httpClient } = yield* AhrefsSimulator.make(unlimited)
      const out = `${directory}/out.csv`
      const { exit } = yield* score([file, "--out", out], { env: ahrefsEnv, httpClient, reads: 1 })
      assert.isTrue(Exit.isSuccess(exit))
      const fs = yield* FileSystem.FileSystem
      assert.strictEqual((yield* fs.readFileString(out)).trimEnd().split("\n").length, 301)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("an empty list", () => {
  it.scopedLive("says so", () =>
    Effect.gen(function* () {
      const { file } = yield* listOf([])
      const { exit, stdout } = yield* score([file])
      assert.isTrue(Exit.isSuccess(exit))
      assert.include(stdout, "\n0 prospects: ")
      const shown = yield* score([file, "--json"])
      assert.strictEqual(linesOf(shown.stdout).length, 1)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})
