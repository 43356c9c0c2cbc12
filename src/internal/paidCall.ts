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
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Entry, Fact, FactId, StoreUnavailable } from "../CacheStore.js"
import type { Facts, Operation, Wire } from "../Operation.js"
import { collector, type Provenance } from "../Provenance.js"
import { ProviderCache, type Windows } from "../ProviderCache.js"
import { CacheUnavailable, InvalidRequest, type PaidError, type WireError } from "../ProviderError.js"
import * as Batcher from "./batcher.js"
import { Claims } from "./claims.js"
import { type Bought, type ConnectOptions, connect } from "./http.js"
import { batches, collect } from "./input.js"
import { countFacts } from "./metrics.js"
import { isScopeName, rowKey, scopeOf, stem } from "./scope.js"

export interface Options extends ConnectOptions {
  readonly batchWait?: Duration.DurationInput | undefined
  readonly concurrency?: number | undefined
  readonly cacheScope?: string | undefined
}

/** A row for each subject, in their order. */
export interface Rows<B> {
  readonly all: Effect.Effect<ReadonlyArray<B>, PaidError>
  /** Call by call: what is known or was bought is delivered before a later call fails. */
  readonly stream: Stream.Stream<B, PaidError>
}

export interface PaidCall {
  readonly call: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, PaidError>
  readonly rows: <I, A, B>(
    operation: Operation<I, A>,
    input: I,
    rows: (answer: A, subjects: ReadonlyArray<string>) => ReadonlyArray<B>
  ) => Rows<B>
  /** What costs nothing and is true only for a moment. */
  readonly free: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, WireError>
}

/** What a call asks for: a cell for each subject and column. */
interface Question {
  /** What the keys of all its cells begin with. */
  readonly stem: string
  readonly subjects: ReadonlyArray<string>
  readonly columns: ReadonlyArray<string>
  readonly limit: number | null
  readonly cells: ReadonlyArray<Batcher.Cell>
}

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
    const scope = scopeOf({ ...options, provider: wire.provider })
    const hasScope = options.cacheScope === undefined || isScopeName(options.cacheScope)

    const question = <I, A>(facts: Facts<I, A>, input: I): Question => {
      const beginning = stem(scope, wire, facts, input)
      const subjects = facts.subjects(input)
      const columns = facts.columns(input)
      const limit = facts.limit(input)
      const cells: Array<Batcher.Cell> = []
      for (const subject of subjects) {
        const row = rowKey(beginning, subject)
        const target = facts.targetOf(input, subject)
        for (const column of columns) {
          const key = `${row}${column}`
          cells.push({ key, scope, target, subject, row, column, flightKey: limit === null ? key : `${key}#${limit}` })
        }
      }
      return { stem: beginning, subjects, columns, limit, cells }
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
      <I, A>(facts: Facts<I, A>, { cells, columns, limit }: Question, flights: ReadonlyArray<Batcher.Flight>) =>
      ({ charge, value }: Bought<A>, told: Effect.Effect<void>): Effect.Effect<void> =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const lot = yield* Random.next
          const rows = facts.split(value)
          const paid = charge.amount === null ? null : charge.amount / Math.max(1, cells.length)
          const known = new Map<string, Fact>()
          const entries: Array<Entry & FactId> = []
          cells.forEach(({ column, key, target }, i) => {
            const said = rows[Math.floor(i / columns.length)]?.[column] ?? null
            const { fresh, life } = livesOf(facts, facts.isUnknown(said), lot)
            const fact: Fact = {
              value: limit === null ? said : [limit, said],
              observedAt: now,
              freshUntil: now + fresh,
              paid
            }
            known.set(key, fact)
            entries.push({ key, scope, target, fact, life })
          })
          // Whoever asks waits until the charge is told, but for no store; the claims are held until it is done.
          const storing = yield* Effect.fork(cache.setMany(entries))
          yield* told
          for (const { cell, land } of flights) {
            const fact = known.get(cell.key)
            if (fact !== undefined) land(Exit.succeed({ fact, state: "bought" }))
          }
          yield* Fiber.join(storing)
        })

    /** What is stale may answer where the provider does not. */
    const landStale = (flights: ReadonlyArray<Batcher.Flight>, error: PaidError): Effect.Effect<void> =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const window = staleWindow(windows, error)
        for (const { land, old } of flights) {
          land(
            old !== null && now < old.freshUntil + window
              ? Exit.succeed({ fact: old, state: "stale" })
              : Exit.fail(error)
          )
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
      const asked = question(facts, input)
      return Effect.catchAll(
        Effect.map(send(operation, input, keep(facts, asked, flights)), () => {
          // They have landed by now, unless an operation splits its answers wrongly: a defect is told, nobody waits for ever.
          for (const { land } of flights)
            land(Exit.die(new Error(`${operation.name} does not answer for its subjects`)))
        }),
        (error): Effect.Effect<void> => {
          const { columns, subjects } = asked
          if (!(error instanceof InvalidRequest) || subjects.length === 1 || splits.left < 2) {
            return landStale(flights, error)
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
                narrowed(facts, input, part, columns),
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
          /** Lands what has become known meanwhile; what is left is still to be bought. */
          const landKnown = (flights: ReadonlyArray<Batcher.Flight>) =>
            Effect.flatMap(
              // Unknown is bought here: the policy was asked before.
              Effect.orElseSucceed(
                cache.readMany(flights.map(({ cell }) => cell)),
                (): ReadonlyArray<Fact | undefined> => []
              ),
              (facts) =>
                Effect.map(Clock.currentTimeMillis, (now) =>
                  flights.filter(({ land }, i) => {
                    const fact = facts[i]
                    if (fact === undefined || fact.freshUntil <= now || !covers(limit, fact)) return true
                    land(Exit.succeed({ fact, state: "bought" }))
                    return false
                  })
                )
            )
          // A row is claimed as a whole: a claim for each of 3,000 cells would be a long question.
          const rowsOf = (flights: ReadonlyArray<Batcher.Flight>) =>
            Array.from(new Set(flights.map(({ cell }) => cell.row)))
          const rows = rowsOf(batch)
          // As one step: what is won and not held would never be let go of.
          const { at, mine } = yield* Effect.uninterruptible(
            Effect.gen(function* () {
              const { at, won } = yield* Effect.catchAll(claims.acquire(rows), ({ message }) =>
                Effect.as(Effect.logWarning(`Claims cannot be made, others may buy the same: ${message}`), {
                  at: 0,
                  won: rows.map(() => true)
                })
              )
              const mine = rows.filter((_, i) => won[i])
              if (mine.length > 0) yield* claims.hold(mine)
              return { at, mine: new Set(mine) }
            })
          )
          const others = batch.filter(({ cell }) => !mine.has(cell.row))
          if (others.length > 0) {
            yield* giveBack(others, Effect.zipRight(claims.changed(rowsOf(others), at), landKnown(others)))
          }
          if (mine.size === 0) return
          const left = yield* landKnown(batch.filter(({ cell }) => mine.has(cell.row)))
          if (left.length === 0) return
          const parts = calls(operation, facts, input, left)
          // One is the rule, and needs no fiber of its own.
          yield* Effect.forEach(
            parts,
            ([part, flights]) => purchase(operation, facts, part, flights, { left: maxSplits }),
            { discard: true, concurrency: parts.length === 1 ? 1 : "unbounded" }
          )
        }).pipe(Effect.scoped)

    /** Lands what the cache knows; what it does not know, or knows no more, is to be bought. */
    const look =
      <I, A>({ name }: Operation<I, A>, facts: Facts<I, A>, input: I): Batcher.Work["look"] =>
      (flights) =>
        Effect.gen(function* () {
          const cells = flights.map(({ cell }) => cell)
          const limit = facts.limit(input)
          const read = yield* Effect.either(cache.getMany(cells))
          if (Either.isLeft(read) && windows.onCacheUnavailable === "fail") {
            const error = unavailable(name, read.left)
            for (const { land } of flights) land(Exit.fail(error))
            return []
          }
          const found = Either.getOrElse(read, () =>
            windows.onCacheUnavailable === "stale" ? cache.peekMany(cells) : []
          )
          const now = yield* Clock.currentTimeMillis
          return flights.filter((flight, i) => {
            const fact = found[i]
            if (fact === undefined || !covers(limit, fact)) return true
            if (now < fact.freshUntil) {
              flight.land(Exit.succeed({ fact, state: "fresh" }))
              return false
            }
            if (Either.isLeft(read) && now < fact.freshUntil + windows.staleIfError) {
              flight.land(Exit.succeed({ fact, state: "stale" }))
              return false
            }
            flight.old = fact
            if (now < fact.freshUntil + windows.staleWhileRevalidate) flight.serve({ fact, state: "stale" })
            return true
          })
        })

    const unavailable = (operation: string, { message }: StoreUnavailable) =>
      new CacheUnavailable({
        provider: wire.provider,
        operation,
        message: `The cache cannot tell what was already paid for (${message}), and onCacheUnavailable is "fail".`
      })

    const provenance = (
      operation: string,
      { column, subject }: Batcher.Cell,
      { fact, state }: Batcher.Landed
    ): Provenance => ({
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

    /** The answer that a fact for each cell makes. */
    const deliver = <I, A>(
      { facts, name }: Operation<I, A>,
      { cells, columns, limit, subjects }: Question,
      answer: ReadonlyArray<Batcher.Landed>
    ): Effect.Effect<A> => {
      const rows = subjects.map((_, row) => {
        const one: Record<string, unknown> = {}
        columns.forEach((column, i) => {
          // Safe, here and below: there is a fact for each cell.
          one[column] = cut(limit, answer[row * columns.length + i]!.fact)
        })
        return one
      })
      return Effect.withFiberRuntime((fiber) => {
        const listen = fiber.getFiberRef(collector)
        if (listen !== null) {
          listen(cells.map((cell, i) => provenance(name, cell, answer[i]!)))
        }
        return Effect.as(countFacts(wire.provider, name, answer), facts!.join(rows))
      })
    }

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
      return Effect.clockWith((clock) => {
        const asked = question(facts, input)
        const now = clock.unsafeCurrentTimeMillis()
        const near = cache.near(asked.cells, now)
        if (near?.every((fact) => now < fact.freshUntil && covers(asked.limit, fact))) {
          return deliver(
            operation,
            asked,
            near.map((fact) => ({ fact, state: "fresh" }))
          )
        }
        // An input that is about one subject cannot stand for another.
        const groupId = facts.narrow === null ? asked.cells.map(({ flightKey }) => flightKey).join() : asked.stem
        const landed = batcher.want(groupId, asked.cells, () => ({
          size: operation.batchSize,
          look: look(operation, facts, input),
          buy: buy(operation, facts, input)
        }))
        return Effect.flatMap(landed, (answer) => deliver(operation, asked, answer))
      })
    }

    const stream = <I, A, B>(
      operation: Operation<I, A>,
      facts: Facts<I, A>,
      input: I,
      rows: (answer: A, subjects: ReadonlyArray<string>) => ReadonlyArray<B>
    ): Stream.Stream<B, PaidError> =>
      Stream.unwrap(
        Effect.gen(function* () {
          const { cells, columns, subjects } = question(facts, input)
          // A store that does not answer is the calls' affair.
          const found = yield* Effect.orElseSucceed(cache.getMany(cells), (): ReadonlyArray<Fact | undefined> => [])
          const now = yield* Clock.currentTimeMillis
          const isMissing = (fact: Fact | undefined) => fact === undefined || fact.freshUntil <= now
          const missing = new Set(cells.filter((_, i) => isMissing(found[i])).map(({ subject }) => subject))
          return batches(
            subjects,
            operation.batchSize,
            (subject) => missing.has(subject),
            (part) => Effect.map(call(operation, narrowed(facts, input, part, columns)), (answer) => rows(answer, part))
          )
        })
      )

    const rows: PaidCall["rows"] = (operation, input, rows) => {
      const { facts } = operation
      const subjects = facts?.subjects(input) ?? []
      const once = Effect.map(
        Effect.suspend(() => call(operation, input)),
        (answer) => rows(answer, subjects)
      )
      if (facts === null) return { all: once, stream: Stream.fromIterableEffect(once) }
      const byCall = stream(operation, facts, input, rows)
      const isOneCall = subjects.length <= operation.batchSize && new Set(subjects).size === subjects.length
      return { all: isOneCall ? once : collect(byCall), stream: byCall }
    }

    return { call, rows, free: (operation, input) => send(operation, input) }
  })
