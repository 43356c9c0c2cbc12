/** On whose account a command works: the keys of the environment, a tenant's of the database, or nobody's, which is simulated. */
import * as Options from "@effect/cli/Options"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as CreditLedgerSql from "../CreditLedgerSql.js"
import * as Integrations from "../Integrations.js"
import { wireOf } from "../internal/openProvider.js"
import { Provider, type Unit } from "../Operation.js"
import * as ProspectScorer from "../ProspectScorer.js"
import type { SharedState } from "../SharedState.js"
import * as TenantProviders from "../TenantProviders.js"
import * as Simulators from "../testing/Simulators.js"
import * as Database from "./database.js"
import { accounts } from "./environment.js"
import { BadUsage, Failed, ofTenant } from "./failure.js"
import * as Store from "./store.js"

export const tenant = Options.text("tenant").pipe(
  Options.withPseudoName("TENANT"),
  Options.withDescription(
    "A tenant of the database (SEO_DATABASE_URL, SEO_MASTER_KEYS; see integrations), in place of the keys of the environment."
  ),
  Options.optional
)

export const providers = Options.choice("provider", Provider.literals).pipe(
  Options.withDescription(
    "Ask this provider alone; may be given more than once. Default: all that there is a key for."
  ),
  Options.repeated
)

export interface Choice {
  readonly tenant: Option.Option<string>
  readonly provider: ReadonlyArray<Provider>
}

export interface Service {
  readonly tenant: string
  readonly isSimulated: boolean
  /** Of the providers that were chosen. */
  readonly rows: ReadonlyArray<Integrations.Integration>
}

export class Account extends Context.Tag("effect-seo-providers/cli/Account")<Account, Service>() {}

export const unitOf = (row: Integrations.Integration): Unit => wireOf(row).unit

/** Whose accounts they are where nobody says so. */
const nobody = "local"

const unlimited = { requests: 100_000, per: "1 second" }

const simulatedRows = (providers: ReadonlyArray<Provider>): ReadonlyArray<Integrations.Static> =>
  (providers.length === 0 ? (["ahrefs"] as const) : providers).map((provider) => ({
    provider,
    apiKey: Redacted.make("simulated"),
    // Nobody waits where nothing is asked.
    metadata: { rateLimit: unlimited }
  }))

/** The rows that were chosen, with what was asked for in addition. */
const narrowed = (
  { provider: chosen }: Choice,
  adapt: (row: Integrations.Integration) => Integrations.Integration
): Layer.Layer<Integrations.Integrations, never, Integrations.Integrations> =>
  Layer.map(Layer.service(Integrations.Integrations), (context) => {
    const all = Context.get(context, Integrations.Integrations)
    const get: Integrations.Service["get"] = (tenant) =>
      Effect.flatMap(all.get(tenant), (rows) => {
        const left = rows.filter(({ provider }) => chosen.length === 0 || chosen.includes(provider))
        return left.length === 0
          ? new Integrations.NoIntegration({ tenant, message: `There is no key of ${chosen.join(" or ")}` })
          : Effect.succeed(left.map(adapt))
      })
    return Context.make(Integrations.Integrations, { ...all, get })
  })

type Everything =
  | Account
  | Integrations.Integrations
  | TenantProviders.TenantProviders
  | ProspectScorer.ProspectScorer
  | SharedState

type Needs = HttpClient.HttpClient | FileSystem.FileSystem | Path.Path

/** Where the accounts come from, and who answers them. */
const source = (choice: Choice) =>
  Effect.gen(function* () {
    if (Option.isSome(choice.tenant)) {
      // What a tenant has spent is remembered with the tenant.
      const ledger = Layer.provideMerge(CreditLedgerSql.layer, Store.layer)
      return {
        tenant: choice.tenant.value,
        isSimulated: false,
        layer: Layer.mergeAll(Database.integrations, ledger).pipe(
          Layer.provide(Database.layer),
          Layer.catchAll((error) =>
            Layer.fail(
              error._tag === "SqlError"
                ? new Failed({ message: "The table of the ledger cannot be made" })
                : error._tag === "LedgerUnavailable"
                  ? new Failed({ message: error.message })
                  : error
            )
          )
        ),
        client: Layer.service(HttpClient.HttpClient)
      }
    }
    const rows = yield* accounts
    const isSimulated = rows.length === 0
    const given = isSimulated ? simulatedRows(choice.provider) : rows
    return {
      tenant: nobody,
      isSimulated,
      layer: Layer.merge(Layer.orDie(Integrations.layerStatic({ [nobody]: given })), Store.layer),
      client: isSimulated
        ? Simulators.layer({ all: { seed: 1, rateLimit: false } })
        : Layer.service(HttpClient.HttpClient)
    }
  })

export const simulation =
  "No API key is set: these are made-up ratings of a simulated vendor, and nothing is spent. " +
  `Set ${Provider.literals.map((provider) => `${provider.toUpperCase()}_API_KEY`).join(" or ")} for real ones.`

/** All that a command works with. */
export const layer = (
  choice: Choice,
  adapt: (row: Integrations.Integration) => Integrations.Integration = identity
): Layer.Layer<Everything | HttpClient.HttpClient, BadUsage | Failed, Needs> =>
  Layer.unwrapEffect(
    Effect.map(source(choice), ({ client, isSimulated, layer, tenant }) => {
      const rows = Effect.flatMap(Integrations.Integrations, ({ get }) => Effect.mapError(get(tenant), ofTenant))
      const account = Layer.effect(
        Account,
        Effect.map(rows, (rows) => ({ tenant, isSimulated, rows }))
      )
      return Layer.mergeAll(account, ProspectScorer.layer).pipe(
        Layer.provideMerge(TenantProviders.layer()),
        Layer.provideMerge(narrowed(choice, adapt)),
        Layer.provideMerge(layer),
        Layer.provideMerge(client)
      )
    })
  )

/** For commands that make no sense without a key. */
export const real: Effect.Effect<Service, BadUsage, Account> = Effect.filterOrFail(
  Account,
  ({ isSimulated }) => !isSimulated,
  () =>
    new BadUsage({
      message: `No key is set: set ${Provider.literals.map((provider) => `${provider.toUpperCase()}_API_KEY`).join(" or ")}, or name a --tenant`
    })
)
