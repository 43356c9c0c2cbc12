/**
 * What to ask next: the data with which, and with whatever may have to be asked after them, a verdict is reached at the least price.
 *
 * @since 0.1.0
 */
import { Datum, type Sheet } from "./data.js"
import type { Assessment } from "./model.js"
import type { Profile } from "./profile.js"
import { needs, Signal } from "./signals.js"

/** One way to ask a provider: several data in one row of an answer. */
export interface Offer {
  readonly id: string
  readonly data: ReadonlyArray<Datum>
  /** What one more site costs with these data, in the offer's own unit; one without a stated price counts as 1. */
  readonly price: (data: ReadonlyArray<Datum>) => number
  /** What a unit is worth beside those of the other offers. */
  readonly unitPrice: number
}

/** Data that are asked together, of an offer. */
export interface Ask<O extends Offer = Offer> {
  /** The same for the same data of the same offer. */
  readonly id: string
  readonly offer: O
  readonly data: ReadonlyArray<Datum>
}

export interface Next<O extends Offer = Offer> {
  readonly asks: ReadonlyArray<Ask<O>>
  /** What it could come to. */
  readonly couldBecome: ReadonlyArray<"Qualified" | "Rejected">
}

/** The data by whom they are asked of. */
export const grouped = <O extends Offer>(data: ReadonlyArray<Datum>, best: (datum: Datum) => O | undefined) => {
  const byOffer = new Map<O, Array<Datum>>()
  for (const datum of data) {
    const offer = best(datum)
    if (offer === undefined) continue
    const asked = byOffer.get(offer)
    if (asked === undefined) byOffer.set(offer, [datum])
    else asked.push(datum)
  }
  return Array.from(byOffer, ([offer, data]): Ask<O> => ({ id: `${offer.id} ${data.join()}`, offer, data }))
}

const worthOf = (asks: ReadonlyArray<Ask>): number =>
  asks.reduce((sum, { data, offer }) => sum + offer.unitPrice * offer.price(data), 0)

/** How likely so many points come of signals of which each is anywhere between nothing and its points, by whole points. */
const chances = (points: ReadonlyArray<number>): ReadonlyArray<number> => {
  let all = [1]
  for (const most of points) {
    // Of each whole point the middle stands for it.
    const steps = Math.max(1, Math.round(most))
    const sums = Array.from({ length: all.length + steps }, () => 0)
    all.forEach((chance, sum) => {
      for (let step = 0; step <= steps; step++) {
        const share = step === 0 || step === steps ? 0.5 / steps : 1 / steps
        sums[sum + step]! += chance * share
      }
    })
    all = sums
  }
  return all
}

interface Step<O extends Offer> {
  readonly asks: ReadonlyArray<Ask<O>>
  /** What it costs from here to the end, as far as can be foreseen. */
  readonly worth: number
}

/** What is to be decided: what is known, what can be had, and of whom. */
interface Situation<O extends Offer> {
  readonly known: (datum: Datum) => boolean
  readonly obtainable: ReadonlyArray<Datum>
  readonly best: (datum: Datum) => O | undefined
  readonly weights: (signal: Signal) => number
  /** Points that are not known yet, and may never be. */
  readonly unknown: number
}

type Policy<O extends Offer> = (range: Assessment["range"]) => Next<O> | null

/**
 * The cheapest way to a verdict, each value of a signal taken to be as likely as any other: for a lowest score so far, in whole points,
 * the data to ask now, such that with what may have to be asked after them the least is spent. `null` where nothing that can be
 * had decides.
 */
const policy = <O extends Offer>(
  qualifiedFrom: number,
  { best, known, obtainable, unknown, weights }: Situation<O>
): Policy<O> => {
  const signals = Signal.literals.filter((signal) => weights(signal) > 0)
  const among = (set: number) => obtainable.filter((_, i) => (set & (1 << i)) !== 0)
  /** The points of the signals that a set of data adds to another. */
  const gained = (from: number, added: number): ReadonlyArray<number> => {
    const before = new Set(among(from))
    const after = new Set(among(from | added))
    return signals
      .filter((signal) => !isMade(signal, (datum) => known(datum) || before.has(datum)))
      .filter((signal) => isMade(signal, (datum) => known(datum) || after.has(datum)))
      .map((signal) => 100 * weights(signal))
  }
  const total = (points: ReadonlyArray<number>) => points.reduce((sum, some) => sum + some, 0)
  const steps = new Map<string, Step<O> | null>()
  const whole = (1 << obtainable.length) - 1
  const openAfter = Array.from({ length: whole + 1 }, (_, set) => unknown - total(gained(0, set)))
  const options = Array.from({ length: whole + 1 }, (_, from) =>
    Array.from({ length: whole }, (_, i) => i + 1)
      .filter((added) => (added & from) === 0)
      .map((added) => ({ added, points: gained(from, added) }))
      .filter(({ points }) => points.length > 0)
      .map(({ added, points }) => {
        const asks = grouped(among(added), best)
        return { added, points, asks, worth: worthOf(asks), chances: chances(points) }
      })
  )
  const mostAfter = openAfter.map((_, from) => total(gained(from, whole & ~from)))
  const stepAt = (from: number, low: number): Step<O> | null => {
    const id = `${from} ${low}`
    const before = steps.get(id)
    if (before !== undefined) return before
    let step: Step<O> | null = null
    for (const { added, asks, chances, worth } of options[from]!) {
      const all = chances.reduce((sum, chance, points) => sum + chance * worthAfter(from | added, low + points), worth)
      if (step === null || all < step.worth) step = { asks, worth: all }
    }
    steps.set(id, step)
    return step
  }
  const worthAfter = (from: number, low: number): number => {
    const high = low + openAfter[from]!
    const isOpen = low < qualifiedFrom && high >= qualifiedFrom
    // Where all that can be had decides nothing, no part of it does.
    if (!isOpen || couldBecome(qualifiedFrom, low, high, mostAfter[from]!).length === 0) return 0
    return stepAt(from, low)?.worth ?? 0
  }
  return ({ high, low }) => {
    const verdicts = couldBecome(qualifiedFrom, low, high, mostAfter[0]!)
    const step = verdicts.length === 0 ? null : stepAt(0, Math.floor(low))
    return step && { asks: step.asks, couldBecome: verdicts }
  }
}

/** What a verdict can still be when so many points become known. */
const couldBecome = (qualifiedFrom: number, low: number, high: number, points: number): Next["couldBecome"] => [
  ...(low + points >= qualifiedFrom ? (["Qualified"] as const) : []),
  ...(high - points < qualifiedFrom ? (["Rejected"] as const) : [])
]

const isMade = (signal: Signal, has: (datum: Datum) => boolean): boolean =>
  needs[signal].some((alternative) => alternative.every(has))

/** Who answers what at present; `id` is the same for the same answers. */
export interface Availability<O extends Offer> {
  readonly id: string
  readonly best: (datum: Datum) => O | undefined
}

const never = () => null

/** Which data are known, which were asked for in vain, which are open: a number for each case. */
export const caseOf = ({ known, missing }: Sheet): number => {
  let all = 0
  for (const datum of Datum.literals)
    all = 3 * all + (known[datum] !== undefined ? 1 : missing[datum] !== undefined ? 2 : 0)
  return all
}

/**
 * The way from what is known to a verdict: whom to ask, in the order the tenant prefers, and nothing where nobody can tell.
 */
export const make = <O extends Offer>(
  profile: Profile
): ((sheet: Sheet, assessment: Assessment, who: Availability<O>) => Next<O> | null) => {
  const signals = Signal.literals.filter((signal) => signal !== "relevance")

  const policyFor = (
    sheet: Sheet,
    gates: Assessment["gates"],
    unknown: number,
    { best }: Availability<O>
  ): Policy<O> => {
    const isAsked = (datum: Datum) => sheet.known[datum] !== undefined || sheet.missing[datum] !== undefined
    const open = (datum: Datum): O | undefined => (isAsked(datum) ? undefined : best(datum))
    const isOpen = (datum: Datum) => open(datum) !== undefined
    const known = (datum: Datum) => sheet.known[datum] !== undefined
    const shrunk = known("relevance") ? 1 - profile.relevance : 1
    const weights = (signal: Signal) => (signal === "relevance" ? 0 : profile.weights[signal] * shrunk)
    const unmade = signals.filter((signal) => !isMade(signal, known))
    // A gate is the cheapest way to a verdict. Without it nothing qualifies, and what cannot is not paid for.
    const answers = gates.flatMap(({ gate, outcome }) =>
      outcome === "unknown" ? [needs[gate === "traffic" ? "reach" : gate].flat().find(isOpen)] : []
    )
    if (answers.length > 0) {
      const [first] = answers
      if (first === undefined) return never
      const asks = grouped([first], open)
      const most = unmade
        .filter((signal) => isMade(signal, (datum) => known(datum) || isOpen(datum)))
        .reduce((sum, signal) => sum + 100 * weights(signal), 0)
      const isAnswered = !answers.includes(undefined)
      return ({ low }) => ({
        asks,
        couldBecome: isAnswered && low + most >= profile.qualifiedFrom ? ["Qualified", "Rejected"] : ["Rejected"]
      })
    }
    const obtainable = Array.from(new Set(unmade.flatMap((signal) => needs[signal].flat()))).filter(isOpen)
    if (obtainable.length === 0) return never
    return policy(profile.qualifiedFrom, { known, obtainable, best: open, weights, unknown })
  }

  /** Of the same situation the same policy, made once. */
  const policies = new Map<string, Policy<O>>()
  return (sheet, { gates, range, verdict }, who) => {
    if (verdict._tag !== "NeedsData") return null
    const unknown = Math.round(range.high - range.low)
    const id = `${caseOf(sheet)} ${unknown} ${who.id}`
    let decide = policies.get(id)
    if (decide === undefined) policies.set(id, (decide = policyFor(sheet, gates, unknown, who)))
    return decide(range)
  }
}
