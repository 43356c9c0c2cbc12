/** What the processes that take from one budget agree on. */
import * as Schema from "effect/Schema"
import type { Book, Request } from "../src/CreditLedger.js"

export const processes = 8
export const takers = 200
export const limit = 1_000
/** All takers ask one Redis at once, and the last of them waits for all others: more than the default 50 ms. */
export const deadlineMillis = 5_000

export const book: Book = { provider: "ahrefs", unit: "api_units" }
export const accountOf = (repetition: number): string => `repetition-${repetition}`
/** Each process is a tenant, so that the books tell them apart. */
export const tenantOf = (process: number): string => `process-${process}`

export const requestOf = (account: string, tenant: string | null, life: number): Request => ({
  ...book,
  account,
  operation: "getBacklinks",
  parts: [{ tenant, job: null, amount: 1 }],
  life
})

interface Manner {
  /** How often each taker takes, one after the other. */
  readonly takes: number
  /** Milliseconds a hold outlives its owner. */
  readonly life: number
  /** A taker holds from 0 to so many milliseconds. */
  readonly longestHold: number
  /** What is settled is from here to 1. */
  readonly leastCost: number
}

export const manners = {
  steady: { takes: 1, life: 120_000, longestHold: 0, leastCost: 1 },
  killed: { takes: 3, life: 3_000, longestHold: 20, leastCost: 0 }
} satisfies Readonly<Record<string, Manner>>

/** What the takers of a process know of a repetition: what was answered, not what was asked. */
export const Tally = Schema.Struct({
  granted: Schema.Number,
  exceeded: Schema.Number,
  unavailable: Schema.Number,
  settled: Schema.Number,
  spent: Schema.Number
})

export type Tally = typeof Tally.Type
