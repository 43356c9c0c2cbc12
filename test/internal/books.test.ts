/** The books in one process and those over Redis keep the same figures, and they always add up. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as TestClock from "effect/TestClock"
import * as Books from "../../src/internal/books.js"
import * as BooksRedis from "../../src/internal/booksRedis.js"
import * as Redis from "../../src/internal/redis.js"
import { ask, keysWithLife, start } from "../support/redis.js"

const day = 86_400_000
const begin = Date.UTC(2026, 0, 31, 23, 50)

const limit = 1_000
const window = (name: string, amount: number, anchor: Books.Anchor): Books.Window => ({
  name,
  anchor,
  amount,
  limit,
  alerts: [0.5, 0.8, 1]
})

const entry = (id: string, amount: number): Books.Entry => ({
  id,
  book: "ahrefs.api_units",
  life: 60_000,
  windows: [
    window("account:a:0", amount, 0),
    window("job:j:ever", amount, null),
    window("tenant:t:9", amount, 3 * day)
  ],
  lines: [{ field: '["a","t","j","getBacklinks"]', amount }],
  isUnpriced: false
})
const spent = (amount: number): Books.Spent => ({ windows: [amount, amount, amount], lines: [amount] })

type Step =
  | { readonly _tag: "reserve" | "settle" | "book"; readonly id: string; readonly amount: number }
  | { readonly _tag: "cancel"; readonly id: string }
  | { readonly _tag: "wait"; readonly millis: number }

const id = FastCheck.constantFrom("1", "2", "3", "4", "5")
const amount = FastCheck.oneof(FastCheck.constant(0), FastCheck.integer({ min: 0, max: 600 }))
const tagged = <T extends string>(tag: T) => ({ _tag: FastCheck.constant(tag) })
const steps = FastCheck.array(
  FastCheck.oneof(
    FastCheck.record({ ...tagged("reserve"), id, amount }),
    FastCheck.record({ ...tagged("reserve"), id, amount }),
    FastCheck.record({ ...tagged("settle"), id, amount }),
    FastCheck.record({ ...tagged("book"), id, amount }),
    FastCheck.record({ ...tagged("cancel"), id }),
    FastCheck.record({
      ...tagged("wait"),
      millis: FastCheck.constantFrom(1_000, 61_000, 3_600_001, day, 8 * day, -1_000, -day)
    })
  ),
  { minLength: 1, maxLength: 25 }
) satisfies FastCheck.Arbitrary<ReadonlyArray<Step>>

const windows = entry("", 0).windows
const figures = (books: Books.Books) =>
  Effect.all({
    balances: Effect.forEach(windows, ({ anchor, name }) => books.balance("ahrefs.api_units", name, anchor)),
    audit: Effect.map(books.audited("ahrefs.api_units", ""), (all) => all.map((one) => ({ ...one, cursor: "" })))
  })
const usage = (books: Books.Books, now: number) =>
  Effect.map(books.usage("ahrefs.api_units", [Books.dayOf(now)]), (days) =>
    // A count of nothing may be written or not.
    days.map((lines) => Object.fromEntries(Array.from(lines).filter(([, amount]) => amount !== 0)))
  )

const done = (books: Books.Books, step: Exclude<Step, { readonly _tag: "wait" }>) => {
  switch (step._tag) {
    case "reserve":
      return books.reserve(entry(step.id, step.amount), true)
    case "settle":
      return books.settle(entry(step.id, step.amount), spent(step.amount))
    case "book":
      return books.book(entry(step.id, step.amount), spent(step.amount), true)
    case "cancel":
      return books.cancel(entry(step.id, 0))
  }
}

describe("books", () => {
  it.effect.prop(
    "add up at every step: what is held is held by somebody, what was spent was billed once",
    [steps],
    ([steps]) =>
      Effect.gen(function* () {
        const books = Books.make()
        let now = begin
        yield* TestClock.setTime(now)
        const held = new Map<string, { readonly amount: number; readonly until: number }>()
        const closed = new Map<string, number>()
        let billed = 0
        for (const step of steps) {
          if (step._tag === "wait") {
            now += step.millis
            yield* TestClock.setTime(now)
          } else {
            const answer = yield* done(books, step)
            if (answer._tag === "Held" && !held.has(step.id)) {
              const amount = step._tag === "reserve" ? step.amount : 0
              const taken = Array.from(held.values()).reduce((all, one) => all + one.amount, billed)
              assert.isAtMost(taken + amount, limit, "a hold took what was not there")
              held.set(step.id, { amount, until: now + 60_000 })
            }
            if (answer._tag === "Done") {
              assert.isFalse(closed.has(step.id), "closed twice")
              closed.set(step.id, now + Books.closedLife)
              held.delete(step.id)
              billed += step._tag === "settle" || step._tag === "book" ? step.amount : 0
            }
          }
          for (const [id, { until }] of held) if (until <= now) held.delete(id)
          for (const [id, until] of closed) if (until <= now) closed.delete(id)
          const { balances } = yield* figures(books)
          const live = Array.from(held.values()).reduce((all, { amount }) => all + amount, 0)
          assert.deepStrictEqual(balances[1], { spent: billed, held: live, period: 0 })
        }
      })
  )

  it.scoped("over Redis are those of one process, step by step", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "books", deadlineMillis: 500 })
      for (const steps_ of FastCheck.sample(steps, { numRuns: 30, seed: 4 })) {
        yield* ask(server, (client) => client.flushAll())
        let now = begin
        yield* TestClock.setTime(now)
        const here = Books.make()
        const there = BooksRedis.make(redis, "books", () => String(now))
        for (const step of steps_) {
          if (step._tag === "wait") {
            // What expires by the server's own clock is not moved by ours.
            now += Math.min(step.millis, 61_000)
            yield* TestClock.setTime(now)
            continue
          }
          assert.deepStrictEqual(yield* done(there, step), yield* done(here, step))
          assert.deepStrictEqual(yield* figures(there), yield* figures(here))
          assert.deepStrictEqual(yield* usage(there, now), yield* usage(here, now))
        }
      }
    })
  )

  it.scoped("begin anew with a month, at a reset date, in a leap year, or never, by the server's own calendar", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "books", deadlineMillis: 500 })
      let now = 0
      const there = BooksRedis.make(redis, "books", () => String(now))
      const moments = [
        Date.UTC(2024, 1, 29, 12),
        Date.UTC(2024, 1, 29, 23, 59, 59, 999),
        Date.UTC(2024, 2, 1),
        Date.UTC(2026, 0, 1),
        Date.UTC(2026, 1, 28, 14, 20, 1),
        Date.UTC(2026, 1, 28, 14, 20, 3),
        Date.UTC(2100, 1, 28, 14, 20, 3),
        Date.UTC(2026, 11, 31, 23)
      ]
      const anchors = [0, 3 * day, 30 * day + 51_602_000, null]
      for (const moment of moments) {
        now = moment
        for (const anchor of anchors) {
          const { period } = yield* there.balance("ahrefs.api_units", "tenant:t:x", anchor)
          assert.strictEqual(period, Books.periodOf(moment, anchor), `${new Date(moment).toISOString()} ${anchor}`)
          if (anchor !== null) {
            assert.isAtMost(Books.startOf(period, anchor), moment)
            assert.isAbove(Books.startOf(period + 1, anchor), moment)
          }
        }
      }
    })
  )

  it.scoped("are exact to the last unit that a number can say", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "books", deadlineMillis: 500 })
      const most = Number.MAX_SAFE_INTEGER
      const large = { ...entry("1", most), windows: [{ ...window("account:a:0", most, 0), limit: most }] }
      for (const books of [Books.make(), BooksRedis.make(redis, "books")]) {
        assert.strictEqual((yield* books.reserve(large, true))._tag, "Held")
        const refused = yield* books.reserve(
          { ...large, id: "2", windows: [{ ...large.windows[0]!, amount: 1 }] },
          true
        )
        assert.include(refused, { _tag: "Over", left: 0 })
        yield* books.settle(large, { windows: [most - 1], lines: [most - 1] })
        assert.include(yield* books.balance(large.book, "account:a:0", 0), { spent: most - 1, held: 0 })
        assert.strictEqual((yield* books.audited(large.book, ""))[0]?.amount, most - 1)
      }
    })
  )

  it.scoped("over Redis hold nothing whose life is over, however much expires at once, and whatever its id", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "books", deadlineMillis: 500 })
      let now = begin
      const books = BooksRedis.make(redis, "books", () => String(now))
      const all = Books.sweptAtOnce + 2
      const limited = { ...window("account:a:0", 1, 0), limit: all }
      const one = (id: string): Books.Entry => ({ ...entry(id, 1), windows: [limited] })
      const balance = Effect.map(books.balance("ahrefs.api_units", limited.name, 0), ({ held }) => held)
      const ids = ["", " ", ...Array.from({ length: all - 2 }, (_, i) => String(i))]
      const take = Effect.forEach(ids, (id) => books.reserve(one(`${now === begin ? "" : "again "}${id}`), true), {
        concurrency: 50
      })
      assert.isTrue((yield* take).every(({ _tag }) => _tag === "Held"))
      assert.strictEqual(yield* balance, all)
      now += 60_000
      const whole = { ...one("whole"), windows: [{ ...limited, amount: all }] }
      assert.strictEqual((yield* books.reserve(whole, true))._tag, "Held")
      yield* books.cancel(whole)
      assert.isTrue((yield* take).every(({ _tag }) => _tag === "Held"))
      now += 60_000
      assert.strictEqual(yield* balance, 0)
      const [usage] = yield* books.usage("ahrefs.api_units", [Books.dayOf(begin)])
      assert.strictEqual(usage?.get(`reserved ${one("").lines[0]!.field}`), 0)
    })
  )

  it.scoped("every key in Redis has an end, and all of a book are in one slot", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "books", deadlineMillis: 500 })
      const books = BooksRedis.make(redis, "books")
      yield* books.reserve(entry("1", 10), true)
      yield* books.reserve(entry("2", 10), true)
      yield* books.settle(entry("1", 10), spent(5))
      yield* books.cancel(entry("2", 10))
      yield* books.reserve(entry("3", 10), true)
      // A window that was opened by a refusal.
      const refused = { ...entry("4", 1), windows: [{ ...window("job:new:ever", 1, null), limit: 0 }] }
      assert.strictEqual((yield* books.reserve(refused, true))._tag, "Over")
      yield* books.save("ahrefs.api_units", new Map([['["a",null,null,"x"]', 0.5]]))
      const keys = yield* keysWithLife(server)
      assert.isAbove(keys.length, 6)
      for (const [key, life] of keys) {
        assert.isAbove(life, 0, key)
        assert.include(key, "{ledger.ahrefs.api_units}")
      }
    })
  )
})
