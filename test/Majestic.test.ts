import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import type { Charge } from "../src/Operation.js"
import * as Majestic from "../src/Majestic.js"
import * as SharedState from "../src/SharedState.js"
import * as MajesticSimulator from "../src/testing/MajesticSimulator.js"
import { hasMembers } from "./support/assertions.js"
import { advance } from "./support/clock.js"
import { listening } from "./support/server.js"
import { always, apiKey, json, makeMajestic, type Script } from "./support/stub.js"

const found = {
  ResultCode: "OK",
  Status: "Found",
  ItemType: 1,
  ExtBackLinks: 1000,
  RefDomains: 100,
  RefIPs: 90,
  RefSubNets: 80,
  CitationFlow: 40,
  TrustFlow: 30,
  TopicalTrustFlow_Topic_0: "Computers/Internet",
  TopicalTrustFlow_Value_0: 29,
  TopicalTrustFlow_Topic_1: "",
  TopicalTrustFlow_Value_1: 0
}
const row = (ItemNum: number, more: Readonly<Record<string, unknown>> = {}) => ({ ItemNum, ...found, ...more })
const answer = (...rows: ReadonlyArray<unknown>) => ({
  Code: "OK",
  ErrorMessage: "",
  FullError: "",
  IndexBuildDate: "2026-11-20 10:00:00",
  IndexType: 1,
  DataTables: { Results: { Data: rows } }
})
const refusal = (Code: string, ErrorMessage = "") => ({ Code, ErrorMessage, FullError: "" })
const figures = {
  trustFlow: 30,
  citationFlow: 40,
  referringDomains: 100,
  externalBacklinks: 1000,
  referringIPs: 90,
  referringSubnets: 80,
  topics: [{ topic: "Computers/Internet", trustFlow: 29 }]
}
const sites = (count: number) => Array.from({ length: count }, (_, i) => `site-${i}.com`)

describe("getIndexItemInfo", () => {
  it.scoped("the exact request: the key is in the query, and in no header", () =>
    Effect.gen(function* () {
      const { charges, majestic, sent } = yield* makeMajestic(always(answer(row(1, { TrustFlow: 5 }), row(0))))
      const rows = yield* majestic.getIndexItemInfo(["https://www.Example.com/x", "b.com", "example.com"])
      assert.deepStrictEqual<unknown>(
        rows.map(({ item, measured }) => [item, measured?.trustFlow]),
        [
          ["example.com", 30],
          ["b.com", 5],
          ["example.com", 30]
        ]
      )
      assert.deepStrictEqual(rows[0], {
        item: rows[0]!.item,
        status: "found",
        measured: figures,
        estimated: null,
        indexBuiltAt: "2026-11-20 10:00:00"
      })
      assert.strictEqual(sent.length, 1)
      const { headers, ...request } = sent[0]!
      assert.deepStrictEqual<unknown>(request, {
        method: "GET",
        url: "https://api.majestic.com/api/json",
        query: [
          ["cmd", "GetIndexItemInfo"],
          ["datasource", "fresh"],
          ["items", "2"],
          ["item0", "example.com"],
          ["item1", "b.com"],
          ["app_api_key", apiKey]
        ],
        body: undefined
      })
      assert.notProperty(headers, "authorization")
      assert.notInclude(JSON.stringify(headers), apiKey)
      assert.deepStrictEqual(charges, [
        {
          provider: "majestic",
          contract: "vendor",
          operation: "getIndexItemInfo",
          unit: "index_item_units",
          amount: 2,
          source: "computed"
        }
      ])
    })
  )

  it.scoped("estimates, absence and errors of single items are kept apart", () =>
    Effect.gen(function* () {
      const script = always(
        answer(
          row(0, { Status: "MayExist" }),
          row(1, { Status: "NotFound", TrustFlow: 0, CitationFlow: 0 }),
          row(2, { ResultCode: "InvalidItem", Status: "" }),
          row(9)
        )
      )
      const { charges, majestic } = yield* makeMajestic(script)
      const rows = yield* majestic.getIndexItemInfo(["a.com", "b.com", "c.com", "d.com"])
      assert.deepStrictEqual(
        rows.map(({ estimated, measured, status }) => ({ status, measured, estimated })),
        [
          { status: "may_exist", measured: null, estimated: figures },
          { status: "not_found", measured: null, estimated: null },
          { status: "invalid", measured: null, estimated: null },
          { status: "not_found", measured: null, estimated: null }
        ]
      )
      assert.deepStrictEqual(
        charges.map(({ amount }) => amount),
        [4]
      )
    })
  )

  it.scoped("numbers as texts, dates in GlobalVars, figures that are not there", () =>
    Effect.gen(function* () {
      const texts = Object.fromEntries(Object.entries(row(0)).map(([name, value]) => [name, String(value)]))
      const { IndexBuildDate, ...rest } = answer(texts, { ItemNum: 1, ResultCode: "OK", Status: "Found" })
      const { majestic } = yield* makeMajestic(always({ ...rest, GlobalVars: { IndexBuildDate } }))
      const [one, two] = yield* majestic.getIndexItemInfo(["a.com", "b.com"])
      hasMembers(one, { measured: figures, indexBuiltAt: IndexBuildDate })
      assert.deepStrictEqual(two?.measured, {
        trustFlow: null,
        citationFlow: null,
        referringDomains: null,
        externalBacklinks: null,
        referringIPs: null,
        referringSubnets: null,
        topics: []
      })
    })
  )

  it.scoped("index and mode: hosts, pages of 20 a call", () =>
    Effect.gen(function* () {
      const script: Script = ({ query }) =>
        json(answer(...Array.from({ length: Number(new Map(query).get("items")) }, (_, i) => row(i))))
      const { majestic, sent } = yield* makeMajestic(script, { index: "historic" })
      yield* majestic.getIndexItemInfo(["https://blog.example.com/x"], { mode: "host" })
      yield* majestic.getIndexItemInfo(["https://blog.example.com/x"], { mode: "url", index: "fresh" })
      yield* majestic.getIndexItemInfo(
        sites(45).map((site) => `https://${site}/page`),
        { mode: "url" }
      )
      assert.deepStrictEqual(
        sent.map(({ query }) => {
          const { datasource, item0, items } = Object.fromEntries(query)
          return [datasource, items, item0]
        }),
        [
          ["historic", "1", "blog.example.com"],
          ["fresh", "1", "https://blog.example.com/x"],
          ["historic", "20", "https://site-0.com/page"],
          ["historic", "20", "https://site-20.com/page"],
          ["historic", "5", "https://site-40.com/page"]
        ]
      )
    })
  )

  it.scoped.each([
    ["no code", { DataTables: { Results: { Data: [] } } }],
    ["no table", { Code: "OK", DataTables: {} }],
    ["a position that is none", answer(row(0, { ItemNum: "first" }))],
    ["a flow out of its range", answer(row(0, { TrustFlow: 101 }))],
    ["a negative count", answer(row(0, { RefDomains: -1 }))],
    ["a text that is no number", answer(row(0, { RefIPs: "many" }))],
    ["a status that nobody knows", answer(row(0, { Status: "Perhaps" }))]
  ] as const)("%s is MalformedResponse, booked at its most", ([, body]) =>
    Effect.gen(function* () {
      const { charges, majestic } = yield* makeMajestic(always(body))
      const error = yield* Effect.flip(majestic.getIndexItemInfo(["a.com"]))
      assert.strictEqual(error._tag, "MalformedResponse")
      assert.deepStrictEqual(
        charges.map(({ amount }) => amount),
        [1]
      )
    })
  )

  it.scoped("bad input is told before anything is sent", () =>
    Effect.gen(function* () {
      const { majestic, sent } = yield* makeMajestic(always(answer(row(0))))
      assert.strictEqual((yield* Effect.flip(majestic.getIndexItemInfo([])))._tag, "InvalidRequest")
      const error = yield* Effect.flip(majestic.getIndexItemInfo(["a.com", "not a domain"]))
      assert.strictEqual(error._tag, "InvalidTarget")
      assert.strictEqual((yield* Effect.flip(majestic.getFlowMetrics("")))._tag, "InvalidTarget")
      assert.strictEqual(sent.length, 0)
    })
  )

  it.effect.prop(
    "rows are joined by their position, whatever their order and company",
    [FastCheck.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 0 }), FastCheck.nat({ max: 5 })],
    ([present, strangers]) =>
      Effect.gen(function* () {
        const others = Array.from({ length: strangers }, (_, i) => row(100 + i, { TrustFlow: 99 }))
        const { majestic } = yield* makeMajestic(
          always(answer(...others, ...present.map((i) => row(i, { TrustFlow: i }))))
        )
        const rows = yield* majestic.getIndexItemInfo(sites(8))
        assert.deepStrictEqual(
          rows.map(({ measured }) => measured?.trustFlow ?? null),
          sites(8).map((_, i) => (present.includes(i) ? i : null))
        )
      }).pipe(Effect.scoped)
  )
})

describe("refusals in the body of a 200", () => {
  it.scoped.each([
    [refusal("InvalidAPIKey", "The API key is not valid"), "InvalidKey"],
    [refusal("InsufficientIndexItemInfoUnits", "Not enough resource units"), "CreditsExhausted"],
    [refusal("NoActiveSubscription", "no subscription"), "NoSubscription"],
    [refusal("RateLimitExceeded"), "RateLimited"],
    [refusal("InternalServerError"), "ProviderUnavailable"],
    [refusal("Failure", "temporarily unavailable for maintenance"), "ProviderUnavailable"],
    [refusal("UnsupportedCommand", "no such command"), "InvalidRequest"],
    [{ Code: "InvalidParameters" }, "InvalidRequest"],
    [{ Code: "InvalidAPIKey", ErrorMessage: null }, "InvalidKey"]
  ] as const)("%j is %s, and not billed", ([body, tag]) =>
    Effect.gen(function* () {
      const { charges, majestic } = yield* makeMajestic(always(body), { retry: { times: 0 } })
      const error = yield* Effect.flip(majestic.getFlowMetrics("a.com"))
      assert.strictEqual(error._tag, tag)
      assert.include(error.message, body.Code)
      assert.deepStrictEqual(charges, [])
    })
  )

  it.scoped.each([
    [401, "InvalidKey"],
    [402, "CreditsExhausted"],
    [403, "ProviderUnavailable"],
    [404, "InvalidRequest"],
    [414, "InvalidRequest"],
    [429, "RateLimited"],
    [502, "ProviderUnavailable"]
  ] as const)("status %d is %s", ([status, tag]) =>
    Effect.gen(function* () {
      const { majestic } = yield* makeMajestic(always("<html>edge</html>", status), { retry: { times: 0 } })
      assert.strictEqual((yield* Effect.flip(majestic.getFlowMetrics("a.com")))._tag, tag)
    })
  )

  it.scoped("a transient one is sent again", () =>
    Effect.gen(function* () {
      const { charges, majestic, sent } = yield* makeMajestic((_, n) =>
        json(n === 0 ? refusal("ServerError") : answer(row(0)))
      )
      const fiber = yield* Effect.fork(majestic.getFlowMetrics("a.com"))
      yield* advance("1 minute")
      assert.strictEqual((yield* fiber).trustFlow, 30)
      assert.strictEqual(sent.length, 2)
      assert.deepStrictEqual(
        charges.map(({ amount }) => amount),
        [1]
      )
    })
  )

  it.scoped("what echoes the key is scrubbed", () =>
    Effect.gen(function* () {
      const key = "a key/with+signs!=".replace(" ", "-")
      const echo = [key, encodeURIComponent(key), String(new URLSearchParams({ app_api_key: key }))].join(" ")
      const { majestic } = yield* makeMajestic(always(refusal("InvalidParameters", echo)), {
        apiKey: Redacted.make(key)
      })
      const { message } = yield* Effect.flip(majestic.getFlowMetrics("a.com"))
      assert.include(message, "<key> <key> app_api_key=<key>")
    })
  )
})

describe("getFlowMetrics", () => {
  it.scoped.each([
    [{}, { trustFlow: 30, citationFlow: 40, ratio: 0.75 }],
    [
      { CitationFlow: 0, TrustFlow: 0 },
      { trustFlow: 0, citationFlow: 0, ratio: null }
    ],
    [{ CitationFlow: null }, { trustFlow: 30, citationFlow: null, ratio: null }],
    [{ Status: "MayExist" }, { trustFlow: null, citationFlow: null, ratio: null }],
    [{ Status: "NotFound" }, { trustFlow: null, citationFlow: null, ratio: null }]
  ] as const)("%j", ([more, flows]) =>
    Effect.gen(function* () {
      const { majestic } = yield* makeMajestic(always(answer(row(0, more))))
      hasMembers(yield* majestic.getFlowMetrics("a.com"), { domain: "a.com", ...flows })
    })
  )
})

// Over the simulator: everything that a service is made of.

const over = (
  options: MajesticSimulator.Options = {},
  own: Partial<Majestic.Options> = {},
  state: Layer.Layer<SharedState.SharedState, unknown> = SharedState.layerMemory()
) =>
  Majestic.layer({ apiKey: Redacted.make(apiKey), batchWait: 0, ...own }).pipe(
    Layer.provide(state),
    Layer.provideMerge(MajesticSimulator.layer({ rateLimit: false, ...options })),
    Layer.orDie
  )

const facts = {
  "example.com": { trustFlow: 50, citationFlow: 60 },
  "maybe.com": { trustFlow: 20, citationFlow: 40 },
  "unknown.com": { known: false }
}

describe("over the simulator", () => {
  it.effect("a fact is bought once, by whatever method, in full calls", () =>
    Effect.gen(function* () {
      const majestic = yield* Majestic.Majestic
      const simulator = yield* MajesticSimulator.MajesticSimulator
      const plan = yield* majestic.plan("getIndexItemInfo", sites(250))
      hasMembers(plan, { targets: 250, calls: 3, units: { lower: 250, upper: 250 } })
      yield* majestic.getIndexItemInfo([...sites(250), ...sites(10)])
      assert.strictEqual((yield* simulator.requests).length, 3)
      assert.strictEqual(yield* simulator.unitsBilled, 250)
      yield* Effect.forEach(sites(250), (site) => majestic.getFlowMetrics(site))
      const streamed = yield* Stream.runCollect(majestic.getIndexItemInfoStream(sites(250)))
      assert.strictEqual(Chunk.size(streamed), 250)
      assert.strictEqual(yield* simulator.unitsBilled, 250)
      yield* majestic.getFlowMetrics("site-0.com", { index: "historic" })
      assert.strictEqual(yield* simulator.unitsBilled, 251)
    }).pipe(Effect.provide(over()))
  )

  it.effect("single look-ups of the same moment leave in one call", () =>
    Effect.gen(function* () {
      const majestic = yield* Majestic.Majestic
      const simulator = yield* MajesticSimulator.MajesticSimulator
      const fiber = yield* Effect.fork(
        Effect.forEach(sites(100), (site) => majestic.getFlowMetrics(site), { concurrency: "unbounded" })
      )
      yield* advance("1 second")
      yield* fiber
      assert.strictEqual((yield* simulator.requests).length, 1)
      assert.strictEqual(yield* simulator.unitsBilled, 100)
    }).pipe(Effect.provide(over({}, { batchWait: 10 })))
  )

  it.effect.each([
    {},
    { shuffledRows: false },
    { textFigures: true },
    { globalVars: true }
  ] satisfies ReadonlyArray<MajesticSimulator.Quirks>)("%j changes nothing", (quirks) =>
    Effect.gen(function* () {
      const majestic = yield* Majestic.Majestic
      const rows = yield* majestic.getIndexItemInfo(["example.com", "maybe.com", "unknown.com"])
      assert.deepStrictEqual(
        rows.map(({ estimated, measured, status }) => [status, measured?.trustFlow, estimated?.trustFlow]),
        [
          ["found", 50, undefined],
          ["may_exist", undefined, 20],
          ["not_found", undefined, undefined]
        ]
      )
      assert.isNotNull(rows[0]!.indexBuiltAt)
      assert.isNotEmpty(rows[0]!.measured!.topics)
      const { left, limit, resetsAt } = yield* majestic.verify
      assert.deepStrictEqual([left, limit], [999_999_997, null])
      assert.isAbove(DateTime.toEpochMillis(resetsAt!), 0)
    }).pipe(Effect.provide(over({ quirks, facts, mayExist: ["maybe.com"] })))
  )

  it.effect.each([
    [{ keys: ["other"] }, "InvalidKey", "InvalidKey"],
    [{ isActive: false }, "NoSubscription", "NoSubscription"],
    [{ budget: 0 }, "CreditsExhausted", "ok"]
  ] satisfies ReadonlyArray<readonly [MajesticSimulator.Options, string, string]>)(
    "%j is %s, and %s to verify",
    ([options, call, verify]) =>
      Effect.gen(function* () {
        const majestic = yield* Majestic.Majestic
        assert.strictEqual((yield* Effect.flip(majestic.getFlowMetrics("a.com")))._tag, call)
        const verified = yield* Effect.merge(Effect.mapError(Effect.as(majestic.verify, "ok"), ({ _tag }) => _tag))
        assert.strictEqual(verified, verify)
        const { unitsBilled } = yield* MajesticSimulator.MajesticSimulator
        assert.strictEqual(yield* unitsBilled, 0)
      }).pipe(Effect.provide(over(options)))
  )

  it.effect("a budget in its units is held", () => {
    const state = SharedState.layerMemory({
      budgets: [{ provider: "majestic", unit: "index_item_units", of: "tenant", id: "acme", limit: 120 }]
    })
    return Effect.gen(function* () {
      const majestic = yield* Majestic.Majestic
      const simulator = yield* MajesticSimulator.MajesticSimulator
      const rows = yield* majestic
        .getIndexItemInfoStream(sites(250))
        .pipe(Stream.either, Stream.runCollect, Effect.map(Chunk.toReadonlyArray))
      assert.strictEqual(rows.filter(({ _tag }) => _tag === "Right").length, 100)
      hasMembers(yield* Effect.flip(majestic.getIndexItemInfo(sites(250))), { _tag: "BudgetExceeded", left: 20 })
      assert.strictEqual(yield* simulator.unitsBilled, 100)
    }).pipe(Effect.provide(over({}, { tenant: "acme" }, state)))
  })

  it.effect("an operation of one's own has the account's units", () =>
    Effect.gen(function* () {
      const majestic = yield* Majestic.Majestic
      const operation = {
        name: "getOther",
        batchSize: 1,
        request: () => ({ method: "GET", path: "/json" }) as const,
        decode: () => {
          throw new Error("it is not sent")
        },
        price: () => ({ unit: "credits", lower: 1, upper: 1 }) as const,
        charge: () => 1,
        facts: null
      }
      assert.strictEqual((yield* Effect.flip(majestic.call(operation, undefined)))._tag, "Unsupported")
      assert.strictEqual((yield* Effect.flip(majestic.planCall(operation, undefined)))._tag, "Unsupported")
    }).pipe(Effect.provide(over()))
  )

  it.effect("reconcile says that the account has no counter", () =>
    Effect.gen(function* () {
      const majestic = yield* Majestic.Majestic
      yield* majestic.getFlowMetrics("a.com")
      hasMembers(yield* majestic.reconcile(), { ours: 1, theirs: null, drift: null, left: 999_999_999 })
    }).pipe(Effect.provide(over()))
  )

  it.effect("over a real socket, layerConfig: the key is recorded nowhere", () => {
    const server = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })
    const config = ConfigProvider.fromMap(new Map([["MAJESTIC_API_KEY", apiKey]]))
    const charges: Array<Charge> = []
    return Effect.gen(function* () {
      const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const live = Majestic.layerConfig(
        {
          apiKey: Config.redacted("MAJESTIC_API_KEY"),
          apiUrl: Config.succeed(`${url}/api/`),
          batchWait: Config.succeed(0)
        },
        { onCharge: (charge) => Effect.sync(() => void charges.push(charge)) }
      )
      const { trustFlow } = yield* Effect.flatMap(Majestic.Majestic, ({ getFlowMetrics }) =>
        getFlowMetrics("example.com")
      ).pipe(Effect.provide(live), Effect.provide(SharedState.layerMemory()), Effect.withConfigProvider(config))
      assert.strictEqual(trustFlow, 50)
      assert.strictEqual(charges.length, 1)
      const { requests } = yield* MajesticSimulator.MajesticSimulator
      const recorded = yield* requests
      assert.deepStrictEqual(recorded[0]?.query.at(-1), ["app_api_key", "<key>"])
      assert.notInclude(JSON.stringify(recorded), apiKey)
      for (const name of ["traceparent", "b3", "referer"]) assert.notProperty(recorded[0]?.headers, name)
    }).pipe(
      Effect.withSpan("caller"),
      Effect.provide(
        Layer.merge(
          Layer.provideMerge(MajesticSimulator.layerServer({ facts, keys: [apiKey] }), server),
          FetchHttpClient.layer
        )
      )
    )
  })

  it.scoped.each([301, 302, 303, 307, 308])("%d to another host: the key in the query does not follow", (status) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const other = yield* listening(
        createServer((request, response) => {
          seen.push(`${request.url} ${JSON.stringify(request.headers)}`)
          response.end("{}")
        })
      )
      const first = yield* listening(
        createServer((_, response) => void response.writeHead(status, { location: `${other}/taken` }).end())
      )
      const majestic = yield* Majestic.make({ apiKey: Redacted.make(apiKey), apiUrl: first, retry: { times: 0 } })
      assert.strictEqual((yield* Effect.flip(majestic.getUsage))._tag, "ProviderUnavailable")
      assert.notInclude(JSON.stringify(seen), apiKey)
    }).pipe(Effect.provide(SharedState.layerNoop), Effect.provide(FetchHttpClient.layer))
  )
})

describe("getUsage", () => {
  const subscriptions = (...Data: ReadonlyArray<unknown>) => ({ DataTables: { Subscriptions: { Data } } })
  it.scoped.each([
    [
      { TotalIndexItemInfoResUnits: 7, SubscriptionIsActive: 1 },
      { left: 7, isActive: true, resetsAt: null }
    ],
    [{ GlobalVars: { TotalIndexItemInfoResUnits: "7", SubscriptionIsActive: "0" } }, { left: 7, isActive: false }],
    [
      subscriptions(
        { Expires: "2026-12-13 12:16:58", IndexItemInfoResUnits: 5 },
        { Expires: "2026-12-01 00:00:00", IndexItemInfoResUnits: 2 }
      ),
      { left: 7, isActive: true, resetsAt: DateTime.unsafeMake("2026-12-01T00:00:00Z") }
    ],
    [{}, { left: null, isActive: false, resetsAt: null }]
  ] as const)("%j", ([body, usage]) =>
    Effect.gen(function* () {
      const { charges, majestic, sent } = yield* makeMajestic(always({ Code: "OK", ...body }))
      hasMembers(yield* majestic.getUsage, { provider: "majestic", unit: "index_item_units", limit: null, ...usage })
      assert.deepStrictEqual(sent[0]?.query, [
        ["cmd", "GetSubscriptionInfo"],
        ["app_api_key", apiKey]
      ])
      assert.deepStrictEqual(
        charges.map(({ amount }) => amount),
        [0]
      )
    })
  )
})

describe("layerTest", () => {
  it.effect("has the members given; others fail loudly", () =>
    Effect.gen(function* () {
      const majestic = yield* Majestic.Majestic
      assert.deepStrictEqual(yield* majestic.getIndexItemInfo(["a.com"]), [])
      const exit = yield* Effect.exit(majestic.getFlowMetrics("a.com"))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }).pipe(Effect.provide(Majestic.layerTest({ getIndexItemInfo: () => Effect.succeed([]) })))
  )
})
