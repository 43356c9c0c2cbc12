/**
 * SE Ranking as an Effect service.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Chunk from "effect/Chunk"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { checks, planned, verified } from "./internal/input.js"
import { keywordKey } from "./internal/keyword.js"
import * as PaidCall from "./internal/paidCall.js"
import type { RetryOptions } from "./internal/retry.js"
import type * as CreditLedger from "./CreditLedger.js"
import type { Charge, ContractName, Operation } from "./Operation.js"
import type {
  InvalidRequest,
  InvalidTarget,
  LedgerUnavailable,
  PaidError,
  Unsupported,
  WireError
} from "./ProviderError.js"
import type {
  Backlink,
  BacklinksMetrics,
  BacklinksSummary,
  DomainInlinkRank,
  KeywordRanking,
  Mode,
  SearchEngine,
  SortBy
} from "./seranking/model.js"
import { platform } from "./seranking/platform.js"
import { vendor } from "./seranking/vendor.js"
import type { Plan } from "./Plan.js"
import type * as RateLimiter from "./RateLimiter.js"
import type { SharedState } from "./SharedState.js"
import * as Target from "./Target.js"
import type { Usage } from "./Usage.js"

export {
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Backlink,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  BacklinksMetrics,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  BacklinksSummary,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  DomainInlinkRank,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  KeywordRanking,
  /**
   * @since 0.1.0
   * @category Models
   */
  type Mode,
  /**
   * @since 0.1.0
   * @category Models
   */
  type SearchEngine,
  /**
   * @since 0.1.0
   * @category Models
   */
  type SortBy
} from "./seranking/model.js"

/**
 * What of a target a backlink profile is of.
 *
 * @since 0.1.0
 * @category Models
 */
export interface SummaryOptions {
  /**
   * Default `domain`: the site an input belongs to, with its subdomains. `host`: that host alone. `url`: that page.
   */
  readonly mode?: Mode | undefined
}

/**
 * Which links `getBacklinks` gives, and in which order.
 *
 * @since 0.1.0
 * @category Models
 */
export interface BacklinksOptions {
  readonly domain: string
  /** Rows at the most, 1 to 10,000; default 50. */
  readonly limit?: number | undefined
  /** Rows to skip; default 0. Other than 0 on the platform contract only. */
  readonly offset?: number | undefined
  /** Default: Trust Flow on the platform contract, the domain's InLink Rank on the vendor contract. */
  readonly sortBy?: SortBy | undefined
  /** Default false. */
  readonly doFollowOnly?: boolean | undefined
}

/**
 * Which links `getBacklinksStream` gives, and how many a call.
 *
 * @since 0.1.0
 * @category Models
 */
export interface BacklinksStreamOptions {
  readonly domain: string
  /** Rows at the most in all; default: to the end. */
  readonly limit?: number | undefined
  /** Rows a call, 1 to 100,000; default 1,000. A page is paid whole, also where only its first rows are used. */
  readonly pageSize?: number | undefined
  /** As in {@link BacklinksOptions}. */
  readonly sortBy?: SortBy | undefined
}

/**
 * Whose positions for which keywords, in which market.
 *
 * @since 0.1.0
 * @category Models
 */
export interface KeywordRankingsOptions {
  readonly domain: string
  readonly keywords: ReadonlyArray<string>
  /** Default `google`; the vendor contract knows no other. */
  readonly searchEngine?: SearchEngine | undefined
  /**
   * Default "United States". English name or ISO code of a country; on the platform contract also any location name it knows.
   */
  readonly location?: string | undefined
}

/**
 * What a caller holds. Prices are those of the vendor contract, in credits; the platform contract states none.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /** The backlink profile of a target. 100 credits. Source: backlinks/summary. */
  readonly getBacklinksSummary: (
    domain: string,
    options?: SummaryOptions
  ) => Effect.Effect<BacklinksSummary, PaidError | InvalidTarget>

  /**
   * The backlink profiles of any number of targets, one row for each input in its order. 100 credits a distinct target; a call
   * carries 100 (platform: 1).
   */
  readonly getBacklinksSummaries: (
    domains: ReadonlyArray<string>,
    options?: SummaryOptions
  ) => Effect.Effect<ReadonlyArray<BacklinksSummary>, PaidError | InvalidTarget>

  /** {@link Service.getBacklinksSummaries} call by call: what was paid is delivered before a later call fails. */
  readonly getBacklinksSummariesStream: (
    domains: ReadonlyArray<string>,
    options?: SummaryOptions
  ) => Stream.Stream<BacklinksSummary, PaidError | InvalidTarget>

  /** Links to a site, the strongest first. 1 credit a row. Source: backlinks/all. */
  readonly getBacklinks: (
    options: BacklinksOptions
  ) => Effect.Effect<ReadonlyArray<Backlink>, PaidError | InvalidTarget | Unsupported>

  /** All links to a site, page by page as they are asked for, in constant memory. 1 credit a row. Source: backlinks/raw. */
  readonly getBacklinksStream: (
    options: BacklinksStreamOptions
  ) => Stream.Stream<Backlink, PaidError | InvalidTarget | Unsupported>

  /**
   * Link counts of any number of sites, one row for each input in its order, `isKnown: false` where SE Ranking has no data.
   * 100 credits a distinct site that is known; a call carries 100. Source: backlinks/metrics.
   */
  readonly getBacklinksMetrics: (
    domains: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<BacklinksMetrics>, PaidError | InvalidTarget>

  /** {@link Service.getBacklinksMetrics} call by call: what was paid is delivered before a later call fails. */
  readonly getBacklinksMetricsStream: (
    domains: ReadonlyArray<string>
  ) => Stream.Stream<BacklinksMetrics, PaidError | InvalidTarget>

  /**
   * The InLink Rank of a site, the cheapest measure of its strength here. 10 credits. Vendor contract only. Source:
   * backlinks/authority/domain.
   */
  readonly getDomainInlinkRank: (
    domain: string
  ) => Effect.Effect<DomainInlinkRank, PaidError | InvalidTarget | Unsupported>

  /**
   * Positions of a site, one row for each keyword in its order, `position: null` where it is not ranked. 100 credits a call or
   * a keyword found (the vendor's pages disagree; the higher counts); a call carries 50. Source: domain/keywords.
   */
  readonly getKeywordRankings: (
    options: KeywordRankingsOptions
  ) => Effect.Effect<ReadonlyArray<KeywordRanking>, PaidError | InvalidTarget | Unsupported>

  /** Limits and dates of the account. Free. Source: account/subscription. */
  readonly getUsage: Effect.Effect<Usage, WireError>

  /** The usage of a key that works; `InvalidKey` or `NoSubscription` where it does not. Free. */
  readonly verify: Effect.Effect<Usage, WireError>

  /**
   * What a method would cost with these arguments, how many calls it takes and how long, and how much of it is known already:
   * `plan("getBacklinksSummaries", domains)`. Spends nothing.
   */
  readonly plan: <M extends Planned>(
    method: M,
    ...args: Parameters<Service[M]>
  ) => Effect.Effect<Plan, InvalidRequest | InvalidTarget | Unsupported>

  /**
   * An endpoint that the package does not have, as an operation of your own. It takes the way of all others: known facts answer,
   * what somebody is buying is waited for, single look-ups leave together, budgets are held and charges booked. Give its facts a
   * `kind` of their own, unless they are those of another operation. `Unsupported` where it is priced in another unit than the
   * contract's; `InvalidRequest` where it asks for nothing, is billed and has no facts, or is
   * about several subjects and cannot be narrowed.
   */
  readonly call: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, PaidError | Unsupported>

  /** What {@link Service.call} would cost. Spends nothing. */
  readonly planCall: <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<Plan, InvalidRequest | Unsupported>

  /**
   * Compares what the ledger has spent with the account's own counter; `adopt` makes its limit the budget of the account. Free.
   */
  readonly reconcile: (options?: {
    readonly adopt?: boolean | undefined
  }) => Effect.Effect<CreditLedger.Reconciliation, WireError | LedgerUnavailable | CreditLedger.InvalidAmount>
}

/**
 * Methods that can be planned.
 *
 * @since 0.1.0
 * @category Models
 */
export type Planned =
  | "getBacklinksSummary"
  | "getBacklinksSummaries"
  | "getBacklinks"
  | "getBacklinksMetrics"
  | "getDomainInlinkRank"
  | "getKeywordRankings"

/**
 * The SE Ranking account in use.
 *
 * @since 0.1.0
 * @category Context
 */
export class SERanking extends Context.Tag("effect-seo-providers/SERanking")<SERanking, Service>() {}

/**
 * An account and how it is called. Everything but the key has a default.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  /** Default `vendor`: what SE Ranking publishes. */
  readonly contract?: ContractName | undefined
  /** Default `https://api.seranking.com/v1`; platform contract: `https://api4.seranking.com`. */
  readonly apiUrl?: string | undefined
  /** Per attempt; default 30 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
  /** How refusals that were not billed are sent again. */
  readonly retry?: RetryOptions | undefined
  /** Send a paid call that timed out again, although it may have been billed. Default false. */
  readonly resendTimedOut?: boolean | undefined
  /** The tenant on whose behalf this service calls, where `Spender.as` names none. */
  readonly tenant?: string | undefined
  /** What the account may call in any window of time, free calls included. Default 10 a second; a trial account has 1. */
  readonly rateLimit?: RateLimiter.Rate | undefined
  /** A call that would have to wait longer for its turn fails with `RateLimited`. Default 10 minutes. */
  readonly maxWait?: Duration.DurationInput | undefined
  /**
   * How long a look-up waits for others to leave with, where the provider answers many in one call; default 10 ms, 0 turns it
   * off.
   */
  readonly batchWait?: Duration.DurationInput | undefined
  /** The account's calls under way at once, over all processes that share the state; default 10. */
  readonly concurrency?: number | undefined
  /**
   * Accounts that name the same scope share what either of them bought. Default: the account alone. Letters, digits, `_`, `-`.
   * Check that the provider's terms allow it.
   */
  readonly cacheScope?: string | undefined
  /** Runs after every answered call with what it cost. */
  readonly onCharge?: ((charge: Charge) => Effect.Effect<void>) | undefined
  /** A last change to the client, as in Effect's own clients. It sees the key. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

const contracts = { vendor, platform }
const normalisers = { domain: Target.make, host: Target.host, url: Target.url }

/**
 * The service of one account. A key that no header can carry fails each call with `InvalidKey`.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = (
  options: Options
): Effect.Effect<Service, never, HttpClient.HttpClient | SharedState | Scope.Scope> =>
  Effect.gen(function* () {
    const contract = contracts[options.contract ?? "vendor"]
    const paid = yield* PaidCall.make(contract, options)
    const check = checks("se_ranking", contract.contract)

    const summariesOf = (targets: ReadonlyArray<Target.Target>, { mode = "domain" }: SummaryOptions = {}) =>
      paid.ask(contract.summaries, { targets, mode })

    /** What each method asks, once its arguments are checked. */
    const asks = {
      getBacklinksSummary: (domain: string, options?: SummaryOptions) =>
        Effect.map(check.target(contract.summaries.name, domain, normalisers[options?.mode ?? "domain"]), (target) =>
          summariesOf([target], options)
        ),
      getBacklinksSummaries: (domains: ReadonlyArray<string>, options?: SummaryOptions) =>
        Effect.map(check.targets(contract.summaries.name, domains, normalisers[options?.mode ?? "domain"]), (targets) =>
          summariesOf(targets, options)
        ),
      getBacklinksMetrics: (domains: ReadonlyArray<string>) =>
        Effect.map(check.targets(contract.metrics.name, domains, Target.make), (targets) =>
          paid.ask(contract.metrics, targets)
        ),
      getBacklinks: Effect.fnUntraced(function* ({
        doFollowOnly = false,
        domain,
        limit = 50,
        offset = 0,
        sortBy
      }: BacklinksOptions) {
        const { backlinks, objectionToBacklinks } = contract
        yield* check.whole(backlinks.name, "limit", limit, 1, 10_000)
        yield* check.whole(backlinks.name, "offset", offset, 0, 1_000_000_000)
        yield* check.objection(backlinks.name, objectionToBacklinks({ offset, sortBy }))
        const target = yield* check.target(backlinks.name, domain, Target.make)
        return paid.ask(backlinks, { target, limit, offset, sortBy, doFollowOnly })
      }),
      getDomainInlinkRank: Effect.fnUntraced(function* (domain: string) {
        const operation = yield* check.operation("getDomainInlinkRank", contract.domainInlinkRank)
        return paid.ask(operation, yield* check.target(operation.name, domain, Target.make))
      }),
      getKeywordRankings: Effect.fnUntraced(function* ({
        domain,
        keywords,
        location = "United States",
        searchEngine = "google"
      }: KeywordRankingsOptions) {
        const { keywordRankings, objectionToKeywords } = contract
        yield* check.keywords(keywordRankings.name, keywords)
        yield* check.objection(keywordRankings.name, objectionToKeywords({ location, searchEngine }))
        const target = yield* check.target(keywordRankings.name, domain, Target.make)
        return paid.ask(keywordRankings, { target, keywords: keywords.map(keywordKey), searchEngine, location })
      })
    }
    const called = <I, A>({ input, operation }: PaidCall.Asked<I, A>) => paid.call(operation, input)

    const summaries = (domains: ReadonlyArray<string>, options?: SummaryOptions) =>
      Effect.map(asks.getBacklinksSummaries(domains, options), ({ input, operation }) =>
        paid.rows(operation, input, identity)
      )

    const metrics = (domains: ReadonlyArray<string>) =>
      Effect.map(asks.getBacklinksMetrics(domains), ({ input, operation }) => paid.rows(operation, input, identity))

    const getBacklinksStream: Service["getBacklinksStream"] = ({ domain, limit, pageSize = 1_000, sortBy }) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const { objectionToBacklinks, page } = contract
          yield* check.whole(page.name, "pageSize", pageSize, 1, 100_000)
          if (limit !== undefined) yield* check.whole(page.name, "limit", limit, 1, 1_000_000_000)
          yield* check.objection(page.name, objectionToBacklinks({ offset: 0, sortBy }))
          const target = yield* check.target(page.name, domain, Target.make)
          const pages = Stream.paginateChunkEffect(
            { cursor: null as string | null, left: limit ?? Infinity },
            ({ cursor, left }) =>
              Effect.map(
                paid.call(page, { target, sortBy, cursor, limit: Math.min(pageSize, left) }),
                ({ backlinks, next }) => {
                  const rest = left - backlinks.length
                  return [
                    Chunk.unsafeFromArray(backlinks),
                    next === null || rest <= 0 ? Option.none() : Option.some({ cursor: next, left: rest })
                  ]
                }
              )
          )
          // A server may send more than it was asked for.
          return limit === undefined ? pages : Stream.take(pages, limit)
        })
      )

    const getKeywordRankings: Service["getKeywordRankings"] = Effect.fnUntraced(function* (options) {
      const { input, operation } = yield* asks.getKeywordRankings(options)
      const rows = yield* paid.rows(operation, input, identity).all
      return rows.map((row, i) => ({ ...row, keyword: options.keywords[i] ?? row.keyword }))
    })

    const getUsage = paid.free(contract.usage, undefined)

    return SERanking.of({
      getBacklinksSummary: (domain, options) =>
        // Safe: the operation gives a row for each of its targets.
        Effect.map(Effect.flatMap(asks.getBacklinksSummary(domain, options), called), (rows) => rows[0]!),
      getBacklinksSummaries: (domains, options) => Effect.flatMap(summaries(domains, options), ({ all }) => all),
      getBacklinksSummariesStream: (domains, options) =>
        Stream.unwrap(Effect.map(summaries(domains, options), ({ stream }) => stream)),
      getBacklinks: (options) => Effect.flatMap(asks.getBacklinks(options), called),
      getBacklinksStream,
      getBacklinksMetrics: (domains) => Effect.flatMap(metrics(domains), ({ all }) => all),
      getBacklinksMetricsStream: (domains) => Stream.unwrap(Effect.map(metrics(domains), ({ stream }) => stream)),
      getDomainInlinkRank: (domain) => Effect.flatMap(asks.getDomainInlinkRank(domain), called),
      getKeywordRankings,
      getUsage,
      verify: verified(getUsage, contract),
      plan: (method, ...args) => planned(asks[method], args),
      call: (operation, input) =>
        Effect.flatMap(check.own(operation, input, contract.unit), () => paid.call(operation, input)),
      planCall: (operation, input) =>
        Effect.zipRight(check.own(operation, input, contract.unit), paid.ask(operation, input).plan),
      reconcile: (options) => Effect.flatMap(getUsage, (usage) => paid.reconcile(usage, options))
    })
  })

/**
 * The service of one account, for as long as the layer lives. Closing it waits for the calls under way, as they are paid, no longer than
 * their time-out; nothing else is sent.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer = (options: Options): Layer.Layer<SERanking, never, HttpClient.HttpClient | SharedState> =>
  Layer.scoped(SERanking, make(options))

/**
 * {@link layer} from `Config`: `SERanking.layerConfig({ apiKey: Config.redacted("SE_RANKING_API_KEY") })`. Functions are
 * given apart.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Omit<Options, "onCharge" | "transformClient">>,
  functions?: Pick<Options, "onCharge" | "transformClient">
): Layer.Layer<SERanking, ConfigError.ConfigError, HttpClient.HttpClient | SharedState> =>
  Layer.scoped(
    SERanking,
    Effect.flatMap(Config.unwrap(config), (resolved) => make({ ...resolved, ...functions }))
  )

/**
 * A service of the members given; any other fails loudly when it is used.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerTest = (service: Partial<Service>): Layer.Layer<SERanking> => Layer.mock(SERanking, service)
