/** The table of integrations, in a libSQL file and in a real PostgreSQL. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as LibsqlClient from "@effect/sql-libsql/LibsqlClient"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Str from "effect/String"
import * as TestContext from "effect/TestContext"
import * as Tracer from "effect/Tracer"
import { createHash } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { Integrations, type Listed, type Service, Verification } from "../src/Integrations.js"
import * as IntegrationsSql from "../src/IntegrationsSql.js"
import { keyring } from "../src/internal/secrets.js"
import * as SharedState from "../src/SharedState.js"
import { AhrefsSimulator, SERankingSimulator } from "../src/testing/index.js"
import { advance } from "./support/clock.js"
import * as Postgres from "./support/postgres.js"

const masterKey = (name: string) => Redacted.make(createHash("sha256").update(name).digest("base64"))
const old = masterKey("old")
const young = masterKey("young")
const ahrefs = (tenant: string) => ({ tenant, provider: "ahrefs" }) as const
const seRanking = (tenant: string) => ({ tenant, provider: "se_ranking" }) as const
const key = (text: string) => Redacted.make(text)

const libsql = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "seo-integrations-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  ),
  (folder) => `file:${join(folder, "integrations.db")}`
)
const databases: Readonly<Record<"libsql" | "postgres", Layer.Layer<SqlClient.SqlClient, unknown>>> = {
  libsql: Layer.unwrapScoped(Effect.map(libsql, (url) => LibsqlClient.layer({ url }))),
  postgres: Layer.unwrapScoped(Effect.map(Postgres.start, (url) => PgClient.layer({ url })))
}

/** What one process has. */
const opened = (...masterKeys: IntegrationsSql.MasterKeys) =>
  Effect.map(Layer.build(Layer.fresh(IntegrationsSql.layer({ masterKeys }))), Context.get(Integrations))

/** That of the only process, with an empty table. */
const fresh = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`DROP TABLE IF EXISTS integrations`
  return { sql, service: yield* opened(old) }
})

const listed = (service: Service, tenant?: string) =>
  Effect.map(Stream.runCollect(service.list(tenant)), Chunk.toReadonlyArray)
const keysOf = (service: Service, tenant: string) =>
  Effect.map(service.get(tenant), (rows) => rows.map(({ apiKey }) => Redacted.value(apiKey)))
const tagOf = <A, R>(work: Effect.Effect<A, { readonly _tag: string }, R>) =>
  Effect.map(Effect.flip(work), ({ _tag }) => _tag)
const foundOf = (service: Service, tenant: string) =>
  Effect.map(listed(service, tenant), ([row]) => (row !== undefined && "verification" in row ? row.verification : null))

/** Something that happens once, just before a statement of this text. */
const before = (text: string, work: Effect.Effect<unknown, unknown>) => {
  let isDone = false
  return Statement.withTransformer((statement) => {
    if (isDone || !statement.compile()[0].includes(text)) return Effect.succeed(statement)
    isDone = true
    return Effect.as(Effect.orDie(Statement.withTransformerDisabled(work)), statement)
  })
}

const encodeVerification = Schema.encodeSync(Verification)
const simulated = Layer.mergeAll(AhrefsSimulator.layer({ keys: ["good", "better"] }), SharedState.layerMemory())

for (const name of ["libsql", "postgres"] as const) {
  layer(databases[name], { excludeTestServices: true })(`integrations in ${name}`, (it) => {
    it.scoped("are added, read, changed and removed", () =>
      Effect.gen(function* () {
        const { service, sql } = yield* fresh
        assert.strictEqual(yield* tagOf(service.get("acme")), "UnknownTenant")
        const metadata = { rateLimit: { requests: 5, per: "1 minute" }, custom: { of: "ours\u0000" } }
        const added = yield* service.upsert({ ...ahrefs("acme"), apiKey: key("first"), metadata })
        yield* service.upsert({ ...seRanking("acme"), apiKey: key("off"), metadata: { isEnabled: false } })
        yield* service.upsert({ ...seRanking("umbrella"), apiKey: key("theirs") })
        const [one, ...others] = yield* service.get("acme")
        assert.isEmpty(others)
        assert.deepStrictEqual(one, { ...added, apiKey: key("first") })
        assert.deepStrictEqual(one?.metadata.custom, metadata.custom)
        assert.deepStrictEqual(
          (yield* listed(service)).map(({ provider, tenant }) => [tenant, provider]),
          [
            ["acme", "ahrefs"],
            ["acme", "se_ranking"],
            ["umbrella", "se_ranking"]
          ]
        )
        assert.deepStrictEqual((yield* listed(service, "acme"))[0], added)
        // Neither the whole text nor a part that somebody else could use.
        const stored = JSON.stringify(yield* sql`SELECT * FROM integrations`)
        for (const text of ["first", "theirs", Buffer.from("theirs").toString("base64url")]) {
          assert.notInclude(stored, text)
        }
        const changed = yield* service.upsert({ ...ahrefs("acme"), apiKey: key("second") })
        assert.deepInclude(changed, { id: added.id, metadata: {} })
        assert.deepStrictEqual(yield* keysOf(service, "acme"), ["second"])
        assert.deepStrictEqual(
          [yield* service.remove(ahrefs("acme")), yield* service.remove(ahrefs("acme"))],
          [true, false]
        )
        assert.strictEqual(yield* tagOf(service.get("acme")), "NoIntegration")
        assert.deepStrictEqual(yield* keysOf(service, "umbrella"), ["theirs"])
      })
    )

    it.scoped("refuse metadata that could not be read again, and store nothing of it", () =>
      Effect.gen(function* () {
        const { service } = yield* fresh
        const circular: Record<string, unknown> = {}
        circular["custom"] = circular
        const all: ReadonlyArray<unknown> = [
          "{}",
          [],
          () => 1,
          circular,
          { custom: 1n },
          { maxWait: Infinity },
          { budgte: {} }
        ]
        for (const metadata of all) {
          const error = yield* Effect.flip(service.upsert({ ...ahrefs("acme"), apiKey: key("first"), metadata }))
          assert.deepInclude(error, { _tag: "InvalidMetadata", ...ahrefs("acme") })
        }
        assert.isEmpty(yield* listed(service))
      })
    )

    it.scoped("keep tenants apart, whatever their ids", () =>
      Effect.gen(function* () {
        const { service } = yield* fresh
        const tenants = ["a", "A", "a ", "", "a'; DROP TABLE integrations; --", "a|ahrefs", "%", "\ufffd", "日本 🏯"]
        for (const tenant of tenants) yield* service.upsert({ ...ahrefs(tenant), apiKey: key(`of ${tenant}`) })
        for (const tenant of tenants) assert.deepStrictEqual(yield* keysOf(service, tenant), [`of ${tenant}`])
        for (const tenant of ["a\u0000", "\ud83c"]) {
          const given = { ...ahrefs(tenant), apiKey: key("k") }
          assert.strictEqual(yield* tagOf(service.upsert(given)), "IntegrationsUnavailable")
          assert.strictEqual(yield* tagOf(service.get(tenant)), "UnknownTenant")
          assert.isEmpty(yield* listed(service, tenant))
          assert.isFalse(yield* service.remove(given))
        }
        assert.strictEqual((yield* listed(service)).length, tenants.length)
      })
    )

    it.scoped("are verified with their provider; the finding goes with the key it was of", () =>
      Effect.gen(function* () {
        const { service } = yield* fresh
        yield* service.upsert({ ...ahrefs("acme"), apiKey: key("good") })
        const found = yield* service.verify(ahrefs("acme"))
        assert.deepInclude(found.usage, { provider: "ahrefs", isActive: true })
        assert.deepStrictEqual(yield* foundOf(service, "acme"), Option.some(found))
        assert.deepStrictEqual((yield* service.get("acme"))[0]?.verification, Option.some(found))
        yield* service.upsert({ ...ahrefs("acme"), apiKey: key("bad") })
        assert.deepStrictEqual(yield* foundOf(service, "acme"), Option.none())
        const refused = yield* service.verify(ahrefs("acme"))
        assert.deepStrictEqual([refused.usage, refused.error?._tag], [null, "InvalidKey"])
        // Two errors are equal in what they hold; their stacks differ.
        const stored = Option.getOrThrow((yield* foundOf(service, "acme")) ?? Option.none())
        assert.deepStrictEqual(encodeVerification(stored), encodeVerification(refused))
        // The key is changed while the provider is asked about the older one.
        const client = HttpClient.mapRequestEffect(yield* HttpClient.HttpClient, (request) =>
          Effect.as(Effect.orDie(service.upsert({ ...ahrefs("acme"), apiKey: key("better") })), request)
        )
        const late = yield* Effect.provideService(service.verify(ahrefs("acme")), HttpClient.HttpClient, client)
        assert.strictEqual(late.error?._tag, "InvalidKey")
        assert.deepStrictEqual(yield* foundOf(service, "acme"), Option.none())
        assert.strictEqual(yield* tagOf(service.verify(seRanking("acme"))), "NoIntegration")
        yield* service.upsert({ ...seRanking("umbrella"), apiKey: key("good") })
        const other = yield* Effect.provide(service.verify(seRanking("umbrella")), SERankingSimulator.layer())
        assert.deepInclude(other.usage, { provider: "se_ranking", isActive: true })
        assert.deepStrictEqual(yield* foundOf(service, "umbrella"), Option.some(other))
      }).pipe(Effect.provide(simulated))
    )

    it.scoped("that are broken fail their tenant alone, and only where they are enabled", () =>
      Effect.gen(function* () {
        const { service, sql } = yield* fresh
        const tenants = ["cut", "moved", "off", "json", "shape", "null", "odd", "lone", "found"]
        for (const tenant of tenants) yield* service.upsert({ ...ahrefs(tenant), apiKey: key("good") })
        const set = (tenant: string, row: Record<string, string | null>) =>
          sql`UPDATE integrations SET ${sql.update(row)} WHERE tenant_id = ${tenant} AND provider = 'ahrefs'`
        yield* set("cut", { api_key: "sk-plain" })
        const [foreign] = yield* sql<{
          readonly api_key: string
        }>`SELECT api_key FROM integrations WHERE tenant_id = 'null'`
        yield* set("moved", { api_key: foreign?.api_key ?? "" })
        yield* service.upsert({ ...seRanking("off"), apiKey: key("used") })
        yield* set("off", { api_key: "", metadata: '{"isEnabled":false}' })
        yield* set("json", { metadata: "{" })
        yield* set("shape", { metadata: '{"apiUrl":"sk-misplaced"}' })
        yield* set("null", { metadata: null })
        yield* service.upsert({ ...seRanking("odd"), apiKey: key("used") })
        yield* set("odd", { provider: "sk-misplaced" })
        yield* set("lone", { provider: "sk-misplaced" })
        yield* sql`UPDATE integrations SET verified_at = 1, verification = '{"usage":' WHERE tenant_id = 'found'`

        assert.strictEqual(yield* tagOf(service.get("cut")), "UndecryptableKey")
        assert.strictEqual(yield* tagOf(service.get("moved")), "UndecryptableKey")
        assert.deepStrictEqual(yield* keysOf(service, "off"), ["used"])
        assert.strictEqual(yield* tagOf(service.get("json")), "InvalidMetadata")
        const shape = yield* Effect.flip(service.get("shape"))
        assert.strictEqual(shape._tag, "InvalidMetadata")
        assert.notInclude(inspect(shape), "sk-misplaced")
        assert.deepStrictEqual((yield* service.get("null"))[0]?.metadata, {})
        assert.deepStrictEqual(yield* keysOf(service, "odd"), ["used"])
        assert.strictEqual(yield* tagOf(service.get("lone")), "NoIntegration")
        assert.deepStrictEqual((yield* service.get("found"))[0]?.verification, Option.none())
        const stranger = yield* opened(young)
        const unknown = yield* Effect.flip(stranger.get("null"))
        const { keyId } = Either.getOrThrow(keyring([old]))
        assert.deepInclude(unknown, { _tag: "UnknownMasterKey", ...ahrefs("null"), keyId })

        const warnings: Array<unknown> = []
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => void warnings.push(message))
        )
        const rows = yield* Effect.provide(listed(service), logger)
        assert.deepStrictEqual(
          rows.map((row) => [row.tenant, "_tag" in row ? row._tag : row.provider]),
          [
            ["cut", "ahrefs"],
            ["found", "ahrefs"],
            ["json", "InvalidMetadata"],
            ["moved", "ahrefs"],
            ["null", "ahrefs"],
            ["odd", "se_ranking"],
            ["off", "ahrefs"],
            ["off", "se_ranking"],
            ["shape", "InvalidMetadata"]
          ].toSorted(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0))
        )
        assert.strictEqual(warnings.length, 2)
        assert.notInclude(inspect(warnings), "sk-misplaced")
        // Stored again, a key is whole again.
        yield* service.upsert({ ...ahrefs("cut"), apiKey: key("anew") })
        assert.deepStrictEqual(yield* keysOf(service, "cut"), ["anew"])
      })
    )

    it.scoped("in a table that was there before, without the constraint, may be there twice", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`DROP TABLE IF EXISTS integrations`
        yield* sql`
          CREATE TABLE integrations (
            id TEXT, tenant_id TEXT, provider TEXT, api_key TEXT, metadata TEXT, verified_at BIGINT, verification TEXT,
            created_at BIGINT, updated_at BIGINT
          )`
        const ring = Either.getOrThrow(keyring([old]))
        for (const id of ["1", "2"]) {
          const api_key = ring.encrypt({ ...ahrefs("acme"), id }, key(`key ${id}`))
          yield* sql`INSERT INTO integrations ${sql.insert({ id, tenant_id: "acme", provider: "ahrefs", api_key })}`
        }
        const service = yield* opened(old)
        const error = yield* Effect.flip(service.get("acme"))
        assert.deepInclude(error, { _tag: "DuplicateIntegration", ...ahrefs("acme") })
        assert.strictEqual((yield* listed(service)).length, 2)
        yield* sql`UPDATE integrations SET metadata = '{"isEnabled":false}' WHERE id = '1'`
        assert.deepStrictEqual(yield* keysOf(service, "acme"), ["key 2"])
        assert.isTrue(yield* service.remove(ahrefs("acme")))
        assert.isEmpty(yield* listed(service))
      })
    )

    it.scoped("are listed in order, once each, over many pages", () =>
      Effect.gen(function* () {
        const { service, sql } = yield* fresh
        const rows = Array.from({ length: 1000 }, (_, i) => ({
          id: String(i),
          tenant_id: `tenant-${String((i * 7) % 625).padStart(3, "0")}`,
          provider: i < 625 ? "ahrefs" : "se_ranking",
          api_key: "",
          created_at: 0,
          updated_at: 0
        }))
        yield* sql`INSERT INTO integrations ${sql.insert(rows)}`
        const all = yield* listed(service)
        const names = all.map(({ provider, tenant }) => `${tenant} ${provider}`)
        assert.deepStrictEqual(names, rows.map(({ provider, tenant_id }) => `${tenant_id} ${provider}`).toSorted())
        assert.strictEqual((yield* listed(service, "tenant-007")).length, 2)
        // No more is read than is taken.
        let pages = 0
        yield* Stream.runDrain(Stream.take(service.list(), 3)).pipe(
          Statement.withTransformer((statement) => Effect.sync(() => ((pages += 1), statement)))
        )
        assert.strictEqual(pages, 1)
      })
    )

    it.scoped("are written by many at once, and one of them is what is stored", () =>
      Effect.gen(function* () {
        const { service, sql } = yield* fresh
        const other = yield* opened(old)
        const written = yield* Effect.forEach(
          Array.from({ length: 24 }, (_, i) => i),
          (i) => (i % 2 === 0 ? service : other).upsert({ ...ahrefs("acme"), apiKey: key(`key ${i}`) }),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(written.map(({ id }) => id)).size, 1)
        assert.match(String(yield* keysOf(service, "acme")), /^key \d+$/)
        // Somebody adds the row, or removes it, between the two statements.
        const given = { ...ahrefs("umbrella"), apiKey: key("second") }
        let first: Listed | undefined
        const added = yield* service.upsert(given).pipe(
          before(
            "INSERT INTO",
            Effect.map(other.upsert({ ...given, apiKey: key("first") }), (row) => void (first = row))
          )
        )
        assert.strictEqual(added.id, first?.id)
        assert.deepStrictEqual(yield* keysOf(service, "umbrella"), ["second"])
        yield* before("UPDATE integrations", other.remove(given))(service.upsert({ ...given, apiKey: key("third") }))
        assert.deepStrictEqual(yield* keysOf(service, "umbrella"), ["third"])
        // The table may be made by two at once as well.
        yield* sql`DROP TABLE integrations`
        yield* Effect.all([opened(old), opened(old), opened(old)], { concurrency: "unbounded" })
      })
    )

    it.scoped("get under the new master key, with a report", () =>
      Effect.gen(function* () {
        const { service, sql } = yield* fresh
        for (let i = 0; i < 5; i += 1) yield* service.upsert({ ...ahrefs(`t${i}`), apiKey: key(`key ${i}`) })
        const found = yield* Effect.provide(service.verify(ahrefs("t3")), simulated)
        const stranger = yield* opened(masterKey("lost"))
        const gone = yield* stranger.upsert({ ...ahrefs("gone"), apiKey: key("gone") })
        const cut = yield* service.upsert({ ...ahrefs("cut"), apiKey: key("cut") })
        yield* sql`UPDATE integrations SET api_key = '{}' WHERE id = ${cut.id}`
        const later = yield* service.upsert({ ...ahrefs("later"), apiKey: key("later") })
        yield* sql`UPDATE integrations SET provider = 'later' WHERE id = ${later.id}`
        const newer = yield* opened(young, old)
        yield* newer.upsert({ ...ahrefs("t0"), apiKey: key("key 0") })

        const all = sql`SELECT * FROM integrations ORDER BY id`
        const start = yield* all
        const masterKeys = [young, old] as const
        const plan = yield* IntegrationsSql.rotate({ masterKeys })
        assert.deepInclude(plan, { rows: 8, current: 1, rotated: 4, changed: 0 })
        assert.deepStrictEqual(plan.broken.map(({ error, id, tenant }) => [tenant, error, id]).toSorted(), [
          ["cut", "UndecryptableKey", cut.id],
          ["gone", "UnknownMasterKey", gone.id],
          ["later", "UnknownProvider", later.id]
        ])
        assert.deepStrictEqual(yield* all, start)
        assert.deepStrictEqual(yield* IntegrationsSql.rotate({ masterKeys, dryRun: false }), plan)
        const again = yield* IntegrationsSql.rotate({ masterKeys, dryRun: false })
        assert.deepInclude(again, { rows: 8, current: 5, rotated: 0, changed: 0 })
        const after = yield* opened(young)
        for (let i = 0; i < 5; i += 1) assert.deepStrictEqual(yield* keysOf(after, `t${i}`), [`key ${i}`])
        assert.deepStrictEqual(yield* foundOf(after, "t3"), Option.some(found))
        // Without the new key in the ring nothing can be read, and nothing is touched.
        const back = yield* IntegrationsSql.rotate({ masterKeys: [old], dryRun: false })
        assert.deepInclude(back, { rows: 8, rotated: 0 })
        const weak = yield* Effect.flip(IntegrationsSql.rotate({ masterKeys: [key("weak")] }))
        assert.isTrue("_op" in weak && weak._op === "InvalidData")
      })
    )

    it.scoped("that are changed while they get there stay as they were changed", () =>
      Effect.gen(function* () {
        const { service } = yield* fresh
        yield* service.upsert({ ...ahrefs("acme"), apiKey: key("first") })
        const rotate = IntegrationsSql.rotate({ masterKeys: [young, old], dryRun: false })
        const update = "UPDATE integrations SET api_key"
        const changed = yield* before(update, service.upsert({ ...ahrefs("acme"), apiKey: key("second") }))(rotate)
        assert.deepStrictEqual(changed, { rows: 1, current: 0, rotated: 0, changed: 1, broken: [] })
        assert.deepStrictEqual(yield* keysOf(service, "acme"), ["second"])
        const removed = yield* before(update, service.remove(ahrefs("acme")))(rotate)
        assert.deepInclude(removed, { changed: 1 })
        assert.isEmpty(yield* listed(service))
      })
    )

    it.scoped("can be read and written by all processes while the master key changes", () =>
      Effect.gen(function* () {
        yield* fresh
        const one = yield* opened(old, young)
        const two = yield* opened(young, old)
        const tenants = Array.from({ length: 120 }, (_, i) => `t${i}`)
        const expected = new Map<string, string>()
        const store = (service: Service, tenant: string, text: string) =>
          Effect.map(service.upsert({ ...ahrefs(tenant), apiKey: key(text) }), () => void expected.set(tenant, text))
        yield* Effect.forEach(tenants, (tenant) => store(one, tenant, `${tenant} at first`), { concurrency: 8 })
        const reads = Effect.forEach(
          tenants.flatMap((tenant) => [tenant, tenant]),
          (tenant, i) =>
            Effect.map(keysOf(i % 2 === 0 ? one : two, tenant), ([text]) =>
              assert.isTrue(text?.startsWith(`${tenant} `))
            ),
          { concurrency: 4 }
        )
        const writes = Effect.forEach(
          tenants.filter((_, i) => i % 3 === 0).toReversed(),
          (tenant, i) => store(i % 2 === 0 ? one : two, tenant, `${tenant} anew`),
          { concurrency: 2 }
        )
        const masterKeys = [young, old] as const
        const rotate = IntegrationsSql.rotate({ masterKeys, dryRun: false })
        const [rotation] = yield* Effect.all([rotate, reads, writes], { concurrency: "unbounded" })
        assert.deepInclude(rotation, { rows: 120, broken: [] })
        yield* rotate
        assert.deepInclude(yield* IntegrationsSql.rotate({ masterKeys }), { rows: 120, current: 120, rotated: 0 })
        const last = yield* opened(young)
        for (const tenant of tenants) assert.deepStrictEqual(yield* keysOf(last, tenant), [expected.get(tenant)])
      })
    )

    it.scoped("are on no span", () =>
      Effect.gen(function* () {
        const native = yield* Effect.tracer
        const spans: Array<Tracer.Span> = []
        const tracer = Tracer.make({
          context: native.context,
          span: (...args) => {
            const span = native.span(...args)
            spans.push(span)
            return span
          }
        })
        yield* Effect.gen(function* () {
          const { service, sql } = yield* fresh
          yield* service.upsert({ ...ahrefs("acme"), apiKey: key("sk-secret") })
          yield* service.upsert({ ...ahrefs("acme"), apiKey: key("sk-secret"), metadata: { custom: "ours" } })
          yield* service.get("acme")
          yield* IntegrationsSql.rotate({ masterKeys: [young, old], dryRun: false })
          yield* sql`DROP TABLE integrations`
          const error = yield* Effect.flip(service.upsert({ ...ahrefs("acme"), apiKey: key("sk-secret") }))
          assert.strictEqual(error._tag, "IntegrationsUnavailable")
          assert.match(error.message, /: (?:42P01|SQLITE_\w+)\.$/)
          assert.notInclude(inspect(error, { depth: 9 }), "acme")
        }).pipe(Effect.withTracer(tracer))
        const shown = (value: unknown) => inspect(value, { depth: 12, maxStringLength: null, maxArrayLength: null })
        // A span has the rows of its statement as well, which no exporter sends.
        const whole = shown(spans.map(({ attributes, name, status }) => [name, attributes, status]))
        for (const hidden of ["sk-secret", Redacted.value(old), Redacted.value(young)]) assert.notInclude(whole, hidden)
        const failures = spans.map(({ status }) => (status._tag === "Ended" ? Exit.causeOption(status.exit) : null))
        const sent = shown([spans.map(({ attributes, name }) => [name, attributes]), failures])
        assert.include(sent, "UPDATE integrations")
        for (const hidden of ["A256GCM", "ours", "acme"]) assert.notInclude(sent, hidden)
      })
    )

    it.scoped("that hang are unavailable after five seconds", () =>
      Effect.gen(function* () {
        const { service, sql } = yield* fresh
        yield* service.upsert({ ...ahrefs("acme"), apiKey: key("first") })
        const isHeld = yield* Deferred.make<void>()
        const lock = name === "postgres" ? sql`LOCK TABLE integrations IN ACCESS EXCLUSIVE MODE` : Effect.void
        const holder = yield* Effect.fork(
          sql.withTransaction(Effect.zipRight(lock, Effect.zipRight(Deferred.succeed(isHeld, undefined), Effect.never)))
        )
        yield* Deferred.await(isHeld)
        yield* Effect.gen(function* () {
          const work = Effect.all(
            [
              Effect.flip(service.get("acme")),
              Effect.flip(Effect.uninterruptible(service.remove(ahrefs("acme")))),
              Effect.flip(service.upsert({ ...ahrefs("acme"), apiKey: key("second") })),
              Effect.flip(listed(service))
            ],
            { concurrency: "unbounded" }
          )
          const fiber = yield* Effect.fork(work)
          yield* advance("4999 millis")
          assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
          yield* advance("1 millis")
          for (const { message } of yield* Fiber.join(fiber)) assert.include(message, "no answer in 5 seconds")
        }).pipe(Effect.provide(TestContext.TestContext))
        yield* Fiber.interrupt(holder)
        assert.deepStrictEqual(yield* keysOf(service, "acme"), ["first"])
      })
    )

    it.scoped("have their table from the embedding service's migrations too", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`DROP TABLE IF EXISTS integrations`
        const run = Migrator.make({})({
          loader: Migrator.fromRecord(IntegrationsSql.migrations),
          table: "seo_migrations"
        })
        assert.deepStrictEqual([yield* run, yield* run], [[[1, "integrations"]], []])
        const service = yield* opened(old)
        yield* service.upsert({ ...ahrefs("acme"), apiKey: key("first") })
        assert.deepStrictEqual(yield* keysOf(service, "acme"), ["first"])
        yield* sql`DROP TABLE seo_migrations`
      })
    )

    it.scoped("need good master keys", () =>
      Effect.gen(function* () {
        const build = (text?: string) =>
          Layer.build(Layer.fresh(IntegrationsSql.layerConfig({ masterKeys: Config.redacted("MASTER_KEYS") }))).pipe(
            Effect.map(Context.get(Integrations)),
            Effect.withConfigProvider(
              ConfigProvider.fromMap(new Map(text === undefined ? [] : [["MASTER_KEYS", text]]))
            )
          )
        yield* fresh
        const service = yield* build(`${Redacted.value(young)}, ${Redacted.value(old)}`)
        yield* service.upsert({ ...ahrefs("acme"), apiKey: key("first") })
        assert.deepStrictEqual(yield* keysOf(yield* opened(young), "acme"), ["first"])
        for (const text of [undefined, "", "sk-short", `${Redacted.value(young)},`]) {
          const exit = yield* Effect.exit(build(text))
          const shown = Exit.match(exit, { onSuccess: () => "built", onFailure: Cause.pretty })
          assert.match(shown, text === undefined ? /MASTER_KEYS/ : /Master key [12] must be 32 random bytes/)
          assert.notInclude(shown + inspect(exit, { depth: 9 }), Redacted.value(young))
          assert.notInclude(shown + inspect(exit, { depth: 9 }), "sk-short")
        }
      })
    )
  })
}

it.scopedLive("a client that renames columns reads the same", () =>
  Effect.gen(function* () {
    const url = yield* libsql
    const names = { transformQueryNames: Str.camelToSnake, transformResultNames: Str.snakeToCamel }
    yield* Effect.gen(function* () {
      const service = yield* opened(old)
      yield* service.upsert({ ...ahrefs("acme"), apiKey: key("first") })
      assert.deepStrictEqual(yield* keysOf(service, "acme"), ["first"])
      assert.strictEqual((yield* listed(service))[0]?.tenant, "acme")
      const rotation = yield* IntegrationsSql.rotate({ masterKeys: [young, old] })
      assert.deepInclude(rotation, { rows: 1, rotated: 1 })
    }).pipe(Effect.provide(LibsqlClient.layer({ url, ...names })))
  })
)

describe("a database that is gone", () => {
  /** A client, and what takes the database away from it. */
  const mortal = {
    libsql: Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Scope.extend(Layer.build(databases.libsql), scope)
      return { context, kill: Scope.close(scope, Exit.void) }
    }),
    postgres: Effect.gen(function* () {
      const scope = yield* Scope.make()
      const url = yield* Scope.extend(Postgres.start, scope)
      return { context: yield* Layer.build(PgClient.layer({ url })), kill: Scope.close(scope, Exit.void) }
    })
  }

  it.scopedLive.each(["libsql", "postgres"] as const)("is told at once: %s", (name) =>
    Effect.gen(function* () {
      const { context, kill } = yield* mortal[name]
      yield* Effect.gen(function* () {
        const service = yield* opened(old)
        yield* service.upsert({ ...ahrefs("acme"), apiKey: key("first") })
        yield* kill
        const all: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }, SqlClient.SqlClient>> = [
          service.get("acme"),
          listed(service),
          service.upsert({ ...ahrefs("acme"), apiKey: key("second") }),
          service.remove(ahrefs("acme")),
          IntegrationsSql.rotate({ masterKeys: [old] })
        ]
        const begun = performance.now()
        for (const work of all) {
          const error = yield* Effect.flip(work)
          assert.strictEqual(error._tag, "IntegrationsUnavailable")
          assert.notInclude(inspect(error, { depth: 9 }), "acme")
        }
        assert.isBelow(performance.now() - begun, 5000)
      }).pipe(Effect.provide(context))
    })
  )
})
