/**
 * The model of an operation: one endpoint of a provider, as a value. A new endpoint is a new `Operation`, nothing else.
 *
 * @since 0.1.0
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Duration from "effect/Duration"
import type * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/**
 * A metered HTTP API.
 *
 * @since 0.1.0
 * @category Models
 */
export const Provider = Schema.Literal("ahrefs", "se_ranking", "majestic")

/**
 * @since 0.1.0
 * @category Models
 */
export type Provider = typeof Provider.Type

/**
 * Which wire a service speaks: `vendor` is what the provider publishes, `platform` the contract of gateways and mocks
 * that stand in front of it.
 *
 * @since 0.1.0
 * @category Models
 */
export const ContractName = Schema.Literal("vendor", "platform")

/**
 * @since 0.1.0
 * @category Models
 */
export type ContractName = typeof ContractName.Type

/**
 * What a contract bills in. Never mixed.
 *
 * - `api_units`: of Ahrefs
 * - `credits`: of SE Ranking
 * - `row_credits`: of the platform contract
 * - `index_item_units`: of Majestic
 *
 * @since 0.1.0
 * @category Models
 */
export const Unit = Schema.Literal("api_units", "credits", "row_credits", "index_item_units")

/**
 * @since 0.1.0
 * @category Models
 */
export type Unit = typeof Unit.Type

/**
 * The price of one call in `unit`. Exact where `lower === upper`; an interval where the answer's length decides.
 * `upper: null` means the contract states no price: unknown, not free.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Price {
  readonly unit: Unit
  readonly lower: number
  readonly upper: number | null
}

/**
 * What one answered call cost: the provider's own figure where it sends one, else computed from the answer.
 * `amount: null` means nobody stated a price.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Charge {
  readonly provider: Provider
  readonly contract: ContractName
  readonly operation: string
  readonly unit: Unit
  readonly amount: number | null
  readonly source: "header" | "computed"
}

/**
 * A request before it meets a host and a key.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Request {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly query?: ReadonlyArray<readonly [name: string, value: string]> | undefined
  readonly body?: unknown
}

/**
 * Why a provider refused, read from the status and the text of its answer.
 *
 * @since 0.1.0
 * @category Models
 */
export type Refusal =
  | { readonly _tag: "InvalidKey" | "NoSubscription" | "RateLimited" | "InvalidRequest" }
  | { readonly _tag: "CreditsExhausted"; readonly needed?: number | undefined; readonly left?: number | undefined }
  | { readonly _tag: "ProviderUnavailable"; readonly isTransient: boolean }

/**
 * A refusal, and the provider's own words for it.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Refused {
  readonly refusal: Refusal
  readonly text: string
}

/**
 * Why a request must not be sent: it is wrong, or this contract cannot answer it. `null` where nothing speaks against it.
 *
 * @since 0.1.0
 * @category Models
 */
export type Objection = { readonly _tag: "InvalidRequest" | "Unsupported"; readonly reason: string } | null

/**
 * What all operations of one contract share.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Wire {
  readonly provider: Provider
  readonly contract: ContractName
  readonly unit: Unit
  readonly apiUrl: string
  /** Calls that an account may make in any window of time, free ones among them. */
  readonly rate: { readonly requests: number; readonly per: Duration.DurationInput }
  /** Puts the key into a request. Nothing prints the request: its headers and its URL are secrets from then on. */
  readonly authorize: (
    apiKey: string
  ) => (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest
  /** Response header that holds what the call was charged, where the provider sends one. */
  readonly chargeHeader: string | null
  /** `text` is the error text found in the body, "" where there was none; `isJson` says whether the body was JSON. */
  readonly classify: (status: number, text: string, isJson: boolean) => Refusal
  /** Finds the refusal in the JSON of a 2xx answer, which is then not billed; `null` where this provider sends none there. */
  readonly refusedIn: ((json: unknown) => Refused | null) | null
}

/**
 * One endpoint: pure functions from the input to the request, from the answer to the result, and to the price.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Operation<in out I, in out A> {
  /** The method that calls it: names the span, the metrics' tag and the error's `operation`. */
  readonly name: string
  /** How many targets one call carries. */
  readonly batchSize: number
  readonly request: (input: I) => Request
  /** Reads the parsed JSON of a 2xx answer. */
  readonly decode: (input: I, json: unknown) => Either.Either<Answer<A>, ParseResult.ParseError>
  readonly price: (input: I) => Price
  /** What an answer of `rows` rows costs; `null` where the contract states no price. */
  readonly charge: (input: I, rows: number) => number | null
  /** What of an answer is kept, and how it is found again; `null` where nothing is: free, and only true for a moment. */
  readonly facts: Facts<I, A> | null
}

/**
 * What a decoder made of an answer, and how many rows of it are billed.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Answer<out A> {
  readonly value: A
  readonly rows: number
}

/**
 * How an answer falls apart into facts, which are bought, kept and found again one by one: a cell for each subject and column.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Facts<in out I, in out A> {
  /** Names what is known: letters, digits, _ or -. Operations of one contract that buy the same facts share it. */
  readonly kind: string
  /** Raised when the shape of a kept value changes: older ones are then never read. */
  readonly version: number
  /** How long a fact is fresh; `ProviderCache`'s options override it. */
  readonly freshFor: Duration.DurationInput
  /** What is asked about, each once. */
  readonly subjects: (input: I) => ReadonlyArray<string>
  /** The target that a subject is, or belongs to: what invalidations go by. */
  readonly targetOf: (input: I, subject: string) => string
  /** What of each subject is asked for. */
  readonly columns: (input: I) => ReadonlyArray<string>
  /** Everything else that changes the answer, defaults filled in. */
  readonly params: (input: I) => unknown
  /** The rows asked for at the most, where a fact is a list; `null` where it is none. */
  readonly limit: (input: I) => number | null
  /** The input that asks for less; `null` where an input is about one subject. */
  readonly narrow: ((input: I, subjects: ReadonlyArray<string>, columns: ReadonlyArray<string>) => I) | null
  /** The cells of an answer, by subject and then by column. */
  readonly split: (answer: A) => ReadonlyArray<Readonly<Record<string, unknown>>>
  /** The inverse of `split`. */
  readonly join: (rows: ReadonlyArray<Readonly<Record<string, unknown>>>) => A
  /** Whether a value says that the provider knows nothing: such a fact has a life of its own. */
  readonly isUnknown: (value: unknown) => boolean
}

const whole = "*"
const isNothing = (value: unknown): boolean => value === null || (Array.isArray(value) && value.length === 0)

interface About<I> {
  readonly kind: string
  readonly version?: number
  readonly freshFor?: Duration.DurationInput
  readonly params?: (input: I) => unknown
  /** Where the subjects are no targets themselves, e.g. the keywords of one. */
  readonly target?: (input: I) => string
}

const described = <I>({ freshFor = "1 day", kind, params = () => null, target, version = 1 }: About<I>) => ({
  freshFor,
  kind,
  params,
  version,
  targetOf: (input: I, subject: string) => (target === undefined ? subject : target(input))
})

/**
 * The answer is one fact about one subject.
 *
 * @since 0.1.0
 * @category Facts
 */
export const oneFact = <I, A>(
  about: About<I> & {
    readonly subject: (input: I) => string
    readonly isUnknown?: (value: A) => boolean
  }
): Facts<I, A> => ({
  ...described(about),
  subjects: (input) => [about.subject(input)],
  columns: () => [whole],
  limit: () => null,
  narrow: null,
  split: (answer) => [{ [whole]: answer }],
  // Safe, here and below: a kept value was made by `split` of the same kind and version.
  join: ([row]) => row?.[whole] as A,
  isUnknown: (value) => (about.isUnknown ?? isNothing)(value as A)
})

/**
 * The answer is a list about one subject, best rows first: a shorter list is the beginning of a longer one.
 *
 * @since 0.1.0
 * @category Facts
 */
export const listOfFacts = <I, R>(
  about: About<I> & { readonly subject: (input: I) => string; readonly limit: (input: I) => number }
): Facts<I, ReadonlyArray<R>> => ({
  ...oneFact<I, ReadonlyArray<R>>(about),
  limit: about.limit
})

/**
 * The answer is a row for each subject, and a row is one fact.
 *
 * @since 0.1.0
 * @category Facts
 */
export const rowOfFacts = <I, R>(
  about: About<I> & {
    readonly subjects: (input: I) => ReadonlyArray<string>
    readonly narrow: (input: I, subjects: ReadonlyArray<string>) => I
    readonly isUnknown?: (value: R) => boolean
  }
): Facts<I, ReadonlyArray<R>> => ({
  ...described(about),
  subjects: about.subjects,
  columns: () => [whole],
  limit: () => null,
  narrow: about.narrow,
  split: (rows) => rows.map((row) => ({ [whole]: row })),
  join: (rows) => rows.map((row) => row[whole] as R),
  isUnknown: (value) => (about.isUnknown ?? isNothing)(value as R)
})

/**
 * The answer is a row for each subject, and each column of a row is a fact that is bought for itself.
 *
 * @since 0.1.0
 * @category Facts
 */
export const tableOfFacts = <I>(
  about: About<I> & {
    readonly subjects: (input: I) => ReadonlyArray<string>
    readonly columns: (input: I) => ReadonlyArray<string>
    readonly narrow: (input: I, subjects: ReadonlyArray<string>, columns: ReadonlyArray<string>) => I
  }
): Facts<I, ReadonlyArray<Readonly<Record<string, unknown>>>> => ({
  ...described(about),
  subjects: about.subjects,
  columns: about.columns,
  limit: () => null,
  narrow: about.narrow,
  split: (rows) => rows,
  join: (rows) => rows,
  isUnknown: isNothing
})
