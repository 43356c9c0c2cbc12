/**
 * A time limit on calls that costs less than the call: `Effect.timeout` starts two fibers and a timer for each, which takes
 * about as long as all the rest of it. All calls of a service have the same limit, so the one that began first ends first,
 * and one timer watches them all.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import { elapsed, unsafeElapsed } from "./elapsed.js"

interface Running {
  readonly endsAt: number
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  isLate: boolean
}

export type Deadline = <A, E, E2>(work: Effect.Effect<A, E>, onTimeout: () => E2) => Effect.Effect<A, E | E2>

export const make = (limit: Duration.DurationInput): Effect.Effect<Deadline, never, Scope.Scope> =>
  Effect.gen(function* () {
    const millis = Duration.toMillis(limit)
    const calls = new Set<Running>() // in the order in which they end
    let watcher: Fiber.RuntimeFiber<void> | null = null
    let isClosed = false
    /** After the close nobody waits for a timer; a call of whoever is not closed with the service has its deadline still. */
    const stop = () => {
      if (!isClosed || calls.size > 0 || watcher === null) return
      watcher.unsafeInterruptAsFork(FiberId.none)
      watcher = null
    }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isClosed = true
        stop()
      })
    )

    const watch: Effect.Effect<void> = Effect.flatMap(elapsed, (now) => {
      for (const call of calls) {
        if (call.endsAt > now) return Effect.zipRight(Effect.sleep(call.endsAt - now), watch)
        calls.delete(call)
        call.isLate = true
        call.fiber.unsafeInterruptAsFork(FiberId.none)
      }
      watcher = null
      return Effect.void
    })

    const begin = Effect.suspend(() =>
      watcher !== null
        ? Effect.void
        : Effect.map(Effect.forkDaemon(Effect.interruptible(watch)), (fiber) => {
            watcher = fiber
          })
    )

    return <A, E, E2>(work: Effect.Effect<A, E>, onTimeout: () => E2): Effect.Effect<A, E | E2> =>
      // As one step: an interruption in between would leave this call, or every later one, without a deadline.
      Effect.uninterruptibleMask((restore) =>
        Effect.clockWith((clock) =>
          // No child: a fiber that is interrupted passes that on to its children at once, also where it is itself to go on to its end.
          Effect.flatMap(Effect.forkDaemon(Effect.interruptible(work)), (fiber) => {
            const call: Running = { endsAt: unsafeElapsed(clock) + millis, fiber, isLate: false }
            calls.add(call)
            fiber.addObserver(() => {
              calls.delete(call)
              stop()
            })
            const answer = Effect.async<A, E | E2>((resume) => {
              fiber.addObserver((exit) => resume(call.isLate ? Effect.fail(onTimeout()) : exit))
            })
            const awaited = Effect.onInterrupt(restore(answer), () => Fiber.interrupt(fiber))
            return watcher === null ? Effect.zipRight(begin, awaited) : awaited
          })
        )
      )
  })
