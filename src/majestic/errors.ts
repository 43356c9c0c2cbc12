/**
 * Why Majestic refused: its refusals have HTTP status 200, and say why in the `Code` of the body.
 *
 * Source: Majestic developer documentation, GetIndexItemInfo. It lists no codes; what is told apart here is told by their words.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Refusal, Refused } from "../Operation.js"

/** Whatever the rest of it is: a refusal that was not understood would be booked as if it were billed. */
const decode = Schema.decodeUnknownOption(
  Schema.Struct({ Code: Schema.String, ErrorMessage: Schema.optional(Schema.Unknown) })
)

const named = (text: string): Refusal | null => {
  if (/insufficient|not enough|resource ?units/i.test(text)) return { _tag: "CreditsExhausted" }
  if (/rate ?limit|too ?many|throttl/i.test(text)) return { _tag: "RateLimited" }
  if (/subscription|not (?:permitted|allowed)|access ?denied/i.test(text)) return { _tag: "NoSubscription" }
  if (/api ?key|authenti|authoris|authoriz/i.test(text)) return { _tag: "InvalidKey" }
  if (/internal|unavailable|time ?out|maintenance|server ?error/i.test(text)) {
    return { _tag: "ProviderUnavailable", isTransient: true }
  }
  return null
}

/** The refusal in an answer with status 200; `null` where the code says that it is none. */
export const refusedIn = (json: unknown): Refused | null =>
  Option.match(decode(json), {
    onNone: () => null,
    onSome: ({ Code, ErrorMessage }) => {
      if (Code === "OK") return null
      const words = typeof ErrorMessage === "string" ? ErrorMessage : ""
      const text = words === "" ? Code : `${Code}: ${words}`
      return { refusal: named(Code) ?? named(words) ?? { _tag: "InvalidRequest" }, text }
    }
  })

/** What a gateway or an edge before it refused. */
export const classify = (status: number, text: string): Refusal => {
  if (status === 401) return { _tag: "InvalidKey" }
  if (status === 402) return { _tag: "CreditsExhausted" }
  if (status === 429) return { _tag: "RateLimited" }
  if (status === 408 || status >= 500) return { _tag: "ProviderUnavailable", isTransient: true }
  if (status === 403) return named(text) ?? { _tag: "ProviderUnavailable", isTransient: false }
  if (status < 400) return { _tag: "ProviderUnavailable", isTransient: false } // a redirect: the key does not follow it
  return { _tag: "InvalidRequest" }
}
