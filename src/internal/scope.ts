/** Who may see a fact, and where it is kept: keys that are the same for equal requests and differ for different ones. */
import * as Redacted from "effect/Redacted"
import { LRUCache } from "lru-cache"
import { createHash, createHmac } from "node:crypto"
import type { Facts, Provider, Wire } from "../Operation.js"

const isScope = /^[A-Za-z0-9_-]{1,64}$/

/** 8 bytes of a keyed hash: tells accounts apart and says nothing of the key. */
const fingerprint = (text: string): string =>
  createHmac("sha256", "effect-seo-providers/account").update(text).digest("hex").slice(0, 16)

export const isScopeName = (name: string): boolean => isScope.test(name)

/** An account's facts are its own, and those of a server of one's own never mix with the provider's. */
export const scopeOf = ({
  apiKey,
  apiUrl,
  cacheScope,
  provider
}: {
  readonly provider: Provider
  readonly apiKey: Redacted.Redacted
  readonly apiUrl?: string | undefined
  readonly cacheScope?: string | undefined
}): string => {
  const server = apiUrl === undefined ? "" : apiUrl.replace(/\/+$/, "")
  return cacheScope === undefined
    ? `a.${fingerprint(JSON.stringify([provider, server, Redacted.value(apiKey)]))}`
    : `s.${cacheScope}.${fingerprint(JSON.stringify([provider, server]))}`
}

/** An account as limits and budgets know it, whatever facts it shares. */
export const accountOf = ({
  apiKey,
  apiUrl,
  provider
}: {
  readonly provider: Provider
  readonly apiKey: Redacted.Redacted
  readonly apiUrl?: string | undefined
}): string => scopeOf({ apiKey, apiUrl, provider })

const ordered = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(ordered)
  // They have no members, and would all be equal.
  if (value instanceof Map || value instanceof Set) return Array.from(value, ordered)
  if ("toJSON" in value && typeof value.toJSON === "function") return ordered(value.toJSON())
  const members = value as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    Object.keys(members)
      .sort()
      .map((name) => [name, ordered(members[name])])
  )
}

/** JSON with the members in order, without those that are undefined. */
const canonical = (value: unknown): string => JSON.stringify(ordered(value)) ?? ""

const hash = (text: string): string => createHash("sha256").update(text).digest("base64url")

// A service asks with few different parameters, many times: each is hashed once.
const hashes = new LRUCache<string, string>({ max: 1_000, memoMethod: (text) => hash(text).slice(0, 22) })

const isPlain = /^[a-z0-9._-]{1,100}$/

/** A word that is part of a key, as it is where it is a host, else as its hash. A hash is longer than any label before it. */
export const word = (text: string): string => (isPlain.test(text) ? text : `#${hash(canonical(text))}`)

/** What the keys of all facts of one request begin with; the braces keep a scope in one slot of a cluster. */
export const stem = <I, A>(scope: string, wire: Wire, facts: Facts<I, A>, input: I): string =>
  `{${scope}}:${wire.provider}:${wire.contract}:${facts.kind}:${facts.version}:${hashes.memo(canonical(facts.params(input)))}:`

/** What the keys of all columns of a subject begin with; the column's name ends them. */
export const rowKey = (stem: string, subject: string): string => `${stem}${word(subject)}:`

/** What a key of {@link rowKey} with a column says; `undefined` for the key of something else. */
export const readKey = (
  key: string
):
  | {
      readonly scope: string
      readonly provider: string
      readonly contract: string
      readonly kind: string
      readonly subject: string
    }
  | undefined => {
  const [, scope, provider, contract, kind, subject] =
    /^\{([^}]+)\}:([^:]+):([^:]+):([^:]+):[^:]+:[^:]+:([^:]+):/.exec(key) ?? []
  return subject === undefined
    ? undefined
    : { scope: scope!, provider: provider!, contract: contract!, kind: kind!, subject }
}
