/**
 * A time limit on calls that costs less than the call: `Effect.timeout` starts two fibers and a timer for each (41 us of a
 * 68 us call, bench/overhead). All calls of a service have the same limit, so the one that began first ends first, and one
 * timer watches them all.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
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

    const begin = (call: Running): Effect.Effect<void> => {
      calls.add(call)
      if (isWatched) return Effect.void
      isWatched = true
      return Effect.asVoid(Effect.forkIn(watch, scope))
    }

    return <A, E, E2>(work: Effect.Effect<A, E>, onTimeout: () => E2): Effect.Effect<A, E | E2> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.flatMap(Effect.fork(work), (fiber) => {
          const call: Running = { endsAt: now + millis, fiber, isLate: false }
          return Effect.zipRight(
            begin(call),
            Effect.async<A, E | E2>((resume) => {
              fiber.addObserver((exit) => {
                calls.delete(call)
                resume(call.isLate ? Effect.fail(onTimeout()) : exit)
              })
              return Fiber.interrupt(fiber)
            })
          )
        })
      )
  })
