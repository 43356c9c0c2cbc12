/**
 * What the calls of many services, tenants and processes share: facts already paid for, the claims of those who are buying, the
 * turns of calls, and the books of what is spent.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type { Keyv } from "keyv"
import * as CreditLedger from "./CreditLedger.js"
import * as Claims from "./internal/claims.js"
import { defaultNamespace } from "./internal/redis.js"
import * as ProviderCache from "./ProviderCache.js"
import * as RateLimiter from "./RateLimiter.js"

/**
 * What a provider's service needs besides a way to send.
 *
 * @since 0.1.0
 * @category Context
 */
export type SharedState =
  | ProviderCache.ProviderCache
  | Claims.Claims
  | RateLimiter.RateLimiter
  | CreditLedger.CreditLedger

/**
 * Options of {@link layerMemory}: the cache's and the ledger's.
 *
 * @since 0.1.0
 * @category Models
 */
export interface MemoryOptions extends ProviderCache.MemoryOptions, CreditLedger.Options {}

/**
 * Options of {@link layerKeyv}: the cache's and the ledger's.
 *
 * @since 0.1.0
 * @category Models
 */
export interface StoreOptions extends ProviderCache.StoreOptions, CreditLedger.Options {}

/**
 * Options of {@link layerRedis}: the server, the cache's, the ledger's and `claimLife`.
 *
 * @since 0.1.0
 * @category Models
 */
export type RedisOptions = ProviderCache.RedisOptions &
  CreditLedger.Options & {
    /**
     * How long a claim outlives a buyer that died; a live one renews it. Nobody waits longer for a dead one. Default 5 seconds,
     * at least 300 ms.
     */
    readonly claimLife?: Duration.DurationInput | undefined
  }

/**
 * For one process: nothing outlives it.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerMemory = (options?: MemoryOptions): Layer.Layer<SharedState, ConfigError.ConfigError> =>
  Layer.mergeAll(
    ProviderCache.layerMemory(options),
    Claims.layerMemory,
    RateLimiter.layerMemory,
    CreditLedger.layerMemory(options)
  )

/**
 * Facts in a Keyv of yours, everything else in this process: for one process whose facts outlive it.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerKeyv = (keyv: Keyv, options?: StoreOptions): Layer.Layer<SharedState, ConfigError.ConfigError> =>
  Layer.mergeAll(
    ProviderCache.layerKeyv(keyv, options),
    Claims.layerMemory,
    RateLimiter.layerMemory,
    CreditLedger.layerMemory(options)
  )

/**
 * For many processes, over Redis: one server (`url`), a `cluster` or `sentinel`s. It comes up whether or not Redis does, and
 * recovers by itself.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerRedis = (options: RedisOptions): Layer.Layer<SharedState, ConfigError.ConfigError> =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const life = Math.round(Duration.toMillis(options.claimLife ?? "5 seconds"))
      if (!(life >= 300 && life <= 600_000)) {
        return yield* Effect.fail(ConfigError.InvalidData(["claimLife"], "must be 300 ms to 10 minutes"))
      }
      const redis = yield* ProviderCache.connection(options)
      const namespace = options.namespace ?? defaultNamespace
      return Layer.mergeAll(
        Layer.effect(ProviderCache.ProviderCache, ProviderCache.overRedis(redis, options)),
        Claims.layerRedis(redis, namespace, life),
        Layer.scoped(RateLimiter.RateLimiter, RateLimiter.overRedis(redis, namespace)),
        Layer.scoped(CreditLedger.CreditLedger, CreditLedger.overRedis(redis, namespace, options))
      )
    })
  )

/**
 * {@link layerRedis} from `Config`: `SharedState.layerRedisConfig({ url: Config.redacted("REDIS_URL") })`.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerRedisConfig = (
  config: Config.Config.Wrap<RedisOptions>
): Layer.Layer<SharedState, ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layerRedis))

/**
 * Nothing is kept, shared, limited or counted: every fact is bought, at once.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerNoop: Layer.Layer<SharedState> = Layer.mergeAll(
  ProviderCache.layerNoop,
  Claims.layerNoop,
  RateLimiter.layerNoop,
  CreditLedger.layerNoop
)
