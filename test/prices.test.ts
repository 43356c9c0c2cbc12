import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { readdirSync, readFileSync } from "node:fs"
import * as columns from "../src/ahrefs/columns.js"
import type { FilterColumn } from "../src/ahrefs/model.js"
import { platform as ahrefsPlatform } from "../src/ahrefs/platform.js"
import * as pricing from "../src/ahrefs/pricing.js"
import { vendor as ahrefs } from "../src/ahrefs/vendor.js"
import type { Operation, Price } from "../src/Operation.js"
import { platform as serankingPlatform } from "../src/seranking/platform.js"
import { asRatings } from "../src/ahrefs/model.js"
import { vendor as seranking } from "../src/seranking/vendor.js"
import * as Target from "../src/Target.js"
import { json, makeAhrefs } from "./support/stub.js"

const target = (text: string) => Either.getOrThrow(Target.make(text))
const targets = (count: number) => Array.from({ length: count }, (_, i) => target(`site-${i}.com`))
const there = <A>(operation: A | null): A => operation ?? assert.fail("the contract has no such operation")
const dated = { target: target("example.com"), date: "2026-11-21" }
const links = { target: target("example.com"), limit: 100, columns: [] }
const batch = { mode: "subdomains", protocol: "both" } as const
const words = { ...dated, mode: "subdomains", country: "us", limit: 100, keywords: [], columns: [] } as const
const metrics = there(ahrefs.metrics)
const keywords = there(ahrefs.keywordRankings)

describe("Ahrefs: the documented table", () => {
  const exactly = (amount: number): Price => ({ unit: "api_units", lower: amount, upper: amount })

  it("snapshots are 50 units", () => {
    for (const price of [
      ahrefs.domainRatings.price(asRatings(targets(1))),
      ahrefs.referringDomains.price({ ...dated, mode: "subdomains" }),
      metrics.price({ ...asRatings(targets(1)), columns: ["urlRating"], mode: "exact" })
    ]) {
      assert.deepStrictEqual(price, exactly(50))
    }
    assert.strictEqual(ahrefs.domainRatings.charge(asRatings(targets(1)), 1), 50)
    assert.strictEqual(ahrefs.referringDomains.charge({ ...dated, mode: "subdomains" }, 1), 50)
  })

  it("all-backlinks: four one-unit columns", () => {
    assert.strictEqual(ahrefs.backlinks.charge(links, 100), 400)
    assert.strictEqual(ahrefs.backlinks.charge(links, 12), 50)
    assert.strictEqual(ahrefs.backlinks.charge(links, 13), 52)
    assert.strictEqual(ahrefs.backlinks.charge(links, 0), 50)
    assert.deepStrictEqual(ahrefs.backlinks.price(links), { unit: "api_units", lower: 50, upper: 400 })
  })

  it("all-backlinks: the same with traffic_domain in where", () => {
    const input = { ...links, where: { field: "trafficDomain", is: ["gt", 10] } } as const
    assert.strictEqual(ahrefs.backlinks.charge(input, 100), 1400)
    // A column named in several places counts once.
    const everywhere = {
      ...input,
      columns: ["trafficDomain"],
      orderBy: [{ column: "trafficDomain", direction: "desc" }]
    } as const
    assert.strictEqual(ahrefs.backlinks.charge(everywhere, 100), 1400)
  })

  it("organic-keywords: nine columns with volume, keyword_difficulty and sum_traffic", () => {
    const input = {
      ...words,
      columns: ["volume", "keywordDifficulty", "sumTraffic", "cpc", "words", "language"]
    } as const
    assert.strictEqual(keywords.charge(input, 10), 360)
    assert.strictEqual(keywords.charge(input, 1), 50)
    assert.deepStrictEqual(keywords.price(input), { unit: "api_units", lower: 50, upper: 3600 })
    const asked = { ...input, keywords: ["a", "b", "c"] }
    assert.deepStrictEqual(keywords.price(asked), { unit: "api_units", lower: 50, upper: 108 })
  })

  it("batches", () => {
    const recorded = [
      "url",
      "domainRating",
      "refdomains",
      "refdomainsDofollow",
      "refipsSubnets",
      "backlinks",
      "orgTraffic"
    ] as const
    const price = (count: number, asked: ReadonlyArray<columns.MetricColumn>) => {
      const input = { ...batch, targets: targets(count), columns: asked }
      assert.strictEqual(metrics.charge(input, count), metrics.price(input).upper)
      return metrics.price(input)
    }
    assert.deepStrictEqual(price(3, recorded), exactly(75))
    assert.deepStrictEqual(price(100, ["domainRating"]), exactly(200))
    assert.deepStrictEqual(price(25, ["domainRating"]), exactly(50))
    assert.deepStrictEqual(price(26, ["domainRating"]), exactly(52))
    assert.deepStrictEqual(price(100, ["url", "domainRating", "urlRating", "refdomains"]), exactly(900))
    assert.deepStrictEqual(ahrefs.domainRatings.price(asRatings(targets(100))), exactly(200))
    assert.strictEqual(ahrefs.domainRatings.charge(asRatings(targets(100)), 100), 200)
  })

  it("free operations and free targets", () => {
    assert.deepStrictEqual(ahrefs.usage.price(), exactly(0))
    assert.deepStrictEqual(there(ahrefs.freeDomainRatings).price(asRatings(targets(100))), exactly(0))
    for (const name of ["ahrefs.com", "yep.com", "firehose.com", "https://www.ahrefs.com/blog"]) {
      const free = target(name)
      assert.deepStrictEqual(ahrefs.referringDomains.price({ ...dated, mode: "subdomains", target: free }), exactly(0))
      assert.strictEqual(ahrefs.domainRatings.charge(asRatings([free]), 1), 0)
      assert.deepStrictEqual(ahrefs.backlinks.price({ ...links, target: free }), exactly(0))
      assert.strictEqual(ahrefs.backlinks.charge({ ...links, target: free }, 100), 0)
    }
    assert.isTrue(pricing.isFreeTarget(Either.getOrThrow(Target.url("https://ahrefs.com/blog"))))
    assert.isFalse(pricing.isFreeTarget(target("notahrefs.com")))
    assert.isFalse(pricing.isFreeTarget(Either.getOrThrow(Target.url("https://a.com/ahrefs.com"))))
  })
})

describe("recorded charges", () => {
  const Fixture = Schema.parseJson(
    Schema.Struct({
      request: Schema.Struct({ url: Schema.String }),
      response: Schema.Struct({ headers: Schema.Record({ key: Schema.String, value: Schema.String }) })
    })
  )
  const folder = new URL("fixtures/ahrefs/", import.meta.url)
  const charged = readdirSync(folder)
    .filter((name) => name !== "errors.json")
    .flatMap((name) => {
      const { request, response } = Schema.decodeUnknownSync(Fixture)(readFileSync(new URL(name, folder), "utf8"))
      const actual = response.headers["x-api-units-cost-total-actual"]
      return actual === undefined ? [] : [{ name, url: new URL(request.url), headers: response.headers, actual }]
    })

  it("are all here", () => {
    assert.deepStrictEqual(
      charged.map(({ name }) => name),
      [
        "domain-rating.free-target.2025-12-04.json",
        "domain-rating.red-engage.com.json",
        "limits-and-usage.standard.2026-08-06.json",
        "metrics.red-engage.com.cache-hit.json",
        "organic-competitors.red-engage.com.json",
        "top-pages.red-engage.com.json"
      ]
    )
  })

  it.each(charged)("$name: $actual", ({ actual, headers, url }) => {
    if (headers["x-api-cache"] === "hit") return assert.strictEqual(actual, "0")
    const rows = Number(headers["x-api-rows"])
    const site = url.searchParams.get("target")
    const operation = url.pathname.split("/").at(-1)
    const computed = () => {
      if (operation === "domain-rating")
        // An operation we no longer use: a batch of one costs the same.
        return ahrefs.domainRatings.charge(asRatings([target(site ?? "")]), rows)
      if (operation === "limits-and-usage") return ahrefs.usage.charge(undefined, rows)
      // Operations we do not have, by the same formula: both publishers state 24 units a row.
      assert.include(["organic-competitors", "top-pages"], operation)
      return pricing.units(rows, 24)
    }
    return assert.strictEqual(computed(), Number(actual))
  })

  it.scoped.each(charged)("$name: its headers are read", ({ actual, headers }) =>
    Effect.gen(function* () {
      const { ahrefs, charges } = yield* makeAhrefs(() => json({ metrics: { live_refdomains: 1 } }, 200, headers))
      yield* ahrefs.getReferringDomains("a.com")
      assert.deepStrictEqual([charges[0]?.amount, charges[0]?.source], [Number(actual), "header"])
    })
  )
})

describe("SE Ranking: the price list", () => {
  const page = { target: target("a.com"), limit: 1000, sortBy: undefined, cursor: null }
  const list = { target: target("a.com"), limit: 50, offset: 0, sortBy: undefined, doFollowOnly: false }
  const asked = { target: target("a.com"), keywords: ["a", "b"], searchEngine: "google", location: "us" } as const

  it("as published, the higher figure where pages disagree", () => {
    const summaries = { targets: targets(7), mode: "domain" } as const
    assert.deepStrictEqual(seranking.summaries.price(summaries), { unit: "credits", lower: 700, upper: 700 })
    assert.strictEqual(seranking.summaries.charge(summaries, 0), 700)
    assert.deepStrictEqual(seranking.metrics.price(targets(7)), { unit: "credits", lower: 0, upper: 700 })
    assert.strictEqual(seranking.metrics.charge(targets(7), 5), 500)
    assert.deepStrictEqual(seranking.backlinks.price(list), { unit: "credits", lower: 0, upper: 50 })
    assert.strictEqual(seranking.backlinks.charge(list, 31), 31)
    assert.deepStrictEqual(seranking.page.price(page), { unit: "credits", lower: 0, upper: 1000 })
    assert.strictEqual(seranking.page.charge(page, 999), 999)
    assert.strictEqual(there(seranking.domainInlinkRank).price(target("a.com")).upper, 10)
    assert.strictEqual(there(seranking.domainInlinkRank).charge(target("a.com"), 1), 10)
    assert.strictEqual(seranking.keywordRankings.charge(asked, 0), 100)
    assert.strictEqual(seranking.keywordRankings.charge(asked, 2), 200)
    assert.deepStrictEqual(seranking.usage.price(), { unit: "credits", lower: 0, upper: 0 })
  })

  it("the platform contract states none: unknown, not free", () => {
    const { backlinks, keywordRankings, metrics, page: pages, summaries, usage } = serankingPlatform
    const summary = { targets: targets(1), mode: "domain" } as const
    for (const price of [
      summaries.price(summary),
      metrics.price(targets(1)),
      backlinks.price(list),
      pages.price(page),
      keywordRankings.price(asked)
    ]) {
      assert.deepStrictEqual(price, { unit: "row_credits", lower: 0, upper: null })
    }
    for (const charge of [
      summaries.charge(summary, 1),
      metrics.charge(targets(1), 1),
      backlinks.charge(list, 9),
      pages.charge(page, 9),
      keywordRankings.charge(asked, 1)
    ]) {
      assert.isNull(charge)
    }
    assert.strictEqual(usage.charge(undefined, 1), 0)
  })
})

describe("Ahrefs platform: row credits", () => {
  it("1 a rating, 1 a metrics call, 1 a backlink row", () => {
    const { backlinks, domainRatings, referringDomains, usage } = ahrefsPlatform
    const credits = (lower: number, upper = lower): Price => ({ unit: "row_credits", lower, upper })
    assert.deepStrictEqual(domainRatings.price(asRatings(targets(1))), credits(1))
    assert.strictEqual(domainRatings.charge(asRatings(targets(1)), 1), 1)
    assert.deepStrictEqual(referringDomains.price({ ...dated, mode: "subdomains" }), credits(1))
    assert.strictEqual(referringDomains.charge({ ...dated, mode: "subdomains" }, 1), 1)
    assert.deepStrictEqual(backlinks.price({ ...links, limit: 30 }), credits(0, 30))
    assert.strictEqual(backlinks.charge({ ...links, limit: 30 }, 17), 17)
    assert.deepStrictEqual(usage.price(), credits(0))
  })
})

describe("price.lower <= charge <= price.upper", () => {
  const holds = <I, A>(operation: Operation<I, A>, input: I, rows: number) => {
    const { lower, upper } = operation.price(input)
    const charge = operation.charge(input, rows)
    assert.strictEqual(charge === null, upper === null)
    if (charge === null || upper === null) return
    assert.isAtLeast(charge, lower)
    assert.isAtMost(charge, upper)
  }
  const names = <T extends object>(table: T) => FastCheck.subarray(Object.keys(table) as Array<keyof T>)
  const someTarget = FastCheck.constantFrom("example.com", "ahrefs.com", "yep.com").map(target)
  const limit = FastCheck.integer({ min: 1, max: 100_000 })
  const share = FastCheck.double({ min: 0, max: 1, noNaN: true })
  const filterNames = names({ ...columns.backlinkColumns, ...columns.needed.backlink })

  it.prop(
    "Ahrefs lists",
    [someTarget, limit, share, names(columns.backlinkColumns), filterNames, filterNames, names(columns.keywordColumns)],
    ([target, limit, share, linkColumns, filtered, ordered, keywordColumns]) => {
      const input = {
        target,
        limit,
        columns: linkColumns,
        orderBy: ordered.map((column) => ({ column, direction: "asc" as const })),
        where:
          filtered.length === 0
            ? undefined
            : { and: filtered.map((field: FilterColumn) => ({ field, is: "empty" as const })) }
      }
      holds(ahrefs.backlinks, input, Math.floor(share * limit))
      holds(ahrefsPlatform.backlinks, input, Math.floor(share * limit))
      const asked = { ...words, target, limit, columns: keywordColumns }
      holds(keywords, asked, Math.floor(share * limit))
      const some = Array.from({ length: 1 + (limit % 50) }, (_, i) => `word ${i}`)
      holds(keywords, { ...asked, keywords: some }, Math.floor(share * some.length))
    }
  )

  it.prop(
    "batches",
    [
      FastCheck.integer({ min: 1, max: 100 }),
      share,
      names(columns.metricColumns),
      FastCheck.array(someTarget, { maxLength: 3 })
    ],
    ([count, share, asked, more]) => {
      const all = [...targets(count), ...more].slice(-100)
      const rows = Math.floor(share * all.length)
      holds(metrics, { ...batch, targets: all, columns: asked }, rows)
      if (more.length > 0) holds(metrics, { ...batch, targets: more, columns: asked }, more.length)
      holds(ahrefs.domainRatings, asRatings(all), rows)
      holds(there(ahrefs.freeDomainRatings), asRatings(all), rows)
      holds(seranking.summaries, { targets: all, mode: "domain" }, rows)
      holds(seranking.metrics, all, rows)
      holds(serankingPlatform.metrics, all, rows)
    }
  )

  it.prop("SE Ranking lists", [limit, share, FastCheck.integer({ min: 1, max: 50 })], ([limit, share, count]) => {
    const rows = Math.floor(share * limit)
    const list = { target: target("a.com"), limit, offset: 0, sortBy: undefined, doFollowOnly: false, cursor: null }
    holds(seranking.backlinks, list, rows)
    holds(seranking.page, list, rows)
    const some = Array.from({ length: count }, (_, i) => `word ${i}`)
    const asked = { target: target("a.com"), keywords: some, searchEngine: "google", location: "us" } as const
    holds(seranking.keywordRankings, asked, Math.floor(share * count))
    holds(there(seranking.domainInlinkRank), target("a.com"), rows % 2)
  })

  it.prop(
    "of what an Ahrefs call costs at least",
    [limit, FastCheck.integer({ min: 0, max: 200 })],
    ([rows, perRow]) => {
      assert.strictEqual(pricing.units(rows, perRow), Math.max(50, rows * perRow))
    }
  )
})
