/**
 * Where an answer came from and what it cost, fact by fact.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type { ContractName, Provider, Unit } from "./Operation.js"

/**
 * - `cache`: `fresh` and `stale` facts were paid for before, `bought` ones by this answer or by one it joined
 * - `column`: `*` where the fact is not a column of a row
 * - `observedAt`: when the provider said so, milliseconds since 1970
 * - `paid`: its share of the price of the call that bought it, then; `null` where nobody stated a price
 *
 * @since 0.1.0
 * @category Models
 */
export interface Provenance {
  readonly provider: Provider
  readonly contract: ContractName
  readonly operation: string
  readonly subject: string
  readonly column: string
  readonly cache: "fresh" | "stale" | "bought"
  readonly observedAt: number
  readonly unit: Unit
  readonly paid: number | null
}

/** @internal `null`: nobody asks. */
export const collector: FiberRef.FiberRef<((facts: ReadonlyArray<Provenance>) => void) | null> = globalValue(
  "effect-seo-providers/Provenance/collector",
  () => FiberRef.unsafeMake<((facts: ReadonlyArray<Provenance>) => void) | null>(null)
)

/**
 * Tells `listen` of every fact that the calls inside `effect` answer with, as they answer.
 *
 * @since 0.1.0
 * @category Combinators
 */
export const listening: {
  (
    listen: (facts: ReadonlyArray<Provenance>) => void
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
} = (listen) => (effect) => Effect.locally(effect, collector, listen)

/**
 * An answer with the provenance of its facts.
 *
 * @since 0.1.0
 * @category Combinators
 */
export const collect = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [answer: A, facts: ReadonlyArray<Provenance>], E, R> =>
  Effect.suspend(() => {
    const facts: Array<Provenance> = []
    return Effect.map(
      listening((more) => {
        for (const fact of more) facts.push(fact)
      })(effect),
      (answer) => [answer, facts] as const
    )
  })
