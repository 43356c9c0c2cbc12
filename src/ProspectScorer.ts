/**
 * Scores prospects for a tenant, from whatever the tenant has subscribed to, at the least cost: free exclusions first, then the
 * gate for all that remain, then the dearer data for those alone whose verdict they can still change.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { hash } from "node:crypto"
import { Attribution } from "./Ahrefs.js"
import { TenantError } from "./Integrations.js"
import * as Funnel from "./internal/funnel.js"
import { countProspects } from "./internal/metrics.js"
import { type Source, sourcesOf } from "./internal/sources.js"
import * as Spans from "./internal/spans.js"
import { Provider, Unit } from "./Operation.js"
import type { Plan } from "./Plan.js"
import {
  Datum,
  isInRange,
  MissingReason,
  type Observed,
  Observed as ObservedSchema,
  type Sheet
} from "./scoring/data.js"
import * as Exclusions from "./scoring/exclusions.js"
import { Gate } from "./scoring/gates.js"
import { Contribution, Marker, modelVersion, Verdict } from "./scoring/model.js"
import { Profile, standard } from "./scoring/profile.js"
import { flowRatio, Signal } from "./scoring/signals.js"
import * as Target from "./Target.js"
import { TenantProviders, TooManyAccounts } from "./TenantProviders.js"

export {
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Datum,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  MissingReason,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Observed,
  /**
   * @since 0.1.0
   * @category Models
   */
  scales
} from "./scoring/data.js"
export {
  /**
   * @since 0.1.0
   * @category Models
   */
  type Lists
} from "./scoring/exclusions.js"
export {
  /**
   * @since 0.1.0
   * @category Accessors
   */
  explain
} from "./scoring/explain.js"
export {
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Gate
} from "./scoring/gates.js"
export {
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Contribution,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Marker,
  /**
   * @since 0.1.0
   * @category Models
   */
  modelVersion,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Verdict
} from "./scoring/model.js"
export {
  /**
   * @since 0.1.0
   * @category Profiles
   */
  linksOnly,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Profile,
  /**
   * @since 0.1.0
   * @category Profiles
   */
  standard
} from "./scoring/profile.js"
export {
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Signal
} from "./scoring/signals.js"

/**
 * A prospect with what is known of it already, e.g. the columns of a CSV: numbers, or texts that are numbers; an empty text is
 * nothing. A value that is none, or out of its range, is `Missing` as `Invalid`. `relevance`, 0-1, is the tenant's own judgement.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Prospect {
  readonly input: string
  readonly signals?: { readonly [D in Datum]?: number | string | null | undefined } | undefined
}

/**
 * A domain, host or URL, alone or with what is known of it.
 *
 * @since 0.1.0
 * @category Models
 */
export type Input = string | Prospect

const Cost = Schema.Struct({ provider: Provider, unit: Unit, amount: Schema.NullOr(Schema.Number) })

/**
 * Units of a provider; `amount` is `null` where the contract states no price.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Cost extends Schema.Schema.Type<typeof Cost> {}

/**
 * One answer; there is one for each input, in their order.
 *
 * - `target`: the site that was scored; `null` where the input is none
 * - `duplicateOf`: the index of the first input of the same site, whose answer this is too; nothing was paid twice
 * - `score`, `low`, `high`: 0-100, `low <= score <= high` whatever is unknown; `null` where the prospect is excluded
 * - `assessment`: what the score is made of; its points (`contributions`, `prior`, `cap`) sum to the score
 * - `data`: all that is known, each with its source and cost
 * - `flows`: Trust Flow over Citation Flow with its label (> 0.5 is good), or why there is none
 * - `nextBest`: for `NeedsData`, what to ask next, and what it could come to; `null` where nobody the tenant has can tell
 * - `costToDecide`: for `NeedsData`, what all that is missing costs in full calls
 * - `cost`: what this answer cost; a duplicate's is nothing
 * - `attribution`: must be shown with the rating where it is there
 * - `inputsHash`: of all that the score depends on: the same hash, the same score
 *
 * @since 0.1.0
 * @category Schemas
 */
export const ScoredProspect = Schema.Struct({
  index: Schema.Int,
  input: Schema.String,
  target: Schema.NullOr(Target.Target),
  duplicateOf: Schema.NullOr(Schema.Int),
  verdict: Verdict,
  score: Schema.NullOr(Schema.Number),
  low: Schema.NullOr(Schema.Number),
  high: Schema.NullOr(Schema.Number),
  assessment: Schema.NullOr(
    Schema.Struct({
      coverage: Schema.Number,
      contributions: Schema.Array(Contribution),
      prior: Schema.Number,
      cap: Schema.Number,
      gates: Schema.Array(Gate),
      markers: Schema.Array(Marker),
      missing: Schema.Array(Schema.Struct({ signal: Signal, reason: MissingReason }))
    })
  ),
  data: Schema.partial(
    Schema.Struct({
      domainRating: ObservedSchema,
      domainInlinkRank: ObservedSchema,
      trustFlow: ObservedSchema,
      citationFlow: ObservedSchema,
      organicTraffic: ObservedSchema,
      referringDomains: ObservedSchema,
      dofollowReferringDomains: ObservedSchema,
      referringSubnets: ObservedSchema,
      linkedDomains: ObservedSchema,
      relevance: ObservedSchema
    })
  ),
  flows: Schema.NullOr(
    Schema.Union(
      Schema.TaggedStruct("Ratio", {
        ratio: Schema.Number,
        label: Schema.Literal("good", "caution", "poor", "outlier")
      }),
      Schema.TaggedStruct("Missing", { reason: MissingReason })
    )
  ),
  nextBest: Schema.NullOr(
    Schema.Struct({
      asks: Schema.Array(Schema.Struct({ ...Cost.fields, operation: Schema.String, data: Schema.Array(Datum) })),
      couldBecome: Schema.Array(Schema.Literal("Qualified", "Rejected"))
    })
  ),
  costToDecide: Schema.Array(Cost),
  cost: Schema.Array(Cost),
  attribution: Schema.NullOr(Attribution),
  modelVersion: Schema.String,
  profile: Schema.Struct({ name: Schema.String, version: Schema.String, hash: Schema.String }),
  inputsHash: Schema.NullOr(Schema.String)
}).annotations({ identifier: "ScoredProspect" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface ScoredProspect extends Schema.Schema.Type<typeof ScoredProspect> {}

/**
 * The profile, or a list of the run, is wrong; the message names the path.
 *
 * @since 0.1.0
 * @category Errors
 */
export class InvalidProfile extends Schema.TaggedError<InvalidProfile>("effect-seo-providers/InvalidProfile")(
  "InvalidProfile",
  { message: Schema.String }
) {}

/**
 * Why nothing can be scored at all. What goes wrong with a prospect or with a provider is in the answers.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const ScoreError = Schema.Union(...TenantError.members, TooManyAccounts, InvalidProfile)

/**
 * @since 0.1.0
 * @category Errors
 */
export type ScoreError = typeof ScoreError.Type

/**
 * How far a run is.
 *
 * - `read`, `answered`: inputs so far; `total`: of all, `null` where they are a stream
 * - `verdicts`: of the answers
 * - `stage`: who is asked for what of how many sites at this moment, and how many of them are answered; `null` between two
 * - `spent`: in this run; `saved`: what the facts that were known had cost
 * - `failures`: what providers refused so far
 * - `remaining`: at the pace so far; `null` where nobody can tell
 *
 * @since 0.1.0
 * @category Models
 */
export interface Progress {
  readonly read: number
  readonly answered: number
  readonly total: number | null
  readonly verdicts: { readonly [V in Verdict["_tag"]]: number }
  readonly stage: Funnel.Stage | null
  readonly spent: ReadonlyArray<Funnel.Spent>
  readonly failures: ReadonlyArray<Funnel.Failure>
  readonly remaining: Duration.Duration | null
}

/**
 * - `profile`: default the one of the tenant's integrations, else {@link standard}
 * - `exclude`: lists of this run, beside those of the profile
 * - `maxUnits`: what this run may spend of each provider, in its unit. The tenant's budgets hold beside it. A call without a stated
 *   price is not made where there is one
 * - `window`: so many inputs are answered at once; default 1,000. Smaller ones are answered sooner and fill fewer calls
 * - `onProgress`: run before each stage, after each call's answers and after each window
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly profile?: Profile | undefined
  readonly exclude?: Exclusions.Lists | undefined
  readonly maxUnits?: { readonly [P in Provider]?: number | undefined } | undefined
  readonly window?: number | undefined
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/**
 * A run in figures.
 *
 * - `inputs` = `invalid` + `duplicates` + `excluded` + the verdicts of distinct sites
 * - `verdicts`: of distinct sites
 * - `reasons`: why so many were excluded, or rejected
 * - `medianRating`: of the Domain Ratings that are known; never an average
 * - `failures`: what providers refused, and for how many sites
 *
 * @since 0.1.0
 * @category Models
 */
export interface Summary {
  readonly inputs: number
  readonly invalid: number
  readonly duplicates: number
  readonly excluded: number
  readonly verdicts: { readonly [V in Exclude<Verdict["_tag"], "Excluded">]: number }
  readonly reasons: Readonly<Record<string, number>>
  readonly medianRating: number | null
  readonly spent: ReadonlyArray<Funnel.Spent>
  readonly failures: ReadonlyArray<Funnel.Failure>
}

/**
 * What a stage would cost. `gate`: of all sites that are left; `signals`: at the most of all of them, as nobody knows who passes:
 * its lower end is 0.
 *
 * @since 0.1.0
 * @category Models
 */
export interface StagePlan extends Plan {
  readonly stage: "gate" | "signals"
  readonly data: ReadonlyArray<Datum>
}

/**
 * What scoring would cost, before anything is paid.
 *
 * @since 0.1.0
 * @category Models
 */
export interface ScorePlan {
  readonly inputs: number
  readonly invalid: number
  readonly duplicates: number
  readonly excluded: number
  readonly sites: number
  readonly stages: ReadonlyArray<StagePlan>
}

type Inputs = Iterable<Input> | Stream.Stream<Input>

/**
 * Scoring, and what it would cost.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /**
   * An answer for each input, in their order, a window at a time. What a provider refuses is in the answers: the next one that can
   * answer takes over, and what nobody can tell is missing with its reason.
   */
  readonly score: (tenant: string, inputs: Inputs, options?: Options) => Stream.Stream<ScoredProspect, ScoreError>
  /** All answers at once, and what they come to. */
  readonly scoreAll: (
    tenant: string,
    inputs: Inputs,
    options?: Options
  ) => Effect.Effect<{ readonly prospects: ReadonlyArray<ScoredProspect>; readonly summary: Summary }, ScoreError>
  /** What {@link Service.score} would cost, by stage and provider. Spends nothing. */
  readonly plan: (
    tenant: string,
    inputs: Inputs,
    options?: Pick<Options, "profile" | "exclude">
  ) => Effect.Effect<ScorePlan, ScoreError>
}

/**
 * The scorer in use.
 *
 * @since 0.1.0
 * @category Context
 */
export class ProspectScorer extends Context.Tag("effect-seo-providers/ProspectScorer")<ProspectScorer, Service>() {}

const defaultWindow = 1_000

const hashOf = (value: unknown): string => hash("sha256", JSON.stringify(value), "base64url").slice(0, 22)

const numeric = /^\s*[+-]?\d+(?:\.\d+)?\s*$/

/** A value of the list; `undefined`: nothing was given. */
const imported = (datum: Datum, given: unknown): Observed | "Invalid" | undefined => {
  if (given === undefined || given === null || (typeof given === "string" && given.trim() === "")) return undefined
  const value = typeof given === "string" && numeric.test(given) ? Number(given) : given
  if (!isInRange(datum, value)) return "Invalid"
  return { value, source: "imported", operation: null, observedAt: null, cache: "imported", cost: null }
}

/** What the list says of a site, and what of it is no value. */
const importedOf = (
  signals: Prospect["signals"]
): { readonly known: Sheet["known"]; readonly invalid: Sheet["missing"] | undefined } => {
  if (signals === undefined) return nothingImported
  const known: { [D in Datum]?: Observed } = {}
  const invalid: { [D in Datum]?: MissingReason } = {}
  for (const datum of Datum.literals) {
    const value = imported(datum, signals[datum])
    if (value === "Invalid") invalid[datum] = value
    else if (value !== undefined) known[datum] = value
  }
  return { known, invalid: Object.keys(invalid).length === 0 ? undefined : invalid }
}
const nothingImported = { known: {}, invalid: undefined }

const outlier = 0.152
const poor = 0.3
const good = 0.5

const flowsOf = ({ known, missing }: Sheet): ScoredProspect["flows"] => {
  const { citationFlow, trustFlow } = known
  if (citationFlow === undefined || trustFlow === undefined) {
    return { _tag: "Missing", reason: missing.trustFlow ?? missing.citationFlow ?? "NotAsked" }
  }
  const ratio = flowRatio(trustFlow.value, citationFlow.value)
  if (ratio === null) return { _tag: "Missing", reason: "Undefined" }
  return {
    _tag: "Ratio",
    ratio,
    label: ratio > good ? "good" : ratio >= poor ? "caution" : ratio >= outlier ? "poor" : "outlier"
  }
}

/** Amounts by provider; one without a price leaves its provider without a sum. */
const totals = (costs: Iterable<Cost>): ReadonlyArray<Cost> => {
  const sums = new Map<string, Cost>()
  for (const { amount, provider, unit } of costs) {
    const id = `${provider} ${unit}`
    const before = sums.get(id)
    const sum =
      before === undefined ? amount : before.amount === null || amount === null ? null : before.amount + amount
    sums.set(id, { provider, unit, amount: sum })
  }
  return Array.from(sums.values())
}

const none: ReadonlyArray<Cost> = []

/** A run's own view of what it works with. */
interface Setting {
  readonly sources: ReadonlyArray<Source>
  readonly profile: Profile
  readonly named: ScoredProspect["profile"]
  readonly excluded: (target: Target.Target) => Extract<Verdict, { readonly _tag: "Excluded" }> | null
}

/** An input on its way to its answer. */
type Entry =
  | { readonly _tag: "Answer"; readonly answer: ScoredProspect }
  | { readonly _tag: "Scored"; readonly index: number; readonly input: string; readonly candidate: Funnel.Candidate }
  | {
      readonly _tag: "Duplicate"
      readonly index: number
      readonly input: string
      readonly target: Target.Target
      readonly first: number
    }

/** What is kept of a site for its duplicates; few have an attribution. */
type Known = Sheet | Pick<Funnel.Candidate, "attribution" | "sheet">

const noVerdicts = { Qualified: 0, Rejected: 0, Review: 0, NeedsData: 0, Excluded: 0 }

const make = Effect.gen(function* () {
  const tenants = yield* TenantProviders

  const decodeProfile = Schema.validateEither(Profile)

  const setting = (
    tenant: string,
    { exclude, profile: given }: Pick<Options, "profile" | "exclude">
  ): Effect.Effect<Setting, ScoreError, Scope.Scope> =>
    Effect.gen(function* () {
      const { all } = yield* tenants.get(tenant)
      const own = all.flatMap(({ integration }) => integration.metadata.profile ?? [])
      if (given === undefined && own.length > 1 && new Set(own.map((profile) => hashOf(profile))).size > 1) {
        return yield* new InvalidProfile({ message: `The integrations of "${tenant}" have different profiles.` })
      }
      const profile = yield* Either.mapLeft(decodeProfile(given ?? own[0] ?? standard), (error) => {
        const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
        const texts = issues.map(({ message, path }) => `${path.join(".") || "profile"}: ${message}`)
        return new InvalidProfile({ message: texts.join("; ").slice(0, 500) })
      })
      const excluded = yield* Either.mapLeft(
        Exclusions.make(profile, exclude),
        ({ message }) => new InvalidProfile({ message: `A list of exclusions: ${message}.` })
      )
      const named = { name: profile.name, version: profile.version, hash: hashOf(profile) }
      return { sources: sourcesOf(all), profile, named, excluded }
    })

  const unscored = (
    { named }: Setting,
    index: number,
    input: string,
    target: Target.Target | null,
    verdict: Verdict
  ): ScoredProspect => ({
    index,
    input,
    target,
    duplicateOf: null,
    verdict,
    score: null,
    low: null,
    high: null,
    assessment: null,
    data: {},
    flows: null,
    nextBest: null,
    costToDecide: none,
    cost: none,
    attribution: null,
    modelVersion,
    profile: named,
    inputsHash: null
  })

  const scored = (
    { named }: Setting,
    funnel: Funnel.Funnel,
    index: number,
    input: string,
    candidate: Funnel.Candidate
  ): ScoredProspect => {
    const { assessment, attribution, bought, sheet, target } = candidate
    const { cap, contributions, coverage, gates, high, low, markers, missing, prior, score, verdict } = assessment
    const isOpen = verdict._tag === "NeedsData"
    const next = isOpen ? funnel.next(candidate) : null
    const costOf = ({ data, offer }: { readonly data: ReadonlyArray<Datum>; readonly offer: Source }) => ({
      provider: offer.provider,
      unit: offer.unit,
      amount: offer.most(data, 1) === null ? null : offer.price(data)
    })
    const values = Datum.literals.map((datum) => {
      const observed = sheet.known[datum]
      return observed === undefined ? (sheet.missing[datum] ?? null) : [observed.value, observed.source]
    })
    return {
      index,
      input,
      target,
      duplicateOf: null,
      verdict,
      score,
      low,
      high,
      assessment: { coverage, contributions, prior, cap, gates, markers, missing },
      data: sheet.known,
      flows: flowsOf(sheet),
      nextBest: next && {
        asks: next.asks.map((ask) => ({ ...costOf(ask), operation: ask.offer.operation, data: ask.data })),
        couldBecome: next.couldBecome
      },
      costToDecide: next !== null ? totals(funnel.rest(candidate).map(costOf)) : none,
      cost:
        bought.length === 0
          ? none
          : totals(bought.map(({ paid, provider, unit }) => ({ provider, unit, amount: paid }))),
      attribution,
      modelVersion,
      profile: named,
      inputsHash: hashOf([target, values, named.hash, modelVersion])
    }
  }

  const textOf = (input: Input): string => (typeof input === "string" ? input : input.input)

  /** What an input is, before anything is asked. */
  const entered = (
    at: Setting,
    funnel: Funnel.Funnel,
    seen: Map<Target.Target, number>,
    index: number,
    given: Input
  ): Entry => {
    const input = textOf(given)
    const target = Target.make(input)
    if (Either.isLeft(target)) {
      const { message } = target.left
      return {
        _tag: "Answer",
        answer: unscored(at, index, input, null, { _tag: "Excluded", reason: "invalid", message })
      }
    }
    const first = seen.get(target.right)
    if (first !== undefined) return { _tag: "Duplicate", index, input, target: target.right, first }
    seen.set(target.right, index)
    const excluded = at.excluded(target.right)
    if (excluded !== null) return { _tag: "Answer", answer: unscored(at, index, input, target.right, excluded) }
    const { invalid, known } = importedOf(typeof given === "string" ? undefined : given.signals)
    return { _tag: "Scored", index, input, candidate: funnel.enter(target.right, known, invalid) }
  }

  const inputsOf = (inputs: Inputs): Stream.Stream<Input> =>
    Stream.StreamTypeId in inputs ? inputs : Stream.fromIterable(inputs)

  const run = (
    tenant: string,
    inputs: Inputs,
    options: Options,
    within: <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = identity
  ) =>
    Effect.gen(function* () {
      const at = yield* setting(tenant, options)
      const { maxUnits = {}, onProgress, window = defaultWindow } = options
      const began = yield* Clock.currentTimeMillis
      const total = Array.isArray(inputs) ? inputs.length : null
      const verdicts = { ...noVerdicts }
      let read = 0
      let answered = 0
      const progress = (stage: Funnel.Stage | null): Effect.Effect<void> =>
        onProgress === undefined
          ? Effect.void
          : Effect.flatMap(Clock.currentTimeMillis, (now) =>
              onProgress({
                read,
                answered,
                total,
                stage,
                verdicts: { ...verdicts },
                spent: funnel.spent(),
                failures: funnel.failures(),
                remaining:
                  total === null || answered === 0
                    ? null
                    : Duration.millis(((now - began) * (total - answered)) / answered)
              })
            )
      const funnel: Funnel.Funnel = Funnel.make({
        profile: at.profile,
        sources: at.sources,
        maxUnits,
        onStage: progress
      })
      const seen = new Map<Target.Target, number>()
      /** What became known of the first of several: their answers are made anew, as answers are large and most sites come once. */
      const firsts = new Map<number, Known>()

      const answerOf = (entry: Entry): ScoredProspect => {
        switch (entry._tag) {
          case "Answer":
            return entry.answer
          case "Scored": {
            const { candidate, index, input } = entry
            firsts.set(index, candidate.attribution === null ? candidate.sheet : candidate)
            return scored(at, funnel, index, input, candidate)
          }
          case "Duplicate": {
            const { first, index, input, target } = entry
            const known = firsts.get(first)
            const answer =
              known === undefined
                ? // Safe: whoever was seen before and has no sheet is excluded.
                  unscored(at, index, input, target, at.excluded(target)!)
                : scored(at, funnel, index, input, {
                    ...funnel.known(target, "sheet" in known ? known.sheet : known),
                    attribution: "sheet" in known ? known.attribution : null
                  })
            return { ...answer, duplicateOf: first, cost: none }
          }
        }
      }

      const answers = (some: Chunk.Chunk<Input>): Effect.Effect<Chunk.Chunk<ScoredProspect>> =>
        Effect.gen(function* () {
          const entries = Array.from(some, (input) => entered(at, funnel, seen, read++, input))
          yield* funnel.decide(entries.flatMap((entry) => (entry._tag === "Scored" ? [entry.candidate] : [])))
          const all = entries.map(answerOf)
          for (const { verdict } of all) verdicts[verdict._tag]++
          answered += all.length
          yield* countProspects(all.map(({ verdict }) => verdict._tag))
          yield* progress(null)
          return Chunk.unsafeFromArray(all)
        }).pipe(Spans.spanned("ProspectScorer.window", { attributes: { "seo.targets": some.length } }), within)

      const stream = inputsOf(inputs).pipe(
        // What is no number is no window.
        Stream.grouped(Math.max(1, Math.floor(window) || defaultWindow)),
        Stream.mapEffect(answers),
        Stream.flattenChunks
      )
      return { stream, funnel }
    })

  const score: Service["score"] = (tenant, inputs, options = {}) =>
    Stream.unwrapScoped(
      Effect.flatMap(Spans.scoped("ProspectScorer.score"), (within) =>
        Effect.map(within(run(tenant, inputs, options, within)), ({ stream }) => stream)
      )
    )

  const scoreAll: Service["scoreAll"] = (tenant, inputs, options = {}) =>
    Effect.gen(function* () {
      const { funnel, stream } = yield* run(tenant, inputs, options)
      const prospects = Chunk.toReadonlyArray(yield* Stream.runCollect(stream))
      return { prospects, summary: summarize(prospects, { spent: funnel.spent(), failures: funnel.failures() }) }
    }).pipe(Effect.scoped, Spans.spanned("ProspectScorer.scoreAll", { attributes: {} }))

  const plan: Service["plan"] = (tenant, inputs, options = {}) =>
    Effect.gen(function* () {
      const at = yield* setting(tenant, options)
      const { profile, sources } = at
      const funnel = Funnel.make({ profile, sources, maxUnits: {}, onStage: () => Effect.void })
      const seen = new Map<Target.Target, number>()
      let read = 0
      const counts = { inputs: 0, invalid: 0, duplicates: 0, excluded: 0, sites: 0 }
      const stages = new Map<string, StagePlan>()
      const add = (
        stage: StagePlan["stage"],
        source: Source,
        data: ReadonlyArray<Datum>,
        targets: ReadonlyArray<Target.Target>
      ) =>
        Effect.map(
          // The targets are normalised, and the data are the source's own.
          Effect.orDie(source.plan(targets, data)),
          (one) => {
            const id = `${stage} ${source.id} ${data.join()}`
            const before = stages.get(id)
            const units = { lower: stage === "gate" ? one.units.lower : 0, upper: one.units.upper }
            stages.set(
              id,
              before === undefined
                ? { ...one, stage, data, units }
                : {
                    ...before,
                    targets: before.targets + one.targets,
                    cached: before.cached + one.cached,
                    calls: before.calls + one.calls,
                    units: {
                      lower: before.units.lower + units.lower,
                      upper:
                        before.units.upper === null || units.upper === null ? null : before.units.upper + units.upper
                    },
                    time: Duration.max(one.time, source.timeFor(before.calls + one.calls))
                  }
            )
          }
        )
      yield* inputsOf(inputs).pipe(
        Stream.grouped(defaultWindow),
        Stream.runForEach((some) =>
          Effect.gen(function* () {
            const open: Array<Funnel.Candidate> = []
            for (const input of some) {
              const entry = entered(at, funnel, seen, read++, input)
              counts.inputs++
              if (entry._tag === "Duplicate") counts.duplicates++
              else if (entry._tag === "Scored") open.push(entry.candidate)
              else if (entry.answer.target === null) counts.invalid++
              else counts.excluded++
            }
            counts.sites += open.length
            const asked = new Map<
              string,
              {
                readonly source: Source
                readonly data: ReadonlyArray<Datum>
                readonly targets: Array<Target.Target>
                readonly stage: StagePlan["stage"]
              }
            >()
            const ask = (
              stage: StagePlan["stage"],
              source: Source,
              data: ReadonlyArray<Datum>,
              target: Target.Target
            ) => {
              const id = `${stage} ${source.id} ${data.join()}`
              const known = asked.get(id)
              if (known === undefined) asked.set(id, { stage, source, data, targets: [target] })
              else known.targets.push(target)
            }
            for (const candidate of open) {
              const gate = funnel.next(candidate)
              if (gate === null) continue
              const first = new Set(gate.asks.flatMap(({ data }) => data))
              const isGate = candidate.assessment.gates.some(({ outcome }) => outcome === "unknown")
              for (const { data, offer } of gate.asks) ask(isGate ? "gate" : "signals", offer, data, candidate.target)
              for (const { data, offer } of funnel.rest(candidate)) {
                const left = data.filter((datum) => !first.has(datum))
                if (left.length > 0) ask("signals", offer, left, candidate.target)
              }
            }
            yield* Effect.forEach(
              asked.values(),
              ({ data, source, stage, targets }) => add(stage, source, data, targets),
              {
                discard: true
              }
            )
          })
        )
      )
      return { ...counts, stages: Array.from(stages.values()) }
    }).pipe(Effect.scoped, Spans.spanned("ProspectScorer.plan", { attributes: {} }))

  return ProspectScorer.of({ score, scoreAll, plan })
})

const middle = (values: ReadonlyArray<number>): number | null => {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/**
 * What answers come to, for those who take them from {@link Service.score}: `spent` and `failures` are in the last
 * {@link Progress}.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const summarize = (
  prospects: Iterable<ScoredProspect>,
  { failures, spent }: Pick<Summary, "failures" | "spent">
): Summary => {
  const counts = { inputs: 0, invalid: 0, duplicates: 0, excluded: 0 }
  const verdicts = { Qualified: 0, Rejected: 0, Review: 0, NeedsData: 0 }
  const reasons: Record<string, number> = {}
  const because = (reason: string) => {
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  const ratings: Array<number> = []
  for (const { data, duplicateOf, verdict } of prospects) {
    counts.inputs++
    if (duplicateOf !== null) {
      counts.duplicates++
      continue
    }
    if (data.domainRating !== undefined) ratings.push(data.domainRating.value)
    if (verdict._tag !== "Excluded") {
      verdicts[verdict._tag]++
      if (verdict._tag === "Rejected") verdict.by.forEach(because)
      continue
    }
    because(verdict.reason)
    if (verdict.reason === "invalid") counts.invalid++
    else counts.excluded++
  }
  return { ...counts, verdicts, reasons, medianRating: middle(ratings), spent, failures }
}

/**
 * The scorer over the providers of each tenant.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer: Layer.Layer<ProspectScorer, never, TenantProviders> = Layer.effect(ProspectScorer, make)

/**
 * A service of the members given; any other fails loudly when it is used.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerTest = (service: Partial<Service>): Layer.Layer<ProspectScorer> => Layer.mock(ProspectScorer, service)
