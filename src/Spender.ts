/**
 * On whose behalf calls are made: whose budgets they count against, and who takes turns with whom.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"

/**
 * Names of the embedding service's own; `null` where nobody is named.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Spender {
  readonly tenant: string | null
  readonly job: string | null
}

/**
 * The spender of the fiber that calls.
 *
 * @since 0.1.0
 * @category Context
 */
export const current: FiberRef.FiberRef<Spender> = globalValue("effect-seo-providers/Spender/current", () =>
  FiberRef.unsafeMake<Spender>({ tenant: null, job: null })
)

/**
 * Whatever is bought inside `effect` is bought for this tenant, this job or both: `Spender.as({ tenant: "acme" })(effect)`. What
 * is not named stays as it is outside.
 *
 * @since 0.1.0
 * @category Combinators
 */
export const as =
  (spender: { readonly tenant?: string | undefined; readonly job?: string | undefined }) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.locallyWith(effect, current, ({ job, tenant }) => ({
      tenant: spender.tenant ?? tenant,
      job: spender.job ?? job
    }))
