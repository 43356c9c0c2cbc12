/** A row for each prospect in its order, as soon as its answer and those before it are there. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type { Target } from "../Target.js"
import type { Answer } from "./rate.js"
import type { Prospect } from "./readProspects.js"
import { invalid, type Judgement, unknown } from "./verdict.js"

export interface Row extends Judgement {
  readonly input: string
  readonly target: Target | null
}

/** Sites that many prospects name are in it once. */
export const distinctTargets = (prospects: ReadonlyArray<Prospect>): ReadonlyArray<Target> => [
  ...new Set(prospects.flatMap(({ target }) => (Either.isRight(target) ? [target.right] : [])))
]

/** A failure of `answers` goes to `onFailure`, which names the reason why the prospects left have no answer. */
export const rows = <E>(
  prospects: ReadonlyArray<Prospect>,
  answers: Stream.Stream<Answer, E>,
  onFailure: (error: E) => Effect.Effect<string>
): Stream.Stream<Row> =>
  Stream.suspend(() => {
    const judgements = new Map<Target, Judgement>()
    let next = 0

    const rowOf = ({ input, target }: Prospect, otherwise?: Judgement): Row | undefined => {
      if (Either.isLeft(target)) return { input, target: null, ...invalid(target.left) }
      const judgement = judgements.get(target.right) ?? otherwise
      return judgement && { input, target: target.right, ...judgement }
    }

    const ready = (otherwise?: Judgement): Chunk.Chunk<Row> => {
      const rows: Array<Row> = []
      for (; next < prospects.length; next++) {
        const row = rowOf(prospects[next]!, otherwise)
        if (row === undefined) break
        rows.push(row)
      }
      return Chunk.unsafeFromArray(rows)
    }

    const ends = (reason: string) => Stream.fromChunk(ready(unknown(reason)))

    return answers.pipe(
      Stream.mapChunks((chunk) => {
        for (const { judgement, target } of chunk) judgements.set(target, judgement)
        return ready()
      }),
      Stream.catchAll((error) => Stream.unwrap(Effect.map(onFailure(error), ends))),
      Stream.concat(Stream.suspend(() => ends("the provider gave no answer for this site")))
    )
  })
