/** examples/http-service.ts over a real socket: statuses, lines as they come, a client that hangs up. */
import { NodeHttpServer } from "@effect/platform-node"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createServer, request as nodeRequest } from "node:http"
import { service } from "../examples/http-service.js"
import * as Integrations from "../src/Integrations.js"
import * as ProspectScorer from "../src/ProspectScorer.js"
import * as SharedState from "../src/SharedState.js"
import * as TenantProviders from "../src/TenantProviders.js"
import { AhrefsSimulator } from "../src/testing/index.js"
import { sites } from "./support/scorer.js"

const token = "a-token-of-the-service"
const apiKey = Redacted.make("a-key-of-the-provider")
const named = (name: string) => ({ profile: { ...ProspectScorer.standard, name } })

/** Calls that ask about `heldSite` wait until they are let go. */
const start = (heldSite = "none") =>
  Effect.gen(function* () {
    const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
    const reached = yield* Deferred.make<void>()
    const letGo = yield* Deferred.make<void>()
    const hasLeft = yield* Deferred.make<void>()
    const vendor = HttpClient.make((request) => {
      const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      const held = Effect.zipRight(Deferred.succeed(reached, undefined), Deferred.await(letGo))
      return Effect.zipRight(body.includes(`"${heldSite}"`) ? held : Effect.void, simulator.httpClient.execute(request))
    })
    const state = SharedState.layerMemory()
    const tenants = Integrations.layerStatic({
      acme: [{ provider: "ahrefs", apiKey }],
      poor: [{ provider: "ahrefs", apiKey, metadata: { budget: { limit: 40 } } }],
      empty: [],
      torn: [
        { provider: "ahrefs", apiKey, metadata: named("one") },
        { provider: "se_ranking", apiKey, metadata: named("another") }
      ]
    })
    /** Tells when an answer's stream is over, however it ends. */
    const watched = Layer.map(ProspectScorer.layer, (context) => {
      const scorer = Context.get(context, ProspectScorer.ProspectScorer)
      return Context.make(ProspectScorer.ProspectScorer, {
        ...scorer,
        score: (...args) => Stream.ensuring(scorer.score(...args), Deferred.succeed(hasLeft, undefined))
      })
    })
    const running = yield* Layer.build(
      service(Redacted.make(token)).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
        Layer.provide(watched),
        Layer.provide(TenantProviders.layer()),
        Layer.provide([tenants, Layer.succeed(HttpClient.HttpClient, vendor), state])
      )
    )
    const url = yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), running)
    return { url, simulator, reached: Deferred.await(reached), letGo: Deferred.succeed(letGo, undefined), hasLeft }
  })

const bearer = { authorization: `Bearer ${token}` }
const asAcme = { ...bearer, "x-tenant": "acme" }
const json = { "content-type": "application/json" }

const ask = (url: string, init: RequestInit) =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, { signal, ...init })
    return { status: response.status, text: await response.text() }
  })

const Tagged = Schema.parseJson(Schema.Struct({ _tag: Schema.String, message: Schema.String }))
const tagOf = (text: string) =>
  Schema.decodeUnknownOption(Tagged)(text).pipe((found) => (found._tag === "Some" ? found.value._tag : null))

const asking = (prospects: ReadonlyArray<string>, headers: Readonly<Record<string, string>> = asAcme) => ({
  method: "POST",
  headers: { ...json, ...headers },
  body: JSON.stringify({ prospects })
})

const Line = Schema.parseJson(ProspectScorer.ScoredProspect)
const linesOf = (text: string) =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => Schema.decodeUnknownSync(Line)(line))

/** Sites that a vendor was asked about, with repetitions. */
const askedOf = (requests: ReadonlyArray<AhrefsSimulator.RecordedRequest>) => {
  const Body = Schema.Struct({
    select: Schema.Array(Schema.String),
    targets: Schema.Array(Schema.Struct({ url: Schema.String }))
  })
  return requests.flatMap(({ body }) => {
    const { select, targets } = Schema.decodeUnknownSync(Body)(body)
    return select.includes("domain_rating") ? targets.map(({ url }) => url) : []
  })
}

describe("the HTTP service", () => {
  it.scopedLive("statuses", () =>
    Effect.gen(function* () {
      const { simulator, url } = yield* start()
      const large = "x".repeat(1024 * 1024 + 1)
      const one = asking(["example.com"])
      const post = (headers: Readonly<Record<string, string>>, body: string) => ({
        method: "POST",
        headers: { ...json, ...headers },
        body
      })
      const cases: ReadonlyArray<readonly [string, RequestInit, number, string | null]> = [
        ["/healthz", {}, 204, null],
        ["/score", asking(["example.com"], { "x-tenant": "acme" }), 401, "Unauthorized"],
        ["/score", asking(["example.com"], { ...asAcme, authorization: "Bearer another" }), 401, "Unauthorized"],
        ["/usage", { headers: { "x-tenant": "acme" } }, 401, "Unauthorized"],
        ["/score", post({ "x-tenant": "acme" }, large), 401, "Unauthorized"],
        ["/score", asking(["example.com"], bearer), 400, "HttpApiDecodeError"],
        ["/score", post(asAcme, "prospects: all"), 400, "NotJson"],
        ["/plan", post(asAcme, '{"prospects":'), 400, "NotJson"],
        ["/score", asking([]), 400, "HttpApiDecodeError"],
        ["/score", post(asAcme, ""), 400, "HttpApiDecodeError"],
        ["/score", asking(sites(10_001)), 400, "HttpApiDecodeError"],
        ["/score", post(asAcme, '{"prospects":["a.com"],"maxUnits":{"ahrefs":-1}}'), 400, "HttpApiDecodeError"],
        ["/score", post(asAcme, large), 413, "TooLarge"],
        ["/score", asking(["example.com"], { ...bearer, "x-tenant": "nobody" }), 404, "UnknownTenant"],
        ["/plan", asking(["example.com"], { ...bearer, "x-tenant": "nobody" }), 404, "UnknownTenant"],
        ["/score", asking(["example.com"], { ...bearer, "x-tenant": "empty" }), 409, "NoIntegration"],
        ["/score", asking(["example.com"], { ...bearer, "x-tenant": "torn" }), 400, "InvalidProfile"],
        ["/ratings/localhost", { headers: asAcme }, 400, "InvalidTarget"],
        ["/ratings/example.com", { headers: { ...bearer, "x-tenant": "poor" } }, 402, "BudgetExceeded"],
        ["/nothing", { headers: asAcme }, 404, null],
        ["/plan", one, 200, null],
        ["/usage", { headers: asAcme }, 200, null]
      ]
      for (const [path, init, status, tag] of cases) {
        const answer = yield* ask(url + path, init)
        assert.deepStrictEqual([path, answer.status, tagOf(answer.text)], [path, status, tag], answer.text)
        assert.notInclude(answer.text, Redacted.value(apiKey))
      }
      assert.deepStrictEqual(yield* simulator.requests, [])
    })
  )

  it.scopedLive("a body without a length is cut off where it grows too large", () =>
    Effect.gen(function* () {
      const { simulator, url } = yield* start()
      const code = yield* Effect.async<string>((resume) => {
        const sent = nodeRequest(
          `${url}/score`,
          { method: "POST", headers: { ...json, ...asAcme } },
          ({ statusCode }) => resume(Effect.succeed(String(statusCode)))
        )
        sent.on("error", (error) => resume(Effect.succeed("code" in error ? String(error.code) : "error")))
        const piece = "x".repeat(64 * 1024)
        const more = () => {
          while (!sent.destroyed && sent.write(piece));
          if (!sent.destroyed) sent.once("drain", more)
        }
        more()
        return Effect.sync(() => sent.destroy())
      })
      assert.include(["ECONNRESET", "EPIPE", "400"], code)
      assert.deepStrictEqual(yield* simulator.requests, [])
    })
  )

  it.scopedLive("what a vendor refuses has a status too", () =>
    Effect.gen(function* () {
      const { simulator, url } = yield* start()
      const cases = [
        [401, ["Error", "Unauthorized"], 502, "InvalidKey"],
        [403, { error: "API units limit reached. Expected usage: 50, API units left: 0." }, 402, "CreditsExhausted"]
      ] as const
      for (const [status, body, expected, tag] of cases) {
        yield* simulator.arm({ _tag: "Status", status, body })
        const answer = yield* ask(`${url}/ratings/example.com`, { headers: asAcme })
        assert.deepStrictEqual([answer.status, tagOf(answer.text)], [expected, tag])
      }
    })
  )

  it.scopedLive("requests that come together leave as one call", () =>
    Effect.gen(function* () {
      const { simulator, url } = yield* start()
      const answers = yield* Effect.forEach(
        [...sites(20), ...sites(20)],
        (site) => ask(`${url}/ratings/${site}`, { headers: asAcme }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      const asked = askedOf(yield* simulator.requests)
      assert.deepStrictEqual([asked.length, new Set(asked).size], [20, 20])
      assert.isBelow((yield* simulator.requests).length, 20)
    })
  )

  it.scopedLive("documents itself, without another host", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const page = yield* ask(`${url}/docs`, {})
      assert.strictEqual(page.status, 200)
      assert.notMatch(page.text, /<(?:script|link)[^>]*(?:src|href)=/)
      const { status, text } = yield* ask(`${url}/openapi.json`, {})
      const { paths } = JSON.parse(text) as {
        readonly paths: Record<string, { readonly post?: { readonly responses: object } }>
      }
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(Object.keys(paths).toSorted(), [
        "/healthz",
        "/plan",
        "/ratings/{domain}",
        "/score",
        "/usage"
      ])
      assert.includeMembers(Object.keys(paths["/score"]?.post?.responses ?? {}), [
        "200",
        "400",
        "401",
        "404",
        "409",
        "413"
      ])
    })
  )

  it.scopedLive("lines come as their prospects are decided", () =>
    Effect.gen(function* () {
      const { letGo, reached, url } = yield* start("site-100.com")
      const response = yield* Effect.promise(() => fetch(`${url}/score`, asking(sites(250))))
      assert.strictEqual(response.headers.get("content-type"), "application/x-ndjson")
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      const more = Effect.promise(() => reader.read())
      let text = ""
      while (text.split("\n").length <= 100) text += (yield* more).value ?? ""
      // The next hundred have been asked for, and nobody has answered yet.
      yield* reached
      assert.strictEqual(linesOf(text).length, 100)
      yield* letGo
      for (let last = yield* more; !last.done; last = yield* more) text += last.value
      const lines = linesOf(text)
      assert.deepStrictEqual(
        lines.map(({ index, input }) => [index, input]),
        sites(250).map((site, index) => [index, site])
      )
    })
  )

  it.scopedLive("a client that hangs up ends the work; what was paid is kept", () =>
    Effect.gen(function* () {
      const { hasLeft, letGo, reached, simulator, url } = yield* start("site-100.com")
      const client = new AbortController()
      const response = yield* Effect.promise(() =>
        fetch(`${url}/score`, { ...asking(sites(1_000)), signal: client.signal })
      )
      const reader = response.body!.getReader()
      yield* Effect.promise(() => reader.read())
      yield* reached
      yield* Effect.promise(() => reader.cancel())
      client.abort()
      yield* Deferred.await(hasLeft)
      yield* letGo
      const again = yield* ask(`${url}/score`, asking(sites(200)))
      assert.strictEqual(linesOf(again.text).length, 200)
      const asked = askedOf(yield* simulator.requests)
      // Each of the first two windows once, and nothing of the other eight.
      assert.deepStrictEqual(asked.toSorted(), sites(200).toSorted())
    })
  )
})
