import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { campaign, defaults, type Input } from "./campaign.js"
import { exchanges } from "./exchanges.js"
import { mutateJson, mutateText } from "./mutate.js"
import { subjects } from "./subjects.js"

// A run in a few seconds of what `npm run test:fuzz` does with a million inputs. The heap of a test worker grows for other reasons.
const limits = { ...defaults, growthBytes: 64 * 2 ** 20 }

describe("a few inputs of each subject", () => {
  it.each(subjects)("$name", (subject) => {
    const runs = Math.min(500, 50 * subject.share)
    const { finding, inputs } = campaign(subject, { limits, runs, seed: 20_260_101 })
    assert.isNull(finding)
    assert.strictEqual(inputs, runs)
  })

  it.each(subjects)("$name: where the guided fuzzer begins", ({ check, corpus, textOf }) => {
    for (const { choice, text } of corpus) check({ choice, text: textOf?.(text, choice) ?? text })
  })

  it("every answer that an exchange begins with is read, by every variant of it", () => {
    for (const { call, read, seed } of exchanges) {
      for (let variant = 0; variant < 12; variant++) {
        read(variant, JSON.parse(seed))
        call(variant, { status: 200, headers: {}, body: seed })
      }
    }
  })
})

describe("the fuzzer notices", () => {
  const inputs = FastCheck.record({ text: FastCheck.string(), choice: FastCheck.nat() })
  const fuzz = (check: (input: Input) => void, own: Partial<typeof defaults> = {}) =>
    campaign({ inputs, check }, { limits: { ...limits, ...own }, runs: 2000, seed: 1 })

  it("nothing, where nothing is wrong", () => {
    const { finding, inputs, slowestMillis } = fuzz(({ text }) => void text.toUpperCase())
    assert.isNull(finding)
    assert.strictEqual(inputs, 2000)
    assert.isAbove(slowestMillis, 0)
  })

  it("a defect, and makes its input small", () => {
    const { finding } = fuzz(({ text }) => {
      if (text.includes("z")) throw new TypeError("planted")
    })
    assert.strictEqual(finding?.kind, "defect")
    assert.include(finding?.message, "planted")
    assert.strictEqual(finding?.input, 'choice 0, "z"')
  })

  it("an endless loop, and ends it", () => {
    const { finding } = fuzz(
      ({ choice }) => {
        let n = choice % 7
        while (n === 3) n = choice % 7
      },
      { hangMillis: 200 }
    )
    assert.strictEqual(finding?.kind, "hang")
    assert.match(finding?.input ?? "", /^choice \d+, /)
  })

  it("a regular expression that backtracks, and ends it", () => {
    const evil = /^(?:a+)+$/
    const { finding } = fuzz(({ choice }) => void evil.test(choice % 7 === 3 ? `${"a".repeat(60)}!` : "a"), {
      hangMillis: 200
    })
    assert.strictEqual(finding?.kind, "hang")
  })

  it("an input that takes too long, and comes to an end", () => {
    const wait = (until: number) => {
      while (performance.now() < until) continue
    }
    const { finding } = fuzz(({ choice }) => choice % 997 === 3 && wait(performance.now() + 30), { inputMillis: 20 })
    assert.strictEqual(finding?.kind, "hang")
    assert.match(finding?.message ?? "", /^took \d+ ms$/)
  })

  it("what is kept of each input", () => {
    const kept: Array<string> = []
    const { finding, growthBytes } = fuzz(
      ({ text }) => void kept.push(`${text}${kept.length}`.padStart(8192, "x").toUpperCase()),
      {
        growthBytes: 2 ** 21
      }
    )
    assert.strictEqual(finding?.kind, "growth")
    assert.isAbove(growthBytes, 2 ** 22)
  })
})

describe("inputs", () => {
  it("are the same for the same seed", () => {
    const seen = (seed: number) => {
      const all: Array<string> = []
      const subject = subjects.find(({ name }) => name === "retryAfter")
      if (subject !== undefined)
        campaign(
          { ...subject, check: ({ text }) => void (text !== all.at(-1) && all.push(text)) },
          { limits, runs: 600, seed }
        )
      return all
    }
    assert.deepStrictEqual(seen(1), seen(1))
    assert.notDeepEqual(seen(1), seen(2))
  })

  it.prop(
    "mutated JSON is JSON",
    [FastCheck.json(), FastCheck.array(FastCheck.nat(0xffff), { maxLength: 12 })],
    ([json, program]) => {
      JSON.parse(mutateJson(json, program))
    }
  )

  it.prop("a program without steps changes nothing", [FastCheck.string()], ([text]) => {
    assert.strictEqual(mutateText(text, []), text)
    assert.strictEqual(mutateJson(JSON.stringify({ text }), []), JSON.stringify({ text }))
  })
})
