import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import * as ahrefs from "../src/ahrefs/errors.js"
import { errorText } from "../src/internal/errorText.js"
import * as Errors from "../src/ProviderError.js"
import * as seranking from "../src/seranking/errors.js"
import { hasMembers } from "./support/assertions.js"
import { makeAhrefs, makeSERanking, text } from "./support/stub.js"

const at = { provider: "ahrefs", operation: "getBacklinks", message: "what happened" } as const
const of: Readonly<Record<Errors.ProviderError["_tag"], (isRetryable: boolean) => Errors.ProviderError>> = {
  InvalidKey: () => new Errors.InvalidKey(at),
  NoSubscription: () => new Errors.NoSubscription(at),
  CreditsExhausted: () => new Errors.CreditsExhausted(at),
  RateLimited: () => new Errors.RateLimited(at),
  InvalidRequest: () => new Errors.InvalidRequest(at),
  Unsupported: () => new Errors.Unsupported(at),
  ProviderUnavailable: (isRetryable) =>
    new Errors.ProviderUnavailable({ ...at, mayBeBilled: !isRetryable, isRetryable }),
  CacheUnavailable: () => new Errors.CacheUnavailable(at),
  LedgerUnavailable: () => new Errors.LedgerUnavailable(at),
  PriceUnknown: () => new Errors.PriceUnknown({ ...at, budget: { of: "job", id: "audit" } }),
  BudgetExceeded: () =>
    new Errors.BudgetExceeded({ ...at, unit: "api_units", needed: 50, left: -2, budget: { of: "tenant", id: "acme" } }),
  MalformedResponse: () => new Errors.MalformedResponse(at),
  InvalidTarget: () => new Errors.InvalidTarget({ input: "x", reason: "empty", message: "is empty" })
}

describe("errors", () => {
  it.effect.prop("survive JSON", [Errors.ProviderError], ([error]) =>
    Effect.gen(function* () {
      const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encode(Errors.ProviderError)(error)))
      const back = yield* Schema.decodeUnknown(Errors.ProviderError)(json)
      assert.deepStrictEqual(back, error)
      assert.strictEqual(back.isRetryable, error.isRetryable)
      assert.strictEqual(String(back), String(error))
      assert.isTrue(Errors.isProviderError(back))
    })
  )

  it("hold whole amounts: one that JSON cannot say is refused", () => {
    for (const left of [Number.NaN, Infinity, 0.5]) {
      assert.throws(() => new Errors.CreditsExhausted({ ...at, needed: Option.none(), left: Option.some(left) }))
    }
  })

  it.effect("survive JSON with a wait without end", () =>
    Effect.gen(function* () {
      const error = new Errors.RateLimited({ ...at, retryAfter: Option.some(Duration.infinity) })
      const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encode(Errors.ProviderError)(error)))
      assert.deepStrictEqual(yield* Schema.decodeUnknown(Errors.ProviderError)(json), error)
    })
  )

  it("are retryable only where another try can help", () => {
    for (const [tag, make] of Object.entries(of)) {
      const isAlways = tag === "RateLimited" || tag === "CacheUnavailable" || tag === "LedgerUnavailable"
      const isTransient = isAlways || tag === "ProviderUnavailable"
      assert.strictEqual(make(true).isRetryable, isTransient, tag)
      assert.strictEqual(make(false).isRetryable, isAlways, tag)
      assert.strictEqual(make(true)._tag, tag)
    }
  })

  it("retryAfter, isProviderError", () => {
    const wait = Option.some(Duration.seconds(7))
    assert.deepStrictEqual(Errors.retryAfter(new Errors.RateLimited({ ...at, retryAfter: wait })), wait)
    assert.deepStrictEqual(Errors.retryAfter(new Errors.InvalidKey(at)), Option.none())
    assert.deepStrictEqual(Errors.retryAfter(of.ProviderUnavailable(true)), Option.none())
    for (const make of Object.values(of)) assert.isTrue(Errors.isProviderError(make(true)))
    for (const other of [null, undefined, "InvalidKey", { _tag: "InvalidKey" }, new Error("no")]) {
      assert.isFalse(Errors.isProviderError(other))
    }
  })
})

// Classification: status and body as they came, the class as documented.

type Case = readonly [expected: string, status: number, body: unknown]
const html = (title: string) => `<!DOCTYPE html><html><head><title>${title}</title></head></html>`
const bodyOf = (body: unknown) => (typeof body === "string" ? body : JSON.stringify(body))

const named = (cases: ReadonlyArray<Case>) =>
  cases.map(([expected, status, body]) => ({ name: `${status} ${bodyOf(body).slice(0, 60)}`, expected, status, body }))

const Recorded = Schema.Array(
  Schema.Struct({ when: Schema.String, response: Schema.Struct({ status: Schema.Int, body: Schema.Unknown }) })
)
const recorded = Schema.decodeUnknownSync(Schema.parseJson(Recorded))(
  readFileSync(new URL("fixtures/ahrefs/errors.json", import.meta.url), "utf8")
)

const shapes = (text: string) => [
  { error: text },
  { message: text },
  { error_description: text },
  { error: { code: 1, message: text, description: "more" } },
  { error: { message: "more", description: text } },
  ["Error", text],
  ["Error", ["Kind", text]],
  text
]

describe("Ahrefs", () => {
  const expectedOfRecorded = [
    "InvalidKey",
    "InvalidKey",
    "InvalidRequest",
    "NoSubscription",
    "CreditsExhausted",
    "InvalidRequest",
    "InvalidRequest",
    "InvalidRequest"
  ]
  const unitsLeft = "API units limit reached. Expected usage: 50, API units left: 0."

  it("has a class for every recorded error", () => {
    assert.strictEqual(recorded.length, expectedOfRecorded.length)
  })

  it.scoped.each(
    named([
      ...recorded.map(({ response }, i): Case => [expectedOfRecorded[i] ?? "", response.status, response.body]),
      ...shapes(unitsLeft).flatMap((body) => [400, 403, 429].map((status): Case => ["CreditsExhausted", status, body])),
      ["CreditsExhausted", 403, { error: "API units limit reached." }],
      ...shapes("Insufficient plan").map((body): Case => ["NoSubscription", 403, body]),
      ["InvalidKey", 401, ""],
      ["InvalidKey", 401, html("401")],
      ["InvalidKey", 401, { error: "no such key" }],
      ["InvalidRequest", 404, { error: "no data" }],
      ["InvalidRequest", 404, html("404")],
      ["InvalidRequest", 400, { error: "bad target" }],
      ["InvalidRequest", 422, ""],
      ["RateLimited", 429, { error: "Too many requests" }],
      ["RateLimited", 429, html("429")],
      ["RateLimited", 429, ""],
      ["ProviderUnavailable", 408, ""],
      ["ProviderUnavailable", 500, { error: "internal" }],
      ["ProviderUnavailable", 500, { error: unitsLeft }],
      ["ProviderUnavailable", 502, html("502")],
      ["ProviderUnavailable", 503, ""],
      ["ProviderUnavailable final", 403, html("Attention Required!")],
      ["ProviderUnavailable final", 403, ""],
      ["ProviderUnavailable final", 301, ""],
      ["NoSubscription", 403, { error: "something else" }],
      ["NoSubscription", 403, {}]
    ])
  )("$name is $expected", ({ body, expected, status }) =>
    Effect.gen(function* () {
      const { ahrefs: service } = yield* makeAhrefs(() => text(bodyOf(body), status, { "x-request-id": "r-1" }), {
        retry: { times: 0 }
      })
      const error = yield* Effect.flip(service.getReferringDomains("a.com"))
      const isFinal = error._tag === "ProviderUnavailable" && !error.isRetryable
      assert.strictEqual(error._tag + (isFinal ? " final" : ""), expected)
      hasMembers(error, { status: Option.some(status), requestId: Option.some("r-1") })
      assert.include(error.message, String(status))
      if (error._tag === "CreditsExhausted" && bodyOf(body).includes("Expected")) {
        assert.deepStrictEqual([error.needed, error.left], [Option.some(50), Option.some(0)])
      }
    })
  )

  it("reads what a call needs and what is left, below zero too", () => {
    const text = "API units limit reached. Expected usage: 1500, API units left: -20."
    assert.deepStrictEqual<unknown>(ahrefs.classify(403, text, true), {
      _tag: "CreditsExhausted",
      needed: 1500,
      left: -20
    })
  })

  it.scoped("numbers longer than a number can hold are left out", () =>
    Effect.gen(function* () {
      const nines = "9".repeat(400)
      const error = `API units limit reached. Expected usage: ${nines}, API units left: -${nines}.`
      const { ahrefs: service } = yield* makeAhrefs(() => text(JSON.stringify({ error }), 403))
      const found = yield* Effect.flip(service.getReferringDomains("a.com"))
      assert.strictEqual(found._tag, "CreditsExhausted")
      const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encode(Errors.ProviderError)(found)))
      hasMembers(yield* Schema.decodeUnknown(Errors.ProviderError)(json), {
        needed: Option.none(),
        left: Option.none()
      })
    })
  )
})

describe("SE Ranking", () => {
  const envelope = (code: number, message: string, description = "") => ({ error: { code, message, description } })

  it.scoped.each(
    named([
      ["InvalidKey", 401, { error_description: "Authentication failed" }],
      ["InvalidKey", 401, envelope(401, "Unauthorized")],
      ["InvalidKey", 401, ""],
      ["InvalidKey", 401, html("401")],
      ["InvalidKey", 403, { message: "No token" }],
      ["InvalidKey", 403, { message: "incorrect token" }],
      ["InvalidKey", 400, { error_description: "Authentication failed for this key" }],
      ["CreditsExhausted", 403, envelope(403, "Insufficient funds", "Your current credit balance is too low.")],
      ["CreditsExhausted", 402, "Insufficient Funds"],
      ["CreditsExhausted", 402, ""],
      ["CreditsExhausted", 402, html("402")],
      ...shapes("Insufficient funds").map((body): Case => ["CreditsExhausted", 400, body]),
      ...shapes("Empty balance").map((body): Case => ["CreditsExhausted", 403, body]),
      ["CreditsExhausted", 403, envelope(403, "Limit reached", "You have 0 projects left.")],
      ["NoSubscription", 403, envelope(403, "Subscription required")],
      ["NoSubscription", 403, { message: "License expired" }],
      ["NoSubscription", 400, "Your plan does not include API credits. Upgrade your plan or top up..."],
      ["NoSubscription", 403, envelope(403, "Forbidden", "Your plan does not include API credits.")],
      ["NoSubscription", 403, envelope(403, "Something else")],
      ["RateLimited", 429, envelope(429, "Too Many Requests", "The call-rate limit has been reached.")],
      ["RateLimited", 429, html("429")],
      ["RateLimited", 429, ""],
      ["InvalidRequest", 400, { message: "Invalid engine_id" }],
      ["InvalidRequest", 400, {}],
      ["InvalidRequest", 400, ""],
      ["InvalidRequest", 404, envelope(404, "Not Found")],
      ["InvalidRequest", 500, "source can't be empty"],
      ["InvalidRequest", 500, envelope(500, "Validation failed", "scope can't be empty")],
      ["ProviderUnavailable", 500, envelope(500, "Internal error")],
      ["ProviderUnavailable", 500, html("500")],
      ["ProviderUnavailable", 503, "source can't be empty"],
      ["ProviderUnavailable", 500, "insufficient funds"],
      ["ProviderUnavailable", 502, ""],
      ["ProviderUnavailable", 408, ""],
      ["ProviderUnavailable final", 403, html("Forbidden")],
      ["ProviderUnavailable final", 403, ""],
      ["ProviderUnavailable final", 302, ""]
    ])
  )("$name is $expected", ({ body, expected, status }) =>
    Effect.gen(function* () {
      const { seranking: service } = yield* makeSERanking(() => text(bodyOf(body), status), { retry: { times: 0 } })
      const error = yield* Effect.flip(service.getBacklinksSummary("a.com"))
      const isFinal = error._tag === "ProviderUnavailable" && !error.isRetryable
      assert.strictEqual(error._tag + (isFinal ? " final" : ""), expected)
      assert.deepStrictEqual(error.provider, "se_ranking")
    })
  )

  it("a refusal of one vendor is not one of the other", () => {
    assert.strictEqual(ahrefs.classify(403, "Insufficient funds", true)._tag, "NoSubscription")
    assert.strictEqual(seranking.classify(403, "Insufficient plan", true)._tag, "NoSubscription")
  })
})

describe("any refusal", () => {
  const body = FastCheck.oneof(
    FastCheck.string(),
    FastCheck.string({ unit: "binary" }),
    FastCheck.json(),
    FastCheck.jsonValue().map((value) => JSON.stringify({ error: value })),
    FastCheck.constantFrom("", "<html>", '["Error"', "null", '{"error":{"__proto__":1}}', "[[[[[]]]]]")
  )
  const status = FastCheck.integer({ min: 300, max: 599 }).filter((status) => status !== 304)

  it.scoped.prop("gives a typed error and never throws", [status, body], ([status, body]) =>
    Effect.gen(function* () {
      const options = { retry: { times: 0 } } as const
      const script = () => text(body, status)
      const one = yield* makeAhrefs(script, options)
      const other = yield* makeSERanking(script, options)
      for (const call of [one.ahrefs.getReferringDomains("a.com"), other.seranking.getBacklinks({ domain: "a.com" })]) {
        const error = yield* Effect.flip(call as Effect.Effect<unknown, Errors.ProviderError>)
        assert.isTrue(Errors.isProviderError(error))
        assert.isAtMost(error.message.length, 500)
        assert.isTrue(Schema.is(Errors.ProviderError)(error))
      }
    })
  )

  it.prop("classification is total", [FastCheck.integer({ min: 300, max: 599 }), body], ([status, body]) => {
    const { isJson, text } = errorText(body)
    for (const classify of [ahrefs.classify, seranking.classify]) assert.isString(classify(status, text, isJson)._tag)
  })

  it.scoped("with a body nested a hundred thousand deep too", () =>
    Effect.gen(function* () {
      const deep = `${"[".repeat(1e5)}${"]".repeat(1e5)}`
      for (const [status, tag] of [
        [403, "NoSubscription"],
        [200, "MalformedResponse"]
      ] as const) {
        const { ahrefs: service } = yield* makeAhrefs(() => text(deep, status))
        assert.strictEqual((yield* Effect.flip(service.getReferringDomains("a.com")))._tag, tag)
      }
    })
  )
})
