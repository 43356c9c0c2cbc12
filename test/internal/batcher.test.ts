import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Fact } from "../../src/CacheStore.js"
import * as Batcher from "../../src/internal/batcher.js"
import { InvalidKey, type PaidError, RateLimited } from "../../src/ProviderError.js"
import { advance } from "../support/clock.js"

const cell = (subject: string): Batcher.Cell => ({
  key: subject,
  flightKey: subject,
  scope: "s",
  target: subject,
  spender: { tenant: null, job: null },
  subject,
  row: subject,
  column: "*"
})
const landed = (value: unknown): Batcher.Landed => ({
  fact: { value, observedAt: 0, freshUntil: 1, paid: null } satisfies Fact,
  state: "bought"
})
const subjects = (flights: ReadonlyArray<Batcher.Flight>) => flights.map(({ cell }) => cell.subject)

interface Script {
  readonly size?: number
  readonly wait?: number
  readonly concurrency?: number
  readonly gate?: Batcher.Gate
  readonly look?: Batcher.Work["look"]
  readonly buy?: Batcher.Work["buy"]
}

/** A batcher whose work is noted down; each fact is its subject. */
const made = ({ buy, concurrency = 10, gate, look = Effect.succeed, size = 3, wait = 10 }: Script = {}) =>
  Effect.gen(function* () {
    const permits = yield* Effect.makeSemaphore(concurrency)
    const batcher = yield* Batcher.make({
      wait,
      gate:
        gate ??
        ((_tenant, _operation, use) => permits.withPermits(1)(use({ leaves: Effect.void, over: () => Effect.void })))
    })
    const looks: Array<ReadonlyArray<string>> = []
    const buys: Array<ReadonlyArray<string>> = []
    const bought: Batcher.Work["buy"] = (batch) =>
      Effect.sync(() => {
        for (const { cell, land } of batch) land(Exit.succeed(landed(cell.subject)))
      })
    const want = (...names: ReadonlyArray<string>) =>
      Effect.map(
        batcher.want("group", names.map(cell), () => ({
          operation: "getFacts",
          refused: (batch, error) =>
            Effect.sync(() => {
              for (const { land } of batch) land(Exit.fail(error))
            }),
          size,
          look: (flights) => {
            looks.push(subjects(flights))
            return look(flights)
          },
          buy: (batch, giveBack, permit) => {
            buys.push(subjects(batch))
            return (buy ?? bought)(batch, giveBack, permit)
          }
        })),
        (all) => all.map(({ fact }) => fact.value)
      )
    return { want, looks, buys }
  })

describe("those who want facts", () => {
  it.scoped("in one turn are looked up in one question, and bought in full batches at once", () =>
    Effect.gen(function* () {
      const { buys, looks, want } = yield* made()
      const all = yield* Effect.all([want("a"), want("b", "a"), want("c", "d")], { concurrency: "unbounded" }).pipe(
        Effect.fork
      )
      yield* advance(0)
      assert.deepStrictEqual(looks, [["a", "b", "c", "d"]])
      assert.deepStrictEqual(buys, [["a", "b", "c"]])
      yield* advance(10)
      assert.deepStrictEqual(buys, [["a", "b", "c"], ["d"]])
      assert.deepStrictEqual(yield* Fiber.join(all), [["a"], ["b", "a"], ["c", "d"]])
    })
  )

  it.scoped("wait for others as long as they may, counted from the first", () =>
    Effect.gen(function* () {
      const { buys, want } = yield* made({ look: (flights) => Effect.as(Effect.sleep(4), flights) })
      const first = yield* Effect.fork(want("a"))
      yield* advance(6)
      const second = yield* Effect.fork(want("b"))
      yield* advance(3)
      assert.deepStrictEqual(buys, [])
      yield* advance(1)
      assert.deepStrictEqual(buys, [["a", "b"]])
      yield* Fiber.join(Fiber.zip(first, second))
    })
  )

  it.scoped("find the gate closed: what comes meanwhile leaves together", () =>
    Effect.gen(function* () {
      const open = yield* Deferred.make<void>()
      const { buys, want } = yield* made({
        wait: 0,
        concurrency: 1,
        buy: (batch) =>
          Effect.map(Deferred.await(open), () => {
            for (const { cell, land } of batch) land(Exit.succeed(landed(cell.subject)))
          })
      })
      const all: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const name of ["a", "b", "c"]) {
        all.push(yield* Effect.fork(want(name)))
        yield* advance(1)
      }
      assert.deepStrictEqual(buys, [["a"]])
      yield* Deferred.succeed(open, undefined)
      yield* Fiber.joinAll(all)
      assert.deepStrictEqual(buys, [["a"], ["b", "c"]])
    })
  )

  it.scoped("that would wait too long fail, and not those who came before them", () =>
    Effect.gen(function* () {
      const open = yield* Deferred.make<void>()
      let leaves = 0
      const error = new RateLimited({ provider: "ahrefs", operation: "getFacts", message: "too long" })
      const { want } = yield* made({
        wait: 0,
        size: 1,
        gate: (_tenant, _operation, use) =>
          ++leaves === 1
            ? Effect.zipRight(Deferred.await(open), use({ leaves: Effect.void, over: () => Effect.void }))
            : error
      })
      const early = yield* Effect.fork(want("early"))
      yield* advance(1)
      assert.strictEqual(yield* Effect.flip(want("late")), error)
      yield* Deferred.succeed(open, undefined)
      assert.deepStrictEqual(yield* Fiber.join(early), ["early"])
    })
  )

  it.scoped("are not left behind by another tenant's batch that was refused in their place", () =>
    Effect.gen(function* () {
      const refused = new RateLimited({ provider: "ahrefs", operation: "getFacts", message: "too long" })
      const gate: Batcher.Gate = (tenant, _operation, use) =>
        tenant === "a"
          ? Effect.fail(refused).pipe(Effect.delay("1 second"))
          : use({ leaves: Effect.void, over: () => Effect.void })
      const batcher = yield* Batcher.make({ gate, wait: 0 })
      const buys: Array<ReadonlyArray<string>> = []
      const work = () => ({
        operation: "getFacts",
        size: 3,
        look: Effect.succeed,
        refused: (batch: ReadonlyArray<Batcher.Flight>, error: PaidError) =>
          Effect.sync(() => {
            for (const { land } of batch) land(Exit.fail(error))
          }),
        buy: (batch: ReadonlyArray<Batcher.Flight>) =>
          Effect.sync(() => {
            buys.push(subjects(batch))
            for (const { cell, land } of batch) land(Exit.succeed(landed(cell.subject)))
          })
      })
      const of = (tenant: string, ...names: ReadonlyArray<string>) =>
        batcher.want(
          "group",
          names.map((name) => ({ ...cell(name), spender: { tenant, job: null } })),
          work
        )
      const first = yield* Effect.fork(Effect.exit(of("a", "1", "2", "3")))
      const second = yield* Effect.fork(of("b", "4", "5", "6"))
      yield* advance("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(first), Exit.fail(refused))
      assert.lengthOf(yield* Fiber.join(second), 3)
      assert.deepStrictEqual(buys, [["4", "5", "6"]])
    })
  )

  it.scoped("are told when the gate itself dies", () =>
    Effect.gen(function* () {
      const { want } = yield* made({ gate: () => Effect.die("gate") })
      const fiber = yield* Effect.fork(Effect.exit(want("a", "b")))
      yield* advance("10 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.die("gate"))
    })
  )

  it.scoped("all leave: nothing is bought", () =>
    Effect.gen(function* () {
      const { buys, want } = yield* made()
      const fiber = yield* Effect.fork(want("a", "b"))
      yield* advance(5)
      yield* Fiber.interrupt(fiber)
      yield* advance(10)
      assert.deepStrictEqual(buys, [])
      const again = yield* Effect.fork(want("a"))
      yield* advance(10)
      assert.deepStrictEqual(yield* Fiber.join(again), ["a"])
    })
  )

  it.scoped("share an error; who comes after it asks anew", () =>
    Effect.gen(function* () {
      let fails = true
      const error = new InvalidKey({ provider: "ahrefs", operation: "getDomainRating", message: "wrong key" })
      const { buys, want } = yield* made({
        wait: 0,
        buy: (batch) =>
          Effect.sync(() => {
            for (const { cell, land } of batch) land(fails ? Exit.fail(error) : Exit.succeed(landed(cell.subject)))
          })
      })
      const results = yield* Effect.all([Effect.either(want("a")), Effect.either(want("a", "b"))], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        results.map(({ _tag }) => _tag),
        ["Left", "Left"]
      )
      fails = false
      assert.deepStrictEqual(yield* want("a"), ["a"])
      assert.strictEqual(buys.length, 2)
    })
  )

  it.scoped("never wait for work that died or was given up", () =>
    Effect.gen(function* () {
      const dying = yield* made({ wait: 0, buy: () => Effect.die("bug") })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(dying.want("a"))))
      const blind = yield* made({ wait: 0, look: () => Effect.die("bug") })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(blind.want("a"))))
    })
  )

  it.scoped("may be answered meanwhile, also those who come later, and it is bought all the same", () =>
    Effect.gen(function* () {
      const { buys, want } = yield* made({
        look: (flights) =>
          Effect.sync(() => {
            for (const { serve } of flights) serve(landed("old"))
            return flights
          })
      })
      assert.deepStrictEqual(yield* want("a"), ["old"])
      assert.deepStrictEqual(yield* want("a"), ["old"])
      assert.deepStrictEqual(buys, [])
      yield* advance(10)
      assert.deepStrictEqual(buys, [["a"]])
    })
  )

  it.scoped("are put back when somebody else is buying, and wait for that", () =>
    Effect.gen(function* () {
      let isMine = false
      const { buys, want } = yield* made({
        wait: 0,
        buy: (batch, giveBack) =>
          Effect.suspend(() => {
            if (!isMine) return giveBack(batch, Effect.as(Effect.sleep(100), batch))
            for (const { cell, land } of batch) land(Exit.succeed(landed(cell.subject)))
            return Effect.void
          })
      })
      const fiber = yield* Effect.fork(want("a"))
      yield* advance(150)
      assert.deepStrictEqual(buys, [["a"], ["a"]])
      isMine = true
      yield* advance(50)
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["a"])
    })
  )

  it.effect.each([
    ["are looked up", { look: () => Effect.never }],
    ["gather", {}],
    ["stand at the gate", { wait: 0, concurrency: 0 }],
    ["are being bought", { wait: 0, buy: () => Effect.never }]
  ] satisfies ReadonlyArray<readonly [string, Script]>)(
    "are let go of when the service is closed while they %s",
    ([, script]) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { want } = yield* Scope.extend(made(script), scope)
        const fiber = yield* Effect.fork(want("a"))
        yield* advance(5)
        const early = yield* Effect.fork(want("b"))
        yield* Effect.yieldNow()
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
        assert.isTrue(Exit.isInterrupted(yield* Fiber.await(early)))
        assert.isTrue(Exit.isInterrupted(yield* Effect.exit(want("c"))))
      })
  )
})
