/**
 * What the calls of many services, tenants and processes share: facts already paid for, and the claims of those who are buying.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type { Keyv } from "keyv"
import * as Claims from "./internal/claims.js"
import * as ProviderCache from "./ProviderCache.js"

/**
 * What a provider's service needs besides a way to send.
 *
 * @since 0.1.0
 * @category Context
 */
export type SharedState = ProviderCache.ProviderCache | Claims.Claims

/**
 * @since 0.1.0
 * @category Models
 */
export type RedisOptions = ProviderCache.RedisOptions & {
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
export const layerMemory = (options?: ProviderCache.MemoryOptions): Layer.Layer<SharedState, ConfigError.ConfigError> =>
  Layer.merge(ProviderCache.layerMemory(options), Claims.layerMemory)

/**
 * Facts in a Keyv of yours, claims in this process: for one process whose facts outlive it.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerKeyv = (
  keyv: Keyv,
  options?: ProviderCache.StoreOptions
): Layer.Layer<SharedState, ConfigError.ConfigError> =>
  Layer.merge(ProviderCache.layerKeyv(keyv, options), Claims.layerMemory)

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
      return Layer.merge(
        Layer.effect(ProviderCache.ProviderCache, ProviderCache.overRedis(redis, options)),
        Claims.layerRedis(redis, options.namespace ?? "seo", life)
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
 * Nothing is kept and nothing is shared: every fact is bought.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerNoop: Layer.Layer<SharedState> = Layer.merge(ProviderCache.layerNoop, Claims.layerNoop)
