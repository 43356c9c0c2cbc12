/** What is fuzzed: whatever reads texts that others wrote. Each subject has its inputs and the laws that hold for all of them. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import { classify as classifyAhrefs } from "../../src/ahrefs/errors.js"
import { type Await, type CacheStore, type Fact, fromKeyv, type TextStore } from "../../src/CacheStore.js"
import { decode, type Imports, readProspects } from "../../src/cli/readProspects.js"
import type { Which } from "../../src/Integrations.js"
import { errorText } from "../../src/internal/errorText.js"
import { parseRetryAfter } from "../../src/internal/retry.js"
import { keyring } from "../../src/internal/secrets.js"
import { InvalidTarget } from "../../src/ProviderError.js"
import { classify as classifySERanking } from "../../src/seranking/errors.js"
import * as Target from "../../src/Target.js"
import { ahrefsErrors, fixturesOf } from "../support/fixture.js"
import type { Input, Subject } from "./campaign.js"
import { apiKey, type Exchange, exchanges } from "./exchanges.js"
import { mutateJson, mutateText } from "./mutate.js"

const choice = FastCheck.nat(0x7fff_ffff)
const program = FastCheck.array(FastCheck.nat(0xffff), { maxLength: 15 })
const wild = FastCheck.oneof(
  FastCheck.string({ maxLength: 60 }),
  FastCheck.string({ unit: "binary", maxLength: 60 }),
  FastCheck.string({ unit: "grapheme", maxLength: 40 })
)

const inputs = (text: FastCheck.Arbitrary<string>): FastCheck.Arbitrary<Input> => FastCheck.record({ text, choice })

const pick = <A>(all: ReadonlyArray<A>, choice: number): A => {
  const picked = all[choice % all.length]
  assert.ok(picked !== undefined)
  return picked
}

const parsed = (text: string): Option.Option<unknown> => Option.liftThrowable((): unknown => JSON.parse(text))()

/** Valid texts, and what a program makes of them. */
const mutated = (seeds: ReadonlyArray<string>) =>
  FastCheck.tuple(FastCheck.constantFrom(...seeds), program).map(([seed, program]) => mutateText(seed, program))

const corpusOf = (texts: ReadonlyArray<string>): ReadonlyArray<Input> => texts.map((text, choice) => ({ text, choice }))

// Target ------------------------------------------------------------------------------------------------------------

const secret = "pa55w0rd"
const sites = [
  "example.com",
  "https://Blog.Example.co.uk:8080/a/b?c=d#e",
  "www.a.github.io",
  "github.io",
  "bücher.de",
  "xn--bcher-kva.de",
  "//example.com",
  "http:\\\\example.com\\a",
  "http://1.2.3.4/",
  "http://[::1]:80/",
  "0x7f.1",
  "example.com.",
  "www.www.example.com",
  "com",
  "a_b.example.com",
  "ＥＸＡＭＰＬＥ。com",
  "faß.de",
  "пример.рф",
  "ftp://example.com",
  "mailto:a@example.com",
  "xn--a.com",
  "example.com/%zz?ü=ö"
]

const label = FastCheck.oneof(
  { weight: 6, arbitrary: FastCheck.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/) },
  { weight: 2, arbitrary: FastCheck.stringMatching(/^[a-zà-öø-ÿа-яα-ωぁ-ん一-龥]{1,8}$/u) },
  FastCheck.constantFrom("www", "", "-", "xn--bcher-kva", "xn--0", "XN--A", "a".repeat(63), "a".repeat(64), "ß", "İ"),
  FastCheck.string({ unit: "grapheme", maxLength: 5 })
)
const url = FastCheck.tuple(
  FastCheck.constantFrom("", "", "http://", "https://", "HTTPS://", "//", "http:", "https:/", "ftp://", " "),
  FastCheck.oneof({ weight: 9, arbitrary: FastCheck.constant("") }, FastCheck.constant(`user:${secret}@`)),
  FastCheck.array(label, { maxLength: 5 }).map((labels) => labels.join(".")),
  FastCheck.constantFrom("", ".com", ".co.uk", ".github.io", ".рф", ".xn--p1ai", ".", ".localhost", ".COM.", "。com"),
  FastCheck.constantFrom("", "", ":80", ":443", ":8080", ":0", ":99999", ":"),
  FastCheck.oneof(
    FastCheck.constantFrom("", "/", "/a/../b", "/A?b=C#d", "?x", "#x", "\\a", "/ü", "/%C3%BC", "/\ud800", "/a b", "/@"),
    FastCheck.tuple(
      FastCheck.constantFrom("/", "?"),
      FastCheck.constantFrom("a", "ü", "%", "/", "."),
      FastCheck.nat(2100)
    ).map(([start, text, times]) => start + text.repeat(times))
  )
).map((parts) => parts.join(""))

const isHost = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+$/
const isUrl = /^https?:\/\/[a-z0-9_.-]+(?::\d+)?\/[^#\s]*$/

const checkTarget = ({ text }: Input): void => {
  // Some inputs hold it twice, and not as a password.
  const isSecret = text.split(secret).length === 2 && text.indexOf(secret) < text.lastIndexOf("@")
  for (const [form, shape] of [
    [Target.make, isHost],
    [Target.host, isHost],
    [Target.url, isUrl]
  ] as const) {
    const result = form(text)
    if (Either.isLeft(result)) {
      const error = result.left
      assert.ok(error instanceof InvalidTarget)
      assert.ok(error.message.length < 250 && error.input.length <= 103, "an error of any length")
      assert.ok(!/[\p{C}\p{Zl}\p{Zp}]/u.test(error.message), "a control character is shown")
      assert.ok(!isSecret || !JSON.stringify(error).includes(secret), "a password is told")
      continue
    }
    const target = result.right
    assert.match(target, shape)
    assert.ok(!isSecret || !target.includes(secret), `a password is kept: ${target}`)
    assert.deepEqual(form(target), Either.right(target), "not idempotent")
    const site = Either.getOrThrow(Target.make(target))
    assert.deepEqual(Target.make(text), Either.right(site), "the site depends on the form")
    assert.ok(site.endsWith(Target.registrable(target)), "the registrable domain is another")
    assert.equal(Target.key(Target.display(target)), Target.key(target), "the form for people is another target")
    if (shape === isHost) assert.equal(Target.key(`HTTPS://${target.toUpperCase()}/`), target)
  }
  Target.key(text)
}

// The CSV reader ----------------------------------------------------------------------------------------------------

const lists = [
  "a.com\nb.com\n\nc.com",
  "Domain,Note\r\na.com,x\r\n,y\r\nb.com",
  'url;"Trust Flow";cf\nhttps://a.com/;1;2\n"b;c.com";;',
  "name\tWebsite\nx\ta.com\ny\t b.com ",
  'domain,n\na.com,"two\nlines"\nb.com,1\n',
  'domain\n"open\na.com\nb.com'
]
const cell = FastCheck.oneof(
  FastCheck.domain(),
  FastCheck.constantFrom(
    "",
    " ",
    '"',
    '""',
    '"a.com"',
    '"a,b"',
    "\u0000",
    "\u00a0",
    "\ufeff",
    "12",
    "1e308",
    "'",
    "\u2028"
  ),
  FastCheck.string({ maxLength: 12 }),
  FastCheck.tuple(FastCheck.constantFrom("a", '"', ",", "a.com;", "\u0000"), FastCheck.nat(80)).map(([text, times]) =>
    text.repeat(times)
  )
)
const header = FastCheck.constantFrom(
  "domain",
  "Domain,Trust Flow",
  "note;URL;cf",
  "a\tweb_site\tb",
  '"Domain","x"',
  "\ufeffdomain,x",
  "nothing,known",
  "domain,domain",
  " Root  Domain ,\u0000"
)
const list = FastCheck.tuple(
  header,
  FastCheck.array(FastCheck.array(cell, { maxLength: 4 }), { maxLength: 12 }),
  FastCheck.constantFrom(",", ";", "\t"),
  FastCheck.constantFrom("\n", "\r\n", "\r", "\n\n")
).map(([header, rows, delimiter, end]) => [header, ...rows.map((cells) => cells.join(delimiter))].join(end))

const imported: ReadonlyArray<Imports> = [
  new Map(),
  new Map([
    ["trustFlow", "Trust Flow"],
    ["citationFlow", "cf"]
  ]),
  new Map([["relevance", "__proto__"]])
]

const bigEndian = (text: string): Buffer => Buffer.from(`\ufeff${text}`, "utf16le").swap16()
const encodings: ReadonlyArray<(text: string) => Uint8Array> = [
  (text) => Buffer.from(text),
  (text) => Buffer.from(`\ufeff${text}`),
  (text) => Buffer.from(`\ufeff${text}`, "utf16le"),
  bigEndian
]

const checkProspects = ({ choice, text: raw }: Input): void => {
  // As a file holds it: half a surrogate pair is no UTF-8.
  const text = Buffer.from(raw)
    .toString()
    .replace(/^\ufeff+/, "")
  assert.equal(decode(pick(encodings, choice)(text)), text)
  const imports = pick(imported, choice >> 2)
  const { prospects, unknownColumns } = readProspects(text, imports)
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== "")
  assert.ok(unknownColumns.every((name) => [...imports.values()].includes(name)))
  for (const { input, problem, signals } of prospects) {
    assert.ok(problem === null || problem.length > 0)
    assert.ok(problem !== null || input !== "", "nothing is taken for a domain")
    assert.ok(!text.includes('""') ? text.includes(input) : input.length <= text.length, `invented: ${input}`)
    assert.ok(
      signals === undefined || Object.keys(signals).every((name) => [...imports.keys()].some((one) => one === name))
    )
  }
  // Without quotes there are no records over several lines, and no doubt which line an answer is of.
  if (text.includes('"')) return
  // In a list with tabs, a line of nothing else is a record too.
  const records = text.split(/\r\n|\n|\r/).filter((line) => line !== "")
  const answered = [lines, lines.slice(1), records.slice(records.indexOf(lines[0] ?? "") + 1)]
  assert.ok(
    answered.some(
      (lines) =>
        lines.length === prospects.length && lines.every((line, i) => line.includes(prospects[i]?.input ?? "-"))
    ),
    `${lines.length} lines, ${prospects.length} answers`
  )
}

// Envelopes ---------------------------------------------------------------------------------------------------------

const masterKey = (name: string) => Redacted.make(createHash("sha256").update(name).digest("base64"))
// Made once of `apiKey` by `encrypt`, the third one under a master key that is not given here.
const envelopes = [
  '{"v":1,"alg":"A256GCM","kid":"f567c719b7583e92","iv":"b0adIeEz6_lP25lm","ct":"TTKF1gz1VJ5svAIyc8RCaMJc9Tnq4t2Jz1cB9Q","tag":"NQ9WUGyy81Cz3otq2MP51w"}',
  '{"v":1,"alg":"A256GCM","kid":"9c3734634cfe38b0","iv":"9Ch7ufqUNJar8ola","ct":"JWrtzYMYdZ4WR7t7a0NfyAlpw3gnSWzDwacWDQ","tag":"BO_NydTEf5Uk-kZmgxUM0A"}',
  '{"v":1,"alg":"A256GCM","kid":"eddd16646854caeb","iv":"w8gY0HPTC7inUW3s","ct":"QkO7dv03GV7HVVHHHPK5sLAKy2GgwqVTvAedww","tag":"OAepCRCYQxBgjBH82E0UHg"}'
]
const ring = Either.getOrThrow(keyring([masterKey("fuzz 1"), masterKey("fuzz 2")]))
const place: Which & { readonly id: string } = { id: "4b9c1f0e", tenant: "tenant", provider: "ahrefs" }
const places = [
  place,
  place,
  { ...place, tenant: "other" },
  { ...place, id: "4b9c1f0f" },
  { ...place, provider: "se_ranking" as const }
]
const genuine = envelopes.slice(0, 2).map((text): unknown => JSON.parse(text))

const checkEnvelope = ({ choice, text }: Input): void => {
  const at = pick(places, choice)
  const content = parsed(text)
  // A column may hold another type than text.
  const stored = (choice >> 3) % 16 === 0 ? Option.getOrNull(content) : text
  const result = ring.decrypt(at, stored)
  const isGenuine =
    typeof stored === "string" && Option.exists(content, (one) => genuine.some((own) => isDeepStrictEqual(one, own)))
  assert.equal(Either.isRight(result), isGenuine && at === place, "opened is what is genuine and in its place")
  if (Either.isRight(result)) return assert.equal(Redacted.value(result.right), apiKey)
  const error = result.left
  assert.ok(error._tag === "UndecryptableKey" || error._tag === "UnknownMasterKey")
  assert.ok(error._tag !== "UnknownMasterKey" || /^[0-9a-f]{16}$/.test(error.keyId))
  assert.ok(!JSON.stringify(error).includes(apiKey) && !String(error).includes(apiKey), "the key is told")
  assert.equal(typeof ring.isCurrent(stored), "boolean")
}

// Cached facts ------------------------------------------------------------------------------------------------------

const key = "seo:ahrefs:domainRating:example.com"
const facts = [
  `[1,"${key}",1790000000000,1790086400000,50,{"domainRating":91}]`,
  `[1,"${key}",0,0.5,null,null]`,
  `[1,"${key}",1,2,3,[[["deep"]],{"a":"${"x".repeat(100)}"}]]`,
  `[1,"${key}:other",1,2,3,4]`
]
const Kept = Schema.Tuple(
  Schema.Literal(1),
  Schema.Literal(key),
  Schema.Finite,
  Schema.Finite,
  Schema.NullOr(Schema.Finite),
  Schema.Unknown
)
const isKept = Schema.is(Kept)

let stored: ReadonlyArray<unknown> = []
let written: ReadonlyArray<{ readonly value: string }> = []
const done = Promise.resolve()
const texts: TextStore = {
  get: () => done,
  getMany: async () => [],
  setMany: (entries) => {
    written = entries
    return done
  },
  deleteMany: () => done
}
// Safe: what would be awaited is what is stored. Nothing is awaited, as a run of inputs never yields to the event loop.
const read: Await = () => Effect.succeed(stored as never)
const write: Await = (ask) => Effect.sync(() => void ask()) as never
const reader: CacheStore = fromKeyv(texts, read, 1_000_000)
const writer: CacheStore = fromKeyv(texts, write, 1_000_000)

const keptAs = (text: unknown): Fact | undefined => {
  stored = [text]
  return Effect.runSync(reader.getMany([key]))[0]
}

const checkCachedFact = ({ choice, text }: Input): void => {
  const content = parsed(text)
  const value = choice % 16 === 0 ? Option.getOrUndefined(content) : text
  const fact = keptAs(value)
  stored = [value, value]
  const [first, second] = Effect.runSync(reader.getMany([key, `${key}:2`]))
  assert.deepEqual({ ...first, value: null }, { ...fact, value: null })
  assert.equal(second, undefined, "a fact of another key")
  const expected = typeof value === "string" ? Option.filter(content, isKept) : Option.none()
  assert.equal(fact !== undefined, Option.isSome(expected), "a hit is what was kept, and nothing else")
  if (fact === undefined || Option.isNone(expected)) return
  const [, , observedAt, freshUntil, paid, known] = expected.value
  assert.deepEqual([fact.observedAt, fact.freshUntil, fact.paid], [observedAt, freshUntil, paid])
  // A value may be nested deeper than the stack is.
  if (text.length > 10_000) return
  assert.deepEqual(fact.value, known)
  Effect.runSync(writer.setMany([{ key, fact, life: 1 }]))
  const again = keptAs(written[0]?.value)
  assert.equal(JSON.stringify({ ...again, bytes: 0 }), JSON.stringify({ ...fact, bytes: 0 }))
}

// Retry-After -------------------------------------------------------------------------------------------------------

const waits = [
  "120",
  "0",
  "-5",
  "1.5",
  "1e308",
  "0x10",
  "Infinity",
  "-0",
  " 7 ",
  "Wed, 21 Oct 2026 07:28:00 GMT",
  "Sun, 06 Nov 1994 08:49:37 GMT",
  "2026-10-01T00:00:00Z",
  "275760-09-13",
  "1, 2"
]
const encodeWait = Schema.encodeSync(Schema.Duration)
const decodeWait = Schema.decodeUnknownSync(Schema.Duration)
const clocks = [0, 1_790_000_000_000, 8_640_000_000_000_000]

const checkRetryAfter = ({ choice, text }: Input): void => {
  const now = pick(clocks, choice)
  const wait = parseRetryAfter(text, now)
  if (Option.isNone(wait))
    return assert.ok(text.trim() === "" || Number.isNaN(Number(text)) || !Number.isFinite(Number(text)))
  const millis = Duration.toMillis(wait.value)
  assert.ok(millis >= 0, `a wait of ${millis} ms`)
  assert.equal(Duration.toMillis(decodeWait(encodeWait(wait.value))), millis, "a wait that cannot be kept")
  if (/^\d{1,9}$/.test(text)) assert.equal(millis, Number(text) * 1000)
}

// Refusals ----------------------------------------------------------------------------------------------------------

const bodies = [
  ...ahrefsErrors().map(({ response }) => JSON.stringify(response.body)),
  ...Object.values(fixturesOf("seranking")).flatMap(({ response }) =>
    response.status >= 400 ? [JSON.stringify(response.body)] : []
  ),
  '{"error":{"message":"API units limit reached. Expected usage: 50, API units left: -1"}}',
  '{"message":"Insufficient plan","error":["Error","x"]}',
  '{"error_description":"No token"}',
  '"Forbidden"',
  "<html><body>403 Forbidden</body></html>",
  "upstream connect error",
  ""
]
const statuses = [
  400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 429, 500, 502, 503, 504, 520, 301, 302, 304, 100, 599, 418
]
const tags = new Set([
  "InvalidKey",
  "NoSubscription",
  "CreditsExhausted",
  "RateLimited",
  "InvalidRequest",
  "ProviderUnavailable"
])

const isCount = (u: number | undefined): boolean => u === undefined || Number.isSafeInteger(u)

const checkRefusal = ({ choice, text: body }: Input): void => {
  const status = pick(statuses, choice >> 1)
  const { isJson, text } = errorText(body)
  assert.equal(isJson, Option.isSome(parsed(body)))
  assert.equal(text, text.trim())
  for (const classify of [classifyAhrefs, classifySERanking]) {
    const refused = classify(status, text, isJson)
    assert.ok(tags.has(refused._tag), refused._tag)
    assert.deepEqual(classify(status, text, isJson), refused)
    if (refused._tag === "CreditsExhausted") {
      assert.ok(status < 500, "a failing server knows nothing of credits")
      assert.ok(isCount(refused.needed) && isCount(refused.left), "a count that is none")
    }
    if (refused._tag === "ProviderUnavailable") assert.equal(typeof refused.isTransient, "boolean")
    if (text !== "") continue
    if (status === 401) assert.equal(refused._tag, "InvalidKey")
    if (status === 429) assert.equal(refused._tag, "RateLimited")
    if (status >= 500) assert.deepEqual(refused, { _tag: "ProviderUnavailable", isTransient: true })
  }
}

// Decoders and the pipeline around them -----------------------------------------------------------------------------

const exchangeOf = (choice: number): Exchange => pick(exchanges, choice)
/** The choices around an exchange: few, as each choice of columns builds a decoder. */
const variant = (choice: number): number => Math.floor(choice / exchanges.length) % 12

/** JSON as it is, anything else as a program that changes a valid answer. */
const answerOf = (text: string, choice: number): string =>
  Option.isSome(parsed(text))
    ? text
    : mutateJson(
        exchangeOf(choice).seed,
        Array.from(text, (one) => one.charCodeAt(0))
      )

const answers = FastCheck.oneof(
  {
    weight: 7,
    arbitrary: FastCheck.tuple(choice, program).map(([choice, program]) => ({
      choice,
      text: mutateJson(exchangeOf(choice).seed, program)
    }))
  },
  // The answer of another operation.
  {
    weight: 1,
    arbitrary: FastCheck.tuple(choice, FastCheck.constantFrom(...exchanges)).map(([choice, { seed }]) => ({
      choice,
      text: seed
    }))
  },
  { weight: 1, arbitrary: inputs(FastCheck.json({ maxDepth: 4 })) }
)

const recorded = (["ahrefs", "seranking"] as const).flatMap((vendor) =>
  Object.values(fixturesOf(vendor)).map(({ response }) => JSON.stringify(response.body))
)

const checkDecoder = ({ choice, text }: Input): void =>
  exchangeOf(choice).read(variant(choice), Option.getOrUndefined(parsed(text)))

const headerValues = [
  "",
  "0",
  "50",
  "-1",
  "1.5",
  "1e3",
  "9007199254740993",
  "99999999999999999999",
  "NaN",
  "Infinity",
  " 7",
  "0x10",
  "٣",
  apiKey,
  "Wed, 21 Oct 2026 07:28:00 GMT"
]
const answerStatuses = [200, 200, 200, 201, 204, 299, ...statuses]

const checkAnswer = ({ choice, text }: Input): void => {
  const at = Math.floor(choice / exchanges.length)
  const value = pick(headerValues, at >> 3)
  const echo = pick(["", "", apiKey, encodeURIComponent(apiKey)], at >> 5)
  exchangeOf(choice).call(variant(choice), {
    status: pick(answerStatuses, at),
    headers: {
      "x-api-units-cost-total-actual": value,
      "retry-after": pick([value, text.slice(0, 12), ""], at >> 2),
      "x-request-id": pick([value, `id ${echo}`], at >> 4)
    },
    body:
      echo === ""
        ? text
        : pick([`${echo} ${text}`, `{"error":"wrong key ${echo}","message":${text}}`, `["Error","${echo}"]`], at >> 6)
  })
}

const programs = corpusOf(exchanges.map(() => "\u0001\u0002\u0003"))

export const subjects: ReadonlyArray<Subject> = [
  {
    name: "target",
    share: 14,
    files: ["src/Target.ts"],
    inputs: inputs(FastCheck.oneof({ weight: 4, arbitrary: url }, { weight: 3, arbitrary: mutated(sites) }, wild)),
    corpus: corpusOf(sites),
    check: checkTarget
  },
  {
    name: "prospects",
    share: 6,
    files: ["src/cli/readProspects.ts"],
    inputs: inputs(FastCheck.oneof({ weight: 3, arbitrary: list }, { weight: 3, arbitrary: mutated(lists) }, wild)),
    corpus: corpusOf(lists),
    check: checkProspects
  },
  {
    name: "envelope",
    share: 16,
    files: ["src/internal/secrets.ts"],
    inputs: inputs(
      FastCheck.oneof(
        { weight: 4, arbitrary: mutated(envelopes) },
        {
          weight: 3,
          arbitrary: FastCheck.tuple(FastCheck.constantFrom(...envelopes), program).map(([text, program]) =>
            mutateJson(text, program)
          )
        },
        wild
      )
    ),
    corpus: corpusOf(envelopes),
    check: checkEnvelope
  },
  {
    name: "cachedFact",
    share: 16,
    files: ["src/CacheStore.ts"],
    inputs: inputs(
      FastCheck.oneof(
        { weight: 3, arbitrary: mutated(facts) },
        {
          weight: 4,
          arbitrary: FastCheck.tuple(FastCheck.constantFrom(...facts), program).map(([text, program]) =>
            mutateJson(text, program)
          )
        },
        wild
      )
    ),
    corpus: corpusOf(facts),
    check: checkCachedFact
  },
  {
    name: "retryAfter",
    share: 18,
    files: ["src/internal/retry.ts"],
    inputs: inputs(
      FastCheck.oneof(
        { weight: 4, arbitrary: mutated(waits) },
        FastCheck.double().map(String),
        FastCheck.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
        wild
      )
    ),
    corpus: corpusOf(waits),
    check: checkRetryAfter
  },
  {
    name: "refusal",
    share: 18,
    files: ["src/internal/errorText.ts", "src/ahrefs/errors.ts", "src/seranking/errors.ts"],
    inputs: inputs(
      FastCheck.oneof(
        { weight: 4, arbitrary: mutated(bodies) },
        {
          weight: 3,
          arbitrary: FastCheck.tuple(
            FastCheck.constantFrom(...bodies.filter((body) => Option.isSome(parsed(body)))),
            program
          ).map(([text, program]) => mutateJson(text, program))
        },
        wild
      )
    ),
    corpus: corpusOf(bodies),
    check: checkRefusal
  },
  {
    name: "decoder",
    share: 9,
    files: [
      "src/ahrefs/vendor.ts",
      "src/ahrefs/platform.ts",
      "src/ahrefs/columns.ts",
      "src/ahrefs/pricing.ts",
      "src/seranking/vendor.ts",
      "src/seranking/platform.ts",
      "src/seranking/model.ts",
      "src/seranking/pricing.ts"
    ],
    inputs: answers,
    corpus: [...programs, ...corpusOf(exchanges.map(({ seed }) => seed)), ...corpusOf(recorded)],
    textOf: answerOf,
    check: checkDecoder
  },
  {
    name: "answer",
    share: 3,
    files: ["src/internal/http.ts"],
    inputs: FastCheck.oneof(
      { weight: 3, arbitrary: answers },
      { weight: 1, arbitrary: inputs(mutated(bodies)) },
      { weight: 1, arbitrary: inputs(wild) }
    ),
    corpus: [...corpusOf(exchanges.map(({ seed }) => seed)), ...corpusOf(bodies)],
    check: checkAnswer
  }
]
