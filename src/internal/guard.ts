/** No answer of a store is waited for longer than a deadline, and a store that is down is not asked on every call. */
import * as Effect from "effect/Effect"
import { type Await, StoreUnavailable } from "../CacheStore.js"
import { countStoreFailure, setStoreUp, type Store } from "./metrics.js"

export interface Guard {
  readonly awaited: Await
  readonly isUp: () => boolean
}

const restMillis = 1_000
/** So many deadlines a process that is itself busy waits at the most. */
const maxGrants = 20

/** The wall clock on purpose: a socket does not run on a test's clock. */
export const make = (
  deadlineMillis: number,
  { store, threshold }: { readonly store: Store; readonly threshold: number } = { store: "cache", threshold: 5 }
): Guard => {
  setStoreUp(store, true)
  let failures = 0
  let restsUntil = 0
  const isUp = () => failures < threshold

  const failure = (message: string): Effect.Effect<never, StoreUnavailable> =>
    Effect.suspend(() => {
      failures++
      if (!isUp()) restsUntil = performance.now() + restMillis
      const told =
        failures === threshold
          ? Effect.zipRight(
              Effect.sync(() => setStoreUp(store, false)),
              Effect.logWarning(`The shared store is down: ${message}`)
            )
          : Effect.void
      return Effect.zipRight(Effect.zipRight(countStoreFailure(store), told), new StoreUnavailable({ message }))
    })
  const success = <A>(value: A): Effect.Effect<A> => {
    const wasDown = !isUp()
    failures = 0
    if (!wasDown) return Effect.succeed(value)
    return Effect.as(
      Effect.zipRight(
        Effect.sync(() => setStoreUp(store, true)),
        Effect.logInfo("The shared store is up again")
      ),
      value
    )
  }

  return {
    isUp,
    awaited: (ask) =>
      Effect.async((resume) => {
        const now = performance.now()
        if (!isUp()) {
          if (now < restsUntil) return resume(new StoreUnavailable({ message: "The shared store is down" }))
          // One call tries it; the others rest until it has answered.
          restsUntil = now + restMillis
        }
        // A process that was busy all the while has perhaps not even sent the question: that is not the store's delay.
        const askedAt = performance.eventLoopUtilization()
        const end = now + maxGrants * deadlineMillis
        let isOver = false
        let timer: NodeJS.Timeout
        const wait = (): void => {
          // Timers come before sockets: an answer that is already here is heard first.
          timer = setTimeout(() => setImmediate(late), deadlineMillis)
        }
        const late = (): void => {
          if (isOver) return
          const isBusy = performance.eventLoopUtilization(askedAt).idle < deadlineMillis / 2
          if (isBusy && performance.now() < end) wait()
          else finish(() => failure(`no answer in ${deadlineMillis} ms`))
        }
        const finish = <A>(told: () => Effect.Effect<A, StoreUnavailable>) => {
          isOver = true
          clearTimeout(timer)
          // Safe: `told` gives what `ask` answered, or fails.
          resume(Effect.suspend(told) as never)
        }
        wait()
        ask().then(
          (value) => finish(() => success(value)),
          // Its text may hold a host and a password.
          (error: unknown) => finish(() => failure(error instanceof Error ? error.name : "unknown error"))
        )
        return Effect.sync(() => {
          isOver = true
          clearTimeout(timer)
        })
      })
  }
}
