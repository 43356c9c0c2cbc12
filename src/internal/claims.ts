/** The right, held for a short time, to buy one missing fact: the others wait for the buyer's answer. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { LRUCache } from "lru-cache"
import { randomUUID } from "node:crypto"
import type { StoreUnavailable } from "../CacheStore.js"
import type { Redis } from "./redis.js"

export interface Attempt {
  /** Whether each key was won. */
  readonly won: ReadonlyArray<boolean>
  /** When it was made, as `changed` counts. */
  readonly at: number
}

export interface Service {
  /** One round trip for all keys. */
  readonly acquire: (keys: ReadonlyArray<string>) => Effect.Effect<Attempt, StoreUnavailable>
  /** Keeps what was won for as long as the scope is open, then lets go of it and wakes those who wait. */
  readonly hold: (keys: ReadonlyArray<string>) => Effect.Effect<void, never, Scope.Scope>
  /** Ends when one of the keys was let go of since the attempt, or when it is time to look again. */
  readonly changed: (keys: ReadonlyArray<string>, since: number) => Effect.Effect<void>
}

export class Claims extends Context.Tag("effect-seo-providers/internal/Claims")<Claims, Service>() {}

/** Those who wait in this process, by key. */
const waiting = () => {
  const byKey = new Map<string, Set<Deferred.Deferred<void>>>()
  // Let go of between the attempt and the waiting, a key would wake nobody.
  const releases = new LRUCache<string, number>({ max: 10_000 })
  let count = 0
  return {
    now: (): number => count,
    wake: (keys: ReadonlyArray<string>): void => {
      count++
      for (const key of keys) {
        releases.set(key, count)
        for (const one of byKey.get(key) ?? []) Deferred.unsafeDone(one, Effect.void)
      }
    },
    wait: (keys: ReadonlyArray<string>, since: number): Effect.Effect<void> =>
      Effect.acquireUseRelease(
        Effect.map(Deferred.make<void>(), (one) => {
          const wasLetGo = (key: string) => {
            const at = releases.peek(key)
            return at !== undefined && at > since
          }
          if (keys.some(wasLetGo)) Deferred.unsafeDone(one, Effect.void)
          for (const key of keys) {
            const all = byKey.get(key) ?? new Set()
            byKey.set(key, all.add(one))
          }
          return one
        }),
        Deferred.await,
        (one) =>
          Effect.sync(() => {
            for (const key of keys) {
              const all = byKey.get(key)
              all?.delete(one)
              if (all?.size === 0) byKey.delete(key)
            }
          })
      )
  }
}

/** In one process a holder always lets go: nothing has to expire. */
const memory = Effect.sync((): Service => {
  const held = new Set<string>()
  const { now, wait, wake } = waiting()
  return {
    acquire: (keys) =>
      Effect.sync(() => ({ at: now(), won: keys.map((key) => !held.has(key) && held.add(key) !== undefined) })),
    hold: (keys) =>
      Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const key of keys) held.delete(key)
          wake(keys)
        })
      ),
    changed: wait
  }
})

// A key without an end, or with another value than an owner's name, is nobody's claim: whoever waited for it would wait in vain.
const acquireScript = `
local function isClaim(key)
  local owner = redis.pcall('GET', key)
  return type(owner) == 'string' and #owner == #ARGV[1] and redis.call('PTTL', key) ~= -1
end
local won = {}
for i, key in ipairs(KEYS) do
  local isMine = redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2])
  if not isMine and not isClaim(key) then
    isMine = redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
  end
  won[i] = isMine and 1 or 0
end
return won`

const renewScript = `
for _, key in ipairs(KEYS) do
  if redis.pcall('GET', key) == ARGV[1] then redis.call('PEXPIRE', key, ARGV[2]) end
end`

const releaseScript = `
for _, key in ipairs(KEYS) do
  if redis.pcall('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
redis.call('PUBLISH', ARGV[2], ARGV[3])`

// What was published while nobody listened is found by looking.
const lookAgain = "100 millis"

const overRedis = (redis: Redis, namespace: string, life: number) =>
  Effect.gen(function* () {
    const owner = randomUUID()
    const channel = `${namespace}:released`
    const { now, wait, wake } = waiting()
    yield* redis.listen(channel, (message) => wake(message.split("\n")))
    const named = (keys: ReadonlyArray<string>) => keys.map((key) => `${namespace}:claim:${key}`)
    const run = (script: string, keys: ReadonlyArray<string>, ...args: ReadonlyArray<string>) =>
      redis.awaited(() => redis.evaluate(script, named(keys), args))
    const renewed = (keys: ReadonlyArray<string>) =>
      Effect.ignoreLogged(run(renewScript, keys, owner, String(life))).pipe(
        Effect.schedule(Schedule.spaced(life / 3)),
        Effect.delay(life / 3)
      )
    const service: Service = {
      acquire: (keys) =>
        Effect.suspend(() => {
          const at = now()
          return Effect.map(run(acquireScript, keys, owner, String(life)), (won) => ({
            at,
            won: keys.map((_, i) => Array.isArray(won) && won[i] === 1)
          }))
        }),
      hold: (keys) =>
        Effect.zipRight(
          // A claim that cannot be given back expires.
          Effect.addFinalizer(() => Effect.ignoreLogged(run(releaseScript, keys, owner, channel, keys.join("\n")))),
          Effect.asVoid(Effect.forkScoped(Effect.interruptible(renewed(keys))))
        ),
      changed: (keys, since) => Effect.raceFirst(wait(keys, since), Effect.sleep(lookAgain))
    }
    return service
  })

/** Everybody wins: nobody waits for anybody. */
const noop: Service = {
  acquire: (keys) => Effect.succeed({ at: 0, won: keys.map(() => true) }),
  hold: () => Effect.void,
  changed: () => Effect.void
}

export const layerMemory: Layer.Layer<Claims> = Layer.effect(Claims, memory)

export const layerRedis = (redis: Redis, namespace: string, life: number): Layer.Layer<Claims> =>
  Layer.scoped(Claims, overRedis(redis, namespace, life))

export const layerNoop: Layer.Layer<Claims> = Layer.succeed(Claims, noop)
