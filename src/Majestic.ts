/**
 * Majestic as an Effect service: Trust Flow and Citation Flow from where they are made.
 *
 * Trust Flow and Citation Flow are trademarks of Majestic: show {@link attribution} with them.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as CreditLedger from "./CreditLedger.js"
import { checks, planned, verified } from "./internal/input.js"
import * as PaidCall from "./internal/paidCall.js"
import type { RetryOptions } from "./internal/retry.js"
import { type FlowMetrics, flowsOf, type Index, type IndexItemInfo, type Mode } from "./majestic/model.js"
import { vendor } from "./majestic/vendor.js"
import type { Charge, Operation } from "./Operation.js"
import type { Plan } from "./Plan.js"
import type {
  InvalidRequest,
  InvalidTarget,
  LedgerUnavailable,
  PaidError,
  Unsupported,
  WireError
} from "./ProviderError.js"
import type * as RateLimiter from "./RateLimiter.js"
import type { SharedState } from "./SharedState.js"
import * as Target from "./Target.js"
import type { Usage } from "./Usage.js"

export {
  /**
   * @since 0.1.0
   * @category Constants
   */
  attribution,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Figures,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  FlowMetrics,
  /**
   * @since 0.1.0
   * @category Models
   */
  type Index,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  IndexItemInfo,
  /**
   * @since 0.1.0
   * @category Models
   */
  type Mode
} from "./majestic/model.js"

/**
 * Which index is asked, and what of a target is meant.
 *
 * @since 0.1.0
 * @category Models
 */
export interface ItemOptions {
  /** Default: the service's. */
  readonly index?: Index | undefined
  /**
   * Default `domain`: the site an input belongs to, with its subdomains. `host`: that host; one that is a whole site is taken as the
   * site. `url`: that page.
   */
  readonly mode?: Mode | undefined
}

/**
 * What a caller holds. Prices are in units of Majestic's `IndexItemInfoResUnits`: one for each distinct item that is not known.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /**
   * What an index knows of any number of domains, hosts or pages, one row for each input in its order. One unit a distinct item,
   * found or not; a call carries 100 (pages: 20). Source: GetIndexItemInfo.
   */
  readonly getIndexItemInfo: (
    items: ReadonlyArray<string>,
    options?: ItemOptions
  ) => Effect.Effect<ReadonlyArray<IndexItemInfo>, PaidError | InvalidTarget>

  /** {@link Service.getIndexItemInfo} call by call: what was paid is delivered before a later call fails. */
  readonly getIndexItemInfoStream: (
    items: ReadonlyArray<string>,
    options?: ItemOptions
  ) => Stream.Stream<IndexItemInfo, PaidError | InvalidTarget>

  /**
   * The measured flows of a site, and their ratio. One unit; the facts are those of {@link Service.getIndexItemInfo}, and look-ups of
   * the same moment leave in one call. Source: GetIndexItemInfo.
   */
  readonly getFlowMetrics: (
    domain: string,
    options?: ItemOptions
  ) => Effect.Effect<FlowMetrics, PaidError | InvalidTarget>

  /** What is left of the account, in units: Majestic does not say what it began with. Free. Source: GetSubscriptionInfo. */
  readonly getUsage: Effect.Effect<Usage, WireError>

  /** The usage of a key that works; `InvalidKey` or `NoSubscription` where it does not. Free. */
  readonly verify: Effect.Effect<Usage, WireError>

  /**
   * What a method would cost with these arguments, how many calls it takes and how long, and how much of it is known already:
   * `plan("getIndexItemInfo", domains)`. Spends nothing.
   */
  readonly plan: <M extends Planned>(
    method: M,
    ...args: Parameters<Service[M]>
  ) => Effect.Effect<Plan, InvalidRequest | InvalidTarget>

  /**
   * A command that the package does not have, as an operation of your own: it takes the way of all others. `Unsupported` where it is
   * priced in another unit; `InvalidRequest` where it asks for nothing, is billed and has no facts, or is about several subjects and
   * cannot be narrowed.
   */
  readonly call: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, PaidError | Unsupported>

  /** What {@link Service.call} would cost. Spends nothing. */
  readonly planCall: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<Plan, InvalidRequest | Unsupported>

  /**
   * Compares what the ledger has spent with the account's own counter, where it has one; `adopt` makes its limit the budget of the
   * account. Free.
   */
  readonly reconcile: (options?: {
    readonly adopt?: boolean | undefined
  }) => Effect.Effect<CreditLedger.Reconciliation, WireError | LedgerUnavailable | CreditLedger.InvalidAmount>
}

/**
 * Methods that can be planned.
 *
 * @since 0.1.0
 * @category Models
 */
export type Planned = "getIndexItemInfo" | "getFlowMetrics"

/**
 * The Majestic account in use.
 *
 * @since 0.1.0
 * @category Context
 */
export class Majestic extends Context.Tag("effect-seo-providers/Majestic")<Majestic, Service>() {}

/**
 * An account and how it is called. Everything but the key has a default.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  /** Default `fresh`: Majestic recommends it for flows. */
  readonly index?: Index | undefined
  /** Default `https://api.majestic.com/api`; `https://developer.majestic.com/api` is a small index that costs nothing. */
  readonly apiUrl?: string | undefined
  /** Per attempt; default 30 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
  /** How refusals that were not billed are sent again. */
  readonly retry?: RetryOptions | undefined
  /** Send a paid call that timed out again, although it may have been billed. Default false. */
  readonly resendTimedOut?: boolean | undefined
  /** The tenant on whose behalf this service calls, where `Spender.as` names none. */
  readonly tenant?: string | undefined
  /** What the account may call in any window of time, free calls included. Default 10 a second: Majestic names no limit. */
  readonly rateLimit?: RateLimiter.Rate | undefined
  /** A call that would have to wait longer for its turn fails with `RateLimited`. Default 10 minutes. */
  readonly maxWait?: Duration.DurationInput | undefined
  /** How long a look-up waits for others to leave with; default 10 ms, 0 turns it off. */
  readonly batchWait?: Duration.DurationInput | undefined
  /** The account's calls under way at once, over all processes that share the state; default 10. */
  readonly concurrency?: number | undefined
  /**
   * Accounts that name the same scope share what either of them bought. Default: the account alone. Letters, digits, `_`, `-`.
   * Check that the provider's terms allow it.
   */
  readonly cacheScope?: string | undefined
  /** Runs after every answered call with what it cost. */
  readonly onCharge?: ((charge: Charge) => Effect.Effect<void>) | undefined
  /** A last change to the client, as in Effect's own clients. It sees the key, which is in the URL here. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

const normalisers = { domain: Target.make, host: Target.host, url: Target.url }

/**
 * The service of one account. A key that no request can carry fails each call with `InvalidKey`.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = (
  options: Options
): Effect.Effect<Service, never, HttpClient.HttpClient | SharedState | Scope.Scope> =>
  Effect.gen(function* () {
    const paid = yield* PaidCall.make(vendor, options)
    const check = checks(vendor.provider, vendor.contract)

    const asked = (
      targets: ReadonlyArray<Target.Target>,
      { index = options.index ?? "fresh", mode = "domain" }: ItemOptions = {}
    ) => paid.ask(mode === "url" ? vendor.pages : vendor.items, { targets, index, mode })

    /** What each method asks, once its arguments are checked. */
    const asks = {
      getIndexItemInfo: (items: ReadonlyArray<string>, options?: ItemOptions) =>
        Effect.map(check.targets("getIndexItemInfo", items, normalisers[options?.mode ?? "domain"]), (targets) =>
          asked(targets, options)
        ),
      getFlowMetrics: (domain: string, options?: ItemOptions) =>
        Effect.map(check.target("getFlowMetrics", domain, normalisers[options?.mode ?? "domain"]), (target) =>
          asked([target], options)
        )
    }

    const items = (inputs: ReadonlyArray<string>, options?: ItemOptions) =>
      Effect.map(asks.getIndexItemInfo(inputs, options), ({ input, operation }) =>
        paid.rows(operation, input, identity)
      )

    const getUsage = paid.free(vendor.usage, undefined)

    return Majestic.of({
      getIndexItemInfo: (inputs, options) => Effect.flatMap(items(inputs, options), ({ all }) => all),
      getIndexItemInfoStream: (inputs, options) =>
        Stream.unwrap(Effect.map(items(inputs, options), ({ stream }) => stream)),
      getFlowMetrics: (domain, options) =>
        Effect.map(
          Effect.flatMap(asks.getFlowMetrics(domain, options), ({ input, operation }) => paid.call(operation, input)),
          // Safe: the operation gives a row for each of its targets.
          (rows) => flowsOf(rows[0]!)
        ),
      getUsage,
      verify: verified(getUsage, vendor),
      plan: (method, ...args) => planned(asks[method], args),
      call: (operation, input) =>
        Effect.flatMap(check.own(operation, input, vendor.unit), () => paid.call(operation, input)),
      planCall: (operation, input) =>
        Effect.zipRight(check.own(operation, input, vendor.unit), paid.ask(operation, input).plan),
      reconcile: (options) => Effect.flatMap(getUsage, (usage) => paid.reconcile(usage, options))
    })
  })

/**
 * The service of one account, for as long as the layer lives. Closing it waits for the calls under way, as they are paid, no longer than
 * their time-out; nothing else is sent.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer = (options: Options): Layer.Layer<Majestic, never, HttpClient.HttpClient | SharedState> =>
  Layer.scoped(Majestic, make(options))

/**
 * {@link layer} from `Config`: `Majestic.layerConfig({ apiKey: Config.redacted("MAJESTIC_API_KEY") })`. Functions are given apart.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Omit<Options, "onCharge" | "transformClient">>,
  functions?: Pick<Options, "onCharge" | "transformClient">
): Layer.Layer<Majestic, ConfigError.ConfigError, HttpClient.HttpClient | SharedState> =>
  Layer.scoped(
    Majestic,
    Effect.flatMap(Config.unwrap(config), (resolved) => make({ ...resolved, ...functions }))
  )

/**
 * A service of the members given; any other fails loudly when it is used.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerTest = (service: Partial<Service>): Layer.Layer<Majestic> => Layer.mock(Majestic, service)
