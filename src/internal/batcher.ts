/**
 * Joins those who want the same fact, and gathers the facts that are wanted: all of one turn of the event loop are looked up
 * together, and what has to be bought is put together into batches. A batch is put together when it may leave, not before: the
 * gate is the window. A fact that nobody waits for any more is left out of it.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import type { Fact, FactId } from "../CacheStore.js"
import type { PaidError } from "../ProviderError.js"
import type { Provenance } from "../Provenance.js"

export interface Cell extends FactId {
  readonly subject: string
  readonly column: string
  /** What the keys of all columns of the subject begin with. */
  readonly row: string
  /** Tells flights apart: the key, and how much of a list is wanted. */
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
  /** What is known of it and too old to answer, unless nothing else does. */
  old: Fact | null
  /** Answers whoever waits, now or later, and is bought all the same. */
  readonly serve: (meanwhile: Landed) => void
  /** Answers whoever waits, and ends the flight. */
  readonly land: (exit: Exit.Exit<Landed, PaidError>) => void
}

type Listener = (exit: Exit.Exit<Landed, PaidError>) => void

interface Waited extends Flight {
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
  /** How many subjects one batch carries. */
  readonly size: number
  /** Lands what is known; what it gives is to be bought. */
  readonly look: (flights: ReadonlyArray<Flight>) => Effect.Effect<ReadonlyArray<Flight>>
  /** Buys the facts of a batch, or gives them back. */
  readonly buy: (batch: ReadonlyArray<Flight>, giveBack: GiveBack) => Effect.Effect<void>
}

/** Where facts that can leave together gather. */
interface Group extends Work {
  readonly id: string
  unseen: Array<Waited>
  /** Questions under way. */
  looks: number
  readonly queue: Set<Waited>
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
  readonly concurrency: number
}): Effect.Effect<Batcher, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const gate = yield* Effect.makeSemaphore(options.concurrency)
    const wait = Duration.toMillis(options.wait)
    const flights = new Map<string, Waited>()
    const groups = new Map<string, Group>()
    let isClosed = false
    // Added first, it runs last: whatever the work was about when it was ended, nobody waits for it.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isClosed = true
        for (const { land } of flights.values()) land(Exit.interrupt(FiberId.none))
      })
    )

    const flight = (cell: Cell): Waited => {
      const tell = (exit: Exit.Exit<Landed, PaidError>) => {
        for (const listener of made.listeners.splice(0)) listener(exit)
      }
      const made: Waited = {
        cell,
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

    const isFull = ({ queue, size }: Group): boolean => {
      if (queue.size < size) return false
      const subjects = new Set<string>()
      for (const { cell } of queue) {
        subjects.add(cell.subject)
        if (subjects.size === size) return true
      }
      return false
    }

    /** The first of the queue, up to the size of a call. */
    const take = ({ queue, size }: Group): ReadonlyArray<Waited> => {
      const subjects = new Set<string>()
      const batch: Array<Waited> = []
      for (const one of queue) {
        if (!isWanted(one)) {
          queue.delete(one)
          one.land(Exit.interrupt(FiberId.none))
        } else if (subjects.has(one.cell.subject) || subjects.size < size) {
          subjects.add(one.cell.subject)
          queue.delete(one)
          batch.push(one)
        }
      }
      return batch
    }

    const forget = (group: Group): void => {
      const isIdle = group.unseen.length === 0 && group.looks === 0 && group.queue.size === 0 && !group.isTimed
      if (isIdle) groups.delete(group.id)
    }

    const queued = (group: Group, left: ReadonlyArray<Flight>): Effect.Effect<void> =>
      Effect.suspend(() => {
        // Safe: every flight was made here.
        for (const one of left) group.queue.add(one as Waited)
        return left.length === 0 ? Effect.sync(() => forget(group)) : kick(group)
      })

    const leave = (group: Group): Effect.Effect<void> =>
      gate.withPermits(1)(
        Effect.suspend(() => {
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
            group.queue.size > 0 ? started(kick(group)) : Effect.void,
            landing(batch, group.buy(batch, giveBack))
          )
        })
      )

    /** A full batch leaves at once, the rest when others had time to join it. */
    const kick = (group: Group): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (wait === 0 || isFull(group)) return leave(group)
        if (group.isTimed) return Effect.void
        group.isTimed = true
        const over = Effect.sync(() => {
          group.isTimed = false
        })
        const rest = Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.sleep(Math.max(0, group.since + wait - now))
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
          group = { ...work(), id, unseen: [], looks: 0, queue: new Set(), since: 0, isTimed: false }
          groups.set(id, group)
        }
        const isFirst = group.unseen.length === 0
        if (isFirst && group.queue.size === 0) group.since = clock.unsafeCurrentTimeMillis()
        for (const one of made) group.unseen.push(one)
        return isFirst ? started(Effect.zipRight(Effect.yieldNow(), look(group))) : Effect.void
      })

    const want: Batcher["want"] = (groupId, cells, work) => {
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
            return resume(want(groupId, cells, work))
          }
          one.waiters++
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

    return { want }
  })
