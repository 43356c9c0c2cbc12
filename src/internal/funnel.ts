/** Buys what decides, and nothing else: round by round each prospect's next data are asked, those of many prospects together. */
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Attribution } from "../Ahrefs.js"
import type { Provider, Unit } from "../Operation.js"
import { listening, type Provenance } from "../Provenance.js"
import { Datum, isInRange, type MissingReason, type Observed, type Sheet } from "../scoring/data.js"
import * as Model from "../scoring/model.js"
import * as Next from "../scoring/next.js"
import type { Profile } from "../scoring/profile.js"
import { needs } from "../scoring/signals.js"
import type { Target } from "../Target.js"
import type { Answer, AskError } from "./ability.js"
import { knownOnly } from "./paidCall.js"
import { ranked, type Source } from "./sources.js"
import { spanned } from "./spans.js"

/** A site on its way to a verdict. */
export interface Candidate {
  readonly target: Target
  sheet: Sheet
  assessment: Model.Assessment
  /** Who is not asked about it any more, and why. */
  readonly blocked: Map<Source, MissingReason>
  /** The facts that were bought for it. */
  readonly bought: Array<Provenance>
  attribution: Attribution | null
  /** What was given and is no value: whoever can tell is asked all the same. */
  readonly invalid: Sheet["missing"]
}

/** What a provider charged in this run, and what its facts that were known had cost. `null`: the contract states no price. */
export interface Spent {
  readonly provider: Provider
  readonly unit: Unit
  readonly spent: number
  readonly saved: number
  /** Facts bought whose price nobody states. */
  readonly unpriced: number
}

export interface Failure {
  readonly provider: Provider
  readonly operation: string
  readonly error: AskError
  /** So many sites were left without an answer. */
  readonly sites: number
}

/** Sites that are asked about together; `answered`: so many of them so far. */
export interface Stage {
  readonly provider: Provider
  readonly operation: string
  readonly data: ReadonlyArray<Datum>
  readonly sites: number
  readonly answered: number
}

export interface Options {
  readonly profile: Profile
  readonly sources: ReadonlyArray<Source>
  /** What may be spent in this run, by provider, in its unit. */
  readonly maxUnits: { readonly [P in Provider]?: number | undefined }
  readonly onStage: (stage: Stage) => Effect.Effect<void>
}

export interface Funnel {
  readonly enter: (target: Target, known: Sheet["known"], invalid?: Sheet["missing"]) => Candidate
  /** A site that is decided, or would be asked about in vain. */
  readonly known: (target: Target, sheet: Sheet) => Candidate
  /** Asks until each is decided, or nothing that may be asked could decide it. */
  readonly decide: (candidates: ReadonlyArray<Candidate>) => Effect.Effect<void>
  /** What would be asked next, whoever failed meanwhile. */
  readonly next: (candidate: Candidate) => Next.Next<Source> | null
  /** What all that is not known yet would cost, for one site in full calls. */
  readonly rest: (candidate: Candidate) => ReadonlyArray<Next.Ask<Source>>
  readonly spent: () => ReadonlyArray<Spent>
  readonly failures: () => ReadonlyArray<Failure>
}

/** Why a datum is not known after a provider failed so. */
const reasonOf = (error: AskError): MissingReason => {
  switch (error._tag) {
    case "InvalidKey":
    case "NoSubscription":
      return "AuthFailed"
    case "CreditsExhausted":
    case "BudgetExceeded":
    case "PriceUnknown":
      return "OutOfBudget"
    case "RateLimited":
      return "Throttled"
    case "InvalidRequest":
    case "InvalidTarget":
      return "Refused"
    case "Unsupported":
      return "NotSupported"
    default:
      return "Unavailable"
  }
}

/** How far a failure reaches: `sites` those asked about; `source`, `provider`: for the rest of the run. */
const reachOf = ({ _tag }: AskError): "sites" | "source" | "provider" => {
  switch (_tag) {
    case "InvalidKey":
    case "CreditsExhausted":
      return "provider"
    case "NoSubscription":
    case "Unsupported":
    case "PriceUnknown":
      return "source"
    default:
      return "sites"
  }
}

/** What is left to spend of a budget that was too small; `null` where that was not the trouble, or nobody knows. */
const leftOf = (error: AskError): number | null => {
  if (error._tag === "BudgetExceeded") return error.left
  return error._tag === "CreditsExhausted" ? Option.getOrNull(error.left) : null
}

const mayBeBilled = (error: AskError): boolean =>
  error._tag === "MalformedResponse" || (error._tag === "ProviderUnavailable" && error.mayBeBilled)

/** So many sites at the most cost no more than `left`. */
const fitting = ({ most }: Source, data: ReadonlyArray<Datum>, sites: number, left: number): number => {
  if (left === Infinity) return sites
  let fits = sites
  for (; fits > 0; fits--) {
    const price = most(data, fits)
    if (price !== null && price <= left) break
  }
  return fits
}

/** Shares of a call's price sum to the price but for the last bits. */
const summed = (shares: number): number => Math.round(shares * 1e6) / 1e6

/** A request that is wrong whatever it is about is not tried for each site. */
const mostSplits = 16

const noneInvalid: Sheet["missing"] = {}

interface Group {
  readonly source: Source
  readonly data: ReadonlyArray<Datum>
  readonly candidates: Array<Candidate>
}

const bestFirst = (a: Candidate, b: Candidate): number =>
  b.assessment.range.low - a.assessment.range.low || (a.target < b.target ? -1 : a.target > b.target ? 1 : 0)
const bestOf = ({ candidates }: Group): Candidate =>
  candidates.reduce((best, one) => (bestFirst(one, best) < 0 ? one : best))

/** How a group is asked: the divisions that are left, since when, and whom to tell how many sites were answered. */
interface Asking {
  splits: number
  readonly since: number
  readonly onAnswers: (answers: number) => Effect.Effect<void>
}

const toNobody: Asking["onAnswers"] = () => Effect.void

export const make = ({ maxUnits, onStage, profile, sources }: Options): Funnel => {
  const assess = Model.make(profile)
  const nextOf = Next.make<Source>(profile)
  // Safe: an entry for each datum.
  const ranking = Object.fromEntries(Datum.literals.map((datum) => [datum, ranked(sources, datum)])) as Record<
    Datum,
    ReadonlyArray<Source>
  >
  /** Sources that sell nothing for the rest of the run. */
  const out = new Map<Source, MissingReason>()
  const failures: Array<Failure> = []
  const books = new Map<Provider, { unit: Unit; spent: number; saved: number; unpriced: number; lost: number }>()
  for (const { provider, unit } of sources) {
    books.set(provider, { unit, spent: 0, saved: 0, unpriced: 0, lost: 0 })
  }

  const everybody: Next.Availability<Source> = { id: "", best: (datum) => ranking[datum][0] }
  /** Who is left to be asked about a site. */
  const leftFor = ({ blocked }: Candidate): Next.Availability<Source> => {
    if (blocked.size === 0) return everybody
    const isLeft = (source: Source) => !blocked.has(source)
    return {
      id: sources.map((source) => (isLeft(source) ? "1" : "0")).join(""),
      best: (datum) => ranking[datum].find(isLeft)
    }
  }

  const judge = (candidate: Candidate, sheet: Sheet): void => {
    candidate.sheet = sheet
    candidate.assessment = assess(sheet, candidate.target)
  }

  const { spam, tlds } = profile.review
  /** A site of which nothing is known is like any other, but for the lists of names. */
  const blank = spam.length + tlds.length === 0 ? assess({ known: {}, missing: {} }, "") : null

  const enter: Funnel["enter"] = (target, known, invalid = noneInvalid) => {
    const sheet: Sheet = { known, missing: {} }
    return {
      target,
      sheet,
      invalid,
      assessment: blank !== null && Object.keys(known).length === 0 ? blank : assess(sheet, target),
      blocked: new Map(),
      bought: [],
      attribution: null
    }
  }

  const left = (provider: Provider): number => {
    const { lost, spent } = books.get(provider)!
    return (maxUnits[provider] ?? Infinity) - spent - lost
  }

  const block = (candidates: Iterable<Candidate>, source: Source, reason: MissingReason): void => {
    for (const { blocked } of candidates) blocked.set(source, reason)
  }

  const record = (
    { data, source }: Group,
    candidate: Candidate,
    { attribution, values }: Answer,
    facts: ReadonlyArray<Provenance> = []
  ): void => {
    const known: { [D in Datum]?: Observed } = { ...candidate.sheet.known }
    const missing: { [D in Datum]?: MissingReason } = { ...candidate.sheet.missing }
    const { operation, provider, unit } = source
    const row = facts.find(({ column }) => column === "*")
    // Whatever came beside what was asked for is known too.
    for (const datum of row === undefined ? data : source.data) {
      if (known[datum] !== undefined) continue
      const value = values[datum] ?? null
      if (value === null || !isInRange(datum, value)) {
        // What was not asked for can be asked of somebody else.
        if (data.includes(datum)) missing[datum] = value === null ? "NoData" : "Invalid"
        continue
      }
      const name = source.columnOf(datum)
      const fact = row ?? facts.find(({ column }) => column === name)
      const share = row === undefined ? 1 : source.data.length
      const isBought = fact?.cache === "bought"
      const amount = isBought ? (fact.paid === null ? null : fact.paid / share) : 0
      known[datum] = {
        value,
        source: provider,
        operation,
        observedAt: fact?.observedAt ?? null,
        cache: fact?.cache ?? "bought",
        cost: amount === 0 ? source.nothing : { unit, amount }
      }
    }
    candidate.attribution = attribution ?? candidate.attribution
    judge(candidate, { known, missing })
  }

  const count = (provider: Provider, facts: ReadonlyArray<Provenance>): void => {
    const book = books.get(provider)!
    for (const { cache, paid } of facts) {
      if (paid === null) book.unpriced += cache === "bought" ? 1 : 0
      else if (cache === "bought") book.spent += paid
      else book.saved += paid
    }
  }

  /** Those who are not answered. What is known since `since` was bought here, by a call that failed for another site. */
  const tryAsking = (
    group: Group,
    candidates: ReadonlyArray<Candidate>,
    since: number,
    onAnswers: Asking["onAnswers"] = toNobody
  ) =>
    Effect.gen(function* () {
      const { data, source } = group
      const open = new Map(candidates.map((candidate) => [candidate.target, candidate]))
      const facts = new Map<string, Array<Provenance>>()
      const answers = source.ask(
        candidates.map(({ target }) => target),
        data
      )
      const error = yield* Stream.runForEachChunk(answers, (some) =>
        Effect.suspend(() => {
          const before = open.size
          for (const answer of Chunk.toReadonlyArray(some)) {
            const candidate = open.get(answer.target)
            if (candidate === undefined) continue
            open.delete(answer.target)
            record(group, candidate, answer, facts.get(answer.target))
            facts.delete(answer.target)
          }
          return onAnswers(before - open.size)
        })
      ).pipe(
        listening((told) => {
          const more =
            since === Infinity
              ? told
              : told.map((fact) =>
                  fact.cache === "fresh" && fact.observedAt >= since ? { ...fact, cache: "bought" as const } : fact
                )
          count(source.provider, more)
          for (const fact of more) {
            // Safe: facts about sites have them for subjects.
            if (fact.cache === "bought") open.get(fact.subject as Target)?.bought.push(fact)
            const row = facts.get(fact.subject)
            if (row === undefined) facts.set(fact.subject, [fact])
            else row.push(fact)
          }
        }),
        Effect.as(null),
        Effect.catchAll(Effect.succeed)
      )
      return { error, unanswered: Array.from(open.values()) }
    })

  /** Those of whom the answer is known, and costs nothing whatever else does; and the others. */
  const divided = (
    group: Group,
    candidates: ReadonlyArray<Candidate>
  ): Effect.Effect<readonly [known: ReadonlyArray<Candidate>, others: ReadonlyArray<Candidate>]> =>
    Effect.gen(function* () {
      if (candidates.length === 0) return [[], []]
      const targets = candidates.map(({ target }) => target)
      // A plan that is refused is a request that is refused, and is told as one.
      const { cached } = yield* Effect.orElseSucceed(group.source.plan(targets, group.data), () => ({ cached: 0 }))
      if (cached === 0) return [[], candidates]
      if (cached === candidates.length) return [candidates, []]
      const [first, second] = Arr.splitAt(candidates, candidates.length >> 1)
      const [known, others] = yield* divided(group, first)
      const [more, rest] = yield* divided(group, second)
      return [known.concat(more), others.concat(rest)]
    })

  /**
   * Asks; whoever the budget has no room for is left out, and what is known answers all the same. A refused request is divided, so
   * that the site it is refused for is alone. Says why nothing more is to be bought.
   */
  const askPart = (
    group: Group,
    part: ReadonlyArray<Candidate>,
    asking: Asking,
    turn: "first" | "part" | "last"
  ): Effect.Effect<MissingReason | null> =>
    Effect.gen(function* () {
      const { data, source } = group
      const { error, unanswered } = yield* tryAsking(
        group,
        part,
        turn === "first" ? Infinity : asking.since,
        asking.onAnswers
      )
      if (error === null) {
        if (turn === "part") asking.splits = mostSplits
        // An answer without a row for a site is none.
        block(unanswered, source, "Unavailable")
        return null
      }
      const { operation, provider } = source
      if (mayBeBilled(error)) {
        const most = source.most(data, Math.min(source.size, unanswered.length))
        // Without a price no call is made under a limit, and without a limit nobody asks what was lost.
        if (most !== null) books.get(provider)!.lost += most
      }
      const reason = reasonOf(error)
      const [known, rest] = turn === "last" ? [[], unanswered] : yield* divided(group, unanswered)
      if (known.length > 0) yield* askPart(group, known, asking, "last")
      if (rest.length === 0) return null
      if (reason === "Refused") {
        if (turn === "part" && rest.length < part.length) asking.splits = mostSplits
        if (rest.length > 1 && asking.splits > 0) {
          asking.splits--
          const [first, second] = Arr.splitAt(rest, rest.length >> 1)
          const over = yield* askPart(group, first, asking, "part")
          if (over === null) return yield* askPart(group, second, asking, "part")
          block(second, source, over)
          return over
        }
        failures.push({ provider, operation, error, sites: rest.length })
        // Nobody else is asked what is wrong in itself, nor for what would stand for it.
        const refused = data.includes("domainRating") ? [...data, "domainInlinkRank" as const] : data
        for (const candidate of rest) {
          const { known, missing } = candidate.sheet
          judge(candidate, {
            known,
            missing: { ...missing, ...Object.fromEntries(refused.map((datum) => [datum, reason])) }
          })
        }
        return null
      }
      const room = leftOf(error)
      const fits = room === null || turn === "last" ? 0 : fitting(source, data, rest.length, room)
      const [asked, refused] = Arr.splitAt(rest, fits)
      failures.push({ provider, operation, error, sites: refused.length })
      block(refused, source, reason)
      const reach = fits > 0 ? "sites" : reachOf(error)
      for (const other of reach === "sites" ? [] : sources) {
        if (other === source || (reach === "provider" && other.provider === provider)) out.set(other, reason)
      }
      if (asked.length > 0) yield* askPart(group, asked, asking, "last")
      return reason
    })

  const ask = (group: Group): Effect.Effect<void> =>
    Effect.gen(function* () {
      const { candidates, data, source } = group
      const { operation, provider } = source
      const all = candidates.toSorted(bestFirst)
      /** Why nothing more is bought. */
      let over = out.get(source) ?? null
      let answered = 0
      const stage = (): Stage => ({ provider, operation, data, sites: all.length, answered })
      if (over === null) yield* onStage(stage())
      const asking: Asking = {
        splits: mostSplits,
        since: yield* Clock.currentTimeMillis,
        onAnswers: (answers) => {
          answered += answers
          return onStage(stage())
        }
      }
      // Under a limit a call at a time: what it did cost is known before the next.
      for (const part of maxUnits[provider] === undefined ? [all] : Arr.chunksOf(all, source.size)) {
        if (over === null && fitting(source, data, part.length, left(provider)) === part.length) {
          over = yield* askPart(group, part, asking, "first")
          continue
        }
        const [known, others] = yield* divided(group, part)
        const fits = over === null ? fitting(source, data, others.length, left(provider)) : 0
        block(others.slice(fits), source, over ?? "OutOfBudget")
        const asked = [...known, ...others.slice(0, fits)]
        if (asked.length > 0) over = (yield* askPart(group, asked, asking, "first")) ?? over
      }
    }).pipe(
      spanned("ProspectScorer.stage", {
        attributes: {
          "seo.provider": group.source.provider,
          "seo.operation": group.source.operation,
          "seo.targets": group.candidates.length
        }
      })
    )

  const groups = (candidates: ReadonlyArray<Candidate>): ReadonlyArray<Group> => {
    const all = new Map<string, Group>()
    for (const candidate of candidates) {
      const next = nextOf(candidate.sheet, candidate.assessment, leftFor(candidate))
      for (const { data, id, offer: source } of next?.asks ?? []) {
        const group = all.get(id)
        if (group === undefined) all.set(id, { source, data, candidates: [candidate] })
        else group.candidates.push(candidate)
      }
    }
    return Array.from(all.values())
  }

  /** What was bought before decides for nothing: it is looked up before anything dearer than a gate is chosen. */
  const lookUp = (candidates: ReadonlyArray<Candidate>): Effect.Effect<void> =>
    Effect.forEach(
      sources
        .filter(({ isOneByOne }) => isOneByOne === undefined)
        .flatMap((source) => source.data.map((datum) => ({ source, datum }))),
      ({ datum, source }) => {
        const asked = candidates.filter(
          ({ assessment, sheet: { known, missing } }) =>
            known[datum] === undefined &&
            missing[datum] === undefined &&
            assessment.missing.some(({ signal }) => needs[signal].some((all) => all.includes(datum)))
        )
        if (asked.length === 0) return Effect.void
        const group = { source, data: [datum], candidates: asked }
        // What goes wrong here does so again when it is asked, and is told then.
        return Effect.locally(tryAsking(group, asked, Infinity), knownOnly, true)
      },
      { discard: true }
    )

  const isLookedUp = new WeakSet<Candidate>()

  const decide = (candidates: ReadonlyArray<Candidate>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const passed = candidates.filter(
        (candidate) =>
          !isLookedUp.has(candidate) &&
          candidate.assessment.verdict._tag === "NeedsData" &&
          candidate.assessment.gates.every(({ outcome }) => outcome === "pass")
      )
      for (const candidate of passed) isLookedUp.add(candidate)
      return Effect.zipRight(passed.length === 0 ? Effect.void : lookUp(passed), askRound(candidates))
    })

  const askRound = (candidates: ReadonlyArray<Candidate>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const all = groups(candidates)
      if (all.length === 0) return Effect.sync(() => candidates.forEach(close))
      // Under a limit the best are asked for first, whatever they are asked.
      const ordered = all.length === 1 ? all : all.toSorted((a, b) => bestFirst(bestOf(a), bestOf(b)))
      const byProvider = Object.values(Arr.groupBy(ordered, ({ source }) => source.provider))
      return Effect.zipRight(
        Effect.forEach(byProvider, (own) => Effect.forEach(own, ask, { discard: true }), {
          concurrency: "unbounded",
          discard: true
        }),
        decide(candidates)
      )
    })

  /** Why each datum that is still open was not asked. */
  const reasonsFor = (candidate: Candidate): Sheet["missing"] => {
    const { invalid, sheet } = candidate
    const { known, missing } = sheet
    const reasons: { [D in Datum]?: MissingReason } = { ...missing }
    for (const datum of Datum.literals) {
      if (known[datum] !== undefined || missing[datum] !== undefined) continue
      const all = ranking[datum]
      const failed = all.map((source) => candidate.blocked.get(source))
      const isOpen = failed.some((reason) => reason === undefined)
      reasons[datum] = invalid[datum] ?? (all.length === 0 ? "NotSupported" : isOpen ? "NotAsked" : failed[0]!)
    }
    return reasons
  }

  /** Most sites end alike, and a run keeps them all. */
  const alike = new Map<string, Sheet["missing"]>()
  const missingOf = (candidate: Candidate): Sheet["missing"] => {
    const { blocked, invalid, sheet } = candidate
    if (blocked.size > 0 || invalid !== noneInvalid) return reasonsFor(candidate)
    const id = `${Next.caseOf(sheet)} ${Object.values(sheet.missing).join()}`
    const known = alike.get(id)
    if (known !== undefined) return known
    const made = reasonsFor(candidate)
    alike.set(id, made)
    return made
  }

  const close = (candidate: Candidate): void => {
    const { assessment, sheet } = candidate
    candidate.sheet = { known: sheet.known, missing: missingOf(candidate) }
    candidate.assessment = { ...assessment, missing: Model.reasons(candidate.sheet, assessment.missing) }
  }

  /** What is not known for no better reason than that nobody was asked. */
  const stillOpen = ({ sheet: { known, missing } }: Candidate): Sheet => {
    const settled = Object.entries(missing).filter(([, reason]) =>
      ["NoData", "Undefined", "Invalid", "Refused"].includes(reason)
    )
    return { known, missing: Object.fromEntries(settled) }
  }

  return {
    enter,
    known: (target, sheet) => ({ ...enter(target, {}), sheet, assessment: assess(sheet, target) }),
    decide,
    next: (candidate) => nextOf(stillOpen(candidate), candidate.assessment, everybody),
    rest: (candidate) => {
      const { known, missing } = stillOpen(candidate)
      const open = Datum.literals.filter((datum) => known[datum] === undefined && missing[datum] === undefined)
      const wanted = new Set(candidate.assessment.missing.flatMap(({ signal }) => needs[signal].flat()))
      // The rank is asked only where the rating is not to be had.
      if (open.includes("domainRating") && ranking.domainRating.length > 0) wanted.delete("domainInlinkRank")
      return Next.grouped(
        open.filter((datum) => wanted.has(datum)),
        (datum) => ranking[datum][0]
      )
    },
    spent: () =>
      Array.from(books, ([provider, { saved, spent, unit, unpriced }]) => ({
        provider,
        unit,
        spent: summed(spent),
        saved: summed(saved),
        unpriced
      })),
    failures: () => failures
  }
}
