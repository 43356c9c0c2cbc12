/**
 * What an account may still spend, as the provider itself counts it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Provider, Unit } from "./Operation.js"

/**
 * Plan, limits and dates of the account behind a key. `null` where the contract does not say: unknown, not zero.
 *
 * - `isActive`: whether the account may use the API at all
 * - `limit`, `used`, `left`: in `unit`, for the current period. A `limit` of `null` is no limit known
 * - `resetsAt`: when the period ends
 * - `keyExpiresAt`: when the key stops working
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Usage = Schema.Struct({
  provider: Provider,
  unit: Unit,
  plan: Schema.NullOr(Schema.String),
  isActive: Schema.Boolean,
  limit: Schema.NullOr(Schema.Number),
  used: Schema.NullOr(Schema.Number),
  left: Schema.NullOr(Schema.Number),
  resetsAt: Schema.NullOr(Schema.DateTimeUtc),
  keyExpiresAt: Schema.NullOr(Schema.DateTimeUtc)
}).annotations({ identifier: "Usage" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface Usage extends Schema.Schema.Type<typeof Usage> {}
