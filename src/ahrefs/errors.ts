/**
 * Why Ahrefs refused. The order matters: used-up units, too small a plan and a wrong key share the status 403.
 *
 * Source: Ahrefs API v3 error answers as recorded.
 *
 * @since 0.1.0
 */
import type { Refusal } from "../Operation.js"

export const classify = (status: number, text: string, isJson: boolean): Refusal => {
  if (status < 500 && /units limit reached/i.test(text)) {
    const counts = /Expected usage: (\d{1,15}), API units left: (-?\d{1,15})(?!\d)/.exec(text)
    return counts === null
      ? { _tag: "CreditsExhausted" }
      : { _tag: "CreditsExhausted", needed: Number(counts[1]), left: Number(counts[2]) }
  }
  if (/insufficient plan/i.test(text)) return { _tag: "NoSubscription" }
  if (status === 401 || (status === 403 && isJson && text === "Forbidden")) return { _tag: "InvalidKey" }
  if (status === 429) return { _tag: "RateLimited" }
  if (status === 408 || status >= 500) return { _tag: "ProviderUnavailable", isTransient: true }
  if (status === 403) return isJson ? { _tag: "NoSubscription" } : { _tag: "ProviderUnavailable", isTransient: false }
  if (status < 400) return { _tag: "ProviderUnavailable", isTransient: false } // a redirect: the key does not follow it
  return { _tag: "InvalidRequest" }
}
