/**
 * Which providers a tenant has: a row for each, with its key and its settings.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import { randomUUID } from "node:crypto"
import { names } from "./internal/names.js"
import { hasContract, verified } from "./internal/openProvider.js"
import { ContractName, Provider } from "./Operation.js"
import { WireError } from "./ProviderError.js"
import { Datum } from "./scoring/data.js"
import { Profile } from "./scoring/profile.js"
import type { SharedState } from "./SharedState.js"
import { Usage } from "./Usage.js"

const Period = Schema.transformOrFail(Schema.Union(Schema.Number, Schema.String), Schema.DurationFromSelf, {
  strict: true,
  decode: (text, _, ast) =>
    Option.match(Duration.decodeUnknown(text), {
      onNone: () => ParseResult.fail(new ParseResult.Type(ast, text, 'must be milliseconds or a text like "1 minute"')),
      onSome: ParseResult.succeed
    }),
  encode: (duration) => ParseResult.succeed(Duration.toMillis(duration))
})

/** What is paid for is waited for, and a hold in the books lives longer than its call. */
const Patience = Period.pipe(
  Schema.filter((time) => {
    const millis = Duration.toMillis(time)
    return (millis >= 1 && millis <= 3_600_000) || "must be 1 ms to an hour"
  })
)

/** Callers wait for it. */
const Pause = Period.pipe(Schema.filter((time) => Duration.toMillis(time) <= 60_000 || "must be a minute at most"))

const ApiUrl = Schema.String.pipe(
  Schema.filter((url) => (/^https?:\/\//i.test(url) && URL.canParse(url)) || "must be an http or https URL")
)

const wholeFrom = (least: number) => Schema.Int.pipe(Schema.greaterThanOrEqualTo(least))
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/**
 * The settings of an integration. `{}` is valid and means the defaults; a name that is not here is an error, as a misspelt budget
 * would be none.
 *
 * - `isEnabled`: default true; the row is kept and not used otherwise
 * - `contract`, `apiUrl`, `freeDomainRating`, `cacheScope`, `concurrency`, `rateLimit`, `maxWait`, `timeout`,
 *   `batchWait`: as in the provider's own options
 * - `budget`: what the tenant may spend here, in the contract's unit, as in `CreditLedger.Budget`; default per month
 * - `routing`: whom the scorer asks. The lowest `priority` first (default 0), then the cheapest, where `unitPrice` is what a unit is
 *   worth beside those of the tenant's other integrations (default 1); `only` these data, or all but `never`
 * - `profile`: how the tenant's prospects are scored
 * - `custom`: what is the embedding service's own
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Metadata = Schema.Struct({
  isEnabled: optional(Schema.Boolean),
  contract: optional(ContractName),
  apiUrl: optional(ApiUrl),
  freeDomainRating: optional(Schema.Boolean),
  cacheScope: optional(Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/))),
  concurrency: optional(wholeFrom(1)),
  rateLimit: optional(Schema.Struct({ requests: wholeFrom(1), per: Period })),
  maxWait: optional(Period),
  timeout: optional(Patience),
  batchWait: optional(Pause),
  budget: optional(
    Schema.Struct({
      limit: wholeFrom(0),
      per: optional(Schema.Literal("month", "ever")),
      alerts: optional(Schema.Array(Schema.Number.pipe(Schema.greaterThan(0), Schema.lessThanOrEqualTo(1)))),
      unpricedCall: optional(wholeFrom(0))
    })
  ),
  routing: optional(
    Schema.Struct({
      priority: optional(Schema.Int),
      unitPrice: optional(Schema.Number.pipe(Schema.nonNegative())),
      only: optional(Schema.Array(Datum)),
      never: optional(Schema.Array(Datum))
    })
  ),
  profile: optional(Profile),
  custom: optional(Schema.Unknown)
}).annotations({ identifier: "Metadata", parseOptions: { onExcessProperty: "error" } })

/**
 * @since 0.1.0
 * @category Models
 */
export interface Metadata extends Schema.Schema.Type<typeof Metadata> {}

/**
 * What a check of the key found: the account's usage, or why it does not work.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Verification = Schema.Struct({
  at: Schema.DateTimeUtc,
  usage: Schema.NullOr(Usage),
  error: Schema.NullOr(WireError)
}).annotations({ identifier: "Verification" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface Verification extends Schema.Schema.Type<typeof Verification> {}

/**
 * Which row: a tenant has one for each provider.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Which {
  readonly tenant: string
  readonly provider: Provider
}

/**
 * A row without its key.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Listed extends Which {
  readonly id: string
  readonly metadata: Metadata
  /** The last check. */
  readonly verification: Option.Option<Verification>
}

/**
 * A row with its key.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Integration extends Listed {
  readonly apiKey: Redacted.Redacted
}

/**
 * What `upsert` is given. `metadata` is as it is stored: decoded and checked first. Default `{}`.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Given extends Which {
  readonly apiKey: Redacted.Redacted
  readonly metadata?: unknown
}

const which = { tenant: Schema.String, provider: Provider, message: Schema.String }

/**
 * There is no row of this tenant.
 *
 * @since 0.1.0
 * @category Errors
 */
export class UnknownTenant extends Schema.TaggedError<UnknownTenant>("effect-seo-providers/UnknownTenant")(
  "UnknownTenant",
  { tenant: Schema.String, message: Schema.String }
) {}

/**
 * The tenant is known, but has no integration that is enabled, or none of the provider asked for.
 *
 * @since 0.1.0
 * @category Errors
 */
export class NoIntegration extends Schema.TaggedError<NoIntegration>("effect-seo-providers/NoIntegration")(
  "NoIntegration",
  { tenant: Schema.String, message: Schema.String }
) {}

/**
 * The tenant has two rows for one provider: which key is meant nobody can tell.
 *
 * @since 0.1.0
 * @category Errors
 */
export class DuplicateIntegration extends Schema.TaggedError<DuplicateIntegration>(
  "effect-seo-providers/DuplicateIntegration"
)("DuplicateIntegration", which) {}

/**
 * The metadata is no JSON, or not as {@link Metadata} has it; the message names the path.
 *
 * @since 0.1.0
 * @category Errors
 */
export class InvalidMetadata extends Schema.TaggedError<InvalidMetadata>("effect-seo-providers/InvalidMetadata")(
  "InvalidMetadata",
  which
) {}

/**
 * The key was encrypted with a master key that is not here. `keyId` tells which.
 *
 * @since 0.1.0
 * @category Errors
 */
export class UnknownMasterKey extends Schema.TaggedError<UnknownMasterKey>("effect-seo-providers/UnknownMasterKey")(
  "UnknownMasterKey",
  { ...which, id: Schema.String, keyId: Schema.String }
) {}

/**
 * The encrypted key is damaged, or was moved here from another row.
 *
 * @since 0.1.0
 * @category Errors
 */
export class UndecryptableKey extends Schema.TaggedError<UndecryptableKey>("effect-seo-providers/UndecryptableKey")(
  "UndecryptableKey",
  { ...which, id: Schema.String }
) {}

/**
 * The rows cannot be read or written now.
 *
 * @since 0.1.0
 * @category Errors
 */
export class IntegrationsUnavailable extends Schema.TaggedError<IntegrationsUnavailable>(
  "effect-seo-providers/IntegrationsUnavailable"
)("IntegrationsUnavailable", { message: Schema.String }) {}

/**
 * Why a row, and with it its tenant, cannot be used.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const BrokenRow = Schema.Union(DuplicateIntegration, InvalidMetadata, UnknownMasterKey, UndecryptableKey)

/**
 * @since 0.1.0
 * @category Errors
 */
export type BrokenRow = typeof BrokenRow.Type

/**
 * Why a tenant's integrations cannot be had.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const TenantError = Schema.Union(UnknownTenant, NoIntegration, IntegrationsUnavailable, ...BrokenRow.members)

/**
 * @since 0.1.0
 * @category Errors
 */
export type TenantError = typeof TenantError.Type

/**
 * The rows of all tenants.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /** The tenant's enabled integrations, at least one, at most one for each provider. One broken row fails the tenant, and no other. */
  readonly get: (tenant: string) => Effect.Effect<ReadonlyArray<Integration>, TenantError>
  /** All rows without their keys, or those of one tenant; a row that is broken is told of in its place. */
  readonly list: (tenant?: string) => Stream.Stream<Listed | InvalidMetadata, IntegrationsUnavailable>
  /** Adds a row, or changes the one of this tenant and provider; what a check had found of an older key is forgotten. */
  readonly upsert: (given: Given) => Effect.Effect<Listed, InvalidMetadata | IntegrationsUnavailable>
  /** Whether there was such a row. */
  readonly remove: (row: Which) => Effect.Effect<boolean, IntegrationsUnavailable>
  /** Asks the provider what the key is worth, and stores when and what. Free. */
  readonly verify: (row: Which) => Effect.Effect<Verification, TenantError, HttpClient.HttpClient | SharedState>
}

/**
 * The rows in use.
 *
 * @since 0.1.0
 * @category Context
 */
export class Integrations extends Context.Tag("effect-seo-providers/Integrations")<Integrations, Service>() {}

const decode = Schema.decodeUnknownEither(Metadata, { errors: "all" })

/** @internal Metadata as it is stored, or what is wrong with it. Values stay out of the message: one may be a key in the wrong column. */
export const metadataOf = (row: Which, metadata: unknown): Effect.Effect<Metadata, InvalidMetadata> => {
  const { provider, tenant } = row
  const invalid = (what: string) =>
    new InvalidMetadata({ tenant, provider, message: `The metadata is not valid: ${what}.` })
  return Either.match(decode(metadata), {
    onLeft: (error) => {
      const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
      const paths = Array.from(new Set(issues.map(({ _tag, path }) => `${_tag} at ${path.join(".") || "the top"}`)))
      return invalid(paths.join("; ").slice(0, 300))
    },
    onRight: (decoded) =>
      hasContract(provider, decoded.contract ?? "vendor")
        ? Effect.succeed(decoded)
        : invalid(`there is no such contract of ${names[provider]} at contract`)
  })
}

/** @internal What of a tenant's rows is used; `rows` are all of the tenant's. */
export const usable = <R extends Which & { readonly metadata: Metadata }>(
  tenant: string,
  rows: ReadonlyArray<R>
): Effect.Effect<ReadonlyArray<R>, UnknownTenant | NoIntegration | DuplicateIntegration> => {
  if (rows.length === 0) return new UnknownTenant({ tenant, message: `There is no integration of "${tenant}".` })
  const enabled = rows.filter(({ metadata }) => metadata.isEnabled ?? true)
  const twice = enabled.find(({ provider }, i) => enabled.findIndex((row) => row.provider === provider) !== i)
  if (twice !== undefined) {
    const { provider } = twice
    return new DuplicateIntegration({
      tenant,
      provider,
      message: `"${tenant}" has two rows for ${provider}: remove or disable one.`
    })
  }
  return enabled.length === 0
    ? new NoIntegration({ tenant, message: `"${tenant}" has no integration that is enabled.` })
    : Effect.succeed(enabled)
}

/** @internal Runs the provider's own check and hands the finding to `store`. */
export const verifying =
  <I extends Integration>(
    get: (tenant: string) => Effect.Effect<ReadonlyArray<I>, TenantError>,
    store: (integration: I, found: Verification) => Effect.Effect<unknown, IntegrationsUnavailable>
  ): Service["verify"] =>
  ({ provider, tenant }) =>
    Effect.gen(function* () {
      const integration = (yield* get(tenant)).find((one) => one.provider === provider)
      if (integration === undefined) {
        return yield* new NoIntegration({ tenant, message: `"${tenant}" has no integration of ${provider}.` })
      }
      const checked = yield* Effect.either(verified(integration))
      const found: Verification = {
        at: yield* DateTime.now,
        usage: checked._tag === "Right" ? checked.right : null,
        error: checked._tag === "Left" ? checked.left : null
      }
      yield* store(integration, found)
      return found
    })

/**
 * A row of {@link layerStatic}; `metadata` as it would be stored.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Static {
  readonly provider: Provider
  readonly apiKey: Redacted.Redacted
  readonly metadata?: unknown
}

const inMemory = (tenants: Readonly<Record<string, ReadonlyArray<Static>>>): Effect.Effect<Service, InvalidMetadata> =>
  Effect.gen(function* () {
    const rows = new Map<string, Array<Integration>>()
    const made = ({ apiKey, metadata, ...row }: Given) =>
      Effect.map(metadataOf(row, metadata ?? {}), (metadata): Integration => ({
        ...row,
        id: randomUUID(),
        apiKey,
        metadata,
        verification: Option.none()
      }))
    for (const [tenant, given] of Object.entries(tenants)) {
      rows.set(tenant, yield* Effect.forEach(given, (row) => made({ tenant, ...row })))
    }
    const get: Service["get"] = (tenant) =>
      Effect.suspend(() => {
        const own = rows.get(tenant)
        // A tenant that is named without a row is known.
        return own?.length === 0
          ? new NoIntegration({ tenant, message: `"${tenant}" has no integration.` })
          : usable(tenant, own ?? [])
      })
    const listed = (row: Integration): Listed => Struct.omit(row, "apiKey")
    return {
      get,
      list: (tenant) =>
        Stream.suspend(() => {
          const all = tenant === undefined ? Array.from(rows.values()).flat() : (rows.get(tenant) ?? [])
          return Stream.fromIterable(all.map(listed))
        }),
      upsert: (given) =>
        Effect.map(made(given), (row) => {
          const own = rows.get(row.tenant) ?? []
          const at = own.findIndex(({ provider }) => provider === row.provider)
          const kept = at === -1 ? row : { ...row, id: own[at]!.id }
          rows.set(row.tenant, at === -1 ? [...own, kept] : own.with(at, kept))
          return listed(kept)
        }),
      remove: ({ provider, tenant }) =>
        Effect.sync(() => {
          const own = rows.get(tenant) ?? []
          const left = own.filter((row) => row.provider !== provider)
          rows.set(tenant, left)
          return left.length < own.length
        }),
      verify: verifying(get, ({ id, tenant }, found) =>
        Effect.sync(() => {
          const own = rows.get(tenant) ?? []
          rows.set(
            tenant,
            own.map((row) => (row.id === id ? { ...row, verification: Option.some(found) } : row))
          )
        })
      )
    }
  })

/**
 * Tenants and keys that the program itself has, kept in memory: `{ acme: [{ provider: "ahrefs", apiKey }] }`.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerStatic = (
  tenants: Readonly<Record<string, ReadonlyArray<Static>>>
): Layer.Layer<Integrations, InvalidMetadata> => Layer.effect(Integrations, inMemory(tenants))

/**
 * {@link layerStatic} with keys from `Config`: `{ acme: [{ provider: "ahrefs", apiKey: Config.redacted("ACME_AHREFS_KEY") }] }`.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerConfig = (
  tenants: Readonly<
    Record<string, ReadonlyArray<Omit<Static, "apiKey"> & { readonly apiKey: Config.Config<Redacted.Redacted> }>>
  >
): Layer.Layer<Integrations, ConfigError.ConfigError> =>
  Layer.effect(
    Integrations,
    Effect.gen(function* () {
      const all: Record<string, ReadonlyArray<Static>> = {}
      for (const [tenant, rows] of Object.entries(tenants)) {
        all[tenant] = yield* Effect.forEach(rows, (row) =>
          Effect.map(row.apiKey, (apiKey): Static => ({ ...row, apiKey }))
        )
      }
      return yield* Effect.mapError(inMemory(all), ({ message, provider, tenant }) =>
        ConfigError.InvalidData([tenant, provider], message)
      )
    })
  )

/**
 * A service of the members given; any other fails loudly when it is used.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerTest = (service: Partial<Service>): Layer.Layer<Integrations> => Layer.mock(Integrations, service)
