import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { createHash } from "node:crypto"
import { beforeAll, describe } from "vitest"
import { decode } from "../src/report/document.js"
import * as Report from "../src/Report.js"
import { profile, scored } from "./support/scored.js"

const dataOf = (html: string): string => {
  const [, data] = /<script type="application\/json" id="data">([^]*?)<\/script>/.exec(html) ?? []
  assert.isDefined(data)
  return data
}

const contentsOf = (html: string, tag: "script" | "style"): ReadonlyArray<string> =>
  Array.from(html.matchAll(new RegExp(`<${tag}>([^]*?)</${tag}>`, "g")), ([, content]) => content!)

const pieces = [
  "</script>",
  "<!--<script>",
  "<img src=x onerror=alert(1)>",
  "javascript:alert(1)",
  "\u2028",
  "\u2029",
  "\u202e",
  "\ud800",
  "\0",
  "&lt;",
  "\"'`${1}",
  "__proto__",
  "]]>",
  "\r\n"
]
const hostile = FastCheck.array(FastCheck.oneof(FastCheck.constantFrom(...pieces), FastCheck.fullUnicodeString()), {
  maxLength: 6
}).map((texts) => texts.join(""))

describe("Report", () => {
  let answers: Report.Scored
  let free: Report.Scored
  beforeAll(async () => {
    answers = await Effect.runPromise(scored())
    free = await Effect.runPromise(scored({ free: true }))
  })

  it("is the same for the same answers", () => {
    const result = answers
    const copy: Report.Scored = structuredClone({ ...result, summary: { ...result.summary, failures: [] } })
    const plain = { ...result, summary: { ...result.summary, failures: [] } }
    assert.strictEqual(Report.html(copy, { profile }), Report.html(plain, { profile }))
  })

  it("holds all that was answered, and comes to the same when it is read", () => {
    const result = answers
    const report = decode(dataOf(Report.html(result, { profile, title: "Links", at: 7 })))
    const expected = result.prospects.map(
      ({ attribution: _attribution, inputsHash: _hash, modelVersion: _version, profile: _profile, ...prospect }) => ({
        ...prospect,
        attribution: null
      })
    )
    assert.deepStrictEqual<unknown>(report.prospects, expected)
    assert.strictEqual(report.title, "Links")
    assert.strictEqual(report.at, 7)
    assert.deepStrictEqual(report.summary.spent, result.summary.spent)
    assert.deepStrictEqual(report.scoredBy, { profile: "standard", version: "1", model: "1" })
    const failures = result.summary.failures.map(({ error, operation, provider, sites }) => ({
      provider,
      operation,
      error: error._tag,
      message: error.message,
      sites
    }))
    assert.isNotEmpty(failures)
    assert.deepStrictEqual<unknown>(report.summary.failures, failures)
  })

  it("counts ages to the latest observation where no time is given", () => {
    const result = answers
    const times = result.prospects.flatMap(({ data }) =>
      Object.values(data).flatMap((observed) => observed?.observedAt ?? [])
    )
    assert.strictEqual(decode(dataOf(Report.html(result))).at, Math.max(...times))
    const empty = { prospects: [], summary: { ...result.summary, inputs: 0 } }
    assert.isNull(decode(dataOf(Report.html(empty))).at)
  })

  it("names nothing that a browser would load, and allows nothing but its own script and style", () => {
    const html = Report.html(answers, { profile })
    const [script] = contentsOf(html, "script")
    const [style] = contentsOf(html, "style")
    assert.isDefined(script)
    assert.isDefined(style)
    const markup = html.replace(script, "").replace(style, "").replace(dataOf(html), "")
    assert.notMatch(markup, /\b(?:src|href|srcset|action|data)=|https?:|<(?:link|iframe|img|object|base|form)\b/i)
    assert.notMatch(style, /@import|url\((?!["']?data:)/i)
    assert.notMatch(script, /\b(?:fetch|importScripts)\(["'`]|\bimport\(|sourceMappingURL/)
    const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html) ?? []
    const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`
    assert.strictEqual(
      policy,
      `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`
    )
  })

  it("keeps the licences of what it is made with", () => {
    const html = Report.html(answers)
    for (const words of ["Apache License, Version 2.0", "Baidu Inc", "Oli Folkerd", "Permission is hereby granted"]) {
      assert.include(html, words)
    }
  })

  it("has no key in it", () => {
    assert.notMatch(Report.html(answers, { profile }), /key-of-/)
  })

  it("says that ratings are simulated, in the markup itself", () => {
    const result = answers
    assert.match(Report.html(result, { simulated: true }), /<body>\n<p class="notice simulated" role="note">/)
    assert.notInclude(Report.html(result), '<p class="notice simulated"')
  })

  it("says each attribution once", () => {
    const result = free
    const { attributions, prospects } = decode(dataOf(Report.html(result)))
    const owed = result.prospects.flatMap(({ attribution }) => attribution ?? [])
    assert.isNotEmpty(owed)
    assert.deepStrictEqual(attributions, owed.slice(0, 1))
    assert.deepStrictEqual(
      prospects.map(({ attribution }) => attribution !== null),
      result.prospects.map(({ attribution }) => attribution !== null)
    )
  })

  it.prop(
    "hostile texts are data, and no markup",
    [FastCheck.array(hostile, { minLength: 1, maxLength: 4 }), hostile],
    ([texts, title]) => {
      const { prospects, summary } = answers
      const of = (texts: ReadonlyArray<string>): Report.Scored => ({
        summary,
        prospects: texts.map((text, index) => {
          const prospect = prospects[index]!
          return {
            ...prospect,
            input: text,
            verdict: { _tag: "Excluded", reason: "invalid", message: text },
            assessment: prospect.assessment && {
              ...prospect.assessment,
              markers: [{ marker: "tld", evidence: text }]
            }
          }
        })
      })
      const html = Report.html(of(texts), { title })
      const data = dataOf(html)
      assert.notMatch(data, /[<>&\u2028\u2029\0\r\n]/)
      const report = decode(data)
      assert.deepStrictEqual(
        report.prospects.map(({ assessment, input, verdict }) => [input, verdict, assessment?.markers[0]?.evidence]),
        texts.map((text) => [text, { _tag: "Excluded" as const, reason: "invalid" as const, message: text }, text])
      )
      assert.strictEqual(report.title, title)
      const signs = (html: string) => html.slice(0, html.lastIndexOf("<script>")).replace(/[^<>]/g, "")
      assert.strictEqual(signs(html), signs(Report.html(of(texts.map(() => "site.com")))))
    },
    { fastCheck: { numRuns: 40, seed: 8 } }
  )
})
