/** The one pipeline every call goes through: key in the header, text read once, branch on status, decode, charge, retry. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
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
import type { Charge, Operation, Refusal, Refused, Wire } from "../Operation.js"
import {
  CreditsExhausted,
  InvalidKey,
  InvalidRequest,
  MalformedResponse,
  NoSubscription,
  type PaidError,
  ProviderUnavailable,
  RateLimited,
  type WireError
} from "../ProviderError.js"
import * as Deadline from "./deadline.js"
import { errorText } from "./errorText.js"
import { names } from "./names.js"
import { countRequest, countRetry, countUnits, timedRequest } from "./metrics.js"
import { isResent, parseRetryAfter, type RetryOptions, retryPolicy } from "./retry.js"
import { about, annotate, spanned } from "./spans.js"
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

/** An answer that was paid for: perhaps unreadable, but paid for. */
export interface Answered<out A> {
  readonly charge: Charge
  /** Tells whoever wants to know of the charge. */
  readonly told: Effect.Effect<void>
  readonly result: Either.Either<A, MalformedResponse>
}

/** `around` is run for each attempt. */
export type Call = <I, A, E extends PaidError>(
  operation: Operation<I, A>,
  input: I,
  around: (attempt: Effect.Effect<Answered<A>, WireError>) => Effect.Effect<A, E>
) => Effect.Effect<A, E | InvalidKey>

// Codes of failures before a byte of the request left: fetch, undici and node:http alike.
const neverSent = new Set<unknown>(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"])
// A cause may be its own cause.
const codeOf = (u: unknown, depth = 8): unknown => {
  if (depth === 0 || !Predicate.isObject(u)) return undefined
  return Predicate.hasProperty(u, "code")
    ? u.code
    : Predicate.hasProperty(u, "cause")
      ? codeOf(u.cause, depth - 1)
      : undefined
}

const isSendable = /^[\x21-\x7e]+$/

const advice: Record<Refusal["_tag"], string> = {
  InvalidKey: "refused the API key. Check that it is current and belongs to this API",
  NoSubscription: "has no subscription for this behind the key. Check the account's plan",
  CreditsExhausted: "has too few units left for this call. Top up, or wait for the reset",
  RateLimited: "answers too many calls. Wait before the next one",
  InvalidRequest: "refused the request. Sending it again changes nothing",
  ProviderUnavailable: "gave no usable answer. Try again later"
}

/** Paths and kinds only: the decoder's own text quotes the body. It throws on a body nested deeper than the stack is. */
const where = (error: ParseResult.ParseError): string =>
  Either.getOrElse(
    Either.try(() =>
      ParseResult.ArrayFormatter.formatErrorSync(error)
        .map(({ _tag, path }) => `${_tag} at ${path.length === 0 ? "the top" : path.join(".")}`)
        .join("; ")
        .slice(0, 300)
    ),
    () => "nested too deeply to say where"
  )

interface Attempt {
  readonly apiKey: string
  readonly wire: Wire
  readonly operation: string
  /** Whether the provider may charge for it. */
  readonly isPriced: boolean
}

/** A provider or a gateway may echo what it was sent, its URL too. */
const scrub = ({ apiKey }: Attempt, text: string): string =>
  [apiKey, encodeURIComponent(apiKey), String(new URLSearchParams([["", apiKey]])).slice(1)].reduce(
    (left, form) => left.replaceAll(form, "<key>"),
    text
  )

const requestIdOf = (attempt: Attempt, { headers }: HttpClientResponse.HttpClientResponse): Option.Option<string> =>
  Option.map(Option.fromNullable(headers["x-request-id"]), (id) => scrub(attempt, id))

const refusal = (
  attempt: Attempt,
  response: HttpClientResponse.HttpClientResponse,
  { refusal: refused, text }: Refused,
  now: number
): WireError => {
  const {
    operation,
    wire: { provider }
  } = attempt
  const { status } = response
  const said = scrub(attempt, text).slice(0, 300)
  const seen = {
    provider,
    operation,
    status: Option.some(status),
    requestId: requestIdOf(attempt, response),
    message: `${names[provider]} ${advice[refused._tag]} (${status}${said === "" ? "" : `: ${said}`}).`
  }
  const retryAfter = parseRetryAfter(response.headers["retry-after"], now)
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

const unavailable = ({ isPriced, operation, wire }: Attempt, what: string, wasSent: boolean, resend = false) => {
  const mayBeBilled = wasSent && isPriced
  const advice = !mayBeBilled
    ? "Try again later"
    : `The call may have been billed${resend ? "" : ", so it is not sent again by itself"}`
  return new ProviderUnavailable({
    provider: wire.provider,
    operation,
    message: `${names[wire.provider]} ${what}. ${advice}.`,
    mayBeBilled,
    isRetryable: resend || !mayBeBilled
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

/**
 * fetch follows a redirect by itself, if without the key: what another address says is no answer of the provider's. Only fetch's own
 * response tells; the client has it in itself, or in what it wraps.
 */
const isRedirected = (response: unknown): boolean => {
  if (!Predicate.isObject(response)) return false
  if (Predicate.hasProperty(response, "redirected")) return response.redirected === true
  if (Predicate.hasProperty(response, "source")) return isRedirected(response.source)
  return Predicate.hasProperty(response, "original") && isRedirected(response.original)
}

const redirected = ({ operation, wire }: Attempt): WireError =>
  new ProviderUnavailable({
    provider: wire.provider,
    operation,
    message: `${names[wire.provider]} redirected the call to another address, whose answer was not read. Check apiUrl.`,
    mayBeBilled: false,
    isRetryable: false
  })

/** A `transformClient` may turn the transport's errors into defects; they hold the request, and with it the key. */
const transportError = (defect: unknown): Option.Option<Effect.Effect<never, HttpClientError.HttpClientError>> =>
  HttpClientError.isHttpClientError(defect) ? Option.some(Effect.fail(defect)) : Option.none()

const malformed = (attempt: Attempt, response: HttpClientResponse.HttpClientResponse, what: string) =>
  new MalformedResponse({
    provider: attempt.wire.provider,
    operation: attempt.operation,
    status: Option.some(response.status),
    requestId: requestIdOf(attempt, response),
    message: `${names[attempt.wire.provider]} answered in an unknown form: ${what}. Report it with the request id, the call was billed.`
  })

const parseJson = (text: string): Either.Either<unknown, string> =>
  Either.try({ try: () => JSON.parse(text), catch: () => "not JSON" })

const isAmount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** What an answer cost: the provider's word, else `computed`, else the most it can have been: no book takes parts of a unit. */
const chargeOf = (
  wire: Wire,
  operation: string,
  { headers }: HttpClientResponse.HttpClientResponse,
  computed: number | null,
  most: number | null
): Charge => {
  const sent = wire.chargeHeader === null ? undefined : headers[wire.chargeHeader]
  const isStated = sent !== undefined && /^\d+$/.test(sent) && isAmount(Number(sent))
  return {
    provider: wire.provider,
    contract: wire.contract,
    operation,
    unit: wire.unit,
    amount: isStated ? Number(sent) : computed === null || isAmount(computed) ? computed : most,
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
    const headers = { accept: "application/json", "user-agent": `effect-seo-providers/${version}` }
    const authorize = isSendable.test(apiKey) ? wire.authorize(apiKey) : undefined
    const client = transport.pipe(
      // The transport's own span holds the whole URL, and with it the customer's targets. Without it no trace header goes out either.
      HttpClient.withTracerDisabledWhen(() => true),
      options.transformClient ?? identity
    )
    const policy = retryPolicy(options.retry)
    const { onCharge } = options
    const tell = (charge: Charge): Effect.Effect<void> => {
      const { amount, operation, provider, unit } = charge
      const told =
        onCharge === undefined
          ? Effect.void
          : Effect.catchAllCause(onCharge(charge), (cause) =>
              Cause.isInterruptedOnly(cause)
                ? Effect.failCause(cause)
                : Effect.logError("onCharge died; the answer it was told of is kept", cause)
            )
      return amount === null ? told : Effect.zipRight(countUnits(provider, operation, unit, amount), told)
    }

    return <I, A, E extends PaidError>(
      operation: Operation<I, A>,
      input: I,
      around: (attempt: Effect.Effect<Answered<A>, WireError>) => Effect.Effect<A, E>
    ) => {
      const price = operation.price(input)
      const attempt: Attempt = { apiKey, wire, operation: operation.name, isPriced: price.upper !== 0 }
      if (authorize === undefined) {
        const refused: Effect.Effect<A, InvalidKey> = new InvalidKey({
          provider: wire.provider,
          operation: operation.name,
          message: `The API key of ${names[wire.provider]} is empty or holds characters that no header can carry.`
        })
        return refused
      }
      const { body, method, path, query } = operation.request(input)
      const bare = HttpClientRequest.make(method)(`${base}${path}`, { headers, ...(query && { urlParams: query }) })
      const request = authorize(body === undefined ? bare : HttpClientRequest.bodyUnsafeJson(bare, body))

      const refuse = (response: HttpClientResponse.HttpClientResponse, refused: Refused) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(refusal(attempt, response, refused, now)))

      const reject = (response: HttpClientResponse.HttpClientResponse) =>
        // The status says enough where the body is lost.
        Effect.flatMap(
          Effect.orElseSucceed(response.text, () => ""),
          (body) => {
            const { isJson, text } = errorText(body)
            return refuse(response, { refusal: wire.classify(response.status, text, isJson), text })
          }
        )

      const accept = (response: HttpClientResponse.HttpClientResponse) =>
        Effect.flatMap(
          Effect.mapError(response.text, (error) => unanswered(attempt, error)),
          (body) => {
            const parsed = parseJson(body)
            const refused = Either.isRight(parsed) && wire.refusedIn !== null ? wire.refusedIn(parsed.right) : null
            if (refused !== null) return refuse(response, refused)
            const answer = Either.flatMap(parsed, (json) => Either.mapLeft(operation.decode(input, json), where))
            return Effect.succeed(
              Either.match(answer, {
                onRight: ({ rows, value }) => ({
                  charge: chargeOf(wire, operation.name, response, operation.charge(input, rows), price.upper),
                  result: Either.right(value)
                }),
                // How many rows were billed is not known: the most it can have been.
                onLeft: (what) => ({
                  charge: chargeOf(wire, operation.name, response, price.upper, price.upper),
                  result: Either.left(malformed(attempt, response, what))
                })
              })
            )
          }
        )

      const answered = limited(
        client.execute(request).pipe(
          Effect.catchSomeDefect(transportError),
          Effect.mapError((error) => unanswered(attempt, error)),
          Effect.flatMap((response) =>
            Effect.zipRight(
              annotate("http.response.status_code", response.status),
              isRedirected(response)
                ? Effect.fail(redirected(attempt))
                : response.status >= 200 && response.status < 300
                  ? accept(response)
                  : reject(response)
            )
          )
        ),
        () => unavailable(attempt, "did not answer in time", true, options.resendTimedOut)
      ).pipe(
        spanned(`http.client ${method}`, {
          kind: "client",
          attributes: { ...about(wire, operation), "http.request.method": method },
          result: ({ charge: { amount, unit }, result }) => ({
            ...(amount !== null && { "seo.units": amount, "seo.unit": unit }),
            ...(Either.isLeft(result) && { "error.type": result.left._tag })
          })
        })
      )
      // What was bought is settled around it, outside the deadline: a slow `onCharge` cannot lose a paid answer.
      const attempted = Effect.tapBoth(
        Effect.map(timedRequest(wire.provider, operation.name, answered), ({ charge, result }): Answered<A> => ({
          charge,
          result,
          told: tell(charge)
        })),
        {
          onFailure: (error) => countRequest(wire.provider, operation.name, error._tag),
          onSuccess: ({ result }) =>
            countRequest(wire.provider, operation.name, Either.isLeft(result) ? result.left._tag : "ok")
        }
      )
      const once = around(attempted)
      // The retry driver is set up only when there is something to retry: it replays the failure it was set up for.
      const again = (failure: E) => {
        let replay = true
        return Effect.suspend(() => {
          if (!replay) return Effect.zipRight(countRetry(wire.provider, operation.name), once)
          replay = false
          return Effect.zipRight(
            Effect.logDebug(`${failure._tag}: ${failure.message} It is sent again.`),
            Effect.fail(failure)
          )
        }).pipe(Effect.retry(policy))
      }
      return Effect.catchIf(once, isResent, again)
    }
  })
