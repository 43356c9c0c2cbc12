import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

/** Vendors' date-times have no zone; they are read as UTC. */
export const utc = (text: string | null): Option.Option<DateTime.Utc> =>
  text === null ? Option.none() : DateTime.make(`${text.trim().replace(" ", "T")}Z`)
