/**
 * The providers of many tenants in one process: opened when they are needed, shared by those who have the same account, closed
 * when nobody needs them.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { ExceededCapacityException } from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { LRUCache } from "lru-cache"
import * as Ahrefs from "./Ahrefs.js"
import * as CreditLedger from "./CreditLedger.js"
import { type Integration, Integrations, InvalidMetadata, type Listed, NoIntegration } from "./Integrations.js"
import type { TenantError } from "./Integrations.js"
import { names } from "./internal/names.js"
import { open, type Opened, wireOf } from "./internal/openProvider.js"
import { spending } from "./internal/spending.js"
import * as Majestic from "./Majestic.js"
import type { Provider, Unit } from "./Operation.js"
import * as SERanking from "./SERanking.js"
import type { SharedState } from "./SharedState.js"

/**
 * A tenant's integration, without its key, and the service behind it. What the service buys is bought for the tenant.
 *
 * @since 0.1.0
 * @category Models
 */
export type Live =
  | { readonly provider: "ahrefs"; readonly integration: Listed; readonly service: Ahrefs.Service }
  | { readonly provider: "se_ranking"; readonly integration: Listed; readonly service: SERanking.Service }
  | { readonly provider: "majestic"; readonly integration: Listed; readonly service: Majestic.Service }

type Of<P extends Provider> = Extract<Live, { readonly provider: P }>

/**
 * What a tenant has: `all` in the order of its rows, at most one of each provider.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Providers {
  readonly tenant: string
  readonly all: ReadonlyArray<Live>
  readonly ahrefs: Option.Option<Ahrefs.Service>
  readonly seRanking: Option.Option<SERanking.Service>
  readonly majestic: Option.Option<Majestic.Service>
}

/**
 * The providers of a tenant, of services that are there already.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const fromLive = (tenant: string, all: ReadonlyArray<Live>): Providers => {
  const of = <P extends Provider>(provider: P) =>
    // Safe: it is of the provider that it was found by.
    Option.fromNullable(all.find((live) => live.provider === provider)?.service as Of<P>["service"] | undefined)
  return { tenant, all, ahrefs: of("ahrefs"), seRanking: of("se_ranking"), majestic: of("majestic") }
}

/**
 * As many accounts as `capacity` allows are in use at this moment. Nothing was sent: try again when some of the work is done.
 *
 * @since 0.1.0
 * @category Errors
 */
export class TooManyAccounts extends Schema.TaggedError<TooManyAccounts>("effect-seo-providers/TooManyAccounts")(
  "TooManyAccounts",
  { tenant: Schema.String, capacity: Schema.Number, message: Schema.String }
) {}

/**
 * - `idle`: how long an account that nobody uses stays open; default 5 minutes
 * - `capacity`: accounts that are open at once. The one used longest ago is closed to make room. Default 1,000
 * - `refresh`: a tenant's rows are read again when they are this old and needed, so that a new key, a changed setting or the end
 *   of a tenant is known within this time. Default 5 seconds
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly idle?: Duration.DurationInput | undefined
  readonly capacity?: number | undefined
  readonly refresh?: Duration.DurationInput | undefined
}

/**
 * A tenant whose rows are unknown, broken or cannot be read fails alone. Work under way keeps the service it began with when a
 * row changes.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /** The tenant's providers for as long as the scope is open; a stream needs them until its end. */
  readonly get: (tenant: string) => Effect.Effect<Providers, TenantError | TooManyAccounts, Scope.Scope>
  /** Runs `f` with the tenant's providers. */
  readonly use: <A, E, R>(
    tenant: string,
    f: (providers: Providers) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | TenantError | TooManyAccounts, R>
}

/**
 * The tenants' providers in use.
 *
 * @since 0.1.0
 * @category Context
 */
export class TenantProviders extends Context.Tag("effect-seo-providers/TenantProviders")<TenantProviders, Service>() {}

type Settings = Parameters<typeof open>[0]["metadata"]

/** What of a row decides its service, in one form where two mean the same. */
const settingsOf = ({
  apiUrl,
  batchWait,
  cacheScope,
  concurrency,
  contract = "vendor",
  freeDomainRating = false,
  maxWait,
  rateLimit,
  timeout
}: Settings): string => {
  const all = {
    apiUrl,
    batchWait,
    cacheScope,
    concurrency,
    contract,
    freeDomainRating,
    maxWait,
    rateLimit,
    timeout
  } satisfies {
    readonly [S in keyof Settings]-?: unknown
  }
  const timeOf = (time: Duration.DurationInput | undefined) => time && Duration.decode(time)
  return JSON.stringify({
    ...all,
    batchWait: timeOf(batchWait),
    maxWait: timeOf(maxWait),
    timeout: timeOf(timeout),
    rateLimit: rateLimit && [rateLimit.requests, timeOf(rateLimit.per)]
  })
}

/** Accounts with equal settings are equal. What can be printed of one says nothing of its key. */
class Account extends Data.Class<{ readonly provider: Provider; readonly account: string; readonly settings: string }> {
  readonly #row: Integration
  constructor(row: Integration) {
    const { apiKey, metadata, provider } = row
    const account = CreditLedger.accountOf({ provider, apiKey, apiUrl: metadata.apiUrl })
    super({ provider, account, settings: settingsOf(metadata) })
    this.#row = row
  }
  get open() {
    return open(this.#row)
  }
}

interface Instance {
  readonly account: Account
  readonly opened: Opened
  readonly close: Effect.Effect<void>
  users: number
}

interface Row {
  readonly account: Account
  readonly liveOf: (opened: Opened) => Live
}

/** A tenant's rows as they were at `readAt`. */
interface Known {
  readonly readAt: number
  readonly rows: ReadonlyArray<Row>
}

const rowOf = (row: Integration): Row => {
  const { apiKey: _, ...integration } = row
  const lives = new WeakMap<Opened, Live>()
  return {
    account: new Account(row),
    liveOf: (opened) => {
      const before = lives.get(opened)
      if (before !== undefined) return before
      const { tenant } = row
      const { provider, service } = opened
      // Safe: a service that spends for a tenant is of the provider that it was of.
      const live = { provider, integration, service: spending(tenant, service) } as Live
      lives.set(opened, live)
      return live
    }
  }
}

/** Others are read again when they are needed. */
const maxTenants = 10_000

const make = ({
  capacity = 1_000,
  idle = "5 minutes",
  refresh = "5 seconds"
}: Options): Effect.Effect<Service, never, Integrations | SharedState | HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const integrations = yield* Integrations
    const ledger = yield* CreditLedger.CreditLedger
    const refreshMillis = Duration.toMillis(refresh)

    const context = yield* Effect.context<HttpClient.HttpClient | SharedState>()
    /** What is shared is made of what this layer was given, not of what its first user has: a client, a transaction. */
    const asOurs = <A, E>(work: Effect.Effect<A, E, HttpClient.HttpClient | SharedState | Scope.Scope>) =>
      Effect.mapInputContext(work, (own: Context.Context<Scope.Scope>) =>
        Context.add(context, Scope.Scope, Context.get(own, Scope.Scope))
      )

    /** The unit of each budget that was set here. There are as many as the ledger keeps. */
    const units = new Map<string, Unit>()
    /** A row that is gone leaves its budget: what it has under way stays limited. */
    const budgeted = (row: Integration): Effect.Effect<void, InvalidMetadata> =>
      Effect.gen(function* () {
        const { metadata, provider, tenant } = row
        const { budget } = metadata
        const { unit } = wireOf(row)
        const whose = { of: "tenant", id: tenant, provider } as const
        const id = JSON.stringify([tenant, provider])
        const before = units.get(id)
        if (budget === undefined) units.delete(id)
        else {
          yield* Effect.mapError(
            ledger.setBudget({ ...whose, unit, ...budget }),
            ({ message }) => new InvalidMetadata({ tenant, provider, message: `The budget is not valid: ${message}` })
          )
          units.set(id, unit)
        }
        if (before !== undefined && before !== units.get(id)) yield* ledger.removeBudget({ ...whose, unit: before })
      })

    const tenants = new LRUCache<string, Known>({ max: maxTenants })
    const read = (tenant: string): Effect.Effect<Known, TenantError> =>
      Effect.gen(function* () {
        // As old as the question: what is written meanwhile may be missing.
        const readAt = yield* Clock.currentTimeMillis
        const rows = yield* integrations.get(tenant)
        yield* Effect.uninterruptible(Effect.forEach(rows, budgeted, { discard: true }))
        const known = { readAt, rows: rows.map(rowOf) }
        tenants.set(tenant, known)
        return known
      })
    // Who comes after a failure asks again, even while others are still being told of it.
    const reading: RcMap.RcMap<string, Known, TenantError> = yield* RcMap.make({
      lookup: (tenant: string) =>
        Effect.tapErrorCause(asOurs(read(tenant)), () => {
          tenants.delete(tenant)
          return RcMap.invalidate(reading, tenant)
        })
    })
    const known = (tenant: string): Effect.Effect<Known, TenantError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const found = tenants.get(tenant)
        const isFresh = found !== undefined && found.readAt <= now && now < found.readAt + refreshMillis
        return isFresh ? Effect.succeed(found) : Effect.scoped(RcMap.get(reading, tenant))
      })

    /** What is open; what was used longest ago comes first. */
    const instances = new Set<Instance>()
    const scope = yield* Effect.scope
    const kept = yield* Scope.fork(scope, ExecutionStrategy.sequential)
    const evicted = yield* Scope.fork(scope, ExecutionStrategy.parallel)
    // The map closes one after the other: while one is waited for, the others would go on.
    yield* Effect.addFinalizer(() =>
      Effect.forEach(Array.from(instances), ({ close }) => close, { concurrency: "unbounded", discard: true })
    )
    const live: RcMap.RcMap<Account, Instance, ExceededCapacityException> = yield* RcMap.make({
      lookup: (account: Account) =>
        Effect.gen(function* () {
          const own = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
          const opened = yield* Scope.extend(account.open, own)
          const instance: Instance = { account, opened, close: Scope.close(own, Exit.void), users: 0 }
          instances.add(instance)
          yield* Effect.addFinalizer(() => Effect.sync(() => instances.delete(instance)))
          return instance
        }).pipe(
          asOurs,
          Effect.tapErrorCause(() => RcMap.invalidate(live, account))
        ),
      idleTimeToLive: idle,
      capacity
    }).pipe(Scope.extend(kept))

    const obtained = (tenant: string, account: Account): Effect.Effect<Instance, TooManyAccounts, Scope.Scope> =>
      Effect.catchAll(RcMap.get(live, account), () => {
        const unused = Array.from(instances).find(({ users }) => users === 0)
        if (unused === undefined) {
          return new TooManyAccounts({
            tenant,
            capacity,
            message: `All ${capacity} accounts that may be open are in use. Try again when some of the work is done, or raise capacity.`
          })
        }
        instances.delete(unused)
        // It is out of the map in its first step; for what it is paying for nobody else waits.
        const closing = Effect.forkIn(Effect.uninterruptible(RcMap.invalidate(live, unused.account)), evicted)
        return Effect.zipRight(Effect.zipRight(closing, Effect.yieldNow()), obtained(tenant, account))
      })
    // The map looks, and then opens: two who come at once could both find nothing.
    const opening = yield* Effect.makeSemaphore(1)
    const held = (tenant: string, account: Account): Effect.Effect<Instance, TooManyAccounts, Scope.Scope> =>
      RcMap.has(live, account).pipe(
        Effect.flatMap((isOpen) =>
          isOpen ? obtained(tenant, account) : opening.withPermits(1)(obtained(tenant, account))
        ),
        Effect.tap((instance) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              instance.users++
            }),
            () =>
              Effect.sync(() => {
                instance.users--
                // Where it is open still, it is now the one that was used last.
                if (instances.delete(instance)) instances.add(instance)
              })
          )
        )
      )

    const get: Service["get"] = (tenant) =>
      Effect.flatMap(known(tenant), ({ rows }) =>
        Effect.map(
          Effect.forEach(rows, ({ account, liveOf }) =>
            Effect.map(held(tenant, account), ({ opened }) => liveOf(opened))
          ),
          (all) => fromLive(tenant, all)
        )
      )

    return TenantProviders.of({
      get,
      // The scope is for the providers alone: what `f` adds to its own outlives it.
      use: (tenant, f) =>
        Effect.acquireUseRelease(
          Scope.make(),
          (scope) => Effect.flatMap(Scope.extend(get(tenant), scope), f),
          Scope.close
        )
    })
  })

/**
 * Tenants as {@link Integrations} knows them. Where a row has a budget, it is the tenant's budget in the ledger, from when the row
 * is read until a row without it is.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<TenantProviders, never, Integrations | SharedState | HttpClient.HttpClient> =>
  Layer.scoped(TenantProviders, make(options))

/**
 * The providers of the members given; any other fails loudly when it is used.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerTest = (service: Partial<Service>): Layer.Layer<TenantProviders> =>
  Layer.mock(TenantProviders, service)

const layerOf = <I, S>(
  tag: Context.Tag<I, S>,
  provider: Provider,
  tenant: string,
  of: (providers: Providers) => Option.Option<S>
): Layer.Layer<I, TenantError | TooManyAccounts, TenantProviders> =>
  Layer.scoped(
    tag,
    TenantProviders.pipe(
      Effect.flatMap(({ get }) => get(tenant)),
      Effect.flatMap((providers) =>
        Effect.mapError(
          of(providers),
          () => new NoIntegration({ tenant, message: `"${tenant}" has no integration of ${names[provider]}.` })
        )
      )
    )
  )

/**
 * A tenant's Ahrefs, for code that knows nothing of tenants. The service is held for as long as the layer lives, whatever becomes
 * of the row: build the layer for each job or request.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerAhrefs = (
  tenant: string
): Layer.Layer<Ahrefs.Ahrefs, TenantError | TooManyAccounts, TenantProviders> =>
  layerOf(Ahrefs.Ahrefs, "ahrefs", tenant, ({ ahrefs }) => ahrefs)

/**
 * A tenant's SE Ranking, held like {@link layerAhrefs}.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerSERanking = (
  tenant: string
): Layer.Layer<SERanking.SERanking, TenantError | TooManyAccounts, TenantProviders> =>
  layerOf(SERanking.SERanking, "se_ranking", tenant, ({ seRanking }) => seRanking)

/**
 * A tenant's Majestic, held like {@link layerAhrefs}.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerMajestic = (
  tenant: string
): Layer.Layer<Majestic.Majestic, TenantError | TooManyAccounts, TenantProviders> =>
  layerOf(Majestic.Majestic, "majestic", tenant, ({ majestic }) => majestic)
