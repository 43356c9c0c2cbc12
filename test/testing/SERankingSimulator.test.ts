import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { SERankingSimulator } from "../../src/testing/index.js"
import { type Answer, fixtures, isShapedLike, query, send } from "./http.js"

const base = "https://api.seranking.com/v1"
const unlimited = { rateLimit: false } as const

type Params = Readonly<Record<string, string | number | ReadonlyArray<string>>>

const get = (simulator: SERankingSimulator.Service, path: string, params: Params = {}, authorization = "Token k") =>
  send(simulator.httpClient, `${base}${path}?${query(params)}`, authorization)
const ask = (path: string, params: Params, options: SERankingSimulator.Options = {}) =>
  Effect.flatMap(SERankingSimulator.make({ ...unlimited, ...options }), (simulator) => get(simulator, path, params))

const Row = Schema.Record({ key: Schema.String, value: Schema.Unknown })
const decode = Schema.decodeUnknownSync(
  Schema.Union(Schema.Array(Row), Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)
const decodeRows = Schema.decodeUnknownSync(Schema.Array(Row))
const rowsOf = ({ body }: Answer) => {
  const decoded = decode(body)
  return decodeRows(Array.isArray(decoded) ? decoded : Object.values(decoded)[0])
}

describe("recorded answers", () => {
  const simulated = new Set(["summary", "metrics", "refdomains", "keywords", "subscription", "credit-balance"])
  const recorded = fixtures("seranking").filter(
    ([, { request, response }]) =>
      response.status === 200 &&
      request.url.startsWith(base) &&
      simulated.has(new URL(request.url).pathname.split("/").at(-1) ?? "")
  )

  it("are there", () => {
    assert.isAtLeast(recorded.length, 11)
  })

  it.effect.each(recorded)("%s", ([name, { request, response }]) =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make({
        quirks: { misspeltExpiration: !name.includes("newer_spelling") }
      })
      const answer = yield* send(simulator.httpClient, request.url, "Token k", request.body)
      assert.strictEqual(answer.status, 200)
      assert.isTrue(isShapedLike(answer.body, response.body), answer.text)
      if (name.includes("unknown_domain")) assert.deepStrictEqual(answer.body, response.body)
    })
  )

  it.effect.each([
    ["error_403_insufficient_funds.docs.json", { budget: 99 }],
    ["error_data_401.partial.json", { keys: ["other"] }],
    ["error_429.docs.json", { rateLimit: { requests: 0, per: "1 second" } }]
  ] satisfies ReadonlyArray<readonly [string, SERankingSimulator.Options]>)("%s", ([name, options]) =>
    Effect.gen(function* () {
      const fixture = new Map(fixtures("seranking")).get(name)
      if (fixture === undefined) return assert.fail(name)
      const simulator = yield* SERankingSimulator.make(options)
      const answer = yield* send(simulator.httpClient, fixture.request.url, "Token k")
      assert.deepStrictEqual([answer.status, answer.body], [fixture.response.status, fixture.response.body])
      assert.strictEqual(yield* simulator.unitsBilled, 0)
    })
  )
})

describe("the key", () => {
  it.effect("goes with the word Token", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make()
      for (const authorization of ["Bearer k", "k", "Token ", ""]) {
        assert.strictEqual((yield* get(simulator, "/account/subscription", {}, authorization)).status, 401)
      }
    })
  )
})

describe("validation", () => {
  it.effect.each([
    ["/backlinks/summary", {}],
    ["/backlinks/summary", { target: "a.com", mode: "exact" }],
    ["/backlinks/summary", { target: "a.com,b.com" }],
    ["/backlinks/metrics", { target: Array.from({ length: 101 }, (_, index) => `d-${index}.com`) }],
    ["/backlinks/all", { target: "a.com", limit: 10_001 }],
    ["/backlinks/all", { target: ["a.com", "b.com"] }],
    ["/backlinks/all", { target: "a.com", order_by: "anchor" }],
    ["/backlinks/raw", { target: "a.com", next: "made-up==" }],
    ["/domain/keywords", { source: "us" }],
    ["/domain/keywords", { source: "us", domain: "a.com", "filter[multi_keyword_included]": "seo" }]
  ] satisfies ReadonlyArray<readonly [string, Params]>)("400 for %s %j", ([path, params]) =>
    Effect.gen(function* () {
      const answer = yield* ask(path, params)
      assert.strictEqual(answer.status, 400)
      assert.isTrue(isShapedLike(answer.body, { error: { code: 400, message: "", description: "" } }))
    })
  )

  it.effect("a missing source is a 500", () =>
    Effect.gen(function* () {
      const answer = yield* ask("/domain/keywords", { domain: "a.com" })
      assert.strictEqual(answer.status, 500)
      assert.include(answer.text, "source can't be empty")
      const plain = yield* ask("/domain/keywords", { domain: "a.com" }, { quirks: { validationAs500: false } })
      assert.strictEqual(plain.status, 400)
    })
  )

  it.effect("404 for other paths and for a slash too many", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask("/backlinks/summary/", { target: "a.com" })).status, 404)
      assert.strictEqual((yield* ask("/keywords/check", {})).status, 404)
    })
  )
})

describe("prices", () => {
  it.effect("as in the documented table", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make({
        ...unlimited,
        facts: { "a.com": { backlinks: 500, domainRating: 99 } }
      })
      const cost = (path: string, params: Params) =>
        Effect.gen(function* () {
          const before = yield* simulator.unitsBilled
          const answer = yield* get(simulator, path, params)
          assert.strictEqual(answer.status, 200, path)
          return (yield* simulator.unitsBilled) - before
        })
      const target = ["a.com", "b.com", "unknown-c.com"]
      assert.strictEqual(yield* cost("/backlinks/summary", { target }), 300)
      assert.strictEqual(yield* cost("/backlinks/metrics", { target }), 200)
      assert.strictEqual(yield* cost("/backlinks/authority", { target }), 200)
      assert.strictEqual(yield* cost("/backlinks/authority/domain", { target }), 20)
      assert.strictEqual(yield* cost("/backlinks/authority/page", { target }), 20)
      assert.strictEqual(yield* cost("/backlinks/all", { target: "a.com" }), 100)
      assert.strictEqual(yield* cost("/backlinks/raw", { target: "a.com" }), 500)
      assert.strictEqual(yield* cost("/backlinks/refdomains", { target: "a.com", limit: 7 }), 7)
      assert.strictEqual(yield* cost("/domain/keywords", { source: "us", domain: "a.com", limit: 5 }), 500)
      assert.strictEqual(yield* cost("/domain/keywords", { source: "us", domain: "unknown-a.com" }), 100)
      assert.strictEqual(yield* cost("/account/subscription", {}), 0)
      assert.strictEqual(yield* cost("/account/credit-balance", {}), 0)
    })
  )
})

describe("batches", () => {
  const name = FastCheck.stringMatching(/^[a-z]{3,9}\.(com|org)$/)

  it.effect.prop(
    "say the same as single calls, GET and POST alike",
    [FastCheck.uniqueArray(name, { minLength: 1, maxLength: 10 })],
    ([targets]) =>
      Effect.gen(function* () {
        const simulator = yield* SERankingSimulator.make(unlimited)
        const batch = yield* get(simulator, "/backlinks/metrics", { target: targets, mode: "domain" })
        const body = { target: targets, mode: "domain" }
        const posted = yield* send(simulator.httpClient, `${base}/backlinks/metrics`, "Token k", body)
        const singles = yield* Effect.forEach(targets, (target) => get(simulator, "/backlinks/metrics", { target }))
        assert.deepStrictEqual(posted.body, batch.body)
        assert.sameDeepMembers([...rowsOf(batch)], singles.flatMap(rowsOf))
        assert.isTrue(rowsOf(batch).every((row) => !("domain_inlink_rank" in row)))
      })
  )

  it.effect("leave out the unknown, shuffle and respell", () =>
    Effect.gen(function* () {
      const target = ["unknown-a.com", ...Array.from({ length: 20 }, (_, index) => `D-${index}.com`)]
      const names = (options: SERankingSimulator.Options) =>
        Effect.map(ask("/backlinks/metrics", { target }, options), (answer) =>
          rowsOf(answer).map((row) => row["target"])
        )
      const quirky = yield* names({})
      assert.sameMembers(quirky, target.slice(1))
      assert.notDeepEqual(quirky, target.slice(1))
      assert.deepStrictEqual(yield* names({ quirks: { shuffledRows: false, missingRows: false } }), target)
      assert.include(yield* names({ quirks: { respelledTargets: true } }), "d-0.com/")
    })
  )
})

describe("links", () => {
  const facts = { "a.com": { backlinks: 300, refdomains: 30, domainRating: 40 } }

  it.effect("filter and sort", () =>
    Effect.gen(function* () {
      const all = rowsOf(yield* ask("/backlinks/all", { target: "a.com", limit: 1000 }, { facts }))
      assert.strictEqual(all.length, 300)
      const params = {
        target: "a.com",
        limit: 1000,
        nofollow_filter: "dofollow_only",
        domain_inlink_rank_from: 30,
        anchor_filter: "a",
        anchor_filter_mode: "does_not_contain"
      }
      const some = rowsOf(yield* ask("/backlinks/all", params, { facts }))
      assert.deepStrictEqual(
        some,
        all.filter(
          (row) =>
            row["nofollow"] === false && Number(row["domain_inlink_rank"]) >= 30 && !String(row["anchor"]).includes("a")
        )
      )
      const ranked = rowsOf(
        yield* ask("/backlinks/all", { target: "a.com", order_by: "domain_inlink_rank" }, { facts })
      )
      const ranks = ranked.map((row) => Number(row["domain_inlink_rank"]))
      assert.deepStrictEqual(
        ranks,
        ranks.toSorted((a, b) => b - a)
      )
      assert.strictEqual(rowsOf(yield* ask("/backlinks/raw", { target: "a.com", per_domain: 2 }, { facts })).length, 60)
    })
  )

  it.effect("have the documented fields", () =>
    Effect.gen(function* () {
      const [link = {}] = rowsOf(yield* ask("/backlinks/all", { target: "a.com" }, { facts }))
      const shape = {
        url_from: "",
        url_to: "",
        title: "",
        anchor: "",
        alt: "",
        nofollow: true,
        image: true,
        image_source: "",
        inlink_rank: 1,
        domain_inlink_rank: 1,
        first_seen: "",
        last_visited: ""
      }
      assert.isTrue(isShapedLike(link, shape) && isShapedLike(shape, link))
    })
  )

  const Page = Schema.Struct({ backlinks: Schema.Array(Schema.Unknown), next: Schema.NullOr(Schema.String) })
  const pages = (simulator: SERankingSimulator.Service, limit: number) =>
    Stream.paginateEffect("", (next) =>
      Effect.map(
        get(simulator, "/backlinks/raw", { target: "a.com", limit, ...(next === "" ? {} : { next }) }),
        ({ body }) => {
          const page = Schema.decodeUnknownSync(Page)(body)
          return [page, Option.fromNullable(page.next)] as const
        }
      )
    )

  it.effect.prop("raw pages join to the whole", [FastCheck.integer({ min: 1, max: 400 })], ([limit]) =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make({ ...unlimited, facts })
      const paged = Chunk.toReadonlyArray(yield* Stream.runCollect(pages(simulator, Math.max(20, limit))))
      const whole = yield* get(simulator, "/backlinks/all", { target: "a.com", limit: 1000 })
      assert.deepStrictEqual(
        paged.flatMap(({ backlinks }) => backlinks),
        [...rowsOf(whole)]
      )
      assert.isTrue(paged.slice(0, -1).every(({ next }) => /^(?=.*_)(?=.*-)(?=.*\/).{300,}=$/.test(next ?? "")))
    })
  )

  it.live("a hundred thousand rows are quick and leave nothing behind", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make({ ...unlimited, facts: { "a.com": { backlinks: 100_000 } } })
      const [elapsed, rows] = yield* Effect.timed(
        Stream.runFold(pages(simulator, 10_000), 0, (count, { backlinks }) => count + backlinks.length)
      )
      assert.strictEqual(rows, 100_000)
      assert.isBelow(Duration.toMillis(elapsed), 5000)
      assert.isBelow(JSON.stringify(yield* simulator.requests).length, 10_000)
    })
  )
})

describe("keywords", () => {
  const facts = { "a.com": { domainRating: 99 } }

  it.effect("page, sort and filter", () =>
    Effect.gen(function* () {
      const params = { source: "us", domain: "a.com", order_field: "volume", order_type: "asc" }
      const all = rowsOf(yield* ask("/domain/keywords", { ...params, limit: 1000 }, { facts }))
      const volumes = all.map((row) => Number(row["volume"]))
      assert.deepStrictEqual(
        volumes,
        volumes.toSorted((a, b) => a - b)
      )
      assert.deepStrictEqual(
        rowsOf(yield* ask("/domain/keywords", { ...params, limit: 10, page: 2 }, { facts })),
        all.slice(10, 20)
      )
      const top = { "filter[position][to]": 10 }
      assert.deepStrictEqual(
        rowsOf(yield* ask("/domain/keywords", { ...params, ...top, limit: 1000 }, { facts })),
        all.filter((row) => Number(row["position"]) <= 10)
      )
    })
  )

  it.effect("outer lists are or, inner lists are and", () =>
    Effect.gen(function* () {
      const conditions = [
        [
          { type: "begins", value: "seo" },
          { type: "ends", value: "s" }
        ],
        [{ type: "contains", value: "guide" }]
      ]
      const params = {
        source: "us",
        domain: "a.com",
        limit: 1000,
        "filter[multi_keyword_included]": JSON.stringify(conditions)
      }
      const found = rowsOf(yield* ask("/domain/keywords", params, { facts })).map((row) => String(row["keyword"]))
      assert.isNotEmpty(found)
      assert.isTrue(found.every((keyword) => /^seo.*s$|guide/.test(keyword)))
    })
  )

  it.effect("agree with the platform's check", () =>
    Effect.gen(function* () {
      const keywords = Array.from({ length: 30 }, (_, index) => `any keyword ${index}`)
      const included = JSON.stringify(keywords.map((value) => [{ type: "exact", value }]))
      const params = { source: "us", domain: "a.com", "filter[multi_keyword_included]": included }
      const listed = rowsOf(yield* ask("/domain/keywords", params, { facts }))
      const simulator = yield* SERankingSimulator.make({ contract: "platform", facts })
      const checked = yield* send(simulator.httpClient, "https://gate.test/keywords/check/", "Token k", {
        domain: "a.com",
        keywords,
        search_engine: "google"
      })
      const positions = (rows: ReturnType<typeof rowsOf>) =>
        rows.filter((row) => row["position"] !== null).map((row) => [row["keyword"], row["position"]])
      assert.isNotEmpty(listed)
      assert.sameDeepMembers(positions(rowsOf(checked)), positions(listed))
      assert.strictEqual(rowsOf(checked).length, 30)
    })
  )
})

describe("the account", () => {
  it.effect("falls with the bill, in numbers or strings", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make({ budget: 250, quirks: { stringUnits: true } })
      yield* get(simulator, "/backlinks/summary", { target: "a.com" })
      const { body } = yield* get(simulator, "/account/subscription")
      assert.nestedPropertyVal(body, "subscription_info.units_left", "150")
      assert.nestedPropertyVal(body, "subscription_info.status", "active")
      assert.nestedProperty(body, "subscription_info.expiraton_date")
    })
  )

  it.effect("that is over refuses paid calls", () =>
    Effect.gen(function* () {
      const simulator = yield* SERankingSimulator.make({ status: "expired" })
      const { body } = yield* get(simulator, "/account/subscription")
      assert.nestedPropertyVal(body, "subscription_info.status", "expired")
      const refused = yield* get(simulator, "/backlinks/summary", { target: "a.com" })
      assert.strictEqual(refused.status, 403)
      assert.include(refused.text, "Subscription required")
    })
  )
})

describe("platform contract", () => {
  const gate = "https://api4.seranking.com"
  const facts = { "a.com": { domainRating: 50, backlinks: 200 } }
  const make = (options: SERankingSimulator.Options = {}) =>
    SERankingSimulator.make({ ...unlimited, contract: "platform", facts, ...options })
  const call = (simulator: SERankingSimulator.Service, path: string, params: Params = {}) =>
    send(simulator.httpClient, `${gate}${path}?${query(params)}`, "Token k")

  it.effect("summary, metrics and account", () =>
    Effect.gen(function* () {
      const simulator = yield* make()
      const summary = yield* call(simulator, "/research/backlinks/summary/", { domain: "a.com", domain_type: "domain" })
      const shape = {
        total_backlinks: 1,
        referring_domains: 1,
        referring_ips: 1,
        trust_flow: 1,
        citation_flow: 1,
        domain_trust_score: 1,
        nofollow_backlinks: 1,
        dofollow_backlinks: 1
      }
      assert.isTrue(isShapedLike(summary.body, shape) && isShapedLike(shape, summary.body))
      const body = { domains: ["a.com", "b.com", "unknown-c.com"] }
      const metrics = yield* send(simulator.httpClient, `${gate}/research/backlinks/metrics/`, "Token k", body)
      assert.sameMembers(
        rowsOf(metrics).map((row) => row["domain"]),
        ["a.com", "b.com"]
      )
      assert.isTrue(isShapedLike((yield* call(simulator, "/system/account/")).body, { email: "" }))
      assert.strictEqual(yield* simulator.unitsBilled, 0)
      assert.strictEqual((yield* call(simulator, "/research/backlinks/summary", { domain: "a.com" })).status, 404)
    })
  )

  it.effect("backlinks are sorted, filtered and paged; none is an answer without the list", () =>
    Effect.gen(function* () {
      const simulator = yield* make()
      const links = (params: Params) =>
        Effect.map(call(simulator, "/research/backlinks/", { domain: "a.com", ...params }), rowsOf)
      const all = yield* links({ limit: 1000 })
      assert.strictEqual(all.length, 200)
      const flows = all.map((row) => Number(row["trust_flow"]))
      assert.deepStrictEqual(
        flows,
        flows.toSorted((a, b) => b - a)
      )
      assert.deepStrictEqual(yield* links({ limit: 20, offset: 30 }), all.slice(30, 50))
      assert.strictEqual((yield* links({})).length, 50)
      assert.isTrue((yield* links({ filter_dofollow: 1 })).every((row) => row["nofollow"] === false))
      const nobody = yield* call(simulator, "/research/backlinks/", { domain: "unknown-a.com" })
      assert.deepStrictEqual(nobody.body, {})
    })
  )

  it.effect("an account without e-mail is no account", () =>
    Effect.gen(function* () {
      const locked = yield* make({ keys: ["other"] })
      const account = yield* call(locked, "/system/account/")
      assert.deepStrictEqual([account.status, account.body], [200, {}])
      assert.strictEqual((yield* call(locked, "/research/backlinks/", { domain: "a.com" })).status, 401)
      assert.deepStrictEqual((yield* call(yield* make({ status: "expired" }), "/system/account/")).body, {})
    })
  )
})
