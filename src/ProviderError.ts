/**
 * Every error a caller can meet. None of them holds a key, a request, a response, headers or a body.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Provider, Unit } from "./Operation.js"

/**
 * Marks the errors of this module.
 *
 * @since 0.1.0
 * @category Type IDs
 */
export const TypeId = "~effect-seo-providers/ProviderError"

const optional = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optionalWith(schema, { as: "Option" }).pipe(Schema.withConstructorDefault(() => Option.none<A>()))

const common = {
  provider: Provider,
  operation: Schema.String,
  /** What happened and what to do about it. */
  message: Schema.String,
  /** HTTP status, where there was an answer. */
  status: optional(Schema.Int),
  /** The provider's own id of the request, where it sent one. */
  requestId: optional(Schema.String)
}

/**
 * The provider does not know the key, or the key cannot be sent in a header.
 *
 * @since 0.1.0
 * @category Errors
 */
export class InvalidKey extends Schema.TaggedError<InvalidKey>("effect-seo-providers/InvalidKey")(
  "InvalidKey",
  common
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The key works, but the plan behind it does not include this operation, or the subscription is over.
 *
 * @since 0.1.0
 * @category Errors
 */
export class NoSubscription extends Schema.TaggedError<NoSubscription>("effect-seo-providers/NoSubscription")(
  "NoSubscription",
  common
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The account has fewer units left than the call costs. `needed` and `left` are in the provider's unit, where it said.
 *
 * @since 0.1.0
 * @category Errors
 */
export class CreditsExhausted extends Schema.TaggedError<CreditsExhausted>("effect-seo-providers/CreditsExhausted")(
  "CreditsExhausted",
  { ...common, needed: optional(Schema.Int), left: optional(Schema.Int) }
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Too many calls. Not billed. `retryAfter` where the provider named a time.
 *
 * @since 0.1.0
 * @category Errors
 */
export class RateLimited extends Schema.TaggedError<RateLimited>("effect-seo-providers/RateLimited")("RateLimited", {
  ...common,
  retryAfter: optional(Schema.Duration)
}) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The request is wrong: found before any network (no `status`), or by the provider. Sending it again changes nothing.
 *
 * @since 0.1.0
 * @category Errors
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("effect-seo-providers/InvalidRequest")(
  "InvalidRequest",
  common
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The contract in use cannot answer this. Found before any network.
 *
 * @since 0.1.0
 * @category Errors
 */
export class Unsupported extends Schema.TaggedError<Unsupported>("effect-seo-providers/Unsupported")(
  "Unsupported",
  common
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * No usable answer: connection failure, time-out, 5xx, an edge that blocks. `mayBeBilled` says that the provider may
 * have charged the call although its answer was lost; such a call is never sent again by itself.
 *
 * @since 0.1.0
 * @category Errors
 */
export class ProviderUnavailable extends Schema.TaggedError<ProviderUnavailable>(
  "effect-seo-providers/ProviderUnavailable"
)("ProviderUnavailable", {
  ...common,
  retryAfter: optional(Schema.Duration),
  mayBeBilled: Schema.Boolean,
  isRetryable: Schema.Boolean
}) {
  readonly [TypeId] = TypeId
}

/**
 * A 2xx answer that is not JSON, or lacks a needed field; the message names the path. Such a call was billed.
 *
 * @since 0.1.0
 * @category Errors
 */
export class MalformedResponse extends Schema.TaggedError<MalformedResponse>("effect-seo-providers/MalformedResponse")(
  "MalformedResponse",
  common
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The input is not a domain, host or URL that a provider could know. `input` is shortened, without control characters
 * and without user names or passwords. `provider` and `operation` are there where a provider's method refused it.
 *
 * @since 0.1.0
 * @category Errors
 */
export class InvalidTarget extends Schema.TaggedError<InvalidTarget>("effect-seo-providers/InvalidTarget")(
  "InvalidTarget",
  {
    input: Schema.String,
    reason: Schema.Literal(
      "empty",
      "too_long",
      "control_character",
      "scheme",
      "not_a_url",
      "punycode",
      "credentials",
      "ip_address",
      "single_label",
      "public_suffix",
      "bad_hostname"
    ),
    message: Schema.String,
    provider: optional(Provider),
    operation: optional(Schema.String)
  }
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The cache cannot tell whether a fact was already paid for, and `onCacheUnavailable: "fail"` forbids to buy it then.
 *
 * @since 0.1.0
 * @category Errors
 */
export class CacheUnavailable extends Schema.TaggedError<CacheUnavailable>("effect-seo-providers/CacheUnavailable")(
  "CacheUnavailable",
  { provider: Provider, operation: Schema.String, message: Schema.String }
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return true
  }
}

const Holder = Schema.Struct({ of: Schema.Literal("account", "tenant", "job"), id: Schema.String })

/**
 * The call may cost more than a budget has left: nothing was sent. All figures in `unit`; `left` is below zero where late bills
 * overdrew the budget. `budget` is whose it is: the account's, the tenant's or the job's. No `resetsAt`: it never begins anew.
 *
 * @since 0.1.0
 * @category Errors
 */
export class BudgetExceeded extends Schema.TaggedError<BudgetExceeded>("effect-seo-providers/BudgetExceeded")(
  "BudgetExceeded",
  {
    provider: Provider,
    operation: Schema.String,
    message: Schema.String,
    unit: Unit,
    needed: Schema.Int,
    left: Schema.Int,
    budget: Holder,
    resetsAt: optional(Schema.DateTimeUtc)
  }
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A `budget` limits the call, but the contract states no price for it: give the budget an `unpricedCall`.
 *
 * @since 0.1.0
 * @category Errors
 */
export class PriceUnknown extends Schema.TaggedError<PriceUnknown>("effect-seo-providers/PriceUnknown")(
  "PriceUnknown",
  { provider: Provider, operation: Schema.String, message: Schema.String, budget: Holder }
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The ledger cannot tell what is left of a budget, and `onLedgerUnavailable` forbids to spend then.
 *
 * @since 0.1.0
 * @category Errors
 */
export class LedgerUnavailable extends Schema.TaggedError<LedgerUnavailable>("effect-seo-providers/LedgerUnavailable")(
  "LedgerUnavailable",
  { provider: Provider, operation: Schema.String, message: Schema.String }
) {
  readonly [TypeId] = TypeId
  get isRetryable(): boolean {
    return true
  }
}

/**
 * What any call over the wire can fail with.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const WireError = Schema.Union(
  InvalidKey,
  NoSubscription,
  CreditsExhausted,
  RateLimited,
  InvalidRequest,
  ProviderUnavailable,
  MalformedResponse
)

/**
 * @since 0.1.0
 * @category Errors
 */
export type WireError = typeof WireError.Type

/**
 * What a paid operation can fail with, once its input was accepted.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const PaidError = Schema.Union(
  ...WireError.members,
  CacheUnavailable,
  BudgetExceeded,
  PriceUnknown,
  LedgerUnavailable
)

/**
 * @since 0.1.0
 * @category Errors
 */
export type PaidError = typeof PaidError.Type

/**
 * All errors of a provider's methods: for decoding one that has travelled as JSON.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const ProviderError = Schema.Union(...PaidError.members, Unsupported, InvalidTarget)

/**
 * @since 0.1.0
 * @category Errors
 */
export type ProviderError = typeof ProviderError.Type

/**
 * Whether a value is an error of this module.
 *
 * @since 0.1.0
 * @category Guards
 */
export const isProviderError = (u: unknown): u is ProviderError => Predicate.hasProperty(u, TypeId)

/**
 * How long the provider asked to wait, where it did.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const retryAfter = (error: ProviderError): Option.Option<Duration.Duration> =>
  "retryAfter" in error ? error.retryAfter : Option.none()
