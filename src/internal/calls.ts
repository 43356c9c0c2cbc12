/** Puts the facts that are wanted into calls, so that all of them together cost the least. Pure. */
import type { Flight } from "./batcher.js"

type Wanted = Pick<Flight, "cell">

/** What a subject lacks. */
interface Row<out F> {
  readonly subject: string
  readonly columns: ReadonlyArray<string>
  readonly flights: ReadonlyArray<F>
}

/** Subjects that are asked about together, each with all columns that one of them lacks. */
export interface Asking {
  readonly subjects: ReadonlyArray<string>
  readonly columns: ReadonlyArray<string>
}

interface Call<out F> extends Asking {
  readonly flights: ReadonlyArray<F>
}

interface Priced<out F> {
  readonly rows: ReadonlyArray<Row<F>>
  readonly price: number
}

interface Move<out F> {
  readonly ended: ReadonlyArray<Priced<F>>
  readonly made: ReadonlyArray<Priced<F>>
  readonly saved: number
}

const grouped = <A>(all: ReadonlyArray<A>, keyOf: (one: A) => string): ReadonlyArray<ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const one of all) {
    const key = keyOf(one)
    const same = groups.get(key)
    if (same === undefined) groups.set(key, [one])
    else same.push(one)
  }
  return Array.from(groups.values())
}

const distinct = (all: Iterable<string>): ReadonlyArray<string> => Array.from(new Set(all))

const askingFor = <F>(rows: ReadonlyArray<Row<F>>): Asking => ({
  subjects: rows.map(({ subject }) => subject),
  // Few arrays are different ones: rows of a set share theirs.
  columns: distinct(Array.from(new Set(rows.map(({ columns }) => columns))).flat())
})

/** What saves the most of all ways to move rows from one call to another; with the same price, a call less. */
const bestMove = <F>(
  from: Priced<F>,
  to: Priced<F>,
  priced: (rows: ReadonlyArray<Row<F>>) => Priced<F>
): ReadonlyArray<Move<F>> => {
  let best: Move<F> | null = null
  for (let count = 1; count <= from.rows.length; count++) {
    const joined = priced([...to.rows, ...from.rows.slice(0, count)])
    const made = count === from.rows.length ? [joined] : [joined, priced(from.rows.slice(count))]
    const saved = from.price + to.price - made.reduce((sum, { price }) => sum + price, 0)
    const isWorthIt = saved > 0 || (saved === 0 && made.length === 1)
    if (isWorthIt && (best === null || saved > best.saved)) best = { ended: [from, to], made, saved }
  }
  return best === null ? [] : [best]
}

/**
 * A call for each set of columns that rows lack; then rows go from one call into another, as many at once as saves the most, until
 * nothing is saved any more. A row may so be sold with columns that it does not lack: where a call of its own would be dearer, or
 * where another's least price has room for it.
 */
export const cheapest = <F extends Wanted>(
  flights: ReadonlyArray<F>,
  priceOf: (asking: Asking) => number
): ReadonlyArray<Call<F>> => {
  const rows = grouped(flights, ({ cell }) => cell.subject).map((those): Row<F> => ({
    // Safe: a group has one at least.
    subject: those[0]!.cell.subject,
    columns: distinct(those.map(({ cell }) => cell.column)),
    flights: those
  }))
  const callOf = (some: ReadonlyArray<Row<F>>): Call<F> => ({
    ...askingFor(some),
    flights: some.flatMap(({ flights }) => flights)
  })
  const sets = grouped(rows, ({ columns }) => columns.toSorted().join()).map((set) =>
    set.map((row) => ({ ...row, columns: set[0]!.columns }))
  )
  if (sets.length < 2) return sets.map(callOf)

  const priced = (some: ReadonlyArray<Row<F>>): Priced<F> => ({ rows: some, price: priceOf(askingFor(some)) })
  const calls = new Set<Priced<F>>()
  let open: Array<Move<F>> = []
  const add = (call: Priced<F>): void => {
    for (const other of calls) open.push(...bestMove(call, other, priced), ...bestMove(other, call, priced))
    calls.add(call)
  }
  for (const set of sets) add(priced(set))
  while (open.length > 0) {
    const { ended, made } = open.reduce((best, move) => (move.saved > best.saved ? move : best))
    for (const call of ended) calls.delete(call)
    open = open.filter((move) => move.ended.every((call) => calls.has(call)))
    for (const call of made) add(call)
  }
  return Array.from(calls, ({ rows }) => callOf(rows))
}
