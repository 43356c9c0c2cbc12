/** A bar on standard error, where that is a terminal; nothing elsewhere. */
import { type Options as BarOptions, SingleBar } from "cli-progress"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Progress } from "../ProspectScorer.js"
import { isErasable } from "./screen.js"
import { count, nameOf, units } from "./text.js"

export interface Bar {
  readonly show: (progress: Progress) => Effect.Effect<void>
  /** Takes the bar away while something else is written, and brings it back. */
  readonly aside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Takes it away for good. */
  readonly end: Effect.Effect<void>
}

const none: Bar = { show: () => Effect.void, aside: (effect) => effect, end: Effect.void }

const options: BarOptions = {
  format: "{bar} {value}/{total} {doing} | {answered} answered | {spent}{left}",
  barsize: 20,
  hideCursor: true,
  clearOnComplete: true,
  linewrap: false,
  // A script must be able to hear Ctrl-C.
  gracefulExit: false
}

const textOf = ({ answered, remaining, spent, stage, total }: Progress) => ({
  doing: stage === null ? "" : `${nameOf(stage.provider)} ${stage.operation}`,
  answered: total === null ? count(answered) : `${count(answered)} of ${count(total)}`,
  spent: spent.map(({ spent, unit }) => units(spent, unit)).join(", "),
  left:
    remaining === null || answered === total
      ? ""
      : ` | ${Duration.format(Duration.seconds(Math.ceil(Duration.toSeconds(remaining))))} left`
})

/** The bar counts the sites of the stage under way: a window's answers come together at its end. */
export const make = (stream: NodeJS.WriteStream): Effect.Effect<Bar, never, Scope.Scope> => {
  if (!isErasable(stream)) return Effect.succeed(none)
  return Effect.gen(function* () {
    const bar = new SingleBar({ ...options, stream })
    let last: Progress | undefined
    const start = () => {
      if (last === undefined) return
      const { stage } = last
      bar.start(stage?.sites ?? last.total ?? last.read, stage?.answered ?? last.answered, textOf(last))
    }
    const end = Effect.sync(() => {
      if (bar.isActive) bar.stop()
    })
    yield* Effect.addFinalizer(() => end)
    return {
      show: (progress) =>
        Effect.sync(() => {
          last = progress
          const { answered, read, stage, total } = progress
          if (!bar.isActive) return start()
          bar.setTotal(stage?.sites ?? total ?? read)
          bar.update(stage?.answered ?? answered, textOf(progress))
        }),
      aside: (effect) => Effect.ensuring(Effect.zipRight(end, effect), Effect.sync(start)),
      end
    }
  })
}
