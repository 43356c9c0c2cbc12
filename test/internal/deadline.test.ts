import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Deadline from "../../src/internal/deadline.js"
import { advance } from "../support/clock.js"

const late = () => "late" as const
const limited = Deadline.make("10 seconds")

/** Never ends, and counts how many are under way. */
const counted = () => {
  const under = { way: 0 }
  const work = Effect.never.pipe(
    Effect.onInterrupt(() => Effect.sync(() => void (under.way -= 1))),
    Effect.tap(() => Effect.void)
  )
  return {
    under,
    work: Effect.zipRight(
      Effect.sync(() => void (under.way += 1)),
      work
    )
  }
}

describe("deadline", () => {
  it.scoped("passes on what is in time: values, failures, defects, interruption", () =>
    Effect.gen(function* () {
      const deadline = yield* limited
      assert.strictEqual(yield* deadline(Effect.succeed(1), late), 1)
      assert.strictEqual(yield* Effect.flip(deadline(Effect.fail("no"), late)), "no")
      assert.deepStrictEqual(yield* Effect.exit(deadline(Effect.die("defect"), late)), Exit.die("defect"))
      const interrupted = yield* Effect.exit(deadline(Effect.interrupt, late))
      assert.isTrue(Exit.isInterrupted(interrupted))
      const slow = yield* Effect.fork(deadline(Effect.delay(Effect.succeed(2), "9999 millis"), late))
      yield* advance("9999 millis")
      assert.strictEqual(yield* Fiber.join(slow), 2)
    })
  )

  it.scoped("each of many calls fails at its own time", () =>
    Effect.gen(function* () {
      const deadline = yield* limited
      const { under, work } = counted()
      const fibers: Array<Fiber.Fiber<never, "late">> = []
      for (let second = 0; second < 8; second++) {
        fibers.push(yield* Effect.fork(deadline(work, late)))
        yield* advance("1 second")
      }
      assert.strictEqual(under.way, 8)
      yield* advance("1999 millis")
      for (const [i, fiber] of fibers.entries()) {
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)), `call ${i} ended early`)
        yield* advance("1 millis")
        assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "late")
        assert.strictEqual(under.way, 7 - i)
        yield* advance("999 millis")
      }
    })
  )

  it.scoped("one timer watches a thousand calls", () =>
    Effect.gen(function* () {
      const deadline = yield* limited
      const { under, work } = counted()
      const fibers = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.fork(deadline(work, late)))
      yield* advance("5 seconds")
      assert.strictEqual(under.way, 1000)
      // Every sleep of the test clock is a timer.
      assert.strictEqual(
        (yield* TestClock.sleeps()).pipe((sleeps) => Array.from(sleeps).length),
        1
      )
      yield* advance("5 seconds")
      assert.strictEqual(under.way, 0)
      for (const fiber of fibers) assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "late")
      assert.strictEqual(Array.from(yield* TestClock.sleeps()).length, 0)
    })
  )

  it.scoped("the timer starts again after all calls have ended", () =>
    Effect.gen(function* () {
      const deadline = yield* limited
      for (let round = 0; round < 3; round++) {
        const fiber = yield* Effect.fork(deadline(Effect.never, late))
        yield* advance("10 seconds")
        assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "late")
        yield* advance("1 minute")
        assert.strictEqual(yield* deadline(Effect.succeed(round), late), round)
      }
    })
  )

  it.scoped("interrupting the caller ends the work at once", () =>
    Effect.gen(function* () {
      const deadline = yield* limited
      const { under, work } = counted()
      const fiber = yield* Effect.fork(deadline(work, late))
      const other = yield* Effect.fork(deadline(work, late))
      yield* advance("1 second")
      assert.strictEqual(under.way, 2)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.strictEqual(under.way, 1)
      yield* advance("9 seconds")
      assert.strictEqual(yield* Effect.flip(Fiber.join(other)), "late")
    })
  )

  it.scoped("a caller that cannot be interrupted still has its deadline", () =>
    Effect.gen(function* () {
      const deadline = yield* limited
      const { under, work } = counted()
      const fiber = yield* Effect.fork(Effect.uninterruptible(deadline(work, late)))
      yield* advance("10 seconds")
      assert.strictEqual(under.way, 0)
      assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "late")
    })
  )

  it.effect("closing the scope ends the timer, whoever started it", () =>
    Effect.gen(function* () {
      for (const region of [Effect.interruptible, Effect.uninterruptible]) {
        const scope = yield* Scope.make()
        const deadline = yield* Scope.extend(limited, scope)
        const fiber = yield* Effect.fork(Effect.exit(region(deadline(Effect.sleep("1 second"), late))))
        yield* advance("500 millis")
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* advance("1 millis")
        assert.isTrue(Option.isSome(yield* Fiber.poll(closing)), "the scope waits for the timer")
        yield* advance("1 second")
        yield* Fiber.join(fiber)
      }
    })
  )

  it.effect("calls that outlive the scope, or begin after it, have their deadline still, and leave no timer", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const deadline = yield* Scope.extend(limited, scope)
      const before = yield* Effect.fork(deadline(Effect.never, late))
      yield* advance("1 second")
      yield* Scope.close(scope, Exit.void)
      const after = yield* Effect.fork(deadline(Effect.never, late))
      const done = yield* Effect.fork(deadline(Effect.sleep("2 seconds"), late))
      yield* advance("9 seconds")
      assert.strictEqual(yield* Effect.flip(Fiber.join(before)), "late")
      yield* Fiber.join(done)
      yield* advance("1 second")
      assert.strictEqual(yield* Effect.flip(Fiber.join(after)), "late")
      assert.lengthOf(Array.from(yield* TestClock.sleeps()), 0)
      yield* deadline(Effect.sleep(0), late).pipe(Effect.fork, Effect.zipRight(advance("1 millis")))
      assert.lengthOf(Array.from(yield* TestClock.sleeps()), 0)
    })
  )

  it.scoped("calls given up while they begin take nothing with them", () =>
    Effect.gen(function* () {
      // A fiber that yields often can be interrupted in many places.
      for (let ops = 16; ops < 30; ops++) {
        for (let steps = 0; steps < 8; steps++) {
          const deadline = yield* limited
          const { under, work } = counted()
          const given = yield* Effect.fork(Effect.withMaxOpsBeforeYield(deadline(work, late), ops))
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow()
          yield* Fiber.interrupt(given)
          assert.strictEqual(under.way, 0, `after ${steps} steps of ${ops}`)
          const fiber = yield* Effect.fork(deadline(Effect.never, late))
          yield* advance("10 seconds")
          const exit = yield* Fiber.poll(fiber)
          assert.isTrue(Option.isSome(exit), `no deadline any more after ${steps} steps of ${ops}`)
        }
      }
    })
  )
})
