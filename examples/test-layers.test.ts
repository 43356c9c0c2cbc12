/**
 * Your own code, tested without a provider: `layerTest` where an answer is all it needs, the simulator where prices, refusals and
 * broken connections matter.
 *
 *     npx vitest run examples/test-layers.test.ts
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Redacted, TestClock } from "effect"
import { Ahrefs, SharedState, Target } from "../src/index.js"
import { AhrefsSimulator } from "../src/testing/index.js"

/** The code under test. */
const isStrong = Effect.fn("isStrong")(
  function* (domain: string) {
    const ahrefs = yield* Ahrefs.Ahrefs
    const { domainRating } = yield* ahrefs.getDomainRating(domain)
    return domainRating !== null && domainRating >= 70
  },
  Effect.catchTag("CreditsExhausted", () => Effect.succeed("ask again next month" as const))
)

describe("with layerTest", () => {
  const answering = Ahrefs.layerTest({
    getDomainRating: (input) =>
      Effect.map(Target.make(input), (domain) => ({ domain, domainRating: 71.5, ahrefsRank: 12_000 }))
  })

  it.effect("an answer is all it needs", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* isStrong("example.com"), true)
    }).pipe(Effect.provide(answering))
  )

  it.effect("an error is part of the type", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(isStrong("not a domain"))
      assert.strictEqual(error._tag, "InvalidTarget")
    }).pipe(Effect.provide(answering))
  )

  it.effect("a member that was not given fails loudly", () =>
    Effect.gen(function* () {
      const ahrefs = yield* Ahrefs.Ahrefs
      assert.isTrue(Exit.isFailure(yield* Effect.exit(ahrefs.getReferringDomains("example.com"))))
    }).pipe(Effect.provide(answering))
  )
})

describe("with the simulator", () => {
  const simulated = (options?: AhrefsSimulator.Options) =>
    Ahrefs.layer({ apiKey: Redacted.make("key") }).pipe(
      Layer.provideMerge(AhrefsSimulator.layer(options)),
      Layer.provide(SharedState.layerMemory())
    )

  /** Time stands still in tests: it is moved on until the effect has come to its end. */
  const inNoTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(effect)
      while ((yield* Fiber.status(fiber))._tag !== "Done") yield* TestClock.adjust("1 second")
      return yield* Fiber.join(fiber)
    })

  it.effect("the same facts each time, and what they cost", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      const domains = ["strong.com", "weak.com", "strong.com"]
      const all = Effect.forEach(domains, (domain) => isStrong(domain), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* inNoTime(all), [true, false, true])
      assert.deepStrictEqual(yield* inNoTime(all), [true, false, true])
      assert.strictEqual((yield* simulator.requests).length, 1)
      assert.strictEqual(yield* simulator.unitsBilled, 50)
    }).pipe(
      Effect.provide(simulated({ facts: { "strong.com": { domainRating: 80 }, "weak.com": { domainRating: 3 } } }))
    )
  )

  it.effect("an account without credits", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* inNoTime(isStrong("example.com")), "ask again next month")
    }).pipe(Effect.provide(simulated({ budget: 0 })))
  )

  it.effect("a refusal that was not billed is sent again", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      yield* simulator.arm({ _tag: "Status", status: 503 }, { times: 2 })
      yield* inNoTime(isStrong("example.com"))
      const requests = yield* simulator.requests
      assert.deepStrictEqual(
        requests.map(({ status, unitsBilled }) => [status, unitsBilled]),
        [
          [503, 0],
          [503, 0],
          [200, 50]
        ]
      )
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("an answer that never comes may have been billed, so it is not", () =>
    Effect.gen(function* () {
      const simulator = yield* AhrefsSimulator.AhrefsSimulator
      yield* simulator.arm({ _tag: "Hang" })
      const error = yield* Effect.flip(inNoTime(isStrong("example.com")))
      assert(error._tag === "ProviderUnavailable")
      assert.isTrue(error.mayBeBilled)
      assert.strictEqual((yield* simulator.requests).length, 1)
    }).pipe(Effect.provide(simulated()))
  )
})
