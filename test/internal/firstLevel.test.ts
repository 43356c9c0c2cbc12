import { assert, describe, it } from "@effect/vitest"
import type { Fact, FactId } from "../../src/CacheStore.js"
import * as FirstLevel from "../../src/internal/firstLevel.js"

const id = (key: string, scope = "s", target = key): FactId => ({ key, scope, target })
const fact = (value: unknown): Fact => ({ value, observedAt: 0, freshUntil: 1, paid: null })

describe("the first level", () => {
  it("answers for as long as it may, and remembers longer", () => {
    const level = FirstLevel.make({ maxEntries: 10, maxBytes: 10_000 }, 100)
    level.set(id("a"), fact(1), 1_000)
    assert.strictEqual(level.get("a", 1_099)?.value, 1)
    assert.isUndefined(level.get("a", 1_100))
    assert.strictEqual(level.peek("a")?.value, 1)
  })

  it("lets go of what was used longest ago when there are too many", () => {
    const level = FirstLevel.make({ maxEntries: 2, maxBytes: 10_000 }, Infinity)
    level.set(id("a"), fact(1), 0)
    level.set(id("b"), fact(2), 0)
    level.get("a", 0)
    level.set(id("c"), fact(3), 0)
    assert.isUndefined(level.peek("b"))
    assert.strictEqual(level.peek("a")?.value, 1)
    assert.strictEqual(level.peek("c")?.value, 3)
  })

  it("lets go when they weigh too much, and does not take what alone weighs too much", () => {
    const level = FirstLevel.make({ maxEntries: 1_000, maxBytes: 10_000 }, Infinity)
    for (let i = 0; i < 100; i++) level.set(id(String(i)), fact([{ text: "x".repeat(800) }]), 0)
    const kept = Array.from({ length: 100 }, (_, i) => level.peek(String(i))).filter((one) => one !== undefined)
    assert.isAbove(kept.length, 5)
    assert.isBelow(kept.length, 13)
    level.set(id("large"), fact("x".repeat(20_000)), 0)
    assert.isUndefined(level.peek("large"))
  })

  it("forgets what is meant, and nothing else", () => {
    const level = FirstLevel.make({ maxEntries: 10, maxBytes: 10_000 }, Infinity)
    level.set(id("1", "s", "a.com"), fact(1), 0)
    level.set(id("2", "s", "b.com"), fact(2), 0)
    level.set(id("3", "t", "a.com"), fact(3), 0)
    level.forget(({ target }) => target === "a.com")
    assert.deepStrictEqual(
      ["1", "2", "3"].map((key) => level.peek(key)?.value),
      [undefined, 2, undefined]
    )
  })
})
