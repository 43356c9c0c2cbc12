import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import * as Guard from "../../src/internal/guard.js"

const silent = <A>() => new Promise<A>(() => undefined)
const quietly = Logger.replace(Logger.defaultLogger, Logger.none)
const gauge = Metric.gauge("seo_provider_store_up", {
  description: "The breaker: 1 while the shared store answers, 0 while it does not"
}).pipe(Metric.tagged("unit", "{store}"), Metric.tagged("store", "cache"))
const up = Effect.map(Metric.value(gauge), ({ value }) => value)

describe("a store behind a guard", () => {
  it.live("answers", () =>
    Effect.gen(function* () {
      const guard = Guard.make(1_000)
      assert.strictEqual(yield* guard.awaited(() => Promise.resolve(5)), 5)
      assert.isTrue(guard.isUp())
    })
  )

  it.live("that says nothing is waited for no longer than its deadline", () =>
    Effect.gen(function* () {
      const guard = Guard.make(20)
      const start = performance.now()
      const error = yield* Effect.flip(guard.awaited(silent))
      assert.strictEqual(error.message, "no answer in 20 ms")
      assert.isBelow(performance.now() - start, 1_000)
      assert.isTrue(guard.isUp())
    })
  )

  it.live("whose error names a password is not quoted", () =>
    Effect.gen(function* () {
      const guard = Guard.make(1_000)
      const error = yield* Effect.flip(
        guard.awaited(() => Promise.reject(new Error("connect redis://:CANARY@host:6379 failed")))
      )
      assert.notInclude(error.message, "CANARY")
    })
  )

  it.live("that fails five times rests, then is tried again, and is told of", () =>
    Effect.gen(function* () {
      yield* Metric.set(gauge, 5)
      const guard = Guard.make(1_000)
      assert.strictEqual(yield* up, 1)
      let asked = 0
      let isDown = true
      const ask = guard.awaited(() => {
        asked++
        return isDown ? Promise.reject(new Error("down")) : Promise.resolve("up")
      })
      yield* Effect.repeatN(Effect.flip(ask), 9)
      assert.strictEqual(asked, 5)
      assert.isFalse(guard.isUp())
      assert.strictEqual(yield* up, 0)
      isDown = false
      assert.strictEqual(yield* Effect.retry(ask, Schedule.spaced("20 millis")), "up")
      assert.strictEqual(asked, 6)
      assert.isTrue(guard.isUp())
      assert.strictEqual(yield* up, 1)
    }).pipe(Effect.provide(quietly))
  )

  it.live("is not blamed for a process that was itself busy", () =>
    Effect.gen(function* () {
      const guard = Guard.make(20)
      const answer = new Promise<string>((resolve) => setTimeout(resolve, 25, "late, but heard"))
      const fiber = yield* Effect.fork(guard.awaited(() => answer))
      yield* Effect.yieldNow()
      const end = performance.now() + 200
      while (performance.now() < end);
      assert.strictEqual(yield* Fiber.join(fiber), "late, but heard")
    })
  )
})
