/** The gate of one process and that over Redis decide the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as FiberId from "effect/FiberId"
import * as TestClock from "effect/TestClock"
import * as Gate from "../../src/internal/gate.js"
import * as GateRedis from "../../src/internal/gateRedis.js"
import * as Redis from "../../src/internal/redis.js"
import { ask, keysWithLife, start } from "../support/redis.js"
import { advance } from "../support/clock.js"

const allowance: Gate.Allowance = { limit: 5, window: 1_000, concurrency: 4, lease: 600_000, lead: 0 }

const ticket = (id: number, cost = 1, tenant = "t", over: Partial<Gate.Allowance> = {}): Gate.Ticket => ({
  id: `00${id}`,
  account: "a.1",
  tenant,
  cost,
  allowance: { ...allowance, ...over }
})

type Step =
  | { readonly _tag: "decide"; readonly id: number }
  | { readonly _tag: "over"; readonly id: number; readonly outcome: Gate.Outcome }
  | { readonly _tag: "wait"; readonly millis: number }

const id = FastCheck.integer({ min: 0, max: 9 })
const steps = FastCheck.array(
  FastCheck.oneof(
    { weight: 5, arbitrary: FastCheck.record({ _tag: FastCheck.constant("decide" as const), id }) },
    {
      weight: 3,
      arbitrary: FastCheck.record({
        _tag: FastCheck.constant("over" as const),
        id,
        outcome: FastCheck.oneof(
          FastCheck.constantFrom<Gate.Outcome>({ _tag: "Answered" }, { _tag: "Unsent" }),
          FastCheck.record({
            _tag: FastCheck.constant("Limited" as const),
            pause: FastCheck.option(FastCheck.integer({ min: 0, max: 5_000 }))
          })
        )
      })
    },
    {
      weight: 2,
      arbitrary: FastCheck.record({
        _tag: FastCheck.constant("wait" as const),
        millis: FastCheck.constantFrom(1, 300, 1_000, 4_000, 11_000)
      })
    }
  ),
  { minLength: 5, maxLength: 40 }
) satisfies FastCheck.Arbitrary<ReadonlyArray<Step>>

/** Of three tenants, and not all of them light. */
const ticketOf = (id: number) => ticket(id, 1 + (id % 3 === 0 ? 1 : 0), `t${id % 3}`)

describe("a gate", () => {
  it.scoped("over Redis decides like that of one process, step by step", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "gate", deadlineMillis: 500 })
      for (const all of FastCheck.sample(steps, { numRuns: 30, seed: 4 })) {
        yield* ask(server, (client) => client.flushAll())
        let now = 1_000_000
        yield* TestClock.setTime(now)
        const here = Gate.make()
        const there = yield* GateRedis.make(redis, "gate", () => String(now))
        const places = new Map<number, number>()
        const granted = new Set<number>()
        for (const step of all) {
          if (step._tag === "wait") {
            now += step.millis
            yield* TestClock.setTime(now)
          } else if (step._tag === "over") {
            yield* here.over(ticketOf(step.id), step.outcome)
            yield* there.over(ticketOf(step.id), step.outcome)
            places.delete(step.id)
            granted.delete(step.id)
          } else if (!granted.has(step.id)) {
            const one = yield* here.decide(ticketOf(step.id), places.get(step.id) ?? null)
            assert.deepStrictEqual(yield* there.decide(ticketOf(step.id), places.get(step.id) ?? null), one)
            if (one.isGranted) granted.add(step.id)
            else places.set(step.id, one.place)
          }
          const pace = yield* here.pace("a.1", allowance)
          assert.deepStrictEqual(yield* there.pace("a.1", allowance), pace)
          assert.isAtMost(pace.limit, allowance.limit)
          assert.isAtLeast(pace.limit, 1)
        }
      }
    })
  )

  it.effect.prop(
    "grants no more than the limit in any window, nor more at once than the concurrency",
    [steps],
    ([all]) =>
      Effect.gen(function* () {
        const gate = Gate.make()
        let now = 1_000_000
        yield* TestClock.setTime(now)
        const sent: Array<{ readonly at: number; readonly cost: number }> = []
        const flying = new Set<number>()
        for (const step of all) {
          if (step._tag === "wait") {
            now += step.millis
            yield* TestClock.setTime(now)
          } else if (step._tag === "over" && flying.has(step.id)) {
            yield* gate.over(ticketOf(step.id), { _tag: "Answered" })
            flying.delete(step.id)
          } else if (step._tag === "decide" && !flying.has(step.id)) {
            const { isGranted } = yield* gate.decide(ticketOf(step.id), null)
            if (isGranted) {
              flying.add(step.id)
              sent.push({ at: now, cost: ticketOf(step.id).cost })
            }
          }
          const inWindow = sent.filter(({ at }) => at > now - allowance.window).reduce((all, { cost }) => all + cost, 0)
          assert.isAtMost(inWindow, allowance.limit)
          assert.isAtMost(flying.size, allowance.concurrency)
        }
      })
  )

  it.effect("learns a lower limit from refusals, all of one burst as one, and rises again step by step", () =>
    Effect.gen(function* () {
      const gate = Gate.make()
      const wide = { limit: 60, window: 60_000, concurrency: 100 }
      const burst = Array.from({ length: 60 }, (_, i) => ticket(i, 1, "t", wide))
      yield* TestClock.setTime(1_000_000)
      for (const one of burst) assert.isTrue((yield* gate.decide(one, null)).isGranted)
      yield* advance(200)
      for (const one of burst.slice(40)) yield* gate.over(one, { _tag: "Limited", pause: null })
      for (const one of burst.slice(0, 40)) yield* gate.over(one, { _tag: "Answered" })
      assert.deepStrictEqual(yield* gate.pace("a.1", burst[0]!.allowance), { limit: 40, taken: 40, pause: 500 })
      yield* advance(60_000)
      assert.include(yield* gate.pace("a.1", burst[0]!.allowance), { limit: 46, pause: 0 })
      yield* advance(60_000)
      assert.include(yield* gate.pace("a.1", burst[0]!.allowance), { limit: 58 })
      yield* advance(60_000)
      assert.include(yield* gate.pace("a.1", burst[0]!.allowance), { limit: 60 })
    })
  )

  it.effect("pauses for as long as the provider says, else longer with each refusal in a row", () =>
    Effect.gen(function* () {
      const gate = Gate.make()
      yield* TestClock.setTime(1_000_000)
      const pauseAfter = (id: number, pause: number | null) =>
        Effect.gen(function* () {
          assert.isTrue((yield* gate.decide(ticket(id), null)).isGranted)
          yield* gate.over(ticket(id), { _tag: "Limited", pause })
          const { pause: left } = yield* gate.pace("a.1", allowance)
          yield* advance(left + 1_000)
          return left
        })
      assert.deepStrictEqual(
        yield* Effect.forEach([null, null, null, 7_000], (pause, i) => pauseAfter(i, pause)),
        [250, 500, 1_000, 7_000]
      )
      assert.isTrue((yield* gate.decide(ticket(10), null)).isGranted)
      yield* gate.over(ticket(10), { _tag: "Answered" })
      yield* advance(1_000)
      assert.strictEqual(yield* pauseAfter(11, null), 250)
    })
  )

  it.scoped("counts a call from when it leaves, where it leaves late", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "gate", deadlineMillis: 500 })
      const narrow = { limit: 1 }
      let now = 1_000_000
      let isHere = true
      // Also where its window has passed meanwhile.
      const delays = [700, 1_700]
      for (const delay of delays.flatMap((delay) => [delay, delay])) {
        const gate = isHere ? Gate.make() : yield* GateRedis.make(redis, "gate", () => String(now))
        isHere = !isHere
        yield* ask(server, (client) => client.flushAll())
        now = 1_000_000
        yield* TestClock.setTime(now)
        yield* gate.decide(ticket(0, 1, "t", narrow), null)
        now += delay
        yield* TestClock.setTime(now)
        yield* gate.leaves(ticket(0, 1, "t", narrow))
        yield* gate.leaves(ticket(5, 1, "t", narrow))
        assert.deepInclude(yield* gate.decide(ticket(1, 1, "t", narrow), null), { isGranted: false, wait: 1_000 })
        yield* gate.leaves(ticket(0, 1, "t", narrow), 300)
        assert.deepInclude(yield* gate.decide(ticket(1, 1, "t", narrow), null), { isGranted: false, wait: 700 })
      }
    })
  )

  it.scoped("wakes whoever waits for a call to be over, also where those ahead had not asked again yet", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "gate", deadlineMillis: 500 })
      for (const gate of [Gate.make(), yield* GateRedis.make(redis, "gate")]) {
        const [first, second, third, fourth] = [0, 1, 2, 3].map((id) =>
          ticket(id, 1, "t", { concurrency: 2, limit: 100 })
        ) as [Gate.Ticket, Gate.Ticket, Gate.Ticket, Gate.Ticket]
        let woken = Deferred.unsafeMake<void>(FiberId.none)
        yield* Effect.addFinalizer(() => Effect.sync(stop))
        const stop = gate.listen("a.1", () => Deferred.unsafeDone(woken, Effect.void))
        const over = (one: Gate.Ticket) =>
          Effect.suspend(() => {
            woken = Deferred.unsafeMake<void>(FiberId.none)
            return Effect.zipRight(gate.over(one, { _tag: "Answered" }), Deferred.await(woken))
          })
        yield* gate.decide(first, null)
        yield* gate.decide(second, null)
        const { place } = yield* gate.decide(third, null)
        const behind = yield* gate.decide(fourth, null)
        yield* over(first)
        // One is free, and the one who is ahead comes last.
        assert.isFalse((yield* gate.decide(fourth, behind.place)).isGranted)
        yield* over(second)
        assert.isTrue((yield* gate.decide(third, place)).isGranted)
        assert.isTrue((yield* gate.decide(fourth, behind.place)).isGranted)
      }
    })
  )

  it.effect("reckons with a call that others granted before one that leaves later", () =>
    Effect.gen(function* () {
      const gate = Gate.make()
      const narrow = { limit: 2, lead: 100 }
      yield* TestClock.setTime(1_000_000)
      yield* gate.decide(ticket(0, 1, "t", narrow), null)
      yield* gate.decide(ticket(1, 1, "t", narrow), null)
      yield* TestClock.setTime(1_000_950)
      assert.deepInclude(yield* gate.decide(ticket(2, 1, "t", narrow), null), { isGranted: true, wait: 50 })
      yield* gate.note(ticket(3, 1, "t", narrow))
      yield* TestClock.setTime(1_001_000)
      assert.deepInclude(yield* gate.decide(ticket(4, 1, "t", narrow), null), { isGranted: false, wait: 950 })
    })
  )

  it.effect("goes on when the clock is set back", () =>
    Effect.gen(function* () {
      const gate = Gate.make()
      const narrow = { limit: 1 }
      yield* TestClock.setTime(10_000_000)
      yield* gate.decide(ticket(0, 1, "t", narrow), null)
      yield* TestClock.setTime(1_000_000)
      assert.deepInclude(yield* gate.decide(ticket(1, 1, "t", narrow), null), { isGranted: false, wait: 1_000 })
      yield* advance(1_000)
      assert.isTrue((yield* gate.decide(ticket(1, 1, "t", narrow), 2)).isGranted)
    })
  )

  it.effect("puts nobody back for calls that were given up", () =>
    Effect.gen(function* () {
      const gate = Gate.make()
      const narrow = { limit: 1 }
      yield* TestClock.setTime(1_000_000)
      yield* gate.decide(ticket(0, 1, "t", narrow), null)
      for (let i = 0; i < 100; i++) {
        yield* gate.decide(ticket(1, 1, "t", narrow), null)
        yield* gate.over(ticket(1, 1, "t", narrow), { _tag: "Unsent" })
      }
      assert.deepInclude(yield* gate.decide(ticket(2, 1, "t", narrow), null), { isGranted: false, place: 2 })
    })
  )

  it.effect("keeps no place for those who ask no more", () =>
    Effect.gen(function* () {
      const gate = Gate.make()
      const narrow = { limit: 1 }
      yield* TestClock.setTime(1_000_000)
      yield* gate.decide(ticket(0, 1, "t", narrow), null)
      const dead = yield* gate.decide(ticket(1, 1, "t", narrow), null)
      assert.deepInclude(dead, { isGranted: false, wait: 1_000 })
      const next = yield* gate.decide(ticket(2, 1, "t", narrow), null)
      assert.deepInclude(next, { isGranted: false, wait: 2_000 })
      yield* advance(2_001)
      assert.isTrue((yield* gate.decide(ticket(2, 1, "t", narrow), next.place)).isGranted)
    })
  )

  it.scoped("every key in Redis has an end, and all of an account are in one slot", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const redis = yield* Redis.make(server, { namespace: "gate", deadlineMillis: 500 })
      const gate = yield* GateRedis.make(redis, "gate")
      for (let i = 0; i < 8; i++) yield* gate.decide(ticket(i), null)
      yield* gate.over(ticket(1), { _tag: "Limited", pause: null })
      const keys = yield* keysWithLife(server)
      assert.isAbove(keys.length, 4)
      for (const [key, life] of keys) {
        assert.isAbove(life, 0, key)
        assert.include(key, "{a.1}")
      }
    })
  )
})
