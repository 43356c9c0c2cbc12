/** What is done around an attempt, so that it leaves in its turn and is paid for by those who want it: permit, hold, send, book. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { LRUCache } from "lru-cache"
import * as CreditLedger from "../CreditLedger.js"
import type { Operation, Wire } from "../Operation.js"
import type { InvalidRequest, LedgerUnavailable, PaidError, RateLimited, WireError } from "../ProviderError.js"
import * as RateLimiter from "../RateLimiter.js"
import type { Spender } from "../Spender.js"
import type { Usage } from "../Usage.js"
import type { Gate } from "./batcher.js"
import type { Answered } from "./http.js"
import { accountOf } from "./scope.js"
import { about, spanned, waited } from "./spans.js"

export interface Options {
  readonly tenant?: string | undefined
  readonly rateLimit?: RateLimiter.Rate | undefined
  readonly maxWait?: Duration.DurationInput | undefined
  readonly concurrency?: number | undefined
}

/** A fact that is wanted, and by whom. */
interface Wanted {
  readonly key: string
  readonly spender: Spender
}

/** Takes the turn of a call, the first time perhaps one that came already. */
export type Turn = <A, E>(
  operation: string,
  use: (permit: RateLimiter.Permit) => Effect.Effect<A, E>
) => Effect.Effect<A, E | RateLimited | InvalidRequest>

/** Runs around each attempt. */
type Around<A, E> = (attempt: Effect.Effect<Answered<A>, WireError>) => Effect.Effect<A, E>

export interface Payment {
  readonly gate: Gate
  /** Turns of which the first may be there already. */
  readonly turns: (first: RateLimiter.Permit | null, tenant: string | null) => Turn
  readonly free: <A>(operation: string) => Around<A, WireError>
  readonly paid: <I, A>(
    operation: Operation<I, A>,
    input: I,
    turn: Turn,
    wanted: ReadonlyArray<Wanted>,
    kept: (answer: Answered<A>, value: A) => Effect.Effect<void>
  ) => Around<A, PaidError>
  /** Who pays for what a fiber asks; equal ones are one. */
  readonly spenderOf: (asking: Spender) => Spender
  readonly saved: (operation: string, by: Spender, amount: number) => void
  readonly timeFor: (operation: string, calls: number) => Effect.Effect<Duration.Duration>
  readonly reconcile: (
    usage: Usage,
    options?: { readonly adopt?: boolean | undefined }
  ) => Effect.Effect<CreditLedger.Reconciliation, LedgerUnavailable | CreditLedger.InvalidAmount>
}

/** What a permit's holder tells of its call. */
const outcomeOf = (exit: Exit.Exit<unknown, WireError>): RateLimiter.Outcome => {
  const failure = Option.getOrNull(Option.flatMap(Exit.causeOption(exit), Cause.failureOption))
  return failure?._tag === "RateLimited" ? { _tag: "Limited", retryAfter: failure.retryAfter } : { _tag: "Answered" }
}

/** Whether the provider may have charged for an attempt that failed so; for one that died it may. */
const mayBeBilled = (cause: Cause.Cause<WireError>): boolean => {
  const failure = Option.getOrNull(Cause.failureOption(cause))
  return failure === null || (failure._tag === "ProviderUnavailable" && failure.mayBeBilled)
}

/** What a call costs each of those among whom it is divided: like what each of them wants of it. */
const partsOf = (wanted: ReadonlyArray<Wanted>, amount: number): ReadonlyArray<CreditLedger.Part> => {
  const sharers = new Map<Spender, number>()
  const bought = new Set<string>()
  for (const { key, spender } of wanted) {
    // A fact that two want is bought once.
    const weight = bought.has(key) ? 0 : 1
    bought.add(key)
    sharers.set(spender, (sharers.get(spender) ?? 0) + weight)
  }
  const amounts = CreditLedger.apportion(amount, Array.from(sharers.values()))
  return Array.from(sharers.keys(), (spender, i) => ({ ...spender, amount: amounts[i]! }))
}

/** Whether a budget is one that the spender spends of. */
export const isOf = ({ id, of }: CreditLedger.Holder, { job, tenant }: Spender): boolean =>
  of === "account" || (of === "tenant" ? tenant === id : job === id)

// Equal spenders are one, so that what they want is told apart by what they are. Of all services: a cache of a service's own
// takes 250 kB and 2 ms, and each tenant has services.
const spenders = new LRUCache<string, Spender>({ max: 10_000 })

export const make = (
  wire: Wire,
  options: Options & {
    readonly apiKey: Redacted.Redacted
    readonly apiUrl?: string | undefined
    readonly timeout?: Duration.DurationInput | undefined
  }
): Effect.Effect<Payment, never, RateLimiter.RateLimiter | CreditLedger.CreditLedger> =>
  Effect.gen(function* () {
    const { provider, rate, unit } = wire
    const limiter = yield* RateLimiter.RateLimiter
    const ledger = yield* CreditLedger.CreditLedger
    const account = accountOf({ ...options, provider })
    const timeout = Duration.toMillis(options.timeout ?? "30 seconds")

    const called = (operation: string, tenant: string | null): RateLimiter.Request => ({
      provider,
      operation,
      account,
      tenant,
      rate: options.rateLimit ?? rate,
      concurrency: options.concurrency ?? 10,
      maxWait: options.maxWait,
      lease: timeout + 30_000,
      // Claims, the last look at the cache and the hold take some questions.
      lead: "100 millis"
    })

    /** The span is of the wait alone. */
    const inTurn = <A, E>(
      operation: string,
      tenant: string | null,
      use: (permit: RateLimiter.Permit) => Effect.Effect<A, E>
    ) =>
      waited("RateLimiter.withPermit", about(wire, { name: operation }), (begun) =>
        limiter.withPermit(called(operation, tenant), (permit) => Effect.zipRight(begun, use(permit)))
      )

    /** The first turn is there already. */
    const turns = (first: RateLimiter.Permit | null, tenant: string | null): Turn => {
      let left = first
      return (operation, use) =>
        Effect.suspend(() => {
          const permit = left
          left = null
          return permit === null ? inTurn(operation, tenant, use) : use(permit)
        })
    }

    /** A permit and nothing else: for what costs nothing. */
    const free =
      (operation: string) =>
      <A>(attempt: Effect.Effect<Answered<A>, WireError>): Effect.Effect<A, WireError> =>
        inTurn(operation, options.tenant ?? null, (permit) =>
          Effect.flatMap(
            Effect.onExit(Effect.zipRight(permit.leaves, attempt), (exit) => permit.over(outcomeOf(exit))),
            ({ result, told }) => Effect.zipRight(told, result)
          )
        )

    /**
     * A permit; then the most the attempt can cost is held, it is sent, and what it did cost is booked. From the moment it is
     * sent it runs to its end, whatever becomes of whoever wanted it.
     */
    const paid =
      <I, A>(
        operation: Operation<I, A>,
        input: I,
        turn: Turn,
        wanted: ReadonlyArray<Wanted>,
        kept: (answer: Answered<A>, value: A) => Effect.Effect<void>
      ) =>
      (attempt: Effect.Effect<Answered<A>, WireError>): Effect.Effect<A, PaidError> => {
        const { name } = operation
        const { unit, upper } = operation.price(input)
        const isUnpriced = upper === null
        const reserved: Effect.Effect<CreditLedger.Reservation, PaidError> = Effect.suspend(() =>
          ledger.reserve({
            provider,
            unit,
            account,
            operation: name,
            // The ledger prices the parts of a call without a price.
            parts: partsOf(wanted, isUnpriced ? 0 : upper),
            isUnpriced,
            life: timeout + 60_000
          })
        ).pipe(
          // Prices are whole, and an id is new.
          Effect.catchTags({ InvalidAmount: Effect.die, ReservationClosed: Effect.die }),
          spanned("CreditLedger.reserve", {
            attributes: {
              ...about(wire, operation),
              "seo.unit": unit,
              ...(!isUnpriced && { "seo.units": upper })
            }
          })
        )
        const held = upper === 0 ? Effect.succeed(null) : reserved
        /** Priced at nothing, and charged all the same: the money is gone. */
        const unforeseen = (amount: number) =>
          Effect.matchEffect(reserved, {
            onFailure: ({ message }) => Effect.logWarning(`${amount} ${unit} for ${name} are not booked: ${message}`),
            onSuccess: (reservation) => ledger.close(reservation, amount)
          })
        return turn(name, (permit) =>
          Effect.uninterruptible(
            // What is not paid for needs no permit: others wait for it.
            Effect.flatMap(
              Effect.tapError(held, () => permit.over({ _tag: "Unsent" })),
              (reservation) => {
                const booked = (what: "most" | "none" | number) => {
                  if (reservation === null) {
                    return typeof what === "number" && what > 0 ? unforeseen(what) : Effect.void
                  }
                  const most = reservation.parts.reduce((all, { amount }) => all + amount, 0)
                  const amount = what === "none" ? null : what === "most" ? most : what
                  return spanned("CreditLedger.settle", {
                    attributes: { ...about(wire, operation), "seo.unit": unit, "seo.units": amount ?? 0 }
                  })(ledger.close(reservation, amount))
                }
                // Until its very moment it may be given up: nothing was sent.
                const leaves = Effect.onExit(Effect.interruptible(permit.leaves), (exit) =>
                  Exit.isSuccess(exit) ? Effect.void : Effect.zipRight(permit.over({ _tag: "Unsent" }), booked("none"))
                )
                const sent = Effect.flatMap(Effect.exit(attempt), (exit) => {
                  const over = permit.over(outcomeOf(exit))
                  if (Exit.isFailure(exit)) {
                    const cost = mayBeBilled(exit.cause) ? "most" : "none"
                    return Effect.zipRight(over, Effect.zipRight(booked(cost), Effect.failCause(exit.cause)))
                  }
                  const { charge, result, told } = exit.value
                  // What cannot be read was paid for all the same.
                  const answered = Effect.tapBoth(result, {
                    onFailure: () => told,
                    onSuccess: (value) => kept(exit.value, value)
                  })
                  return Effect.zipRight(over, Effect.zipRight(booked(charge.amount ?? "most"), answered))
                })
                return Effect.zipRight(leaves, sent)
              }
            )
          )
        )
      }

    const seen = new WeakMap<Spender, Spender>()
    const spenderOf = (asking: Spender): Spender => {
      const before = seen.get(asking)
      if (before !== undefined) return before
      const by = { tenant: asking.tenant ?? options.tenant ?? null, job: asking.job }
      const id = JSON.stringify([by.tenant, by.job])
      const spender = spenders.get(id) ?? by
      spenders.set(id, spender)
      seen.set(asking, spender)
      return spender
    }

    return {
      gate: (tenant, operation, use) => inTurn(operation, tenant, use),
      turns,
      free,
      paid,
      spenderOf,
      saved: (operation, by, amount) => ledger.saved({ provider, unit, account, operation }, by, amount),
      timeFor: (operation, calls) => limiter.timeFor(called(operation, options.tenant ?? null), calls),
      reconcile: (usage, options) => ledger.reconcile(account, usage, options)
    }
  })
