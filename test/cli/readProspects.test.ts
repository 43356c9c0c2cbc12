import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import { decode, type Prospect, readProspects } from "../../src/cli/readProspects.js"

const shown = ({ input, target }: Prospect) => [input, Either.getOrNull(target)]
const read = (text: string) => readProspects(text).map(shown)
const reasons = (text: string) => readProspects(text).map(({ target }) => Either.getOrNull(Either.flip(target)))

describe("a domain a line", () => {
  it.each(["\n", "\r\n", "\r"])("with line ends %j, blank lines left out, lines as they are", (end) => {
    assert.deepStrictEqual(read([" Example.com ", "", "  ", "nonsense", "https://blog.a.co.uk/x"].join(end)), [
      [" Example.com ", "example.com"],
      ["nonsense", null],
      ["https://blog.a.co.uk/x", "a.co.uk"]
    ])
  })

  it("may be empty", () => {
    assert.deepStrictEqual(read(""), [])
    assert.deepStrictEqual(read("\r\n\n  \n"), [])
  })

  it("may have a heading and duplicates", () => {
    assert.deepStrictEqual(read("Domain\na.com\nA.com"), [
      ["a.com", "a.com"],
      ["A.com", "a.com"]
    ])
  })

  it("gives each bad line its own reason", () => {
    const bad: ReadonlyArray<readonly [line: string, reason: RegExp]> = [
      ["a".repeat(1_000_000), /longer than 2048/],
      ["a\0.com", /control character/],
      ["\0", /control character/],
      ["192.168.0.1", /IP address/],
      ["http://[::1]:80/", /IP address/],
      ["localhost", /single label/],
      ["co.uk", /public suffix/],
      ["xn--zzzzzzzz99999.com", /punycode/],
      ["https://user:secret@example.com/", /user name/],
      ["a..com", /valid host name/],
      ["ftp://a.com", /scheme/]
    ]
    const found = reasons(bad.map(([line]) => line).join("\n"))
    assert.strictEqual(found.length, bad.length)
    bad.forEach(([line, reason], i) => assert.match(found[i] ?? "", reason, line.slice(0, 40)))
    assert.notInclude(found.join(), "secret")
  })

  it("takes emoji, internationalised names and ports", () => {
    assert.deepStrictEqual(read("😀.com\nmünchen.de\na.com:8080"), [
      ["😀.com", "xn--e28h.com"],
      ["münchen.de", "xn--mnchen-3ya.de"],
      ["a.com:8080", "a.com"]
    ])
  })

  it("answers every line in order", () => {
    const line = FastCheck.oneof(
      FastCheck.domain(),
      FastCheck.webUrl(),
      FastCheck.string({ unit: "binary" }),
      FastCheck.constantFrom("", " ", '"', "a,b", "x\ty", "\u2028")
    ).map((text) => text.replace(/[\r\n]/g, ""))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(line), FastCheck.constantFrom("\n", "\r\n", "\r"), (lines, end) => {
        // A first line that is no heading.
        const given = ["first.com", ...lines]
        assert.deepStrictEqual(
          readProspects(given.join(end)).map(({ input }) => input),
          given.filter((text) => text.trim() !== "")
        )
      })
    )
  })
})

describe("CSV", () => {
  it.each([
    ["Name,Domain", "x,a.com"],
    ["URL;Name", "https://www.a.com/;x"],
    ["name\t Website ", "x\ta.com"],
    ['"Domain Rating","Target_URL"', '"1,2","http://a.com/?q=1,2"'],
    ["url,domain", "b.com,a.com"]
  ])("finds the column in %j", (header, record) => {
    assert.deepStrictEqual(
      read(`${header}\r\n${record}`).map(([, target]) => target),
      ["a.com"]
    )
  })

  it("answers every record, also one without a domain", () => {
    assert.deepStrictEqual(read('Domain,Note\n\na.com,"two\nlines"\n,x\n,\n""\n b.com\n"c.com",1,2'), [
      ["a.com", "a.com"],
      ["", null],
      ["", null],
      ["", null],
      ["b.com", "b.com"],
      ["c.com", "c.com"]
    ])
    assert.deepStrictEqual(reasons("Note;Domain\nx;"), ["the domain cell is empty"])
  })

  it.each([
    ["at the end", 'domain,n\na.com,1\nb.com,12" pipe\n"c.com,3', ["a.com", "b.com", null]],
    ["that takes lines in", 'domain,n\na.com,1\n"b.com,1\nc.com,1\nd.com,"2', ["a.com", null, "c.com", null]],
    ["that takes all lines into a domain", 'domain\na.com\n"b.com\nc.com\n"', ["a.com", null, "c.com", null]]
  ])("does not lose lines to an open quote %s", (_, text, targets) => {
    const prospects = readProspects(text)
    assert.deepStrictEqual(
      prospects.map(({ target }) => Either.getOrNull(target)),
      targets
    )
    prospects
      .filter(({ target }) => Either.isLeft(target))
      .forEach(({ input, target }) => {
        assert.include(text.split("\n"), input)
        assert.match(Either.getOrThrow(Either.flip(target)), /not valid CSV: a quote/)
      })
  })

  it("answers every record in order, broken or not", () => {
    const cell = FastCheck.oneof(
      FastCheck.domain(),
      FastCheck.string(),
      FastCheck.constantFrom("", '"', 'a"b', '"a.com"')
    )
    const record = FastCheck.tuple(FastCheck.stringMatching(/^[a-z]+$/), cell).map(
      ([id, text]) => `${id},${text.replace(/[\r\n,]/g, "")}`
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(record), (records) => {
        const text = `id,domain\n${records.map((record) => `${record}\n`).join("")}`
        assert.strictEqual(readProspects(`${text}x,"open`).length, records.length + 1)
      })
    )
  })
})

describe("decode", () => {
  const utf16 = (text: string) => Buffer.from(text, "utf16le")

  it.each([
    ["UTF-8", Buffer.from("münchen.de")],
    ["UTF-8 with a mark", Buffer.from("\ufeffmünchen.de")],
    ["UTF-16, little end first", utf16("\ufeffmünchen.de")],
    ["UTF-16, big end first", utf16("\ufeffmünchen.de").swap16()]
  ])("%s", (_, bytes) => {
    assert.strictEqual(decode(bytes), "münchen.de")
  })

  it("gives up no line to bytes that are no text", () => {
    assert.deepStrictEqual(read(decode(Buffer.from([0xff, 0x0a, 0x61, 0x2e, 0x62, 0x65]))), [
      ["\ufffd", null],
      ["a.be", "a.be"]
    ])
  })
})
