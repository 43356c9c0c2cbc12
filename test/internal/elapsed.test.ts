import { assert, describe, it } from "@effect/vitest"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Deadline from "../../src/internal/deadline.js"
import { elapsed } from "../../src/internal/elapsed.js"
import { advance } from "../support/clock.js"

const hour = 3_600_000

/** The same clock, whose hands somebody has moved. */
const wrong = (clock: Clock.Clock, by: () => number): Clock.Clock => ({
  ...clock,
  sleep: (duration) => clock.sleep(duration),
  currentTimeNanos: clock.currentTimeNanos,
  unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
  currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + by()),
  unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + by()
})

describe("elapsed", () => {
  it.effect("is told nothing by a wall clock that is put ahead or back", () =>
    Effect.gen(function* () {
      let by = 0
      const clock = wrong(yield* Effect.clock, () => by)
      const read = Effect.withClock(elapsed, clock)
      const before = yield* read
      for (by of [hour, -hour]) assert.strictEqual(yield* read, before)
      yield* advance(5)
      assert.strictEqual(yield* read, before + 5)
    })
  )

  it.scoped("a call under way has its deadline all the same", () =>
    Effect.gen(function* () {
      let by = 0
      const clock = wrong(yield* Effect.clock, () => by)
      const limited = yield* Deadline.make("1 second")
      const calls = yield* Effect.forEach([500, 5_000], (millis) =>
        Effect.fork(
          Effect.withClock(
            limited(Effect.as(Effect.sleep(millis), millis), () => "late"),
            clock
          )
        )
      )
      yield* advance(100)
      by = hour
      // Another begins: the watcher looks at the clock.
      const third = yield* Effect.fork(
        Effect.withClock(
          limited(Effect.sleep(10), () => "late"),
          clock
        )
      )
      yield* advance(399)
      assert.isTrue(Option.isNone(yield* Fiber.poll(calls[0]!)))
      by = -hour
      yield* advance(501)
      assert.strictEqual(yield* Fiber.join(calls[0]!), 500)
      assert.strictEqual(yield* Effect.flip(Fiber.join(calls[1]!)), "late")
      yield* Fiber.join(third)
    })
  )
})
