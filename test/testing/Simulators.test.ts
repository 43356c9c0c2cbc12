import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Ahrefs from "../../src/Ahrefs.js"
import * as Majestic from "../../src/Majestic.js"
import * as SERanking from "../../src/SERanking.js"
import * as SharedState from "../../src/SharedState.js"
import * as Simulators from "../../src/testing/Simulators.js"

const apiKey = Redacted.make("key")

const services = Layer.mergeAll(
  Ahrefs.layer({ apiKey, batchWait: 0 }),
  SERanking.layer({ apiKey, batchWait: 0 }),
  Majestic.layer({ apiKey, batchWait: 0 })
).pipe(
  Layer.provideMerge(Simulators.layer({ all: { seed: 2 }, ahrefs: { keys: ["other"] } })),
  Layer.provide(SharedState.layerMemory())
)

describe("Simulators", () => {
  it.effect("each provider is asked at its own host", () =>
    Effect.gen(function* () {
      const { ahrefs, majestic, seRanking } = yield* Simulators.Simulators
      const error = yield* Effect.flatMap(Ahrefs.Ahrefs, ({ getDomainRating }) =>
        Effect.flip(getDomainRating("example.com"))
      )
      assert.strictEqual(error._tag, "InvalidKey")
      yield* Effect.flatMap(SERanking.SERanking, ({ getBacklinksSummary }) => getBacklinksSummary("example.com"))
      yield* Effect.flatMap(Majestic.Majestic, ({ getFlowMetrics }) => getFlowMetrics("example.com"))
      assert.strictEqual((yield* majestic.requests).length, 1)
      assert.strictEqual((yield* ahrefs.requests).length, 1)
      assert.strictEqual((yield* seRanking.requests).length, 1)
    }).pipe(Effect.provide(services))
  )

  it.effect.each(["https://example.com/", "https://ahrefs.com.example.org/", "https://notahrefs.com/"])(
    "%s is nobody's",
    (url) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.flatMap(HttpClient.HttpClient, (client) => client.get(url)))
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      }).pipe(Effect.provide(Simulators.layer()))
  )
})
