/**
 * The way of one paid call: what is known answers, what somebody is buying is waited for, the rest is gathered until it may
 * leave, claimed, looked up once more, reserved, bought, settled, kept, and told to everyone who waits. Only this file knows the
 * order.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import { partition } from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { globalValue } from "effect/GlobalValue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Entry, Fact, FactId, StoreUnavailable } from "../CacheStore.js"
import type { Facts, Operation, Wire } from "../Operation.js"
import type { Plan } from "../Plan.js"
import { collector, type Provenance } from "../Provenance.js"
import { ProviderCache, type Windows } from "../ProviderCache.js"
import {
  BudgetExceeded,
  CacheUnavailable,
  InvalidRequest,
  type PaidError,
  PriceUnknown,
  type WireError
} from "../ProviderError.js"
import type { Permit } from "../RateLimiter.js"
import type { SharedState } from "../SharedState.js"
import * as Spender from "../Spender.js"
import * as Batcher from "./batcher.js"
import { type Asking, cheapest } from "./calls.js"
import { Claims } from "./claims.js"
import { type Answered, type ConnectOptions, connect } from "./http.js"
import { batches, collect } from "./input.js"
import { countClaims, countFacts, countRefusal } from "./metrics.js"
import * as Payment from "./payment.js"
import { isScopeName, rowKey, scopeOf, stem } from "./scope.js"
import { about, nameOf, spanned } from "./spans.js"

export interface Options extends ConnectOptions, Payment.Options {
  readonly batchWait?: Duration.DurationInput | undefined
  readonly cacheScope?: string | undefined
}

/** A row for each subject, in their order. */
export interface Rows<B> {
  readonly all: Effect.Effect<ReadonlyArray<B>, PaidError>
  /** Call by call: what is known or was bought is delivered before a later call fails. */
  readonly stream: Stream.Stream<B, PaidError>
}

/** Streams answer with what is known and fresh, leave out the rest, and nothing is bought. */
export const knownOnly: FiberRef.FiberRef<boolean> = globalValue("effect-seo-providers/paidCall/knownOnly", () =>
  FiberRef.unsafeMake(false)
)

export interface PaidCall {
  readonly call: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, PaidError>
  readonly rows: <I, A, B>(
    operation: Operation<I, A>,
    input: I,
    rows: (answer: A, subjects: ReadonlyArray<string>) => ReadonlyArray<B>
  ) => Rows<B>
  /** What costs nothing and is true only for a moment. */
  readonly free: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, WireError>
  /** A question that was checked, with what it would cost. Spends nothing. */
  readonly ask: <I, A>(operation: Operation<I, A>, input: I) => Asked<I, A>
  readonly reconcile: Payment.Payment["reconcile"]
}

/** What a method asks: an operation and its input. */
export interface Asked<in out I, in out A> {
  readonly operation: Operation<I, A>
  readonly input: I
  readonly plan: Effect.Effect<Plan>
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
    case "BudgetExceeded":
      return windows.staleIfExhausted
    case "ProviderUnavailable":
    case "RateLimited":
    case "MalformedResponse":
      return windows.staleIfError
    default:
      return -1
  }
}

/** What is for ever no store can write down. */
const longestFresh = Duration.toMillis("365 days")

/** So many calls may be spent on finding the one target that spoils a batch. */
const maxSplits = 16

const cellsOf = (flights: ReadonlyArray<Batcher.Flight>) => flights.map(({ cell }) => cell)

/** What a look-up found, of whatever age. */
const hitsOf = (found: ReadonlyArray<Fact | undefined>) => ({
  "cache.hits": found.filter((fact) => fact !== undefined).length
})

/** Where the facts of an answer came from. */
const countsOf = (answer: ReadonlyArray<Batcher.Landed>) => {
  const counts = { "cache.fresh": 0, "cache.stale": 0, "cache.bought": 0 }
  for (const { state } of answer) counts[`cache.${state}`]++
  return counts
}

const nobody: Spender.Spender = { tenant: null, job: null }

export const make = (
  wire: Wire,
  options: Options
): Effect.Effect<PaidCall, never, HttpClient.HttpClient | SharedState | Scope.Scope> =>
  Effect.gen(function* () {
    const send = yield* connect(wire, options)
    const cache = yield* ProviderCache
    const claims = yield* Claims
    const payment = yield* Payment.make(wire, options)
    const batcher = yield* Batcher.make({ wait: options.batchWait ?? "10 millis", gate: payment.gate })
    const { windows } = cache
    const scope = scopeOf({ ...options, provider: wire.provider })
    const hasScope = options.cacheScope === undefined || isScopeName(options.cacheScope)

    const question = <I, A>(facts: Facts<I, A>, input: I, spender = nobody): Question => {
      const beginning = stem(scope, wire, facts, input)
      const subjects = facts.subjects(input)
      const columns = facts.columns(input)
      const limit = facts.limit(input)
      const payer = spender.tenant === null && spender.job === null ? "" : JSON.stringify([spender.tenant, spender.job])
      const cells: Array<Batcher.Cell> = []
      for (const subject of subjects) {
        const row = rowKey(beginning, subject)
        const target = facts.targetOf(input, subject)
        for (const column of columns) {
          const key = `${row}${column}`
          const flightKey = `${limit === null ? key : `${key}#${limit}`}${payer}`
          cells.push({ key, scope, target, subject, row, column, flightKey, spender })
        }
      }
      return { stem: beginning, subjects, columns, limit, cells }
    }

    /** How long a new fact is fresh, and how long it is kept. */
    const livesOf = <I, A>(facts: Facts<I, A>, isUnknown: boolean, lot: number) => {
      const whole = isUnknown
        ? windows.unknownFor
        : (windows.freshFor[`${wire.provider}.${facts.kind}`] ?? Duration.toMillis(facts.freshFor))
      const fresh = Math.max(1, Math.round(Math.min(whole, longestFresh) * (1 - windows.jitter * lot)))
      const stale = Math.max(windows.staleWhileRevalidate, windows.staleIfError, windows.staleIfExhausted)
      return { fresh, life: fresh + stale }
    }

    /** Takes an answer apart, keeps the facts and lands those who wait for them. */
    const keep =
      <I, A>(
        operation: Operation<I, A>,
        facts: Facts<I, A>,
        { cells, columns, limit }: Question,
        flights: ReadonlyArray<Batcher.Flight>
      ) =>
      ({ charge, told }: Answered<A>, value: A): Effect.Effect<void> =>
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
          const storing = yield* Effect.fork(
            spanned("ProviderCache.setMany", {
              attributes: { ...about(wire, operation), "seo.facts": entries.length }
            })(cache.setMany(entries))
          )
          yield* told
          for (const { cell, land } of flights) {
            const fact = known.get(cell.key)
            land(
              fact === undefined
                ? // An operation that splits its answers wrongly: a defect is told, nobody waits for ever.
                  Exit.die(new Error(`${operation.name} does not answer for its subjects`))
                : Exit.succeed({ fact, state: "bought" })
            )
          }
          yield* Fiber.join(storing)
        })

    /** What is stale may answer where the provider does not. */
    const landStale = (flights: ReadonlyArray<Batcher.Flight>, error: PaidError): Effect.Effect<void> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const window = staleWindow(windows, error)
        for (const { land, old } of flights) {
          land(
            old !== null && now < old.freshUntil + window
              ? Exit.succeed({ fact: old, state: "stale" })
              : Exit.fail(error)
          )
        }
        return countRefusal(wire.provider, error.operation, error)
      })

    /** The calls that buy these facts for the least. */
    const calls = <I, A, F extends Pick<Batcher.Flight, "cell">>(
      operation: Operation<I, A>,
      facts: Facts<I, A>,
      input: I,
      flights: ReadonlyArray<F>
    ): ReadonlyArray<readonly [input: I, flights: ReadonlyArray<F>]> => {
      const asking = ({ columns, subjects }: Asking) => narrowed(facts, input, subjects, columns)
      // Without a price the fewest calls are the cheapest.
      const parts = cheapest(flights, (part) => operation.price(asking(part)).upper ?? 1)
      return parts.map((part) => [asking(part), part.flights])
    }

    /** Buys these facts with the calls they take; for those of a call that is refused for some of them, as many as leave those out. */
    const purchase = <I, A>(
      operation: Operation<I, A>,
      facts: Facts<I, A>,
      input: I,
      flights: ReadonlyArray<Batcher.Flight>,
      turn: Payment.Turn,
      splits?: { left: number }
    ): Effect.Effect<void> => {
      const parts = calls(operation, facts, input, flights)
      // One is the rule, and needs no fiber of its own.
      return Effect.forEach(
        parts,
        ([part, those]) => purchaseCall(operation, facts, part, those, turn, splits ?? { left: maxSplits }),
        { discard: true, concurrency: parts.length === 1 ? 1 : "unbounded" }
      )
    }

    const purchaseCall = <I, A>(
      operation: Operation<I, A>,
      facts: Facts<I, A>,
      input: I,
      flights: ReadonlyArray<Batcher.Flight>,
      turn: Payment.Turn,
      splits: { left: number }
    ): Effect.Effect<void> => {
      const asked = question(facts, input)
      const { subjects } = asked
      // What is left of a call is put into calls anew: what rode along for nothing may be dear now.
      const only = (part: ReadonlyArray<Batcher.Flight>) => purchase(operation, facts, input, part, turn, splits)
      return Effect.catchAll(
        Effect.asVoid(
          send(
            operation,
            input,
            payment.paid(operation, input, turn, cellsOf(flights), keep(operation, facts, asked, flights))
          )
        ),
        (error): Effect.Effect<void> => {
          if (error instanceof BudgetExceeded || error instanceof PriceUnknown) {
            // Whoever cannot pay leaves the others' call.
            const [others, spent] = partition(flights, ({ cell }) => Payment.isOf(error.budget, cell.spender))
            return Effect.zipRight(landStale(spent, error), others.length === 0 ? Effect.void : only(others))
          }
          if (!(error instanceof InvalidRequest) || subjects.length === 1 || splits.left < 2) {
            return landStale(flights, error)
          }
          splits.left -= 2
          const half = subjects.length >> 1
          return Effect.forEach(
            [subjects.slice(0, half), subjects.slice(half)],
            (part) => {
              const those = new Set(part)
              return only(flights.filter(({ cell }) => those.has(cell.subject)))
            },
            { discard: true }
          )
        }
      )
    }

    const buy =
      <I, A>(operation: Operation<I, A>, facts: Facts<I, A>, input: I) =>
      (batch: ReadonlyArray<Batcher.Flight>, giveBack: Batcher.GiveBack, permit: Permit): Effect.Effect<void> =>
        Effect.gen(function* () {
          const limit = facts.limit(input)
          const attributes = (count: number) => ({ ...about(wire, operation), "seo.facts": count })
          /** Lands what has become known meanwhile; what is left is still to be bought. */
          const landKnown = (flights: ReadonlyArray<Batcher.Flight>) =>
            Effect.flatMap(
              // Unknown is bought here: the policy was asked before.
              Effect.orElseSucceed(
                spanned("ProviderCache.readMany", { attributes: attributes(flights.length), result: hitsOf })(
                  cache.readMany(flights.map(({ cell }) => cell))
                ),
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
              const claimed = claims.acquire(rows).pipe(
                spanned("Claims.acquire", {
                  attributes: { ...about(wire, operation), "seo.targets": rows.length },
                  result: ({ won }) => ({ "seo.claimed": won.filter((isWon) => isWon).length })
                })
              )
              const { at, isTold, won } = yield* Effect.matchEffect(claimed, {
                onFailure: ({ message }) =>
                  Effect.as(Effect.logWarning(`Claims cannot be made, others may buy the same: ${message}`), {
                    at: 0,
                    isTold: false,
                    won: rows.map(() => true)
                  }),
                onSuccess: ({ at, won }) => Effect.succeed({ at, isTold: true, won })
              })
              const mine = rows.filter((_, i) => won[i])
              yield* countClaims(wire.provider, operation.name, isTold ? "won" : "unavailable", mine.length)
              yield* countClaims(wire.provider, operation.name, "waited", rows.length - mine.length)
              if (mine.length > 0) yield* claims.hold(mine)
              return { at, mine: new Set(mine) }
            })
          )
          const others = batch.filter(({ cell }) => !mine.has(cell.row))
          if (others.length > 0) {
            const waiting = spanned("Claims.changed", { attributes: attributes(others.length) })(
              claims.changed(rowsOf(others), at)
            )
            yield* giveBack(others, Effect.zipRight(waiting, landKnown(others)))
          }
          if (mine.size === 0) return
          const left = yield* landKnown(batch.filter(({ cell }) => mine.has(cell.row)))
          if (left.length === 0) return
          const turn = payment.turns(permit, left[0]!.cell.spender.tenant)
          yield* purchase(operation, facts, input, left, turn)
        }).pipe(
          Effect.scoped,
          spanned("PaidCall.buy", {
            attributes: {
              ...about(wire, operation),
              "seo.targets": new Set(batch.map(({ cell }) => cell.subject)).size,
              "seo.facts": batch.length
            },
            askers: batch.flatMap(({ askers }) => askers)
          })
        )

    /** Lands what the cache knows; what it does not know, or knows no more, is to be bought. */
    const look =
      <I, A>(operation: Operation<I, A>, facts: Facts<I, A>, input: I): Batcher.Work["look"] =>
      (flights) =>
        Effect.gen(function* () {
          const cells = flights.map(({ cell }) => cell)
          const limit = facts.limit(input)
          const read = yield* Effect.either(
            spanned("ProviderCache.getMany", {
              attributes: { ...about(wire, operation), "seo.facts": cells.length },
              result: hitsOf
            })(cache.getMany(cells))
          )
          if (Either.isLeft(read) && windows.onCacheUnavailable === "fail") {
            const error = unavailable(operation.name, read.left)
            for (const { land } of flights) land(Exit.fail(error))
            yield* countRefusal(wire.provider, operation.name, error)
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
        let saved = 0
        // What is not known to have cost anything saves nothing.
        for (const { fact, state } of answer) if (state !== "bought" && fact.paid !== null) saved += fact.paid
        if (saved > 0) payment.saved(name, cells[0]!.spender, saved)
        const listen = fiber.getFiberRef(collector)
        if (listen !== null) {
          listen(cells.map((cell, i) => provenance(name, cell, answer[i]!)))
        }
        return Effect.as(countFacts(wire.provider, name, answer), facts!.join(rows))
      })
    }

    const call = <I, A>(operation: Operation<I, A>, input: I): Effect.Effect<A, PaidError> => {
      const { facts, name } = operation
      if (facts === null) return free(operation, input)
      if (!hasScope) {
        return new InvalidRequest({
          provider: wire.provider,
          operation: name,
          message: "cacheScope must be 1 to 64 letters, digits, _ or -."
        })
      }
      return Effect.withFiberRuntime((fiber) => {
        const asked = question(facts, input, payment.spenderOf(fiber.getFiberRef(Spender.current)))
        const now = Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeMillis()
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
        const landed = spanned(nameOf(wire.provider, name), {
          attributes: { ...about(wire, operation), "seo.targets": asked.subjects.length },
          result: countsOf
        })(
          batcher.want(groupId, asked.cells, () => ({
            operation: name,
            size: operation.batchSize,
            look: look(operation, facts, input),
            refused: landStale,
            buy: buy(operation, facts, input)
          }))
        )
        return Effect.flatMap(landed, (answer) => deliver(operation, asked, answer))
      })
    }

    const stream = <I, A, B>(
      operation: Operation<I, A>,
      facts: Facts<I, A>,
      input: I,
      rows: (answer: A, subjects: ReadonlyArray<string>) => ReadonlyArray<B>
    ): Stream.Stream<B, PaidError> => {
      const bought = ({ columns, subjects }: Question, missing: ReadonlySet<string>) =>
        batches(
          subjects,
          operation.batchSize,
          (subject) => missing.has(subject),
          (part) => Effect.map(call(operation, narrowed(facts, input, part, columns)), (answer) => rows(answer, part))
        )
      return Stream.unwrap(
        Effect.gen(function* () {
          const asked = question(facts, input, payment.spenderOf(yield* FiberRef.get(Spender.current)))
          const { cells, subjects } = asked
          // A store that does not answer is the calls' affair.
          const found = yield* Effect.orElseSucceed(cache.getMany(cells), (): ReadonlyArray<Fact | undefined> => [])
          const now = yield* Clock.currentTimeMillis
          const isMissing = (fact: Fact | undefined) => fact === undefined || fact.freshUntil <= now
          const missing = new Set<string>()
          cells.forEach(({ subject }, i) => isMissing(found[i]) && missing.add(subject))
          const isKnownOnly = yield* FiberRef.get(knownOnly)
          if (!hasScope || (missing.size > 0 && !isKnownOnly)) {
            return isKnownOnly ? Stream.empty : bought(asked, missing)
          }
          const isTold = ({ subject }: Batcher.Cell) => !missing.has(subject)
          const known = {
            ...asked,
            subjects: subjects.filter((subject) => !missing.has(subject)),
            cells: cells.filter(isTold)
          }
          if (known.subjects.length === 0) return Stream.empty
          const landed = found
            .filter((fact, i) => fact !== undefined && isTold(cells[i]!))
            // Safe: those that are not there were left out.
            .map((fact) => ({ fact: fact!, state: "fresh" as const }))
          return Stream.fromIterableEffect(
            Effect.map(deliver(operation, known, landed), (value) => rows(value, known.subjects))
          )
        })
      )
    }

    const free: PaidCall["free"] = (operation, input) =>
      send(operation, input, payment.free(operation.name)).pipe(
        Effect.tapError((error) => countRefusal(wire.provider, operation.name, error)),
        spanned(nameOf(wire.provider, operation.name), { attributes: about(wire, operation) })
      )

    /** The inputs of the calls that it takes, as the batcher would make them, and what is known already. */
    const missing = <I, A>(operation: Operation<I, A>, facts: Facts<I, A>, input: I) =>
      Effect.gen(function* () {
        const { cells, limit } = question(facts, input)
        const known = new Set<string>()
        const distinct = cells.filter(({ key }) => !known.has(key) && known.add(key))
        // What the cache cannot tell is taken for unknown.
        const found = yield* Effect.orElseSucceed(cache.getMany(distinct), (): ReadonlyArray<Fact | undefined> => [])
        const now = yield* Clock.currentTimeMillis
        const isKnown = (fact: Fact | undefined) => fact !== undefined && now < fact.freshUntil && covers(limit, fact)
        const left = distinct.filter((_, i) => !isKnown(found[i])).map((cell) => ({ cell }))
        const subjects = Array.from(new Set(left.map(({ cell }) => cell.subject)))
        const inputs = Chunk.toReadonlyArray(Chunk.chunksOf(Chunk.fromIterable(subjects), operation.batchSize)).flatMap(
          (part) => {
            const those = new Set(part)
            const batch = left.filter(({ cell }) => those.has(cell.subject))
            return calls(operation, facts, input, batch).map(([one]) => one)
          }
        )
        return { targets: new Set(cells.map(({ subject }) => subject)).size, missing: subjects.length, inputs }
      })

    const plan = <I, A>(operation: Operation<I, A>, input: I): Effect.Effect<Plan> =>
      Effect.gen(function* () {
        const { facts, name } = operation
        const asked =
          facts === null ? { targets: 1, missing: 1, inputs: [input] } : yield* missing(operation, facts, input)
        const prices = asked.inputs.map(operation.price)
        const uppers = prices.map(({ upper }) => upper)
        return {
          provider: wire.provider,
          operation: name,
          targets: asked.targets,
          cached: asked.targets - asked.missing,
          calls: prices.length,
          unit: wire.unit,
          units: {
            lower: prices.reduce((sum, { lower }) => sum + lower, 0),
            upper: uppers.reduce((sum, upper) => (sum === null || upper === null ? null : sum + upper), 0)
          },
          time: yield* payment.timeFor(name, prices.length)
        }
      })

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

    return {
      call,
      rows,
      free,
      ask: (operation, input) => ({ operation, input, plan: plan(operation, input) }),
      reconcile: payment.reconcile
    }
  })
