/**
 * Joins those who want the same fact, and gathers the facts that are wanted into batches. A batch is put together when it may
 * leave, not before: the gate is the window. A fact that nobody waits for any more is left out of it.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import type { Fact } from "../CacheStore.js"
import type { PaidError } from "../ProviderError.js"

export interface Cell {
  readonly subject: string
  readonly column: string
  /** Where the fact is kept. */
  readonly key: string
  /** Tells flights apart: the key, and how much of a list is wanted. */
  readonly flightKey: string
}

/** A fact on its way. */
export interface Flight {
  readonly cell: Cell
  readonly land: (exit: Exit.Exit<Fact, PaidError>) => void
}

interface Waited extends Flight {
  readonly landed: Deferred.Deferred<Fact, PaidError>
  waiters: number
  isDone: boolean
}

/** Puts those flights back into the queue that `when` leaves over. */
export type GiveBack = (
  flights: ReadonlyArray<Flight>,
  when: Effect.Effect<ReadonlyArray<Flight>>
) => Effect.Effect<void>

/** Where facts that can leave together gather. */
interface Group {
  readonly size: number
  /** Buys the facts of a batch, or gives them back. */
  readonly buy: (batch: ReadonlyArray<Flight>, giveBack: GiveBack) => Effect.Effect<void>
  readonly queue: Set<Waited>
  isTimed: boolean
}

export interface Batcher {
  /** The facts, in the order of the cells. */
  readonly want: (
    group: { readonly id: string } & Pick<Group, "size" | "buy">,
    cells: ReadonlyArray<Cell>
  ) => Effect.Effect<ReadonlyArray<Fact>, PaidError>
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

    const flight = (cell: Cell): Waited => {
      const landed = Deferred.unsafeMake<Fact, PaidError>(FiberId.none)
      const made: Waited = {
        cell,
        landed,
        waiters: 0,
        isDone: false,
        land: (exit) => {
          if (made.isDone) return
          made.isDone = true
          if (flights.get(cell.flightKey) === made) flights.delete(cell.flightKey)
          Deferred.unsafeDone(landed, exit)
        }
      }
      flights.set(cell.flightKey, made)
      return made
    }

    const subjectsOf = (queue: Iterable<Waited>): number => {
      const subjects = new Set<string>()
      for (const { cell } of queue) subjects.add(cell.subject)
      return subjects.size
    }

    /** The first of the queue, up to the size of a call. */
    const take = ({ queue, size }: Group): ReadonlyArray<Waited> => {
      const subjects = new Set<string>()
      const batch: Array<Waited> = []
      for (const one of queue) {
        if (one.waiters === 0) {
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

    // Whoever came first may go: the work belongs to the service.
    const started = (work: Effect.Effect<void>) => Effect.forkIn(Effect.interruptible(work), scope)

    const giveBackTo =
      (id: string, group: Group): GiveBack =>
      (given, when) =>
        Effect.asVoid(
          started(
            Effect.onExit(
              Effect.flatMap(when, (left) => {
                // Safe: every flight was made here.
                for (const one of left) group.queue.add(one as Waited)
                return left.length === 0 ? Effect.void : leave(id, group)
              }),
              (exit) =>
                Effect.sync(() => {
                  if (Exit.isFailure(exit)) for (const one of given) one.land(Exit.failCause(exit.cause))
                })
            )
          )
        )

    const leave = (id: string, group: Group): Effect.Effect<void> =>
      gate.withPermits(1)(
        Effect.suspend(() => {
          const batch = take(group)
          if (group.queue.size === 0 && !group.isTimed) groups.delete(id)
          if (batch.length === 0) return Effect.void
          return Effect.zipRight(
            Effect.forkIn(group.queue.size > 0 ? kick(id, group) : Effect.void, scope),
            Effect.onExit(group.buy(batch, giveBackTo(id, group)), (exit) =>
              Effect.sync(() => {
                if (Exit.isFailure(exit)) for (const one of batch) one.land(Exit.failCause(exit.cause))
              })
            )
          )
        })
      )

    /** A full batch leaves at once, the rest when others had time to join it. */
    const kick = (id: string, group: Group): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (group.size === 1 || wait === 0 || subjectsOf(group.queue) >= group.size) return leave(id, group)
        if (group.isTimed) return Effect.void
        group.isTimed = true
        return Effect.zipRight(
          Effect.ensuring(
            Effect.sleep(wait),
            Effect.sync(() => {
              group.isTimed = false
            })
          ),
          leave(id, group)
        )
      })

    const want: Batcher["want"] = ({ buy, id, size }, cells) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const joined: Array<Waited> = []
          let group = groups.get(id)
          let isNew = false
          for (const cell of cells) {
            let one = flights.get(cell.flightKey)
            if (one === undefined) {
              one = flight(cell)
              if (group === undefined) {
                group = { size, buy, queue: new Set(), isTimed: false }
                groups.set(id, group)
              }
              group.queue.add(one)
              isNew = true
            }
            one.waiters++
            joined.push(one)
          }
          const awaited = Effect.forEach(joined, ({ landed }) => Deferred.await(landed)).pipe(
            restore,
            Effect.ensuring(
              Effect.sync(() => {
                for (const one of joined) one.waiters--
              })
            )
          )
          if (!isNew || group === undefined) return awaited
          return Effect.zipRight(started(kick(id, group)), awaited)
        })
      )

    return { want }
  })
