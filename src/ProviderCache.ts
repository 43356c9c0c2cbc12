/**
 * Facts already paid for.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Keyv } from "keyv"
import {
  type Bounds,
  type CacheStore,
  type Entry,
  type Fact,
  type FactId,
  fromKeyv,
  type StoreUnavailable,
  type TextStore
} from "./CacheStore.js"
import * as FirstLevel from "./internal/firstLevel.js"
import * as Guard from "./internal/guard.js"
import * as Redis from "./internal/redis.js"
import { readKey, scopeOf, word } from "./internal/scope.js"
import { ContractName, Provider } from "./Operation.js"
import * as Target from "./Target.js"

/**
 * How long a fact may answer. All windows begin when the provider said it; `freshFor` first, the others after it.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Policy {
  /** By provider and kind, e.g. `{ "ahrefs.metrics": "7 days" }`; else the operation's own, a day for most. */
  readonly freshFor?: Readonly<Record<string, Duration.DurationInput>> | undefined
  /** Facts that the provider does not know; default 6 hours. */
  readonly unknownFor?: Duration.DurationInput | undefined
  /** Answered at once and bought anew behind the caller's back. Default 0: that costs. */
  readonly staleWhileRevalidate?: Duration.DurationInput | undefined
  /** Answered where the provider fails or limits the rate. Default 1 day. */
  readonly staleIfError?: Duration.DurationInput | undefined
  /** Answered where the account is exhausted. Default 7 days. */
  readonly staleIfExhausted?: Duration.DurationInput | undefined
  /** The part of `freshFor` that is drawn by lot, 0 to 0.5, so that facts bought together do not end together. Default 0.1. */
  readonly jitter?: number | undefined
  /**
   * What happens to facts of which the store cannot say whether they were bought: `pay` for them (default), `fail` with
   * `CacheUnavailable`, or answer with those that this process still has, `stale` within `staleIfError`, and pay for the rest.
   */
  readonly onCacheUnavailable?: "pay" | "fail" | "stale" | undefined
}

/**
 * The first level, in this process, before a store that others share.
 *
 * @since 0.1.0
 * @category Models
 */
export interface FirstLevelOptions extends Partial<Bounds> {
  /** How long it answers in place of the store, and an invalidation by another process may go unseen. Default 10 seconds. */
  readonly life?: Duration.DurationInput | undefined
}

/**
 * A cache in this process: how long its facts answer, and how many it keeps.
 *
 * @since 0.1.0
 * @category Models
 */
export interface MemoryOptions extends Policy, Partial<Bounds> {}

/**
 * A cache in a store behind this process: how long its facts answer, what is kept here, how long the store is waited for.
 *
 * @since 0.1.0
 * @category Models
 */
export interface StoreOptions extends Policy {
  readonly firstLevel?: FirstLevelOptions | undefined
  /** How long an answer of the store is waited for; default 50 ms. A process too busy to hear it waits 20 times as long at most. */
  readonly deadline?: Duration.DurationInput | undefined
  /** Longer values are answered but not kept; default 4 MB. */
  readonly maxValueBytes?: number | undefined
}

/**
 * {@link StoreOptions} and the Redis: `{ url }`, `{ cluster, password }` or `{ sentinel, name, password }`.
 *
 * @since 0.1.0
 * @category Models
 */
export type RedisOptions = StoreOptions &
  Redis.Server & {
    /** The beginning of every key: letters, digits, `_`, `-`. Default `seo`. */
    readonly namespace?: string | undefined
  }

/** @internal {@link Policy} with every default filled in, in milliseconds. */
export interface Windows {
  readonly freshFor: Readonly<Record<string, number>>
  readonly unknownFor: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly staleIfExhausted: number
  readonly jitter: number
  readonly onCacheUnavailable: "pay" | "fail" | "stale"
}

/**
 * An account as the cache knows it.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Account {
  readonly provider: Provider
  readonly apiKey: Redacted.Redacted
  readonly apiUrl?: string | undefined
  readonly cacheScope?: string | undefined
}

/**
 * What is kept of one kind of facts.
 *
 * - `facts`: so many; `fresh`: of them
 * - `bytes`: about the length of their JSON text; 0 where they are kept in this process alone
 * - `paid`: what they had cost, in the contract's unit; `unpriced`: facts whose price nobody stated, which are not in it
 * - `oldest`, `newest`: when they were observed, milliseconds since 1970
 *
 * @since 0.1.0
 * @category Models
 */
export interface Stats {
  readonly provider: Provider
  readonly contract: ContractName
  readonly kind: string
  readonly facts: number
  readonly fresh: number
  readonly bytes: number
  readonly paid: number
  readonly unpriced: number
  readonly oldest: number
  readonly newest: number
}

/**
 * What an embedding service may do with the cache. Reading and writing are the business of the providers' services.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /** @internal */
  readonly windows: Windows
  /** @internal What this process has and may answer with, without asking anybody; `undefined` unless it has all. */
  readonly near: (ids: ReadonlyArray<FactId>, now: number) => ReadonlyArray<Fact> | undefined
  /** @internal An item for each id, whatever its age. */
  readonly getMany: (ids: ReadonlyArray<FactId>) => Effect.Effect<ReadonlyArray<Fact | undefined>, StoreUnavailable>
  /** @internal The same, past the first level. */
  readonly readMany: (ids: ReadonlyArray<FactId>) => Effect.Effect<ReadonlyArray<Fact | undefined>, StoreUnavailable>
  /** @internal What this process has, however long ago it heard of it. */
  readonly peekMany: (ids: ReadonlyArray<FactId>) => ReadonlyArray<Fact | undefined>
  /** @internal Never fails: what the store does not take is kept here, and told. */
  readonly setMany: (entries: ReadonlyArray<Entry & FactId>) => Effect.Effect<void>
  /**
   * Forgets all that is known of a target, for every account: a domain, host or URL as it was asked for. Other processes see
   * it within the first level's life.
   */
  readonly invalidateTarget: (target: string) => Effect.Effect<void, StoreUnavailable>
  /** Forgets all that an account, or the scope it shares, has bought. */
  readonly invalidateAccount: (account: Account) => Effect.Effect<void, StoreUnavailable>
  /** Forgets everything. */
  readonly invalidateAll: Effect.Effect<void, StoreUnavailable>
  /**
   * What is kept, by provider, contract and kind of fact, for all accounts. Goes through the whole store, a little at a time; what was
   * invalidated is left out, but for facts about something else than the target itself, such as its keywords. Fails where the store cannot list
   * what it keeps.
   */
  readonly stats: Effect.Effect<ReadonlyArray<Stats>, StoreUnavailable>
  /** Whether the store answers at present. */
  readonly isUp: Effect.Effect<boolean>
}

/**
 * The cache in use. Every layer of `SharedState` has one.
 *
 * @since 0.1.0
 * @category Context
 */
export class ProviderCache extends Context.Tag("effect-seo-providers/ProviderCache")<ProviderCache, Service>() {}

const longest = Duration.toMillis("365 days")

const invalid = (name: string, message: string) => Effect.fail(ConfigError.InvalidData([name], message))

/** A whole number of milliseconds: a fraction would be lost on the way to a store, and a zero live for ever. */
const millis = (
  name: string,
  input: Duration.DurationInput,
  min: number
): Effect.Effect<number, ConfigError.ConfigError> =>
  Effect.suspend(() => {
    const value = typeof input === "number" ? input : Duration.toMillis(input)
    const rounded = Math.round(value)
    return rounded >= min && rounded <= longest
      ? Effect.succeed(rounded)
      : invalid(name, `must be a duration of ${min} ms to 365 days`)
  })

const whole = (name: string, value: number): Effect.Effect<number, ConfigError.ConfigError> =>
  Number.isSafeInteger(value) && value >= 1 ? Effect.succeed(value) : invalid(name, "must be a whole number from 1")

const windowsOf = (policy: Policy): Effect.Effect<Windows, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const { jitter = 0.1, onCacheUnavailable = "pay" } = policy
    if (!(jitter >= 0 && jitter <= 0.5)) return yield* invalid("jitter", "must be a number from 0 to 0.5")
    const lives: Record<string, number> = {}
    for (const [kind, input] of Object.entries(policy.freshFor ?? {})) {
      lives[kind] = yield* millis(`freshFor.${kind}`, input, 1)
    }
    return {
      freshFor: lives,
      unknownFor: yield* millis("unknownFor", policy.unknownFor ?? "6 hours", 1),
      staleWhileRevalidate: yield* millis("staleWhileRevalidate", policy.staleWhileRevalidate ?? 0, 0),
      staleIfError: yield* millis("staleIfError", policy.staleIfError ?? "1 day", 0),
      staleIfExhausted: yield* millis("staleIfExhausted", policy.staleIfExhausted ?? "7 days", 0),
      jitter,
      onCacheUnavailable
    }
  })

const mark = { all: "void:all", scope: (scope: string) => `void:{${scope}}`, targets: "void:targets" }
const targetMark = (target: string) => `void:target:${word(target)}`

const isProvider = Schema.is(Provider)
const isContract = Schema.is(ContractName)

/** Sums up facts by kind. */
const tally = (now: number) => {
  const all = new Map<string, { -readonly [K in keyof Stats]: Stats[K] }>()
  return {
    add: (key: string, { bytes = 0, freshUntil, observedAt, paid }: Fact): void => {
      const { contract, kind, provider } = readKey(key) ?? {}
      if (kind === undefined || !isProvider(provider) || !isContract(contract)) return
      const id = `${provider} ${contract} ${kind}`
      const row = all.get(id) ?? {
        provider,
        contract,
        kind,
        facts: 0,
        fresh: 0,
        bytes: 0,
        paid: 0,
        unpriced: 0,
        oldest: Infinity,
        newest: -Infinity
      }
      all.set(id, row)
      row.facts++
      if (freshUntil > now) row.fresh++
      row.bytes += bytes
      if (paid === null) row.unpriced++
      else row.paid += paid
      row.oldest = Math.min(row.oldest, observedAt)
      row.newest = Math.max(row.newest, observedAt)
    },
    // Shares of a call's price sum to the price but for the last bits.
    rows: (): ReadonlyArray<Stats> =>
      Array.from(all.values(), (row) => ({ ...row, paid: Math.round(row.paid * 1e6) / 1e6 }))
  }
}

/** So many facts' marks are asked for at once. */
const statsBatch = 500

const make = (
  policy: Policy,
  near: FirstLevel.FirstLevel,
  /** What others share; `null` where this process is alone. */
  shared: { readonly store: CacheStore; readonly isUp: () => boolean; readonly marksLife: number } | null
): Effect.Effect<Service, ConfigError.ConfigError> =>
  Effect.map(windowsOf(policy), (windows) => {
    // What was said before such a moment no longer counts. Read anew as often as the first level is.
    const marks = new Map<string, { readonly since: number; readonly until: number }>()
    let latest = -Infinity
    const since = (key: string): number => marks.get(key)?.since ?? -Infinity
    const isVoid = ({ scope }: Pick<FactId, "scope">, { observedAt }: Fact) =>
      observedAt <= latest && (observedAt <= since(mark.all) || observedAt <= since(mark.scope(scope)))
    const isOld = (key: string, now: number): boolean => {
      const known = marks.get(key)
      return known === undefined || known.until <= now
    }
    const learn = (key: string, moment: number, until: number) => {
      marks.set(key, { since: moment, until })
      latest = Math.max(latest, moment)
    }

    const here = (id: FactId, now: number): Fact | undefined => {
      const fact = near.get(id.key, now)
      return fact === undefined || isVoid(id, fact) ? undefined : fact
    }

    const readFrom =
      ({ marksLife, store }: NonNullable<typeof shared>): Service["readMany"] =>
      (ids) =>
        Effect.clockWith((clock) => {
          const now = clock.unsafeCurrentTimeMillis()
          const scopes = new Set(ids.map(({ scope }) => scope))
          const old = [mark.all, mark.targets, ...Array.from(scopes, mark.scope)].filter((key) => isOld(key, now))
          const kept = (facts: ReadonlyArray<Fact | undefined>) => {
            facts.forEach((fact, i) => fact && near.set(ids[i]!, fact, now))
            return facts
          }
          // In one question with the facts: a look-up has one round trip.
          return Effect.flatMap(store.getMany([...old, ...ids.map(({ key }) => key)]), (found) => {
            old.forEach((key, i) => learn(key, found[i]?.observedAt ?? -Infinity, now + marksLife))
            const valid = ids.map((id, i) => {
              const fact = found[old.length + i]
              return fact === undefined || isVoid(id, fact) ? undefined : fact
            })
            if (since(mark.targets) === -Infinity) return Effect.succeed(kept(valid))
            // Somebody has invalidated a target lately: each target's own mark decides.
            const targets = ids.map(({ target }) => targetMark(target))
            return Effect.map(store.getMany(targets), (marked) =>
              kept(
                valid.map((fact, i) =>
                  fact && fact.observedAt <= (marked[i]?.observedAt ?? -Infinity) ? undefined : fact
                )
              )
            )
          })
        })

    const readHere: Service["readMany"] = (ids) =>
      Effect.clockWith((clock) => {
        const now = clock.unsafeCurrentTimeMillis()
        return Effect.succeed(ids.map((id) => here(id, now)))
      })

    const readMany = shared === null ? readHere : readFrom(shared)

    const invalidate = (keys: ReadonlyArray<string>, isMeant: FirstLevel.IsMeant) =>
      Effect.clockWith((clock) => {
        const now = clock.unsafeCurrentTimeMillis()
        near.forget(isMeant)
        if (shared === null) return Effect.void
        const fact: Fact = { value: true, observedAt: now, freshUntil: now, paid: null }
        for (const key of keys) marks.delete(key)
        return shared.store.setMany(keys.map((key) => ({ key, fact, life: longest })))
      })

    return {
      windows,
      near: (ids, now) => {
        const found: Array<Fact> = []
        for (const id of ids) {
          const fact = here(id, now)
          if (fact === undefined) return undefined
          found.push(fact)
        }
        return found
      },
      getMany: (ids) =>
        Effect.clockWith((clock) => {
          const now = clock.unsafeCurrentTimeMillis()
          const missing: Array<number> = []
          const found = ids.map((id, i) => {
            const fact = here(id, now)
            if (fact === undefined) missing.push(i)
            return fact
          })
          if (missing.length === 0) return Effect.succeed(found)
          return Effect.map(readMany(missing.map((i) => ids[i]!)), (facts) => {
            missing.forEach((i, j) => {
              found[i] = facts[j]
            })
            return found
          })
        }),
      readMany,
      peekMany: (ids) => ids.map(({ key }) => near.peek(key)),
      setMany: (entries) =>
        Effect.clockWith((clock) => {
          const now = clock.unsafeCurrentTimeMillis()
          for (const entry of entries) near.set(entry, entry.fact, now)
          return shared === null
            ? Effect.void
            : Effect.catchAll(shared.store.setMany(entries), ({ message }) =>
                Effect.logWarning(`${entries.length} facts were bought but not kept: ${message}`)
              )
        }),
      invalidateTarget: (target) => {
        const meant = new Set([target, Target.key(target)])
        return invalidate([mark.targets, ...Array.from(meant, targetMark)], ({ target }) => meant.has(target))
      },
      invalidateAccount: (account) => {
        const meant = scopeOf(account)
        return invalidate([mark.scope(meant)], ({ scope }) => scope === meant)
      },
      invalidateAll: invalidate([mark.all], () => true),
      stats: Effect.clockWith((clock) => {
        const counts = tally(clock.unsafeCurrentTimeMillis())
        if (shared === null) {
          for (const [key, { fact, scope }] of near.entries()) if (!isVoid({ scope }, fact)) counts.add(key, fact)
          return Effect.sync(counts.rows)
        }
        return Stream.runForEachChunk(Stream.rechunk(shared.store.entries, statsBatch), (some) => {
          const marksOf = Arr.filterMap(some, ({ fact, key }) =>
            Option.map(Option.fromNullable(readKey(key)), ({ scope, subject }) => ({
              fact,
              key,
              marks: [mark.all, mark.scope(scope), `void:target:${subject}`]
            }))
          )
          const keys = Arr.dedupe(marksOf.flatMap(({ marks }) => marks))
          return Effect.map(shared.store.getMany(keys), (found) => {
            const moments = new Map(keys.map((key, i) => [key, found[i]?.observedAt ?? -Infinity]))
            for (const { fact, key, marks } of marksOf) {
              if (marks.every((one) => fact.observedAt > moments.get(one)!)) counts.add(key, fact)
            }
          })
        }).pipe(Effect.map(counts.rows))
      }),
      isUp: Effect.sync(shared === null ? () => true : shared.isUp)
    }
  })

const boundsOf = ({ maxBytes = 64 * 2 ** 20, maxEntries = 50_000 }: Partial<Bounds>) =>
  Effect.all({ maxEntries: whole("maxEntries", maxEntries), maxBytes: whole("maxBytes", maxBytes) })

/** What is wrong with the options is told before anything is opened. */
const checked = (options: StoreOptions) =>
  Effect.all({
    windows: windowsOf(options),
    bounds: boundsOf(options.firstLevel ?? {}),
    life: millis("firstLevel.life", options.firstLevel?.life ?? "10 seconds", 0),
    maxValueBytes: whole("maxValueBytes", options.maxValueBytes ?? 4 * 2 ** 20),
    deadline: millis("deadline", options.deadline ?? 50, 1)
  })

const overKeyv = (keyv: TextStore, guard: Guard.Guard, options: StoreOptions) =>
  Effect.flatMap(checked(options), ({ bounds, life, maxValueBytes }) =>
    make(options, FirstLevel.make(bounds, life), {
      store: fromKeyv(keyv, guard.awaited, maxValueBytes),
      isUp: guard.isUp,
      marksLife: life
    })
  )

/** @internal A cache over a connection that others use too. */
export const overRedis = (redis: Redis.Redis, options: StoreOptions): Effect.Effect<Service, ConfigError.ConfigError> =>
  overKeyv(redis.texts, redis, options)

/** @internal The connection that the options describe. */
export const connection = (options: RedisOptions) =>
  Effect.flatMap(checked(options), ({ deadline }) =>
    Redis.make(options, { namespace: options.namespace ?? Redis.defaultNamespace, deadlineMillis: deadline })
  )

/**
 * In this process: 50,000 facts and 64 MB by default; what was used longest ago goes first.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerMemory = (options: MemoryOptions = {}): Layer.Layer<ProviderCache, ConfigError.ConfigError> =>
  Layer.effect(
    ProviderCache,
    Effect.flatMap(boundsOf(options), (bounds) => make(options, FirstLevel.make(bounds, Infinity), null))
  )

/** A Keyv over a store that cannot be asked for many takes every error of such a question for a miss. */
const textsOf = (keyv: Keyv): TextStore => ({
  get: (key) => keyv.get(key),
  getMany: (keys) =>
    typeof keyv.store?.getMany === "function" ? keyv.getMany(keys) : Promise.all(keys.map((key) => keyv.get(key))),
  setMany: (entries) => keyv.setMany(entries),
  deleteMany: (keys) => keyv.deleteMany(keys),
  entries: keyv.iterator && (() => keyv.iterator!(undefined))
})

/**
 * In a Keyv of yours. It is not closed with the layer. It must have `throwOnErrors: true`: without it a Keyv reports a store
 * that is down as a miss, and a miss is paid for.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerKeyv = (
  keyv: Keyv,
  options: StoreOptions = {}
): Layer.Layer<ProviderCache, ConfigError.ConfigError> =>
  Layer.effect(
    ProviderCache,
    Effect.flatMap(checked(options), ({ deadline }) =>
      keyv.throwOnErrors
        ? overKeyv(textsOf(keyv), Guard.make(deadline), options)
        : invalid(
            "keyv",
            "must be made with throwOnErrors: true, or a store that is down looks like one that knows nothing"
          )
    )
  )

/**
 * In Redis, over a connection of its own. `SharedState.layerRedis` has the claims with it, over the same connection.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerRedis = (options: RedisOptions): Layer.Layer<ProviderCache, ConfigError.ConfigError> =>
  Layer.scoped(
    ProviderCache,
    Effect.flatMap(connection(options), (redis) => overRedis(redis, options))
  )

/**
 * {@link layerRedis} from `Config`.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerRedisConfig = (
  config: Config.Config.Wrap<RedisOptions>
): Layer.Layer<ProviderCache, ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layerRedis))

/**
 * Keeps nothing: every fact is bought.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerNoop: Layer.Layer<ProviderCache> = Layer.effect(
  ProviderCache,
  Effect.orDie(make({}, FirstLevel.none, null))
)
