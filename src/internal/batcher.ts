/**
 * Joins those who want the same fact, and gathers the facts that are wanted: all of one turn of the event loop are looked up
 * together, and what has to be bought is put together into batches. A batch is put together when it may leave, not before: the
 * gate is the window. A fact that nobody waits for any more is left out of it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import { elapsed, unsafeElapsed } from "./elapsed.js"
import type { Fact, FactId } from "../CacheStore.js"
import type { PaidError } from "../ProviderError.js"
import type { Provenance } from "../Provenance.js"
import type { Permit } from "../RateLimiter.js"
import type { Spender } from "../Spender.js"
import { askerOf, spanned } from "./spans.js"

export interface Cell extends FactId {
  /** Who pays for it. */
  readonly spender: Spender
  readonly subject: string
  readonly column: string
  /** What the keys of all columns of the subject begin with. */
  readonly row: string
  /** Tells flights apart: the key, who pays, and how much of a list is wanted. */
  readonly flightKey: string
}

/** A fact that answers. */
export interface Landed {
  readonly fact: Fact
  readonly state: Provenance["cache"]
}

/** A fact on its way. */
export interface Flight {
  readonly cell: Cell
  /** The spans of those who wait for it, where a tracer listens. */
  readonly askers: ReadonlyArray<Tracer.AnySpan>
  /** What is known of it and too old to answer, unless nothing else does. */
  old: Fact | null
  /** Answers whoever waits, now or later, and is bought all the same. */
  readonly serve: (meanwhile: Landed) => void
  /** Answers whoever waits, and ends the flight. */
  readonly land: (exit: Exit.Exit<Landed, PaidError>) => void
}

type Listener = (exit: Exit.Exit<Landed, PaidError>) => void

interface Waited extends Flight {
  readonly askers: Array<Tracer.AnySpan>
  waiters: number
  meanwhile: Landed | null
  readonly listeners: Array<Listener>
}

/** Puts those flights back into the queue that `when` leaves over. */
export type GiveBack = (
  flights: ReadonlyArray<Flight>,
  when: Effect.Effect<ReadonlyArray<Flight>>
) => Effect.Effect<void>

export interface Work {
  /** Names the calls. */
  readonly operation: string
  /** How many subjects one batch carries. */
  readonly size: number
  /** Lands what is known; what it gives is to be bought. */
  readonly look: (flights: ReadonlyArray<Flight>) => Effect.Effect<ReadonlyArray<Flight>>
  /** Answers those whose batch may not leave. */
  readonly refused: (batch: ReadonlyArray<Flight>, error: PaidError) => Effect.Effect<void>
  /** Buys the facts of a batch, or gives them back. The permit is for its first call. */
  readonly buy: (batch: ReadonlyArray<Flight>, giveBack: GiveBack, permit: Permit) => Effect.Effect<void>
}

/** Lets a batch leave when it is its tenant's turn. */
export type Gate = (
  tenant: string | null,
  operation: string,
  use: (permit: Permit) => Effect.Effect<void>
) => Effect.Effect<void, PaidError>

/** What is to be bought, by subject: a lane for each tenant, and a batch takes from them in turn. */
const lanes = () => {
  const byTenant = new Map<string | null, Map<string, Array<Waited>>>()
  let count = 0
  return {
    /** How many subjects there are, of each tenant its own. */
    size: (): number => count,
    add: (one: Waited): void => {
      const { spender, subject } = one.cell
      const lane = byTenant.get(spender.tenant) ?? new Map<string, Array<Waited>>()
      byTenant.set(spender.tenant, lane)
      const same = lane.get(subject)
      if (same !== undefined) return void same.push(one)
      lane.set(subject, [one])
      count++
    },
    /** Whose turn it is. */
    first: (): string | null => byTenant.keys().next().value ?? null,
    /** The last so many subjects of a tenant. */
    takeLast: (tenant: string | null, size: number): ReadonlyArray<Waited> => {
      const lane = byTenant.get(tenant)
      if (lane === undefined) return []
      const last = Array.from(lane).slice(-size)
      for (const [subject] of last) lane.delete(subject)
      count -= last.length
      if (lane.size === 0) byTenant.delete(tenant)
      return last.flatMap(([, all]) => all)
    },
    /** One subject from each lane in turn, up to `size`, while `isTaken` says that it takes them. */
    take: (size: number, isTaken: (one: Waited) => boolean): ReadonlyArray<Waited> => {
      const subjects = new Set<string>()
      const batch: Array<Waited> = []
      const turn = Array.from(byTenant)
      while (turn.length > 0 && subjects.size < size) {
        const [tenant, lane] = turn.shift()!
        for (const [subject, all] of lane) {
          lane.delete(subject)
          count--
          const taken = all.filter(isTaken)
          for (const one of taken) batch.push(one)
          // What nobody wants any more is left out, and takes no turn.
          if (taken.length === 0) continue
          subjects.add(subject)
          break
        }
        byTenant.delete(tenant)
        if (lane.size === 0) continue
        // Behind the others, also in the next batch.
        byTenant.set(tenant, lane)
        turn.push([tenant, lane])
      }
      return batch
    }
  }
}

type Queue = ReturnType<typeof lanes>

/** Where facts that can leave together gather. */
interface Group extends Work {
  readonly id: string
  unseen: Array<Waited>
  /** Questions under way. */
  looks: number
  readonly queue: Queue
  /** Batches that wait at the gate. */
  leaving: number
  /** When the first of those that are gathering came. */
  since: number
  isTimed: boolean
}

export interface Batcher {
  /** The facts, in the order of the cells. What is wanted under one `groupId` can leave together. */
  readonly want: (
    groupId: string,
    cells: ReadonlyArray<Cell>,
    work: () => Work
  ) => Effect.Effect<ReadonlyArray<Landed>, PaidError>
}

export const make = (options: {
  readonly wait: Duration.DurationInput
  readonly gate: Gate
}): Effect.Effect<Batcher, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { gate } = options
    const wait = Duration.toMillis(options.wait)
    const flights = new Map<string, Waited>()
    const groups = new Map<string, Group>()
    let isClosed = false
    // Added first, it runs last: whatever the work was about when it was ended, nobody waits for it.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const { land } of flights.values()) land(Exit.interrupt(FiberId.none))
      })
    )
    // All work is ended at once: one after the other, what comes later would go on while what came before is waited for.
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.parallel)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isClosed = true
      })
    )

    const flight = (cell: Cell): Waited => {
      const tell = (exit: Exit.Exit<Landed, PaidError>) => {
        for (const listener of made.listeners.splice(0)) listener(exit)
      }
      const made: Waited = {
        cell,
        askers: [],
        old: null,
        waiters: 0,
        meanwhile: null,
        listeners: [],
        serve: (meanwhile) => {
          made.meanwhile = meanwhile
          tell(Exit.succeed(meanwhile))
        },
        land: (exit) => {
          if (flights.get(cell.flightKey) === made) flights.delete(cell.flightKey)
          tell(exit)
        }
      }
      flights.set(cell.flightKey, made)
      return made
    }
    const isWanted = ({ meanwhile, waiters }: Waited): boolean => waiters > 0 || meanwhile !== null

    /** Whatever becomes of the work, nobody waits for ever. */
    const landing = (those: ReadonlyArray<Flight>, work: Effect.Effect<void>): Effect.Effect<void> =>
      Effect.onExit(work, (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) for (const { land } of those) land(Exit.failCause(exit.cause))
        })
      )

    // Whoever came first may go: the work belongs to the service.
    const started = (work: Effect.Effect<void>) => Effect.asVoid(Effect.forkIn(Effect.interruptible(work), scope))

    /** The next of the queue, up to the size of a call. */
    const take = ({ queue, size }: Group): ReadonlyArray<Waited> =>
      queue.take(size, (one) => {
        if (isWanted(one)) return true
        one.land(Exit.interrupt(FiberId.none))
        return false
      })

    const forget = (group: Group): void => {
      const isIdle =
        group.unseen.length === 0 && group.looks + group.queue.size() + group.leaving === 0 && !group.isTimed
      if (isIdle) groups.delete(group.id)
    }

    const queued = (group: Group, left: ReadonlyArray<Flight>): Effect.Effect<void> =>
      Effect.suspend(() => {
        // Safe: every flight was made here.
        for (const one of left) group.queue.add(one as Waited)
        return left.length === 0 ? Effect.sync(() => forget(group)) : kick(group)
      })

    /** Puts a batch together when it may leave. */
    const leave = (group: Group): Effect.Effect<void> =>
      Effect.suspend(() => {
        group.leaving++
        let isWaiting = true
        const over = () => {
          isWaiting = false
          group.leaving--
        }
        const tenant = group.queue.first()
        const left = gate(tenant, group.operation, (permit) =>
          Effect.suspend(() => {
            over()
            const batch = take(group)
            forget(group)
            if (batch.length === 0) return Effect.void
            const giveBack: GiveBack = (given, when) =>
              started(
                landing(
                  given,
                  Effect.flatMap(when, (left) => queued(group, left))
                )
              )
            return Effect.zipRight(
              group.queue.size() > 0 ? started(kick(group)) : Effect.void,
              landing(batch, group.buy(batch, giveBack, permit))
            )
          })
        )
        // Whoever came last would have to wait too long: those before them have batches that wait already.
        const refused = Effect.catchAll(left, (error) =>
          Effect.suspend(() => {
            over()
            const batch = group.queue.takeLast(tenant, group.size)
            forget(group)
            return Effect.zipRight(
              // Those of another tenant may have counted on this one.
              group.queue.size() > 0 ? started(kick(group)) : Effect.void,
              landing(batch, group.refused(batch, error))
            )
          })
        )
        return Effect.onExit(refused, (exit) =>
          Effect.sync(() => {
            if (!isWaiting || Exit.isSuccess(exit)) return
            // The gate itself died: nobody else may come to see to those who wait.
            over()
            for (const { land } of group.queue.take(Infinity, () => true)) land(Exit.failCause(exit.cause))
            forget(group)
          })
        )
      })

    /** So many batches as there are go to the gate: full ones at once, the rest when others had time to join it. */
    const kick = (group: Group): Effect.Effect<void> =>
      Effect.suspend(() => {
        const batches = group.queue.size() / group.size
        const due = (wait === 0 ? Math.ceil(batches) : Math.floor(batches)) - group.leaving
        if (due > 0) {
          const others = Effect.forEach(Array.from({ length: due - 1 }), () => started(leave(group)), { discard: true })
          return Effect.zipRight(due > 1 ? others : Effect.void, leave(group))
        }
        if (group.isTimed || batches <= group.leaving) return Effect.void
        group.isTimed = true
        const over = Effect.sync(() => {
          group.isTimed = false
        })
        const rest = Effect.flatMap(elapsed, (now) => Effect.sleep(Math.max(0, group.since + wait - now))).pipe(
          spanned("Batcher.gather", { attributes: { "seo.operation": group.operation } })
        )
        return Effect.zipRight(Effect.ensuring(rest, over), leave(group))
      })

    /** Those who come in the same turn are looked up in one question. */
    const look = (group: Group): Effect.Effect<void> =>
      Effect.suspend(() => {
        const seen = group.unseen
        group.unseen = []
        group.looks++
        const over = Effect.sync(() => {
          group.looks--
        })
        return landing(
          seen,
          Effect.flatMap(Effect.ensuring(group.look(seen), over), (left) => queued(group, left))
        )
      })

    const open = (id: string, cells: ReadonlyArray<Cell>, work: () => Work): Effect.Effect<void> =>
      Effect.clockWith((clock) => {
        const made = cells.filter(({ flightKey }) => !flights.has(flightKey)).map(flight)
        if (made.length === 0) return Effect.void
        let group = groups.get(id)
        if (group === undefined) {
          group = { ...work(), id, unseen: [], looks: 0, queue: lanes(), leaving: 0, since: 0, isTimed: false }
          groups.set(id, group)
        }
        const isFirst = group.unseen.length === 0
        if (isFirst && group.queue.size() === 0) group.since = unsafeElapsed(clock)
        for (const one of made) group.unseen.push(one)
        return isFirst ? started(Effect.zipRight(Effect.yieldNow(), look(group))) : Effect.void
      })

    const wantedBy = (
      asker: Tracer.AnySpan | undefined,
      groupId: string,
      cells: ReadonlyArray<Cell>,
      work: () => Work
    ): Effect.Effect<ReadonlyArray<Landed>, PaidError> => {
      const awaited = Effect.async<ReadonlyArray<Landed>, PaidError>((resume) => {
        const answers: Array<Landed> = []
        const joined: Array<Waited> = []
        let left = cells.length
        let isOver = false
        const leave = () => {
          if (isOver) return
          isOver = true
          for (const one of joined) one.waiters--
        }
        const answer = (i: number, landed: Landed) => {
          answers[i] = landed
          if (--left > 0) return
          leave()
          resume(Effect.succeed(answers))
        }
        for (const [i, cell] of cells.entries()) {
          const one = flights.get(cell.flightKey)
          if (one === undefined) {
            // It landed between the opening and here.
            leave()
            return resume(wantedBy(asker, groupId, cells, work))
          }
          one.waiters++
          if (asker !== undefined) one.askers.push(asker)
          joined.push(one)
          if (one.meanwhile !== null) answer(i, one.meanwhile)
          else {
            one.listeners.push((exit) => {
              if (isOver) return
              if (Exit.isSuccess(exit)) return answer(i, exit.value)
              leave()
              resume(Effect.failCause(exit.cause))
            })
          }
        }
        return Effect.sync(leave)
      })
      return Effect.suspend(() => {
        if (isClosed) return Effect.interrupt
        return cells.every(({ flightKey }) => flights.has(flightKey))
          ? awaited
          : Effect.zipRight(Effect.uninterruptible(open(groupId, cells, work)), awaited)
      })
    }

    const want: Batcher["want"] = (groupId, cells, work) =>
      Effect.withFiberRuntime((fiber) => wantedBy(askerOf(fiber), groupId, cells, work))

    return { want }
  })
