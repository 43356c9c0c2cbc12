/**
 * When the next call of an account may leave, over all processes that use it.
 *
 * @since 0.1.0
 */
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { LRUCache } from "lru-cache"
import { elapsed } from "./internal/elapsed.js"
import * as Gate from "./internal/gate.js"
import * as GateRedis from "./internal/gateRedis.js"
import { timedWait } from "./internal/metrics.js"
import { connect, defaultNamespace, type Options as RedisOptions, type Redis } from "./internal/redis.js"
import type { Provider } from "./Operation.js"
import { InvalidRequest, RateLimited } from "./ProviderError.js"

/**
 * What a provider allows an account in any window of time. A rolling window, as the vendors count.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Rate {
  /** A whole number from 1. */
  readonly requests: number
  readonly per: Duration.DurationInput
}

/**
 * - `account`: the fingerprint of a key (`CreditLedger.accountOf`), or any name of a shared allowance
 * - `concurrency`: calls of the account under way at once, over all processes
 * - `cost`: how much of the allowance the call takes; default 1
 * - `tenant`: those who use one account take turns
 * - `maxWait`: fails with `RateLimited` rather than wait longer; default 10 minutes
 * - `lease`: a call that is never told to be over counts as under way for so long: its process died. Default 2 minutes
 *
 * @since 0.1.0
 * @category Models
 */
export interface Request {
  readonly provider: Provider
  readonly operation: string
  readonly account: string
  readonly rate: Rate
  readonly concurrency: number
  readonly cost?: number | undefined
  readonly tenant?: string | null | undefined
  readonly maxWait?: Duration.DurationInput | undefined
  readonly lease?: Duration.DurationInput | undefined
  /**
   * A permit may be given so long before the call's moment, to get ready for it; `leaves` then waits for the rest. Default none.
   */
  readonly lead?: Duration.DurationInput | undefined
}

/**
 * What became of a call.
 *
 * - `Answered`: whatever the answer, but for
 * - `Limited`: the provider refused it as one too many. The account pauses, everywhere
 * - `Unsent`: it never left. Its place is given to the next
 *
 * @since 0.1.0
 * @category Models
 */
export type Outcome =
  | { readonly _tag: "Answered" }
  | { readonly _tag: "Unsent" }
  | { readonly _tag: "Limited"; readonly retryAfter: Option.Option<Duration.Duration> }

/**
 * The right to send one call now.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Permit {
  /** Run right before the call is sent: waits for its very moment, and where that has passed tells the account's window. */
  readonly leaves: Effect.Effect<void>
  /** Tells what became of it. Only the first time counts. */
  readonly over: (outcome: Outcome) => Effect.Effect<void>
}

/**
 * The turns of calls. The services of this package take them by themselves; `withPermit` is for calls of your own to the
 * same account.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /**
   * Runs `use` when it is the call's turn: in order, in fair turns between tenants. Fails with `RateLimited` where that would take
   * longer than `maxWait`, with `InvalidRequest` where it can never be. A permit of which `use` tells nothing counts as `Unsent`:
   * it goes to the next, as it does when its holder is interrupted.
   */
  readonly withPermit: <A, E, R>(
    request: Request,
    use: (permit: Permit) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | RateLimited | InvalidRequest, R>
  /** How long so many more calls of the account would take to leave, at its present pace. */
  readonly timeFor: (request: Request, calls: number) => Effect.Effect<Duration.Duration>
}

/**
 * The limiter in use. Every layer of `SharedState` has one.
 *
 * @since 0.1.0
 * @category Context
 */
export class RateLimiter extends Context.Tag("effect-seo-providers/RateLimiter")<RateLimiter, Service>() {}

const defaultWait = Duration.minutes(10)
const defaultLease = Duration.minutes(2)

/**
 * Between a call's leaving here and its being counted there passes time, and not the same for each. So much longer than the
 * provider's the window is here: 3 %, at most half a second.
 */
const slackOf = (per: number): number => Math.min(500, Math.ceil(per * 0.03))

/** So many answers tell how fast one can be. */
const remembered = 40
/** Such a part of the provider's window each call may on the average be counted late, and half a window at once. */
const lateShare = 0.015

/**
 * How much later than it left a call may have arrived: it was answered so much later than the fastest of late, and nobody sees
 * whether it was slow on its way or the provider slow to answer. What that takes of the rate is bounded: at a provider whose
 * answers always vary it counts for less.
 */
const lateness = (per: number) => {
  const trips: Array<number> = []
  let left = per / 2
  return (trip: number): number => {
    trips.push(trip)
    if (trips.length > remembered) trips.shift()
    left = Math.min(per / 2, left + lateShare * per)
    const late = trip - Math.min(...trips)
    // The other half of the slack is for clocks.
    if (late <= slackOf(per) / 2) return 0
    const counted = Math.min(Math.floor(left), late)
    left -= counted
    return counted
  }
}

const perOf = ({ per }: Rate): number => Duration.toMillis(per)

const ticketOf = ({
  account,
  concurrency,
  cost = 1,
  lead = 0,
  lease = defaultLease,
  rate,
  tenant
}: Request): Gate.Ticket => ({
  id: randomUUID(),
  account,
  tenant: tenant ?? "",
  cost,
  allowance: {
    limit: rate.requests,
    window: perOf(rate) + slackOf(perOf(rate)),
    concurrency,
    lease: Math.min(Duration.toMillis(lease), 86_400_000),
    lead: Duration.toMillis(lead)
  }
})

const objection = ({ concurrency, cost = 1, rate }: Request): string | null => {
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1
  if (!isCount(rate.requests)) return "rate.requests must be a whole number from 1"
  const per = Duration.toMillis(rate.per)
  if (!(per >= 1 && per <= 86_400_000)) return "rate.per must be 1 ms to a day"
  if (!isCount(concurrency)) return "concurrency must be a whole number from 1"
  if (!isCount(cost)) return "cost must be a whole number from 1"
  return cost > rate.requests ? `a call of cost ${cost} never fits into ${rate.requests}` : null
}

/** So much of an allowance is left for one of so many processes that cannot speak to each other. */
const shareOf = (ticket: Gate.Ticket, processes: number): Gate.Ticket => {
  const { allowance } = ticket
  const limit = Math.max(ticket.cost, Math.floor(allowance.limit / processes))
  return {
    ...ticket,
    allowance: {
      ...allowance,
      limit,
      // Where less than one call is left for each, its window is longer.
      window: Math.max(allowance.window, (allowance.window * limit * processes) / allowance.limit),
      concurrency: Math.max(1, Math.floor(allowance.concurrency / processes))
    }
  }
}

/** So many of a tenant's calls stand in the queue at once; the others wait behind them, in this process. */
const tickets = 8

type Restore = <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Turns within this process, forgotten when nobody takes them. */
const turns = () => {
  const known = new Map<string, { readonly semaphore: Effect.Semaphore; users: number }>()
  return <A, E>(key: string, work: Effect.Effect<A, E>, restore: Restore): Effect.Effect<A, E> => {
    const turn = known.get(key) ?? { semaphore: Effect.unsafeMakeSemaphore(tickets), users: 0 }
    known.set(key, turn)
    turn.users++
    const done = Effect.sync(() => {
      if (--turn.users === 0) known.delete(key)
    })
    const inTurn = Effect.zipRight(restore(turn.semaphore.take(1)), Effect.ensuring(work, turn.semaphore.release(1)))
    return Effect.ensuring(inTurn, done)
  }
}

/** A decision, and the gate it was made at. */
interface Made {
  readonly decision: Gate.Decision
  /** By this process's clock, before it was asked. */
  readonly askedAt: number
  /** And when it was answered: between the two it was made. */
  readonly answeredAt: number
  readonly gate: Gate.Gate
  readonly ticket: Gate.Ticket
}

/** Over a gate that others share, where there is one; where it does not answer, by a part of the allowance, alone. */
const make = (shared: Gate.Gate | null): Service => {
  const local = Gate.make()
  const gates = shared === null ? [local] : [shared, local]
  const inTurn = turns()
  /** How many processes share an account, as far as is known. */
  const processes = new LRUCache<string, number>({ max: 10_000 })
  let most = 1
  /** What the shared gate was not told yet, and would wait for until the lease is over. */
  const untold = new LRUCache<string, readonly [ticket: Gate.Ticket, outcome: Gate.Outcome]>({ max: 10_000 })

  const tell = (shared: Gate.Gate): Effect.Effect<void> =>
    Effect.forEach(
      Array.from(untold.values()),
      ([ticket, outcome]) =>
        Effect.matchEffect(shared.over(ticket, outcome), {
          onFailure: ({ message }) => Effect.logDebug(`The limiter is told later what became of a call: ${message}`),
          onSuccess: () => Effect.sync(() => untold.delete(ticket.id))
        }),
      { discard: true }
    )

  const decide = (ticket: Gate.Ticket, last: Made | null): Effect.Effect<Made> =>
    Effect.flatMap(elapsed, (askedAt) => {
      const alone = Effect.suspend(() => {
        const share = shareOf(ticket, processes.get(ticket.account) ?? most)
        // A place in another queue is none in this one.
        const place = last?.gate === local ? last.decision.place : null
        return Effect.map(local.decide(share, place), (decision) => ({
          decision,
          askedAt,
          answeredAt: askedAt,
          gate: local,
          ticket: share
        }))
      })
      if (shared === null) return alone
      const place = last?.gate === shared ? last.decision.place : null
      return Effect.matchEffect(Effect.zip(shared.decide(ticket, place), elapsed), {
        onFailure: () => {
          // It may have been granted all the same: then the call leaves, by the local gate.
          untold.set(ticket.id, [ticket, { _tag: "Answered" }])
          return alone
        },
        onSuccess: ([decision, answeredAt]) => {
          untold.delete(ticket.id)
          most = Math.max(most, decision.processes)
          processes.set(ticket.account, Math.max(1, decision.processes))
          const made: Made = { decision, askedAt, answeredAt, gate: shared, ticket }
          // Alone, this process would go on from what it has sent.
          const noted = decision.isGranted ? Effect.as(local.note(ticket), made) : Effect.succeed(made)
          return untold.size === 0 ? noted : Effect.zipRight(tell(shared), noted)
        }
      })
    })

  /** Of accounts that were answered: a first call opens a connection, and takes nobody knows how long to arrive. */
  const lateBy = new LRUCache<string, ReturnType<typeof lateness>>({ max: 10_000 })

  const permitOf = ({ answeredAt, askedAt, decision, gate, ticket }: Made, { rate }: Request): Permit => {
    let isOver = false
    const { wait } = decision
    const wasCold = !lateBy.has(ticket.account)
    /** Since when it counts, by this process's clock; it may be a little more. */
    let since = askedAt + wait
    const left = (ago: number) =>
      Effect.catchAll(gate.leaves(ticket, ago), ({ message }) =>
        Effect.logDebug(`The limiter was not told that a call left late: ${message}`)
      )
    const leaves: Effect.Effect<void> = Effect.flatMap(elapsed, (now) => {
      // Looked at again after a sleep: a busy process wakes late.
      const early = answeredAt + wait - now
      if (wait > 0 && early > 0) return Effect.zipRight(Effect.sleep(early), leaves)
      // Half of the slack is for the way to the provider.
      if (now - since <= slackOf(perOf(rate)) / 2) return Effect.void
      since = now
      return left(0)
    })
    const arrived = Effect.flatMap(elapsed, (now) => {
      const trip = Math.max(0, now - since)
      const known = lateBy.get(ticket.account) ?? lateness(perOf(rate))
      lateBy.set(ticket.account, known)
      const late = known(trip)
      // It was counted before it was answered, at the latest then.
      if (wasCold) return left(0)
      return late > 0 ? left(trip - late) : Effect.void
    })
    return {
      leaves,
      over: (outcome) =>
        Effect.suspend(() => {
          if (isOver) return Effect.void
          isOver = true
          const told: Gate.Outcome =
            outcome._tag === "Limited"
              ? { _tag: "Limited", pause: Option.getOrNull(Option.map(outcome.retryAfter, Duration.toMillis)) }
              : outcome
          // Alone, this process would pause all the same.
          const heard = told._tag === "Limited" && gate !== local ? local.over(ticket, told) : Effect.void
          return Effect.zipRight(
            Effect.zipRight(told._tag === "Answered" ? arrived : Effect.void, heard),
            Effect.catchAll(gate.over(ticket, told), ({ message }) => {
              untold.set(ticket.id, [ticket, told])
              return Effect.logDebug(`The end of a call is told to the limiter later: ${message}`)
            })
          )
        })
    }
  }

  const tooLong = ({ operation, provider }: Request, wait: number) =>
    new RateLimited({
      provider,
      operation,
      retryAfter: Option.some(Duration.millis(wait)),
      message: `The account's rate allows this call in ${Math.ceil(wait / 1000)} s, which is longer than maxWait. Try again then.`
    })

  /** Waits in the queue, where it asks anew when something has moved or it is time to. */
  const queued = (
    request: Request,
    asked: Gate.Ticket,
    first: Made,
    since: number,
    restore: Restore
  ): Effect.Effect<Made, RateLimited> =>
    Effect.suspend(() => {
      const cap = Duration.toMillis(request.maxWait ?? defaultWait)
      let made = first
      let bell = Deferred.unsafeMake<void>(FiberId.none)
      const ring = () => Deferred.unsafeDone(bell, Effect.void)
      const stops = gates.map((gate) => gate.listen(asked.account, ring))
      const waiting = Effect.gen(function* () {
        for (;;) {
          // Made anew before the question: what moves after it is heard.
          bell = Deferred.unsafeMake<void>(FiberId.none)
          made = yield* decide(asked, made)
          const { isGranted, wait } = made.decision
          if (isGranted) return made
          const waited = (yield* elapsed) - since
          if (waited + wait > cap) return yield* tooLong(request, wait)
          const early = Math.max(1, wait - asked.allowance.lead)
          yield* restore(Effect.raceFirst(Effect.sleep(Math.min(early, Gate.heartbeat)), Deferred.await(bell)))
        }
      })
      return waiting.pipe(
        Effect.onError(() => permitOf(made, request).over({ _tag: "Unsent" })),
        Effect.ensuring(
          Effect.sync(() => {
            for (const stop of stops) stop()
          })
        )
      )
    })

  const withPermit: Service["withPermit"] = (request, use) => {
    const { operation, provider } = request
    const wrong = objection(request)
    if (wrong !== null) {
      return Effect.fail(new InvalidRequest({ provider, operation, message: `The rate limit is wrong: ${wrong}.` }))
    }
    // Between a decision and its use nothing may come: a call that nobody sends would be counted.
    return Effect.uninterruptibleMask((restore) => {
      const asked = ticketOf(request)
      const granted = (since: number) =>
        Effect.flatMap(decide(asked, null), (made) =>
          made.decision.isGranted
            ? Effect.succeed(made)
            : timedWait(provider, queued(request, asked, made, since, restore))
        )
      const inQueue = Effect.flatMap(elapsed, (since) =>
        inTurn(`${asked.account} ${asked.tenant}`, granted(since), restore)
      )
      return Effect.flatMap(inQueue, (made) => {
        const permit = permitOf(made, request)
        return Effect.ensuring(restore(use(permit)), permit.over({ _tag: "Unsent" }))
      })
    })
  }

  const timeFor: Service["timeFor"] = (request, calls) =>
    Effect.suspend(() => {
      const { account, allowance } = ticketOf(request)
      const alone = local.pace(account, allowance)
      const pace = shared === null ? alone : Effect.catchAll(shared.pace(account, allowance), () => alone)
      return Effect.map(pace, ({ limit, pause, taken }) => {
        const windows = calls === 0 ? 0 : Math.max(0, Math.ceil((calls + taken - limit) / limit))
        return Duration.millis(Math.ceil(pause + windows * allowance.window))
      })
    })

  return { withPermit, timeFor }
}

/** @internal For one process. */
export const memory: Effect.Effect<Service> = Effect.sync(() => make(null))

/** @internal Over a connection that others use too. */
export const overRedis = (redis: Redis, namespace: string): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.map(GateRedis.make(redis, namespace), make)

/**
 * For one process.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerMemory: Layer.Layer<RateLimiter> = Layer.effect(RateLimiter, memory)

/**
 * For many processes, over Redis: one server (`url`), a `cluster` or `sentinel`s, over a connection of its own. `SharedState.layerRedis` has
 * it with everything else, over one.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerRedis = (options: RedisOptions): Layer.Layer<RateLimiter, ConfigError.ConfigError> =>
  Layer.scoped(
    RateLimiter,
    Effect.flatMap(connect(options), (redis) => overRedis(redis, options.namespace ?? defaultNamespace))
  )

const open: Permit = { leaves: Effect.void, over: () => Effect.void }

/**
 * Every call leaves at once.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerNoop: Layer.Layer<RateLimiter> = Layer.succeed(RateLimiter, {
  withPermit: (_, use) => use(open),
  timeFor: () => Effect.succeed(Duration.zero)
})
