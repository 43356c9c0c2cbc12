import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import type { Answer } from "../../src/cli/rate.js"
import type { Prospect } from "../../src/cli/readProspects.js"
import { distinctTargets, rows } from "../../src/cli/rows.js"
import { ofDomainRating } from "../../src/cli/verdict.js"
import { Target } from "../../src/Target.js"

const prospect = (input: string): Prospect => ({
  input,
  target: input.includes(".") ? Either.right(Target.make(input.toLowerCase())) : Either.left("no dot")
})
const answer = (target: string): Answer => ({ target: Target.make(target), judgement: ofDomainRating(50) })
const told = (error: string) => Effect.succeed(`refused: ${error}`)

describe("rows", () => {
  it.effect("come as soon as their answers are there", () =>
    Effect.gen(function* () {
      const prospects = ["x", "a.de", "b.de", "A.de", "c.de"].map(prospect)
      const seen: Array<ReadonlyArray<string>> = []
      yield* rows(
        prospects,
        Stream.make("a.de", "b.de", "c.de").pipe(Stream.rechunk(1), Stream.map(answer)),
        told
      ).pipe(
        Stream.runForEachChunk((chunk) =>
          Effect.sync(() => seen.push(Chunk.toReadonlyArray(chunk).map(({ input }) => input)))
        )
      )
      assert.deepStrictEqual(
        seen.filter((inputs) => inputs.length > 0),
        [["x", "a.de"], ["b.de", "A.de"], ["c.de"]]
      )
    })
  )

  it.effect.prop(
    "there is one for each prospect in order, whatever was answered",
    [
      FastCheck.array(FastCheck.constantFrom("a.de", "A.de", "b.de", "c.de", "junk", "")),
      FastCheck.nat(4),
      FastCheck.boolean()
    ],
    ([inputs, count, isRefused]) =>
      Effect.gen(function* () {
        const prospects = inputs.map(prospect)
        const bought = distinctTargets(prospects).slice(0, count)
        const answers = Stream.concat(
          Stream.map(Stream.fromIterable(bought), answer),
          isRefused ? Stream.fail("no units") : Stream.empty
        )
        const found = Chunk.toReadonlyArray(yield* Stream.runCollect(rows(prospects, answers, told)))
        assert.deepStrictEqual(
          found.map(({ input }) => input),
          inputs
        )
        for (const { reason, target, verdict } of found) {
          const expected = target === null ? "invalid" : bought.includes(target) ? "qualified" : "unknown"
          assert.strictEqual(verdict, expected)
          if (verdict === "unknown" && isRefused) assert.strictEqual(reason, "refused: no units")
        }
      })
  )
})
