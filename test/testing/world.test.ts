import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { hostOf, make, respelled, shuffle, vocabulary } from "../../src/testing/world.js"

const name = FastCheck.stringMatching(/^[a-z]{3,12}\.(com|org|de)$/)
const seed = FastCheck.integer({ min: 0, max: 1000 })
const world = make({ seed: 1, facts: {} })
const many = Array.from({ length: 4000 }, (_, index) => world(`domain-${index}.com`).facts)

describe("world", () => {
  it.prop("the same seed tells the same story", [seed, name], ([seed, host]) => {
    const [one, other] = [make({ seed, facts: {} })(host), make({ seed, facts: {} })(host)]
    assert.deepStrictEqual(one.facts, other.facts)
    assert.deepStrictEqual(one.backlink(7), other.backlink(7))
    assert.deepStrictEqual(one.refdomain(0), other.refdomain(0))
    assert.strictEqual(one.position("seo tools"), other.position("seo tools"))
  })

  it.prop("the spelling of a name does not matter", [name], ([host]) => {
    for (const spelling of [`https://www.${host}/a?b#c`, host.toUpperCase(), `${host}.`, `${host}/`, `www.${host}`]) {
      assert.strictEqual(hostOf(spelling), host)
    }
  })

  it("names are punycode inside and Unicode outside", () => {
    assert.strictEqual(hostOf("Пример.рф"), "xn--e1afmkfd.xn--p1ai")
    assert.strictEqual(respelled("xn--e1afmkfd.xn--p1ai"), "пример.рф/")
    assert.strictEqual(respelled("https://Example.com/A"), "example.com/A")
    assert.deepStrictEqual(["", "a b", "localhost", "a.com,b.com", "http://"].map(hostOf), [
      null,
      null,
      null,
      null,
      null
    ])
  })

  it.prop("counts add up", [seed, name], ([seed, host]) => {
    const { facts, refdomain } = make({ seed, facts: {} })(host)
    assert.strictEqual(facts.refdomainsDofollow + facts.refdomainsNofollow, facts.refdomains)
    assert.strictEqual(facts.backlinksDofollow + facts.backlinksNofollow, facts.backlinks)
    assert.isAtMost(facts.refdomains, facts.backlinks)
    assert.isAtMost(facts.subnets, facts.refips)
    assert.isAtMost(facts.orgKeywordsTop3, facts.orgKeywords)
    for (const value of [facts.trustFlow, facts.citationFlow, facts.domainInlinkRank, facts.inlinkRank]) {
      assert.isTrue(Number.isInteger(value) && value >= 0 && value <= 100)
    }
    const links = Array.from({ length: Math.min(facts.refdomains, 2000) }, (_, index) => refdomain(index).links)
    if (facts.refdomains <= 2000) {
      assert.strictEqual(
        links.reduce((sum, each) => sum + each, 0),
        facts.backlinks
      )
    }
  })

  it("ratings are spread as on the web", () => {
    const share = (is: (rating: number) => boolean) =>
      many.filter(({ domainRating }) => is(domainRating)).length / many.length
    assert.closeTo(
      share((rating) => rating >= 30 && rating < 90),
      0.4,
      0.03
    )
    assert.closeTo(
      share((rating) => rating >= 90),
      0.03,
      0.02
    )
    assert.isAbove(
      share((rating) => rating === 0),
      0
    )
    assert.isTrue(many.every(({ domainRating }) => Math.round(domainRating * 10) / 10 === domainRating))
  })

  it("stronger sites have more of everything", () => {
    const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
    const weak = many.filter(({ domainRating }) => domainRating < 20)
    const strong = many.filter(({ domainRating }) => domainRating > 60)
    for (const fact of ["refdomains", "backlinks", "orgTraffic", "trustFlow", "domainInlinkRank"] as const) {
      assert.isAbove(median(strong.map((facts) => facts[fact])), 2 * median(weak.map((facts) => facts[fact])), fact)
    }
  })

  it("nobody knows unknown-", () => {
    const { facts, position } = world("unknown-shop.com")
    assert.isFalse(facts.known)
    assert.strictEqual(facts.domainRating, 0)
    assert.isNull(facts.ahrefsRank)
    assert.isTrue(vocabulary.every((keyword) => position(keyword) === null))
  })

  it("given facts carry the others along", () => {
    const given = make({ seed: 1, facts: { "https://WWW.Example.com/": { domainRating: 88, backlinks: 20 } } })
    const { facts } = given("example.com")
    assert.strictEqual(facts.domainRating, 88)
    assert.strictEqual(facts.backlinks, 20)
    assert.isAtMost(facts.refdomains, 20)
    assert.isAbove(facts.orgKeywords, 1000)
  })

  it("links are newest first, the lost ones dated", () => {
    const site = make({ seed: 1, facts: { "a.com": { backlinks: 70, refdomains: 9 } } })("a.com")
    const links = Array.from({ length: 70 }, (_, index) => site.backlink(index))
    const days = links.map(({ firstSeen }) => firstSeen)
    assert.deepStrictEqual(days, days.toSorted().toReversed())
    assert.strictEqual(new Set(links.map(({ source }) => source)).size, 9)
    assert.isTrue(links.every(({ lastSeen }) => lastSeen === null))
    assert.strictEqual(site.lostBacklinks, 10)
    assert.isNotNull(site.backlink(70).lastSeen)
    assert.strictEqual(links[3]?.source, site.refdomain(3).domain)
    assert.strictEqual(make({ seed: 1, facts: {} })(links[3]?.source ?? "").facts.domainRating, links[3]?.domainRating)
  })

  it.prop("a shuffle keeps the items", [FastCheck.array(FastCheck.string()), seed], ([items, seed]) => {
    assert.deepStrictEqual(shuffle(items, seed, (item) => item).toSorted(), items.toSorted())
  })
})
