/**
 * The model of an operation: one endpoint of a provider, as a value. A new endpoint is a new `Operation`, nothing else.
 *
 * @since 0.1.0
 */
import type * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/**
 * A metered HTTP API.
 *
 * @since 0.1.0
 * @category Models
 */
export const Provider = Schema.Literal("ahrefs", "se_ranking")

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
 * What a contract bills in: Ahrefs API units, SE Ranking credits, row credits of the platform contract. Never mixed.
 *
 * @since 0.1.0
 * @category Models
 */
export const Unit = Schema.Literal("api_units", "credits", "row_credits")

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
  /** The value of the `authorization` header. */
  readonly authorization: (apiKey: string) => string
  /** Response header that holds what the call was charged, where the provider sends one. */
  readonly chargeHeader: string | null
  /** `text` is the error text found in the body, "" where there was none; `isJson` says whether the body was JSON. */
  readonly classify: (status: number, text: string, isJson: boolean) => Refusal
}

/**
 * One endpoint: pure functions from the input to the request, from the answer to the result, and to the price.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Operation<in I, out A> {
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
}

/**
 * @since 0.1.0
 * @category Models
 */
export interface Answer<out A> {
  readonly value: A
  readonly rows: number
}
