/** Fair timing on a noisy machine: warm-up, rounds in which the contenders take turns, medians and spreads. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A line of the table. */
export const Row = Schema.Struct({
  section: Schema.String,
  what: Schema.String,
  median: Schema.String,
  /** Minimum to maximum. */
  spread: Schema.String,
  /** Ratio or difference. */
  result: Schema.String,
  target: Schema.String,
  isMet: Schema.NullOr(Schema.Boolean)
})

export interface Row extends Schema.Schema.Type<typeof Row> {}

/** Lines of a section; what a line does not say stays empty. */
export const rowsOf =
  (section: string) =>
  (what: string, more: Partial<Row>): Row => ({
    section,
    what,
    median: "",
    spread: "",
    result: "",
    target: "",
    isMet: null,
    ...more
  })

export class BenchError extends Data.TaggedError("BenchError")<{ readonly message: string }> {}

export type Section = Effect.Effect<ReadonlyArray<Row>, BenchError>

/** Wrong answers make every time worthless. */
export const agree = (holds: boolean, otherwise: string): Effect.Effect<void, BenchError> =>
  holds ? Effect.void : new BenchError({ message: `The contenders disagree: ${otherwise}` })

export interface Times {
  readonly median: number
  readonly min: number
  readonly max: number
}

export const medianOf = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

/** The least value that so many of all are not above. */
export const quantileOf = (values: ReadonlyArray<number>, share: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN

export const timesOf = (values: ReadonlyArray<number>): Times => ({
  median: medianOf(values),
  min: Math.min(...values),
  max: Math.max(...values)
})

const timed = <E>(work: Effect.Effect<unknown, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(work, () => performance.now() - start)
  })

export interface Rounds {
  readonly warmUp: number
  readonly rounds: number
}

/** Milliseconds of each round. Every other round runs backwards, so that nobody always comes second. */
export const race = <Contenders extends Readonly<Record<string, Effect.Effect<unknown, unknown>>>>(
  contenders: Contenders,
  { rounds, warmUp }: Rounds
): Effect.Effect<
  Readonly<Record<keyof Contenders, ReadonlyArray<number>>>,
  Effect.Effect.Error<Contenders[keyof Contenders]>
> =>
  Effect.gen(function* () {
    const runs = Object.entries(contenders).map(([name, work]) => ({ name, work, times: new Array<number>() }))
    for (let round = -warmUp; round < rounds; round++) {
      for (const { times, work } of round % 2 === 0 ? runs : runs.toReversed()) {
        const time = yield* timed(work)
        if (round >= 0) times.push(time)
      }
    }
    return Object.fromEntries(runs.map(({ name, times }) => [name, times]))
  }) as never // Safe: a list of times for each name, and the errors of the work.

/** Of the two in the same round: what slows the machine down slows both. */
export const pairwise = (
  a: ReadonlyArray<number>,
  b: ReadonlyArray<number>,
  f: (a: number, b: number) => number
): ReadonlyArray<number> => a.map((time, i) => f(time, b[i] ?? NaN))
