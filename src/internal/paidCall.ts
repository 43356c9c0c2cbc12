/**
 * The way of one paid call: what is known answers, what somebody is buying is waited for, the rest is gathered, claimed,
 * looked up once more, bought, kept, and told to everyone who waits. Only this file knows the order.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Entry, Fact, StoreUnavailable } from "../CacheStore.js"
import type { Facts, Operation, Wire } from "../Operation.js"
import { collector, type Provenance } from "../Provenance.js"
import { type FactId, ProviderCache, type Windows } from "../ProviderCache.js"
import { CacheUnavailable, InvalidRequest, type PaidError, type WireError } from "../ProviderError.js"
import * as Batcher from "./batcher.js"
import { Claims } from "./claims.js"
import { type Bought, type ConnectOptions, connect } from "./http.js"
import { batches } from "./input.js"
import { countFacts } from "./metrics.js"
import { isScopeName, rowKey, scopeOf, stem } from "./scope.js"

export interface Options extends ConnectOptions {
  readonly batchWait?: Duration.DurationInput | undefined
  readonly concurrency?: number | undefined
  readonly cacheScope?: string | undefined
}

export interface PaidCall {
  readonly call: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, PaidError>
  /**
   * A row for each subject, in their order, call by call: what is known or was bought is delivered before a later call fails.
   */
  readonly stream: <I, A, B>(
    operation: Operation<I, A>,
    input: I,
    rows: (answer: A, subjects: ReadonlyArray<string>) => ReadonlyArray<B>
  ) => Stream.Stream<B, PaidError>
  /** What costs nothing and is true only for a moment. */
  readonly free: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, WireError>
}

interface Wanted extends Batcher.Cell, FactId {}

/** Rows asked for, and the rows. */
type Kept = readonly [limit: number, rows: ReadonlyArray<unknown>]

/** A list answers who asks for no more rows than it was asked for, or when there were no more. */
const covers = (limit: number | null, { value }: Fact): boolean => {
  if (limit === null) return true
  const [asked, rows] = value as Kept
  return asked >= limit || rows.length < asked
}
const cut = (limit: number | null, { value }: Fact): unknown => {
  if (limit === null) return value
  const [, rows] = value as Kept
  return rows.length > limit ? rows.slice(0, limit) : rows
}

const narrowed = <I, A>(
  facts: Facts<I, A>,
  input: I,
  subjects: ReadonlyArray<string>,
  columns: ReadonlyArray<string>
): I => (facts.narrow === null ? input : facts.narrow(input, subjects, columns))

const staleWindow = (windows: Windows, error: PaidError): number => {
  switch (error._tag) {
    case "CreditsExhausted":
      return windows.staleIfExhausted
    case "ProviderUnavailable":
    case "RateLimited":
    case "MalformedResponse":
      return windows.staleIfError
    default:
      return -1
  }
}

/** So many calls may be spent on finding the one target that spoils a batch. */
const maxSplits = 16

export const make = (
  wire: Wire,
  options: Options
): Effect.Effect<PaidCall, never, HttpClient.HttpClient | ProviderCache | Claims | Scope.Scope> =>
  Effect.gen(function* () {
    const send = yield* connect(wire, options)
    const cache = yield* ProviderCache
    const claims = yield* Claims
    const batcher = yield* Batcher.make({
      wait: options.batchWait ?? "10 millis",
      concurrency: options.concurrency ?? 10
    })
    const { windows } = cache
    const background = yield* Effect.scope
    const scope = scopeOf({ ...options, provider: wire.provider })
    const hasScope = options.cacheScope === undefined || isScopeName(options.cacheScope)

    const wanted = <I, A>(facts: Facts<I, A>, input: I): ReadonlyArray<Wanted> => {
      const beginning = stem(scope, wire, facts, input)
      const columns = facts.columns(input)
      const limit = facts.limit(input)
      const cells: Array<Wanted> = []
      for (const subject of facts.subjects(input)) {
        const row = rowKey(beginning, subject)
        for (const column of columns) {
          const key = `${row}${column}`
          cells.push({ key, scope, subject, column, flightKey: limit === null ? key : `${key}#${limit}` })
        }
      }
      return cells
    }

    /** How long a new fact is fresh, and how long it is kept. */
    const livesOf = <I, A>(facts: Facts<I, A>, isUnknown: boolean, lot: number) => {
      const whole = isUnknown
        ? windows.unknownFor
        : (windows.freshFor[`${wire.provider}.${facts.kind}`] ?? Duration.toMillis(facts.freshFor))
      const fresh = Math.max(1, Math.round(whole * (1 - windows.jitter * lot)))
      const stale = Math.max(windows.staleWhileRevalidate, windows.staleIfError, windows.staleIfExhausted)
      return { fresh, life: fresh + stale }
    }

    /** Takes an answer apart, keeps the facts and lands those who wait for them. */
    const keep =
      <I, A>(facts: Facts<I, A>, input: I, cells: ReadonlyArray<Wanted>, flights: ReadonlyArray<Batcher.Flight>) =>
      ({ charge, value }: Bought<A>): Effect.Effect<void> =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const lot = yield* Random.next
          const rows = facts.split(value)
          const columns = facts.columns(input).length
          const limit = facts.limit(input)
          const paid = charge.amount === null ? null : charge.amount / Math.max(1, cells.length)
          const known = new Map<string, Fact>()
          const entries: Array<Entry> = []
          cells.forEach(({ column, key }, i) => {
            const said = rows[Math.floor(i / columns)]?.[column] ?? null
            const { fresh, life } = livesOf(facts, facts.isUnknown(said), lot)
            const fact: Fact = {
              value: limit === null ? said : [limit, said],
              observedAt: now,
              freshUntil: now + fresh,
              paid
            }
            known.set(key, fact)
            entries.push({ key, fact, life })
          })
          yield* cache.setMany(entries)
          for (const { cell, land } of flights) {
            const fact = known.get(cell.key)
            if (fact !== undefined) land(Exit.succeed(fact))
          }
        })

    /** One call, or, where the provider refuses it for one of its subjects, as many as it takes to leave that one out. */
    const purchase = <I, A>(
      operation: Operation<I, A>,
      facts: Facts<I, A>,
      input: I,
      flights: ReadonlyArray<Batcher.Flight>,
      splits: { left: number }
    ): Effect.Effect<void> => {
      const cells = wanted(facts, input)
      return Effect.catchAll(
        Effect.map(send(operation, input, keep(facts, input, cells, flights)), () => {
          // They have landed by now, unless an operation splits its answers wrongly: a defect is told, nobody waits for ever.
          for (const { land } of flights)
            land(Exit.die(new Error(`${operation.name} does not answer for its subjects`)))
        }),
        (error): Effect.Effect<void> => {
          const subjects = facts.subjects(input)
          if (!(error instanceof InvalidRequest) || subjects.length === 1 || splits.left < 2) {
            for (const { land } of flights) land(Exit.fail(error))
            return Effect.void
          }
          splits.left -= 2
          const half = subjects.length >> 1
          return Effect.forEach(
            [subjects.slice(0, half), subjects.slice(half)],
            (part) => {
              const those = new Set(part)
              return purchase(
                operation,
                facts,
                narrowed(facts, input, part, facts.columns(input)),
                flights.filter(({ cell }) => those.has(cell.subject)),
                splits
              )
            },
            { discard: true }
          )
        }
      )
    }

    /** The calls that buy these facts: for each set of columns its own, or one for all where that is no dearer. */
    const calls = <I, A>(
      operation: Operation<I, A>,
      facts: Facts<I, A>,
      input: I,
      flights: ReadonlyArray<Batcher.Flight>
    ): ReadonlyArray<readonly [input: I, flights: ReadonlyArray<Batcher.Flight>]> => {
      const bySubject = new Map<string, Array<Batcher.Flight>>()
      for (const one of flights) {
        const all = bySubject.get(one.cell.subject)
        if (all === undefined) bySubject.set(one.cell.subject, [one])
        else all.push(one)
      }
      const byColumns = new Map<string, Array<Batcher.Flight>>()
      for (const all of bySubject.values()) {
        const id = all
          .map(({ cell }) => cell.column)
          .toSorted()
          .join()
        const same = byColumns.get(id)
        if (same === undefined) byColumns.set(id, all)
        else for (const one of all) same.push(one)
      }
      const asking = (all: ReadonlyArray<Batcher.Flight>) => {
        const distinct = (part: "subject" | "column") => Array.from(new Set(all.map(({ cell }) => cell[part])))
        return [narrowed(facts, input, distinct("subject"), distinct("column")), all] as const
      }
      const apart = Array.from(byColumns.values(), asking)
      if (apart.length === 1) return apart
      const together = asking(flights)
      const most = (one: I) => operation.price(one).upper ?? Infinity
      return most(together[0]) <= apart.reduce((sum, [one]) => sum + most(one), 0) ? [together] : apart
    }

    const buy =
      <I, A>(operation: Operation<I, A>, facts: Facts<I, A>, input: I) =>
      (batch: ReadonlyArray<Batcher.Flight>, giveBack: Batcher.GiveBack): Effect.Effect<void> =>
        Effect.gen(function* () {
          const limit = facts.limit(input)
          const idOf = ({ cell }: Batcher.Flight): FactId => ({ key: cell.key, subject: cell.subject, scope })
          /** Lands what has become known meanwhile; what is left is still to be bought. */
          const landKnown = (flights: ReadonlyArray<Batcher.Flight>) =>
            Effect.map(
              Effect.zip(
                // Unknown is bought here: the policy was asked before.
                Effect.orElseSucceed(cache.readMany(flights.map(idOf)), (): ReadonlyArray<Fact | undefined> => []),
                Clock.currentTimeMillis
              ),
              ([facts, now]) =>
                flights.filter(({ land }, i) => {
                  const fact = facts[i]
                  if (fact === undefined || fact.freshUntil <= now || !covers(limit, fact)) return true
                  land(Exit.succeed(fact))
                  return false
                })
            )
          const keys = Array.from(new Set(batch.map(({ cell }) => cell.key)))
          // As one step: what is won and not held would never be let go of.
          const mine = yield* Effect.uninterruptible(
            Effect.gen(function* () {
              const won = yield* Effect.catchAll(claims.acquire(keys), ({ message }) =>
                Effect.as(
                  Effect.logWarning(`Claims cannot be made, others may buy the same: ${message}`),
                  keys.map(() => true)
                )
              )
              const mine = keys.filter((_, i) => won[i])
              if (mine.length > 0) yield* claims.hold(mine)
              return new Set(mine)
            })
          )
          const others = batch.filter(({ cell }) => !mine.has(cell.key))
          if (others.length > 0) {
            yield* giveBack(
              others,
              Effect.zipRight(claims.changed(others.map(({ cell }) => cell.key)), landKnown(others))
            )
          }
          if (mine.size === 0) return
          const left = yield* landKnown(batch.filter(({ cell }) => mine.has(cell.key)))
          if (left.length === 0) return
          yield* Effect.forEach(
            calls(operation, facts, input, left),
            ([part, flights]) => purchase(operation, facts, part, flights, { left: maxSplits }),
            { discard: true, concurrency: "unbounded" }
          )
        }).pipe(Effect.scoped)

    /** What the cache knows, whatever its age; an unknown is settled by the policy. */
    const known = (
      operation: string,
      cells: ReadonlyArray<Wanted>
    ): Effect.Effect<ReadonlyArray<Fact | undefined>, CacheUnavailable> =>
      Effect.catchAll(cache.getMany(cells), ({ message }: StoreUnavailable) => {
        switch (windows.onCacheUnavailable) {
          case "fail":
            return new CacheUnavailable({
              provider: wire.provider,
              operation,
              message: `The cache cannot tell what was already paid for (${message}), and onCacheUnavailable is "fail".`
            })
          case "pay":
            return Effect.succeed(cells.map(() => undefined))
          case "stale":
            return Effect.succeed(cache.peekMany(cells))
        }
      })

    const provenance = (operation: string, { column, subject }: Wanted, fact: Fact, state: Provenance["cache"]) => ({
      provider: wire.provider,
      contract: wire.contract,
      operation,
      subject,
      column,
      cache: state,
      observedAt: fact.observedAt,
      unit: wire.unit,
      paid: fact.paid
    })

    const call = <I, A>(operation: Operation<I, A>, input: I): Effect.Effect<A, PaidError> => {
      const { facts, name } = operation
      if (facts === null) return send(operation, input)
      if (!hasScope) {
        return new InvalidRequest({
          provider: wire.provider,
          operation: name,
          message: "cacheScope must be 1 to 64 letters, digits, _ or -."
        })
      }
      const cells = wanted(facts, input)
      const limit = facts.limit(input)
      const group = {
        // An input that is about one subject cannot stand for another.
        id: facts.narrow === null ? cells.map(({ flightKey }) => flightKey).join() : stem(scope, wire, facts, input),
        size: operation.batchSize,
        buy: buy(operation, facts, input)
      }
      const bought = (missing: ReadonlyArray<Wanted>) => batcher.want(group, missing)

      return Effect.gen(function* () {
        const found = yield* known(name, cells)
        const now = yield* Clock.currentTimeMillis
        const states: Array<Provenance["cache"]> = []
        const missing: Array<number> = []
        const refreshed: Array<Wanted> = []
        cells.forEach((cell, i) => {
          const fact = found[i]
          if (fact === undefined || !covers(limit, fact)) missing.push(i)
          else if (now < fact.freshUntil) states[i] = "fresh"
          else if (now < fact.freshUntil + windows.staleWhileRevalidate) {
            states[i] = "stale"
            refreshed.push(cell)
          } else missing.push(i)
        })
        if (refreshed.length > 0) {
          yield* Effect.forkIn(
            Effect.interruptible(
              Effect.catchAll(bought(refreshed), ({ message }) => Effect.logDebug(`Not refreshed: ${message}`))
            ),
            background
          )
        }
        const answer = found.slice()
        if (missing.length > 0) {
          const got = yield* Effect.either(bought(missing.map((i) => cells[i]!)))
          if (Either.isRight(got)) {
            missing.forEach((i, j) => {
              answer[i] = got.right[j]
              states[i] = "bought"
            })
          } else {
            const window = staleWindow(windows, got.left)
            for (const i of missing) {
              const fact = found[i]
              if (fact === undefined || !covers(limit, fact) || now >= fact.freshUntil + window) return yield* got.left
              states[i] = "stale"
            }
          }
        }
        yield* countFacts(wire.provider, name, states)
        const listen = yield* FiberRef.get(collector)
        // Safe, here and below: every cell has a fact by now.
        if (listen !== null) listen(cells.map((cell, i) => provenance(name, cell, answer[i]!, states[i]!)))
        const columns = facts.columns(input)
        const rows = facts
          .subjects(input)
          .map((_, row) =>
            Object.fromEntries(columns.map((column, i) => [column, cut(limit, answer[row * columns.length + i]!)]))
          )
        return facts.join(rows)
      })
    }

    const stream: PaidCall["stream"] = (operation, input, rows) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const { facts } = operation
          if (facts === null)
            return Stream.mapConcat(Stream.fromEffect(call(operation, input)), (answer) => rows(answer, []))
          const cells = wanted(facts, input)
          const found = yield* known(operation.name, cells)
          const now = yield* Clock.currentTimeMillis
          const missing = new Set(
            cells.filter((_, i) => !(now < (found[i]?.freshUntil ?? 0))).map(({ subject }) => subject)
          )
          return batches(
            facts.subjects(input),
            operation.batchSize,
            (subject) => missing.has(subject),
            (part) =>
              Effect.map(call(operation, narrowed(facts, input, part, facts.columns(input))), (answer) =>
                rows(answer, part)
              )
          )
        })
      )

    return { call, stream, free: (operation, input) => send(operation, input) }
  })
