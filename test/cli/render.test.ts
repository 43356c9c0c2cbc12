import { assert, describe, it } from "@effect/vitest"
import { parse } from "csv-parse/sync"
import { csv, json, table, visible } from "../../src/cli/render.js"
import type { Row } from "../../src/cli/rows.js"
import { Target } from "../../src/Target.js"

const row: Row = {
  input: "münchen.de",
  target: Target.make("xn--mnchen-3ya.de"),
  domainRating: 41.5,
  verdict: "qualified",
  reason: null
}
const junk = (input: string): Row => ({ input, target: null, domainRating: null, verdict: "invalid", reason: "no" })

describe("visible", () => {
  it.each([
    ["\u001b[2J\0\u007f", "␛[2J␀␡"],
    ["a\u009bb\u202ec\u2028d\ud800", "a\\u{9b}b\\u{202e}c\\u{2028}d\\u{d800}"],
    ["münchen 😀", "münchen 😀"]
  ])("%j", (text, expected) => {
    assert.strictEqual(visible(text), expected)
  })
})

describe("json", () => {
  it("is a line for each row, whatever is in it", () => {
    const inputs = ["a\nb", "\u2028\u0085", "\ud800", '"\\']
    const lines = json.rows(inputs.map(junk)).split(/[\n\u2028\u0085]/)
    assert.deepStrictEqual(
      lines.slice(0, -1).map((line) => (JSON.parse(line) as Row).input),
      inputs
    )
    assert.strictEqual(lines.at(-1), "")
  })
})

describe("table", () => {
  it("shows the Unicode form, and a line for each row however long its input is", () => {
    const lines = table.rows([row, junk("x".repeat(1_000_000)), junk("\u001b]0;title\u0007")]).split("\n")
    assert.strictEqual(lines[0]?.replace(/ +/g, " "), "münchen.de münchen.de 41.5 qualified")
    assert.match(lines[1] ?? "", /^x{27}… +- +- +invalid +no$/)
    assert.match(lines[2] ?? "", /^␛]0;title␇ /)
    assert.strictEqual(lines.length, 4)
  })
})

describe("csv", () => {
  it("has no formulas, and reads back as it was", () => {
    const inputs = ["=1+1", "+1", "-1", "@x", "\tx", "a,b", 'a"b', "a\rb", "a\nb", "a.com"]
    const text = csv(inputs.map(junk))
    const [header, ...records] = parse(text, { record_delimiter: "\n" })
    assert.deepStrictEqual(header, ["input", "target", "domainRating", "verdict", "reason"])
    assert.deepStrictEqual(
      records.map(([input]) => input),
      inputs.map((input) => (/^[=+\-@\t]/.test(input) ? `'${input}` : input))
    )
  })
})
