import { assert, describe, it } from "@effect/vitest"
import { parse } from "csv-parse/sync"
import * as FastCheck from "effect/FastCheck"
import { count, csv, headed, jsonLine, plural, shortened, table, units, visible } from "../../src/cli/text.js"

describe("visible", () => {
  it.each([
    ["\u001b[2J\0\u007f", "␛[2J␀␡"],
    ["a\u009bb\u202ec\u2028d\ud800", "a\\u{9b}b\\u{202e}c\\u{2028}d\\u{d800}"],
    ["a\nb\tc\rd", "a␊b␉c␍d"],
    ["\ufeff\u200b\u{e0041}", "\\u{feff}\\u{200b}\\u{e0041}"],
    ["münchen 😀", "münchen 😀"]
  ])("%j", (text, expected) => {
    assert.strictEqual(visible(text), expected)
  })

  it("leaves nothing that a terminal obeys", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary" }), (text) => {
        assert.notMatch(visible(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      })
    )
  })
})

describe("shortened", () => {
  it.each([
    ["abc", 3, "abc"],
    ["abcd", 3, "ab…"],
    ["😀😀😀", 3, "😀😀😀"],
    ["\u001b[2J", 4, "␛[2J"]
  ])("%j to %d", (text, length, expected) => {
    assert.strictEqual(shortened(text, length), expected)
  })

  it("is at once also for a text of a million characters", () => {
    assert.strictEqual(Array.from(shortened("x".repeat(1_000_000), 28)).length, 28)
  })
})

describe("jsonLine", () => {
  it("is one line that reads back as it was, whatever is in it", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary" }), (input) => {
        const line = jsonLine({ input })
        assert.strictEqual(line.at(-1), "\n")
        assert.notMatch(line.slice(0, -1), /[\p{Cc}\u2028\u2029]/u)
        assert.deepStrictEqual(JSON.parse(line), { input })
      })
    )
  })
})

describe("csv", () => {
  const read = (text: string) => parse(text, { record_delimiter: "\n" })

  it("has no formulas, and reads back as it was", () => {
    const inputs = ["=1+1", "+1", "-1", "@x", "\tx", "\r=1", "a,b", 'a"b', "a\rb", "a\nb", "a.com", " =1"]
    const records = inputs.map((input) => ({ input, other: null }))
    const [header, ...rows] = read(csv(["input", "other"], records, true))
    assert.deepStrictEqual(header, ["input", "other"])
    assert.deepStrictEqual(
      rows.map(([input]) => input),
      inputs.map((input) => (/^[=+\-@\t\r]/.test(input) ? `'${input}` : input))
    )
  })

  it("has a cell of nothing for null, and 0 for 0", () => {
    assert.strictEqual(csv(["a", "b"], [{ a: null, b: 0 }], false), ",0\n")
  })

  it("leaves numbers below 0 numbers", () => {
    assert.strictEqual(csv(["a"], [{ a: -1.5 }], false), "-1.5\n")
  })
})

describe("table", () => {
  it("is as wide as it is told, cuts nothing off, and has no blanks at the end of a line", () => {
    const text = table([["a", "one two three", "x"]], [3, 8, 3])
    assert.strictEqual(text, "a    one two   x\n     three\n")
  })

  it("has a line under its heads", () => {
    assert.strictEqual(headed(["a", "b"], [2, 3]), "a   b\n──  ───\n")
  })
})

describe("amounts", () => {
  it("are grouped, and nothing is 0 that nobody stated", () => {
    assert.strictEqual(count(1234567.891), "1,234,567.89")
    assert.strictEqual(units(0, "credits"), "0 credits")
    assert.strictEqual(units(1_000, "api_units"), "1,000 API units")
    assert.notInclude(units(null, "row_credits"), "0")
    assert.deepStrictEqual([plural(0, "site"), plural(1, "site"), plural(2, "site")], ["0 sites", "1 site", "2 sites"])
  })
})
