/**
 * The books of a credit ledger: what is held, what was spent. Two-phase transfers: `reserve` holds the most a call can cost,
 * `settle` books what it did cost, `cancel` gives the hold back; a hold whose owner died expires, and may be settled all the same,
 * because the money is gone. These are the books of one process; booksRedis.ts keeps the same for many.
 */
import * as Effect from "effect/Effect"
import type { StoreUnavailable } from "../CacheStore.js"

/** When a budget begins anew: `null` never, else so many milliseconds after the month's beginning (UTC). */
export type Anchor = number | null

/** What an amount counts against, where a limit holds or may come to hold. */
export interface Window {
  readonly name: string
  readonly anchor: Anchor
  readonly amount: number
  /** `null`: counted, not limited. */
  readonly limit: number | null
  /** Shares of the limit that are told when they are reached, ascending. */
  readonly alerts: ReadonlyArray<number>
}

/** A line of the usage: who, and with what. */
export interface Line {
  readonly field: string
  readonly amount: number
}

export interface Entry {
  readonly id: string
  /** Units are never mixed: each has a book of its own. */
  readonly book: string
  /** How long the hold outlives its owner, in milliseconds. */
  readonly life: number
  readonly windows: ReadonlyArray<Window>
  readonly lines: ReadonlyArray<Line>
  /** Nobody states a price: the amounts are assumed. */
  readonly isUnpriced: boolean
}

/** What was spent, in the order of an entry's windows and lines. */
export interface Spent {
  readonly windows: ReadonlyArray<number>
  readonly lines: ReadonlyArray<number>
}

export type State = "settled" | "cancelled"

/** These windows are new, or were lost: what was spent in them before has to be told first. */
export interface Blank {
  readonly _tag: "Blank"
  readonly windows: ReadonlyArray<{ readonly window: number; readonly period: number }>
}

export type Reserved =
  | { readonly _tag: "Held" }
  | { readonly _tag: "Closed"; readonly state: State | "expired" }
  /** The window that has too little left. */
  | { readonly _tag: "Over"; readonly window: number; readonly left: number; readonly period: number }
  /** The id is that of another entry. */
  | { readonly _tag: "Other" }
  | Blank

export interface Crossing {
  readonly window: number
  readonly share: number
  readonly spent: number
  readonly period: number
}

export type Closed =
  | {
      readonly _tag: "Done"
      readonly isLate: boolean
      readonly crossings: ReadonlyArray<Crossing>
      /** When the hold was made, and when it was closed. */
      readonly heldAt: number
      readonly at: number
    }
  | { readonly _tag: "Closed"; readonly state: State; readonly heldAt: number; readonly at: number }
  | { readonly _tag: "Unknown" }

export interface Balance {
  readonly spent: number
  readonly held: number
  /** The number of the window's period: months since the year 0; 0 where it never begins anew. */
  readonly period: number
}

/** What a line of the usage counts. */
export type Measure = "calls" | "unpriced" | "spent" | "reserved" | "expired" | "saved"

/** A line of the audit trail. `at` in milliseconds since 1970. */
export interface Audited {
  readonly cursor: string
  readonly id: string
  /** Which line of its entry. */
  readonly part: number
  readonly book: string
  readonly at: number
  readonly field: string
  readonly reserved: number
  readonly amount: number
  readonly heldAt: number
  readonly isLate: boolean
}

export interface Books<out E = StoreUnavailable> {
  /** `mayBeBlank` false: a window that nobody has told of is `Blank` until it is restored. */
  readonly reserve: (entry: Entry, mayBeBlank: boolean) => Effect.Effect<Reserved, E>
  readonly settle: (entry: Entry, spent: Spent) => Effect.Effect<Closed, E>
  /** Settles an entry that the books do not know: they were lost, the money is gone. */
  readonly book: (entry: Entry, spent: Spent, mayBeBlank: boolean) => Effect.Effect<Closed | Blank, E>
  readonly cancel: (entry: Entry) => Effect.Effect<Closed, E>
  readonly balance: (book: string, name: string, anchor: Anchor) => Effect.Effect<Balance, E>
  /** Amounts that facts of the cache had cost when they were bought. */
  readonly save: (book: string, saved: ReadonlyMap<string, number>) => Effect.Effect<void, E>
  /** Lines by day: `field`, then measures. */
  readonly usage: (
    book: string,
    days: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<ReadonlyMap<string, number>>, E>
  /** Raises windows' spending to what is known of it elsewhere; they are blank no more. */
  readonly restore: (
    book: string,
    windows: ReadonlyArray<{ readonly name: string; readonly period: number; readonly spent: number }>
  ) => Effect.Effect<void, E>
  /** What was settled after `cursor` ("" from the beginning), oldest first, some at a time. */
  readonly audited: (book: string, cursor: string) => Effect.Effect<ReadonlyArray<Audited>, E>
}

const day = 86_400_000

/** When a period begins. An anchor after a short month's end is on its last day. */
export const startOf = (period: number, anchor: number): number => {
  const month = (n: number) => Date.UTC(Math.floor(n / 12), n % 12, 1)
  return Math.min(month(period) + anchor, month(period + 1) - day + (anchor % day))
}

export const periodOf = (now: number, anchor: Anchor): number => {
  if (anchor === null) return 0
  const date = new Date(now)
  const month = date.getUTCFullYear() * 12 + date.getUTCMonth()
  return now < startOf(month, anchor) ? month - 1 : month
}

export const dayOf = (now: number): string => new Date(now).toISOString().slice(0, 10)

/** How long a closed reservation is known to be closed, and an expired one can be settled. */
export const closedLife = 6 * 3_600_000
export const expiredLife = 7 * day
/** So many expired holds a call frees on its way. */
export const sweptAtOnce = 1_000
/** So many lines of the audit trail are kept for those who read it later. */
export const trail = 10_000

interface Hold {
  readonly entry: Entry
  readonly until: number
  readonly at: number
  readonly periods: ReadonlyArray<number>
}

/** Whether two entries hold the same for the same. */
const isSame = (one: Entry, other: Entry): boolean => {
  const parts = ({ lines, windows }: Entry) =>
    JSON.stringify([
      windows.map(({ amount, name }) => [name, amount]),
      lines.map(({ amount, field }) => [field, amount])
    ])
  return parts(one) === parts(other)
}

interface Found {
  readonly hold: Hold
  readonly isLate: boolean
}

interface Account {
  spent: number
  held: number
  isBlank: boolean
  /** The highest share told of. */
  told: number
}

export const make = (): Books<never> => {
  const accounts = new Map<string, Account>()
  const holds = new Map<string, Hold>()
  const closed = new Map<string, Extract<Closed, { readonly _tag: "Closed" }> & { readonly until: number }>()
  const expired = new Map<string, Hold & { readonly until: number }>()
  const days = new Map<string, Map<string, number>>()
  const audit: Array<Audited> = []
  let audits = 0

  const keyOf = ({ book, id }: Entry): string => `${book} ${id}`

  const accountOf = (book: string, name: string, period: number): Account => {
    const key = `${book} ${name} ${period}`
    const known = accounts.get(key) ?? { spent: 0, held: 0, isBlank: true, told: 0 }
    accounts.set(key, known)
    return known
  }
  const count = (book: string, day: string, field: string, measure: Measure, amount: number) => {
    const key = `${book} ${day}`
    const usage = days.get(key) ?? new Map<string, number>()
    days.set(key, usage)
    const name = `${measure} ${field}`
    usage.set(name, (usage.get(name) ?? 0) + amount)
  }

  const release = ({ at, entry, periods }: Hold) => {
    entry.windows.forEach(({ amount, name }, i) => {
      accountOf(entry.book, name, periods[i]!).held -= amount
    })
    for (const { amount, field } of entry.lines) count(entry.book, dayOf(at), field, "reserved", -amount)
    holds.delete(keyOf(entry))
  }

  /** When the next hold expires, at the earliest. */
  let next = Infinity

  const sweep = (now: number) => {
    if (next <= now) {
      next = Infinity
      for (const hold of holds.values()) {
        if (hold.until > now) {
          next = Math.min(next, hold.until)
          continue
        }
        release(hold)
        for (const { amount, field } of hold.entry.lines) {
          count(hold.entry.book, dayOf(hold.at), field, "expired", amount)
        }
        expired.set(keyOf(hold.entry), { ...hold, until: now + expiredLife })
      }
    }
    for (const ended of [closed, expired]) {
      for (const [id, { until }] of ended) {
        if (until > now) break
        ended.delete(id)
      }
    }
  }

  const take = (entry: Entry, now: number): Hold => {
    const periods = entry.windows.map(({ anchor }) => periodOf(now, anchor))
    return { entry, until: now + entry.life, at: now, periods }
  }
  const blanks = ({ entry, periods }: Hold, mayBeBlank: boolean): Blank | null => {
    const accounts = entry.windows.map(({ name }, i) => accountOf(entry.book, name, periods[i]!))
    const windows = mayBeBlank
      ? []
      : accounts.flatMap(({ isBlank }, i) => (isBlank ? [{ window: i, period: periods[i]! }] : []))
    if (windows.length > 0) return { _tag: "Blank", windows }
    for (const account of accounts) account.isBlank = false
    return null
  }

  /** The hold that is to be closed, or why it cannot be. */
  const find = (entry: Entry): Found | Exclude<Closed, { readonly _tag: "Done" }> => {
    const id = keyOf(entry)
    const hold = holds.get(id)
    if (hold !== undefined) return { hold, isLate: false }
    const late = expired.get(id)
    if (late !== undefined) return { hold: late, isLate: true }
    const known = closed.get(id)
    if (known === undefined) return { _tag: "Unknown" }
    const { until: _until, ...told } = known
    return told
  }

  const close = ({ at, entry }: Hold, state: State, now: number) => {
    expired.delete(keyOf(entry))
    closed.set(keyOf(entry), { _tag: "Closed", state, heldAt: at, at: now, until: now + closedLife })
  }

  const settled = ({ hold, isLate }: Found, spent: Spent, now: number): Closed => {
    const { entry, periods } = hold
    if (!isLate) release(hold)
    const crossings: Array<Crossing> = []
    for (const [i, { alerts, limit, name }] of entry.windows.entries()) {
      const period = periods[i]!
      const account = accountOf(entry.book, name, period)
      account.spent += spent.windows[i]!
      if (limit === null) continue
      const reached = alerts.filter((share) => account.spent > 0 && account.spent >= share * limit)
      for (const share of reached) {
        if (share > account.told) crossings.push({ window: i, share, spent: account.spent, period })
      }
      account.told = reached.at(-1) ?? 0
    }
    for (const [i, { amount, field }] of entry.lines.entries()) {
      count(entry.book, dayOf(hold.at), field, "calls", 1)
      if (entry.isUnpriced) count(entry.book, dayOf(hold.at), field, "unpriced", 1)
      count(entry.book, dayOf(hold.at), field, "spent", spent.lines[i]!)
      audit.push({
        cursor: String(++audits),
        id: entry.id,
        part: i,
        book: entry.book,
        at: now,
        heldAt: hold.at,
        field,
        isLate,
        reserved: amount,
        amount: spent.lines[i]!
      })
    }
    if (audit.length > 2 * trail) audit.splice(0, audit.length - trail)
    close(hold, "settled", now)
    return { _tag: "Done", isLate, crossings, heldAt: hold.at, at: now }
  }

  const at = <A>(work: (now: number) => A): Effect.Effect<A> =>
    Effect.clockWith((clock) =>
      Effect.sync(() => {
        const now = clock.unsafeCurrentTimeMillis()
        sweep(now)
        return work(now)
      })
    )

  return {
    reserve: (entry, mayBeBlank) =>
      at((now): Reserved => {
        const known = find(entry)
        if ("hold" in known) {
          if (known.isLate) return { _tag: "Closed", state: "expired" }
          return isSame(known.hold.entry, entry) ? { _tag: "Held" } : { _tag: "Other" }
        }
        if (known._tag === "Closed") return { _tag: "Closed", state: known.state }
        const hold = take(entry, now)
        const blank = blanks(hold, mayBeBlank)
        if (blank !== null) return blank
        const books = entry.windows.map(({ name }, i) => accountOf(entry.book, name, hold.periods[i]!))
        for (const [i, { amount, limit }] of entry.windows.entries()) {
          const { held, spent } = books[i]!
          if (limit !== null && spent + held + amount > limit) {
            return { _tag: "Over", window: i, left: limit - spent - held, period: hold.periods[i]! }
          }
        }
        entry.windows.forEach(({ amount }, i) => {
          books[i]!.held += amount
        })
        for (const { amount, field } of entry.lines) count(entry.book, dayOf(now), field, "reserved", amount)
        holds.set(keyOf(entry), hold)
        next = Math.min(next, hold.until)
        return { _tag: "Held" }
      }),
    settle: (entry, spent) =>
      at((now): Closed => {
        const known = find(entry)
        return "hold" in known ? settled(known, spent, now) : known
      }),
    book: (entry, spent, mayBeBlank) =>
      at((now): Closed | Blank => {
        const known = find(entry)
        if ("hold" in known) return settled(known, spent, now)
        if (known._tag === "Closed") return known
        const hold = take(entry, now)
        return blanks(hold, mayBeBlank) ?? settled({ hold, isLate: true }, spent, now)
      }),
    cancel: (entry) =>
      at((now): Closed => {
        const known = find(entry)
        if (!("hold" in known)) return known
        if (!known.isLate) release(known.hold)
        close(known.hold, "cancelled", now)
        return { _tag: "Done", isLate: known.isLate, crossings: [], heldAt: known.hold.at, at: now }
      }),
    balance: (book, name, anchor) =>
      at((now) => {
        const period = periodOf(now, anchor)
        const { held, spent } = accountOf(book, name, period)
        return { held, spent, period }
      }),
    save: (book, saved) =>
      at((now) => {
        for (const [field, amount] of saved) count(book, dayOf(now), field, "saved", amount)
      }),
    usage: (book, asked) => at(() => asked.map((day) => new Map(days.get(`${book} ${day}`)))),
    restore: (book, windows) =>
      at(() => {
        for (const { name, period, spent } of windows) {
          const account = accountOf(book, name, period)
          account.spent = Math.max(account.spent, spent)
          account.isBlank = false
        }
      }),
    audited: (book, cursor) =>
      at(() =>
        audit
          .filter((one) => one.book === book && Number(one.cursor) > Number(cursor === "" ? 0 : cursor))
          .slice(0, 1_000)
      )
  }
}

const done: Closed = { _tag: "Done", isLate: false, crossings: [], heldAt: 0, at: 0 }

/** Books that nobody keeps. */
export const none: Books<never> = {
  reserve: () => Effect.succeed({ _tag: "Held" }),
  settle: () => Effect.succeed(done),
  book: () => Effect.succeed(done),
  cancel: () => Effect.succeed(done),
  balance: () => Effect.succeed({ spent: 0, held: 0, period: 0 }),
  save: () => Effect.void,
  usage: () => Effect.succeed([]),
  restore: () => Effect.void,
  audited: () => Effect.succeed([])
}
