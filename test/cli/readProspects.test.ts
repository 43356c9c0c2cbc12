import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { decode, readProspects } from "../../src/cli/readProspects.js"

const read = (text: string) => readProspects(text).prospects.map(({ input }) => input)
const problems = (text: string) => readProspects(text).prospects.map(({ problem }) => problem)

describe("a domain a line", () => {
  it.each(["\n", "\r\n", "\r"])("with line ends %j, blank lines left out, lines as they are", (end) => {
    assert.deepStrictEqual(read([" Example.com ", "", "  ", "nonsense", "https://blog.a.co.uk/x"].join(end)), [
      " Example.com ",
      "nonsense",
      "https://blog.a.co.uk/x"
    ])
  })

  it("may be empty", () => {
    assert.deepStrictEqual(read(""), [])
    assert.deepStrictEqual(read("\r\n\n  \n"), [])
  })

  it("may have a heading and duplicates", () => {
    assert.deepStrictEqual(read("Domain\na.com\nA.com"), ["a.com", "A.com"])
  })

  it("is left to the scorer, however odd it is", () => {
    const lines = ["a".repeat(1_000_000), "a\0.com", "\0", "localhost", "😀.com", "a.com:8080", "x,y;z\t'\""]
    assert.deepStrictEqual(read(lines.join("\n")), lines)
    assert.deepStrictEqual(
      problems(lines.join("\n")),
      lines.map(() => null)
    )
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
          read(given.join(end)),
          given.filter((text) => text.trim() !== "")
        )
      })
    )
  })
})

describe("CSV", () => {
  it.each([
    ["Name,Domain", "x,a.com", "a.com"],
    ["URL;Name", "https://www.a.com/;x", "https://www.a.com/"],
    ["name\t Website ", "x\ta.com", "a.com"],
    ['"Domain Rating","Target_URL"', '"1,2","http://a.com/?q=1,2"', "http://a.com/?q=1,2"],
    ["url,domain", "b.com,a.com", "a.com"]
  ])("finds the column in %j", (header, record, input) => {
    assert.deepStrictEqual(read(`${header}\r\n${record}`), [input])
  })

  it("answers every record, also one without a domain", () => {
    const text = 'Domain,Note\n\na.com,"two\nlines"\n,x\n,\n""\n b.com\n"c.com",1,2'
    assert.deepStrictEqual(read(text), ["a.com", "", "", "", "b.com", "c.com"])
    const empty = "the domain cell is empty"
    assert.deepStrictEqual(problems(text), [null, empty, empty, empty, null, null])
  })

  it.each([
    ["at the end", 'domain,n\na.com,1\nb.com,12" pipe\n"c.com,3', ["a.com", "b.com", null]],
    ["that takes lines in", 'domain,n\na.com,1\n"b.com,1\nc.com,1\nd.com,"2', ["a.com", null, "c.com", null]],
    ["that takes all lines into a domain", 'domain\na.com\n"b.com\nc.com\n"', ["a.com", null, "c.com", null]]
  ])("does not lose lines to an open quote %s", (_, text, inputs) => {
    const { prospects } = readProspects(text)
    assert.deepStrictEqual(
      prospects.map(({ input, problem }) => (problem === null ? input : null)),
      inputs
    )
    for (const { input, problem } of prospects.filter((one) => one.problem !== null)) {
      assert.include(text.split("\n"), input)
      assert.match(problem ?? "", /not valid CSV: a quote/)
    }
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
        assert.strictEqual(read(`${text}x,"open`).length, records.length + 1)
      })
    )
  })
})

describe("what the list knows", () => {
  const imports = new Map([
    ["trustFlow", "Trust Flow"],
    ["citationFlow", "cf"]
  ] as const)

  it("is taken from its columns, whatever their names look like, and left to the scorer to judge", () => {
    const text = "trust_flow;URL; CF \n 12 ;a.com;0\n;b.com;x\n;c.com"
    assert.deepStrictEqual(readProspects(text, imports), {
      prospects: [
        { input: "a.com", problem: null, signals: { trustFlow: "12", citationFlow: "0" } },
        { input: "b.com", problem: null, signals: { trustFlow: "", citationFlow: "x" } },
        { input: "c.com", problem: null, signals: { trustFlow: "", citationFlow: undefined } }
      ],
      unknownColumns: []
    })
  })

  it("is not asked of a line that does not parse", () => {
    const { prospects } = readProspects('domain,cf,trust flow\n"a.com,1,2', imports)
    assert.deepStrictEqual(
      prospects.map(({ signals }) => signals),
      [undefined]
    )
  })

  it("needs columns that are there", () => {
    assert.deepStrictEqual(readProspects("domain,cf\na.com,1", imports).unknownColumns, ["Trust Flow"])
    assert.deepStrictEqual(readProspects("a.com\nb.com", imports).unknownColumns, ["Trust Flow", "cf"])
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
    assert.deepStrictEqual(read(decode(Buffer.from([0xff, 0x0a, 0x61, 0x2e, 0x62, 0x65]))), ["\ufffd", "a.be"])
  })
})
