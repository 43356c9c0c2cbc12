/** One answer for each distinct site, from the provider in use, and a ledger of what the answers cost. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Ahrefs from "../Ahrefs.js"
import { minimumUnits } from "../ahrefs/pricing.js"
import type { Charge, Provider, Unit } from "../Operation.js"
import { collector, type Provenance } from "../Provenance.js"
import type { ProviderError } from "../ProviderError.js"
import * as SERanking from "../SERanking.js"
import { credits } from "../seranking/pricing.js"
import type { SharedState } from "../SharedState.js"
import type { Target } from "../Target.js"
import * as AhrefsSimulator from "../testing/AhrefsSimulator.js"
import * as Ledger from "./ledger.js"
import type { Account, Source } from "./settings.js"
import { type Judgement, ofDomainRating, ofFlows, ofInlinkRank } from "./verdict.js"

export interface Answer {
  readonly target: Target
  readonly judgement: Judgement
  readonly attribution?: Ahrefs.Attribution | undefined
}

export interface Rater {
  /** The answers of a call come as soon as it is answered; a refusal comes after all that was bought. */
  readonly rate: (targets: ReadonlyArray<Target>) => Stream.Stream<Answer, ProviderError>
  readonly ledger: Effect.Effect<Ledger.Ledger>
  readonly isSimulated: boolean
  readonly provider: Provider
  readonly unit: Unit
  /** What asking for one site in a call of its own costs; null where the contract states no price. */
  readonly unitsAlone: number | null
}

const concurrency = 4
// The list is gathered already.
const batchWait = 0

/**
 * A call for each target, a few at once. After a refusal no further call starts, and those under way are waited for: they
 * are paid.
 */
const each = <A, E>(
  targets: ReadonlyArray<Target>,
  ask: (target: Target) => Effect.Effect<A, E>
): Stream.Stream<A, E> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const refusal = yield* Ref.make(Option.none<E>())
      const askUnlessRefused = (target: Target) =>
        Effect.flatMap(
          Ref.get(refusal),
          Option.match({
            onSome: () => Effect.succeedNone,
            onNone: () => Effect.option(Effect.tapError(ask(target), (error) => Ref.set(refusal, Option.some(error))))
          })
        )
      const refused = Effect.flatMap(Ref.get(refusal), Option.match({ onSome: Effect.fail, onNone: () => Effect.void }))
      return Stream.fromIterable(targets).pipe(
        Stream.mapEffect(askUnlessRefused, { concurrency }),
        Stream.filterMap(identity),
        Stream.concat(Stream.drain(Stream.fromEffect(refused)))
      )
    })
  )

type OnCharge = (charge: Charge) => Effect.Effect<void>

type Opening = Effect.Effect<
  Pick<Rater, "rate" | "provider" | "unit" | "unitsAlone">,
  never,
  HttpClient.HttpClient | SharedState | Scope.Scope
>

const ofAhrefs = (
  account: Account & Pick<Ahrefs.Options, "rateLimit">,
  freeDomainRating: boolean,
  onCharge: OnCharge
): Opening =>
  Effect.map(Ahrefs.make({ ...account, batchWait, freeDomainRating, onCharge }), ({ getDomainRatingsStream }) => {
    const isVendor = account.contract === "vendor"
    return {
      provider: "ahrefs",
      unit: isVendor ? "api_units" : "row_credits",
      unitsAlone: freeDomainRating ? 0 : isVendor ? minimumUnits : 1,
      rate: (targets) =>
        Stream.map(getDomainRatingsStream(targets), ({ attribution, domain, domainRating }) => ({
          target: domain,
          judgement: ofDomainRating(domainRating),
          attribution
        }))
    }
  })

const ofSERanking = (account: Account, onCharge: OnCharge): Opening =>
  Effect.map(
    SERanking.make({ ...account, batchWait, onCharge }),
    ({ getBacklinksMetricsStream, getDomainInlinkRank }) => {
      const byInlinkRank: Rater["rate"] = (targets) =>
        Stream.map(each(targets, getDomainInlinkRank), ({ domain, domainInlinkRank }) => ({
          target: domain,
          judgement: ofInlinkRank(domainInlinkRank)
        }))
      const byFlows: Rater["rate"] = (targets) =>
        Stream.map(getBacklinksMetricsStream(targets), (metrics) => ({
          target: metrics.domain,
          judgement: ofFlows(metrics)
        }))
      const isVendor = account.contract === "vendor"
      return {
        provider: "se_ranking",
        unit: isVendor ? "credits" : "row_credits",
        unitsAlone: isVendor ? credits.domainAuthorityRecord : null,
        rate: isVendor ? byInlinkRank : byFlows
      }
    }
  )

// Nobody waits for a rate limit where nothing is asked.
const noLimit = { requests: 100_000, per: "1 second" } as const
const ofNobody = (freeDomainRating: boolean, onCharge: OnCharge): Opening =>
  Effect.flatMap(AhrefsSimulator.make({ seed: 1, rateLimit: false }), ({ httpClient }) =>
    Effect.provideService(
      ofAhrefs(
        { apiKey: Redacted.make("simulated"), contract: "vendor", apiUrl: undefined, rateLimit: noLimit },
        freeDomainRating,
        onCharge
      ),
      HttpClient.HttpClient,
      httpClient
    )
  )

const opening = (source: Source, onCharge: OnCharge): Opening => {
  switch (source._tag) {
    case "Ahrefs":
      return ofAhrefs(source.account, source.freeDomainRating, onCharge)
    case "SERanking":
      return ofSERanking(source.account, onCharge)
    case "Simulated":
      return ofNobody(source.freeDomainRating, onCharge)
  }
}

export const make = Effect.fnUntraced(function* (source: Source) {
  const ledger = yield* Ref.make(Ledger.empty)
  const heard: Array<Provenance> = []
  const listening = Effect.locallyScoped(collector, (facts) => {
    for (const fact of facts) heard.push(fact)
  })
  const rater = yield* opening(source, (charge) => Ref.update(ledger, Ledger.charged(charge)))
  const made: Rater = {
    ...rater,
    // By chunks: an answered call stays one chunk.
    rate: (targets) =>
      Stream.mapChunksEffect(Stream.unwrapScoped(Effect.as(listening, rater.rate(targets))), (answers) =>
        Effect.as(Ref.update(ledger, Ledger.answered(answers)), answers)
      ),
    ledger: Effect.map(Ref.get(ledger), (paid) => Ledger.told(heard)(paid)),
    isSimulated: source._tag === "Simulated"
  }
  return made
})
