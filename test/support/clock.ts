import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"

/** Fifty turns of the event loop: what is under way and waits for no time has come as far as it can. */
const settled = Effect.promise(async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
})

/**
 * Moves the clock on. `TestClock.adjust` alone waits 10 ms of real time for the fibers, before and after; on a busy
 * machine that can be too short, and a fiber that comes to its sleep afterwards sleeps for ever.
 */
export const advance = (duration: Duration.DurationInput): Effect.Effect<void> =>
  Effect.zipRight(settled, Effect.zipRight(TestClock.adjust(duration), settled))
