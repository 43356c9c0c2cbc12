import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { createServer, type IncomingHttpHeaders } from "node:http"
import { inspect } from "node:util"
import type * as Ahrefs from "../../src/Ahrefs.js"
import { failureOf, hasMembers } from "../support/assertions.js"
import {
  always,
  type Answer,
  apiKey,
  broken,
  cut,
  json,
  makeAhrefs,
  makeSERanking,
  never,
  text,
  plainAhrefs
} from "../support/stub.js"
import { advance } from "../support/clock.js"
import { listening } from "../support/server.js"

const stats = { metrics: { live_refdomains: 42 } }
/** The answers in turn, the last one again and again. */
const turns =
  (...answers: ReadonlyArray<() => Answer>) =>
  (_: unknown, n: number): Answer =>
    (answers[n] ?? answers.at(-1))?.() ?? never
const ok = () => json(stats)
const paid = ({ ahrefs }: { readonly ahrefs: Ahrefs.Service }) => ahrefs.getReferringDomains("example.com")
const isRunning = (fiber: Fiber.Fiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isNone)

describe("refused calls", () => {
  const start = Date.UTC(2026, 10, 21, 12)

  it.scoped.each([
    ["in seconds", 429, "7", 7000],
    ["in part of a second", 503, "0.25", 250],
    ["as a date", 429, new Date(start + 7000).toUTCString(), 7000],
    ["as a date in the past", 429, new Date(start - 7000).toUTCString(), 0],
    ["up to the cap", 500, "60", 60_000]
  ] as const)("Retry-After %s is honoured to the millisecond", ([, status, value, millis]) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      const made = yield* makeAhrefs(turns(() => json({}, status, { "retry-after": value }), ok))
      const fiber = yield* Effect.fork(paid(made))
      yield* advance(Math.max(0, millis - 1))
      assert.strictEqual(yield* isRunning(fiber), millis > 0)
      assert.strictEqual(made.sent.length, millis > 0 ? 1 : 2)
      yield* advance(1)
      assert.strictEqual(yield* Fiber.join(fiber), 42)
      assert.deepStrictEqual(made.sent[0], made.sent[1])
    })
  )

  it.scoped("above the cap the call fails at once with what the provider said", () =>
    Effect.gen(function* () {
      const script = () => json({}, 429, { "retry-after": "61" })
      const made = yield* makeAhrefs(script)
      const error = yield* Effect.flip(paid(made))
      assert.strictEqual(error._tag, "RateLimited")
      assert.strictEqual(made.sent.length, 1)
      if (error._tag === "RateLimited") assert.include(inspect(error.retryAfter), "61000")
      const patient = yield* makeAhrefs(turns(script, ok), { retry: { cap: "2 minutes" } })
      const fiber = yield* Effect.fork(paid(patient))
      yield* advance("61 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 42)
    })
  )

  it.scoped.each([429, 408, 500, 502, 503, 504, 599])(
    "%d goes out again after a backoff, three times at most",
    (status) =>
      Effect.gen(function* () {
        const made = yield* makeAhrefs(() => text("<html></html>", status))
        const fiber = yield* Effect.fork(Effect.flip(paid(made)))
        const counts: Array<number> = []
        // Half a second, one and two, each with a jitter of a fifth.
        for (const seconds of [0.39, 0.22, 0.6, 0.6, 1.3, 1.1]) {
          yield* advance(seconds * 1000)
          counts.push(made.sent.length)
        }
        assert.deepStrictEqual([counts[0], counts[1], counts.at(-1)], [1, 2, 4])
        const error = yield* Fiber.join(fiber)
        hasMembers(error, {
          _tag: status === 429 ? "RateLimited" : "ProviderUnavailable",
          isRetryable: true,
          status: Option.some(status)
        })
        yield* advance("1 hour")
        assert.strictEqual(made.sent.length, 4)
        assert.deepStrictEqual(made.charges, [])
      })
  )

  it.scoped.each([0, 1, 5])("retry.times: %d", (times) =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(() => json({}, 503), { retry: { times } })
      const fiber = yield* Effect.fork(Effect.flip(paid(made)))
      yield* advance("1 hour")
      yield* Fiber.join(fiber)
      assert.strictEqual(made.sent.length, times + 1)
    })
  )

  it.scoped("each retry reads the answer before it: a refusal that cannot pass ends them", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(
        turns(
          () => json({}, 503, { "retry-after": "1" }),
          () => json({}, 429, { "retry-after": "2" }),
          () => json(["Error", "Unauthorized"], 401)
        )
      )
      const fiber = yield* Effect.fork(Effect.flip(paid(made)))
      yield* advance("2999 millis")
      assert.strictEqual(made.sent.length, 2)
      yield* advance("1 millis")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "InvalidKey")
      assert.strictEqual(made.sent.length, 3)
    })
  )

  it.scoped.each([300, 301, 302, 304, 307, 400, 401, 403, 404, 405, 410, 422])("%d is final", (status) =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(() => new Response(status === 304 ? null : "{}", { status }))
      const error = yield* Effect.flip(paid(made))
      assert.isFalse(error.isRetryable)
      assert.strictEqual(made.sent.length, 1)
    })
  )
})

describe("calls without an answer", () => {
  const mayBeBilled = (isBilled: boolean) => ({ _tag: "ProviderUnavailable", mayBeBilled: isBilled })

  it.scoped("a paid call that timed out is sent once; it may have been billed", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(() => never)
      const fiber = yield* Effect.fork(Effect.flip(paid(made)))
      yield* advance("29999 millis")
      assert.isTrue(yield* isRunning(fiber))
      assert.isFalse(made.signals[0]?.aborted)
      yield* advance("1 millis")
      hasMembers(yield* Fiber.join(fiber), { ...mayBeBilled(true), isRetryable: false, status: Option.none() })
      assert.isTrue(made.signals[0]?.aborted)
      yield* advance("1 hour")
      assert.strictEqual(made.sent.length, 1)
    })
  )

  it.scoped("an answer whose body never ends is late too", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(() => new Response(new ReadableStream()))
      const fiber = yield* Effect.fork(Effect.flip(paid(made)))
      yield* advance("30 seconds")
      hasMembers(yield* Fiber.join(fiber), mayBeBilled(true))
    })
  )

  it.scoped("with resendTimedOut it is sent again, and still says that it may have been billed", () =>
    Effect.gen(function* () {
      const options = { resendTimedOut: true, timeout: "5 seconds", retry: { times: 2 } } as const
      const made = yield* makeAhrefs(
        turns(() => never, ok),
        options
      )
      const fiber = yield* Effect.fork(paid(made))
      yield* advance("6 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 42)
      assert.strictEqual(made.sent.length, 2)
      const lost = yield* makeAhrefs(() => never, options)
      const failing = yield* Effect.fork(Effect.flip(paid(lost)))
      yield* advance("1 hour")
      hasMembers(yield* Fiber.join(failing), mayBeBilled(true))
      assert.strictEqual(lost.sent.length, 3)
    })
  )

  it.scoped("a free call that timed out is sent again", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(() => never, { contract: "platform" })
      const free = yield* makeAhrefs(() => never)
      for (const [call, requests] of [
        [ahrefs.getUsage, sent],
        [free.ahrefs.getDomainRating("ahrefs.com"), free.sent]
      ] as const) {
        const fiber = yield* Effect.fork(failureOf(call))
        yield* advance("10 minutes")
        hasMembers(yield* Fiber.join(fiber), mayBeBilled(false))
        assert.strictEqual(requests.length, 4)
      }
    })
  )

  it.scoped("a price that nobody stated is not free", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(() => never, { contract: "platform" })
      const fiber = yield* Effect.fork(Effect.flip(seranking.getBacklinksSummary("a.com")))
      yield* advance("1 hour")
      hasMembers(yield* Fiber.join(fiber), mayBeBilled(true))
      assert.strictEqual(sent.length, 1)
    })
  )

  it.scoped.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"])(
    "%s: nothing was sent, so a paid call goes out again",
    (code) =>
      Effect.gen(function* () {
        const made = yield* makeAhrefs(
          turns(
            () => broken(code),
            () => broken(code),
            ok
          )
        )
        const fiber = yield* Effect.fork(paid(made))
        yield* advance("10 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), 42)
        assert.strictEqual(made.sent.length, 3)
        const down = yield* makeAhrefs(() => broken(code), { retry: { times: 0 } })
        hasMembers(yield* Effect.flip(paid(down)), { ...mayBeBilled(false), isRetryable: true })
      })
  )

  it.scoped.each(["ECONNRESET", "UND_ERR_SOCKET", "EPIPE", "ETIMEDOUT", "", "UND_ERR_BODY_TIMEOUT"])(
    "%s: it may have been sent, so a paid call does not",
    (code) =>
      Effect.gen(function* () {
        const made = yield* makeAhrefs(() => broken(code))
        hasMembers(yield* Effect.flip(paid(made)), { ...mayBeBilled(true), isRetryable: false })
        assert.strictEqual(made.sent.length, 1)
      })
  )

  it.scoped("a cause that is its own cause does no harm", () =>
    Effect.gen(function* () {
      const cause: { cause?: unknown } = {}
      cause.cause = cause
      const made = yield* makeAhrefs(() => ({ _tag: "Broken", cause }))
      hasMembers(yield* Effect.flip(paid(made)), mayBeBilled(true))
    })
  )

  it.scoped("a body that breaks off: a paid call is not sent again, a free one is", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(() => cut(JSON.stringify(stats)))
      hasMembers(yield* Effect.flip(paid(made)), { ...mayBeBilled(true), isRetryable: false })
      assert.strictEqual(made.sent.length, 1)
      const free = yield* makeAhrefs(
        turns(
          () => cut('{"subscription": {}}'),
          () => json({ subscription: {} })
        ),
        { contract: "platform" }
      )
      const fiber = yield* Effect.fork(free.ahrefs.getUsage)
      yield* advance("1 second")
      assert.isTrue((yield* Fiber.join(fiber)).isActive)
    })
  )

  it.scoped("a refusal whose body breaks off is told by its status", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(() => new Response(cut("some text").body, { status: 401 }))
      hasMembers(yield* Effect.flip(paid(made)), { _tag: "InvalidKey", status: Option.some(401) })
    })
  )

  it.scoped("interrupting the caller of a free call aborts it and no other", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(() => never)
      const first = yield* Effect.fork(made.ahrefs.getUsage)
      const second = yield* Effect.fork(made.ahrefs.getUsage)
      yield* advance("1 second")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(first)))
      assert.deepStrictEqual(
        made.signals.map(({ aborted }) => aborted),
        [true, false]
      )
      yield* Fiber.interrupt(second)
      assert.strictEqual(made.sent.length, 2)
    })
  )

  it.effect("a service that is left waits for a call under way, and no longer than its deadline", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const made = yield* Scope.extend(
        makeAhrefs(() => never),
        scope
      )
      const fiber = yield* Effect.fork(Effect.exit(paid(made)))
      yield* advance("1 second")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* advance("28 seconds")
      assert.isFalse(made.signals[0]?.aborted)
      assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
      yield* advance("1 second")
      yield* Fiber.join(closing)
      assert.isTrue(made.signals[0]?.aborted)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
    })
  )
})

describe("keys that no header can carry", () => {
  it.scoped.each(["", " ", "secret\n", "sec ret", "\u0000secret", "sécret", "secret\r\nx-evil: 1"])("%j", (key) =>
    Effect.gen(function* () {
      const options = { apiKey: Redacted.make(key) }
      const { ahrefs, sent } = yield* makeAhrefs(always(stats), options)
      const se = yield* makeSERanking(always({}), options)
      for (const error of [
        yield* Effect.flip(ahrefs.getReferringDomains("a.com")),
        yield* Effect.flip(ahrefs.verify),
        yield* Effect.flip(se.seranking.getBacklinks({ domain: "a.com" }))
      ]) {
        assert.strictEqual(error._tag, "InvalidKey")
        if (key.trim() !== "") assert.notInclude(inspect(error, { depth: 9 }), key.trim().slice(0, 6))
      }
      assert.deepStrictEqual([...sent, ...se.sent], [])
    })
  )
})

describe("onCharge", () => {
  const cost = { "x-api-units-cost-total-actual": "7" }

  it.scoped("gets the charge of the header where one was sent, else the computed one", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(
        turns(
          () => json(stats, 200, cost),
          () => json(stats, 200, { "x-api-units-cost-total-actual": "0" }),
          () => json(stats, 200, { "x-api-units-cost-total-actual": "many" }),
          () => json(stats, 200, { "x-api-units-cost-total": "99" })
        )
      )
      for (let i = 0; i < 4; i++) yield* paid(made)
      assert.deepStrictEqual(
        made.charges.map(({ amount, source }) => [amount, source]),
        [
          [7, "header"],
          [0, "header"],
          [50, "computed"],
          [50, "computed"]
        ]
      )
      const platform = yield* makeAhrefs(always({ referring_domains: 1 }, 200, cost), { contract: "platform" })
      yield* paid(platform)
      hasMembers(platform.charges[0], { amount: 1, source: "computed", unit: "row_credits" })
    })
  )

  it.scoped("also where the answer was malformed: the header's, else the most it can have been", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(
        turns(
          () => json({}, 200, cost),
          () => text("<html>", 200),
          () => text("<html>", 200)
        )
      )
      yield* Effect.flip(paid(made))
      yield* Effect.flip(paid(made))
      yield* Effect.flip(made.ahrefs.getBacklinks("a.com", 100))
      assert.deepStrictEqual(
        made.charges.map(({ amount, source }) => [amount, source]),
        [
          [7, "header"],
          [50, "computed"],
          [400, "computed"]
        ]
      )
      const unstated = yield* makeSERanking(() => text("", 200), { contract: "platform" })
      yield* Effect.flip(unstated.seranking.getBacklinksSummary("a.com"))
      assert.strictEqual(unstated.charges[0]?.amount, null)
    })
  )

  it.scoped("is not called for what was not billed", () =>
    Effect.gen(function* () {
      const made = yield* makeAhrefs(() => json({ error: "bad" }, 400, cost))
      yield* Effect.flip(paid(made))
      assert.deepStrictEqual(made.charges, [])
    })
  )
})

describe("transformClient", () => {
  it.scoped("is applied around every attempt", () =>
    Effect.gen(function* () {
      let seen = 0
      const made = yield* makeAhrefs(
        turns(() => json({}, 503, { "retry-after": "0" }), ok),
        {
          transformClient: HttpClient.tapRequest(() =>
            Effect.sync(() => {
              seen += 1
            })
          )
        }
      )
      assert.strictEqual(yield* paid(made), 42)
      assert.strictEqual(seen, 2)
    })
  )
})

describe("over real sockets", () => {
  it.scoped.each([301, 302, 303, 307, 308])("%d to another host: the key does not follow", (status) =>
    Effect.gen(function* () {
      const seen: Array<IncomingHttpHeaders> = []
      const other = yield* listening(
        createServer(({ headers }, response) => {
          seen.push(headers)
          response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(stats))
        })
      )
      const keys: Array<string | undefined> = []
      const first = yield* listening(
        createServer(({ headers }, response) => {
          keys.push(headers.authorization)
          response.writeHead(status, { location: `${other}/v3` }).end()
        })
      )
      const ahrefs = yield* plainAhrefs({ apiKey: Redacted.make(apiKey), apiUrl: first, retry: { times: 0 } })
      // Nor is what it says believed, or paid for.
      const error = yield* Effect.flip(ahrefs.getReferringDomains("a.com"))
      hasMembers(error, { _tag: "ProviderUnavailable", mayBeBilled: false, isRetryable: false })
      assert.include(error.message, "redirected")
      // A body is not sent twice by fetch.
      assert.strictEqual((yield* failureOf(ahrefs.getDomainRatings(["a.com"]))) instanceof Error, true)
      assert.deepStrictEqual(keys, [`Bearer ${apiKey}`, `Bearer ${apiKey}`])
      assert.notInclude(JSON.stringify(seen), apiKey)
      for (const headers of seen) assert.notProperty(headers, "authorization")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scoped("a closed port: nothing was sent", () =>
    Effect.gen(function* () {
      const url = yield* Effect.scoped(listening(createServer()))
      const ahrefs = yield* plainAhrefs({ apiKey: Redacted.make(apiKey), apiUrl: url, retry: { times: 0 } })
      const error = yield* Effect.flip(ahrefs.getReferringDomains("a.com"))
      hasMembers(error, { _tag: "ProviderUnavailable", mayBeBilled: false, isRetryable: true })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scoped("a server that hangs up: the call may have been billed", () =>
    Effect.gen(function* () {
      const url = yield* listening(createServer((request) => request.socket.destroy()))
      const ahrefs = yield* plainAhrefs({ apiKey: Redacted.make(apiKey), apiUrl: url })
      const error = yield* Effect.flip(ahrefs.getReferringDomains("a.com"))
      hasMembers(error, { _tag: "ProviderUnavailable", mayBeBilled: true, isRetryable: false })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
