/** A key is followed through every way a call can fail: it must show up nowhere. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import type * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { format, inspect } from "node:util"
import {
  type Answer,
  cut,
  json,
  makeAhrefs,
  makeMajestic,
  makeSERanking,
  never,
  type Script,
  text
} from "../support/stub.js"
import { advance } from "../support/clock.js"

// With characters that look different in a URL.
const canary = "CANARY-7f3a/9c+d1=="
const base64 = (value: string) => Buffer.from(value).toString("base64")
const needles = [
  "CANARY",
  canary,
  encodeURIComponent(canary),
  ...[canary, `Bearer ${canary}`, `Token ${canary}`, `:${canary}`, `apikey:${canary}`].map((value) =>
    // The end of it depends on what follows.
    base64(value).slice(0, -4)
  ),
  Buffer.from(canary).toString("base64url").slice(0, -4),
  Buffer.from(canary).toString("hex")
]

// Everything that leaves: lines of loggers, spans, metrics.

interface Seen {
  readonly lines: Array<string>
  readonly spans: Array<string>
}

const consoleOf = (lines: Array<string>): Console.Console => {
  const write = (...args: ReadonlyArray<unknown>) => {
    lines.push(format(...args))
  }
  const unsafe = new Proxy(globalThis.console, { get: () => write })
  const effect = (...args: ReadonlyArray<unknown>) => Effect.sync(() => write(...args))
  return new Proxy({} as Console.Console, { get: (_, name) => (name === "unsafe" ? unsafe : effect) })
}

const tracerOf = (spans: Array<string>): Tracer.Tracer =>
  Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const note = (what: string, ...values: ReadonlyArray<unknown>) => {
        spans.push(`${what} ${inspect(values, { depth: 10 })}`)
      }
      note("span", name)
      return {
        _tag: "Span",
        name,
        spanId: String(spans.length),
        traceId: "trace",
        parent,
        context,
        links,
        sampled: true,
        kind,
        status: { _tag: "Started", startTime },
        attributes,
        end: (_, exit) => {
          note("end", name, exit)
          Exit.match(exit, { onFailure: (cause) => note("cause", Cause.pretty(cause)), onSuccess: () => {} })
        },
        attribute: (key, value) => {
          attributes.set(key, value)
          note("attribute", key, value)
        },
        event: (event, _, values) => note("event", event, values),
        addLinks: (added) => note("links", added.length)
      }
    },
    context: (execution) => execution()
  })

const watched = <A, E, R>(effect: Effect.Effect<A, E, R>, { lines, spans }: Seen) => {
  const keep = (logger: Logger.Logger<unknown, string>) =>
    Logger.map(logger, (line) => {
      lines.push(line)
    })
  return effect.pipe(
    Effect.provide(
      Logger.replaceEffect(
        Logger.defaultLogger,
        Effect.succeed(
          [Logger.jsonLogger, Logger.stringLogger, Logger.logfmtLogger]
            .map(keep)
            .reduce<Logger.Logger<unknown, unknown>>(Logger.zip, Logger.prettyLogger({ colors: false, mode: "tty" }))
        )
      )
    ),
    Logger.withMinimumLogLevel(LogLevel.All),
    Effect.withConsole(consoleOf(lines)),
    Effect.withTracer(tracerOf(spans))
  )
}

/** All that anybody could print of a value. */
const printed = (value: unknown): ReadonlyArray<string> => [
  // Hidden members of an error; those of an exit are the whole runtime of the fiber.
  inspect(value, { depth: 10, showHidden: value instanceof Error }),
  format("%j %s", value, value),
  Option.getOrElse(Option.liftThrowable(() => JSON.stringify(value) ?? "")(), () => ""),
  String(value),
  ...(value instanceof Error ? [String(value.stack), value.message, ...printed(value.cause ?? "")] : [])
]

const assertHidden = (what: string, texts: ReadonlyArray<string>, secrets: ReadonlyArray<string> = needles) => {
  for (const text of texts) if (secrets.some((secret) => text.includes(secret))) assert.fail(`${what}: ${text}`)
}

// The ways to fail.

const headers = {
  "x-request-id": `id-${canary}`,
  "retry-after": "1",
  "www-authenticate": `Bearer ${canary}`,
  "x-echo": canary
}
const echo = `authorization: Bearer ${canary}; Token ${canary}; ?apikey=${encodeURIComponent(canary)}&${String(new URLSearchParams({ app_api_key: canary }))}`
const bodies: ReadonlyArray<unknown> = [
  echo,
  `<html>${echo}</html>`,
  { error: echo },
  { message: echo, description: echo },
  { error: { code: 1, message: echo, description: echo } },
  { error_description: echo },
  ["Error", echo],
  ["Error", ["NotFound", `this route does not exist /v3/${canary}`]],
  { [canary]: canary },
  // The key across the place where a message is cut off.
  ...[275, 285, 295].map((length) => ({ error: `${"x".repeat(length)}${canary}` })),
  { error: `API units limit reached ${canary}` },
  { error: `Insufficient plan ${canary}` },
  { error: `insufficient funds ${canary}` }
]
const statuses = [301, 401, 402, 404, 408, 429, 500, 503]
const cause = Object.assign(new Error(`connect failed with ${echo}`), {
  code: "ECONNREFUSED",
  headers: { authorization: echo }
})
const malformedBodies: ReadonlyArray<unknown> = [
  ...bodies,
  { domain_rating: { domain_rating: echo, ahrefs_rank: echo } },
  { targets: [{ index: echo, domain_rating: echo }] },
  { backlinks: [{ url_from: echo }] },
  { summary: [{ target: echo, backlinks: echo }] },
  { metrics: [{ target: echo, backlinks: echo }] },
  { metrics: { live_refdomains: echo } },
  { limits_and_usage: { subscription: echo } },
  { subscription_info: { status: 7, units_left: echo } },
  { subscription: echo },
  { email: [echo] },
  [{ keyword: 7, [canary]: echo }],
  { Code: "InvalidAPIKey", ErrorMessage: echo, FullError: echo },
  { Code: canary, ErrorMessage: "" },
  { Code: "OK", DataTables: { Results: { Data: [{ ItemNum: echo, [canary]: echo }] } } },
  { Code: "OK", TotalIndexItemInfoResUnits: echo }
]

const answerOf = (body: unknown, status: number): Answer =>
  typeof body === "string" ? text(body, status, headers) : json(body, status, headers)

const scripts: ReadonlyArray<readonly [name: string, script: Script]> = [
  ...[400, 403].flatMap((status) =>
    bodies.map((body, i) => [`${status} with body ${i}`, () => answerOf(body, status)] as const)
  ),
  ...statuses.flatMap((status) =>
    bodies.slice(0, 3).map((body, i) => [`${status} with body ${i}`, () => answerOf(body, status)] as const)
  ),
  ...malformedBodies.map((body, i) => [`malformed body ${i}`, () => answerOf(body, 200)] as const),
  ["a transport error", () => ({ _tag: "Broken", cause })],
  ["a transport error that may have been sent", () => ({ _tag: "Broken", cause: new Error(echo) })],
  ["a broken body", () => cut(JSON.stringify({ error: echo }))],
  ["no answer", () => never]
]

interface Services {
  readonly calls: Readonly<Record<string, Effect.Effect<unknown, unknown>>>
  readonly service: unknown
  readonly keysSent: () => ReadonlyArray<string | undefined>
}

type Options = Parameters<typeof makeAhrefs>[1] &
  Parameters<typeof makeSERanking>[1] &
  Parameters<typeof makeMajestic>[1]

const ahrefs =
  (contract: "vendor" | "platform") =>
  (script: Script, options: Options): Effect.Effect<Services, never, Scope.Scope> =>
    Effect.map(makeAhrefs(script, { ...options, contract }), ({ ahrefs, sent }) => ({
      calls: {
        getDomainRating: ahrefs.getDomainRating("example.com"),
        getDomainRatings: ahrefs.getDomainRatings(["a.com", "b.com"]),
        getBacklinks: ahrefs.getBacklinks("example.com"),
        verify: ahrefs.verify
      },
      service: ahrefs,
      keysSent: () => sent.map(({ headers }) => headers["authorization"])
    }))

const seranking =
  (contract: "vendor" | "platform") =>
  (script: Script, options: Options): Effect.Effect<Services, never, Scope.Scope> =>
    Effect.map(makeSERanking(script, { ...options, contract }), ({ sent, seranking }) => ({
      calls: {
        getBacklinksSummary: seranking.getBacklinksSummary("example.com"),
        getBacklinksMetrics: seranking.getBacklinksMetrics(["a.com", "b.com"]),
        getBacklinksStream: Stream.runDrain(seranking.getBacklinksStream({ domain: "example.com" })),
        verify: seranking.verify
      },
      service: seranking,
      keysSent: () => sent.map(({ headers }) => headers["authorization"])
    }))

const majestic = (script: Script, options: Options): Effect.Effect<Services, never, Scope.Scope> =>
  Effect.map(makeMajestic(script, options), ({ majestic, sent }) => ({
    calls: {
      getIndexItemInfo: majestic.getIndexItemInfo(["a.com", "b.com"]),
      getIndexItemInfoStream: Stream.runDrain(majestic.getIndexItemInfoStream(["example.com"])),
      getFlowMetrics: majestic.getFlowMetrics("example.com"),
      verify: majestic.verify
    },
    service: majestic,
    keysSent: () => sent.map(({ query }) => new Map(query).get("app_api_key"))
  }))

const followed = (
  name: string,
  make: (script: Script, options: Options) => Effect.Effect<Services, never, Scope.Scope>,
  script: Script,
  options: Partial<Options> = {},
  /** One method has its turn; without it all are called. */
  turn?: number
) =>
  Effect.gen(function* () {
    const seen: Seen = { lines: [], spans: [] }
    const exits: Array<Exit.Exit<unknown, unknown>> = []
    const services = yield* Effect.exit(
      watched(make(script, { apiKey: Redacted.make(canary), retry: { times: 1 }, ...options }), seen)
    )
    if (Exit.isFailure(services)) exits.push(services)
    else {
      const methods = Object.entries(services.value.calls)
      const called = turn === undefined ? methods : methods.filter((_, i) => i === turn % methods.length)
      for (const [method, call] of called) {
        const logged = call.pipe(
          Effect.tapErrorCause((cause) => Effect.logError("failed", cause, Cause.squash(cause))),
          Effect.withSpan("caller"),
          Effect.annotateLogs({ method })
        )
        const fiber = yield* Effect.fork(watched(logged, seen))
        yield* advance("2 minutes")
        exits.push(yield* Fiber.await(fiber))
      }
      assertHidden(`${name}: the service`, printed(services.value.service))
    }
    assert.isNotEmpty(exits)
    for (const exit of exits) {
      assertHidden(`${name}: exit`, printed(exit))
      if (Exit.isSuccess(exit)) continue
      assertHidden(`${name}: cause`, [Cause.pretty(exit.cause), Cause.pretty(exit.cause, { renderErrorCause: true })])
      for (const error of [...Cause.failures(exit.cause), ...Cause.defects(exit.cause)]) {
        assertHidden(`${name}: error`, printed(error))
      }
    }
    assertHidden(`${name}: log`, seen.lines)
    assertHidden(`${name}: span`, seen.spans)
    return { exits, seen, services }
  })

const all = {
  "Ahrefs, vendor": ahrefs("vendor"),
  "Ahrefs, platform": ahrefs("platform"),
  "SE Ranking, vendor": seranking("vendor"),
  "SE Ranking, platform": seranking("platform"),
  Majestic: majestic
}

describe.each(Object.entries(all))("%s", (_, make) => {
  it.scoped(
    "no refusal, malformed answer, broken connection or time-out shows the key",
    () =>
      Effect.gen(function* () {
        let failed = 0
        for (const [turn, [name, script]] of scripts.entries()) {
          const { exits, seen, services } = yield* followed(name, make, script, {}, turn)
          // What is looked for was there to be found.
          if (Exit.isFailure(services)) return assert.fail("no service")
          for (const key of services.value.keysSent()) assert.match(key ?? "", /^(?:(?:Bearer|Token) )?CANARY/)
          assert.isNotEmpty(services.value.keysSent())
          if (!exits.some(Exit.isFailure)) continue
          failed++
          assert.isNotEmpty(seen.lines)
        }
        // To a question or two nothing wrong is said.
        assert.isAtLeast(failed, scripts.length * 0.9)
        const counted = yield* Metric.snapshot
        assertHidden("metrics", [inspect(counted, { depth: 10 }), JSON.stringify(counted)])
        assert.include(JSON.stringify(counted), "seo_provider_requests_total")
      }),
    30_000
  )

  it.scoped("keys that cannot be sent are not shown either", () =>
    Effect.gen(function* () {
      for (const key of [`${canary}\n`, ` ${canary}`, `${canary}\u0000`, `é${canary}`]) {
        const { exits } = yield* followed("invalid key", make, () => never, { apiKey: Redacted.make(key) })
        for (const exit of exits) assert.isTrue(Exit.isFailure(exit))
      }
    })
  )

  it.scoped("defects of transformClient", () =>
    Effect.gen(function* () {
      const boom = () => {
        throw new Error("boom")
      }
      yield* followed("at once", make, () => never, { transformClient: boom })
      yield* followed("in a request", make, () => never, { transformClient: HttpClient.mapRequest(boom) })
      yield* followed("in an answer", make, () => json({}), {
        transformClient: HttpClient.transformResponse(Effect.map(boom))
      })
    })
  )
})

describe("spans and metrics", () => {
  it.scoped("name the provider and the operation, never a target", () =>
    Effect.gen(function* () {
      const seen: Seen = { lines: [], spans: [] }
      const secrets = ["QUERY-SECRET", "secret-path", "secret-host", "secret keyword"]
      const page = "https://secret-host.com/secret-path?token=QUERY-SECRET"
      const one = yield* makeAhrefs(() => json({}))
      const other = yield* makeSERanking(() => json({}))
      const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        one.ahrefs.getUrlRating(page),
        one.ahrefs.getBacklinks(page, 10, { mode: "exact" }),
        one.ahrefs.getDomainMetrics([page], ["refips"], { mode: "prefix" }),
        one.ahrefs.getKeywordRankings("secret-host.com", { country: "us", keywords: ["secret keyword"] }),
        other.seranking.getBacklinksSummary(page, { mode: "url" }),
        other.seranking.getBacklinks({ domain: page }),
        other.seranking.getKeywordRankings({ domain: page, keywords: ["secret keyword"] })
      ]
      for (const call of calls) yield* Effect.exit(watched(call, seen))
      assertHidden("span", seen.spans, secrets)
      assertHidden("metrics", [JSON.stringify(yield* Metric.snapshot)], secrets)
      const names = seen.spans.flatMap((line) => /^span \[ '((?:Ahrefs|SERanking)\..*)' \]$/.exec(line)?.[1] ?? [])
      assert.deepStrictEqual(names, [
        "Ahrefs.getUrlRating",
        "Ahrefs.getBacklinks",
        "Ahrefs.getDomainMetrics",
        "Ahrefs.getKeywordRankings",
        "SERanking.getBacklinksSummary",
        "SERanking.getBacklinks",
        "SERanking.getKeywordRankings"
      ])
      assert.include(seen.spans, "span [ 'http.client GET' ]")
      assert.isTrue(seen.spans.some((line) => line.includes("seo.provider")))
    })
  )

  it("the search finds what it looks for", () => {
    for (const text of [echo, base64(`Bearer ${canary}`), base64(canary), encodeURIComponent(canary)]) {
      assert.throws(() => assertHidden("self", [text]))
    }
    assert.throws(() => assertHidden("self", printed(new Error("outer", { cause: new Error(canary) }))))
    assert.throws(() => assertHidden("self", printed({ a: { b: { c: { d: { e: canary } } } } })))
  })
})
