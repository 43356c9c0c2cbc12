/**
 * When the next call of an account may leave: the decisions of a rate limiter. They count as vendors do, in rolling windows;
 * whoever may not leave yet is told when to ask again and keeps the place that fair turns between tenants give it. This is the
 * gate of one process; gateRedis.ts decides the same for many.
 */
import * as Effect from "effect/Effect"
import { unsafeElapsed } from "./elapsed.js"
import type { StoreUnavailable } from "../CacheStore.js"

/** What an account is allowed. Times in milliseconds. */
export interface Allowance {
  /** The account's calls in any window, weighted. */
  readonly limit: number
  readonly window: number
  /** Calls under way at once. */
  readonly concurrency: number
  /** A call that is never told to be over counts as under way for so long. */
  readonly lease: number
  /** So long before its moment a call may be granted, to get ready. */
  readonly lead: number
}

export interface Ticket {
  readonly id: string
  readonly account: string
  readonly tenant: string
  readonly cost: number
  readonly allowance: Allowance
}

export interface Decision {
  readonly isGranted: boolean
  /** The place in the queue: kept for the next time it is asked for. */
  readonly place: number
  /** How long it will take as things stand; where granted, until its moment. */
  readonly wait: number
  /** How many processes have asked lately. */
  readonly processes: number
}

export type Outcome =
  /** It left and was answered. */
  | { readonly _tag: "Answered" }
  /** It never left, and may be given to somebody else. */
  | { readonly _tag: "Unsent" }
  /** It was refused: too many calls. `pause` in milliseconds, where the provider said. */
  | { readonly _tag: "Limited"; readonly pause: number | null }

export interface Pace {
  /** Calls in a window at present: less than allowed after the provider refused some. */
  readonly limit: number
  /** Calls in the current window, granted or waited for. */
  readonly taken: number
  /** Until calls leave again. */
  readonly pause: number
}

export interface Gate<out E = StoreUnavailable> {
  readonly decide: (ticket: Ticket, place: number | null) => Effect.Effect<Decision, E>
  /** A call leaves only now, or may have left so long ago: its window begins then, not when it was granted. */
  readonly leaves: (ticket: Ticket, ago?: number) => Effect.Effect<void, E>
  readonly over: (ticket: Ticket, outcome: Outcome) => Effect.Effect<void, E>
  readonly pace: (account: string, allowance: Allowance) => Effect.Effect<Pace, E>
  /** Calls `moved` when the account's queue may have moved on, until it is ended. */
  readonly listen: (account: string, moved: () => void) => () => void
}

/** Whoever waits asks again so often, and is taken for dead when it does not. */
export const heartbeat = 2_000
const grace = 1_000
/** The pace rises by such a part of what is allowed, then twice as much each time. */
const rise = 0.1
/** Windows of a second are too short to judge a pace by; the further it rises unrefused, the sooner it does again. */
const leastRest = 5_000
/** Whoever waits for a call to be over is told; asks all the same, as what was told may be lost. */
const fullWait = 1_000
/** At most, and a quarter of a window. */
const firstPause = 500
const longestPause = 60_000
/** A provider that asks for more is asked again after so long. */
const longestSaid = 3_600_000

/** Figures of gateRedis.ts, which must decide the same. */
export const constants = { heartbeat, grace, rise, leastRest, fullWait, firstPause, longestPause, longestSaid }

interface Grant {
  readonly id: string
  readonly cost: number
  readonly at: number
}

interface Account {
  /** The calls of the window, oldest first. */
  log: Array<Grant>
  /** The calls that are not over. */
  readonly flying: Map<string, Grant & { readonly until: number }>
  /** In the order of their turns. */
  queue: Array<{ readonly id: string; readonly cost: number; readonly place: number; until: number }>
  /** Each tenant's last place. */
  readonly places: Map<string, number>
  /** The place that was served last. */
  served: number
  /** What was learnt; `null` while nothing speaks against what is allowed. */
  learnt: { limit: number; base: number; since: number; step: number; rose: number } | null
  strikes: number
  pausedUntil: number
  /** Since they were last woken, somebody was told to wait for a call to be over. */
  isAwaited: boolean
  readonly waiting: Set<() => void>
}

const sum = (items: ReadonlyArray<{ readonly cost: number }>): number => items.reduce((all, { cost }) => all + cost, 0)

export const make = (): Gate<never> & {
  /** A call that somebody else has granted. */
  readonly note: (ticket: Ticket) => Effect.Effect<void>
} => {
  const accounts = new Map<string, Account>()
  let latest = -Infinity
  let behind = 0

  /** A clock that is set back would keep everybody waiting until it has caught up: here it goes on from where it was. */
  const timed = <A>(work: (now: number) => A): Effect.Effect<A> =>
    Effect.clockWith((clock) =>
      Effect.sync(() => {
        const now = unsafeElapsed(clock) + behind
        if (now < latest) behind += latest - now
        latest = Math.max(latest, now)
        return work(latest)
      })
    )

  const accountOf = (id: string): Account => {
    const known = accounts.get(id)
    if (known !== undefined) return known
    const made: Account = {
      log: [],
      flying: new Map(),
      queue: [],
      places: new Map(),
      served: 0,
      learnt: null,
      strikes: 0,
      pausedUntil: 0,
      isAwaited: false,
      waiting: new Set()
    }
    accounts.set(id, made)
    return made
  }

  /** In its place: one that is to leave later may be there already. */
  const logged = (account: Account, grant: Grant): void => {
    account.log = [...account.log, grant].toSorted((a, b) => a.at - b.at)
  }

  const isIdle = ({ flying, learnt, log, pausedUntil, queue, waiting }: Account, now: number): boolean =>
    log.length + flying.size + queue.length + waiting.size === 0 && learnt === null && pausedUntil <= now

  const prune = (account: Account, { window }: Allowance, now: number): void => {
    account.log = account.log.filter(({ at }) => at > now - window)
    for (const [id, { until }] of account.flying) if (until <= now) account.flying.delete(id)
    account.queue = account.queue.filter(({ until }) => until > now)
    for (const [tenant, place] of account.places) if (place <= account.served) account.places.delete(tenant)
  }

  /** What may leave in a window now: what was learnt rises step by step. */
  const limitOf = (account: Account, { limit, window }: Allowance, now: number): number => {
    const { learnt } = account
    if (learnt === null) return limit
    for (;;) {
      const rest = Math.max(window, (leastRest * rise) / learnt.step)
      if (learnt.limit >= limit || now - learnt.rose < rest) break
      learnt.limit = Math.min(limit, learnt.limit + Math.max(1, Math.floor(limit * learnt.step)))
      learnt.step *= 2
      learnt.rose += rest
    }
    if (learnt.limit >= limit) account.learnt = null
    return Math.min(limit, learnt.limit)
  }

  /** When so much of the window is free again; whoever goes before takes it and frees it a window later. */
  const freeAt = ({ log }: Account, { window }: Allowance, limit: number, needed: number, now: number): number => {
    const used = sum(log)
    const rounds = Math.max(0, Math.ceil((needed - used) / limit))
    const rest = needed - rounds * limit
    let freed = 0
    for (const { at, cost } of log) {
      freed += cost
      if (rest > 0 && freed >= rest) return at + (rounds + 1) * window
    }
    return now + rounds * window
  }

  const decide = (account: Account, ticket: Ticket, asked: number | null, now: number): Decision => {
    const { allowance, cost, id, tenant } = ticket
    prune(account, allowance, now)
    const limit = limitOf(account, allowance, now)
    const place = asked ?? Math.max(account.served, account.places.get(tenant) ?? 0) + cost
    if (asked === null) account.places.set(tenant, place)
    const queue = account.queue.filter((one) => one.id !== id)
    const ahead = queue.filter((one) => one.place < place || (one.place === place && one.id < id))
    const needed = sum(account.log) + sum(ahead) + cost - limit
    const isFull = account.flying.size + ahead.length >= allowance.concurrency
    const free = needed > 0 ? freeAt(account, allowance, limit, needed, now) : now
    const at = Math.max(free, account.pausedUntil, now)
    if (!isFull && at <= now + allowance.lead) {
      account.queue = queue
      logged(account, { id, cost, at })
      account.flying.set(id, { id, cost, at, until: at + allowance.lease })
      account.served = Math.max(account.served, place)
      return { isGranted: true, place, wait: at - now, processes: 1 }
    }
    // Only for a call to be over: all are taken, or those ahead of it may not have taken theirs yet.
    if (at <= now) account.isAwaited = true
    const wait = at <= now ? fullWait : at - now
    queue.splice(ahead.length, 0, { id, cost, place, until: now + Math.min(wait, heartbeat) + grace })
    account.queue = queue.toSorted((a, b) => a.place - b.place || (a.id < b.id ? -1 : 1))
    return { isGranted: false, place, wait, processes: 1 }
  }

  const limited = (account: Account, at: number, { allowance }: Ticket, said: number | null, now: number): void => {
    const limit = limitOf(account, allowance, now)
    // Calls that left before the last refusal tell how much of a window was too much, but are no new refusal.
    const isNew = account.learnt === null || at > account.learnt.since
    if (isNew) account.strikes++
    const learnt =
      account.learnt !== null && !isNew ? account.learnt : { limit, base: limit, since: now, step: rise, rose: now }
    const first = Math.min(firstPause, allowance.window / 4)
    const own = isNew ? Math.min(longestPause, first * 2 ** (account.strikes - 1)) : 0
    account.pausedUntil = Math.max(account.pausedUntil, now + Math.min(longestSaid, said ?? own))
    const accepted = Math.min(learnt.limit, sum(account.log))
    account.learnt = { ...learnt, limit: Math.max(1, Math.ceil(learnt.base / 2), accepted), rose: now }
  }

  const wake = (account: Account) => {
    account.isAwaited = false
    for (const one of Array.from(account.waiting)) one()
  }

  return {
    decide: (ticket, place) => timed((now) => decide(accountOf(ticket.account), ticket, place, now)),
    note: (ticket) =>
      timed((now) => {
        const account = accountOf(ticket.account)
        prune(account, ticket.allowance, now)
        logged(account, { id: ticket.id, cost: ticket.cost, at: now })
      }),
    leaves: (ticket, ago = 0) =>
      timed((now) => {
        const account = accountOf(ticket.account)
        const { cost, id } = ticket
        // Its window may be over already.
        if (!account.flying.has(id)) return
        account.log = account.log.filter((one) => one.id !== id)
        logged(account, { id, cost, at: now - ago })
      }),
    over: (ticket, outcome) =>
      timed((now) => {
        const account = accountOf(ticket.account)
        prune(account, ticket.allowance, now)
        const granted = account.flying.get(ticket.id)
        account.flying.delete(ticket.id)
        const queued = account.queue.find(({ id }) => id === ticket.id)
        // Whoever goes without having been served gives the place back, where nobody stands behind it yet.
        if (queued !== undefined && account.places.get(ticket.tenant) === queued.place) {
          account.places.set(ticket.tenant, queued.place - queued.cost)
        }
        account.queue = account.queue.filter(({ id }) => id !== ticket.id)
        if (outcome._tag !== "Answered") account.log = account.log.filter(({ id }) => id !== ticket.id)
        const at = granted?.at ?? -Infinity
        if (outcome._tag === "Limited") limited(account, at, ticket, outcome.pause, now)
        if (outcome._tag === "Answered" && at > (account.learnt?.since ?? -Infinity)) account.strikes = 0
        // What has left is told by the window, not by its end.
        if (account.isAwaited || outcome._tag === "Unsent") wake(account)
        if (isIdle(account, now)) accounts.delete(ticket.account)
      }),
    pace: (id, allowance) =>
      timed((now) => {
        const account = accountOf(id)
        prune(account, allowance, now)
        return {
          limit: limitOf(account, allowance, now),
          taken: sum(account.log) + sum(account.queue),
          pause: Math.max(0, account.pausedUntil - now)
        }
      }),
    listen: (id, moved) => {
      const { waiting } = accountOf(id)
      waiting.add(moved)
      return () => {
        waiting.delete(moved)
        const account = accounts.get(id)
        if (account !== undefined && isIdle(account, latest)) accounts.delete(id)
      }
    }
  }
}
