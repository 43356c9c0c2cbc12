/**
 * Tenants whose keys lie encrypted in a database (here a libSQL file): two are added, use their providers, one gets a new API key
 * in the middle of its work, and the master key is changed while everything runs.
 *
 *     npx tsx examples/tenants-from-database.ts
 */
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { SqlClient } from "@effect/sql"
import { LibsqlClient } from "@effect/sql-libsql"
import { Console, Effect, Layer, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import { CreditLedger, Integrations, SharedState, TenantProviders } from "../src/index.js"
import * as IntegrationsSql from "../src/IntegrationsSql.js"
import { AhrefsSimulator } from "../src/testing/index.js"

/** Yours come from a vault: `IntegrationsSql.layerConfig({ masterKeys: Config.redacted("SEO_MASTER_KEYS") })`. */
const masterKey = () => Redacted.make(randomBytes(32).toString("base64"))
const [oldMaster, newMaster] = [masterKey(), masterKey()]

const domains = Array.from({ length: 100 }, (_, i) => `site-${i}.com`)

const rate = Effect.fn("rate")(function* ({ ahrefs, tenant }: TenantProviders.Providers, some: ReadonlyArray<string>) {
  const { getDomainRatings } = yield* ahrefs
  const ratings = yield* getDomainRatings(some)
  yield* Console.log(`${tenant}: ${ratings.length} ratings`)
})

/** Facts that are kept under a scope of the tenant's own outlive its key. */
const acmeRow = {
  tenant: "acme",
  provider: "ahrefs",
  metadata: { cacheScope: "acme", budget: { limit: 1_000 } }
} as const

const addTenants = Effect.gen(function* () {
  const integrations = yield* Integrations.Integrations
  const sql = yield* SqlClient.SqlClient
  yield* integrations.upsert({ ...acmeRow, apiKey: Redacted.make("acme-1") })
  yield* integrations.upsert({ tenant: "globex", provider: "ahrefs", apiKey: Redacted.make("globex-1") })
  const rows = yield* sql<{ readonly tenant_id: string; readonly api_key: string }>`
    SELECT tenant_id, api_key FROM integrations ORDER BY tenant_id`
  for (const row of rows) yield* Console.log(`${row.tenant_id}'s key as it is stored: ${row.api_key.slice(0, 60)}...`)
})

const changeKeyInUse = Effect.gen(function* () {
  const integrations = yield* Integrations.Integrations
  const { use } = yield* TenantProviders.TenantProviders
  yield* use("globex", (globex) => rate(globex, domains.slice(0, 50)))
  yield* use("acme", (acme) =>
    Effect.gen(function* () {
      yield* rate(acme, domains.slice(0, 50))
      yield* integrations.upsert({ ...acmeRow, apiKey: Redacted.make("acme-2") })
      // Work under way ends on the key that it began with.
      yield* rate(acme, domains.slice(0, 75))
    })
  )
  // The next begins with the new one, and pays for 25 sites alone.
  yield* use("acme", (acme) => rate(acme, domains))
})

const changeMasterKey = Effect.gen(function* () {
  const masterKeys = [newMaster, oldMaster] as const
  const before = yield* IntegrationsSql.rotate({ masterKeys })
  yield* Console.log(`dry run: ${before.rotated} of ${before.rows} rows would get the new master key`)
  const { broken, changed, rotated } = yield* IntegrationsSql.rotate({ masterKeys, dryRun: false })
  yield* Console.log(`rotated ${rotated}, changed meanwhile ${changed}, broken ${broken.length}`)
})

const bill = Effect.gen(function* () {
  const ledger = yield* CreditLedger.CreditLedger
  for (const { account, calls, spent, tenant } of yield* ledger.usage({ provider: "ahrefs", unit: "api_units" })) {
    yield* Console.log(`${tenant}: ${spent} units in ${calls} calls of account ${account}`)
  }
})

const Database = Layer.unwrapScoped(
  Effect.gen(function* () {
    const folder = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
    return LibsqlClient.layer({ url: `file:${folder}/tenants.db` })
  })
).pipe(Layer.provide(NodeContext.layer))

/** Rows are read again each time here; the default is every 5 seconds. */
const Tenants = TenantProviders.layer({ refresh: 0 })

const app = (masterKeys: IntegrationsSql.MasterKeys) =>
  Tenants.pipe(Layer.provideMerge(IntegrationsSql.layer({ masterKeys })), Layer.provide(AhrefsSimulator.layer()))

const program = Effect.gen(function* () {
  yield* Effect.provide(Effect.zipRight(addTenants, changeKeyInUse), app([oldMaster]))
  // Every process is given both keys before the rows are rotated, and the new one alone afterwards.
  yield* Effect.provide(
    Effect.gen(function* () {
      const { use } = yield* TenantProviders.TenantProviders
      yield* use("acme", (acme) => Effect.zipRight(changeMasterKey, rate(acme, domains)))
    }),
    app([newMaster, oldMaster])
  )
  yield* Effect.provide(
    Effect.flatMap(TenantProviders.TenantProviders, ({ use }) => use("globex", (globex) => rate(globex, domains))),
    app([newMaster])
  )
  yield* bill
})

Effect.runPromise(Effect.provide(program, Layer.merge(Database, SharedState.layerMemory())))
