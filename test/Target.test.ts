import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import type { InvalidTarget } from "../src/ProviderError.js"
import * as Target from "../src/Target.js"

type Reason = InvalidTarget["reason"]

const forms = { make: Target.make, host: Target.host, url: Target.url }
const right = (result: Either.Either<Target.Target, InvalidTarget>): string =>
  Either.match(result, { onLeft: ({ reason }) => `(${reason})`, onRight: (target) => target })

describe("valid inputs", () => {
  it.each<readonly [input: string, make: string, host: string, url: string]>([
    ["example.com", "example.com", "example.com", "http://example.com/"],
    [" EXAMPLE.com\n", "example.com", "example.com", "http://example.com/"],
    ["https://Example.com", "example.com", "example.com", "https://example.com/"],
    ["HTTPS://example.COM/Path?Q=1#f", "example.com", "example.com", "https://example.com/Path?Q=1"],
    ["//example.com/a", "example.com", "example.com", "http://example.com/a"],
    ["https:example.com", "example.com", "example.com", "https://example.com/"],
    ["http:\\\\example.com\\a", "example.com", "example.com", "http://example.com/a"],
    ["example.com\\a", "example.com", "example.com", "http://example.com/a"],
    ["example.com:8080/a", "example.com", "example.com", "http://example.com:8080/a"],
    ["http://example.com:80/", "example.com", "example.com", "http://example.com/"],
    ["https://example.com:443/", "example.com", "example.com", "https://example.com/"],
    ["example.com:443", "example.com", "example.com", "http://example.com:443/"],
    ["example.com.", "example.com", "example.com", "http://example.com/"],
    ["https://example.com./a", "example.com", "example.com", "https://example.com/a"],
    ["www.example.com", "example.com", "example.com", "http://www.example.com/"],
    ["WWW.example.com.", "example.com", "example.com", "http://www.example.com/"],
    ["www.blog.example.com", "example.com", "blog.example.com", "http://www.blog.example.com/"],
    ["www.www.example.com", "example.com", "example.com", "http://www.www.example.com/"],
    ["www.com", "www.com", "www.com", "http://www.com/"],
    ["www.co.uk", "www.co.uk", "www.co.uk", "http://www.co.uk/"],
    ["wwww.example.com", "example.com", "wwww.example.com", "http://wwww.example.com/"],
    ["https://Blog.Example.co.uk/x", "example.co.uk", "blog.example.co.uk", "https://blog.example.co.uk/x"],
    ["foo.github.io", "foo.github.io", "foo.github.io", "http://foo.github.io/"],
    ["www.foo.github.io", "foo.github.io", "foo.github.io", "http://www.foo.github.io/"],
    ["a.foo.github.io", "foo.github.io", "a.foo.github.io", "http://a.foo.github.io/"],
    ["github.io", "github.io", "github.io", "http://github.io/"],
    ["пример.рф", "xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai", "http://xn--e1afmkfd.xn--p1ai/"],
    [
      "ПРИМЕР.РФ/путь",
      "xn--e1afmkfd.xn--p1ai",
      "xn--e1afmkfd.xn--p1ai",
      "http://xn--e1afmkfd.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C"
    ],
    ["XN--E1AFMKFD.xn--p1ai", "xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai", "http://xn--e1afmkfd.xn--p1ai/"],
    ["faß.de", "xn--fa-hia.de", "xn--fa-hia.de", "http://xn--fa-hia.de/"],
    ["i❤.ws", "xn--i-7iq.ws", "xn--i-7iq.ws", "http://xn--i-7iq.ws/"],
    ["example。com", "example.com", "example.com", "http://example.com/"],
    ["ｅｘａｍｐｌｅ．ｃｏｍ", "example.com", "example.com", "http://example.com/"],
    ["exa\u00admple.com", "example.com", "example.com", "http://example.com/"],
    ["_dmarc.example.com", "example.com", "_dmarc.example.com", "http://_dmarc.example.com/"],
    ["a--b.example.com", "example.com", "a--b.example.com", "http://a--b.example.com/"],
    ["1.example.com", "example.com", "1.example.com", "http://1.example.com/"],
    ["example.com/@user", "example.com", "example.com", "http://example.com/@user"],
    ["example.com?q=a@b.com", "example.com", "example.com", "http://example.com/?q=a@b.com"],
    ["https://example.com/a/../b/./c", "example.com", "example.com", "https://example.com/b/c"],
    ["https://example.com/a b", "example.com", "example.com", "https://example.com/a%20b"],
    ["example.com#top", "example.com", "example.com", "http://example.com/"]
  ])("%j", (input, make, host, url) => {
    assert.deepStrictEqual(
      [right(Target.make(input)), right(Target.host(input)), right(Target.url(input))],
      [make, host, url]
    )
  })
})

describe("invalid inputs", () => {
  it.each<readonly [input: string, reason: Reason]>([
    ["", "empty"],
    [" \t\n", "empty"],
    ["\ufeff", "empty"],
    [`${"a".repeat(2049)}`, "too_long"],
    [`example.com/${"a".repeat(2048)}`, "too_long"],
    ["exam\tple.com", "control_character"],
    ["exam\nple.com", "control_character"],
    ["example.com/\u0000", "control_character"],
    ["\u0000example.com", "control_character"],
    ["example\u007f.com", "control_character"],
    ["ftp://example.com", "scheme"],
    ["file:///etc/passwd", "scheme"],
    ["javascript://example.com", "scheme"],
    ["HTTPX://example.com", "scheme"],
    ["mailto:user@example.com", "credentials"],
    ["user@example.com", "credentials"],
    ["https://user:pass@example.com", "credentials"],
    ["https://:pass@example.com", "credentials"],
    ["https://@example.com@evil.com", "credentials"],
    ["user:pass@example.com/a", "credentials"],
    ["javascript:alert(1)", "not_a_url"],
    ["http://", "not_a_url"],
    ["https:///", "not_a_url"],
    ["exam ple.com", "not_a_url"],
    ["a, b", "not_a_url"],
    ["example.com:port", "not_a_url"],
    ["example.com:99999", "not_a_url"],
    ["<script>", "not_a_url"],
    ["%zz.com", "not_a_url"],
    ["xn--a.com", "punycode"],
    ["xn--.com", "punycode"],
    ["xn--zzzzzzzzzzzzzzzzzzzzz99999999.com", "punycode"],
    ["1.2.3.4", "ip_address"],
    ["1.2.3.4:80", "ip_address"],
    ["http://127.1/", "ip_address"],
    ["2130706433", "ip_address"],
    ["0x7f.0.0.1", "ip_address"],
    ["0x7f000001", "ip_address"],
    ["0177.0.0.1", "ip_address"],
    ["１.２.３.４", "ip_address"],
    ["1.2.3.4.", "ip_address"],
    ["[::1]", "ip_address"],
    ["http://[2001:db8::1]:8080/a", "ip_address"],
    ["[::ffff:1.2.3.4]", "ip_address"],
    ["localhost", "single_label"],
    ["http://LOCALHOST:3000/a", "single_label"],
    ["a.localhost", "single_label"],
    ["https://a.b.localhost/", "single_label"],
    ["intranet", "single_label"],
    ["com", "single_label"],
    ["co.uk", "public_suffix"],
    ["https://CO.UK/", "public_suffix"],
    ["com.br", "public_suffix"],
    ["a..com", "bad_hostname"],
    [".example.com", "bad_hostname"],
    ["example.com..", "bad_hostname"],
    ["-a.com", "bad_hostname"],
    ["a-.com", "bad_hostname"],
    ["a.com,b.com", "bad_hostname"],
    ["*.example.com", "bad_hostname"],
    ["exam!ple.com", "bad_hostname"],
    [`${"a".repeat(64)}.com`, "bad_hostname"],
    [`${"a.".repeat(127)}com`, "bad_hostname"]
  ])("%j is %s", (input, reason) => {
    for (const [name, normalise] of Object.entries(forms)) {
      assert.strictEqual(right(normalise(input)), `(${reason})`, name)
    }
  })

  it("2048 characters are still short enough", () => {
    const input = `example.com/${"a".repeat(2036)}`
    assert.strictEqual(input.length, 2048)
    assert.strictEqual(right(Target.make(input)), "example.com")
  })

  it("a URL that percent-encoding makes too long is refused at once, not when it is given again", () => {
    const longest = `example.com/a${"ü".repeat(338)}`
    assert.strictEqual(right(Target.url(longest)).length, 2048)
    assert.strictEqual(right(Target.make(`${longest}a`)), "example.com")
    const refused = Target.url(`${longest}a`)
    assert.strictEqual(Either.isLeft(refused) && refused.left.reason, "too_long")
  })

  it("what is shown of it is not cut through a surrogate pair", () => {
    const refused = Target.make(`${"a".repeat(99)}😀`)
    assert.strictEqual(Either.isLeft(refused) && refused.left.input, `${"a".repeat(99)}...`)
  })

  it("a megabyte is refused without being read", () => {
    for (const input of [
      "a".repeat(1e6),
      "@".repeat(1e6),
      `${"a.".repeat(5e5)}com`,
      `https://${"a:@".repeat(3e5)}`,
      " ".repeat(1e6)
    ]) {
      const begin = performance.now()
      assert.isTrue(Either.isLeft(Target.make(input)))
      assert.isBelow(performance.now() - begin, 1000)
    }
  })
})

/** What a person or a log would see of a refused input. */
const shownOf = (input: string): ReadonlyArray<string> =>
  Either.match(Target.make(input), {
    onLeft: (error) => [
      error.input,
      error.message,
      String(error),
      JSON.stringify(Schema.encodeSync(Schema.typeSchema(Schema.Unknown))({ ...error }))
    ],
    onRight: () => assert.fail(`${input} is valid`)
  })

describe("InvalidTarget", () => {
  it.each([
    "user:hunter2@example.com",
    "hunter2@example.com",
    " https://user:hunter2@example.com/x",
    "https://hunter2@example.com",
    "https:user:hunter2@example.com",
    "http:/user:hunter2@example.com",
    "http:///user:hunter2@example.com",
    "http:\\\\user:hunter2@example.com",
    "http:\\/user:hunter2@example.com",
    "//user:hunter2@example.com",
    "///user:hunter2@example.com",
    "ftp://user:hunter2@example.com/x",
    "postgres://user:hunter2@db/x",
    "https://user:hunt/hunter2@example.com",
    "https://user:hunt?hunter2@example.com",
    "https://user:hunt#hunter2@example.com",
    "https://us@er:hunter2@example.com",
    "\u0000https://user:hunter2@example.com",
    "ht\ttps://user:hunter2@example.com",
    "mailto:hunter2@example.com",
    `https://user:hunter2${"x".repeat(3000)}@example.com`
  ])("%j shows no credentials", (input) => {
    for (const shown of shownOf(input)) assert.notInclude(shown, "hunter2")
  })

  it.each(["\u0000", "\u001b[31mred", "a\u0007b", "line\r\nline", "\u007f", "a\u0080b", "\u009b31m", "\u0085"])(
    "%j shows no control character",
    (part) => {
      for (const shown of shownOf(`exam ple${part}.com`).slice(0, 2)) assert.notMatch(shown, /\p{Cc}/u)
    }
  )

  it.prop(
    "is short and free of control characters for any input",
    [FastCheck.string({ unit: "binary", maxLength: 400 })],
    ([text]) => {
      Either.match(Target.make(`! ${text}`), {
        onLeft: ({ input, message }) => {
          assert.isAtMost(input.length, 110)
          assert.isAtMost(message.length, 220)
          assert.notMatch(message, /\p{Cc}/u)
        },
        onRight: () => {}
      })
    }
  )

  it.prop(
    "never shows a password",
    [
      FastCheck.constantFrom("", "https://", "http:", "//", "ftp://", "http:/", "http:\\\\", "\t", "a/b?"),
      FastCheck.string({ maxLength: 12 })
    ],
    ([scheme, user]) => {
      const result = Target.make(`${scheme}${user}:hunter2@exa mple.com`)
      if (Either.isLeft(result)) assert.notInclude(`${result.left.input}${String(result.left)}`, "hunter2")
    }
  )
})

// Laws.

const label = FastCheck.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/)
const suffix = FastCheck.constantFrom("com", "co.uk", "github.io", "de", "org", "рф", "xn--p1ai", "com.br")
const plainHost = FastCheck.tuple(FastCheck.array(label, { minLength: 1, maxLength: 4 }), suffix).map(
  ([labels, suffix]) => [...labels, suffix].join(".")
)
const unicodeLabel = FastCheck.stringMatching(/^[a-zà-öø-ÿа-яα-ωぁ-ん一-龥]{1,8}$/u)
const path = FastCheck.constantFrom(
  "",
  "/",
  "/a",
  "/a/b.html",
  "/?q=1",
  "?q=1",
  "#f",
  "/a%20b",
  "/ä",
  "/@x",
  "//x",
  "/a?b=c#d",
  "\\x",
  ":8080/a",
  ":80",
  ".",
  "./"
)
const scheme = FastCheck.constantFrom("", "http://", "https://", "HTTPS://", "//", "http:", " ")
const input = FastCheck.tuple(
  scheme,
  FastCheck.oneof(
    plainHost,
    FastCheck.tuple(unicodeLabel, suffix).map((parts) => parts.join("."))
  ),
  path
).map((parts) => parts.join(""))
const anything = FastCheck.oneof(
  input,
  FastCheck.string(),
  FastCheck.string({ unit: "binary" }),
  FastCheck.webUrl({ withFragments: true, withQueryParameters: true }),
  FastCheck.domain(),
  FastCheck.ipV4Extended(),
  FastCheck.ipV6(),
  FastCheck.emailAddress()
)

describe("laws", () => {
  const many = { fastCheck: { numRuns: 1000 } } as const

  it.prop(
    "no text makes any function throw",
    [anything],
    ([text]) => {
      for (const normalise of Object.values(forms)) {
        const result = normalise(text)
        if (Either.isRight(result)) {
          assert.isString(Target.display(result.right))
          assert.isString(Target.registrable(result.right))
        }
      }
      assert.isString(Target.key(text))
    },
    many
  )

  it.prop(
    "a normal form is its own normal form",
    [anything],
    ([text]) => {
      for (const normalise of Object.values(forms)) {
        const once = normalise(text)
        if (Either.isRight(once)) assert.deepStrictEqual(right(normalise(once.right)), once.right)
      }
    },
    many
  )

  it.prop(
    "make of host and of url is make",
    [input],
    ([text]) => {
      const made = right(Target.make(text))
      for (const normalise of [Target.host, Target.url]) {
        const other = normalise(text)
        assert.strictEqual(Either.isRight(other) ? right(Target.make(other.right)) : right(other), made)
      }
    },
    many
  )

  it.prop(
    "forms are lower-case ASCII without www, credentials, port or trailing dot",
    [anything],
    ([text]) => {
      for (const target of [Target.make(text), Target.host(text)]) {
        if (Either.isRight(target)) assert.match(target.right, /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/)
      }
    },
    many
  )

  it.prop(
    "the shortcut agrees with the URL parser",
    [scheme, plainHost, path],
    ([scheme, name, path]) => {
      const host = Target.host(`${scheme}${name}${path}`)
      const url = `${/^h/i.test(scheme) ? scheme : "http://"}${name}${path}`.trim()
      // What only looks like Punycode, such as "xn--0.com", is no host to either.
      if (!URL.canParse(url)) return assert.isTrue(Either.isLeft(host))
      const parsed = new URL(url).hostname.replace(/\.$/, "")
      if (Either.isLeft(host)) {
        // Refused by the checks that follow, and then for the URL parser's form too.
        assert.strictEqual(right(Target.host(`HTTP://${parsed}`)), right(host))
        return
      }
      assert.include([parsed, parsed.replace(/^www\./, "")], host.right)
    },
    many
  )

  it.prop(
    "the shortcut agrees with the long way",
    [plainHost, path],
    ([name, path]) => {
      // An upper-case scheme is no input for the shortcut.
      for (const normalise of Object.values(forms)) {
        assert.strictEqual(right(normalise(`http://${name}${path}`)), right(normalise(`HTTP://${name}${path}`)))
      }
    },
    many
  )

  it.prop(
    "key: one for all spellings that providers echo",
    [
      FastCheck.oneof(
        plainHost,
        FastCheck.tuple(unicodeLabel, suffix).map((parts) => parts.join("."))
      )
    ],
    ([name]) => {
      const target = Target.host(name)
      if (Either.isLeft(target)) return
      const shown = Target.display(target.right)
      const key = Target.key(target.right)
      for (const spelling of [
        target.right,
        shown,
        `${shown}/`,
        `https://${shown}`,
        `http://${target.right.toUpperCase()}/`,
        ` ${shown}`,
        `${target.right}.`
      ]) {
        assert.strictEqual(Target.key(spelling), key, spelling)
      }
    },
    many
  )

  it.prop(
    "key: other targets have other keys",
    [plainHost, plainHost],
    ([a, b]) => {
      const [first, second] = [Target.host(a), Target.host(b)]
      if (Either.isLeft(first) || Either.isLeft(second)) return
      assert.strictEqual(Target.key(first.right) === Target.key(second.right), first.right === second.right)
    },
    many
  )

  it.prop(
    "display comes back",
    [input],
    ([text]) => {
      for (const normalise of Object.values(forms)) {
        const target = normalise(text)
        if (Either.isRight(target)) assert.strictEqual(right(normalise(Target.display(target.right))), target.right)
      }
    },
    many
  )

  it.prop(
    "registrable is a suffix of the site and its own registrable",
    [input],
    ([text]) => {
      const site = Target.make(text)
      if (Either.isLeft(site)) return
      const registrable = Target.registrable(site.right)
      assert.isTrue(site.right === registrable || site.right.endsWith(`.${registrable}`))
      assert.strictEqual(Target.registrable(registrable), registrable)
    },
    many
  )
})

describe("display, key and registrable", () => {
  const target = (text: string) => Either.getOrThrow(Target.host(text))
  const url = (text: string) => Either.getOrThrow(Target.url(text))

  it("display", () => {
    assert.strictEqual(Target.display(target("пример.рф")), "пример.рф")
    assert.strictEqual(Target.display(target("example.com")), "example.com")
    assert.strictEqual(Target.display(url("https://пример.рф/a?b")), "https://пример.рф/a?b")
    assert.strictEqual(Target.display(url("https://example.com/xn--e1afmkfd")), "https://example.com/xn--e1afmkfd")
  })

  it("key keeps path, query and port apart", () => {
    const keys = ["a.com", "a.com/x", "a.com/x?y", "a.com:8080", "a.com/x/", "b.com"].map(Target.key)
    assert.strictEqual(new Set(keys).size, keys.length)
    assert.strictEqual(Target.key("no host at all"), "no host at all")
  })

  it("registrable", () => {
    assert.strictEqual(Target.registrable(target("a.b.github.io")), "github.io")
    assert.strictEqual(Target.registrable(target("a.b.example.co.uk")), "example.co.uk")
    assert.strictEqual(Target.registrable(url("https://blog.example.com/x")), "example.com")
  })
})
