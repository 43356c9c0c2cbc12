import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { vendor } from "../../src/ahrefs/vendor.js"
import { rowKey, scopeOf, stem } from "../../src/internal/scope.js"
import { type Facts, oneFact } from "../../src/Operation.js"

const facts: Facts<unknown, unknown> = oneFact({ kind: "metrics", subject: String, params: (input) => input })
const text = FastCheck.oneof(
  FastCheck.string(),
  FastCheck.string({ unit: "binary" }),
  FastCheck.constantFrom("*", "a\nb", "{x}", "a:b", "__proto__", "\ud800")
)
const params = FastCheck.dictionary(
  text,
  FastCheck.oneof(text, FastCheck.integer(), FastCheck.boolean(), FastCheck.array(text))
)
const scope = FastCheck.constantFrom("a.1", "a.2", "s.team.1")
const column = FastCheck.constantFrom("*", "domainRating", "refdomains")
const request = FastCheck.record({ scope, params, subject: text, column })
type Request = typeof request extends FastCheck.Arbitrary<infer R> ? R : never

const key = ({ column, params, scope, subject }: Request) =>
  `${rowKey(stem(scope, vendor, facts, params), subject)}${column}`

/** What the key of a request must depend on, and nothing else. */
const meant = ({ column, params, scope, subject }: Request) =>
  JSON.stringify([scope, Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1)), subject, column])

describe("keys", () => {
  it.prop("different requests never share one, equal requests always do", [request, request], ([a, b]) => {
    assert.strictEqual(key(a) === key(b), meant(a) === meant(b))
  })

  it.prop("the order of parameters does not matter, nor those that are undefined", [request], ([a]) => {
    const turned = Object.fromEntries(Object.entries(a.params).toReversed())
    assert.strictEqual(key({ ...a, params: turned }), key(a))
    assert.strictEqual(
      `${rowKey(stem(a.scope, vendor, facts, { ...a.params, "not there": undefined }), a.subject)}${a.column}`,
      key(a)
    )
  })

  it("tell apart what is no plain value: dates, addresses, maps, sets", () => {
    const pairs = [
      [new Date(1), new Date(2)],
      [new URL("https://a.com"), new URL("https://b.com")],
      [new Map([["a", 1]]), new Map([["a", 2]])],
      [new Set([1]), new Set([2])],
      [Option.some(1), Option.none()]
    ]
    const stemOf = (value: unknown) => stem("a.1", vendor, { ...facts, params: () => ({ value }) }, {})
    for (const [a, b] of pairs) assert.notStrictEqual(stemOf(a), stemOf(b))
    assert.strictEqual(stemOf(new Date(1)), stemOf(new Date(1)))
  })

  it.prop("hold nothing that Redis, a glob or a log could trip over, and begin with their slot", [request], ([a]) => {
    const made = key({ ...a, column: "domainRating" })
    assert.match(made, /^\{[\w.-]+\}:[\w:.#-]+$/)
    assert.isBelow(made.length, 300)
  })

  it("another schema, kind or contract is another key", () => {
    const of = (more: Partial<typeof facts>, wire = vendor) => stem("a.1", wire, { ...facts, ...more }, null)
    const all = [of({}), of({ version: 2 }), of({ kind: "other" }), of({}, { ...vendor, contract: "platform" })]
    assert.strictEqual(new Set(all).size, all.length)
  })
})

describe("scopes", () => {
  const account = { provider: "ahrefs", apiKey: Redacted.make("CANARY-key") } as const

  it("tell accounts apart by provider, key and server, and hold no key", () => {
    const scopes = [
      scopeOf(account),
      scopeOf({ ...account, provider: "se_ranking" }),
      scopeOf({ ...account, apiKey: Redacted.make("another") }),
      scopeOf({ ...account, apiUrl: "https://gateway.example/" }),
      scopeOf({ ...account, cacheScope: "team" })
    ]
    assert.strictEqual(new Set(scopes).size, scopes.length)
    for (const scope of scopes) assert.match(scope, /^(?:a|s\.team)\.[0-9a-f]{16}$/)
    assert.strictEqual(scopeOf({ ...account, apiUrl: "https://gateway.example" }), scopes[3])
  })
})
