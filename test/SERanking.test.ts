import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import * as SERanking from "../src/SERanking.js"
import * as SharedState from "../src/SharedState.js"
import { SERankingSimulator } from "../src/testing/index.js"
import { failureOf, hasMembers } from "./support/assertions.js"
import { always, apiKey, json, makeSERanking, never, type Sent, text } from "./support/stub.js"

const headers = {
  authorization: `Token ${apiKey}`,
  accept: "application/json",
  "user-agent": "effect-seo-providers/0.1.0"
}
const requests = (base: string) => ({
  get: (path: string, query: Readonly<Record<string, string>>): Sent => ({
    method: "GET",
    url: base + path,
    query: Object.entries(query),
    headers,
    body: undefined
  }),
  post: (path: string, body: unknown, query: Readonly<Record<string, string>> = {}): Sent => ({
    method: "POST",
    url: base + path,
    query: Object.entries(query),
    headers: {
      ...headers,
      "content-type": "application/json",
      "content-length": String(new TextEncoder().encode(JSON.stringify(body)).length)
    },
    body
  })
})
const domains = (count: number) => Array.from({ length: count }, (_, i) => `site-${i}.com`)
const query = ({ query }: Sent) => new Map(query)

describe("platform contract", () => {
  const platform = { contract: "platform" } as const
  const { get, post } = requests("https://api4.seranking.com")
  const summary = {
    total_backlinks: 1000,
    referring_domains: 100,
    referring_ips: 90,
    trust_flow: 40,
    citation_flow: 50,
    domain_trust_score: 60,
    nofollow_backlinks: 300,
    dofollow_backlinks: 700
  }

  it.scoped("getBacklinksSummary: the exact request, all fields mapped, the domain from the request", () =>
    Effect.gen(function* () {
      const { charges, sent, seranking } = yield* makeSERanking(always({ ...summary, domain: "other.com" }), platform)
      const found = yield* Effect.withSpan(seranking.getBacklinksSummary("https://www.Example.com/x"), "caller")
      hasMembers(found, {
        domain: "example.com",
        isKnown: true,
        totalBacklinks: 1000,
        referringDomains: 100,
        referringIPs: 90,
        trustFlow: 40,
        citationFlow: 50,
        domainScore: 60,
        noFollowLinks: 300,
        doFollowLinks: 700,
        inlinkRank: null,
        domainInlinkRank: null,
        topTlds: null
      })
      assert.deepStrictEqual(sent, [
        get("/research/backlinks/summary/", { domain: "example.com", domain_type: "domain" })
      ])
      assert.deepStrictEqual(charges, [
        {
          provider: "se_ranking",
          contract: "platform",
          operation: "getBacklinksSummary",
          unit: "row_credits",
          amount: null,
          source: "computed"
        }
      ])
    })
  )

  it.scoped("getBacklinksSummary: hosts and pages", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(always(summary), platform)
      yield* seranking.getBacklinksSummary("blog.example.com/x", { mode: "host" })
      yield* seranking.getBacklinksSummary("https://blog.example.com/x", { mode: "url" })
      yield* seranking.getBacklinksSummaries(["a.com", "b.com", "a.com"])
      assert.deepStrictEqual(
        sent.map((request) => Object.fromEntries(request.query)),
        [
          { domain: "blog.example.com", domain_type: "subdomain" },
          { domain: "https://blog.example.com/x", domain_type: "page" },
          { domain: "a.com", domain_type: "domain" },
          { domain: "b.com", domain_type: "domain" }
        ]
      )
    })
  )

  const link = {
    source_url: "https://blog.example.org/a",
    target_url: "https://example.com/",
    anchor_text: "Example",
    trust_flow: 10,
    citation_flow: 20,
    nofollow: false,
    first_seen: "2025-03-21",
    last_seen: null
  }

  it.scoped("getBacklinks: the exact request and rows", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(always({ backlinks: [link] }), platform)
      const rows = yield* seranking.getBacklinks({ domain: "example.com" })
      assert.strictEqual(rows.length, 1)
      hasMembers(rows[0], {
        sourceUrl: "https://blog.example.org/a",
        targetUrl: "https://example.com/",
        anchorText: "Example",
        trustFlow: 10,
        citationFlow: 20,
        isNoFollow: false,
        firstSeen: "2025-03-21",
        lastSeen: null,
        lastVisited: null,
        inlinkRank: null
      })
      yield* seranking.getBacklinks({ domain: "a.com", limit: 7, offset: 14, sortBy: "firstSeen", doFollowOnly: true })
      yield* seranking.getBacklinks({ domain: "a.com", sortBy: "citationFlow", doFollowOnly: false })
      const request = (target: string, [limit, offset, sort, dofollow]: readonly [string, string, string, string]) =>
        get("/research/backlinks/", {
          domain: target,
          domain_type: "domain",
          limit,
          offset,
          sort_by: sort,
          filter_dofollow: dofollow
        })
      assert.deepStrictEqual(sent, [
        request("example.com", ["50", "0", "trust_flow", "0"]),
        request("a.com", ["7", "14", "first_seen", "1"]),
        request("a.com", ["50", "0", "citation_flow", "0"])
      ])
    })
  )

  it.scoped("a missing list of backlinks is an empty one", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(always({}), platform)
      assert.deepStrictEqual(yield* seranking.getBacklinks({ domain: "example.com" }), [])
      const all = yield* Stream.runCollect(seranking.getBacklinksStream({ domain: "example.com" }))
      assert.strictEqual(Chunk.size(all), 0)
      assert.strictEqual(sent.length, 2)
    })
  )

  it.scoped("getBacklinksStream goes on by offset and ends at a page that is not full", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(
        (_, n) => json({ backlinks: Array.from({ length: n < 2 ? 3 : 1 }, () => link) }),
        platform
      )
      const rows = yield* Stream.runCollect(seranking.getBacklinksStream({ domain: "a.com", pageSize: 3 }))
      assert.strictEqual(Chunk.size(rows), 7)
      assert.deepStrictEqual(
        sent.map((request) => [query(request).get("limit"), query(request).get("offset")]),
        [
          ["3", "0"],
          ["3", "3"],
          ["3", "6"]
        ]
      )
    })
  )

  it.scoped("getBacklinksMetrics: POST {domains}, rows joined by domain in any order", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(
        always([
          { domain: "stranger.com", trust_flow: 1, citation_flow: 1, referring_domains: 1, total_backlinks: 1 },
          { domain: "https://B.com/", trust_flow: 4, citation_flow: 5, referring_domains: 6, total_backlinks: 7 },
          { domain: "пример.рф", trust_flow: 8, citation_flow: null, referring_domains: 9, total_backlinks: 10 }
        ]),
        platform
      )
      const rows = yield* seranking.getBacklinksMetrics(["a.com", "b.com", "пример.рф", "b.com"])
      assert.deepStrictEqual<unknown>(
        rows.map((row) => [row.domain, row.isKnown, row.trustFlow, row.citationFlow, row.totalBacklinks]),
        [
          ["a.com", false, null, null, null],
          ["b.com", true, 4, 5, 7],
          ["xn--e1afmkfd.xn--p1ai", true, 8, null, 10],
          ["b.com", true, 4, 5, 7]
        ]
      )
      assert.deepStrictEqual(sent, [
        post("/research/backlinks/metrics/", { domains: ["a.com", "b.com", "xn--e1afmkfd.xn--p1ai"] })
      ])
    })
  )

  it.scoped("getKeywordRankings: the exact body, null positions kept, a row for each keyword", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(
        always([
          { keyword: "seo tools", position: null, url: null, volume: 10 },
          { keyword: "backlinks", position: 3, url: "https://example.com/b", volume: 20 }
        ]),
        platform
      )
      const rows = yield* seranking.getKeywordRankings({
        domain: "example.com",
        keywords: ["backlinks", "SEO Tools", "absent"]
      })
      assert.deepStrictEqual(rows, [
        { keyword: "backlinks", position: 3, url: "https://example.com/b", volume: 20 },
        { keyword: "SEO Tools", position: null, url: null, volume: 10 },
        { keyword: "absent", position: null, url: null, volume: null }
      ])
      yield* seranking.getKeywordRankings({
        domain: "example.com",
        keywords: ["a"],
        searchEngine: "bing",
        location: "gb"
      })
      yield* seranking.getKeywordRankings({ domain: "example.com", keywords: ["a"], location: "Austin, Texas" })
      const request = (keywords: ReadonlyArray<string>, engine: string, location: string) =>
        post("/keywords/check/", {
          domain: "example.com",
          keywords,
          search_engine: engine,
          location_name: location
        })
      assert.deepStrictEqual(sent, [
        request(["backlinks", "seo tools", "absent"], "google", "United States"),
        request(["a"], "bing", "United Kingdom"),
        request(["a"], "google", "Austin, Texas")
      ])
    })
  )

  it.scoped("verify: an account without e-mail is a wrong key", () =>
    Effect.gen(function* () {
      const answers = [
        json({ email: "owner@example.com", other: 1 }),
        json({}),
        json({ email: null }),
        json({ email: "" }),
        json({ message: "No token" }, 403)
      ]
      const { sent, seranking } = yield* makeSERanking((_, n) => answers[n] ?? never, platform)
      assert.isTrue((yield* seranking.verify).isActive)
      for (const _ of answers.slice(1)) {
        const error = yield* Effect.flip(seranking.verify)
        hasMembers(error, { _tag: "InvalidKey", provider: "se_ranking" })
      }
      assert.deepStrictEqual(
        sent,
        answers.map(() => get("/system/account/", {}))
      )
    })
  )

  it.scoped("what it cannot answer is told before any network", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(always({}), platform)
      const calls = [
        ["getDomainInlinkRank", seranking.getDomainInlinkRank("a.com")],
        ["getBacklinks", seranking.getBacklinks({ domain: "a.com", sortBy: "inlinkRank" })],
        ["getBacklinks", seranking.getBacklinks({ domain: "a.com", sortBy: "domainInlinkRank" })],
        ["getBacklinksStream", Stream.runDrain(seranking.getBacklinksStream({ domain: "a.com", sortBy: "inlinkRank" }))]
      ] as const
      for (const [operation, call] of calls) {
        hasMembers(yield* failureOf(call), { _tag: "Unsupported", provider: "se_ranking", operation })
      }
      assert.deepStrictEqual(sent, [])
    })
  )
})

describe("vendor contract", () => {
  const { get, post } = requests("https://api.seranking.com/v1")
  const counts = {
    backlinks: 508045,
    refdomains: 21735,
    subnets: 7734,
    ips: 15506,
    nofollow_backlinks: 62151,
    dofollow_backlinks: 445894,
    edu_backlinks: 682,
    gov_backlinks: 102
  }

  it.scoped("getBacklinksSummary: the exact request and every field", () =>
    Effect.gen(function* () {
      const { charges, sent, seranking } = yield* makeSERanking(
        always({
          summary: [
            {
              target: "example.com",
              ...counts,
              inlink_rank: 24,
              domain_inlink_rank: 90,
              dofollow_refdomains: 1,
              edu_refdomains: 2,
              gov_refdomains: 3,
              text_backlinks: 4,
              from_home_page_backlinks: 5,
              dofollow_from_home_page_backlinks: 6,
              from_home_page_refdomains: 7,
              anchors: 8,
              dofollow_anchors: 9,
              pages_with_backlinks: 10,
              top_anchors_by_backlinks: [{ anchor: "", backlinks: 11 }],
              top_anchors_by_refdomains: [{ anchor: "x", refdomains: 12 }],
              top_pages_by_backlinks: [{ url: "https://example.com/", backlinks: 13 }],
              top_pages_by_refdomains: [{ url: "https://example.com/", refdomains: 14 }],
              top_tlds: [{ tld: "com", count: 15 }],
              top_countries: [{ country: "us", count: 16 }],
              unknown_field: "ignored"
            }
          ]
        })
      )
      assert.deepStrictEqual<unknown>(yield* seranking.getBacklinksSummary("www.example.com"), {
        domain: "example.com",
        isKnown: true,
        totalBacklinks: 508045,
        referringDomains: 21735,
        referringIPs: 15506,
        referringSubnets: 7734,
        trustFlow: null,
        citationFlow: null,
        domainScore: null,
        noFollowLinks: 62151,
        doFollowLinks: 445894,
        domainInlinkRank: 90,
        inlinkRank: 24,
        doFollowReferringDomains: 1,
        eduBacklinks: 682,
        govBacklinks: 102,
        eduReferringDomains: 2,
        govReferringDomains: 3,
        textBacklinks: 4,
        homePageBacklinks: 5,
        homePageDoFollowBacklinks: 6,
        homePageReferringDomains: 7,
        anchors: 8,
        doFollowAnchors: 9,
        pagesWithBacklinks: 10,
        topAnchorsByBacklinks: [{ anchor: "", backlinks: 11, referringDomains: null }],
        topAnchorsByReferringDomains: [{ anchor: "x", backlinks: null, referringDomains: 12 }],
        topPagesByBacklinks: [{ url: "https://example.com/", backlinks: 13, referringDomains: null }],
        topPagesByReferringDomains: [{ url: "https://example.com/", backlinks: null, referringDomains: 14 }],
        topTlds: [{ tld: "com", count: 15 }],
        topCountries: [{ country: "us", count: 16 }]
      })
      assert.deepStrictEqual(sent, [
        post("/backlinks/summary", { target: ["example.com"], mode: "domain" }, { output: "json" })
      ])
      assert.deepStrictEqual([charges[0]?.amount, charges[0]?.unit], [100, "credits"])
    })
  )

  const rowsFor = (request: Sent) => {
    const { target } = request.body as { readonly target: ReadonlyArray<string> }
    return target.map((target) => ({ target, backlinks: Number(/\d+/.exec(target)?.[0]) })).toReversed()
  }

  it.scoped("getBacklinksSummaries: calls of 100, shuffled rows joined, duplicates asked once", () =>
    Effect.gen(function* () {
      const { charges, sent, seranking } = yield* makeSERanking((request) => json({ summary: rowsFor(request) }))
      const asked = [...domains(250), "SITE-0.com", "https://www.site-249.com/x"]
      const rows = yield* seranking.getBacklinksSummaries(asked)
      assert.deepStrictEqual(
        rows.map(({ totalBacklinks }) => totalBacklinks),
        [...domains(250).keys(), 0, 249]
      )
      assert.deepStrictEqual(
        sent.map((request) => rowsFor(request).length),
        [100, 100, 50]
      )
      assert.deepStrictEqual(
        charges.map(({ amount }) => amount),
        [10_000, 10_000, 5_000]
      )
    })
  )

  it.scoped("unknown targets come back as absent, not dropped and not zero", () =>
    Effect.gen(function* () {
      const { charges, seranking } = yield* makeSERanking(({ url }) =>
        json(
          url.endsWith("summary")
            ? { summary: [] }
            : url.endsWith("metrics")
              ? { metrics: [{ target: "b.com/", ...counts }] }
              : { pages: [] }
        )
      )
      const summary = yield* seranking.getBacklinksSummary("unknown.com")
      const { domain, isKnown, ...figures } = summary
      assert.deepStrictEqual<unknown>([domain, isKnown], ["unknown.com", false])
      assert.isTrue(Object.values(figures).every((figure) => figure === null))
      const metrics = yield* seranking.getBacklinksMetrics(["a.com", "b.com"])
      assert.deepStrictEqual<unknown>(
        metrics.map((row) => [row.domain, row.isKnown, row.totalBacklinks, row.govBacklinks]),
        [
          ["a.com", false, null, null],
          ["b.com", true, 508045, 102]
        ]
      )
      assert.strictEqual((yield* seranking.getDomainInlinkRank("a.com")).domainInlinkRank, null)
      assert.deepStrictEqual(
        charges.map(({ amount }) => amount),
        [100, 100, 0]
      )
    })
  )

  it.scoped("the spelling of a target in the answer does not matter", () =>
    Effect.gen(function* () {
      for (const target of ["https://ПРИМЕР.рф/", "пример.рф", "xn--e1afmkfd.xn--p1ai/"]) {
        const { seranking, sent } = yield* makeSERanking(always({ metrics: [{ target, ...counts }] }))
        const [row] = yield* seranking.getBacklinksMetrics(["пример.рф"])
        assert.isTrue(row?.isKnown)
        assert.deepStrictEqual(sent, [
          post("/backlinks/metrics", { target: ["xn--e1afmkfd.xn--p1ai"], mode: "domain" }, { output: "json" })
        ])
      }
    })
  )

  it.scoped("pages that differ in their scheme alone keep their own rows", () =>
    Effect.gen(function* () {
      const { seranking } = yield* makeSERanking((request) =>
        json({ summary: rowsFor(request).map(({ target }, backlinks) => ({ target, backlinks })) })
      )
      const rows = yield* seranking.getBacklinksSummaries(["http://a.com/x", "https://a.com/x"], { mode: "url" })
      assert.deepStrictEqual<unknown>(
        rows.map((row) => [row.domain, row.totalBacklinks]),
        [
          ["http://a.com/x", 1],
          ["https://a.com/x", 0]
        ]
      )
    })
  )

  it.scoped("the streams give the first hundred before the second call fails", () =>
    Effect.gen(function* () {
      const { seranking } = yield* makeSERanking((request, n) => {
        const rows = rowsFor(request)
        return n % 2 === 1 ? text("", 400) : json({ summary: rows, metrics: rows })
      })
      for (const stream of [
        seranking.getBacklinksSummariesStream(domains(150)),
        seranking.getBacklinksMetricsStream(domains(150))
      ]) {
        const seen: Array<string> = []
        const error = yield* Effect.flip(
          Stream.runForEach(stream, ({ domain }) => Effect.sync(() => seen.push(domain)))
        )
        assert.strictEqual(error._tag, "InvalidRequest")
        assert.deepStrictEqual(seen, domains(100))
      }
    })
  )

  const link = (n: number) => ({
    url_from: `https://blog.example.org/${n}`,
    url_to: "https://example.com/",
    title: "A post",
    anchor: "",
    alt: null,
    nofollow: false,
    image: true,
    image_source: "",
    inlink_rank: 12,
    domain_inlink_rank: 40,
    first_seen: "2025-03-21",
    last_visited: "2025-10-02"
  })

  it.scoped("getBacklinks: the exact requests and every field", () =>
    Effect.gen(function* () {
      const { charges, sent, seranking } = yield* makeSERanking(
        always({ backlinks: [link(1), { url_from: "a", url_to: "b", nofollow: true }] })
      )
      const rows = yield* seranking.getBacklinks({ domain: "example.com" })
      const absent = {
        anchorText: null,
        firstSeen: null,
        lastSeen: null,
        lastVisited: null,
        trustFlow: null,
        citationFlow: null,
        inlinkRank: null,
        domainInlinkRank: null,
        title: null,
        alt: null,
        isImage: null,
        imageSource: null
      }
      assert.deepStrictEqual(rows, [
        {
          ...absent,
          sourceUrl: "https://blog.example.org/1",
          targetUrl: "https://example.com/",
          anchorText: "",
          isNoFollow: false,
          firstSeen: "2025-03-21",
          lastVisited: "2025-10-02",
          inlinkRank: 12,
          domainInlinkRank: 40,
          title: "A post",
          isImage: true,
          imageSource: ""
        },
        { ...absent, sourceUrl: "a", targetUrl: "b", isNoFollow: true }
      ])
      yield* seranking.getBacklinks({ domain: "a.com", limit: 10_000, sortBy: "firstSeen", doFollowOnly: true })
      yield* seranking.getBacklinks({ domain: "a.com", sortBy: "inlinkRank" })
      const request = (target: string, limit: string, order: string, more: Readonly<Record<string, string>> = {}) =>
        get("/backlinks/all", { target, mode: "domain", limit, order_by: order, ...more, output: "json" })
      assert.deepStrictEqual(sent, [
        request("example.com", "50", "domain_inlink_rank"),
        request("a.com", "10000", "date_found", { nofollow_filter: "dofollow_only" }),
        request("a.com", "50", "inlink_rank")
      ])
      assert.strictEqual(charges[0]?.amount, 2)
    })
  )

  describe("getBacklinksStream", () => {
    const cursor = "Pju9uZR4/A2d_lh-Q=="
    const page = (n: number, next: unknown) => ({ backlinks: [link(2 * n), link(2 * n + 1)], next })
    const collect = <E>(stream: Stream.Stream<SERanking.Backlink, E>) =>
      Effect.map(Stream.runCollect(stream), (rows) => Array.from(rows, ({ sourceUrl }) => sourceUrl.split("/").at(-1)))

    it.scoped("follows the cursor as it came", () =>
      Effect.gen(function* () {
        const { charges, sent, seranking } = yield* makeSERanking((_, n) => json(page(n, n < 2 ? cursor + n : null)))
        const rows = yield* collect(seranking.getBacklinksStream({ domain: "example.com", pageSize: 2 }))
        assert.deepStrictEqual(rows, ["0", "1", "2", "3", "4", "5"])
        const request = (more: Readonly<Record<string, string>>) =>
          get("/backlinks/raw", {
            target: "example.com",
            mode: "domain",
            limit: "2",
            order_by: "domain_inlink_rank",
            ...more,
            output: "json"
          })
        assert.deepStrictEqual(sent, [request({}), request({ next: `${cursor}0` }), request({ next: `${cursor}1` })])
        assert.deepStrictEqual(
          charges.map(({ amount }) => amount),
          [2, 2, 2]
        )
      })
    )

    it.scoped("ends where the cursor is null, empty or missing, and at an empty page", () =>
      Effect.gen(function* () {
        for (const last of [page(1, null), page(1, ""), page(1, undefined)]) {
          const { sent, seranking } = yield* makeSERanking((_, n) => json(n === 0 ? page(0, cursor) : last))
          assert.strictEqual((yield* collect(seranking.getBacklinksStream({ domain: "a.com" }))).length, 4)
          assert.strictEqual(sent.length, 2)
        }
        const { sent, seranking } = yield* makeSERanking((_, n) =>
          n < 4 ? json(n === 0 ? page(0, cursor) : { backlinks: [], next: cursor }) : text("endless", 400)
        )
        assert.strictEqual((yield* collect(seranking.getBacklinksStream({ domain: "a.com" }))).length, 2)
        assert.strictEqual(sent.length, 2)
      })
    )

    it.scoped("is lazy: two rows of pages of two are one call", () =>
      Effect.gen(function* () {
        const { sent, seranking } = yield* makeSERanking((_, n) => json(page(n, cursor)))
        const stream = seranking.getBacklinksStream({ domain: "a.com", pageSize: 2 })
        assert.strictEqual(sent.length, 0)
        assert.deepStrictEqual(yield* collect(Stream.take(stream, 2)), ["0", "1"])
        assert.strictEqual(sent.length, 1)
        assert.strictEqual((yield* collect(Stream.take(stream, 3))).length, 3)
        assert.strictEqual(sent.length, 3)
      })
    )

    it.scoped("limit cuts the request of the last page", () =>
      Effect.gen(function* () {
        const { sent, seranking } = yield* makeSERanking((request, n) => {
          const length = Number(query(request).get("limit"))
          return json({ backlinks: Array.from({ length }, (_, i) => link(i)), next: cursor + n })
        })
        const options = { domain: "a.com", pageSize: 10, sortBy: "firstSeen" } as const
        assert.strictEqual((yield* collect(seranking.getBacklinksStream({ ...options, limit: 25 }))).length, 25)
        assert.strictEqual((yield* collect(seranking.getBacklinksStream({ ...options, limit: 20 }))).length, 20)
        assert.strictEqual((yield* collect(seranking.getBacklinksStream({ ...options, limit: 3 }))).length, 3)
        assert.deepStrictEqual(
          sent.map((request) => query(request).get("limit")),
          ["10", "10", "5", "10", "10", "3"]
        )
        assert.strictEqual(query(sent[0]!).get("order_by"), "date_found")
      })
    )

    it.scoped("rows that came before a failure are delivered", () =>
      Effect.gen(function* () {
        const { seranking } = yield* makeSERanking((_, n) => (n === 0 ? json(page(0, cursor)) : text("", 400)))
        const seen: Array<string> = []
        const error = yield* seranking.getBacklinksStream({ domain: "a.com" }).pipe(
          Stream.runForEach(({ sourceUrl }) => Effect.sync(() => seen.push(sourceUrl))),
          Effect.flip
        )
        hasMembers(error, { _tag: "InvalidRequest", operation: "getBacklinksStream" })
        assert.strictEqual(seen.length, 2)
      })
    )
  })

  it.scoped("getDomainInlinkRank", () =>
    Effect.gen(function* () {
      const { charges, sent, seranking } = yield* makeSERanking(
        always({ pages: [{ url: "example.com", domain_inlink_rank: 68 }] })
      )
      assert.deepStrictEqual<unknown>(yield* seranking.getDomainInlinkRank("www.example.com"), {
        domain: "example.com",
        domainInlinkRank: 68
      })
      assert.deepStrictEqual(sent, [get("/backlinks/authority/domain", { target: "example.com", output: "json" })])
      assert.strictEqual(charges[0]?.amount, 10)
    })
  )

  describe("getKeywordRankings", () => {
    it.scoped("the exact request, the best row of a keyword, null for none", () =>
      Effect.gen(function* () {
        const { charges, sent, seranking } = yield* makeSERanking(
          always([
            { keyword: "google ads", position: 7, url: "https://a.com/7", volume: 5 },
            { keyword: "Google  Ads", position: 3, url: "https://a.com/3", volume: 5, prev_pos: 4 },
            { keyword: "stranger", position: 1, url: "https://a.com/1", volume: 5 }
          ])
        )
        const rows = yield* seranking.getKeywordRankings({
          domain: "rdstation.com",
          keywords: ["Google Ads", "crm"],
          location: "br"
        })
        assert.deepStrictEqual(rows, [
          { keyword: "Google Ads", position: 3, url: "https://a.com/3", volume: 5 },
          { keyword: "crm", position: null, url: null, volume: null }
        ])
        assert.deepStrictEqual(sent, [
          get("/domain/keywords", {
            source: "br",
            domain: "rdstation.com",
            type: "organic",
            order_field: "position",
            order_type: "asc",
            page: "1",
            limit: "4",
            "filter[multi_keyword_included]": JSON.stringify([
              [{ type: "exact", value: "google ads" }],
              [{ type: "exact", value: "crm" }]
            ]),
            output: "json"
          })
        ])
        assert.strictEqual(charges[0]?.amount, 300)
      })
    )

    it.scoped("keywords go out by fifties, in their order; duplicates once", () =>
      Effect.gen(function* () {
        const { sent, seranking } = yield* makeSERanking(always([]))
        const keywords = [...Array.from({ length: 120 }, (_, i) => `word ${i}`), "WORD 0"]
        const rows = yield* seranking.getKeywordRankings({ domain: "a.com", keywords })
        assert.deepStrictEqual(
          rows.map(({ keyword }) => keyword),
          keywords
        )
        const filters = sent.map(
          (request) =>
            JSON.parse(query(request).get("filter[multi_keyword_included]") ?? "") as ReadonlyArray<
              ReadonlyArray<unknown>
            >
        )
        assert.deepStrictEqual(
          filters.map(({ length }) => length),
          [50, 50, 20]
        )
        assert.isTrue(filters.every((or) => or.every(({ length }) => length === 1)))
      })
    )

    it.scoped("countries by name or code; the United Kingdom is uk", () =>
      Effect.gen(function* () {
        const { sent, seranking } = yield* makeSERanking(always([]))
        const locations = ["United Kingdom", "gb", "UK", " germany ", "US"]
        for (const location of locations) {
          yield* seranking.getKeywordRankings({ domain: "a.com", keywords: ["a"], location })
        }
        yield* seranking.getKeywordRankings({ domain: "a.com", keywords: ["a"] })
        assert.deepStrictEqual(
          sent.map((request) => query(request).get("source")),
          ["uk", "uk", "uk", "de", "us", "us"]
        )
      })
    )
  })

  describe("getUsage and verify", () => {
    const account = {
      status: "active",
      start_date: "2024-01-18 14:20:02",
      expiraton_date: "2024-02-18 14:20:02",
      units_limit: 5000000,
      units_left: 4975033
    }
    const usageOf = (changes: Readonly<Record<string, unknown>>) =>
      Effect.gen(function* () {
        const { sent, seranking } = yield* makeSERanking(always({ subscription_info: { ...account, ...changes } }))
        const usage = yield* seranking.getUsage
        assert.deepStrictEqual(sent, [get("/account/subscription", { output: "json" })])
        return [usage.limit, usage.used, usage.left, usage.resetsAt?.epochMillis]
      })
    const end = Date.UTC(2024, 1, 18, 14, 20, 2)

    it.scoped("numbers, numeric strings and both spellings of the date", () =>
      Effect.gen(function* () {
        const expected = [5000000, 24967, 4975033, end]
        assert.deepStrictEqual(yield* usageOf({}), expected)
        assert.deepStrictEqual(yield* usageOf({ units_limit: "5000000", units_left: "4975033" }), expected)
        const newer = { expiraton_date: undefined, expiration_date: "2024-02-18 14:20:02" }
        assert.deepStrictEqual(yield* usageOf(newer), expected)
        assert.deepStrictEqual(yield* usageOf({ units_limit: null, units_left: null, expiraton_date: null }), [
          null,
          null,
          null,
          undefined
        ])
      })
    )

    it.scoped("verify: only an active subscription will do", () =>
      Effect.gen(function* () {
        for (const status of ["inactive", "expired", "disabled"]) {
          const { seranking } = yield* makeSERanking(always({ subscription_info: { ...account, status } }))
          hasMembers(yield* Effect.flip(seranking.verify), { _tag: "NoSubscription", operation: "verify" })
          assert.isFalse((yield* seranking.getUsage).isActive)
        }
        const { seranking } = yield* makeSERanking((_, n) =>
          n === 0 ? json({ subscription_info: account }) : json({ error_description: "Authentication failed" }, 401)
        )
        assert.isTrue((yield* seranking.verify).isActive)
        assert.strictEqual((yield* Effect.flip(seranking.verify))._tag, "InvalidKey")
      })
    )
  })

  it.scoped("what it cannot answer is told before any network", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(always({}))
      const keywords = { domain: "a.com", keywords: ["a"] }
      const calls = [
        ["getBacklinks", seranking.getBacklinks({ domain: "a.com", offset: 1 })],
        ["getBacklinks", seranking.getBacklinks({ domain: "a.com", sortBy: "trustFlow" })],
        ["getBacklinks", seranking.getBacklinks({ domain: "a.com", sortBy: "citationFlow" })],
        ["getBacklinksStream", Stream.runDrain(seranking.getBacklinksStream({ domain: "a.com", sortBy: "trustFlow" }))],
        ["getKeywordRankings", seranking.getKeywordRankings({ ...keywords, searchEngine: "bing" })],
        ["getKeywordRankings", seranking.getKeywordRankings({ ...keywords, searchEngine: "yahoo" })],
        ["getKeywordRankings", seranking.getKeywordRankings({ ...keywords, location: "Austin, Texas" })],
        ["getKeywordRankings", seranking.getKeywordRankings({ ...keywords, location: "" })]
      ] as const
      for (const [operation, call] of calls) {
        hasMembers(yield* failureOf(call), { _tag: "Unsupported", provider: "se_ranking", operation })
      }
      assert.deepStrictEqual(sent, [])
    })
  )
})

describe.each(["vendor", "platform"] as const)("before any network: %s", (contract) => {
  it.scoped("limits, offsets and page sizes that are none", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(always({}), { contract })
      const wrong = [-1, 1.5, NaN, Infinity, 1e10]
      for (const limit of [0, ...wrong, 10_001, 1e9]) {
        const error = yield* Effect.flip(seranking.getBacklinks({ domain: "a.com", limit }))
        hasMembers(error, { _tag: "InvalidRequest", provider: "se_ranking", operation: "getBacklinks" })
      }
      for (const offset of wrong) {
        const error = yield* Effect.flip(seranking.getBacklinks({ domain: "a.com", offset }))
        hasMembers(error, { _tag: "InvalidRequest", operation: "getBacklinks" })
      }
      for (const value of [0, ...wrong]) {
        for (const options of [{ limit: value }, { pageSize: value }]) {
          const stream = seranking.getBacklinksStream({ domain: "a.com", ...options })
          const error = yield* Effect.flip(Stream.runDrain(stream))
          hasMembers(error, { _tag: "InvalidRequest", operation: "getBacklinksStream" })
        }
      }
      assert.deepStrictEqual(sent, [])
    })
  )

  it.scoped("empty lists, empty keywords and inputs that are no target", () =>
    Effect.gen(function* () {
      const { sent, seranking } = yield* makeSERanking(always({}), { contract })
      for (const call of [
        seranking.getBacklinksSummaries([]),
        seranking.getBacklinksMetrics([]),
        ...[[], [""], ["a", "\t"], ["x".repeat(201)]].map((keywords) =>
          seranking.getKeywordRankings({ domain: "a.com", keywords })
        )
      ]) {
        hasMembers(yield* failureOf(call), { _tag: "InvalidRequest", provider: "se_ranking" })
      }
      for (const bad of ["", "localhost", "1.2.3.4", "co.uk", "ftp://example.com", "user:hunter2@example.com"]) {
        const calls = {
          getBacklinksSummary: seranking.getBacklinksSummary(bad),
          getBacklinksMetrics: seranking.getBacklinksMetrics(["good.com", bad]),
          getBacklinks: seranking.getBacklinks({ domain: bad }),
          getBacklinksStream: Stream.runDrain(seranking.getBacklinksStream({ domain: bad })),
          getKeywordRankings: seranking.getKeywordRankings({ domain: bad, keywords: ["a"] }),
          ...(contract === "vendor" && { getDomainInlinkRank: seranking.getDomainInlinkRank(bad) })
        }
        for (const [operation, call] of Object.entries(calls)) {
          const error = yield* failureOf(call)
          hasMembers(error, {
            _tag: "InvalidTarget",
            provider: Option.some("se_ranking"),
            operation: Option.some(operation)
          })
          assert.notInclude(String(error), "hunter2")
        }
      }
      assert.deepStrictEqual(sent, [])
    })
  )
})

describe("answers in another form", () => {
  const secret = "BODY-TEXT"
  const link = { url_from: secret, url_to: secret, nofollow: "true" }
  const cases: ReadonlyArray<
    readonly [
      path: string,
      contract: "vendor" | "platform",
      body: unknown,
      call: (seranking: SERanking.Service) => Effect.Effect<unknown, unknown>
    ]
  > = [
    ["summary", "vendor", { metrics: [] }, (s) => s.getBacklinksSummary("a.com")],
    ["summary.0.target", "vendor", { summary: [{ backlinks: 1 }] }, (s) => s.getBacklinksSummary("a.com")],
    [
      "summary.0.backlinks",
      "vendor",
      { summary: [{ target: "a.com", backlinks: secret }] },
      (s) => s.getBacklinksSummary("a.com")
    ],
    // Out of range: it would be judged by.
    [
      "summary.0.backlinks",
      "vendor",
      { summary: [{ target: "a.com", backlinks: -1 }] },
      (s) => s.getBacklinksSummary("a.com")
    ],
    [
      "summary.0.refdomains",
      "vendor",
      { summary: [{ target: "a.com", backlinks: 1, refdomains: 1e300 }] },
      (s) => s.getBacklinksSummary("a.com")
    ],
    [
      "pages.0.domain_inlink_rank",
      "vendor",
      { pages: [{ url: "/", domain_inlink_rank: 101 }] },
      (s) => s.getDomainInlinkRank("a.com")
    ],
    [
      "trust_flow",
      "platform",
      { total_backlinks: 1, referring_domains: 1, referring_ips: 1 },
      (s) => s.getBacklinksSummary("a.com")
    ],
    ["metrics", "vendor", { summary: [] }, (s) => s.getBacklinksMetrics(["a.com"])],
    ["0.domain", "platform", [{ trust_flow: secret }], (s) => s.getBacklinksMetrics(["a.com"])],
    ["backlinks", "vendor", {}, (s) => s.getBacklinks({ domain: "a.com" })],
    ["backlinks.0.nofollow", "vendor", { backlinks: [link] }, (s) => s.getBacklinks({ domain: "a.com" })],
    [
      "backlinks.0.nofollow",
      "vendor",
      { backlinks: [link], next: null },
      (s) => Stream.runDrain(s.getBacklinksStream({ domain: "a.com" }))
    ],
    ["next", "vendor", { backlinks: [], next: 7 }, (s) => Stream.runDrain(s.getBacklinksStream({ domain: "a.com" }))],
    ["backlinks", "platform", { backlinks: secret }, (s) => s.getBacklinks({ domain: "a.com" })],
    ["the top", "vendor", { keywords: [] }, (s) => s.getKeywordRankings({ domain: "a.com", keywords: ["a"] })],
    ["0.keyword", "vendor", [{ position: 1 }], (s) => s.getKeywordRankings({ domain: "a.com", keywords: ["a"] })],
    [
      "0.position",
      "platform",
      [{ keyword: "a", position: secret, url: null, volume: null }],
      (s) => s.getKeywordRankings({ domain: "a.com", keywords: ["a"] })
    ],
    ["pages", "vendor", { ranks: [] }, (s) => s.getDomainInlinkRank("a.com")],
    ["subscription_info", "vendor", { status: secret }, (s) => s.verify],
    [
      "subscription_info.units_left",
      "vendor",
      { subscription_info: { status: "active", units_limit: 1, units_left: secret } },
      (s) => s.getUsage
    ],
    ["email", "platform", { email: 7 }, (s) => s.verify],
    ["the top", "platform", [], (s) => s.verify]
  ]

  it.scoped.each(cases)("%s (%s) is named, never quoted", ([path, contract, body, call]) =>
    Effect.gen(function* () {
      const { charges, seranking } = yield* makeSERanking(always(body), { contract })
      const error = yield* failureOf(call(seranking))
      hasMembers(error, { _tag: "MalformedResponse", isRetryable: false, status: Option.some(200) })
      assert.include(String(error), `at ${path}`)
      assert.notInclude(String(error), secret)
      assert.strictEqual(charges.length, 1)
    })
  )
})

describe("over the simulator", () => {
  const facts = {
    "example.com": {
      backlinks: 120,
      refdomains: 42,
      trustFlow: 33,
      citationFlow: 44,
      domainTrustScore: 55,
      domainInlinkRank: 66
    },
    "xn--e1afmkfd.xn--p1ai": { backlinks: 7 },
    "unknown.com": { known: false }
  }
  const overSimulator = (options: SERankingSimulator.Options = {}, ours: Partial<SERanking.Options> = {}) =>
    SERanking.layer({ apiKey: Redacted.make(apiKey), batchWait: 0, contract: options.contract, ...ours }).pipe(
      Layer.provide(SharedState.layerNoop),
      Layer.provideMerge(SERankingSimulator.layer({ facts, rateLimit: false, ...options }))
    )

  it.effect.each(["vendor", "platform"] as const)("%s: the same behaviour on both contracts", (contract) =>
    Effect.gen(function* () {
      const seranking = yield* SERanking.SERanking
      const isPlatform = contract === "platform"
      const summary = yield* seranking.getBacklinksSummary("https://www.example.com")
      hasMembers(summary, {
        domain: "example.com",
        isKnown: true,
        totalBacklinks: 120,
        referringDomains: 42,
        trustFlow: isPlatform ? 33 : null,
        domainInlinkRank: isPlatform ? null : 66
      })
      const metrics = yield* seranking.getBacklinksMetrics(["example.com", "пример.рф", "unknown.com", "example.com"])
      assert.deepStrictEqual(
        metrics.map((row) => [row.isKnown, row.totalBacklinks, row.trustFlow]),
        [
          [true, 120, isPlatform ? 33 : null],
          [true, 7, metrics[1]?.trustFlow],
          [false, null, null],
          [true, 120, isPlatform ? 33 : null]
        ]
      )
      const links = yield* seranking.getBacklinks({ domain: "example.com", limit: 30 })
      const scores = links.map((link) => (isPlatform ? link.trustFlow : link.domainInlinkRank) ?? NaN)
      assert.strictEqual(links.length, 30)
      assert.deepStrictEqual(
        scores,
        scores.toSorted((a, b) => b - a)
      )
      const followed = yield* seranking.getBacklinks({ domain: "example.com", limit: 200, doFollowOnly: true })
      assert.isNotEmpty(followed)
      assert.isTrue(followed.every(({ isNoFollow }) => !isNoFollow))
      const all = yield* Stream.runCollect(seranking.getBacklinksStream({ domain: "example.com", pageSize: 50 }))
      assert.strictEqual(new Set(Chunk.map(all, ({ sourceUrl }) => sourceUrl)).size, 120)
      const keywords = ["Seo Tools", "x y z", "backlink checker", "seo tools"]
      const rows = yield* seranking.getKeywordRankings({ domain: "example.com", keywords })
      assert.deepStrictEqual(
        rows.map(({ keyword }) => keyword),
        keywords
      )
      assert.strictEqual(rows[0]?.position, rows[3]?.position)
      assert.isTrue((yield* seranking.verify).isActive)
    }).pipe(Effect.provide(overSimulator({ contract })))
  )

  it.effect("vendor: what we count is what the simulator billed", () => {
    let counted = 0
    return Effect.gen(function* () {
      const seranking = yield* SERanking.SERanking
      const simulator = yield* SERankingSimulator.SERankingSimulator
      assert.strictEqual((yield* seranking.getDomainInlinkRank("example.com")).domainInlinkRank, 66)
      yield* seranking.getBacklinksSummaries([...domains(120), "unknown.com"])
      yield* seranking.getBacklinksMetrics([...domains(120), "unknown.com"])
      yield* seranking.getBacklinks({ domain: "example.com", limit: 77 })
      yield* Stream.runDrain(seranking.getBacklinksStream({ domain: "example.com", pageSize: 50 }))
      yield* seranking.getKeywordRankings({ domain: "example.com", keywords: ["seo tools", "x y z", "seo"] })
      assert.strictEqual(counted, yield* simulator.unitsBilled)
      assert.strictEqual((yield* seranking.getUsage).used, counted)
    }).pipe(
      Effect.provide(
        overSimulator(
          {},
          {
            onCharge: ({ amount }) =>
              Effect.sync(() => {
                counted += amount ?? NaN
              })
          }
        )
      )
    )
  })

  it.effect.each([
    { respelledTargets: true },
    { stringUnits: true, misspeltExpiration: false },
    { missingRows: false, shuffledRows: false }
  ] satisfies ReadonlyArray<SERankingSimulator.Quirks>)("%j changes nothing", (quirks) =>
    Effect.gen(function* () {
      const seranking = yield* SERanking.SERanking
      const rows = yield* seranking.getBacklinksMetrics(["пример.рф", "example.com"])
      assert.deepStrictEqual(
        rows.map((row) => row.totalBacklinks),
        [7, 120]
      )
      const { left, resetsAt } = yield* seranking.verify
      assert.strictEqual(left, 999_999_800)
      assert.isNotNull(resetsAt)
    }).pipe(Effect.provide(overSimulator({ quirks })))
  )

  it.effect.each([
    [{ keys: ["other"] }, "InvalidKey", "InvalidKey"],
    [{ status: "expired" }, "NoSubscription", "NoSubscription"],
    [{ budget: 0 }, "CreditsExhausted", "ok"],
    [{ contract: "platform", keys: ["other"] }, "InvalidKey", "InvalidKey"],
    [{ contract: "platform", status: "expired" }, "NoSubscription", "InvalidKey"]
  ] satisfies ReadonlyArray<readonly [SERankingSimulator.Options, string, string]>)(
    "%j is %s, and %s to verify",
    ([options, call, verify]) =>
      Effect.gen(function* () {
        const seranking = yield* SERanking.SERanking
        assert.strictEqual((yield* Effect.flip(seranking.getBacklinksSummary("a.com")))._tag, call)
        const verified = yield* Effect.merge(Effect.mapError(Effect.as(seranking.verify, "ok"), ({ _tag }) => _tag))
        assert.strictEqual(verified, verify)
      }).pipe(Effect.provide(overSimulator(options)))
  )

  it.effect("over a real socket, layerConfig", () => {
    const server = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })
    const config = ConfigProvider.fromMap(new Map([["SE_RANKING_API_KEY", apiKey]]))
    return Effect.gen(function* () {
      const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const live = SERanking.layerConfig({
        apiKey: Config.redacted("SE_RANKING_API_KEY"),
        apiUrl: Config.succeed(`${url}/v1/`)
      })
      const rows = yield* Effect.flatMap(SERanking.SERanking, ({ getBacklinksStream }) =>
        Stream.runCollect(getBacklinksStream({ domain: "example.com", pageSize: 50 }))
      ).pipe(Effect.provide(live), Effect.provide(SharedState.layerMemory()), Effect.withConfigProvider(config))
      assert.strictEqual(Chunk.size(rows), 120)
      const simulator = yield* SERankingSimulator.SERankingSimulator
      const recorded = yield* simulator.requests
      assert.strictEqual(recorded.length, 3)
      assert.strictEqual(recorded[0]?.path, "/v1/backlinks/raw")
      for (const name of ["traceparent", "b3"]) assert.notProperty(recorded[0]?.headers, name)
    }).pipe(
      Effect.withSpan("caller"),
      Effect.provide(
        Layer.merge(
          Layer.provideMerge(SERankingSimulator.layerServer({ facts, keys: [apiKey] }), server),
          FetchHttpClient.layer
        )
      )
    )
  })
})

describe("layerTest", () => {
  it.effect("has the members given; others fail loudly", () =>
    Effect.gen(function* () {
      const seranking = yield* SERanking.SERanking
      assert.deepStrictEqual(yield* seranking.getBacklinksMetrics(["a.com"]), [])
      const exit = yield* Effect.exit(Stream.runDrain(seranking.getBacklinksStream({ domain: "a.com" })))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }).pipe(Effect.provide(SERanking.layerTest({ getBacklinksMetrics: () => Effect.succeed([]) })))
  )
})
