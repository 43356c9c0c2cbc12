/** Milliseconds that only go forward: the wall clock may be put right while a call is under way. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export const unsafeElapsed = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)

export const elapsed: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(() => unsafeElapsed(clock)))
