import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Exclusions from "../../src/scoring/exclusions.js"
import { type Profile, standard } from "../../src/scoring/profile.js"
import * as Target from "../../src/Target.js"

const site = (input: string) => Either.getOrThrow(Target.make(input))
const of = (exclude: Partial<Profile["exclude"]>): Profile => ({
  ...standard,
  exclude: { ...standard.exclude, ...exclude }
})
const reasonOf = (input: string, profile: Profile = standard, lists: Exclusions.Lists = {}) =>
  Either.getOrThrow(Exclusions.make(profile, lists))(site(input))?.reason ?? null

describe("lists", () => {
  const spellings = [
    "example.com",
    "EXAMPLE.com",
    " www.example.com. ",
    "blog.example.com",
    "https://www.Example.com/a?b#c",
    "//example.com:8080"
  ]

  it.each([
    ["own", "own"],
    ["competitors", "competitor"],
    ["alreadyLinking", "already_linking"],
    ["contacted", "contacted"],
    ["blocklist", "blocklist"]
  ] as const)("%s, in any spelling, of the profile or of the run: %s", (list, reason) => {
    for (const entry of spellings) {
      for (const input of spellings) {
        assert.strictEqual(reasonOf(input, of({ [list]: [entry] })), reason, `${entry} ${input}`)
        assert.strictEqual(reasonOf(input, standard, { [list]: [entry] }), reason, `${entry} ${input}`)
      }
      assert.isNull(reasonOf("example.org", of({ [list]: [entry] })))
    }
  })

  it("internationalised names", () => {
    for (const entry of ["пример.рф", "XN--E1AFMKFD.xn--p1ai", "https://блог.ПРИМЕР.рф/"]) {
      assert.strictEqual(reasonOf("пример.рф", of({ own: [entry] })), "own", entry)
      assert.strictEqual(reasonOf("xn--e1afmkfd.xn--p1ai", of({ own: [entry] })), "own", entry)
    }
  })

  it("one's own site is that, whatever else it is", () => {
    const all = ["medium.com", "example.com"]
    const profile = of({
      blocklist: all,
      contacted: all,
      alreadyLinking: all,
      competitors: all,
      own: all,
      tlds: ["com"]
    })
    for (const input of all) assert.strictEqual(reasonOf(input, profile), "own")
    assert.strictEqual(reasonOf("medium.com", of({ contacted: all })), "contacted")
  })

  it("an entry that is no site fails, wherever it stands", () => {
    for (const entry of ["", "example", "192.168.0.1", "co.uk", "user@example.com", "exa mple.com"]) {
      for (const result of [
        Exclusions.make(of({ blocklist: ["example.com", entry] })),
        Exclusions.make(standard, { contacted: ["example.com", entry] })
      ]) {
        assert.isTrue(Either.isLeft(result), entry)
        assert.strictEqual(Either.isLeft(result) && result.left._tag, "InvalidTarget")
      }
    }
  })

  it("top levels, and no others that end so", () => {
    const profile = of({ tlds: ["xyz", "xn--p1ai"] })
    assert.strictEqual(reasonOf("example.xyz", profile), "tld")
    assert.strictEqual(reasonOf("пример.рф", profile), "tld")
    assert.isNull(reasonOf("xyz.com", profile))
  })

  it("says what it excludes and why", () => {
    const excluded = Either.getOrThrow(Exclusions.make(of({ competitors: ["example.com"] })))
    assert.deepStrictEqual(excluded(site("blog.example.com")), {
      _tag: "Excluded",
      reason: "competitor",
      message: "example.com is a competitor's site"
    })
  })
})

describe("platforms and mail", () => {
  it.each([
    ["medium.com/@someone", "platform_host"],
    ["https://foo.substack.com/p/a", "platform_host"],
    ["foo.wordpress.com", "platform_host"],
    ["sites.google.com/view/foo", "platform_host"],
    ["https://t.me/foo", "platform_host"],
    ["en.wikipedia.org", "platform_host"],
    ["github.io", "platform_host"],
    ["myshopify.com", "platform_host"],
    ["gmail.com", "webmail"],
    ["mail.yahoo.co.uk", "webmail"],
    ["example.com", null],
    ["notmedium.com", null],
    // Sites of their own by the public suffix list, with figures of their own.
    ["someone.github.io", null],
    ["shop.myshopify.com", null],
    ["foo.blogspot.com", null],
    ["foo.netlify.app", null]
  ])("%s: %s", (input, reason) => {
    assert.strictEqual(reasonOf(input), reason)
  })

  it("can be left out", () => {
    assert.isNull(reasonOf("medium.com", of({ platforms: false })))
    assert.strictEqual(reasonOf("gmail.com", of({ platforms: false })), "webmail")
    assert.isNull(reasonOf("gmail.com", of({ webmail: false })))
    assert.strictEqual(reasonOf("medium.com", of({ webmail: false })), "platform_host")
  })

  it("hold canonical sites only, each once: another would never be met", () => {
    const platforms = Exclusions.platforms.trim().split(/\s+/)
    const webmail = Exclusions.webmail.trim().split(/\s+/)
    assert.isAbove(platforms.length, 100)
    assert.isAbove(webmail.length, 40)
    const all = [...platforms, ...webmail]
    assert.strictEqual(new Set(all).size, all.length)
    for (const entry of all) assert.strictEqual(site(entry), entry)
    for (const entry of platforms) assert.strictEqual(reasonOf(entry), "platform_host", entry)
    for (const entry of webmail) assert.strictEqual(reasonOf(entry), "webmail", entry)
  })
})
