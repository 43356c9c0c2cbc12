/**
 * What may still be spent, what was spent, and on what: budgets of accounts, tenants and jobs in the provider's own unit.
 *
 * Before a call the most it can cost is held; after it what it did cost is booked, and the rest is free again. A hold whose
 * process died expires.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { LRUCache } from "lru-cache"
import { randomUUID } from "node:crypto"
import type { StoreUnavailable } from "./CacheStore.js"
import * as Books from "./internal/books.js"
import * as BooksRedis from "./internal/booksRedis.js"
import { countAlert, setDrift } from "./internal/metrics.js"
import { connect, defaultNamespace, type Options as RedisOptions, type Redis } from "./internal/redis.js"
import { accountOf as fingerprintOf, word } from "./internal/scope.js"
import type { Provider, Unit } from "./Operation.js"
import { BudgetExceeded, LedgerUnavailable, PriceUnknown } from "./ProviderError.js"
import type { Spender } from "./Spender.js"
import type { Usage } from "./Usage.js"

/**
 * Whose budget: an account (its {@link accountOf}), a tenant or a job, as `Spender` names them.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Holder {
  readonly of: "account" | "tenant" | "job"
  readonly id: string
}

/**
 * - `limit`: whole units from 0; 0 allows nothing that costs
 * - `per`: a calendar month (UTC), the month that begins at a provider's reset date, or `ever`. Default: a month, for a job `ever`
 * - `alerts`: shares of the limit that `alerts` tells of when they are spent; default 0.8 and 1
 * - `unpricedCall`: what is held for a call whose contract states no price, and booked for it. Without it such calls are refused
 *
 * A monthly budget counts all of its month, any other what is spent from when it was first set. Over Redis a budget that is for
 * ever is forgotten 400 days after its last call, unless `CreditLedgerSql` remembers.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Budget extends Holder {
  readonly provider: Provider
  readonly unit: Unit
  readonly limit: number
  readonly per?: "month" | "ever" | { readonly resetsAt: DateTime.Utc } | undefined
  readonly alerts?: ReadonlyArray<number> | undefined
  readonly unpricedCall?: number | undefined
}

/**
 * A part of a call: what it costs whom.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Part extends Spender {
  /** Whole units from 0. */
  readonly amount: number
}

/**
 * - `id`: reserved once, however often it is asked for; default a new one
 * - `parts`: the most the call can cost, whole units
 * - `isUnpriced`: the contract states no price; each part then counts as its budgets' `unpricedCall`, and its amount is ignored
 * - `life`: when the hold of a process that died is free again; longer than the longest call. Default 2 minutes, a day at most
 *
 * @since 0.1.0
 * @category Models
 */
export interface Request {
  readonly id?: string | undefined
  readonly provider: Provider
  readonly unit: Unit
  readonly account: string
  readonly operation: string
  readonly parts: ReadonlyArray<Part>
  readonly isUnpriced?: boolean | undefined
  readonly life?: Duration.DurationInput | undefined
}

/**
 * Units that are held. Plain data: any process may settle it.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Reservation {
  readonly id: string
  readonly provider: Provider
  readonly unit: Unit
  readonly account: string
  readonly operation: string
  readonly parts: ReadonlyArray<Part>
  /** @internal `false`: let pass while the ledger did not answer. */
  readonly isHeld: boolean
  /** @internal */
  readonly entry: Books.Entry
  /** @internal Whom each window belongs to, and the parts it counts. */
  readonly windows: ReadonlyArray<{ readonly holder: Holder; readonly parts: ReadonlyArray<number> }>
}

/**
 * A budget's figures in its present period, in its unit: `spent + reserved + left = limit`. `limit` and `left` are `null` where
 * no budget is set here.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Balance {
  readonly limit: number | null
  readonly spent: number
  readonly reserved: number
  readonly left: number | null
  readonly resetsAt: Option.Option<DateTime.Utc>
}

/**
 * A share of a budget that was spent; told once for each crossing, by the process that crossed it.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Alert extends Holder {
  readonly provider: Provider
  readonly unit: Unit
  readonly share: number
  readonly spent: number
  readonly limit: number
}

/**
 * One settled part of a call. `at` and `heldAt` in milliseconds since 1970; `isLate`: after its hold had expired.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Settlement {
  readonly id: string
  /** Which part of the reservation, from 0. */
  readonly part: number
  readonly provider: Provider
  readonly unit: Unit
  readonly account: string
  readonly tenant: string | null
  readonly job: string | null
  readonly operation: string
  readonly reserved: number
  readonly amount: number
  readonly isLate: boolean
  readonly heldAt: number
  readonly at: number
}

/**
 * What was spent by one spender on one operation in a day (UTC), in the book's unit. `saved`: what the facts that the cache
 * answered with had cost when they were bought; the others are whole units.
 *
 * @since 0.1.0
 * @category Models
 */
export interface UsageRow {
  readonly day: string
  readonly account: string
  readonly tenant: string | null
  readonly job: string | null
  readonly operation: string
  readonly calls: number
  /** Of these, calls whose contract states no price: `spent` has what a budget's `unpricedCall` says for them. */
  readonly unpriced: number
  readonly spent: number
  readonly reserved: number
  readonly expired: number
  readonly saved: number
}

/**
 * Which units: those of one provider in one contract.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Book {
  readonly provider: Provider
  readonly unit: Unit
}

/**
 * The ledger's figures beside the provider's own, for the provider's present period. `drift` is `theirs - ours`: what others spent
 * with the same account, or was lost here. `null` where the provider does not say.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Reconciliation extends Book {
  readonly account: string
  /** The day our figures begin: the last that has the number of the reset date, else the first of the month. */
  readonly since: string
  readonly ours: number
  readonly theirs: number | null
  readonly drift: number | null
  readonly limit: number | null
  readonly left: number | null
  readonly isAdopted: boolean
}

/**
 * The amount is no whole number of units from 0 to 2^53 - 1.
 *
 * @since 0.1.0
 * @category Errors
 */
export class InvalidAmount extends Schema.TaggedError<InvalidAmount>("effect-seo-providers/InvalidAmount")(
  "InvalidAmount",
  { message: Schema.String }
) {}

/**
 * No such reservation was made, or it was closed longer than six hours ago.
 *
 * @since 0.1.0
 * @category Errors
 */
export class UnknownReservation extends Schema.TaggedError<UnknownReservation>(
  "effect-seo-providers/UnknownReservation"
)("UnknownReservation", { id: Schema.String, message: Schema.String }) {}

/**
 * The reservation was settled or voided before, or, where it is to be made anew, has expired. Nothing was changed.
 *
 * @since 0.1.0
 * @category Errors
 */
export class ReservationClosed extends Schema.TaggedError<ReservationClosed>("effect-seo-providers/ReservationClosed")(
  "ReservationClosed",
  { id: Schema.String, state: Schema.Literal("settled", "voided", "expired"), message: Schema.String }
) {}

/**
 * What may spend while the ledger does not answer: nothing with a budget (`refuse`), or everything (`allow`); what was spent is
 * booked when it answers again. Default: `refuse` where a budget of the call's is set.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly budgets?: ReadonlyArray<Budget> | undefined
  readonly onLedgerUnavailable?: "refuse" | "allow" | undefined
}

/**
 * What was spent in a budget's period according to books that outlive the ledger's.
 *
 * @since 0.1.0
 * @category Models
 */
export type History = (
  asked: Book & Holder & { readonly since: number }
) => Effect.Effect<number, { readonly message: string }>

/**
 * The books. The services of this package keep them by themselves; `reserve`, `settle` and `void` are for calls of your own.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /** Holds the most a call can cost, in all of its budgets or in none. */
  readonly reserve: (
    request: Request
  ) => Effect.Effect<Reservation, BudgetExceeded | PriceUnknown | LedgerUnavailable | InvalidAmount | ReservationClosed>
  /**
   * Books what a call did cost, once: also when its hold has expired, and may overdraw a budget then, as the money is gone. The
   * amount is divided like the parts. After `LedgerUnavailable` it may be booked or not: settle again, `ReservationClosed` tells.
   */
  readonly settle: (
    reservation: Reservation,
    amount: number
  ) => Effect.Effect<void, InvalidAmount | UnknownReservation | ReservationClosed | LedgerUnavailable>
  /** Gives back what a call did not cost. */
  readonly void: (
    reservation: Reservation
  ) => Effect.Effect<void, UnknownReservation | ReservationClosed | LedgerUnavailable>
  /** @internal Settles (`null`: voids) whatever happens: what cannot be booked now is booked when the ledger answers again. */
  readonly close: (reservation: Reservation, amount: number | null) => Effect.Effect<void>
  /** @internal Counts what the cache has saved; told now and then. */
  readonly saved: (
    call: Pick<Request, "provider" | "unit" | "account" | "operation">,
    by: Spender,
    amount: number
  ) => void
  /** Sets a budget in this process; each process is given its own. Below what is spent or held, nothing more is granted. */
  readonly setBudget: (budget: Budget) => Effect.Effect<void, InvalidAmount>
  readonly removeBudget: (budget: Book & Holder) => Effect.Effect<void>
  /** @internal The budgets that are set in this process. */
  readonly budgets: Effect.Effect<ReadonlyArray<Budget>>
  /** A budget's figures; where none is set here those of the holder's present month, of a job those of all time. */
  readonly balance: (asked: Book & Holder) => Effect.Effect<Balance, LedgerUnavailable>
  /** From the first of the month until today unless said otherwise; at most 400 days. */
  readonly usage: (
    book: Book,
    days?: { readonly from?: DateTime.Utc | undefined; readonly to?: DateTime.Utc | undefined }
  ) => Effect.Effect<ReadonlyArray<UsageRow>, LedgerUnavailable>
  /**
   * Compares with the provider's own counter, as `getUsage` gave it. `adopt` makes the provider's limit the account's budget, and
   * its figure what is spent of it. Days begin at midnight UTC.
   */
  readonly reconcile: (
    account: string,
    usage: Usage,
    options?: { readonly adopt?: boolean | undefined }
  ) => Effect.Effect<Reconciliation, LedgerUnavailable | InvalidAmount>
  /** Shares of budgets as this process crosses them, from when it is run. */
  readonly alerts: Stream.Stream<Alert>
  /** What this process settles, from when it is run. */
  readonly settlements: Stream.Stream<Settlement>
  /** What all processes settled: the last 10,000, oldest first, then what comes, asked for each second. */
  readonly audit: (book: Book) => Stream.Stream<Settlement, LedgerUnavailable>
  /** The part of {@link Service.audit} that is there already. */
  readonly trail: (book: Book) => Effect.Effect<ReadonlyArray<Settlement>, LedgerUnavailable>
  /** @internal Hears of every settlement of this process before its caller goes on. */
  readonly listen: (heard: (settlement: Settlement) => void) => Effect.Effect<void, never, Scope.Scope>
  /** @internal Books what could not be booked yet; waits some seconds for books that do not answer. */
  readonly bookLate: Effect.Effect<void>
  /** @internal From now on a budget's period that the books do not know is looked up before anything is granted. */
  readonly remember: (history: History | null) => Effect.Effect<void>
}

interface Line {
  readonly account: string
  readonly operation: string
}

/**
 * The books in use. Every layer of `SharedState` has them.
 *
 * @since 0.1.0
 * @category Context
 */
export class CreditLedger extends Context.Tag("effect-seo-providers/CreditLedger")<CreditLedger, Service>() {}

/**
 * The name under which limits and budgets know an account: 8 bytes of a keyed hash of its key.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const accountOf = fingerprintOf

const isAmount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

const checkedAmount = (name: string, value: number): Effect.Effect<void, InvalidAmount> =>
  isAmount(value)
    ? Effect.void
    : new InvalidAmount({ message: `${name} must be a whole number from 0 to 2^53 - 1, not ${value}.` })

/**
 * A total in parts like the weights, all whole numbers from 0, to the unit: what is left over goes to the largest remainders.
 *
 * @since 0.1.0
 * @category Combinators
 */
export const apportion = (total: number, weights: ReadonlyArray<number>): ReadonlyArray<number> => {
  if (weights.length === 1) return [total]
  const isEven = weights.every((weight) => weight === 0)
  const shares = weights.map((weight) => (isEven ? 1n : BigInt(weight)))
  const sum = shares.reduce((all, share) => all + share, 0n)
  // A product of the two is beyond what a number is exact for.
  const parts = shares.map((share) => Number((BigInt(total) * share) / sum))
  const rests = shares.map((share) => Number((BigInt(total) * share) % sum))
  const byRest = Array.from(parts.keys()).toSorted((a, b) => rests[b]! - rests[a]!)
  const left = total - parts.reduce((all, part) => all + part, 0)
  for (const i of byRest.slice(0, left)) parts[i]!++
  return parts
}

const bookOf = ({ provider, unit }: Book): string => `${provider}.${unit}`

const calendar = 0

const anchorOf = ({ of, per = of === "job" ? "ever" : "month" }: Pick<Budget, "of" | "per">): Books.Anchor => {
  if (per === "ever") return null
  if (per === "month") return calendar
  const at = DateTime.toEpochMillis(per.resetsAt)
  const date = new Date(at)
  return at - Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
}

/** Periods that begin at different times are different windows. */
const windowName = ({ id, of }: Holder, anchor: Books.Anchor): string => `${of}:${word(id)}:${anchor ?? "ever"}`

const resetOf = (period: number, anchor: Books.Anchor): Option.Option<DateTime.Utc> =>
  anchor === null ? Option.none() : Option.some(DateTime.unsafeMake(Books.startOf(period + 1, anchor)))

const fieldOf = (account: string, { job, tenant }: Spender, operation: string): string =>
  JSON.stringify([account, tenant, job, operation])

const partsOf = (field: string): Spender & Line => {
  // Safe: `fieldOf` wrote it.
  const [account, tenant, job, operation] = JSON.parse(field) as [string, string | null, string | null, string]
  return { account, tenant, job, operation }
}

const settlementOf = ({ provider, unit }: Book, { book: _book, cursor: _cursor, field, ...rest }: Books.Audited) => ({
  ...rest,
  ...partsOf(field),
  provider,
  unit
})

const defaultLife = Duration.minutes(2)
const longestLife = 86_400_000
const defaultAlerts = [0.8, 1]
const longestUsage = 400
const day = 86_400_000

/** What each part of a reservation, and with it each window, has cost. */
const spentOf = ({ entry, windows }: Reservation, amount: number): Books.Spent => {
  const lines = apportion(
    amount,
    entry.lines.map((line) => line.amount)
  )
  return { lines, windows: windows.map(({ parts }) => parts.reduce((all, part) => all + lines[part]!, 0)) }
}

const make = (
  books: Books.Books,
  { budgets = [], onLedgerUnavailable }: Options
): Effect.Effect<Service, InvalidAmount, Scope.Scope> =>
  Effect.gen(function* () {
    const known = new Map<string, Budget>()
    const alerts = yield* PubSub.unbounded<Alert>()
    const settlements = yield* PubSub.unbounded<Settlement>()
    const listeners = new Set<(settlement: Settlement) => void>()
    const history = yield* Ref.make<History | null>(null)

    const keyOf = (asked: Book & Holder): string => `${bookOf(asked)} ${asked.of} ${asked.id}`

    const setBudget: Service["setBudget"] = (budget) =>
      Effect.gen(function* () {
        yield* checkedAmount("limit", budget.limit)
        if (budget.unpricedCall !== undefined) yield* checkedAmount("unpricedCall", budget.unpricedCall)
        const shares = (budget.alerts ?? defaultAlerts).toSorted((a, b) => a - b)
        if (!shares.every((share) => share > 0 && share <= 1)) {
          return yield* new InvalidAmount({ message: "alerts must be shares of the limit, above 0 and at most 1." })
        }
        known.set(keyOf(budget), { ...budget, alerts: shares })
      })
    yield* Effect.forEach(budgets, setBudget, { discard: true })

    const holdersOf = (request: Pick<Request, "account">, { job, tenant }: Spender) => {
      const holders: Array<Holder> = [{ of: "account", id: request.account }]
      if (tenant !== null) holders.push({ of: "tenant", id: tenant })
      if (job !== null) holders.push({ of: "job", id: job })
      return holders
    }

    const unavailable = (
      { operation, provider }: Pick<Request, "operation" | "provider">,
      { message }: { readonly message: string }
    ) =>
      new LedgerUnavailable({
        provider,
        operation,
        message: `The ledger cannot tell what is left of the budget (${message}). Try again when its store is back.`
      })

    /** The parts of a call whose contract states no price: what their budgets say. */
    const priced = (request: Request): Effect.Effect<ReadonlyArray<Part>, PriceUnknown> => {
      if (request.isUnpriced !== true) return Effect.succeed(request.parts)
      return Effect.forEach(request.parts, (part) => {
        const limiting = holdersOf(request, part).flatMap((holder) => known.get(keyOf({ ...request, ...holder })) ?? [])
        const stated = limiting.flatMap(({ unpricedCall }) => unpricedCall ?? [])
        const [holder] = limiting
        if (holder !== undefined && stated.length === 0) {
          return new PriceUnknown({
            budget: { of: holder.of, id: holder.id },
            provider: request.provider,
            operation: request.operation,
            message:
              "The contract states no price for this call, and a budget limits it: give the budget an unpricedCall."
          })
        }
        return Effect.succeed({ ...part, amount: Math.max(0, ...stated) })
      })
    }

    const reservationOf = (request: Request, parts: ReadonlyArray<Part>): Reservation => {
      const windows = new Map<string, Books.Window & { readonly holder: Holder; parts: Array<number> }>()
      parts.forEach((part, i) => {
        for (const holder of holdersOf(request, part)) {
          const budget = known.get(keyOf({ ...request, ...holder }))
          const own = anchorOf(holder)
          const anchor = budget === undefined ? own : anchorOf(budget)
          // What has no budget, or one of another period, is counted all the same: somebody else may have one.
          for (const one of new Set([own, anchor])) {
            const name = windowName(holder, one)
            const isLimited = budget !== undefined && one === anchor
            const window = windows.get(name) ?? {
              name,
              anchor: one,
              amount: 0,
              limit: isLimited ? budget.limit : null,
              alerts: isLimited ? (budget.alerts ?? []) : [],
              holder,
              parts: []
            }
            window.parts.push(i)
            windows.set(name, { ...window, amount: window.amount + part.amount })
          }
        }
      })
      const all = Array.from(windows.values())
      const { account, operation, provider, unit } = request
      const id = request.id ?? randomUUID()
      return {
        id,
        isHeld: true,
        provider,
        unit,
        account,
        operation,
        parts,
        windows: all.map(({ holder, parts }) => ({ holder, parts })),
        entry: {
          id,
          book: bookOf(request),
          life: Math.min(longestLife, Math.max(1, Math.round(Duration.toMillis(request.life ?? defaultLife)))),
          windows: all.map(({ alerts, amount, anchor, limit, name }) => ({ name, anchor, amount, limit, alerts })),
          isUnpriced: request.isUnpriced === true,
          lines: parts.map((part) => ({ field: fieldOf(account, part, operation), amount: part.amount }))
        }
      }
    }

    /** Does it again once the windows that the books do not know have been told of. */
    const remembering = <A extends { readonly _tag: string }>(
      { entry, provider, unit, windows }: Reservation,
      work: (mayBeBlank: boolean) => Effect.Effect<A | Books.Blank, StoreUnavailable>
    ): Effect.Effect<A, StoreUnavailable | { readonly message: string }> =>
      Effect.flatMap(Ref.get(history), (history) =>
        Effect.flatMap(work(history === null), (done) => {
          // Safe: `A` is what the books answer where they are not blank, and without a history none may be.
          if (done._tag !== "Blank" || history === null) return Effect.succeed(done as A)
          const spent = Effect.forEach((done as Books.Blank).windows, ({ period, window }) => {
            const { anchor, name } = entry.windows[window]!
            const since = anchor === null ? 0 : Books.startOf(period, anchor)
            const { holder } = windows[window]!
            return Effect.map(history({ provider, unit, ...holder, since }), (spent) => ({ name, period, spent }))
          })
          return spent.pipe(
            Effect.flatMap((all) => books.restore(entry.book, all)),
            Effect.zipRight(work(true)),
            // Safe: with `mayBeBlank` no window is told to be.
            Effect.map((done) => done as A)
          )
        })
      )

    const exceeded = (
      { entry, operation, provider, unit, windows }: Reservation,
      { left, period, window }: Extract<Books.Reserved, { readonly _tag: "Over" }>
    ) => {
      const { holder } = windows[window]!
      const { amount, anchor } = entry.windows[window]!
      const resetsAt = resetOf(period, anchor)
      const until = Option.match(resetsAt, { onNone: () => "", onSome: (at) => ` until ${DateTime.formatIso(at)}` })
      return new BudgetExceeded({
        provider,
        operation,
        unit,
        needed: amount,
        left,
        budget: holder,
        resetsAt,
        message: `The call may cost ${amount} ${unit}, and the budget of the ${holder.of} has ${left} left${until}. Nothing was sent.`
      })
    }

    const closedAs = (id: string, was: Books.State | "expired") => {
      const state = was === "cancelled" ? ("voided" as const) : was
      return new ReservationClosed({ id, state, message: `The reservation is ${state} already; nothing was changed.` })
    }

    /** Rung when there is something to tell the books behind everybody's back, a second later. */
    const bell = yield* Queue.sliding<void>(1)

    /** What could not be booked yet. */
    const unbooked = new Map<string, Effect.Effect<void, { readonly message: string }>>()
    const later = (id: string, work: Effect.Effect<void, { readonly message: string }>) =>
      Effect.suspend(() => {
        unbooked.set(id, work)
        return Effect.asVoid(Queue.offer(bell, undefined))
      })

    const reserve: Service["reserve"] = (request) =>
      Effect.gen(function* () {
        yield* Effect.forEach(request.parts, ({ amount }) => checkedAmount("amount", amount), { discard: true })
        if (request.parts.length === 0) return yield* new InvalidAmount({ message: "A reservation needs a part." })
        const parts = yield* priced(request)
        const reservation = reservationOf(request, parts)
        yield* checkedAmount(
          "the sum of the amounts",
          parts.reduce((all, { amount }) => all + amount, 0)
        )
        const { entry } = reservation
        const isLimited = entry.windows.some(({ limit }) => limit !== null)
        const isAllowed = (onLedgerUnavailable ?? (isLimited ? "refuse" : "allow")) === "allow"
        const asked = remembering<Exclude<Books.Reserved, Books.Blank>>(reservation, (mayBeBlank) =>
          books.reserve(entry, mayBeBlank)
        )
        // What was not answered may be held all the same, and nobody would give it back. An id of the caller's own may be tried again.
        const given = request.id === undefined ? later(entry.id, Effect.asVoid(books.cancel(entry))) : Effect.void
        const refused = (error: { readonly message: string }) => Effect.zipRight(given, unavailable(request, error))
        const done = yield* Effect.uninterruptible(
          Effect.catchAll(asked, (error) => (isAllowed ? Effect.succeed({ _tag: "Unheld" as const }) : refused(error)))
        )
        if (done._tag === "Over") return yield* exceeded(reservation, done)
        if (done._tag === "Closed") return yield* closedAs(entry.id, done.state)
        if (done._tag === "Other") {
          return yield* new InvalidAmount({
            message: `The reservation "${entry.id}" was made with other parts or budgets.`
          })
        }
        return done._tag === "Unheld" ? { ...reservation, isHeld: false } : reservation
      })

    const told = (reservation: Reservation, spent: Books.Spent, done: Books.Closed): Effect.Effect<void> => {
      if (done._tag !== "Done") return Effect.void
      const { account, entry, id, operation, parts, provider, unit, windows } = reservation
      const crossed = Effect.forEach(
        done.crossings,
        ({ share, spent, window }) => {
          const { holder } = windows[window]!
          // Safe: only a window with a limit has shares of it.
          const limit = entry.windows[window]!.limit!
          return Effect.zipRight(
            countAlert(provider, unit, holder.of, share),
            PubSub.publish(alerts, { ...holder, provider, unit, share, spent, limit })
          )
        },
        { discard: true }
      )
      const all = parts.map(({ amount: reserved, job, tenant }, part): Settlement => ({
        id,
        part,
        provider,
        unit,
        account,
        tenant,
        job,
        operation,
        reserved,
        amount: spent.lines[part]!,
        isLate: done.isLate,
        heldAt: done.heldAt,
        at: done.at
      }))
      for (const one of all) for (const heard of listeners) heard(one)
      return Effect.zipRight(crossed, PubSub.publishAll(settlements, all))
    }

    const settled = (
      reservation: Reservation,
      done: Books.Closed
    ): Effect.Effect<void, ReservationClosed | UnknownReservation> => {
      const { id } = reservation
      switch (done._tag) {
        case "Closed":
          return closedAs(id, done.state)
        case "Unknown":
          return new UnknownReservation({ id, message: "There is no such reservation." })
        case "Done":
          return Effect.void
      }
    }

    const settle: Service["settle"] = (reservation, amount) =>
      Effect.gen(function* () {
        yield* checkedAmount("amount", amount)
        const spent = spentOf(reservation, amount)
        const booked: Effect.Effect<Books.Closed, { readonly message: string }> = reservation.isHeld
          ? books.settle(reservation.entry, spent)
          : remembering<Books.Closed>(reservation, (mayBeBlank) => books.book(reservation.entry, spent, mayBeBlank))
        const done = yield* Effect.mapError(booked, (error) => unavailable(reservation, error))
        yield* told(reservation, spent, done)
        yield* settled(reservation, done)
      })

    const cancel: Service["void"] = (reservation) =>
      Effect.flatMap(
        Effect.mapError(books.cancel(reservation.entry), (error) => unavailable(reservation, error)),
        (done) => settled(reservation, done)
      )

    const close: Service["close"] = (reservation, amount) => {
      const { entry, id } = reservation
      const orLater = (
        work: Effect.Effect<unknown, { readonly message: string }>,
        again: Effect.Effect<unknown, { readonly message: string }>
      ) =>
        Effect.catchAll(Effect.asVoid(work), ({ message }) =>
          Effect.zipRight(
            later(id, Effect.asVoid(again)),
            Effect.logWarning(`What a call has cost is booked when the ledger answers again: ${message}`)
          )
        )
      if (amount === null) return orLater(books.cancel(entry), books.cancel(entry))
      const spent = spentOf(reservation, amount)
      const booked = remembering<Books.Closed>(reservation, (mayBeBlank) => books.book(entry, spent, mayBeBlank))
      return orLater(
        Effect.tap(booked, (done) => told(reservation, spent, done)),
        // A booking that was not answered may be there all the same, and be told by nobody.
        Effect.tap(booked, (done) => {
          const wasBooked = done._tag === "Closed" && done.state === "settled"
          return told(reservation, spent, wasBooked ? { ...done, _tag: "Done", isLate: false, crossings: [] } : done)
        })
      )
    }

    const bookLate = Effect.suspend(() =>
      Effect.forEach(
        Array.from(unbooked),
        ([id, work]) =>
          Effect.matchEffect(work, {
            onFailure: () => Effect.void,
            onSuccess: () =>
              Effect.sync(() => {
                if (unbooked.get(id) === work) unbooked.delete(id)
              })
          }),
        { discard: true }
      )
    )

    /** A store that is back is asked again after a while: whoever ends meanwhile waits for it. On the wall clock, as it is. */
    const lastChance = bookLate.pipe(
      Effect.repeat({
        while: () => unbooked.size > 0,
        schedule: Schedule.upTo(Schedule.spaced("200 millis"), "3 seconds")
      }),
      Effect.withClock(Clock.make()),
      Effect.asVoid
    )

    const savings = new Map<string, Map<string, number>>()
    const save = (book: string, field: string, amount: number): void => {
      let fields = savings.get(book)
      if (fields === undefined) savings.set(book, (fields = new Map()))
      fields.set(field, (fields.get(field) ?? 0) + amount)
    }
    const saved: Service["saved"] = (call, by, amount) => {
      save(bookOf(call), fieldOf(call.account, by, call.operation), amount)
      Queue.unsafeOffer(bell, undefined)
    }
    const tellSaved = Effect.suspend(() => {
      const all = Array.from(savings)
      savings.clear()
      return Effect.forEach(
        all,
        ([book, fields]) =>
          Effect.tapError(books.save(book, fields), () =>
            Effect.sync(() => {
              for (const [field, amount] of fields) save(book, field, amount)
            })
          ),
        { discard: true }
      )
    })

    const nowAndThen = Effect.zipRight(bookLate, Effect.ignoreLogged(tellSaved))
    const untold = Effect.suspend(() =>
      unbooked.size + savings.size > 0 ? Effect.asVoid(Queue.offer(bell, undefined)) : Effect.void
    )
    yield* Effect.forkScoped(
      Effect.forever(
        Queue.take(bell).pipe(Effect.delay("1 second"), Effect.zipRight(nowAndThen), Effect.zipRight(untold))
      )
    )
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        Effect.zipRight(lastChance, Effect.ignoreLogged(tellSaved)),
        Effect.suspend(() =>
          unbooked.size === 0
            ? Effect.void
            : Effect.logError(`${unbooked.size} calls could not be booked; reconcile shows them as drift`)
        )
      )
    )

    const balance: Service["balance"] = (asked) =>
      Effect.suspend(() => {
        const budget = known.get(keyOf(asked))
        const anchor = anchorOf(budget ?? asked)
        return books.balance(bookOf(asked), windowName(asked, anchor), anchor).pipe(
          Effect.mapError((error) => unavailable({ ...asked, operation: "balance" }, error)),
          Effect.map(({ held, period, spent }) => ({
            spent,
            reserved: held,
            limit: budget?.limit ?? null,
            left: budget === undefined ? null : budget.limit - spent - held,
            resetsAt: resetOf(period, anchor)
          }))
        )
      })

    const usage: Service["usage"] = (book, { from, to } = {}) =>
      Effect.gen(function* () {
        yield* Effect.catchAll(tellSaved, (error) => unavailable({ ...book, operation: "usage" }, error))
        const last = DateTime.toEpochMillis(to ?? (yield* DateTime.now))
        const month = new Date(last)
        const first =
          from === undefined ? Date.UTC(month.getUTCFullYear(), month.getUTCMonth(), 1) : DateTime.toEpochMillis(from)
        const begin = Math.max(first, last - (longestUsage - 1) * day)
        const days: Array<string> = []
        for (let at = Date.parse(Books.dayOf(begin)); at <= last; at += day) days.push(Books.dayOf(at))
        const found = yield* Effect.mapError(books.usage(bookOf(book), days), (error) =>
          unavailable({ ...book, operation: "usage" }, error)
        )
        return found.flatMap((counts, i) => {
          const fields = new Set(Array.from(counts.keys(), (name) => name.slice(name.indexOf(" ") + 1)))
          return Array.from(fields, (field): UsageRow => {
            const measured = (measure: Books.Measure) => counts.get(`${measure} ${field}`) ?? 0
            return {
              day: days[i]!,
              ...partsOf(field),
              calls: measured("calls"),
              unpriced: measured("unpriced"),
              spent: measured("spent"),
              reserved: measured("reserved"),
              expired: measured("expired"),
              saved: measured("saved")
            }
          })
        })
      })

    /** What the last comparison of each account gave, by book. */
    const compared = new Map<string, LRUCache<string, { readonly theirs: number; readonly drift: number }>>()
    const telling = (book: Book, account: string, theirs: number, drift: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        const accounts = compared.get(bookOf(book)) ?? new LRUCache({ max: 10_000 })
        compared.set(bookOf(book), accounts)
        accounts.set(account, { theirs, drift })
        return setDrift(book.provider, book.unit, accounts.values())
      })

    const reconcile: Service["reconcile"] = (
      account,
      { limit, left, provider, resetsAt, unit, used },
      { adopt } = {}
    ) =>
      Effect.gen(function* () {
        const now = yield* DateTime.now
        const per = resetsAt === null ? ("month" as const) : { resetsAt }
        // A date further off than a month ends a subscription; its allowance begins anew each month.
        const anchor = anchorOf({ of: "account", per }) ?? calendar
        const period = Books.periodOf(DateTime.toEpochMillis(now), anchor)
        const since = DateTime.unsafeMake(Books.startOf(period, anchor))
        const rows = yield* usage({ provider, unit }, { from: since, to: now })
        const ours = rows.reduce((all, row) => (row.account === account ? all + row.spent : all), 0)
        if (used !== null) yield* telling({ provider, unit }, account, used, used - ours)
        const isAdopted = adopt === true && limit !== null
        if (isAdopted) {
          const before = known.get(keyOf({ provider, unit, of: "account", id: account }))
          const budget: Budget = { ...before, provider, unit, of: "account", id: account, limit, per }
          yield* setBudget(budget)
          // A provider that names no figure leaves ours.
          const spent = used === null ? ours : Math.max(ours, used)
          yield* Effect.mapError(
            books.restore(bookOf(budget), [{ name: windowName(budget, anchor), period, spent }]),
            (error) => unavailable({ provider, operation: "reconcile" }, error)
          )
        }
        return {
          provider,
          unit,
          account,
          since: DateTime.formatIsoDate(since),
          ours,
          theirs: used,
          drift: used === null ? null : used - ours,
          limit,
          left,
          isAdopted
        }
      })

    const audited = (book: Book, cursor: string) =>
      Effect.mapBoth(books.audited(bookOf(book), cursor), {
        onFailure: (error) => unavailable({ ...book, operation: "audit" }, error),
        onSuccess: (found) => ({
          page: Chunk.fromIterable(found.map((one) => settlementOf(book, one))),
          next: found.at(-1)?.cursor ?? cursor
        })
      })

    const audit: Service["audit"] = (book) =>
      Stream.paginateChunkEffect("", (cursor) =>
        Effect.flatMap(audited(book, cursor), ({ next, page }) =>
          Effect.delay(Effect.succeed([page, Option.some(next)] as const), Chunk.isEmpty(page) ? "1 second" : 0)
        )
      )

    const trail: Service["trail"] = (book) =>
      Effect.map(
        Stream.runCollect(
          Stream.paginateChunkEffect("", (cursor) =>
            Effect.map(
              audited(book, cursor),
              ({ next, page }) => [page, Chunk.isEmpty(page) ? Option.none() : Option.some(next)] as const
            )
          )
        ),
        Chunk.toReadonlyArray
      )

    return {
      reserve,
      settle,
      void: cancel,
      close,
      saved,
      setBudget,
      removeBudget: (budget) => Effect.sync(() => void known.delete(keyOf(budget))),
      budgets: Effect.sync(() => Array.from(known.values())),
      balance,
      usage,
      reconcile,
      alerts: Stream.fromPubSub(alerts),
      settlements: Stream.fromPubSub(settlements),
      audit,
      trail,
      listen: (heard) =>
        Effect.acquireRelease(
          Effect.sync(() => void listeners.add(heard)),
          () => Effect.sync(() => void listeners.delete(heard))
        ),
      bookLate: lastChance,
      remember: (asked) => Ref.set(history, asked)
    }
  })

const checked = (books: Books.Books, options: Options): Effect.Effect<Service, ConfigError.ConfigError, Scope.Scope> =>
  Effect.mapError(make(books, options), ({ message }) => ConfigError.InvalidData(["budgets"], message))

/** @internal Over a connection that others use too. */
export const overRedis = (redis: Redis, namespace: string, options: Options) =>
  checked(BooksRedis.make(redis, namespace), options)

/**
 * For one process: nothing outlives it.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerMemory = (options: Options = {}): Layer.Layer<CreditLedger, ConfigError.ConfigError> =>
  Layer.scoped(
    CreditLedger,
    Effect.suspend(() => checked(Books.make(), options))
  )

/**
 * For many processes, over Redis: one server (`url`), a `cluster` or `sentinel`s, over a connection of its own. `SharedState.layerRedis` has
 * it with everything else, over one.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerRedis = (options: RedisOptions & Options): Layer.Layer<CreditLedger, ConfigError.ConfigError> =>
  Layer.scoped(
    CreditLedger,
    Effect.flatMap(connect(options), (redis) => overRedis(redis, options.namespace ?? defaultNamespace, options))
  )

/**
 * Nothing is limited and nothing is counted.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerNoop: Layer.Layer<CreditLedger> = Layer.scoped(CreditLedger, Effect.orDie(make(Books.none, {})))
