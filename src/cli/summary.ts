/** What a run came to. */
import type { Ledger } from "./ledger.js"
import type { Rater } from "./rate.js"
import type { Row } from "./rows.js"
import type { Verdict } from "./verdict.js"

export interface Summary extends Pick<Rater, "isSimulated" | "provider" | "unit" | "unitsAlone"> {
  readonly counts: Readonly<Record<Verdict, number>>
  readonly ledger: Ledger
}

export const countsOf = (rows: ReadonlyArray<Row>): Record<Verdict, number> => {
  const counts = { qualified: 0, too_weak: 0, too_strong: 0, unknown: 0, invalid: 0 }
  for (const { verdict } of rows) counts[verdict]++
  return counts
}
