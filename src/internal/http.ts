/** The one pipeline every call goes through: key in the header, text read once, branch on status, decode, charge, retry. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Charge, Operation, Refusal, Wire } from "../Operation.js"
import {
  CreditsExhausted,
  InvalidKey,
  InvalidRequest,
  MalformedResponse,
  NoSubscription,
  ProviderUnavailable,
  RateLimited,
  type WireError
} from "../ProviderError.js"
import * as Deadline from "./deadline.js"
import { errorText } from "./errorText.js"
import { countRequest, countUnits } from "./metrics.js"
import { parseRetryAfter, type RetryOptions, retryPolicy } from "./retry.js"
import { version } from "./version.js"

export interface ConnectOptions {
  readonly apiKey: Redacted.Redacted
  readonly apiUrl?: string | undefined
  readonly timeout?: Duration.DurationInput | undefined
  readonly retry?: RetryOptions | undefined
  readonly resendTimedOut?: boolean | undefined
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
  readonly onCharge?: ((charge: Charge) => Effect.Effect<void>) | undefined
}

export type Call = <I, A>(operation: Operation<I, A>, input: I) => Effect.Effect<A, WireError>

// Codes of failures before a byte of the request left: fetch, undici and node:http alike.
const neverSent = new Set<unknown>(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"])
const codeOf = (u: unknown): unknown =>
  Predicate.hasProperty(u, "code") ? u.code : Predicate.hasProperty(u, "cause") ? codeOf(u.cause) : undefined

const names = { ahrefs: "Ahrefs", se_ranking: "SE Ranking" } as const
const modules = { ahrefs: "Ahrefs", se_ranking: "SERanking" } as const
const isSendable = /^[\x21-\x7e]+$/

const advice: Record<Refusal["_tag"], string> = {
  InvalidKey: "refused the API key. Check that it is current and belongs to this API",
  NoSubscription: "has no subscription for this behind the key. Check the account's plan",
  CreditsExhausted: "has too few units left for this call. Top up, or wait for the reset",
  RateLimited: "answers too many calls. Wait before the next one",
  InvalidRequest: "refused the request. Sending it again changes nothing",
  ProviderUnavailable: "gave no usable answer. Try again later"
}

/** Paths and kinds only: the decoder's own text quotes the body. */
const where = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map(({ _tag, path }) => `${_tag} at ${path.length === 0 ? "the top" : path.join(".")}`)
    .join("; ")
    .slice(0, 300)

interface Attempt {
  readonly apiKey: string
  readonly wire: Wire
  readonly operation: string
  /** Whether the provider may charge for it. */
  readonly isPriced: boolean
}

const refusal = (
  { apiKey, operation, wire: { classify, provider } }: Attempt,
  { headers, status }: HttpClientResponse.HttpClientResponse,
  body: string,
  now: number
): WireError => {
  const { isJson, text } = errorText(body)
  const refused = classify(status, text, isJson)
  // A provider or a gateway may echo what it was sent.
  const said = text.replaceAll(apiKey, "<key>").slice(0, 300)
  const seen = {
    provider,
    operation,
    status: Option.some(status),
    requestId: Option.fromNullable(headers["x-request-id"]),
    message: `${names[provider]} ${advice[refused._tag]} (${status}${said === "" ? "" : `: ${said}`}).`
  }
  const retryAfter = parseRetryAfter(headers["retry-after"], now)
  switch (refused._tag) {
    case "InvalidKey":
      return new InvalidKey(seen)
    case "NoSubscription":
      return new NoSubscription(seen)
    case "CreditsExhausted":
      return new CreditsExhausted({
        ...seen,
        needed: Option.fromNullable(refused.needed),
        left: Option.fromNullable(refused.left)
      })
    case "RateLimited":
      return new RateLimited({ ...seen, retryAfter })
    case "InvalidRequest":
      return new InvalidRequest(seen)
    case "ProviderUnavailable":
      return new ProviderUnavailable({ ...seen, retryAfter, mayBeBilled: false, isRetryable: refused.isTransient })
  }
}

const unavailable = ({ isPriced, operation, wire }: Attempt, what: string, wasSent: boolean) => {
  const mayBeBilled = wasSent && isPriced
  return new ProviderUnavailable({
    provider: wire.provider,
    operation,
    message: `${names[wire.provider]} ${what}. ${mayBeBilled ? "The call may have been billed, so it is not sent again by itself" : "Try again later"}.`,
    mayBeBilled,
    isRetryable: !mayBeBilled
  })
}

const unanswered = (attempt: Attempt, error: HttpClientError.HttpClientError): WireError => {
  if (error._tag === "RequestError" && error.reason !== "Transport") {
    return new InvalidRequest({
      provider: attempt.wire.provider,
      operation: attempt.operation,
      message: `The request cannot be sent (${error.reason}). Check apiUrl.`
    })
  }
  const wasSent = !neverSent.has(codeOf(error.cause))
  return unavailable(attempt, wasSent ? "broke off the connection" : "cannot be reached", wasSent)
}

const malformed = (attempt: Attempt, { headers, status }: HttpClientResponse.HttpClientResponse, what: string) =>
  new MalformedResponse({
    provider: attempt.wire.provider,
    operation: attempt.operation,
    status: Option.some(status),
    requestId: Option.fromNullable(headers["x-request-id"]),
    message: `${names[attempt.wire.provider]} answered in an unknown form: ${what}. Report it with the request id, the call was billed.`
  })

const parseJson = (text: string): Either.Either<unknown, void> =>
  Either.try({ try: () => JSON.parse(text), catch: () => undefined })

const chargeOf = <I, A>(
  wire: Wire,
  operation: Operation<I, A>,
  input: I,
  headers: Readonly<Record<string, string | undefined>>,
  rows: number
): Charge => {
  const sent = wire.chargeHeader === null ? undefined : headers[wire.chargeHeader]
  const isStated = sent !== undefined && /^\d+$/.test(sent)
  return {
    provider: wire.provider,
    contract: wire.contract,
    operation: operation.name,
    unit: wire.unit,
    amount: isStated ? Number(sent) : operation.charge(input, rows),
    source: isStated ? "header" : "computed"
  }
}

export const connect = (
  wire: Wire,
  options: ConnectOptions
): Effect.Effect<Call, never, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const transport = yield* HttpClient.HttpClient
    const limited = yield* Deadline.make(options.timeout ?? "30 seconds")
    const apiKey = Redacted.value(options.apiKey)
    const base = (options.apiUrl ?? wire.apiUrl).replace(/\/+$/, "")
    const headers = isSendable.test(apiKey)
      ? {
          authorization: wire.authorization(apiKey),
          accept: "application/json",
          "user-agent": `effect-seo-providers/${version}`
        }
      : undefined
    const client = transport.pipe(
      // The transport's own span holds the whole URL, and with it the customer's targets. Without it no trace header goes out either.
      HttpClient.withTracerDisabledWhen(() => true),
      options.transformClient ?? identity
    )
    const policy = retryPolicy(options.retry)
    const onCharge = options.onCharge ?? (() => Effect.void)
    const settle = (charge: Charge) =>
      charge.amount === null
        ? onCharge(charge)
        : Effect.zipRight(countUnits(charge.provider, charge.operation, charge.unit, charge.amount), onCharge(charge))

    return <I, A>(operation: Operation<I, A>, input: I): Effect.Effect<A, WireError> => {
      const price = operation.price(input)
      const attempt: Attempt = { apiKey, wire, operation: operation.name, isPriced: price.upper !== 0 }
      if (headers === undefined) {
        return new InvalidKey({
          provider: wire.provider,
          operation: operation.name,
          message: `The API key of ${names[wire.provider]} is empty or holds characters that no header can carry.`
        })
      }
      const { body, method, path, query } = operation.request(input)
      const bare = HttpClientRequest.make(method)(`${base}${path}`, { headers, ...(query && { urlParams: query }) })
      const request = body === undefined ? bare : HttpClientRequest.bodyUnsafeJson(bare, body)

      const read = (response: HttpClientResponse.HttpClientResponse) =>
        Effect.flatMap(
          Effect.mapError(response.text, (error) => unanswered(attempt, error)),
          (text): Effect.Effect<A, WireError> => {
            if (response.status < 200 || response.status >= 300) {
              return Effect.flatMap(Clock.currentTimeMillis, (now) =>
                Effect.fail(refusal(attempt, response, text, now))
              )
            }
            const json = parseJson(text)
            const answer = Either.isRight(json) ? operation.decode(input, json.right) : undefined
            if (answer !== undefined && Either.isRight(answer)) {
              const charge = chargeOf(wire, operation, input, response.headers, answer.right.rows)
              return Effect.as(settle(charge), answer.right.value)
            }
            const charge = chargeOf(wire, operation, input, response.headers, 0)
            return Effect.zipRight(
              settle(charge),
              Effect.fail(malformed(attempt, response, answer === undefined ? "not JSON" : where(answer.left)))
            )
          }
        )

      const once = limited(
        Effect.flatMap(
          Effect.mapError(client.execute(request), (error) => unanswered(attempt, error)),
          read
        ),
        () => unavailable(attempt, "did not answer in time", options.resendTimedOut !== true)
      ).pipe(
        Effect.tapBoth({
          onFailure: (error) => countRequest(wire.provider, operation.name, error._tag),
          onSuccess: () => countRequest(wire.provider, operation.name, "ok")
        })
      )
      // The retry driver is set up only when there is something to retry: it replays the failure it was set up for.
      const again = (failure: WireError) => {
        let replay = true
        return Effect.suspend(() => {
          if (!replay) return once
          replay = false
          return Effect.fail(failure)
        }).pipe(Effect.retry(policy))
      }
      return once.pipe(
        Effect.catchIf(({ isRetryable }) => isRetryable, again),
        Effect.withSpan(`${modules[wire.provider]}.${operation.name}`, {
          kind: "client",
          captureStackTrace: false,
          attributes: { "seo.provider": wire.provider, "seo.operation": operation.name }
        })
      )
    }
  })
