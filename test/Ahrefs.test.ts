import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createServer } from "node:http"
import { expectTypeOf } from "vitest"
import * as Ahrefs from "../src/Ahrefs.js"
import * as SharedState from "../src/SharedState.js"
import { AhrefsSimulator } from "../src/testing/index.js"
import { failureOf, hasMembers } from "./support/assertions.js"
import { always, apiKey, json, makeAhrefs, never, type Sent, stub, text, plainAhrefs } from "./support/stub.js"

const base = "https://api.ahrefs.com/v3"
const headers = {
  authorization: `Bearer ${apiKey}`,
  accept: "application/json",
  "user-agent": "effect-seo-providers/0.1.0"
}
const get = (path: string, query: Readonly<Record<string, string>>): Sent => ({
  method: "GET",
  url: base + path,
  query: Object.entries(query),
  headers,
  body: undefined
})
const post = (path: string, body: unknown): Sent => ({
  method: "POST",
  url: base + path,
  query: [],
  headers: { ...headers, "content-type": "application/json", "content-length": lengthOf(body) },
  body
})
const lengthOf = (body: unknown) => String(new TextEncoder().encode(JSON.stringify(body)).length)
const query = (sent: ReadonlyArray<Sent>, n = 0) => new Map(sent[n]?.query)
const domains = (count: number) => Array.from({ length: count }, (_, i) => `site-${i}.com`)
const targetsOf = ({ body }: Sent) => (body as { readonly targets: ReadonlyArray<{ readonly url: string }> }).targets

const today = TestClock.setTime(Date.UTC(2026, 10, 21, 23, 59))

describe("platform contract", () => {
  const platform = { contract: "platform" } as const

  it.scoped("getDomainRating: the exact request and the typed result", () =>
    Effect.gen(function* () {
      const { ahrefs, charges, sent } = yield* makeAhrefs(
        always({ domain: "example.com", domain_rating: 71.5, ahrefs_rank: 1234, extra: { ignored: true } }),
        platform
      )
      // Under a span, so that a client that propagates traces would send traceparent and b3.
      const rating = yield* Effect.withSpan(ahrefs.getDomainRating("https://www.Example.com/x"), "caller")
      assert.deepStrictEqual<unknown>(rating, { domain: rating.domain, domainRating: 71.5, ahrefsRank: 1234 })
      assert.strictEqual(rating.domain, "example.com")
      assert.deepStrictEqual<unknown>(sent, [
        get("/site-explorer/domain-rating", {
          target: "example.com",
          mode: "domain",
          select: "domain_rating,ahrefs_rank"
        })
      ])
      assert.deepStrictEqual<unknown>(charges, [
        {
          provider: "ahrefs",
          contract: "platform",
          operation: "getDomainRating",
          unit: "row_credits",
          amount: 1,
          source: "computed"
        }
      ])
    })
  )

  it.scoped("getDomainRating: a null rank and a rating of 0 are values", () =>
    Effect.gen(function* () {
      const { ahrefs } = yield* makeAhrefs(always({ domain: "a.com", domain_rating: 0, ahrefs_rank: null }), platform)
      const { ahrefsRank, domainRating } = yield* ahrefs.getDomainRating("a.com")
      assert.deepStrictEqual<unknown>([domainRating, ahrefsRank], [0, null])
    })
  )

  it.scoped("getDomainRatings: one call a distinct site, a row for each input", () =>
    Effect.gen(function* () {
      const { ahrefs, charges, sent } = yield* makeAhrefs(
        (_, n) => json({ domain: "x", domain_rating: n * 10, ahrefs_rank: 1 }),
        platform
      )
      const rows = yield* ahrefs.getDomainRatings(["a.com", "b.com", "https://A.com/"])
      assert.deepStrictEqual<unknown>(
        rows.map(({ domain, domainRating }) => [domain, domainRating]),
        [
          ["a.com", 0],
          ["b.com", 10],
          ["a.com", 0]
        ]
      )
      assert.strictEqual(sent.length, 2)
      assert.deepStrictEqual<unknown>(
        charges.map(({ amount }) => amount),
        [1, 1]
      )
    })
  )

  it.scoped("getBacklinks: the exact request, rows mapped, a row credit a row", () =>
    Effect.gen(function* () {
      const { ahrefs, charges, sent } = yield* makeAhrefs(
        always({
          backlinks: [
            { url_from: "https://a.com/1", domain_rating_source: 90, anchor: "", nofollow: true },
            { url_from: "https://b.com/2", domain_rating_source: 4.9, anchor: "Example", nofollow: false, more: 1 }
          ]
        }),
        platform
      )
      assert.deepStrictEqual<unknown>(yield* ahrefs.getBacklinks("example.com"), [
        { urlFrom: "https://a.com/1", domainRating: 90, anchor: "", isNofollow: true },
        { urlFrom: "https://b.com/2", domainRating: 4.9, anchor: "Example", isNofollow: false }
      ])
      yield* ahrefs.getBacklinks("blog.example.com", 7)
      const request = (target: string, limit: string) =>
        get("/site-explorer/backlinks", {
          target,
          mode: "domain",
          select: "url_from,domain_rating_source,anchor,nofollow",
          order_by: "domain_rating_source:desc",
          output: "json",
          limit
        })
      assert.deepStrictEqual<unknown>(sent, [request("example.com", "100"), request("blog.example.com", "7")])
      assert.deepStrictEqual<unknown>(
        charges.map(({ amount, unit }) => [amount, unit]),
        [
          [2, "row_credits"],
          [2, "row_credits"]
        ]
      )
    })
  )

  it.scoped("getReferringDomains", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(always({ referring_domains: 42 }), platform)
      assert.strictEqual(yield* ahrefs.getReferringDomains("example.com"), 42)
      assert.deepStrictEqual<unknown>(sent, [
        get("/site-explorer/metrics", { target: "example.com", mode: "domain", select: "referring_domains" })
      ])
    })
  )

  it.scoped("verify: an object is a subscription, null is none, 401 is a wrong key", () =>
    Effect.gen(function* () {
      const answers = [
        json({ subscription: { plan: "Advanced" } }),
        json({ subscription: null }),
        json({ error: "unauthorized" }, 401)
      ]
      const { ahrefs, sent } = yield* makeAhrefs((_, n) => answers[n] ?? never, platform)
      const usage = yield* ahrefs.verify
      assert.deepStrictEqual<unknown>([usage.isActive, usage.unit, usage.left], [true, "row_credits", null])
      const inactive = yield* Effect.flip(ahrefs.verify)
      assert.deepStrictEqual<unknown>([inactive._tag, inactive.operation], ["NoSubscription", "verify"])
      const refused = yield* Effect.flip(ahrefs.verify)
      assert.strictEqual(refused._tag, "InvalidKey")
      assert.deepStrictEqual<unknown>(refused.status, Option.some(401))
      assert.deepStrictEqual<unknown>(
        sent,
        Array.from({ length: 3 }, () => get("/account/usage", {}))
      )
    })
  )

  it.scoped("what it cannot answer is told before any network", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(always({}), platform)
      const free = yield* makeAhrefs(always({}), { ...platform, freeDomainRating: true })
      const calls = {
        getUrlRating: ahrefs.getUrlRating("example.com/a"),
        getDomainMetrics: ahrefs.getDomainMetrics(["example.com"], ["refdomains"]),
        getKeywordRankings: ahrefs.getKeywordRankings("example.com", { country: "us" }),
        getDomainRating: free.ahrefs.getDomainRating("example.com"),
        getDomainRatings: free.ahrefs.getDomainRatings(["example.com"])
      }
      for (const [operation, call] of Object.entries(calls)) {
        const error = yield* failureOf(call)
        hasMembers(error, { _tag: "Unsupported", provider: "ahrefs", operation })
      }
      const choices: ReadonlyArray<Ahrefs.BacklinksOptions<Ahrefs.BacklinkColumn>> = [
        { columns: ["title"] },
        { mode: "domain" },
        { protocol: "both" },
        { history: "live" },
        { aggregation: "all" },
        { where: { field: "anchor", is: "empty" } },
        { orderBy: [] }
      ]
      for (const options of choices) {
        const error = yield* Effect.flip(ahrefs.getBacklinks("example.com", 10, options))
        hasMembers(error, { _tag: "Unsupported", provider: "ahrefs", operation: "getBacklinks" })
      }
      assert.deepStrictEqual<unknown>([...sent, ...free.sent], [])
    })
  )
})

describe("vendor contract", () => {
  it.scoped("getDomainRating: a batch of one, without the rank", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(always({ targets: [{ index: 0, domain_rating: 26 }] }))
      const { ahrefsRank, domain, domainRating } = yield* ahrefs.getDomainRating("Red-Engage.com")
      assert.deepStrictEqual<unknown>([domain, domainRating, ahrefsRank], ["red-engage.com", 26, null])
      assert.deepStrictEqual<unknown>(sent[0]?.body, {
        select: ["index", "domain_rating"],
        targets: [{ url: "red-engage.com", mode: "subdomains", protocol: "both" }],
        output: "json"
      })
    })
  )

  it.scoped("getReferringDomains: backlinks-stats of the host and its subdomains", () =>
    Effect.gen(function* () {
      yield* today
      const { ahrefs, sent } = yield* makeAhrefs(
        always({ metrics: { live: 1, all_time: 2, live_refdomains: 42, all_time_refdomains: 99 } })
      )
      assert.strictEqual(yield* ahrefs.getReferringDomains("https://blog.example.com/"), 42)
      assert.deepStrictEqual<unknown>(sent, [
        get("/site-explorer/backlinks-stats", {
          target: "blog.example.com",
          date: "2026-11-21",
          mode: "subdomains",
          protocol: "both",
          output: "json"
        })
      ])
    })
  )

  it.scoped("getUrlRating: a batch of one exact page", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs((_, n) =>
        json({ targets: n === 0 ? [{ index: 0, url_rating: 4.9 }] : [] })
      )
      assert.deepStrictEqual<unknown>(yield* ahrefs.getUrlRating("Example.com/a?b#c"), {
        url: "http://example.com/a?b" as never,
        urlRating: 4.9
      })
      assert.strictEqual((yield* ahrefs.getUrlRating("https://example.com")).urlRating, null)
      assert.deepStrictEqual<unknown>(
        sent[0],
        post("/batch-analysis/batch-analysis", {
          select: ["index", "url_rating"],
          targets: [{ url: "http://example.com/a?b", mode: "exact", protocol: "both" }],
          output: "json"
        })
      )
    })
  )

  it.scoped("another base URL, with or without slashes at its end", () =>
    Effect.gen(function* () {
      for (const apiUrl of ["https://gateway.test/ahrefs", "https://gateway.test/ahrefs//"]) {
        const { ahrefs, sent } = yield* makeAhrefs(always({ metrics: { live_refdomains: 1 } }), { apiUrl })
        yield* ahrefs.getReferringDomains("a.com")
        assert.strictEqual(sent[0]?.url, "https://gateway.test/ahrefs/site-explorer/backlinks-stats")
      }
      const { ahrefs } = yield* makeAhrefs(() => never, { apiUrl: "no url" })
      const error = yield* Effect.flip(ahrefs.getReferringDomains("a.com"))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.include(error.message, "apiUrl")
    })
  )

  describe("batches", () => {
    it.scoped("the exact request; rows joined by index when shuffled, missing, extra or out of range", () =>
      Effect.gen(function* () {
        const { ahrefs, sent } = yield* makeAhrefs(
          always({
            targets: [
              { index: 7, domain_rating: 99 },
              { index: 2, domain_rating: 20, url: "a.com/" },
              { index: -1, domain_rating: 98 },
              { index: 0, domain_rating: 0 },
              { index: 3, domain_rating: null }
            ]
          })
        )
        const rows = yield* ahrefs.getDomainRatings(["a.com", "b.com", "c.com", "d.com"])
        assert.deepStrictEqual<unknown>(
          rows.map(({ domain, domainRating }) => [domain, domainRating]),
          [
            ["a.com", 0],
            ["b.com", null],
            ["c.com", 20],
            ["d.com", null]
          ]
        )
        assert.deepStrictEqual<unknown>(sent, [
          post("/batch-analysis/batch-analysis", {
            select: ["index", "domain_rating"],
            targets: ["a.com", "b.com", "c.com", "d.com"].map((url) => ({ url, mode: "subdomains", protocol: "both" })),
            output: "json"
          })
        ])
      })
    )

    const byNumber = (request: Sent) =>
      json({
        targets: targetsOf(request)
          .map(({ url }, index) => ({ index, domain_rating: Number(/\d+/.exec(url)?.[0]) / 10 }))
          .toReversed()
      })

    it.scoped("250 domains are calls of 100, 100 and 50", () =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(byNumber)
        const asked = domains(250)
        const rows = yield* ahrefs.getDomainRatings(asked)
        assert.deepStrictEqual<unknown>(
          rows.map(({ domain, domainRating }) => [domain, domainRating]),
          asked.map((domain, i) => [domain, i / 10])
        )
        assert.deepStrictEqual<unknown>(
          sent.map((request) => targetsOf(request).length),
          [100, 100, 50]
        )
        assert.deepStrictEqual<unknown>(
          charges.map(({ amount }) => amount),
          [200, 200, 100]
        )
      })
    )

    it.scoped("duplicates, also across calls, are asked once and answered in every row", () =>
      Effect.gen(function* () {
        const { ahrefs, sent } = yield* makeAhrefs(byNumber)
        const asked = ["site-7.com", ...domains(120), "https://www.site-7.com/page", "SITE-119.com", "site-3.com"]
        const rows = yield* ahrefs.getDomainRatings(asked)
        assert.deepStrictEqual<unknown>(
          sent.map((request) => targetsOf(request).length),
          [100, 20]
        )
        assert.strictEqual(new Set(sent.flatMap((request) => targetsOf(request).map(({ url }) => url))).size, 120)
        assert.strictEqual(rows.length, asked.length)
        assert.deepStrictEqual<unknown>(
          [rows[0], ...rows.slice(-3)].map((row) => row?.domainRating),
          [0.7, 0.7, 11.9, 0.3]
        )
      })
    )

    it.scoped("the stream gives the first hundred before the second call fails", () =>
      Effect.gen(function* () {
        const { ahrefs, sent } = yield* makeAhrefs((request, n) => (n === 0 ? byNumber(request) : text("", 401)))
        const seen: Array<string> = []
        const error = yield* ahrefs.getDomainRatingsStream(domains(150)).pipe(
          Stream.runForEach(({ domain }) => Effect.sync(() => seen.push(domain))),
          Effect.flip
        )
        assert.strictEqual(error._tag, "InvalidKey")
        assert.deepStrictEqual<unknown>(seen, domains(100))
        assert.strictEqual(sent.length, 2)
        yield* ahrefs
          .getDomainMetricsStream(domains(150), ["refips"])
          .pipe(Stream.take(1), Stream.runDrain, Effect.flip)
        assert.strictEqual(sent.length, 3)
      })
    )

    it.scoped("an internationalised domain goes out in punycode and is joined to Unicode", () =>
      Effect.gen(function* () {
        const { ahrefs, sent } = yield* makeAhrefs(
          always({ targets: [{ index: 0, url: "пример.рф/", domain_rating: 10 }] })
        )
        const [row] = yield* ahrefs.getDomainRatings(["Пример.рф"])
        assert.deepStrictEqual<unknown>([row?.domain, row?.domainRating], ["xn--e1afmkfd.xn--p1ai", 10])
        assert.strictEqual(targetsOf(sent[0]!)[0]?.url, "xn--e1afmkfd.xn--p1ai")
      })
    )
  })

  describe("free domain ratings", () => {
    const free = { freeDomainRating: true } as const
    const license = "http://ahrefs.com/legal/domain-rating-license"
    const attribution = { text: "Domain Rating by Ahrefs", url: "https://ahrefs.com/", license } as const

    it.scoped("one: POST, without rank, with attribution, for 0 units", () =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(
          always({ domain_rating: { targets: [{ target: "example.com/", domain_rating: 46 }], license } }),
          free
        )
        const rating = yield* ahrefs.getDomainRating("example.com")
        assert.deepStrictEqual<unknown>(rating, {
          domain: rating.domain,
          domainRating: 46,
          ahrefsRank: null,
          attribution
        })
        assert.deepStrictEqual<unknown>(sent[0]?.body, { targets: ["example.com"] })
        assert.deepStrictEqual<unknown>([charges[0]?.amount, charges[0]?.unit], [0, "api_units"])
      })
    )

    it.scoped("many: POST, joined by target whatever its spelling", () =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(
          always({
            domain_rating: {
              targets: [
                { target: "stranger.com/", domain_rating: 1 },
                { target: "пример.рф/", domain_rating: 10 },
                { target: "nordvpn.com/", domain_rating: 88 }
              ],
              license
            }
          }),
          free
        )
        const rows = yield* ahrefs.getDomainRatings(["NordVPN.com", "unknown.com", "пример.рф", "nordvpn.com"])
        assert.deepStrictEqual<unknown>(
          rows.map(({ domainRating }) => domainRating),
          [88, null, 10, 88]
        )
        for (const row of rows) assert.deepStrictEqual<unknown>(row.attribution, attribution)
        assert.deepStrictEqual<unknown>(sent, [
          post("/public/domain-rating-free", { targets: ["nordvpn.com", "unknown.com", "xn--e1afmkfd.xn--p1ai"] })
        ])
        assert.strictEqual(charges[0]?.amount, 0)
      })
    )
  })

  describe("getDomainMetrics", () => {
    it.scoped("is typed by its columns and asks for each once", () =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(
          always({
            targets: [
              { index: 1, refdomains: 5, org_traffic_top_by_country: [["US", 12]], ip: null },
              { index: 0, refdomains: 9, org_traffic_top_by_country: [], ip: "1.2.3.4" }
            ]
          })
        )
        const rows = yield* ahrefs.getDomainMetrics(
          ["a.com", "b.com", "a.com"],
          ["refdomains", "orgTrafficTopByCountry", "ip", "refdomains"]
        )
        expectTypeOf(rows[0]!.refdomains).toEqualTypeOf<number | null>()
        expectTypeOf(rows[0]!.ip).toEqualTypeOf<string | null>()
        expectTypeOf(rows[0]!.orgTrafficTopByCountry).toEqualTypeOf<ReadonlyArray<readonly [string, number]> | null>()
        expectTypeOf(rows[0]!).not.toHaveProperty("domainRating")
        expectTypeOf(ahrefs.getDomainMetrics<"refips">).returns.toEqualTypeOf<
          Effect.Effect<ReadonlyArray<Ahrefs.DomainMetrics<"refips">>, Effect.Effect.Error<typeof failing>>
        >()
        const failing = ahrefs.getDomainMetrics([], ["refips"])
        const first = { refdomains: 9, orgTrafficTopByCountry: [], ip: "1.2.3.4" }
        assert.deepStrictEqual<unknown>(rows, [
          { domain: "a.com", ...first },
          { domain: "b.com", refdomains: 5, orgTrafficTopByCountry: [["US", 12]], ip: null },
          { domain: "a.com", ...first }
        ])
        assert.deepStrictEqual<unknown>(
          sent[0],
          post("/batch-analysis/batch-analysis", {
            select: ["index", "refdomains", "org_traffic_top_by_country", "ip"],
            targets: ["a.com", "b.com"].map((url) => ({ url, mode: "subdomains", protocol: "both" })),
            output: "json"
          })
        )
        // 2 targets of 1 (index) + 5 + 10 + 1 units are below the minimum of a call.
        assert.strictEqual(charges[0]?.amount, 50)
      })
    )

    it.scoped("sends mode, protocol and country; inputs are URLs where the mode wants pages", () =>
      Effect.gen(function* () {
        const { ahrefs, sent } = yield* makeAhrefs(always({ targets: [] }))
        const options = { mode: "prefix", protocol: "https", country: "de" } as const
        const [row] = yield* ahrefs.getDomainMetrics(["https://a.com/blog/"], ["urlRating"], options)
        assert.deepStrictEqual<unknown>(row, { domain: "https://a.com/blog/", urlRating: null })
        assert.deepStrictEqual<unknown>(sent[0]?.body, {
          select: ["index", "url_rating"],
          targets: [{ url: "https://a.com/blog/", mode: "prefix", protocol: "https" }],
          country: "de",
          output: "json"
        })
      })
    )
  })

  describe("getBacklinks", () => {
    const row = {
      url_from: "https://blog.example.org/a",
      domain_rating_source: 4.9,
      anchor: "Example",
      is_nofollow: false
    }

    it.scoped("live links, the strongest first, four columns by default", () =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(always({ backlinks: [{ ...row, other: 1 }] }))
        assert.deepStrictEqual<unknown>(yield* ahrefs.getBacklinks("example.com"), [
          { urlFrom: row.url_from, domainRating: 4.9, anchor: "Example", isNofollow: false }
        ])
        assert.deepStrictEqual<unknown>(sent, [
          get("/site-explorer/all-backlinks", {
            target: "example.com",
            select: "url_from,domain_rating_source,anchor,is_nofollow",
            mode: "subdomains",
            protocol: "both",
            history: "live",
            aggregation: "similar_links",
            order_by: "domain_rating_source:desc",
            limit: "100",
            output: "json"
          })
        ])
        assert.strictEqual(charges[0]?.amount, 50)
      })
    )

    it.scoped("further columns, filter, order, history, aggregation, mode and protocol", () =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(
          always({
            backlinks: Array.from({ length: 10 }, () => ({
              ...row,
              traffic_domain: 7,
              last_seen: null,
              languages: ["en"]
            }))
          })
        )
        const rows = yield* ahrefs.getBacklinks("https://example.com/page", 20, {
          columns: ["trafficDomain", "lastSeen", "languages", "trafficDomain"],
          mode: "exact",
          protocol: "https",
          history: "since:2026-01-01",
          aggregation: "1_per_domain",
          where: {
            and: [
              { field: "domainRating", is: ["gte", 30] },
              { or: [{ not: { field: "isSpam", is: ["eq", true] } }, { field: "lastSeen", is: "is_null" }] },
              { field: "languages", listIs: { any: ["eq", "en"] } },
              { field: "refdomainsSource", is: ["gt", 3] }
            ]
          },
          orderBy: [
            { column: "trafficDomain", direction: "desc" },
            { column: "urlFrom", direction: "asc" }
          ]
        })
        expectTypeOf(rows[0]!.trafficDomain).toEqualTypeOf<number | null>()
        expectTypeOf(rows[0]!.languages).toEqualTypeOf<ReadonlyArray<string> | null>()
        expectTypeOf(rows[0]!).not.toHaveProperty("title")
        assert.deepStrictEqual<unknown>(rows[0], {
          urlFrom: row.url_from,
          domainRating: 4.9,
          anchor: "Example",
          isNofollow: false,
          trafficDomain: 7,
          lastSeen: null,
          languages: ["en"]
        })
        const { where, ...params } = Object.fromEntries(sent[0]?.query ?? [])
        assert.deepStrictEqual<unknown>(params, {
          target: "https://example.com/page",
          select: "url_from,domain_rating_source,anchor,is_nofollow,traffic_domain,last_seen,languages",
          mode: "exact",
          protocol: "https",
          history: "since:2026-01-01",
          aggregation: "1_per_domain",
          order_by: "traffic_domain:desc,url_from:asc",
          limit: "20",
          output: "json"
        })
        assert.deepStrictEqual<unknown>(JSON.parse(where ?? ""), {
          and: [
            { field: "domain_rating_source", is: ["gte", 30] },
            { or: [{ not: { field: "is_spam", is: ["eq", true] } }, { field: "last_seen", is: "is_null" }] },
            { field: "languages", list_is: { any: ["eq", "en"] } },
            { field: "refdomains_source", is: ["gt", 3] }
          ]
        })
        // 4 + traffic_domain 10 + last_seen 1 + languages 1 + is_spam 1 + refdomains_source 5, ten rows.
        assert.strictEqual(charges[0]?.amount, 220)
      })
    )

    it.scoped("a free target is asked for 100 rows at the most", () =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(always({ backlinks: [] }))
        yield* ahrefs.getBacklinks("ahrefs.com", 500)
        assert.strictEqual(query(sent).get("limit"), "100")
        assert.strictEqual(charges[0]?.amount, 0)
      })
    )
  })

  describe("getKeywordRankings", () => {
    const row = (keyword: string | null, position: number | null = 1) => ({
      keyword,
      best_position: position,
      best_position_url: position === null ? null : "https://example.com/"
    })

    it.scoped("the best first, further columns, rows without a keyword dropped but billed", () =>
      Effect.gen(function* () {
        yield* today
        const { ahrefs, charges, sent } = yield* makeAhrefs(
          always({
            keywords: [
              { ...row("seo"), volume: 900 },
              { ...row(null, null), volume: null }
            ]
          })
        )
        const rows = yield* ahrefs.getKeywordRankings("example.com", { country: "US", limit: 7, columns: ["volume"] })
        expectTypeOf(rows[0]!.volume).toEqualTypeOf<number | null>()
        assert.deepStrictEqual<unknown>(rows, [
          { keyword: "seo", position: 1, url: "https://example.com/", volume: 900 }
        ])
        assert.deepStrictEqual<unknown>(sent, [
          get("/site-explorer/organic-keywords", {
            target: "example.com",
            select: "keyword,best_position,best_position_url,volume",
            date: "2026-11-21",
            country: "us",
            mode: "subdomains",
            protocol: "both",
            order_by: "best_position:asc",
            limit: "7",
            output: "json"
          })
        ])
        assert.strictEqual(charges[0]?.amount, 50)
      })
    )

    it.scoped("keywords go out by fifties and come back in their order and spelling", () =>
      Effect.gen(function* () {
        const { ahrefs, sent } = yield* makeAhrefs(() => json({ keywords: [row("word 3", 3), row("word 119", 9)] }))
        const keywords = ["Word  3", ...Array.from({ length: 120 }, (_, i) => `word ${i}`)]
        const rows = yield* ahrefs.getKeywordRankings("example.com", { country: "us", keywords })
        assert.deepStrictEqual<unknown>(
          rows.map(({ keyword }) => keyword),
          keywords
        )
        const ranked = rows.filter(({ position }) => position !== null)
        assert.deepStrictEqual<unknown>(
          ranked.map(({ keyword, position }) => [keyword, position]),
          [
            ["Word  3", 3],
            ["word 3", 3],
            ["word 119", 9]
          ]
        )
        assert.deepStrictEqual<unknown>(rows[1], { keyword: "word 0", position: null, url: null })
        const filters = sent.map(
          (request) => JSON.parse(new Map(request.query).get("where") ?? "") as { readonly or: ReadonlyArray<unknown> }
        )
        assert.deepStrictEqual<unknown>(
          filters.map((filter) => filter.or.length),
          [50, 50, 20]
        )
        assert.deepStrictEqual<unknown>(
          sent.map((_, n) => query(sent, n).get("limit")),
          ["50", "50", "20"]
        )
        assert.deepStrictEqual<unknown>(filters[0]?.or[0], { field: "keyword", is: ["eq", "word 3"] })
      })
    )
  })

  describe("getUsage and verify", () => {
    const account = {
      subscription: "Standard, billed monthly",
      usage_reset_date: "2026-09-04T00:00:00Z",
      units_limit_workspace: 400000,
      units_usage_workspace: 5700,
      units_limit_api_key: null,
      units_usage_api_key: 5700,
      api_key_expiration_date: "2027-08-06T01:57:32Z"
    }
    const usageOf = (changes: Readonly<Record<string, unknown>>) =>
      Effect.gen(function* () {
        const { ahrefs, sent } = yield* makeAhrefs(always({ limits_and_usage: { ...account, ...changes } }))
        const usage = yield* ahrefs.getUsage
        assert.deepStrictEqual<unknown>(sent, [get("/subscription-info/limits-and-usage", { output: "json" })])
        return [usage.limit, usage.used, usage.left, usage.isActive]
      })

    it.scoped("the tighter of the two limits counts", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual<unknown>(yield* usageOf({}), [400000, 5700, 394300, true])
        const cap = { units_limit_api_key: 6000 }
        assert.deepStrictEqual<unknown>(yield* usageOf(cap), [6000, 5700, 300, true])
        assert.deepStrictEqual<unknown>(yield* usageOf({ units_limit_api_key: 900000 }), [400000, 5700, 394300, true])
        const unlimited = { units_limit_workspace: null }
        assert.deepStrictEqual<unknown>(yield* usageOf(unlimited), [null, 5700, null, true])
        assert.deepStrictEqual<unknown>(yield* usageOf({ ...cap, ...unlimited }), [6000, 5700, 300, true])
        const none = { units_limit_workspace: 0, units_usage_workspace: 0 }
        assert.deepStrictEqual<unknown>(yield* usageOf(none), [0, 0, 0, false])
      })
    )

    it.scoped("dates as date or date-time", () =>
      Effect.gen(function* () {
        for (const date of ["2026-09-04", "2026-09-04T00:00:00Z"]) {
          const { ahrefs } = yield* makeAhrefs(always({ limits_and_usage: { ...account, usage_reset_date: date } }))
          const { keyExpiresAt, plan, resetsAt } = yield* ahrefs.getUsage
          assert.strictEqual(resetsAt?.epochMillis, Date.UTC(2026, 8, 4))
          assert.strictEqual(keyExpiresAt?.epochMillis, Date.UTC(2027, 7, 6, 1, 57, 32))
          assert.strictEqual(plan, "Standard, billed monthly")
        }
      })
    )

    it.scoped("verify: a workspace without units has no subscription, a 403 for the plan neither", () =>
      Effect.gen(function* () {
        const answers = [
          json({ limits_and_usage: { ...account, units_limit_workspace: 0 } }),
          json({ error: "Insufficient plan" }, 403),
          json(["Error", "Unauthorized"], 401),
          json({ limits_and_usage: account })
        ]
        const { ahrefs } = yield* makeAhrefs((_, n) => answers[n] ?? never)
        assert.strictEqual((yield* Effect.flip(ahrefs.verify))._tag, "NoSubscription")
        assert.strictEqual((yield* Effect.flip(ahrefs.verify))._tag, "NoSubscription")
        assert.strictEqual((yield* Effect.flip(ahrefs.verify))._tag, "InvalidKey")
        assert.isTrue((yield* ahrefs.verify).isActive)
      })
    )
  })
})

describe("before any network", () => {
  const contracts = ["vendor", "platform"] as const

  it.scoped.each(contracts)("%s: limits that are none", (contract) =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(always({}), { contract })
      for (const limit of [0, -1, 1.5, NaN, Infinity, 1e9, 100_001]) {
        const error = yield* Effect.flip(ahrefs.getBacklinks("a.com", limit))
        hasMembers(error, { _tag: "InvalidRequest", provider: "ahrefs", operation: "getBacklinks" })
        assert.include(error.message, String(limit))
        if (contract === "platform") continue
        const keywords = yield* Effect.flip(ahrefs.getKeywordRankings("a.com", { country: "us", limit }))
        hasMembers(keywords, { _tag: "InvalidRequest", operation: "getKeywordRankings" })
      }
      assert.deepStrictEqual<unknown>(sent, [])
    })
  )

  it.scoped("empty lists, keywords, columns, countries and filters that are none", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(always({}))
      const keywords = (keywords: ReadonlyArray<string>) =>
        ahrefs.getKeywordRankings("a.com", { country: "us", keywords })
      const country = (country: string) => ahrefs.getKeywordRankings("a.com", { country })
      const links = (options: Ahrefs.BacklinksOptions<Ahrefs.BacklinkColumn>) =>
        ahrefs.getBacklinks("a.com", 9, options)
      const nowhere = "nowhere" as Ahrefs.FilterColumn
      const calls: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>]> = [
        ["getDomainRatings", ahrefs.getDomainRatings([])],
        ["getDomainMetrics", ahrefs.getDomainMetrics([], ["refips"])],
        ["getDomainMetrics", ahrefs.getDomainMetrics(["a.com"], [])],
        ...["", "usa", "united states", "u1"].map(
          (country) => ["getDomainMetrics", ahrefs.getDomainMetrics(["a.com"], ["orgTraffic"], { country })] as const
        ),
        ...[[], [""], ["a", "  "], ["x".repeat(201)]].map((list) => ["getKeywordRankings", keywords(list)] as const),
        ...["", "usa", "u", "1a", "üs"].map((code) => ["getKeywordRankings", country(code)] as const),
        ["getBacklinks", links({ where: { and: [] } })],
        ["getBacklinks", links({ where: { not: { or: [] } } })],
        ["getBacklinks", links({ where: { field: "anchor", is: ["eq", ""] } })],
        ["getBacklinks", links({ where: { field: nowhere, is: "empty" } })],
        ["getBacklinks", links({ where: { field: "toString" as Ahrefs.FilterColumn, is: "empty" } })],
        ["getBacklinks", links({ orderBy: [{ column: "linkGroupCount", direction: "asc" }] })],
        ["getBacklinks", links({ orderBy: [{ column: nowhere, direction: "asc" }] })],
        ["getBacklinks", links({ aggregation: "all", columns: ["linkGroupCount"] })]
      ]
      for (const [operation, call] of calls) {
        const error = yield* failureOf(call)
        hasMembers(error, { _tag: "InvalidRequest", provider: "ahrefs", operation })
      }
      assert.deepStrictEqual<unknown>(sent, [])
    })
  )

  it.scoped.each(contracts)("%s: inputs that are no target", (contract) =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(always({}), { contract })
      for (const bad of ["", "localhost", "1.2.3.4", "co.uk", "user:hunter2@example.com"]) {
        const calls = {
          getDomainRating: ahrefs.getDomainRating(bad),
          getDomainRatings: ahrefs.getDomainRatings(["good.com", bad]),
          getBacklinks: ahrefs.getBacklinks(bad),
          getReferringDomains: ahrefs.getReferringDomains(bad),
          ...(contract === "vendor" && {
            getUrlRating: ahrefs.getUrlRating(bad),
            getDomainMetrics: ahrefs.getDomainMetrics(["good.com", bad], ["refips"]),
            getKeywordRankings: ahrefs.getKeywordRankings(bad, { country: "us" })
          })
        }
        for (const [operation, call] of Object.entries(calls)) {
          const error = yield* failureOf(call)
          hasMembers(error, {
            _tag: "InvalidTarget",
            provider: Option.some("ahrefs"),
            operation: Option.some(operation)
          })
          assert.notInclude(String(error), "hunter2")
        }
      }
      assert.deepStrictEqual<unknown>(sent, [])
    })
  )
})

describe("answers in another form", () => {
  const secret = "BODY-TEXT"
  const cases: ReadonlyArray<
    readonly [
      path: string,
      contract: "vendor" | "platform",
      body: unknown,
      call: (ahrefs: Ahrefs.Service) => Effect.Effect<unknown, { readonly _tag: string; readonly message: string }>
    ]
  > = [
    ["targets", "vendor", { other: secret }, (ahrefs) => ahrefs.getDomainRating("a.com")],
    // The nested form on the platform contract.
    [
      "domain_rating",
      "platform",
      { domain_rating: { domain_rating: 1, ahrefs_rank: secret } },
      (ahrefs) => ahrefs.getDomainRating("a.com")
    ],
    ["ahrefs_rank", "platform", { domain_rating: 1 }, (ahrefs) => ahrefs.getDomainRating("a.com")],
    [
      "targets.1.index",
      "vendor",
      { targets: [{ index: 0, domain_rating: 1 }, { domain_rating: 1 }] },
      (ahrefs) => ahrefs.getDomainRatings(["a.com"])
    ],
    [
      "targets.0.domain_rating",
      "vendor",
      { targets: [{ index: 0, domain_rating: secret }] },
      (ahrefs) => ahrefs.getDomainRatings(["a.com"])
    ],
    // Out of range: it would be judged by.
    [
      "targets.0.domain_rating",
      "vendor",
      { targets: [{ index: 0, domain_rating: -1 }] },
      (ahrefs) => ahrefs.getDomainRatings(["a.com"])
    ],
    [
      "targets.0.domain_rating",
      "vendor",
      { targets: [{ index: 0, domain_rating: 100.1 }] },
      (ahrefs) => ahrefs.getDomainRatings(["a.com"])
    ],
    [
      "targets.0.refips",
      "vendor",
      { targets: [{ index: 0, refips: 1e300 }] },
      (ahrefs) => ahrefs.getDomainMetrics(["a.com"], ["refips"])
    ],
    [
      "targets.0.refips",
      "vendor",
      { targets: [{ index: 0 }] },
      (ahrefs) => ahrefs.getDomainMetrics(["a.com"], ["refips"])
    ],
    [
      "backlinks.0.is_nofollow",
      "vendor",
      { backlinks: [{ url_from: secret, domain_rating_source: 1, anchor: secret, is_nofollow: "true" }] },
      (ahrefs) => ahrefs.getBacklinks("a.com")
    ],
    [
      "backlinks.0.nofollow",
      "platform",
      { backlinks: [{ url_from: secret, domain_rating_source: 1, anchor: secret, is_nofollow: true }] },
      (ahrefs) => ahrefs.getBacklinks("a.com")
    ],
    ["backlinks", "platform", { links: [] }, (ahrefs) => ahrefs.getBacklinks("a.com")],
    ["metrics.live_refdomains", "vendor", { metrics: { live: 1 } }, (ahrefs) => ahrefs.getReferringDomains("a.com")],
    ["referring_domains", "platform", { referring_domains: null }, (ahrefs) => ahrefs.getReferringDomains("a.com")],
    [
      "keywords.0.best_position",
      "vendor",
      { keywords: [{ keyword: "a", best_position_url: null }] },
      (ahrefs) => ahrefs.getKeywordRankings("a.com", { country: "us" })
    ],
    ["subscription", "platform", { subscription: secret }, (ahrefs) => ahrefs.verify],
    [
      "limits_and_usage.usage_reset_date",
      "vendor",
      {
        limits_and_usage: {
          subscription: "",
          usage_reset_date: secret,
          units_limit_workspace: 1,
          units_usage_workspace: 1,
          units_limit_api_key: 1,
          units_usage_api_key: 1,
          api_key_expiration_date: null
        }
      },
      (ahrefs) => ahrefs.getUsage
    ],
    ["the top", "vendor", [secret], (ahrefs) => ahrefs.getUsage]
  ]

  it.scoped.each(cases)("%s (%s) is named, never quoted", ([path, contract, body, call]) =>
    Effect.gen(function* () {
      const { ahrefs, charges } = yield* makeAhrefs(always(body, 200, { "x-request-id": "r-1" }), { contract })
      const error = yield* Effect.flip(call(ahrefs))
      hasMembers(error, {
        _tag: "MalformedResponse",
        isRetryable: false,
        status: Option.some(200),
        requestId: Option.some("r-1")
      })
      assert.include(error.message, `at ${path}`)
      assert.notInclude(error.message, secret)
      assert.strictEqual(charges.length, 1)
    })
  )

  it.scoped("not JSON at all", () =>
    Effect.gen(function* () {
      for (const body of ["", "<html></html>", '{"metrics":', secret]) {
        const { ahrefs, sent } = yield* makeAhrefs(() => text(body, 200))
        const error = yield* Effect.flip(ahrefs.getReferringDomains("a.com"))
        assert.strictEqual(error._tag, "MalformedResponse")
        assert.include(error.message, "not JSON")
        assert.notInclude(error.message, secret)
        assert.strictEqual(sent.length, 1)
      }
    })
  )
})

describe("over the simulator", () => {
  const facts = {
    "example.com": { domainRating: 71.5, ahrefsRank: 1234, refdomains: 42, backlinks: 120, urlRating: 12.3 },
    "xn--e1afmkfd.xn--p1ai": { domainRating: 10 }
  }
  const service = Ahrefs.layer({ apiKey: Redacted.make(apiKey), batchWait: 0 })
  const overSimulator = (options: AhrefsSimulator.Options = {}, ours: Partial<Ahrefs.Options> = {}) =>
    Ahrefs.layer({ apiKey: Redacted.make(apiKey), batchWait: 0, contract: options.contract, ...ours }).pipe(
      Layer.provide(SharedState.layerNoop),
      Layer.provideMerge(AhrefsSimulator.layer({ facts, rateLimit: false, ...options }))
    )

  it.effect.each(["vendor", "platform"] as const)("%s: the same answers on both contracts", (contract) =>
    Effect.gen(function* () {
      const ahrefs = yield* Ahrefs.Ahrefs
      const { ahrefsRank, domainRating } = yield* ahrefs.getDomainRating("https://www.example.com")
      assert.deepStrictEqual<unknown>([domainRating, ahrefsRank], [71.5, contract === "vendor" ? null : 1234])
      assert.strictEqual(yield* ahrefs.getReferringDomains("example.com"), 42)
      const links = yield* ahrefs.getBacklinks("example.com", 30)
      assert.strictEqual(links.length, 30)
      const ratings = links.map((link) => link.domainRating)
      assert.deepStrictEqual<unknown>(
        ratings,
        ratings.toSorted((a, b) => b - a)
      )
      const rows = yield* ahrefs.getDomainRatings(["example.com", "пример.рф", "example.com"])
      assert.deepStrictEqual<unknown>(
        rows.map((row) => row.domainRating),
        [71.5, 10, 71.5]
      )
      assert.isTrue((yield* ahrefs.verify).isActive)
    }).pipe(Effect.provide(overSimulator({ contract })))
  )

  it.effect("vendor: all other operations; what we count is what the simulator billed", () => {
    let counted = 0
    const onCharge = ({ amount, source }: { readonly amount: number | null; readonly source: string }) =>
      Effect.sync(() => {
        assert.strictEqual(source, "header")
        counted += amount ?? NaN
      })
    return Effect.gen(function* () {
      const ahrefs = yield* Ahrefs.Ahrefs
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      assert.strictEqual((yield* ahrefs.getUrlRating("https://example.com/")).urlRating, 12.3)
      const metrics = yield* ahrefs.getDomainMetrics(["example.com", "b.com"], ["refdomains", "url"])
      assert.deepStrictEqual<unknown>(metrics[0], { domain: "example.com", refdomains: 42, url: "example.com/" })
      const every = Object.keys(Ahrefs.metricColumns) as Array<Ahrefs.MetricColumn>
      assert.strictEqual((yield* ahrefs.getDomainMetrics(domains(101), every)).length, 101)
      const links = yield* ahrefs.getBacklinks("example.com", 100, {
        columns: Object.keys(Ahrefs.backlinkColumns) as Array<Ahrefs.BacklinkColumn>,
        where: { field: "isNofollow", is: ["eq", false] },
        orderBy: [{ column: "urlFrom", direction: "asc" }]
      })
      assert.isNotEmpty(links)
      assert.isTrue(links.every(({ isNofollow }) => !isNofollow))
      const keywords = yield* ahrefs.getKeywordRankings("example.com", {
        country: "us",
        columns: Object.keys(Ahrefs.keywordColumns) as Array<Ahrefs.KeywordColumn>
      })
      assert.isNotEmpty(keywords)
      const asked = yield* ahrefs.getKeywordRankings("example.com", { country: "us", keywords: ["Seo Tools", "x y z"] })
      assert.deepStrictEqual<unknown>(
        asked.map(({ keyword }) => keyword),
        ["Seo Tools", "x y z"]
      )
      assert.strictEqual(counted, yield* simulator.unitsBilled)
      const usage = yield* ahrefs.getUsage
      assert.strictEqual(usage.used, counted)
    }).pipe(Effect.provide(overSimulator({}, { onCharge })))
  })

  it.effect("vendor: free ratings are those that cost, for nothing", () =>
    Effect.gen(function* () {
      const ahrefs = yield* Ahrefs.Ahrefs
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      const asked = ["example.com", "пример.рф", ...domains(120)]
      const free = yield* ahrefs.getDomainRatings(asked)
      assert.strictEqual((yield* ahrefs.getDomainRating("example.com")).domainRating, 71.5)
      assert.strictEqual(yield* simulator.unitsBilled, 0)
      const paid = yield* plainAhrefs({ apiKey: Redacted.make(apiKey) })
      const rows = yield* paid.getDomainRatings(asked)
      assert.deepStrictEqual<unknown>(
        free.map((row) => row.domainRating),
        rows.map((row) => row.domainRating)
      )
    }).pipe(Effect.scoped, Effect.provide(overSimulator({}, { freeDomainRating: true })))
  )

  it.effect("rows that are missing are null", () =>
    Effect.gen(function* () {
      const rows = yield* Effect.flatMap(Ahrefs.Ahrefs, (ahrefs) =>
        ahrefs.getDomainRatings(["gone.com", "example.com"])
      )
      assert.deepStrictEqual<unknown>(
        rows.map((row) => row.domainRating),
        [null, 71.5]
      )
    }).pipe(
      Effect.provide(
        overSimulator({ quirks: { missingRows: true }, facts: { ...facts, "gone.com": { known: false } } })
      )
    )
  )

  it.effect.each([
    [{ keys: ["other"] }, "InvalidKey"],
    [{ noSubscription: true }, "NoSubscription"],
    [{ budget: 0 }, "CreditsExhausted"],
    [{ contract: "platform", keys: ["other"] }, "InvalidKey"],
    [{ contract: "platform", noSubscription: true }, "NoSubscription"],
    [{ contract: "platform", budget: 0 }, "CreditsExhausted"]
  ] satisfies ReadonlyArray<readonly [AhrefsSimulator.Options, string]>)("%j is %s", ([options, tag]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.flatMap(Ahrefs.Ahrefs, (ahrefs) => ahrefs.getReferringDomains("a.com")))
      assert.strictEqual(error._tag, tag)
      if (error._tag === "CreditsExhausted") assert.deepStrictEqual<unknown>(error.left, Option.some(0))
    }).pipe(Effect.provide(overSimulator(options)))
  )

  it.effect("over a real socket, layerConfig", () => {
    const server = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })
    const config = ConfigProvider.fromMap(new Map([["AHREFS_API_KEY", apiKey]]))
    return Effect.gen(function* () {
      const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const ahrefs = Ahrefs.layerConfig({
        apiKey: Config.redacted("AHREFS_API_KEY"),
        apiUrl: Config.succeed(`${url}/v3`),
        batchWait: Config.succeed(0)
      })
      const rows = yield* Effect.flatMap(Ahrefs.Ahrefs, ({ getDomainRatings }) =>
        getDomainRatings(["example.com", "пример.рф"])
      ).pipe(Effect.provide(ahrefs), Effect.provide(SharedState.layerMemory()), Effect.withConfigProvider(config))
      assert.deepStrictEqual<unknown>(
        rows.map((row) => row.domainRating),
        [71.5, 10]
      )
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      const [request] = yield* simulator.requests
      assert.strictEqual(request?.path, "/v3/batch-analysis/batch-analysis")
      assert.strictEqual(request?.headers["user-agent"], "effect-seo-providers/0.1.0")
      for (const name of ["traceparent", "b3"]) assert.notProperty(request?.headers, name)
    }).pipe(
      Effect.withSpan("caller"),
      Effect.provide(
        Layer.merge(
          Layer.provideMerge(AhrefsSimulator.layerServer({ facts, keys: [apiKey] }), server),
          FetchHttpClient.layer
        )
      )
    )
  })

  it.effect("transformClient sees every request", () => {
    const { client, sent } = stub(always({ metrics: { live_refdomains: 3 } }))
    return Effect.gen(function* () {
      const ahrefs = yield* plainAhrefs({
        apiKey: Redacted.make(apiKey),
        transformClient: HttpClient.mapRequest((request) => ({
          ...request,
          headers: { ...request.headers, "x-tenant": "7" } as typeof request.headers
        }))
      })
      assert.strictEqual(yield* ahrefs.getReferringDomains("a.com"), 3)
      assert.strictEqual(sent[0]?.headers["x-tenant"], "7")
      assert.strictEqual(sent[0]?.headers["authorization"], `Bearer ${apiKey}`)
    }).pipe(Effect.scoped, Effect.provideService(HttpClient.HttpClient, client))
  })

  it.effect("layer needs nothing but a client and a state to share", () =>
    Effect.gen(function* () {
      const { client } = stub(always({ metrics: { live_refdomains: 3 } }))
      const ahrefs = yield* Effect.provide(
        Ahrefs.Ahrefs,
        Layer.provide(service, [Layer.succeed(HttpClient.HttpClient, client), SharedState.layerNoop])
      )
      assert.isFunction(ahrefs.getDomainRating)
    })
  )
})

describe("layerTest", () => {
  it.effect("has the members given; others fail loudly", () =>
    Effect.gen(function* () {
      const ahrefs = yield* Ahrefs.Ahrefs
      assert.strictEqual(yield* ahrefs.getReferringDomains("a.com"), 5)
      const exit = yield* Effect.exit(ahrefs.getDomainRating("a.com"))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }).pipe(Effect.provide(Ahrefs.layerTest({ getReferringDomains: () => Effect.succeed(5) })))
  )
})
