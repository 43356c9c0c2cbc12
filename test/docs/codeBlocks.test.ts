import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { commandErrors, withoutCi, withTarball } from "./commands.js"
import { dataErrors } from "./data.js"
import { linkErrors } from "./links.js"
import { type Block, blocksOf, settingsOf } from "./markdown.js"
import { typeErrors } from "./types.js"

const page = (...parts: ReadonlyArray<string>) => blocksOf("README.md", parts.join("\n\n"))
const fenced = (language: string, ...lines: ReadonlyArray<string>) => ["```" + language, ...lines, "```"].join("\n")
const placesOf = (errors: ReadonlyArray<string>) => errors.map((error) => /^[^:]+:\d+/.exec(error)?.[0])

describe("markdown", () => {
  it("finds blocks with their line, language and marks", () => {
    const [block, ...others] = page("# Title", "<!-- sh: needs=redis,ahrefs exit=1 -->", fenced("sh", "a", "b"))
    assert.deepStrictEqual(others, [])
    assert.strictEqual(block?.line, 6)
    assert.strictEqual(block?.language, "sh")
    assert.strictEqual(block?.code, "a\nb")
    assert.deepStrictEqual(settingsOf(block as Block, "sh"), { needs: "redis,ahrefs", exit: "1" })
  })

  it("knows longer fences, tildes, indented ones, and what only looks like one", () => {
    const blocks = page("````md\n```ts\nlet a\n```\n````", "~~~json\n{}\n~~~", "  ```ts\n  let b\n  ```", "`` ```ts ``")
    assert.deepStrictEqual(
      blocks.map(({ code, language }) => [language, code]),
      [
        ["md", "```ts\nlet a\n```"],
        ["json", "{}"],
        ["ts", "let b"]
      ]
    )
  })

  it("refuses a block without an end", () => {
    assert.throws(() => page("```ts\nlet a"), "README.md:1")
  })
})

describe("types", () => {
  it("tells what does not compile, and where", { timeout: 60_000 }, () => {
    const blocks = page(
      fenced("ts", `import { Target } from "effect-seo-providers"`, `const right = Target.make("example.com")`),
      "<!-- continues -->",
      fenced("ts", "export const { _tag } = right"),
      fenced("ts", "export const wrong: number = right"),
      fenced("ts", `import { Effect } from "effect"`, "export const unused = 1"),
      fenced("ts", `import * as http from "effect-seo-providers/internal/http"`, "export { http }"),
      fenced("ts", "export const optional: { readonly a?: 1 } = { a: undefined }"),
      fenced("ts", `import { make } from "effect-seo-providers/Target"`, `export const { nothing } = make("a")`),
      fenced("js", "this is not TypeScript")
    )
    const ts = blocks.filter(({ language }) => language === "ts").map(({ line }) => `README.md:${line}`)
    assert.deepStrictEqual(placesOf(typeErrors(blocks)), [
      ts[2],
      ts[3],
      ts[4],
      ts[5],
      ts[6]!.replace(/\d+$/, (line) => String(Number(line) + 1))
    ])
  })

  it("refuses to continue nothing", () => {
    assert.throws(() => typeErrors(page("<!-- continues -->", fenced("ts", "1"))), "no block")
  })
})

it("tells JSON and YAML that are none, and languages that nobody checks", () => {
  const blocks = page(
    fenced("json", "{}"),
    fenced("json", "{"),
    fenced("yaml", "a: 1"),
    fenced("yaml", "a: ["),
    fenced("bash", "true"),
    fenced("", "true")
  )
  assert.deepStrictEqual(
    placesOf(dataErrors(blocks)),
    [1, 3, 4, 5].map((i) => blocks[i]).map((block) => `README.md:${block?.line}`)
  )
})

it("tells links that lead nowhere", () => {
  const text =
    "# A title\n[a](#a-title) [b](docs/nothing.md) [c](LICENSE) [d](#nowhere) [e](https://example.com)\n```\n[f](f)\n```"
  assert.deepStrictEqual(linkErrors([{ file: "README.md", text }]), [
    "README.md:2: there is no docs/nothing.md",
    "README.md:2: there is no heading #nowhere"
  ])
})

describe("commands", () => {
  const ci = "npm ci\nnpm run check\n"

  it("leaves to CI what CI runs, and tells what it does not", () => {
    assert.deepStrictEqual(withoutCi("npm ci && npm run score", ci), { script: " true && npm run score", missing: [] })
    assert.deepStrictEqual(withoutCi("npm ci\nnpm test", ci).missing, ["npm test"])
    assert.strictEqual(withoutCi("npm test-like\nnpm cix", ci).script, "npm test-like\nnpm cix")
  })

  it("installs what this checkout packs", () => {
    assert.strictEqual(
      withTarball("npm install effect-seo-providers effect@3\nnpx effect-seo-providers plan", "/a.tgz"),
      "npm install /a.tgz effect@3\nnpx effect-seo-providers plan"
    )
  })

  const empty = Effect.acquireRelease(
    Effect.promise(async () => ({ path: await mkdtemp(join(tmpdir(), "effect-seo-providers-empty-")), tarball: "" })),
    ({ path }) => Effect.promise(() => rm(path, { recursive: true }))
  )

  it.live("tells a command that fails, or does not", () =>
    Effect.gen(function* () {
      const blocks = page(
        "<!-- file: name=said.txt -->",
        fenced("text", "said"),
        fenced("sh", "grep -q said said.txt", "test -z ${REDIS_URL:-}"),
        fenced("sh", "false", "true"),
        "<!-- sh: exit=3 -->",
        fenced("sh", "exit 3"),
        "<!-- sh: exit=3 -->",
        fenced("sh", "true"),
        "<!-- sh: needs=redis,ahrefs -->",
        fenced("sh", "test -n $REDIS_URL && test -n $AHREFS_API_KEY", "node -e 'fetch(process.env.AHREFS_API_URL)'"),
        "<!-- sh: in=checkout -->",
        fenced("sh", "test -f knip.json")
      )
      const sh = blocks.filter(({ language }) => language === "sh").map(({ line }) => `README.md:${line}`)
      assert.deepStrictEqual(placesOf(yield* commandErrors(blocks, empty)), [sh[1], sh[3]])
    })
  )
})
