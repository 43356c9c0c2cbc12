/** Checks before any network, and many targets in few calls. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Objection, Operation, Provider, Unit } from "../Operation.js"
import {
  InvalidKey,
  InvalidRequest,
  InvalidTarget,
  NoSubscription,
  Unsupported,
  type WireError
} from "../ProviderError.js"
import type { Plan } from "../Plan.js"
import type { Target } from "../Target.js"
import type { Usage } from "../Usage.js"
import { isScopeName } from "./scope.js"

const maxKeyword = 200

/** The usage of a key that works, or why it does not. */
export const verified = (
  getUsage: Effect.Effect<Usage, WireError>,
  { inactive, provider }: { readonly provider: Provider; readonly inactive: "InvalidKey" | "NoSubscription" }
): Effect.Effect<Usage, WireError> =>
  Effect.filterOrFail(
    getUsage,
    ({ isActive }) => isActive,
    () =>
      inactive === "InvalidKey"
        ? new InvalidKey({ provider, operation: "verify", message: "There is no account behind this API key." })
        : new NoSubscription({
            provider,
            operation: "verify",
            message: "The API key works, but the account behind it has no active subscription with API access."
          })
  )

/** The plan of what a method asks; the arguments are those of the method that it belongs to. */
export const planned = <E>(
  ask: (...args: Array<never>) => Effect.Effect<{ readonly plan: Effect.Effect<Plan> }, E>,
  args: ReadonlyArray<unknown>
): Effect.Effect<Plan, E> => Effect.flatMap(ask(...(args as Array<never>)), ({ plan }) => plan)

export interface Checks {
  readonly target: (
    operation: string,
    input: string,
    normalise: (input: string) => Either.Either<Target, InvalidTarget>
  ) => Effect.Effect<Target, InvalidTarget>
  /** All or nothing: a target that is none is told before anything is paid. */
  readonly targets: (
    operation: string,
    inputs: ReadonlyArray<string>,
    normalise: (input: string) => Either.Either<Target, InvalidTarget>
  ) => Effect.Effect<ReadonlyArray<Target>, InvalidTarget | InvalidRequest>
  readonly whole: (
    operation: string,
    name: string,
    value: number,
    min: number,
    max: number
  ) => Effect.Effect<void, InvalidRequest>
  readonly that: (operation: string, holds: boolean, otherwise: string) => Effect.Effect<void, InvalidRequest>
  readonly columns: (
    operation: string,
    columns: ReadonlyArray<string>,
    table: Readonly<Record<string, unknown>>
  ) => Effect.Effect<void, InvalidRequest>
  readonly keywords: (operation: string, keywords: ReadonlyArray<string>) => Effect.Effect<void, InvalidRequest>
  readonly objection: (operation: string, objection: Objection) => Effect.Effect<void, InvalidRequest | Unsupported>
  /** The operation, where the contract has it. */
  readonly operation: <O>(name: string, operation: O | null) => Effect.Effect<O, Unsupported>
  /** An operation that the package does not know: nothing of it was tried before. */
  readonly own: <I, A>(
    operation: Operation<I, A>,
    input: I,
    unit: Unit
  ) => Effect.Effect<void, InvalidRequest | Unsupported>
}

export const checks = (provider: Provider, contract: string): Checks => {
  const invalid = (operation: string, message: string) => new InvalidRequest({ provider, operation, message })
  const target: Checks["target"] = (operation, input, normalise) =>
    Either.mapLeft(
      normalise(input),
      ({ input, message, reason }) =>
        new InvalidTarget({
          input,
          reason,
          message,
          provider: Option.some(provider),
          operation: Option.some(operation)
        })
    )
  const unsupported = (operation: string, reason: string) =>
    new Unsupported({
      provider,
      operation,
      message: `The ${contract} contract cannot answer this: ${reason}. Ask another contract or provider.`
    })
  return {
    target,
    targets: (operation, inputs, normalise) =>
      inputs.length === 0
        ? invalid(operation, "Nothing was asked for: the list is empty.")
        : Effect.forEach(inputs, (input) => target(operation, input, normalise)),
    whole: (operation, name, value, min, max) =>
      Number.isInteger(value) && value >= min && value <= max
        ? Effect.void
        : invalid(operation, `${name} must be a whole number from ${min} to ${max}, not ${value}.`),
    that: (operation, holds, otherwise) => (holds ? Effect.void : invalid(operation, otherwise)),
    columns: (operation, columns, table) => {
      const unknown = columns.find((name) => !Object.hasOwn(table, name))
      return unknown === undefined ? Effect.void : invalid(operation, `There is no column "${unknown.slice(0, 60)}".`)
    },
    keywords: (operation, keywords) =>
      keywords.length > 0 && keywords.every((keyword) => keyword.trim() !== "" && keyword.length <= maxKeyword)
        ? Effect.void
        : invalid(operation, `keywords must be a list of texts of 1 to ${maxKeyword} characters, and not empty.`),
    objection: (operation, objection) => {
      if (objection === null) return Effect.void
      return objection._tag === "Unsupported"
        ? unsupported(operation, objection.reason)
        : invalid(operation, `The request is wrong: ${objection.reason}.`)
    },
    operation: (name, operation) =>
      operation === null ? unsupported(name, "it has no such operation") : Effect.succeed(operation),
    own: ({ batchSize, facts, name, price, request }, input, unit) =>
      Effect.suspend((): Effect.Effect<void, InvalidRequest | Unsupported> => {
        if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
          return invalid(name, `batchSize must be a whole number from 1, not ${batchSize}.`)
        }
        const { unit: priced, upper } = price(input)
        if (priced !== unit) return unsupported(name, `it bills ${unit}, and the operation is priced in ${priced}`)
        if (facts !== null) {
          const subjects = facts.subjects(input).length
          if (subjects === 0 || facts.columns(input).length === 0) {
            return invalid(name, "Nothing was asked for: there is no subject or no column.")
          }
          if (facts.narrow === null && subjects > 1) {
            return invalid(
              name,
              "Facts about more than one subject need narrow: without it all would be bought for each."
            )
          }
          if (!isScopeName(facts.kind)) {
            return invalid(name, "The kind of its facts must be 1 to 64 letters, digits, _ or -.")
          }
        } else if (upper !== 0) {
          return invalid(
            name,
            "What is billed needs facts: without them it would be bought again by everybody who asks."
          )
        }
        // On a host without a path another beginning would be another host, and get the key.
        return request(input).path.startsWith("/") ? Effect.void : invalid(name, 'The path must begin with "/".')
      })
  }
}

/**
 * A row for each target, in their order. Each distinct target is asked once, and no call has more than `size` targets that
 * are to be bought; the rows of a call come as soon as it is answered, so what was paid is delivered before a later call
 * fails. `load` gives a row for each of its targets.
 */
export const batches = <T, A, E>(
  targets: ReadonlyArray<T>,
  size: number,
  isBought: (target: T) => boolean,
  load: (batch: ReadonlyArray<T>) => Effect.Effect<ReadonlyArray<A>, E>
): Stream.Stream<A, E> =>
  Stream.suspend(() => {
    const rows = new Map<T, A>()
    return Stream.fromIterable(parts(targets, size, isBought)).pipe(
      Stream.mapEffect(({ asked, fresh }) =>
        Effect.map(fresh.length === 0 ? Effect.succeed([]) : load(fresh), (answered) => {
          fresh.forEach((target, i) => rows.set(target, answered[i] as A))
          // Safe: each of them is in this part's `fresh` or in an earlier one's.
          return Chunk.fromIterable(asked.map((target) => rows.get(target) as A))
        })
      ),
      Stream.flattenChunks
    )
  })

interface Part<T> {
  /** Not asked before. */
  readonly fresh: Array<T>
  /** All of this stretch of the input, in order. */
  readonly asked: Array<T>
  bought: number
}

const parts = <T>(
  targets: ReadonlyArray<T>,
  size: number,
  isBought: (target: T) => boolean
): ReadonlyArray<Part<T>> => {
  const seen = new Set<T>()
  const all: Array<Part<T>> = []
  let part: Part<T> | undefined
  for (const target of targets) {
    const isFresh = !seen.has(target)
    const costs = isFresh && isBought(target)
    if (part === undefined || (costs && part.bought === size)) {
      part = { fresh: [], asked: [], bought: 0 }
      all.push(part)
    }
    if (isFresh) {
      seen.add(target)
      part.fresh.push(target)
      if (costs) part.bought++
    }
    part.asked.push(target)
  }
  return all
}

export const collect = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<ReadonlyArray<A>, E> =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)
