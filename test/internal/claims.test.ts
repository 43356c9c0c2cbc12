import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Claims from "../../src/internal/claims.js"
import * as Redis from "../../src/internal/redis.js"
import { ask, type Server, start } from "../support/redis.js"

const life = 400
/** As the name of an owner looks. */
const another = "00000000-0000-4000-8000-000000000000"

/** The claims of one process. */
const overRedis = ({ url }: Server) =>
  Effect.gen(function* () {
    const redis = yield* Redis.make({ url }, { namespace: "seo", deadlineMillis: 1_000 })
    return Context.get(yield* Layer.build(Claims.layerRedis(redis, "seo", life)), Claims.Claims)
  })

const inMemory = Effect.map(Layer.build(Claims.layerMemory), Context.get(Claims.Claims))

const won = (claims: Claims.Service, ...keys: ReadonlyArray<string>) =>
  Effect.map(claims.acquire(keys), ({ won }) => won)

describe("claims of one process", () => {
  it.scoped("are won once, and let go of with their scope", () =>
    Effect.gen(function* () {
      const claims = yield* inMemory
      const scope = yield* Scope.make()
      assert.deepStrictEqual(yield* won(claims, "a", "b"), [true, true])
      yield* Scope.extend(claims.hold(["a", "b"]), scope)
      const lost = yield* claims.acquire(["b", "c"])
      assert.deepStrictEqual(lost.won, [false, true])
      const waiting = yield* Effect.fork(claims.changed(["b"], lost.at))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* won(claims, "a", "b"), [true, true])
    })
  )

  it.scoped("let go of before anybody waits, they wake all the same", () =>
    Effect.gen(function* () {
      const claims = yield* inMemory
      const scope = yield* Scope.make()
      yield* claims.acquire(["a"])
      yield* Scope.extend(claims.hold(["a"]), scope)
      const { at } = yield* claims.acquire(["a"])
      yield* Scope.close(scope, Exit.void)
      yield* claims.changed(["a"], at)
    })
  )
})

describe("claims over Redis", () => {
  it.scopedLive("are renewed while they are held, and wake the others of other processes", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const one = yield* overRedis(server)
      const two = yield* overRedis(server)
      const scope = yield* Scope.make()
      assert.deepStrictEqual(yield* won(one, "a", "b"), [true, true])
      yield* Scope.extend(one.hold(["a", "b"]), scope)
      const tries = yield* Effect.repeat(
        Effect.map(won(two, "b"), ([isWon]) => assert.isFalse(isWon)),
        Schedule.spaced("50 millis").pipe(Schedule.upTo(2.5 * life))
      )
      assert.isAbove(tries, 5)
      const { at } = yield* two.acquire(["a"])
      const waiting = yield* Effect.fork(two.changed(["a"], at))
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* won(two, "a", "b"), [true, true])
    })
  )

  it.scopedLive("of a holder that died are taken over when their life ends", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const one = yield* overRedis(server)
      const two = yield* overRedis(server)
      // Never held: nobody renews it.
      yield* one.acquire(["a"])
      const start_ = performance.now()
      const again = Effect.gen(function* () {
        const { at, won } = yield* two.acquire(["a"])
        if (!won[0]) yield* two.changed(["a"], at)
        return won[0]
      })
      yield* Effect.repeat(again, { until: (isWon) => isWon === true })
      const took = performance.now() - start_
      assert.isAbove(took, life / 2)
      assert.isBelow(took, 3 * life)
    })
  )

  it.scopedLive.each([
    ["a list", false],
    ["another value", true]
  ] as const)("a stranger's key with %s is no claim, and spoils no other", ([, isText]) =>
    Effect.gen(function* () {
      const server = yield* start()
      const claims = yield* overRedis(server)
      const meddle = ask(server, async (client) => {
        await client.del("seo:claim:a")
        await (isText ? client.set("seo:claim:a", "theirs") : client.lPush("seo:claim:a", "theirs"))
        await client.pExpire("seo:claim:a", 60_000)
      })
      yield* meddle
      const scope = yield* Scope.make()
      assert.deepStrictEqual(yield* won(claims, "a", "b"), [true, true])
      yield* Scope.extend(claims.hold(["a", "b"]), scope)
      // While it is held.
      yield* meddle
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* won(claims, "b"), [true])
    })
  )

  it.scopedLive("a stranger's key without an end is no claim", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const claims = yield* overRedis(server)
      yield* ask(server, (client) => client.lPush("seo:claim:a", "x"))
      assert.deepStrictEqual(yield* won(claims, "a"), [true])
      assert.isAbove(yield* ask(server, (client) => client.pTTL("seo:claim:a")), 0)
    })
  )

  it.scopedLive("another's claim is neither renewed nor let go of", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const claims = yield* overRedis(server)
      const scope = yield* Scope.make()
      yield* claims.acquire(["a"])
      yield* Scope.extend(claims.hold(["a"]), scope)
      yield* ask(server, (client) => client.set("seo:claim:a", another, { PX: 60_000 }))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* ask(server, (client) => client.get("seo:claim:a")), another)
    })
  )
})
