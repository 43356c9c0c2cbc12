/**
 * Ahrefs as an Effect service.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BacklinkColumn, KeywordColumn, MetricColumn, Row } from "./ahrefs/columns.js"
import * as columns from "./ahrefs/columns.js"
import type { Filter, Order } from "./ahrefs/filter.js"
import {
  asRatings,
  type Backlink,
  type BacklinksInput,
  type BatchDomainRating,
  type DomainRating,
  type FilterColumn,
  type KeywordRanking,
  type Mode,
  type Protocol,
  type UrlRating
} from "./ahrefs/model.js"
import { platform } from "./ahrefs/platform.js"
import { vendor } from "./ahrefs/vendor.js"
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
import type { Plan } from "./Plan.js"
import type * as RateLimiter from "./RateLimiter.js"
import type { SharedState } from "./SharedState.js"
import * as Target from "./Target.js"
import type { Usage } from "./Usage.js"

export {
  /**
   * @since 0.1.0
   * @category Columns
   */
  backlinkColumns,
  /**
   * @since 0.1.0
   * @category Columns
   */
  type BacklinkColumn,
  /**
   * @since 0.1.0
   * @category Columns
   */
  keywordColumns,
  /**
   * @since 0.1.0
   * @category Columns
   */
  type KeywordColumn,
  /**
   * @since 0.1.0
   * @category Columns
   */
  metricColumns,
  /**
   * @since 0.1.0
   * @category Columns
   */
  type MetricColumn
} from "./ahrefs/columns.js"
export {
  /**
   * @since 0.1.0
   * @category Models
   */
  type Condition,
  /**
   * @since 0.1.0
   * @category Models
   */
  type Filter,
  /**
   * @since 0.1.0
   * @category Models
   */
  type Order
} from "./ahrefs/filter.js"
export {
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Attribution,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  Backlink,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  BatchDomainRating,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  DomainRating,
  /**
   * @since 0.1.0
   * @category Models
   */
  type FilterColumn,
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
  type Protocol,
  /**
   * @since 0.1.0
   * @category Schemas
   */
  UrlRating
} from "./ahrefs/model.js"

/**
 * The metrics asked for, `null` where Ahrefs sent none.
 *
 * @since 0.1.0
 * @category Models
 */
export type DomainMetrics<C extends MetricColumn> = { readonly domain: Target.Target } & Row<
  typeof columns.metricColumns,
  C
>

/**
 * A link with the further columns asked for, each with its type; `null` where Ahrefs sent none.
 *
 * @since 0.1.0
 * @category Models
 */
export type BacklinkRow<C extends BacklinkColumn = never> = Backlink & Row<typeof columns.backlinkColumns, C>

/**
 * A position with the further columns asked for, each with its type; `null` where Ahrefs sent none.
 *
 * @since 0.1.0
 * @category Models
 */
export type KeywordRow<C extends KeywordColumn = never> = KeywordRanking & Row<typeof columns.keywordColumns, C>

/**
 * Which part of the sites `getDomainMetrics` measures.
 *
 * @since 0.1.0
 * @category Models
 */
export interface DomainMetricsOptions {
  /** Default `subdomains`. With `exact` and `prefix` the inputs are URLs. */
  readonly mode?: Mode | undefined
  /** Default `both`. */
  readonly protocol?: Protocol | undefined
  /** Lower-case ISO code; organic figures are of all countries without it. */
  readonly country?: string | undefined
}

/**
 * Which links `getBacklinks` gives, with which columns, in which order. Vendor contract only.
 *
 * @since 0.1.0
 * @category Models
 */
export interface BacklinksOptions<C extends BacklinkColumn = never> {
  /** Further columns; each adds its price to every row. */
  readonly columns?: ReadonlyArray<C> | undefined
  /** Default `subdomains` (vendor contract). With `exact` and `prefix` the input is a URL. */
  readonly mode?: Mode | undefined
  /** Default `both`. */
  readonly protocol?: Protocol | undefined
  /** Default `live`: links that are there now. */
  readonly history?: "live" | "all_time" | `since:${string}` | undefined
  /** Default `similar_links`. */
  readonly aggregation?: "similar_links" | "1_per_domain" | "all" | undefined
  /** Rows left out are not billed; the columns named are. */
  readonly where?: Filter<FilterColumn> | undefined
  /** Default: highest domain rating first. The columns named are billed. */
  readonly orderBy?: ReadonlyArray<Order<FilterColumn>> | undefined
}

/**
 * Which positions `getKeywordRankings` gives, with which columns.
 *
 * @since 0.1.0
 * @category Models
 */
export interface KeywordRankingsOptions<C extends KeywordColumn = never> {
  /** Lower-case ISO code, e.g. `us`. */
  readonly country: string
  /** Ask for these only; the answer then has one row for each. */
  readonly keywords?: ReadonlyArray<string> | undefined
  /** Rows at the most without `keywords`, 1 to 100,000; default 100. */
  readonly limit?: number | undefined
  /** Further columns; each adds its price to every row. */
  readonly columns?: ReadonlyArray<C> | undefined
  /** Default `subdomains`. */
  readonly mode?: Mode | undefined
}

/**
 * What a caller holds. Prices are those of the vendor contract, in API units; the platform contract bills row credits.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  /**
   * Domain rating of the site an input belongs to. Look-ups made within `batchWait` leave as one call: 2 units each, at
   * least 50 a call of 100; 0 with `freeDomainRating`. Platform: a call and 1 row credit each, with the rank. Source:
   * batch-analysis, public/domain-rating-free.
   */
  readonly getDomainRating: (domain: string) => Effect.Effect<DomainRating, PaidError | InvalidTarget | Unsupported>

  /**
   * Domain ratings of any number of sites, one row for each input in its order. 2 units a distinct site, at least 50 a call
   * of 100; 0 with `freeDomainRating`. Platform: a call and 1 row credit each. Source: batch-analysis.
   */
  readonly getDomainRatings: (
    domains: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<BatchDomainRating>, PaidError | InvalidTarget | Unsupported>

  /** {@link Service.getDomainRatings} call by call: what was paid is delivered before a later call fails. */
  readonly getDomainRatingsStream: (
    domains: ReadonlyArray<string>
  ) => Stream.Stream<BatchDomainRating, PaidError | InvalidTarget | Unsupported>

  /**
   * URL rating of one page. Gathered like domain ratings: 2 units each, at least 50 a call of 100. Vendor contract only. Source: batch-analysis, `url_rating`, mode `exact`.
   */
  readonly getUrlRating: (url: string) => Effect.Effect<UrlRating, PaidError | InvalidTarget | Unsupported>

  /**
   * The columns asked for, one row for each input in its order. A distinct input costs 1 unit and the columns' prices
   * ({@link metricColumns}), at least 50 a call of 100. Vendor contract only. Source: batch-analysis.
   */
  readonly getDomainMetrics: <const C extends MetricColumn>(
    domains: ReadonlyArray<string>,
    columns: ReadonlyArray<C>,
    options?: DomainMetricsOptions
  ) => Effect.Effect<ReadonlyArray<DomainMetrics<C>>, PaidError | InvalidTarget | Unsupported>

  /** {@link Service.getDomainMetrics} call by call: what was paid is delivered before a later call fails. */
  readonly getDomainMetricsStream: <const C extends MetricColumn>(
    domains: ReadonlyArray<string>,
    columns: ReadonlyArray<C>,
    options?: DomainMetricsOptions
  ) => Stream.Stream<DomainMetrics<C>, PaidError | InvalidTarget | Unsupported>

  /**
   * Links to a host and its subdomains, live ones by default, those from the strongest sites first. `limit`: 1 to 100,000.
   * 4 units a row and the prices of further columns ({@link backlinkColumns}), at least 50. Platform: 1 row credit a row,
   * no options. Source: site-explorer/all-backlinks.
   */
  readonly getBacklinks: <const C extends BacklinkColumn = never>(
    domain: string,
    limit?: number,
    options?: BacklinksOptions<C>
  ) => Effect.Effect<ReadonlyArray<BacklinkRow<C>>, PaidError | InvalidTarget | Unsupported>

  /**
   * How many domains link to a host and its subdomains now. 50 units. Platform: 1 row credit. Source:
   * site-explorer/backlinks-stats, `live_refdomains`.
   */
  readonly getReferringDomains: (domain: string) => Effect.Effect<number, PaidError | InvalidTarget>

  /**
   * Organic positions of a host and its subdomains in one country, best first; with `keywords` one row for each, in their
   * order, `position: null` where it does not rank. 3 units a row and the prices of further columns
   * ({@link keywordColumns}), at least 50 a call; a call carries 50 keywords. Vendor contract only. Source:
   * site-explorer/organic-keywords.
   */
  readonly getKeywordRankings: <const C extends KeywordColumn = never>(
    domain: string,
    options: KeywordRankingsOptions<C>
  ) => Effect.Effect<ReadonlyArray<KeywordRow<C>>, PaidError | InvalidTarget | Unsupported>

  /** Plan, limits and dates of the account. Free. Source: subscription-info/limits-and-usage. */
  readonly getUsage: Effect.Effect<Usage, WireError>

  /** The usage of a key that works; `InvalidKey` or `NoSubscription` where it does not. Free. */
  readonly verify: Effect.Effect<Usage, WireError>

  /**
   * What a method would cost with these arguments, how many calls it takes and how long, and how much of it is known already:
   * `plan("getDomainRatings", domains)`. Spends nothing.
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
  | "getDomainRating"
  | "getDomainRatings"
  | "getUrlRating"
  | "getDomainMetrics"
  | "getBacklinks"
  | "getReferringDomains"
  | "getKeywordRankings"

/**
 * The Ahrefs account in use.
 *
 * @since 0.1.0
 * @category Context
 */
export class Ahrefs extends Context.Tag("effect-seo-providers/Ahrefs")<Ahrefs, Service>() {}

/**
 * An account and how it is called. Everything but the key has a default.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly apiKey: Redacted.Redacted
  /** Default `vendor`: what Ahrefs publishes. */
  readonly contract?: ContractName | undefined
  /** Default `https://api.ahrefs.com/v3`. */
  readonly apiUrl?: string | undefined
  /** Per attempt; default 30 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
  /** How refusals that were not billed are sent again. */
  readonly retry?: RetryOptions | undefined
  /** Send a paid call that timed out again, although it may have been billed. Default false. */
  readonly resendTimedOut?: boolean | undefined
  /**
   * Take domain ratings from Ahrefs' free operation. The application then owes Ahrefs the attribution that comes with each
   * rating: the text "Domain Rating by Ahrefs" with a link to https://ahrefs.com/.
   */
  readonly freeDomainRating?: boolean | undefined
  /** The tenant on whose behalf this service calls, where `Spender.as` names none. */
  readonly tenant?: string | undefined
  /** What the account may call in any window of time, free calls included. Default 60 a minute (platform: 10 a second). */
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

/** Ahrefs names no bound; this one keeps a slip of the pen from costing a fortune. */
const maxRows = 100_000

const contracts = { vendor, platform }

/** The day as Ahrefs counts it, in UTC. */
const today = Effect.map(Clock.currentTimeMillis, (now) => new Date(now).toISOString().slice(0, 10))

const isCountry = (country: string): boolean => /^[a-z]{2}$/i.test(country)
const badCountry = "country must be an ISO code of two letters."

const normaliserOf = (mode: Mode) => (mode === "exact" || mode === "prefix" ? Target.url : Target.host)

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
    const check = checks("ahrefs", contract.contract)
    const ratings = (name: string) =>
      options.freeDomainRating === true
        ? check.operation(name, contract.freeDomainRatings)
        : Effect.succeed(contract.domainRatings)

    /** What each method asks, once its arguments are checked. */
    const asks = {
      getDomainRating: Effect.fnUntraced(function* (input: string) {
        const name = "getDomainRating"
        const domain = yield* check.target(name, input, Target.make)
        return paid.ask({ ...(yield* ratings(name)), name }, asRatings([domain]))
      }),
      getDomainRatings: Effect.fnUntraced(function* (domains: ReadonlyArray<string>) {
        const name = "getDomainRatings"
        const targets = yield* check.targets(name, domains, Target.make)
        return paid.ask(yield* ratings(name), asRatings(targets))
      }),
      getUrlRating: Effect.fnUntraced(function* (input: string) {
        const name = "getUrlRating"
        const metrics = yield* check.operation(name, contract.metrics)
        const url = yield* check.target(name, input, Target.url)
        return paid.ask(
          { ...metrics, name },
          { targets: [url], columns: ["urlRating"], mode: "exact" as const, protocol: "both" as const }
        )
      }),
      getDomainMetrics: Effect.fnUntraced(function* (
        domains: ReadonlyArray<string>,
        asked: ReadonlyArray<MetricColumn>,
        { country, mode = "subdomains", protocol = "both" }: DomainMetricsOptions = {}
      ) {
        const operation = yield* check.operation("getDomainMetrics", contract.metrics)
        yield* check.that(operation.name, asked.length > 0, "No column was asked for.")
        yield* check.that(operation.name, country === undefined || isCountry(country), badCountry)
        yield* check.columns(operation.name, asked, columns.metricColumns)
        const targets = yield* check.targets(operation.name, domains, normaliserOf(mode))
        const distinct = Array.from(new Set(asked))
        return paid.ask(operation, { targets, columns: distinct, mode, protocol, country: country?.toLowerCase() })
      }),
      getBacklinks: Effect.fnUntraced(function* (
        domain: string,
        limit = 100,
        { columns: asked = [], ...choices }: BacklinksOptions<BacklinkColumn> = {}
      ) {
        const { backlinks, objectionToBacklinks } = contract
        yield* check.columns(backlinks.name, asked, columns.backlinkColumns)
        yield* check.whole(backlinks.name, "limit", limit, 1, maxRows)
        const target = yield* check.target(backlinks.name, domain, normaliserOf(choices.mode ?? "subdomains"))
        const input: BacklinksInput = { ...choices, target, limit, columns: Array.from(new Set(asked)) }
        yield* check.objection(backlinks.name, objectionToBacklinks(input))
        return paid.ask(backlinks, input)
      }),
      getReferringDomains: Effect.fnUntraced(function* (domain: string) {
        const target = yield* check.target("getReferringDomains", domain, Target.host)
        return paid.ask(contract.referringDomains, { target, date: yield* today, mode: "subdomains" as const })
      }),
      getKeywordRankings: Effect.fnUntraced(function* (
        domain: string,
        {
          columns: asked = [],
          country,
          keywords,
          limit = 100,
          mode = "subdomains"
        }: KeywordRankingsOptions<KeywordColumn>
      ) {
        const operation = yield* check.operation("getKeywordRankings", contract.keywordRankings)
        yield* check.columns(operation.name, asked, columns.keywordColumns)
        yield* check.whole(operation.name, "limit", limit, 1, maxRows)
        yield* check.that(operation.name, isCountry(country), badCountry)
        const target = yield* check.target(operation.name, domain, normaliserOf(mode))
        const input = {
          target,
          limit,
          mode,
          date: yield* today,
          country: country.toLowerCase(),
          columns: Array.from(new Set(asked))
        }
        if (keywords === undefined) {
          const top = yield* check.operation("getKeywordRankings", contract.topKeywords)
          return paid.ask(top, { ...input, keywords: [] })
        }
        yield* check.keywords(operation.name, keywords)
        return paid.ask(operation, { ...input, keywords: keywords.map(keywordKey) })
      })
    }

    const getDomainRating: Service["getDomainRating"] = Effect.fnUntraced(function* (input) {
      const { input: asked, operation } = yield* asks.getDomainRating(input)
      const rows = yield* paid.call(operation, asked)
      // Safe, here and below: the operation gives a row of its columns for each target.
      return { ahrefsRank: null, ...rows[0], domain: asked.targets[0] } as DomainRating
    })

    const domainRatings = (domains: ReadonlyArray<string>) =>
      Effect.map(asks.getDomainRatings(domains), ({ input, operation }) =>
        paid.rows(operation, input, (rows, asked) =>
          rows.map(({ attribution, domainRating }, i) => {
            const rated = { domain: asked[i], domainRating, ...(attribution !== undefined && { attribution }) }
            return rated as BatchDomainRating
          })
        )
      )

    const getUrlRating: Service["getUrlRating"] = Effect.fnUntraced(function* (input) {
      const { input: asked, operation } = yield* asks.getUrlRating(input)
      const rows = yield* paid.call(operation, asked)
      return { url: asked.targets[0], ...rows[0] } as UrlRating
    })

    const domainMetrics = <C extends MetricColumn>(
      domains: ReadonlyArray<string>,
      columns: ReadonlyArray<C>,
      options?: DomainMetricsOptions
    ) =>
      Effect.map(asks.getDomainMetrics(domains, columns, options), ({ input, operation }) =>
        // Safe, here and below: the decoder was built from the same columns.
        paid.rows(operation, input, (rows, asked) =>
          rows.map((row, i) => ({ domain: asked[i], ...row }) as DomainMetrics<C>)
        )
      )

    const getBacklinks = Effect.fnUntraced(function* <C extends BacklinkColumn = never>(
      domain: string,
      limit?: number,
      options?: BacklinksOptions<C>
    ) {
      const { input, operation } = yield* asks.getBacklinks(domain, limit, options)
      return (yield* paid.call(operation, input)) as ReadonlyArray<BacklinkRow<C>>
    })

    const getReferringDomains: Service["getReferringDomains"] = Effect.fnUntraced(function* (domain) {
      const { input, operation } = yield* asks.getReferringDomains(domain)
      return yield* paid.call(operation, input)
    })

    const getKeywordRankings = Effect.fnUntraced(function* <C extends KeywordColumn = never>(
      domain: string,
      options: KeywordRankingsOptions<C>
    ) {
      const { input, operation } = yield* asks.getKeywordRankings(domain, options)
      const { keywords } = options
      if (keywords === undefined) return (yield* paid.call(operation, input)) as ReadonlyArray<KeywordRow<C>>
      const rows = yield* paid.rows(operation, input, identity).all
      return rows.map((row, i) => ({ ...row, keyword: keywords[i] }) as KeywordRow<C>)
    })

    const getUsage = paid.free(contract.usage, undefined)

    return Ahrefs.of({
      getDomainRating,
      getDomainRatings: (domains) => Effect.flatMap(domainRatings(domains), ({ all }) => all),
      getDomainRatingsStream: (domains) => Stream.unwrap(Effect.map(domainRatings(domains), ({ stream }) => stream)),
      getUrlRating,
      getDomainMetrics: (domains, columns, options) =>
        Effect.flatMap(domainMetrics(domains, columns, options), ({ all }) => all),
      getDomainMetricsStream: (domains, columns, options) =>
        Stream.unwrap(Effect.map(domainMetrics(domains, columns, options), ({ stream }) => stream)),
      getBacklinks,
      getReferringDomains,
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
export const layer = (options: Options): Layer.Layer<Ahrefs, never, HttpClient.HttpClient | SharedState> =>
  Layer.scoped(Ahrefs, make(options))

/**
 * {@link layer} from `Config`: `Ahrefs.layerConfig({ apiKey: Config.redacted("AHREFS_API_KEY") })`. Functions are given apart.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Omit<Options, "onCharge" | "transformClient">>,
  functions?: Pick<Options, "onCharge" | "transformClient">
): Layer.Layer<Ahrefs, ConfigError.ConfigError, HttpClient.HttpClient | SharedState> =>
  Layer.scoped(
    Ahrefs,
    Effect.flatMap(Config.unwrap(config), (resolved) => make({ ...resolved, ...functions }))
  )

/**
 * A service of the members given; any other fails loudly when it is used.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerTest = (service: Partial<Service>): Layer.Layer<Ahrefs> => Layer.mock(Ahrefs, service)
