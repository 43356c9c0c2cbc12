/**
 * A time limit on calls that costs less than the call: `Effect.timeout` starts two fibers and a timer for each, which takes
 * about as long as all the rest of it. All calls of a service have the same limit, so the one that began first ends first,
 * and one timer watches them all.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

interface Running {
  readonly endsAt: number
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  isLate: boolean
}

export type Deadline = <A, E, E2>(work: Effect.Effect<A, E>, onTimeout: () => E2) => Effect.Effect<A, E | E2>

export const make = (limit: Duration.DurationInput): Effect.Effect<Deadline, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const millis = Duration.toMillis(limit)
    const calls = new Set<Running>() // in the order in which they end
    let isWatched = false

    const watch: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      for (const call of calls) {
        if (call.endsAt > now) return Effect.zipRight(Effect.sleep(call.endsAt - now), watch)
        calls.delete(call)
        call.isLate = true
        call.fiber.unsafeInterruptAsFork(FiberId.none)
      }
      isWatched = false
      return Effect.void
    })

    // As one step: an interruption between the two would leave every later call without a deadline.
    const begin = Effect.uninterruptible(
      Effect.suspend(() => {
        if (isWatched) return Effect.void
        isWatched = true
        return Effect.asVoid(Effect.forkIn(Effect.interruptible(watch), scope))
      })
    )

    return <A, E, E2>(work: Effect.Effect<A, E>, onTimeout: () => E2): Effect.Effect<A, E | E2> =>
      Effect.clockWith((clock) =>
        Effect.flatMap(Effect.fork(Effect.interruptible(work)), (fiber) => {
          const call: Running = { endsAt: clock.unsafeCurrentTimeMillis() + millis, fiber, isLate: false }
          // Nothing to clean up when the caller is interrupted: the fiber is its child and ends with it.
          const answer = Effect.async<A, E | E2>((resume) => {
            fiber.addObserver((exit) => {
              calls.delete(call)
              resume(call.isLate ? Effect.fail(onTimeout()) : exit)
            })
          })
          calls.add(call)
          return isWatched ? answer : Effect.zipRight(begin, answer)
        })
      )
  })
