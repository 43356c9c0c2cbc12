import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { type Field, operations } from "../../src/testing/ahrefsOperations.js"
import { AhrefsSimulator } from "../../src/testing/index.js"
import { type Answer, errorFixtures, fixtures, isShapedLike, query, send } from "./http.js"

const base = "https://api.ahrefs.com/v3"
const date = "2026-10-01"
const unlimited = { rateLimit: false } as const

type Params = Readonly<Record<string, string | number>>

const get = (simulator: AhrefsSimulator.Service, path: string, params: Params, authorization = "Bearer k") =>
  send(simulator.httpClient, `${base}${path}?${query(params)}`, authorization)
const ask = (path: string, params: Params, options: AhrefsSimulator.Options = {}) =>
  Effect.flatMap(AhrefsSimulator.make({ ...unlimited, ...options }), (simulator) => get(simulator, path, params))

const batch = (simulator: AhrefsSimulator.Service, select: ReadonlyArray<string>, targets: ReadonlyArray<string>) =>
  send(simulator.httpClient, `${base}/batch-analysis/batch-analysis`, "Bearer k", {
    select,
    targets: targets.map((url) => ({ url, mode: "domain", protocol: "both" }))
  })

const Rows = Schema.Record({
  key: Schema.String,
  value: Schema.Array(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
})
const rowsOf = ({ body }: Answer) => Object.values(Schema.decodeUnknownSync(Rows)(body))[0] ?? []
const actual = ({ headers }: Answer) => Number(headers["x-api-units-cost-total-actual"])

describe("recorded answers", () => {
  const simulated = fixtures("ahrefs").filter(([, { request }]) => {
    const route = `${request.method} ${new URL(request.url).pathname.replace("/v3", "")}`
    return operations.has(route) || route === "POST /public/domain-rating-free"
  })

  it("are there", () => {
    assert.isAtLeast(simulated.length, 11)
  })

  it.effect.each(simulated)("%s", ([, { request, response }]) =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make()
      const answer = yield* send(simulator.httpClient, request.url, "Bearer k", request.body)
      assert.strictEqual(answer.status, response.status)
      assert.isTrue(isShapedLike(answer.body, response.body), answer.text)
      assert.isTrue(isShapedLike(response.body, answer.body), answer.text)
    })
  )

  it.effect("of errors", () =>
    Effect.gen(function* () {
      const make = (options: AhrefsSimulator.Options) => AhrefsSimulator.make({ ...unlimited, ...options })
      const [unknownKey, noHeader, noRoute, noPlan, noUnits, ...invalid] = errorFixtures()
      const cases = [
        { fixture: unknownKey, options: { keys: ["other"] }, authorization: "Bearer k" },
        { fixture: noHeader, options: {}, authorization: "k" },
        { fixture: noRoute, options: {}, authorization: "Bearer k" },
        { fixture: noPlan, options: { noSubscription: true }, authorization: "Bearer k" },
        { fixture: noUnits, options: { budget: 0 }, authorization: "Bearer k" },
        ...invalid.map((fixture) => ({ fixture, options: {}, authorization: "Bearer k" }))
      ]
      for (const { authorization, fixture, options } of cases) {
        if (fixture === undefined) return assert.fail("fixture missing")
        const simulator = yield* make(options)
        const answer = yield* send(simulator.httpClient, fixture.request.url, authorization)
        assert.deepStrictEqual([answer.status, answer.body], [fixture.response.status, fixture.response.body])
        assert.strictEqual(yield* simulator.unitsBilled, 0)
      }
    })
  )
})

describe("validation", () => {
  it.effect.each([
    ["/site-explorer/domain-rating", { target: "a.com" }],
    ["/site-explorer/domain-rating", { target: "a.com", date: "yesterday" }],
    ["/site-explorer/domain-rating", { target: "not a host", date }],
    ["/site-explorer/all-backlinks", { target: "a.com" }],
    ["/site-explorer/all-backlinks", { target: "a.com", select: "nofollow" }],
    ["/site-explorer/all-backlinks", { target: "a.com", select: "anchor", limit: "0" }],
    ["/site-explorer/all-backlinks", { target: "a.com", select: "anchor", history: "some" }],
    ["/site-explorer/all-backlinks", { target: "a.com", select: "anchor", order_by: "anchor:up" }],
    ["/site-explorer/all-backlinks", { target: "a.com", select: "anchor", order_by: "link_group_count" }],
    [
      "/site-explorer/all-backlinks",
      { target: "a.com", select: "anchor", where: '{"field":"nofollow","is":["eq",1]}' }
    ],
    ["/site-explorer/organic-keywords", { target: "a.com", select: "keyword" }]
  ] satisfies ReadonlyArray<readonly [string, Params]>)("400 for %s %j", ([path, params]) =>
    Effect.gen(function* () {
      const answer = yield* ask(path, params)
      assert.strictEqual(answer.status, 400)
      assert.isTrue(isShapedLike(answer.body, { error: "" }))
    })
  )

  it.effect("400 for batches of 0 and 101, and for targets without mode", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make()
      const many = Array.from({ length: 101 }, (_, index) => `domain-${index}.com`)
      assert.strictEqual((yield* batch(simulator, ["index"], many)).status, 400)
      assert.strictEqual((yield* batch(simulator, ["index"], [])).status, 400)
      assert.strictEqual((yield* batch(simulator, ["index"], many.slice(1))).status, 200)
      const body = { select: ["index"], targets: [{ url: "a.com" }] }
      const path = `${base}/batch-analysis/batch-analysis`
      assert.strictEqual((yield* send(simulator.httpClient, path, "Bearer k", body)).status, 400)
      assert.strictEqual(yield* simulator.unitsBilled, 100)
    })
  )
})

describe("prices", () => {
  const operation = operations.get("GET /site-explorer/all-backlinks")
  const columns = [...(operation?.columns.values() ?? [])].filter(({ name }) => name !== "link_group_count")
  const some = FastCheck.uniqueArray(FastCheck.constantFrom(...columns), { minLength: 1, maxLength: 6 })
  const names = (fields: ReadonlyArray<Field>) => fields.map(({ name }) => name).join(",")

  it.effect.prop(
    "max(50, rows x distinct columns)",
    [some, FastCheck.subarray(columns, { maxLength: 3 }), FastCheck.integer({ min: 1, max: 200 })],
    ([select, order, limit]) =>
      Effect.gen(function* () {
        const simulator = yield* AhrefsSimulator.make({ facts: { "a.com": { backlinks: 90 } } })
        const params = { target: "a.com", select: names(select), limit, history: "live" }
        const answer = yield* get(
          simulator,
          "/site-explorer/all-backlinks",
          order.length === 0 ? params : { ...params, order_by: names(order) }
        )
        const rows = Math.min(limit, 90)
        const row = [...new Set([...select, ...order])].reduce((sum, { price }) => sum + price, 0)
        assert.strictEqual(rowsOf(answer).length, rows)
        assert.strictEqual(actual(answer), Math.max(50, rows * row))
        assert.strictEqual(answer.headers["x-api-rows"], String(rows))
        assert.strictEqual(answer.headers["x-api-units-cost-row"], String(row))
        assert.strictEqual(yield* simulator.unitsBilled, actual(answer))
      })
  )

  it.effect("as in the documented table", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ facts: { "a.com": { backlinks: 5000 } } })
      const targets = Array.from({ length: 100 }, (_, index) => `domain-${index}.com`)
      assert.strictEqual(actual(yield* batch(simulator, ["index", "domain_rating"], targets)), 200)
      assert.strictEqual(actual(yield* batch(simulator, ["index", "domain_rating"], targets.slice(75))), 50)
      const select = ["index", "url", "domain_rating", "url_rating", "refdomains"]
      assert.strictEqual(actual(yield* batch(simulator, select, targets)), 900)
      const links = { target: "a.com", select: "url_from,url_to,anchor,is_dofollow", limit: 100 }
      assert.strictEqual(actual(yield* get(simulator, "/site-explorer/all-backlinks", links)), 400)
      const where = '{"field":"traffic_domain","is":["gte",0]}'
      assert.strictEqual(actual(yield* get(simulator, "/site-explorer/all-backlinks", { ...links, where })), 1400)
      assert.strictEqual(actual(yield* get(simulator, "/subscription-info/limits-and-usage", {})), 0)
      assert.strictEqual(actual(yield* get(simulator, "/public/domain-rating-free", { target: "a.com" })), 0)
    })
  )

  it.effect("free test targets cost nothing and end at 100 rows", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ budget: 0, facts: { "ahrefs.com": { backlinks: 5000 } } })
      const params = { target: "https://ahrefs.com/blog", select: "anchor", limit: 500 }
      const answer = yield* get(simulator, "/site-explorer/all-backlinks", params)
      assert.strictEqual(rowsOf(answer).length, 100)
      assert.strictEqual(answer.headers["x-api-units-cost-total"], "100")
      assert.strictEqual(actual(answer), 0)
      const strict = yield* ask(
        "/site-explorer/domain-rating",
        { target: "ahrefs.com", date },
        { quirks: { freeTargets: false } }
      )
      assert.strictEqual(actual(strict), 50)
    })
  )

  it.effect("the budget ends, and the account says so", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ budget: 120 })
      const rating = get(simulator, "/site-explorer/domain-rating", { target: "a.com", date })
      const answers = yield* Effect.replicateEffect(rating, 3)
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 200, 403]
      )
      assert.deepStrictEqual(answers[2]?.body, {
        error: "API units limit reached. Expected usage: 50, API units left: 20."
      })
      const { body } = yield* get(simulator, "/subscription-info/limits-and-usage", {})
      assert.nestedPropertyVal(body, "limits_and_usage.units_limit_workspace", 120)
      assert.nestedPropertyVal(body, "limits_and_usage.units_usage_workspace", 100)
      assert.strictEqual(new Set(answers.map(({ headers }) => headers["x-request-id"])).size, 3)
    })
  )
})

describe("reports", () => {
  const facts = { "a.com": { domainRating: 40, backlinks: 140 } }
  const links = (params: Params) =>
    Effect.map(
      ask(
        "/site-explorer/all-backlinks",
        { target: "a.com", select: "url_from,domain_rating_source,is_dofollow,anchor,is_lost", ...params },
        { facts }
      ),
      rowsOf
    )
  const numbers = (rows: ReadonlyArray<Readonly<Record<string, unknown>>>, name: string) =>
    rows.map((row) => Number(row[name]))

  it.effect.each([...operations].filter(([, { params }]) => params.has("select")))(
    "%s gives every column its type",
    ([route, operation]) =>
      Effect.gen(function* () {
        const select = [...operation.columns.keys()].join(",")
        const answer = yield* ask(route.replace("GET ", ""), { target: "a.com", select, date }, { facts })
        const rows = rowsOf(answer)
        assert.isNotEmpty(rows)
        for (const row of rows) {
          assert.sameMembers(Object.keys(row), [...operation.columns.keys()])
          for (const column of operation.columns.values()) assert.isTrue(isOf(column, row[column.name]), column.name)
        }
      })
  )

  const isOf = ({ enum: choices, isList, isNullable, type }: Field, value: unknown): boolean => {
    if (value === null) return isNullable
    if (isList) return Array.isArray(value)
    if (type === "integer") return Number.isInteger(value)
    if (type === "number" || type === "boolean") return typeof value === type
    return typeof value === "string" && (choices.length === 0 || choices.includes(value))
  }

  it.effect("where filters", () =>
    Effect.gen(function* () {
      const all = yield* links({})
      const is = (field: string, operator: string, value: unknown) => ({ field, is: [operator, value] })
      const where = { and: [is("domain_rating_source", "gte", 30), { not: is("is_dofollow", "eq", false) }] }
      const filtered = yield* links({ where: JSON.stringify(where) })
      assert.deepStrictEqual(
        filtered,
        all.filter((row) => Number(row["domain_rating_source"]) >= 30 && row["is_dofollow"] === true)
      )
      const either = { or: [is("anchor", "isubstring", "READ"), is("anchor", "eq", "a.com")] }
      const anchors = yield* links({ where: JSON.stringify(either) })
      assert.deepStrictEqual(
        anchors,
        all.filter((row) => row["anchor"] === "read more" || row["anchor"] === "a.com")
      )
      assert.isNotEmpty(anchors)
    })
  )

  it.effect("order_by sorts, limit cuts", () =>
    Effect.gen(function* () {
      const all = numbers(yield* links({}), "domain_rating_source")
      const descending = all.toSorted((a, b) => b - a)
      const top = yield* links({ order_by: "domain_rating_source:desc,url_from:asc", limit: 10 })
      assert.deepStrictEqual(numbers(top, "domain_rating_source"), descending.slice(0, 10))
      const bottom = yield* links({ order_by: "domain_rating_source:asc" })
      assert.deepStrictEqual(numbers(bottom, "domain_rating_source"), descending.toReversed())
    })
  )

  it.effect("history takes lost links in or leaves them out", () =>
    Effect.gen(function* () {
      const all = yield* links({})
      assert.strictEqual(all.length, 160)
      assert.strictEqual(all.filter((row) => row["is_lost"] === true).length, 20)
      assert.strictEqual((yield* links({ history: "live" })).length, 140)
    })
  )

  it.effect("a keyword has a row where the site ranks for it", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make({ ...unlimited, facts: { "a.com": { domainRating: 99 } } })
      const positions = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, index) => `keyword ${index}`),
        (keyword) =>
          Effect.map(
            get(simulator, "/site-explorer/organic-keywords", {
              target: "a.com",
              date,
              select: "keyword,best_position",
              where: JSON.stringify({ field: "keyword", is: ["eq", keyword] })
            }),
            (answer) => {
              const rows = rowsOf(answer)
              assert.isTrue(rows.every((row) => row["keyword"] === keyword))
              return rows.length
            }
          )
      )
      assert.sameMembers([...new Set(positions)], [0, 1])
    })
  )

  it.effect("a lost keyword has lost its name", () =>
    Effect.gen(function* () {
      const params = {
        target: "a.com",
        date,
        date_compared: "2026-09-01",
        select: "keyword,keyword_merged,status,volume"
      }
      const rows = rowsOf(
        yield* ask("/site-explorer/organic-keywords", params, { facts: { "a.com": { domainRating: 99 } } })
      )
      const lost = rows.filter((row) => row["status"] === "right")
      assert.isNotEmpty(lost)
      assert.isTrue(
        lost.every((row) => row["keyword"] === null && row["volume"] === null && row["keyword_merged"] !== "")
      )
    })
  )
})

describe("batches", () => {
  const name = FastCheck.stringMatching(/^[a-z]{3,9}\.(com|org)$/)

  it.effect.prop(
    "say the same as single calls, joined by index",
    [FastCheck.array(name, { minLength: 1, maxLength: 10 })],
    ([targets]) =>
      Effect.gen(function* () {
        const simulator = yield* AhrefsSimulator.make(unlimited)
        const rows = rowsOf(yield* batch(simulator, ["index", "domain_rating", "ahrefs_rank"], targets))
        const singles = yield* Effect.forEach(targets, (target) =>
          get(simulator, "/site-explorer/domain-rating", { target, date })
        )
        assert.deepStrictEqual(
          rows
            .toSorted((a, b) => Number(a["index"]) - Number(b["index"]))
            .map(({ ahrefs_rank, domain_rating }) => ({ domain_rating: { domain_rating, ahrefs_rank } })),
          singles.map(({ body }) => body)
        )
      })
  )

  it.effect("are shuffled and respelled", () =>
    Effect.gen(function* () {
      const targets = [
        "xn--e1afmkfd.xn--p1ai",
        "NordVPN.com",
        ...Array.from({ length: 20 }, (_, index) => `d-${index}.com`)
      ]
      const quirky = rowsOf(yield* batch(yield* AhrefsSimulator.make(), ["index", "url"], targets))
      const plain = rowsOf(
        yield* batch(
          yield* AhrefsSimulator.make({ quirks: { shuffledRows: false, respelledTargets: false } }),
          ["index", "url"],
          targets
        )
      )
      assert.deepStrictEqual(
        plain,
        targets.map((url, index) => ({ index, url }))
      )
      assert.notDeepEqual(
        quirky.map((row) => row["index"]),
        plain.map((row) => row["index"])
      )
      assert.sameDeepMembers(quirky.slice(), [
        { index: 0, url: "пример.рф/" },
        { index: 1, url: "nordvpn.com/" },
        ...targets.slice(2).map((url, index) => ({ index: index + 2, url: `${url}/` }))
      ])
    })
  )
})

describe("seeds", () => {
  it.effect.prop("the same seed gives the same bytes", [FastCheck.integer(), FastCheck.domain()], ([seed, target]) =>
    Effect.gen(function* () {
      const params = { target, select: "url_from,anchor,traffic", limit: 5 }
      const [one, other] = yield* Effect.replicateEffect(ask("/site-explorer/all-backlinks", params, { seed }), 2)
      assert.strictEqual(one?.text, other?.text)
      assert.strictEqual(one?.headers["x-request-id"], other?.headers["x-request-id"])
    })
  )
})

describe("platform contract", () => {
  const platform = { contract: "platform", facts: { "a.com": { domainRating: 50, backlinks: 200 } } } as const

  it.effect("answers its four operations and bills row credits", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.make(platform)
      const target = { target: "a.com", mode: "domain" }
      const rating = yield* get(simulator, "/site-explorer/domain-rating", {
        ...target,
        select: "domain_rating,ahrefs_rank"
      })
      assert.isTrue(isShapedLike(rating.body, { domain: "", domain_rating: 0, ahrefs_rank: 0 }))
      const metrics = yield* get(simulator, "/site-explorer/metrics", { ...target, select: "referring_domains" })
      assert.isTrue(isShapedLike(metrics.body, { referring_domains: 0 }))
      assert.strictEqual(yield* simulator.unitsBilled, 2)
      const links = rowsOf(
        yield* get(simulator, "/site-explorer/backlinks", { ...target, order_by: "domain_rating_source:desc" })
      )
      assert.strictEqual(links.length, 100)
      assert.sameMembers(Object.keys(links[0] ?? {}), ["url_from", "domain_rating_source", "anchor", "nofollow"])
      const ratings = links.map((row) => Number(row["domain_rating_source"]))
      assert.deepStrictEqual(
        ratings,
        ratings.toSorted((a, b) => b - a)
      )
      const usage = yield* get(simulator, "/account/usage", {})
      assert.isTrue(isShapedLike(usage.body, { subscription: {} }))
      assert.strictEqual(yield* simulator.unitsBilled, 102)
      assert.strictEqual((yield* get(simulator, "/site-explorer/all-backlinks", target)).status, 404)
    })
  )

  it.effect("refuses unknown keys, says no subscription, ends its credits", () =>
    Effect.gen(function* () {
      const locked = yield* AhrefsSimulator.make({ ...platform, keys: ["other"] })
      assert.strictEqual((yield* get(locked, "/account/usage", {})).status, 401)
      const expired = yield* AhrefsSimulator.make({ ...platform, noSubscription: true })
      assert.deepStrictEqual((yield* get(expired, "/account/usage", {})).body, { subscription: null })
      const poor = yield* AhrefsSimulator.make({ ...platform, budget: 10 })
      const links = (limit: number) => get(poor, "/site-explorer/backlinks", { target: "a.com", limit })
      assert.strictEqual((yield* links(11)).status, 403)
      assert.strictEqual((yield* links(10)).status, 200)
    })
  )
})
