/**
 * Why SE Ranking refused, read from the status and from the text of any of its three error shapes.
 *
 * Source: SE Ranking API documentation, "Errors" and "Rate limits", 2026-08.
 *
 * @since 0.1.0
 */
import type { Refusal } from "../Operation.js"

export const classify = (status: number, text: string, isJson: boolean): Refusal => {
  const isClient = status >= 400 && status < 500
  if (status === 402 || (isClient && /insufficient funds|empty balance/i.test(text))) {
    return { _tag: "CreditsExhausted" }
  }
  if (/does not include api credits|subscription required|license expired/i.test(text)) {
    return { _tag: "NoSubscription" }
  }
  if (status === 401 || /no token|incorrect token|authentication failed/i.test(text)) return { _tag: "InvalidKey" }
  if (status === 403 && /limit reached/i.test(text)) return { _tag: "CreditsExhausted" }
  if (status === 429) return { _tag: "RateLimited" }
  if (status === 500 && /can't be empty/i.test(text)) return { _tag: "InvalidRequest" }
  if (status === 408 || status >= 500) return { _tag: "ProviderUnavailable", isTransient: true }
  if (status === 403) return isJson ? { _tag: "NoSubscription" } : { _tag: "ProviderUnavailable", isTransient: false }
  if (status < 400) return { _tag: "ProviderUnavailable", isTransient: false } // a redirect: the key does not follow it
  return { _tag: "InvalidRequest" }
}
