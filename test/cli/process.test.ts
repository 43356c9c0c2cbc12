/** The real command in a process of its own, in pipes, against the simulators on a loopback socket. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"
import { AhrefsSimulator } from "../../src/testing/index.js"
import * as Redis from "../support/redis.js"
import { answersOf, canary, domains, fileOf, fresh, listOf, spentOf } from "./harness.js"
import { ahrefs, ahrefsEnv, bytesOf, fromSource, piped } from "./process.js"

// Starting a process takes a second, and many on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 })

const sample = "examples/prospects.txt"

describe.concurrent("output", () => {
  it.live("of a simulation says so first, has no bar and no colours", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* fromSource(["score", sample], { env: { AHREFS_API_KEY: "" } })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^No API key is set: .*made-up ratings.*nothing is spent/)
      assert.include(stdout, "\n1,000 prospects: ")
      assert.notInclude(stdout, "\u001b")
    })
  )

  it.live("as JSON lines is nothing else; the rest goes to standard error", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* piped(["score", "-", "--json"], {
        stdin: "\ufeffDomain;x\r\nsite-1.com;1\r\n;2\r\n"
      })
      assert.strictEqual(code, 0)
      assert.match(stderr, /^No API key is set: [^\n]+\n$/)
      const { prospects, summary } = answersOf(stdout)
      assert.deepStrictEqual(
        prospects.map(({ input, verdict }) => [input, verdict._tag]),
        [
          ["site-1.com", "Rejected"],
          ["", "Excluded"]
        ]
      )
      assert.isTrue(summary.simulated)
    })
  )

  it.live("ends quietly where the reader goes early", () =>
    Effect.gen(function* () {
      const file = listOf(domains(20_000))
      const { code, stderr } = yield* piped(["score", file], {
        onStart: ({ stdout }) => stdout?.once("data", () => stdout.destroy())
      })
      assert.deepStrictEqual([code, stderr], [0, ""])
    })
  )

  it.live("what a list holds is shown, never obeyed", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* piped(["score", "-"], { stdin: "\u001b[2J\u202e.com\n=cmd()\n" })
      assert.deepStrictEqual([code, stderr], [0, ""])
      for (const control of ["\u001b", "\u202e"]) assert.notInclude(stdout, control)
      assert.include(stdout, "␛[2J")
    })
  )
})

describe.concurrent("exit codes", () => {
  it.live("1 where the provider refused: what was bought before is printed", () =>
    Effect.gen(function* () {
      const env = yield* ahrefsEnv
      const { code, stderr, stdout } = yield* piped(["score", sample, "--json"], { env })
      assert.strictEqual(code, 1)
      assert.match(stderr, /^CreditsExhausted: [^\n]+\n$/)
      const answers = answersOf(stdout)
      assert.strictEqual(answers.prospects.length, 1_000)
      const { unitsBilled } = yield* AhrefsSimulator.AhrefsSimulator
      assert.isAbove(yield* unitsBilled, 0)
      assert.strictEqual(spentOf(answers)["ahrefs"], yield* unitsBilled)
    }).pipe(Effect.provide(ahrefs({ budget: 450 })))
  )

  const masterKey = randomBytes(32).toString("base64")
  const tenants = (url: string, key = masterKey) => ({ SEO_DATABASE_URL: url, SEO_MASTER_KEYS: key })
  it.live.each([
    [["score"], {}, 2, /FILE/],
    [["nope"], {}, 2, /Invalid subcommand/],
    [["score", sample], { AHREFS_API_KEY: canary, AHREFS_CONTRACT: canary }, 2, /^AHREFS_CONTRACT must be [^\n]+\n$/],
    [["score", sample], { REDIS_URL: `garbage ${canary}` }, 2, /^REDIS_URL is no address of a Redis server\n$/],
    [["cache", "stats"], { REDIS_URL: `redis://u:${canary}@127.0.0.1:1` }, 1, /^What is kept cannot be reached/],
    [
      ["integrations", "list"],
      tenants(`postgres://u:${canary}@127.0.0.1:1/x`),
      1,
      /^The database at .* cannot be opened\n$/
    ],
    [["integrations", "list"], tenants(`file:/nowhere/${canary}.db`), 1, /^The database at .* cannot be opened\n$/],
    [["integrations", "list"], tenants(`mysql://u:${canary}@h/x`), 2, /^SEO_DATABASE_URL must be/],
    [
      ["integrations", "list"],
      tenants(`file:${join(fresh(), "a.db")}`, canary),
      2,
      /^SEO_MASTER_KEYS: Master key 1 must/
    ],
    [["integrations", "list"], tenants(`file:${join(fresh(), "a.db")}`, ""), 2, /^SEO_MASTER_KEYS is not set/],
    [["verify"], {}, 2, /^No key is set/]
  ] as const)("%j %j: %d", ([args, env, code, message]) =>
    Effect.gen(function* () {
      const ended = yield* piped([...args], { env })
      assert.deepStrictEqual([ended.code, ended.stdout], [code, ""], ended.stderr)
      assert.match(ended.stderr, message)
    })
  )

  it.live("130 where it was interrupted", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* piped(["score", sample], {
        env: yield* ahrefsEnv,
        onStart: (child) => child.stdout?.once("data", () => child.kill("SIGINT"))
      })
      assert.strictEqual(code, 130)
      assert.match(stderr, /^Stopped\. /)
    }).pipe(Effect.provide(ahrefs({ latency: "50 millis" })))
  )
})

describe.concurrent("a second run of the same list costs nothing, and answers the same", () => {
  const lines = (stdout: string) =>
    answersOf(stdout).prospects.map(({ inputsHash, score, verdict }) => [inputsHash, score, verdict])

  const twice = (env: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      const { unitsBilled } = yield* AhrefsSimulator.AhrefsSimulator
      const given = { ...(yield* ahrefsEnv), ...env }
      const list = listOf(domains(150))
      const first = yield* piped(["score", list, "--json"], { env: given })
      const paid = yield* unitsBilled
      assert.strictEqual(spentOf(answersOf(first.stdout))["ahrefs"], paid)
      const second = yield* piped(["score", list, "--json"], { env: given })
      assert.deepStrictEqual([first.code, second.code, second.stderr], [0, 0, ""])
      assert.strictEqual(yield* unitsBilled, paid)
      assert.deepStrictEqual(lines(second.stdout), lines(first.stdout))
      return { given, list, paid }
    })

  it.live("with a directory, until it is invalidated", () =>
    Effect.gen(function* () {
      const { given: env, list, paid } = yield* twice({ SEO_CACHE_DIR: join(fresh(), "a", "b") })
      const stats = yield* piped(["cache", "stats", "--json"], { env })
      assert.deepInclude(JSON.parse(stats.stdout), { provider: "ahrefs", contract: "vendor", unit: "api_units" })
      assert.closeTo((JSON.parse(stats.stdout) as { readonly paid: number }).paid, paid, 1e-6)
      yield* piped(["cache", "invalidate", "--target", "https://www.site-0.com/x"], { env })
      yield* piped(["score", list], { env })
      const { reset, requests, unitsBilled } = yield* AhrefsSimulator.AhrefsSimulator
      assert.isAbove(yield* unitsBilled, paid)
      assert.include(JSON.stringify((yield* requests).at(-1)?.body), "site-0.com")
      yield* piped(["cache", "invalidate", "--provider", "ahrefs"], { env })
      yield* reset
      yield* piped(["score", list], { env })
      assert.strictEqual(yield* unitsBilled, paid)
    }).pipe(Effect.provide(ahrefs()))
  )

  it.scopedLive("with Redis, which keeps the days too", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.start()
      const { given: env, paid } = yield* twice({ REDIS_URL: redis.url })
      const usage = yield* piped(["usage", "--json"], { env })
      assert.strictEqual(usage.code, 0)
      const rows = usage.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
      assert.deepInclude(rows[0], { type: "account", provider: "ahrefs", used: paid })
      const spent = rows.filter(({ type }) => type === "spent").map((row) => Number(row["spent"]))
      assert.strictEqual(
        spent.reduce((a, b) => a + b, 0),
        paid
      )
      const table = yield* piped(["usage"], { env })
      assert.match(table.stdout, /\n\d{4}-\d\d-\d\d +Ahrefs +getDomainMetrics +- +\d/)
      const kept = yield* Redis.ask(redis, async (client) => (await client.keys("*")).join("\n"))
      assert.notInclude(kept, canary)
      yield* piped(["cache", "invalidate", "--all"], { env })
      assert.strictEqual((yield* piped(["cache", "stats"], { env })).stdout, "Nothing is kept.\n")
    }).pipe(Effect.provide(ahrefs()))
  )
})

describe.concurrent("a key from a pipe", () => {
  it.live("is the first line, and in the database encrypted only", () =>
    Effect.gen(function* () {
      const url = `file:${join(fresh(), "tenants.db")}`
      const env = { SEO_DATABASE_URL: url, SEO_MASTER_KEYS: randomBytes(32).toString("base64") }
      const row = ["--tenant", "acme", "--provider", "ahrefs"]
      const metadata = fileOf(JSON.stringify({ apiUrl: (yield* ahrefsEnv).AHREFS_API_URL }))
      const set = yield* piped(["integrations", "set", ...row, "--metadata", metadata], {
        env,
        stdin: `  ${canary}\r\nanother`
      })
      assert.deepStrictEqual([set.code, set.stdout], [0, ""])
      assert.include(set.stderr, "verify --tenant acme")
      const verified = yield* piped(["verify", "--tenant", "acme"], { env })
      assert.deepStrictEqual([verified.code, verified.stderr], [0, ""])
      assert.match(verified.stdout, /^Ahrefs: works\n/)
      const { code, stdout } = yield* piped(["score", listOf(["site-1.com"]), "--tenant", "acme", "--json"], { env })
      assert.deepStrictEqual([code, answersOf(stdout).summary.simulated], [0, false])
      assert.notInclude(bytesOf(join(url.slice("file:".length), "..")), canary)
    }).pipe(Effect.provide(ahrefs()))
  )
})

describe.concurrent("help", () => {
  const commands: Readonly<Record<string, ReadonlyArray<string>>> = {
    score: [
      "tenant",
      "provider",
      "json",
      "csv",
      "out",
      "html",
      "max-units",
      "profile",
      "exclude",
      "import",
      "free-domain-rating"
    ],
    plan: ["tenant", "provider", "profile", "exclude", "free-domain-rating", "json"],
    "cache invalidate": ["target", "provider", "tenant", "all"]
  }
  it.live.each(Object.entries(commands))("of %s names every option", ([name, options]) =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* piped([...name.split(" "), "--help"])
      assert.deepStrictEqual([code, stderr], [0, ""])
      for (const option of options) assert.match(stdout, new RegExp(`\n--${option}\\b`))
      assert.notInclude(stdout, "\u001b")
    })
  )

  it.live("a script of completions parses", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* piped(["--completions", "bash"])
      assert.strictEqual(code, 0)
      assert.include(stdout, "--max-units")
      const file = join(fresh(), "completions.bash")
      writeFileSync(file, stdout)
      const parsed = spawnSync("bash", ["-n", file], { encoding: "utf8" })
      assert.deepStrictEqual([parsed.status, parsed.stderr], [0, ""])
      assert.strictEqual(readFileSync(file, "utf8"), stdout)
    })
  )
})
