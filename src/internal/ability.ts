/** What a provider can be asked about prospects, on which contract and at what price: capabilities, not names, decide who answers. */
import * as Array from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Attribution } from "../ahrefs/model.js"
import type { Plan } from "../Plan.js"
import type { InvalidRequest, InvalidTarget, PaidError, Unsupported } from "../ProviderError.js"
import type { Datum } from "../scoring/data.js"
import type { Target } from "../Target.js"

/** What a site's row of an answer says; `null`: the provider knows nothing. */
export interface Answer {
  readonly target: Target
  readonly values: { readonly [D in Datum]?: number | null }
  readonly attribution?: Attribution | undefined
}

export type AskError = PaidError | InvalidTarget | Unsupported

export type Targets = ReadonlyArray<Target>
export type Wanted = ReadonlyArray<Datum>

/** What a provider can be asked on one contract by one method. */
export interface Ability {
  readonly operation: string
  readonly data: Wanted
  /** What a datum's fact is called; a fact about all of them has no name of its own. */
  readonly columnOf?: (datum: Datum) => string
  /** Sites that are asked about at once. */
  readonly size: number
  /** A call for each site: what is known is not told apart from what is bought. */
  readonly isOneByOne?: true
  /** What a call about so many sites costs; `null` where the contract states no price. */
  readonly callPrice: (data: Wanted, sites: number) => number | null
  /** An answer for each site, call by call: what was paid is delivered before a later call fails. */
  readonly ask: (targets: Targets, data: Wanted) => Stream.Stream<Answer, AskError>
  readonly plan: (targets: Targets, data: Wanted) => Effect.Effect<Plan, InvalidRequest | InvalidTarget | Unsupported>
}

/** So many single calls at once; the account's own limits hold beside it. */
export const atOnce = 10

/**
 * A call for each site. After a refusal no further call starts, and those under way are waited for: they are paid.
 */
export const each = (
  targets: Targets,
  ask: (target: Target) => Effect.Effect<Answer, AskError>
): Stream.Stream<Answer, AskError> =>
  Stream.fromIterable(Array.chunksOf(targets, atOnce)).pipe(
    Stream.mapEffect((some) =>
      Effect.forEach(some, (target) => Effect.either(ask(target)), { concurrency: "unbounded" })
    ),
    Stream.flatMap((answers) => {
      const [refusals, found] = Array.separate(answers)
      const [refusal] = refusals
      const told = Stream.fromChunk(Chunk.unsafeFromArray(found))
      return refusal === undefined ? told : Stream.concat(told, Stream.fail(refusal))
    })
  )

/** What many plans of single calls come to. */
export const summed = <E>(plans: Effect.Effect<ReadonlyArray<Plan>, E>): Effect.Effect<Plan, E> =>
  Effect.map(plans, (all) =>
    all.reduce((sum, one) => ({
      ...one,
      targets: sum.targets + one.targets,
      cached: sum.cached + one.cached,
      calls: sum.calls + one.calls,
      units: {
        lower: sum.units.lower + one.units.lower,
        upper: sum.units.upper === null || one.units.upper === null ? null : sum.units.upper + one.units.upper
      },
      time: sum.time
    }))
  )
