/** When a refused call goes out again. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { type PaidError, retryAfter } from "../ProviderError.js"

/** Retry-After in seconds or as a date; `none` for anything else. */
export const parseRetryAfter = (value: string | undefined, now: number): Option.Option<Duration.Duration> => {
  if (value === undefined || value.trim() === "") return Option.none() // Number("") is 0
  const seconds = Number(value)
  const millis = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - now
  // The error that holds it could not be encoded with more, and not as it is with parts of one.
  const wait = Math.min(Math.max(0, Math.round(millis)), Number.MAX_SAFE_INTEGER)
  return Number.isNaN(millis) ? Option.none() : Option.some(Duration.millis(wait))
}

export interface RetryOptions {
  /** How many times a call is sent again; default 3. */
  readonly times?: number | undefined
  /** The longest wait a provider may ask for; beyond it the call fails at once with what the provider said. Default 60 s. */
  readonly cap?: Duration.DurationInput | undefined
}

/** What the provider refused, or never heard; what was refused on this side is not sent again. */
export const isResent = (error: PaidError): boolean =>
  error.isRetryable &&
  error._tag !== "LedgerUnavailable" &&
  error._tag !== "CacheUnavailable" &&
  !(error._tag === "RateLimited" && Option.isNone(error.status))

/** Exponential from half a second with jitter; what the provider asks for instead, where it does. */
export const retryPolicy = ({ cap = "60 seconds", times = 3 }: RetryOptions = {}) =>
  Schedule.exponential("500 millis").pipe(
    Schedule.jittered,
    Schedule.intersect(Schedule.recurs(times)),
    Schedule.zipRight(Schedule.identity<PaidError>()), // the output becomes the error, so the delay can read it
    Schedule.modifyDelay((error, delay) => Option.getOrElse(retryAfter(error), () => delay)),
    Schedule.whileInput(
      (error: PaidError) =>
        isResent(error) &&
        Option.match(retryAfter(error), { onNone: () => true, onSome: Duration.lessThanOrEqualTo(cap) })
    )
  )
