/** Figures as providers state them: what is out of range is no figure, whatever it was meant to be. */
import * as Schema from "effect/Schema"

/** Links, visits, cents: from 0, and exact. */
export const Count = Schema.Number.pipe(Schema.between(0, Number.MAX_SAFE_INTEGER))

/** Domain rating, InLink Rank, flows: 0 to 100. */
export const Rating = Schema.Number.pipe(Schema.between(0, 100))
