/** Facts in this process, before a store that others share, or in place of one. What was used longest ago goes first. */
import { LRUCache } from "lru-cache"
import type { Bounds, Fact, FactId } from "../CacheStore.js"

/** No more of an id than invalidations go by: what else comes with it would be kept as long as the fact. */
interface Held extends Omit<FactId, "key"> {
  readonly fact: Fact
  readonly until: number
}

export type IsMeant = (id: Omit<FactId, "key">) => boolean

export interface FirstLevel {
  /** A fact that may answer in place of the store. */
  readonly get: (key: string, now: number) => Fact | undefined
  /** Whatever its age here. */
  readonly peek: (key: string) => Fact | undefined
  readonly set: (id: FactId, fact: Fact, now: number) => void
  readonly forget: (isMeant: IsMeant) => void
  readonly entries: () => Iterable<readonly [key: string, held: Held]>
}

const objectBytes = 16

/** Nothing is nested so deeply but what is meant to do harm; it weighs more than there is room. */
const deepest = 100

/** What a value weighs, roughly: as many bytes as its JSON text has, and some for every object. */
const weigh = (value: unknown, depth = 0): number => {
  if (typeof value === "string") return value.length + 8
  if (typeof value !== "object" || value === null) return 8
  if (depth > deepest) return Number.MAX_SAFE_INTEGER
  let bytes = objectBytes
  if (Array.isArray(value)) for (const item of value) bytes += weigh(item, depth + 1)
  else {
    for (const name in value) {
      bytes += name.length + weigh((value as Readonly<Record<string, unknown>>)[name], depth + 1)
    }
  }
  return bytes
}

const bookkeeping = 200

export const make = ({ maxBytes, maxEntries }: Bounds, lifeMillis: number): FirstLevel => {
  const held = new LRUCache<string, Held>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: ({ fact }, key) => key.length + (fact.bytes ?? weigh(fact.value)) + bookkeeping
  })
  return {
    get: (key, now) => {
      const found = held.get(key)
      return found !== undefined && found.until > now ? found.fact : undefined
    },
    peek: (key) => held.get(key)?.fact,
    set: ({ key, scope, target }, fact, now) => {
      held.set(key, { scope, target, fact, until: now + lifeMillis })
    },
    forget: (isMeant) => {
      for (const [key, one] of held.entries()) if (isMeant(one)) held.delete(key)
    },
    entries: () => held.entries()
  }
}

/** Keeps nothing. */
export const none: FirstLevel = {
  get: () => undefined,
  peek: () => undefined,
  set: () => undefined,
  forget: () => undefined,
  entries: () => []
}
