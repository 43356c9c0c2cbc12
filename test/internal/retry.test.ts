import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { parseRetryAfter } from "../../src/internal/retry.js"

const now = Date.UTC(2026, 10, 21, 12, 0, 0)

describe("parseRetryAfter", () => {
  it.each([
    ["7", 7000],
    ["0", 0],
    [" 7 ", 7000],
    ["1.5", 1500],
    ["5e-324", 0],
    ["1.0006", 1001],
    ["-3", 0],
    ["1e2", 100_000],
    ["0x10", 16_000],
    // What an error can be encoded with.
    ["9007199254740993", Number.MAX_SAFE_INTEGER],
    ["1e308", Number.MAX_SAFE_INTEGER],
    ["Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 11:59:00 GMT", 0],
    ["2026-11-21T12:01:00Z", 60_000]
  ])("%j is %d ms", (value, millis) => {
    assert.deepStrictEqual(parseRetryAfter(value, now), Option.some(Duration.millis(millis)))
  })

  it.each([undefined, "", "  ", "soon", "7 seconds", "NaN", "Infinity", "-Infinity"])("%j is nothing", (value) => {
    assert.deepStrictEqual(parseRetryAfter(value, now), Option.none())
  })

  it.prop("any text gives nothing or a wait that is not negative", [FastCheck.string()], ([text]) =>
    Option.match(parseRetryAfter(text, now), { onNone: () => true, onSome: (wait) => Duration.toMillis(wait) >= 0 })
  )

  it.prop("any date gives the time until it", [FastCheck.integer({ min: -1e6, max: 1e6 })], ([seconds]) => {
    const date = new Date(now + seconds * 1000).toUTCString()
    assert.deepStrictEqual(
      Option.map(parseRetryAfter(date, now), Duration.toMillis),
      Option.some(Math.max(0, seconds * 1000))
    )
  })
})
