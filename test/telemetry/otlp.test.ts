/** What is exported over OTLP is what the dashboard and the alerts ask for and the documents say; and it tells no secrets. */
import { Otlp } from "@effect/opentelemetry"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestContext from "effect/TestContext"
import { readFileSync } from "node:fs"
import { once } from "node:events"
import { parse } from "yaml"
import * as Ahrefs from "../../src/Ahrefs.js"
import * as CreditLedger from "../../src/CreditLedger.js"
import * as SERanking from "../../src/SERanking.js"
import * as SharedState from "../../src/SharedState.js"
import * as Spender from "../../src/Spender.js"
import * as Telemetry from "../../src/Telemetry.js"
import * as AhrefsSimulator from "../../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../../src/testing/SERankingSimulator.js"
import { advance } from "../support/clock.js"
import * as Redis from "../support/redis.js"
import * as Scorer from "../support/scorer.js"
import * as Collector from "./collector.js"
import { asked, missing } from "./promql.js"

const key = "CANARY-KEY-1"
const sites = (count: number, from: number) => Array.from({ length: count }, (_, i) => `canary-site-${from + i}.com`)
const site = (i: number) => `canary-site-${i}.com`
const tenants = { big: "canary-tenant-big", small: "canary-tenant-small" }
const secrets = ["canary", "CANARY", "key-of-", "acme"]

const inBook = { provider: "ahrefs", unit: "api_units", of: "tenant" } as const

type Simulator = Effect.Effect.Success<ReturnType<typeof AhrefsSimulator.make>>

const ahrefsOn = (
  state: Context.Context<SharedState.SharedState>,
  { httpClient }: Simulator,
  options: Partial<Ahrefs.Options> = {}
) =>
  Ahrefs.make({
    apiKey: Redacted.make(key),
    batchWait: 1,
    rateLimit: { requests: 1_000, per: "1 second" },
    retry: { times: 0 },
    ...options
  }).pipe(Effect.provide(state), Effect.provideService(HttpClient.HttpClient, httpClient))

const seRankingOn = (
  state: Context.Context<SharedState.SharedState>,
  { httpClient }: Simulator,
  options: Partial<SERanking.Options> = {}
) =>
  SERanking.make({ apiKey: Redacted.make(key), batchWait: 0, ...options }).pipe(
    Effect.provide(state),
    Effect.provideService(HttpClient.HttpClient, httpClient)
  )

const tagOf = (call: Effect.Effect<unknown, { readonly _tag: string }>) =>
  Effect.match(call, { onFailure: ({ _tag }) => _tag, onSuccess: () => "ok" })

/** Two processes, two tenants, one Redis, which then goes away. */
const overRedis = Effect.gen(function* () {
  const server = yield* Redis.start()
  const settings = {
    url: server.url,
    // What closes when Redis is gone waits so long for it.
    deadline: "2 seconds",
    budgets: [
      { ...inBook, id: tenants.big, limit: 1_000 },
      { ...inBook, id: tenants.small, limit: 60 }
    ]
  } as const
  const built = (more: Partial<SharedState.StoreOptions> = {}) =>
    Layer.build(SharedState.layerRedis({ ...settings, ...more }))
  const state = yield* built()
  const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
  const one = yield* ahrefsOn(state, simulator)
  const two = yield* ahrefsOn(yield* built(), simulator)
  const three = yield* ahrefsOn(yield* built({ onCacheUnavailable: "fail" }), simulator)
  const big = Spender.as({ tenant: tenants.big })
  const small = Spender.as({ tenant: tenants.small })
  const reading = yield* Effect.provide(
    Telemetry.make({ tenants: (tenant) => (tenant === tenants.big ? "gold" : "silver") }),
    state
  )

  const singly = Effect.forEach(sites(5, 0), one.getDomainRating, { concurrency: "unbounded" })
  yield* big(singly)
  yield* big(singly)
  yield* big(two.getDomainRatings(sites(5, 0)))
  yield* small(one.getReferringDomains(site(6)))
  assert.strictEqual(yield* tagOf(small(one.getReferringDomains(site(7)))), "BudgetExceeded")
  yield* one.reconcile()
  yield* reading
  const { balance } = Context.get(state, CreditLedger.CreditLedger)
  assert.include(yield* balance({ ...inBook, id: tenants.small }), { spent: 50, left: 10 })

  const gone = once(server.process, "exit")
  server.process.kill("SIGKILL")
  yield* Effect.promise(() => gone)
  // At once: each is kept for as long as the store's deadline.
  const lost = yield* Effect.forEach([8, 9, 10, 11, 12], (i) => tagOf(big(one.getReferringDomains(site(i)))), {
    concurrency: "unbounded"
  })
  assert.deepStrictEqual(lost, Array(5).fill("LedgerUnavailable"))
  assert.strictEqual(yield* tagOf(three.getReferringDomains(site(8))), "CacheUnavailable")
  yield* reading
  return yield* simulator.requests
}).pipe(Effect.scoped)

const status = (status: number, body: unknown) => ({ _tag: "Status", status, body }) as const

/** Refusals, waits, what is old, claims and scores: what takes time takes it on a clock that is moved. */
const inSimulatedTime = Effect.gen(function* () {
  const over = <A, E>(work: Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(work)
      yield* advance("3 minutes")
      return yield* Fiber.join(fiber)
    })
  const memory = Layer.build(SharedState.layerMemory())
  const state = yield* memory
  const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
  const ahrefs = yield* ahrefsOn(state, simulator, { batchWait: 0 })

  yield* over(ahrefs.getReferringDomains(site(20)))
  yield* advance("30 hours")
  yield* simulator.arm(status(500, "down"))
  assert.strictEqual(yield* tagOf(over(ahrefs.getReferringDomains(site(20)))), "ok")

  const faults = [
    ["InvalidKey", status(401, ["Error", "Unauthorized"])],
    ["NoSubscription", status(403, { error: "Insufficient plan" })],
    ["CreditsExhausted", status(403, { error: "API units limit reached" })],
    ["InvalidRequest", status(400, { error: `bad target ${site(21)}` })],
    ["MalformedResponse", { _tag: "BadJson" }],
    ["RateLimited", status(429, { error: "too many" })]
  ] as const
  for (const [i, [tag, fault]] of faults.entries()) {
    yield* simulator.arm(fault)
    assert.strictEqual(yield* tagOf(over(ahrefs.getReferringDomains(site(21 + i)))), tag)
  }

  const patient = yield* ahrefsOn(yield* memory, simulator, { batchWait: 0, retry: { times: 1 } })
  yield* simulator.arm(status(503, "down"))
  assert.strictEqual(yield* tagOf(over(patient.getReferringDomains(site(30)))), "ok")

  const slow = yield* ahrefsOn(yield* memory, simulator, {
    batchWait: 10,
    rateLimit: { requests: 1, per: "1 second" },
    maxWait: "2 seconds"
  })
  const tags = yield* over(
    Effect.forEach(sites(5, 31), (one) => tagOf(slow.getReferringDomains(one)), { concurrency: "unbounded" })
  )
  assert.include(tags, "ok")
  assert.include(tags, "RateLimited")

  const shared = yield* memory
  const busy = yield* AhrefsSimulator.make({ rateLimit: false, latency: "1 second" })
  const both = yield* Effect.all([ahrefsOn(shared, busy), ahrefsOn(shared, busy)])
  yield* over(Effect.forEach(both, (one) => one.getReferringDomains(site(40)), { concurrency: "unbounded" }))

  const gateway = yield* SERankingSimulator.make({ rateLimit: false, contract: "platform" })
  const limited = yield* Layer.build(
    SharedState.layerMemory({
      budgets: [{ provider: "se_ranking", unit: "row_credits", of: "tenant", id: tenants.big, limit: 10 }]
    })
  )
  const unpriced = yield* seRankingOn(limited, gateway, { contract: "platform", tenant: tenants.big })
  assert.strictEqual(yield* tagOf(over(unpriced.getBacklinksMetrics([site(41)]))), "PriceUnknown")

  const vendor = yield* SERankingSimulator.make({ rateLimit: false })
  const seRanking = yield* seRankingOn(yield* memory, vendor)
  yield* over(seRanking.getBacklinksSummary(site(42)))
  yield* over(seRanking.reconcile())

  const { scorer, ...vendors } = yield* Scorer.make({ providers: { ahrefs: {}, se_ranking: {} } })
  yield* over(scorer.plan("acme", sites(20, 50)))
  yield* over(scorer.scoreAll("acme", sites(20, 50)))
  yield* over(Stream.runDrain(scorer.score("acme", sites(20, 70))))

  const all = [simulator, busy, gateway, vendor, vendors.ahrefs, vendors.seRanking]
  return (yield* Effect.forEach(all, ({ requests }) => requests)).flat()
}).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const collector = yield* Collector.start
  const exporter = Otlp.layerJson({
    baseUrl: collector.url,
    resource: { serviceName: "telemetry-test" },
    loggerExportInterval: "1 hour",
    metricsExportInterval: "1 hour",
    tracerExportInterval: "1 hour",
    maxBatchSize: 1_000_000
  }).pipe(Layer.provide(FetchHttpClient.layer))
  // What is not exported yet is when the layer ends.
  const requests = yield* Effect.gen(function* () {
    const tracer = yield* Effect.tracer
    const live = yield* overRedis
    const simulated = yield* inSimulatedTime.pipe(Effect.withTracer(tracer), Effect.provide(TestContext.TestContext))
    return [...live, ...simulated]
  }).pipe(Effect.provide(Layer.merge(exporter, Logger.remove(Logger.defaultLogger))))
  assert.deepStrictEqual(collector.failures, [])
  return { ...collector, requests, series: collector.metrics.flatMap(Collector.seriesOf) }
}).pipe(Effect.scoped)

let exported: Effect.Effect.Success<typeof program>
beforeAll(async () => {
  exported = await Effect.runPromise(program)
}, 120_000)

const fileOf = (path: string): string => readFileSync(new URL(`../../docs/${path}`, import.meta.url), "utf8")

const Dashboard = Schema.Struct({
  schemaVersion: Schema.Number,
  templating: Schema.Struct({
    list: Schema.Array(
      Schema.Struct({ name: Schema.String, type: Schema.String, definition: Schema.optional(Schema.String) })
    )
  }),
  panels: Schema.Array(
    Schema.Struct({
      id: Schema.Number,
      title: Schema.String,
      type: Schema.String,
      targets: Schema.optional(Schema.Array(Schema.Struct({ expr: Schema.String, legendFormat: Schema.String })))
    })
  )
})
const Rules = Schema.Struct({
  groups: Schema.Array(
    Schema.Struct({
      rules: Schema.Array(
        Schema.Struct({
          alert: Schema.String,
          expr: Schema.String,
          annotations: Schema.Struct({ summary: Schema.String, description: Schema.String })
        })
      )
    })
  )
})
const dashboard = Schema.decodeUnknownSync(Schema.parseJson(Dashboard))(fileOf("telemetry/dashboard.json"))
const rules = Schema.decodeUnknownSync(Rules)(parse(fileOf("telemetry/alerts.yaml"))).groups.flatMap(
  ({ rules }) => rules
)
const targets = dashboard.panels.flatMap(({ targets = [], title }) => targets.map((one) => ({ ...one, title })))

/** The labels that a text puts in. */
const labelsIn = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g), ([, label]) => label ?? "")

/** The rows of the tables whose first cell begins so; each cell without its quotes. */
const rowsOf = (beginning: RegExp): ReadonlyArray<ReadonlyArray<string>> =>
  fileOf("telemetry.md")
    .split("\n")
    .filter((line) => beginning.test(line))
    .map((line) => line.split("|").slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
const word = (cell: string | undefined): string => (cell ?? "").replaceAll("`", "")
const words = (cell: string | undefined): ReadonlyArray<string> =>
  word(cell)
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .toSorted()

describe("the series that are asked for exist", () => {
  it.each(targets.map((target) => [target.title, target] as const))("on the dashboard: %s", (_, target) => {
    const { series } = exported
    assert.deepStrictEqual(missing(target.expr, series), [])
    const { labels } = asked(target.expr)
    for (const label of labelsIn(target.legendFormat)) assert.include(labels, label)
  })

  it("by its variables", () => {
    const { series } = exported
    const variables = dashboard.templating.list
    assert.deepStrictEqual(
      variables.map(({ name }) => name),
      ["datasource", "provider", "tenant"]
    )
    for (const { definition, type } of variables) {
      if (type === "datasource") continue
      const [, name, label] = /^label_values\((\w+), (\w+)\)$/.exec(definition ?? "") ?? []
      assert.isTrue(series.some((one) => one.name === name && label !== undefined && label in one.labels))
    }
  })

  it.each(rules.map((rule) => [rule.alert, rule] as const))("in the alert %s", (_, rule) => {
    const { series } = exported
    assert.deepStrictEqual(missing(rule.expr, series), [])
    const { labels } = asked(rule.expr)
    const { description, summary } = rule.annotations
    for (const label of labelsIn(`${summary} ${description}`)) assert.include(labels, label)
  })

  it("and the panels have names of their own", () => {
    assert.strictEqual(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
    assert.isAtLeast(dashboard.schemaVersion, 36)
  })
})

describe("the search for series", () => {
  const series = [
    { name: "up_total", labels: { a: "1", b: "2" } },
    { name: "up_total", labels: { a: "3", b: "2" } },
    { name: "wait_bucket", labels: { le: "1", a: "1" } }
  ]
  it("finds what is there", () => {
    for (const expression of [
      "up_total",
      'sum by (a) (rate(up_total{b="2", a=~"1|3"}[$__rate_interval])) / 2 > 0.5',
      'sum(up_total{a="1"} offset -47h) by (b) or vector(1) * on (b) up_total{a!="1"}',
      "histogram_quantile(0.95, sum by (le, a) (rate(wait_bucket[5m])))",
      'max_over_time(up_total{a=~"$provider"}[22h] offset -23h)'
    ]) {
      assert.deepStrictEqual(missing(expression, series), [], expression)
    }
  })

  it("finds what is not", () => {
    for (const [expression, found] of [
      ["made_up_total", ["made_up_total"]],
      ['sum(rate(up_total{a="1"}[5m])) / sum(rate(down_total[5m]))', ["down_total"]],
      ["sum by (tenant) (up_total)", ["up_total has no tenant"]],
      ['up_total{a="9"}', ['up_total{a="9"}']],
      ['up_total{a=~"1|9"}', ['up_total{a="9"}']],
      ['up_total{c=~"$tenant"}', ["up_total has no c"]],
      ['up_total{b!="2"}', ["up_total{b!}"]]
    ] as const) {
      assert.deepStrictEqual(missing(expression, series), found, expression)
    }
    assert.throws(() => asked("1 + 1"))
    assert.throws(() => asked("up_total ; down_total"))
  })

  it("finds a name that nobody exports on the dashboard", () => {
    const { series } = exported
    const [target] = targets
    assert.deepStrictEqual(missing((target?.expr ?? "").replaceAll("ledger_spent", "ledger_spend"), series), [
      "seo_provider_ledger_spend"
    ])
  })

  it("knows the names that Prometheus gives", () => {
    const points = { dataPoints: [{ attributes: [] }] }
    for (const [metric, name] of [
      [{ name: "a_total", unit: "1", sum: { ...points, isMonotonic: true } }, "a_total"],
      [{ name: "a_total", unit: "api_units", sum: { ...points, isMonotonic: true } }, "a_api_units_total"],
      [{ name: "a_up", unit: "1", gauge: points }, "a_up_ratio"],
      [{ name: "a_up", unit: "{store}", gauge: points }, "a_up"],
      [{ name: "a_used_ratio", unit: "1", gauge: points }, "a_used_ratio"],
      [{ name: "a_wait", unit: "milliseconds", histogram: points }, "a_wait_milliseconds"],
      [{ name: "a_duration_seconds", unit: "s", histogram: points }, "a_duration_seconds"]
    ] as const) {
      assert.strictEqual(Collector.prometheusName(metric), name)
    }
  })
})

describe("docs/telemetry.md", () => {
  it("has all metrics, as they are", () => {
    const { metrics } = exported
    const ours = metrics
      .filter(({ name }) => name.startsWith("seo_provider_"))
      .map((metric) => {
        const points = metric.gauge ?? metric.sum ?? metric.histogram
        const tags = new Set(points?.dataPoints.flatMap(({ attributes }) => attributes.map(({ key }) => key)))
        const type = metric.sum !== undefined ? "counter" : metric.gauge !== undefined ? "gauge" : "histogram"
        return [metric.name, Collector.prometheusName(metric), type, Array.from(tags).toSorted()] as const
      })
    const documented = rowsOf(/^\| `seo_provider_/).map(
      ([name, prometheus, type, , tags]) => [word(name), word(prometheus), word(type), words(tags)] as const
    )
    const byName = (a: readonly [string, ...unknown[]], b: readonly [string, ...unknown[]]) => (a[0] < b[0] ? -1 : 1)
    assert.deepStrictEqual(documented.toSorted(byName), ours.toSorted(byName))
  })

  it("has all spans, as they are", () => {
    const { spans } = exported
    const nameOf = (name: string) =>
      name.replace(/^(Ahrefs|SERanking)\..*/, "$1.<method>").replace(/^http\.client .*/, "http.client <method>")
    // The exporter's own, and what only failures have.
    const ignored = new Set(["span.label", "status.interrupted", "error.type"])
    const seen = new Map<string, Set<string>>()
    for (const { attributes, kind, name } of spans) {
      const id = `${nameOf(name)} ${kind === 3 ? "client" : "internal"}`
      const all = seen.get(id) ?? new Set()
      seen.set(id, all)
      for (const { key } of attributes) if (!ignored.has(key)) all.add(key)
    }
    const documented = rowsOf(/^\| `(?!seo_)[\w.]+/).map(
      ([name, kind, attributes]) => [`${word(name)} ${word(kind)}`, words(attributes)] as const
    )
    assert.deepStrictEqual(
      Object.fromEntries(Array.from(seen, ([name, all]) => [name, Array.from(all).toSorted()] as const)),
      Object.fromEntries(documented)
    )
  })
})

describe("what is exported", () => {
  it("holds no key, no target, and no tenant that was not chosen", () => {
    const { bodies } = exported
    assert.isAtLeast(bodies.length, 2)
    for (const body of bodies) {
      for (const secret of secrets) {
        const at = body.indexOf(secret)
        assert.strictEqual(at, -1, body.slice(Math.max(0, at - 200), at + 100))
      }
    }
    const text = bodies.join("\n")
    for (const label of ["gold", "silver"]) assert.include(text, `"${label}"`)
  })

  it("stays here: nothing of a trace leaves with a call", () => {
    const { requests } = exported
    assert.isAtLeast(requests.length, 10)
    for (const { headers } of requests) {
      for (const name of ["traceparent", "tracestate", "b3", "baggage"]) assert.notProperty(headers, name)
    }
  })

  it("is one tree: a batch links to the look-ups that it serves, its calls are its children", () => {
    const { spans } = exported
    const lookUps = new Set(spans.filter(({ name }) => name === "Ahrefs.getDomainRating").map(({ spanId }) => spanId))
    assert.strictEqual(lookUps.size, 5)
    const batch = spans.find(({ links, name }) => name === "PaidCall.buy" && links.length > 0)
    if (batch === undefined) return assert.fail("no batch of many")
    const served = new Set([batch.parentSpanId, ...batch.links.map(({ spanId }) => spanId)])
    assert.deepStrictEqual(served, new Set(lookUps))
    const within = spans.filter(({ parentSpanId }) => parentSpanId === batch.spanId).map(({ name }) => name)
    assert.includeMembers(within, [
      "Claims.acquire",
      "ProviderCache.readMany",
      "CreditLedger.reserve",
      "http.client POST",
      "CreditLedger.settle",
      "ProviderCache.setMany"
    ])
  })
})
