import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { createServer } from "node:http"
import { inspect } from "node:util"
import { AhrefsSimulator, SERankingSimulator } from "../../src/testing/index.js"
import { send } from "./http.js"
import { advance } from "../support/clock.js"

const path = "/site-explorer/domain-rating"
const url = (base: string) => `${base}${path}?target=example.com&date=2026-10-01`
const vendor = "https://api.ahrefs.com/v3"
const rating = (simulator: AhrefsSimulator.Service, key = "k") =>
  send(simulator.httpClient, url(vendor), `Bearer ${key}`)
const statuses = (simulator: AhrefsSimulator.Service, count: number, key = "k") =>
  Effect.map(Effect.replicateEffect(rating(simulator, key), count), (answers) => answers.map(({ status }) => status))

describe("rate limit", () => {
  it.effect("rolls over a minute, for each key on its own", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make()
      assert.isTrue((yield* statuses(simulator, 30)).every((status) => status === 200))
      yield* advance("30 seconds")
      assert.deepStrictEqual((yield* statuses(simulator, 31)).slice(-2), [200, 429])
      assert.deepStrictEqual(yield* statuses(simulator, 1, "other"), [200])
      yield* advance("29999 millis")
      assert.deepStrictEqual(yield* statuses(simulator, 1), [429])
      yield* advance("1 millis")
      assert.deepStrictEqual((yield* statuses(simulator, 31)).slice(-2), [200, 429])
      yield* simulator.reset
      assert.deepStrictEqual(yield* statuses(simulator, 1), [200])
    })
  )

  it.effect("is the documented one of SE Ranking, free of charge and refusable", () =>
    Effect.gen(function* () {
      const ask = (simulator: SERankingSimulator.Service) =>
        send(simulator.httpClient, "https://api.seranking.com/v1/backlinks/metrics?target=a.com", "Token k")
      const simulator = yield* SERankingSimulator.make()
      const answers = yield* Effect.replicateEffect(ask(simulator), 11)
      assert.strictEqual(answers[9]?.status, 200)
      assert.strictEqual(answers[10]?.status, 429)
      assert.deepStrictEqual(answers[10]?.body, {
        error: {
          code: 429,
          message: "Too Many Requests",
          description: "The call-rate limit has been reached. Please reduce your request frequency."
        }
      })
      assert.strictEqual(yield* simulator.unitsBilled, 1000)
      const endless = yield* SERankingSimulator.make({ rateLimit: false })
      assert.strictEqual((yield* Effect.replicateEffect(ask(endless), 50))[49]?.status, 200)
      const html = yield* SERankingSimulator.make({
        rateLimit: { requests: 1, per: "1 hour" },
        quirks: { htmlTooManyRequests: true }
      })
      const [, refused] = yield* Effect.replicateEffect(ask(html), 2)
      assert.strictEqual(refused?.status, 429)
      assert.include(refused?.text, "<html>")
    })
  )
})

describe("latency", () => {
  it.effect("follows the clock; the bill does not wait", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ latency: "3 seconds" })
      const fiber = yield* Effect.fork(rating(simulator))
      yield* advance("2999 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      assert.strictEqual(yield* simulator.unitsBilled, 50)
      yield* advance("1 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    })
  )
})

describe("requests", () => {
  it.effect("are recorded without a printable key", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make()
      const body = { target: ["a.com", "b.com"], mode: "domain" }
      yield* send(simulator.httpClient, "https://x.test/v1/backlinks/metrics?a=1&a=2", "Token SECRET", body)
      const requests = yield* simulator.requests
      const [{ headers, ...request } = assert.fail("nothing recorded")] = requests
      assert.deepStrictEqual(request, {
        method: "POST",
        path: "/v1/backlinks/metrics",
        query: [
          ["a", "1"],
          ["a", "2"]
        ],
        body,
        status: 200,
        unitsBilled: 200
      })
      assert.strictEqual(headers["content-type"], "application/json")
      for (const printed of [
        inspect(requests, { depth: 9 }),
        JSON.stringify(requests),
        inspect(simulator, { depth: 9 })
      ]) {
        assert.notInclude(printed, "SECRET")
      }
      yield* simulator.reset
      assert.deepStrictEqual(yield* simulator.requests, [])
      assert.strictEqual(yield* simulator.unitsBilled, 0)
    })
  )
})

/** Both faces must behave alike under faults. */
const faults = <E>(serve: Layer.Layer<AhrefsSimulator.AhrefsSimulator | HttpClient.HttpClient, E>, base: string) => {
  const ask = Effect.flatMap(HttpClient.HttpClient, (client) => send(client, url(base), "Bearer k"))
  const armed = (fault: AhrefsSimulator.Fault, options?: { readonly times?: number; readonly path?: string }) =>
    Effect.zipRight(
      Effect.flatMap(AhrefsSimulator.AhrefsSimulator, (simulator) => simulator.arm(fault, options)),
      ask
    )
  const billed = Effect.flatMap(AhrefsSimulator.AhrefsSimulator, (simulator) => simulator.unitsBilled)

  it.live("Status, Html and Empty replace the answer", () =>
    Effect.gen(function* () {
      const status = yield* armed({ _tag: "Status", status: 503, body: { no: 1 }, headers: { "retry-after": "7" } })
      assert.deepStrictEqual([status.status, status.headers["retry-after"], status.body], [503, "7", { no: 1 }])
      const text = yield* armed({ _tag: "Status", status: 500, body: "source can't be empty" })
      assert.strictEqual(text.text, "source can't be empty")
      const html = yield* armed({ _tag: "Html", status: 403 })
      assert.strictEqual(html.status, 403)
      assert.include(html.headers["content-type"], "text/html")
      assert.strictEqual((yield* armed({ _tag: "Empty", status: 502 })).text, "")
      assert.strictEqual(yield* billed, 0)
      assert.strictEqual((yield* armed({ _tag: "Html", status: 200 })).status, 200)
      assert.strictEqual(yield* billed, 50)
    }).pipe(Effect.provide(serve))
  )

  it.live("Body and BadJson send something else than the answer", () =>
    Effect.gen(function* () {
      const body = yield* armed({ _tag: "Body", body: { domain_rating: "no" } })
      assert.deepStrictEqual([body.status, body.body], [200, { domain_rating: "no" }])
      assert.strictEqual(body.headers["x-api-units-cost-total-actual"], "50")
      const broken = yield* armed({ _tag: "BadJson" })
      assert.strictEqual(broken.status, 200)
      assert.throws(() => JSON.parse(broken.text))
      assert.strictEqual(yield* billed, 100)
    }).pipe(Effect.provide(serve))
  )

  it.live("times and path choose the requests", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      yield* simulator.arm({ _tag: "Status", status: 500 }, { path: "/elsewhere" })
      assert.strictEqual((yield* armed({ _tag: "Status", status: 503 }, { times: 2, path })).status, 503)
      assert.strictEqual((yield* ask).status, 503)
      assert.strictEqual((yield* ask).status, 200)
    }).pipe(Effect.provide(serve))
  )

  it.live("Hang never answers and can be interrupted", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      const answer = yield* Effect.timeoutOption(armed({ _tag: "Hang" }), "100 millis")
      assert.isTrue(Option.isNone(answer))
      assert.deepStrictEqual(
        (yield* simulator.requests).map(({ status, unitsBilled }) => [status, unitsBilled]),
        [[null, 50]]
      )
      assert.strictEqual((yield* ask).status, 200)
    }).pipe(Effect.provide(serve))
  )

  it.live("Hang does not keep anybody from closing", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDaemon(armed({ _tag: "Hang" }))
      yield* Effect.sleep("50 millis")
      return fiber
    }).pipe(Effect.provide(serve), Effect.flatMap(Fiber.interruptFork), Effect.timeout("5 seconds"))
  )

  it.live("CutBody breaks the connection while the client reads", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(armed({ _tag: "CutBody" }))
      assert.propertyVal(error, "_tag", "ResponseError")
      assert.strictEqual(yield* billed, 50)
      assert.strictEqual((yield* ask).status, 200)
    }).pipe(Effect.provide(serve))
  )
}

describe("faults in-process", () => faults(AhrefsSimulator.layer(), vendor))

describe("faults over a socket", () =>
  faults(Layer.provideMerge(AhrefsSimulator.layerServer(), NodeHttpServer.layerTest), "/v3"))

describe("layer", () => {
  it.effect("gives the simulator and the client that talks to it", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.SERankingSimulator
      const answer = yield* send(yield* HttpClient.HttpClient, "https://any.test/v1/account/subscription", "Token k")
      assert.strictEqual(answer.status, 200)
      assert.strictEqual((yield* simulator.requests).length, 1)
    }).pipe(Effect.provide(SERankingSimulator.layer()))
  )
})

describe("layerServer", () => {
  const server = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

  it.live("answers any client, with and without the version prefix", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const simulator = yield* SERankingSimulator.SERankingSimulator
      const base = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const single = yield* send(client, `${base}/v1/backlinks/metrics?target=example.com`, "Token k")
      const batch = yield* send(client, `${base}/backlinks/metrics`, "Token k", { target: ["example.com"] })
      assert.strictEqual(single.status, 200)
      assert.deepStrictEqual(batch.body, single.body)
      const inside = yield* send(simulator.httpClient, `${base}/backlinks/metrics?target=example.com`, "Token k")
      assert.deepStrictEqual(inside.body, single.body)
      assert.strictEqual((yield* simulator.requests)[1]?.path, "/backlinks/metrics")
      assert.strictEqual(yield* simulator.unitsBilled, 300)
    }).pipe(
      Effect.provide(Layer.merge(Layer.provideMerge(SERankingSimulator.layerServer(), server), FetchHttpClient.layer))
    )
  )
})
