/**
 * Where facts are kept: a key-value store, reduced to what a cache of paid facts needs of one.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/**
 * What was bought once.
 *
 * - `value`: JSON
 * - `observedAt`, `freshUntil`: milliseconds since 1970
 * - `paid`: its share of the call's price in the contract's unit; `null` where nobody stated a price
 * - `bytes`: the length of its text, where the store knows it: it spares the first level the weighing
 *
 * @since 0.1.0
 * @category Models
 */
export interface Fact {
  readonly value: unknown
  readonly observedAt: number
  readonly freshUntil: number
  readonly paid: number | null
  readonly bytes?: number | undefined
}

/**
 * Where a fact is kept. `scope` and `target`: what invalidations go by.
 *
 * @since 0.1.0
 * @category Models
 */
export interface FactId {
  readonly key: string
  readonly scope: string
  readonly target: string
}

/**
 * A fact on its way into a store. `life`: whole milliseconds, at least 1, after which the store may forget it.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Entry {
  readonly key: string
  readonly fact: Fact
  readonly life: number
}

/**
 * The store could not answer: whether it knows a fact is unknown, which is not the same as a miss.
 *
 * @since 0.1.0
 * @category Errors
 */
export class StoreUnavailable extends Data.TaggedError("StoreUnavailable")<{ readonly message: string }> {}

/**
 * `getMany` gives an item for each key, `undefined` for what it does not know or cannot read. `setMany` fails where it kept less
 * than all.
 *
 * @since 0.1.0
 * @category Models
 */
export interface CacheStore {
  readonly getMany: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Fact | undefined>, StoreUnavailable>
  readonly setMany: (entries: ReadonlyArray<Entry>) => Effect.Effect<void, StoreUnavailable>
  readonly remove: (keys: ReadonlyArray<string>) => Effect.Effect<void, StoreUnavailable>
  /** All that it keeps, in no order. What comes or goes meanwhile may be in it or not. */
  readonly entries: Stream.Stream<Pick<Entry, "key" | "fact">, StoreUnavailable>
}

const format = 1

/**
 * The key is part of it: a value that was moved to another key is nobody's answer. `null` for a value nested deeper than the stack
 * is: it was read, but cannot be written.
 */
const encode = (key: string, { freshUntil, observedAt, paid, value }: Fact): string | null =>
  Either.getOrNull(Either.try(() => JSON.stringify([format, key, observedAt, freshUntil, paid, value])))

const isCount = (u: unknown): u is number => typeof u === "number" && Number.isFinite(u)

/** `undefined` for everything that is not a fact of this key in this format: a stranger's value is a miss. */
const decode = (key: string, text: unknown): Fact | undefined => {
  if (typeof text !== "string") return undefined
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(read) || read.length !== 6 || read[0] !== format || read[1] !== key) return undefined
  const [, , observedAt, freshUntil, paid, value] = read as Array<unknown>
  if (!isCount(observedAt) || !isCount(freshUntil) || !(paid === null || isCount(paid))) return undefined
  return { value, observedAt, freshUntil, paid, bytes: text.length }
}

/**
 * How much is kept in this process; what was used longest ago goes first.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Bounds {
  readonly maxEntries: number
  /** Counted as about the length of the values' JSON text and their keys. */
  readonly maxBytes: number
}

/**
 * How the store's promises are awaited: with a deadline, and not at all while it is known to be down.
 *
 * @since 0.1.0
 * @category Models
 */
export type Await = <A>(ask: () => Promise<A>) => Effect.Effect<A, StoreUnavailable>

/**
 * Texts by key: what a Keyv and its adapters have in common.
 *
 * @since 0.1.0
 * @category Models
 */
export interface TextStore {
  readonly get: (key: string) => Promise<unknown>
  readonly getMany: (keys: Array<string>) => Promise<ReadonlyArray<unknown>>
  /** `ttl`: milliseconds. */
  readonly setMany: (entries: Array<{ key: string; value: string; ttl: number }>) => Promise<unknown>
  readonly deleteMany: (keys: Array<string>) => Promise<unknown>
  /** Keys with their texts; not every store can tell. */
  readonly entries?: (() => AsyncIterable<readonly [key: string, value: unknown]>) | undefined
}

const entriesOf = ({ entries }: TextStore, awaited: Await): CacheStore["entries"] =>
  Stream.suspend(() => {
    if (entries === undefined)
      return Stream.fail(new StoreUnavailable({ message: "The store cannot list what it keeps" }))
    const all = entries()[Symbol.asyncIterator]()
    const next = Effect.flatMap(
      Effect.mapError(
        awaited(() => all.next()),
        Option.some
      ),
      ({ done, value }) => (done === true ? Effect.fail(Option.none()) : Effect.succeed(value))
    )
    return Stream.filterMap(Stream.repeatEffectOption(next), ([key, text]) =>
      Option.map(Option.fromNullable(decode(key, text)), (fact) => ({ key, fact }))
    )
  })

/**
 * In a Keyv, whatever is behind it, or an adapter of one. Facts longer than `maxValueBytes` are not kept.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const fromKeyv = (keyv: TextStore, awaited: Await, maxValueBytes: number): CacheStore => ({
  getMany: (keys) =>
    keys.length === 0
      ? Effect.succeed([])
      : Effect.map(
          // A single GET is cheaper than an MGET of one.
          awaited<ReadonlyArray<unknown>>(() =>
            keys.length === 1 ? keyv.get(keys[0]!).then((one) => [one]) : keyv.getMany(keys as Array<string>)
          ),
          (texts) => keys.map((key, i) => decode(key, texts[i]))
        ),
  setMany: (entries) => {
    const texts = entries.flatMap(({ fact, key, life }) => {
      const value = encode(key, fact)
      return value === null || value.length > maxValueBytes ? [] : [{ key, value, ttl: life }]
    })
    const dropped = entries.length - texts.length
    const kept =
      texts.length === 0
        ? Effect.void
        : Effect.flatMap(
            awaited(() => keyv.setMany(texts)),
            (kept) =>
              Array.isArray(kept) && kept.includes(false)
                ? new StoreUnavailable({ message: "The store did not keep all it was given" })
                : Effect.void
          )
    return dropped === 0
      ? kept
      : Effect.zipRight(
          Effect.logWarning(
            `${dropped} answers are too large or nested too deeply to be kept, and will be bought again`
          ),
          kept
        )
  },
  remove: (keys) =>
    keys.length === 0 ? Effect.void : Effect.asVoid(awaited(() => keyv.deleteMany(keys as Array<string>))),
  entries: entriesOf(keyv, awaited)
})
