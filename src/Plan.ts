/**
 * What a call would cost, before anything is paid.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { Provider, Unit } from "./Operation.js"

/**
 * - `targets`: distinct ones that are asked about; `cached`: those of them that the cache answers for nothing
 * - `calls`: to the provider, for the others
 * - `units`: what these calls cost. Exact where `lower === upper`, else the answer's length decides; `upper: null` where the
 *   contract states no price
 * - `time`: until the last of them may leave, at the account's present pace
 *
 * @since 0.1.0
 * @category Models
 */
export interface Plan {
  readonly provider: Provider
  readonly operation: string
  readonly targets: number
  readonly cached: number
  readonly calls: number
  readonly unit: Unit
  readonly units: { readonly lower: number; readonly upper: number | null }
  readonly time: Duration.Duration
}
