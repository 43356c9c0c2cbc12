/** `usage`, `verify`, `integrations` and tenants, in this process on real databases. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { vi } from "vitest"
import * as IntegrationsSql from "../../src/IntegrationsSql.js"
import { AhrefsSimulator } from "../../src/testing/index.js"
import * as Integrations from "../../src/Integrations.js"
import * as LibsqlClient from "@effect/sql-libsql/LibsqlClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Postgres from "../support/postgres.js"
import { answersOf, canary, command, domains, fresh, listOf, score } from "./harness.js"

// A PostgreSQL takes seconds to start on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 })

const masterKey = (name: string) => createHash("sha256").update(name).digest("base64")
const keys = [Redacted.make(masterKey("old"))] as const
const libsql = Effect.sync(() => `file:${join(fresh(), "tenants.db")}`)
const databases = {
  libsql,
  postgres: Effect.map(Postgres.start, Redacted.value)
}

const clientOf = (url: string) =>
  url.startsWith("file:") ? LibsqlClient.layer({ url }) : PgClient.layer({ url: Redacted.make(url) })

/** A row as `integrations set` makes it. */
const set = (url: string, tenant: string, metadata: unknown = {}) =>
  Effect.flatMap(Integrations.Integrations, ({ upsert }) =>
    upsert({ tenant, provider: "ahrefs", apiKey: Redacted.make(canary), metadata })
  ).pipe(Effect.provide(IntegrationsSql.layer({ masterKeys: keys })), Effect.provide(clientOf(url)))

const env = (url: string, ...names: ReadonlyArray<string>) => ({
  SEO_DATABASE_URL: url,
  SEO_MASTER_KEYS: (names.length === 0 ? ["old"] : names).map(masterKey).join(",")
})

describe.each(["libsql", "postgres"] as const)("tenants in %s", (name) => {
  it.scopedLive("are listed, checked, asked for, kept to their budget, moved to another master key, and removed", () =>
    Effect.gen(function* () {
      const url = yield* databases[name]
      const at = env(url)
      const empty = yield* command(["integrations", "list"], { env: at })
      assert.isNull(empty.end)
      yield* set(url, "acme", { budget: { limit: 250 } })
      yield* set(url, "\u001b[2J", { isEnabled: false })

      const listed = yield* command(["integrations", "list"], { env: at })
      assert.match(listed.stdout, /\nacme +Ahrefs +yes +vendor +never\n/)
      assert.match(listed.stdout, /\n␛\[2J +Ahrefs +no +vendor +never\n/)
      const { httpClient, unitsBilled } = yield* AhrefsSimulator.make({ rateLimit: false, keys: [canary] })
      const verified = yield* command(["verify", "--tenant", "acme"], { env: at, httpClient })
      assert.isNull(verified.end)
      const again = yield* command(["integrations", "list", "--tenant", "acme", "--json"], { env: at })
      const row = JSON.parse(again.stdout) as Readonly<Record<string, unknown>>
      assert.deepInclude(row, { tenant: "acme", provider: "ahrefs", metadata: { budget: { limit: 250 } } })
      assert.deepNestedInclude(row, { "verification.error": null })

      // The ledger is in the database: the budget holds over runs that share nothing else.
      const runs = yield* Effect.forEach([0, 1], () =>
        score([listOf(domains(200)), "--tenant", "acme", "--json"], { env: at, httpClient })
      )
      assert.isAtMost(yield* unitsBilled, 250)
      assert.isAbove(yield* unitsBilled, 0)
      assert.deepStrictEqual(
        runs.map(({ end }) => end),
        ["Failed", "Failed"]
      )
      assert.strictEqual(answersOf(runs[1]!.stdout).summary.failures[0]?.error, "BudgetExceeded")
      assert.match(runs[1]!.stderr, /^BudgetExceeded: /)

      const both = { env: env(url, "new", "old") }
      const counted = yield* command(["integrations", "rotate-key"], both)
      assert.match(
        counted.stdout,
        /^2 rows: 0 under the first master key already, 2 to be moved to it \(with --apply\)/
      )
      const moved = yield* command(["integrations", "rotate-key", "--apply", "--json"], both)
      assert.deepInclude(JSON.parse(moved.stdout), { rows: 2, rotated: 2, dryRun: false })
      const old = yield* command(["verify", "--tenant", "acme"], { env: at, httpClient })
      assert.strictEqual(old.end, "BadUsage")
      assert.match(old.stderr, /^UnknownMasterKey: /)
      const young = yield* command(["verify", "--tenant", "acme"], { env: env(url, "new"), httpClient })
      assert.isNull(young.end)
      const broken = yield* command(["integrations", "rotate-key"], { env: env(url, "other") })
      assert.strictEqual(broken.end, "Failed")
      assert.match(broken.stderr, /2 rows cannot be decrypted$/)

      const remove = ["integrations", "remove", "--tenant", "acme", "--provider", "ahrefs"]
      assert.isNull((yield* command(remove, { env: at })).end)
      const gone = yield* command(remove, { env: at })
      assert.deepStrictEqual([gone.end, gone.stderr], ["Failed", "acme has no row of Ahrefs"])
      const unknown = yield* score([listOf(["a.com"]), "--tenant", "acme"], { env: at })
      assert.deepStrictEqual([unknown.end, unknown.stdout], ["BadUsage", ""])
    })
  )
})

describe("usage and verify", () => {
  const given = { AHREFS_API_KEY: canary }

  it.live("tell what is left, in words and as JSON, for nothing", () =>
    Effect.gen(function* () {
      const { httpClient, unitsBilled } = yield* AhrefsSimulator.make({ budget: 1_000, keys: [canary] })
      const setup = { env: given, httpClient }
      const shown = yield* command(["usage"], setup)
      assert.match(
        shown.stdout,
        /^Ahrefs: 1,000 API units left of 1,000, 0 used; begins anew on \d{4}-\d\d-\d\d; plan /
      )
      const json = yield* command(["usage", "--json"], setup)
      assert.deepInclude(JSON.parse(json.stdout), { type: "account", provider: "ahrefs", left: 1_000 })
      const works = yield* command(["verify", "--json"], setup)
      assert.deepInclude(JSON.parse(works.stdout), { provider: "ahrefs", works: true, error: null })
      assert.strictEqual(yield* unitsBilled, 0)
    })
  )

  it.live.each(["usage", "verify"])("%s fails where a key does not work, and tells which", (name) =>
    Effect.gen(function* () {
      const { httpClient } = yield* AhrefsSimulator.make({ keys: ["another"] })
      const { end, stderr, stdout } = yield* command([name], { env: given, httpClient })
      assert.strictEqual(end, "Failed")
      assert.match(stdout + stderr, /Ahrefs: InvalidKey: /)
    })
  )

  it.live.each(["usage", "verify"])("%s needs a key", (name) =>
    Effect.gen(function* () {
      const { end, stderr } = yield* command([name])
      assert.strictEqual(end, "BadUsage")
      assert.match(stderr, /^No key is set: set AHREFS_API_KEY or SE_RANKING_API_KEY/)
    })
  )
})

describe("cache invalidate", () => {
  it.live.each([
    [[], /Say what to forget/],
    [["--all", "--target", "a.com"], /Say what to forget/],
    [["--target", "localhost"], /^localhost: no domain/],
    [["--provider", "ahrefs"], /^No key is set/]
  ] as const)("%j forgets nothing", ([args, message]) =>
    Effect.gen(function* () {
      const { end, stderr } = yield* command(["cache", "invalidate", ...args])
      assert.strictEqual(end, "BadUsage")
      assert.match(stderr, message)
    })
  )
})
