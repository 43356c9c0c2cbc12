// What a user's program compiles against: the packed tarball in an empty project.
import type * as HttpClient from "@effect/platform/HttpClient"
import { Ahrefs, SERanking, SharedState } from "effect-seo-providers"
import type * as AhrefsModule from "effect-seo-providers/Ahrefs"
import { AhrefsSimulator } from "effect-seo-providers/testing"
import { Config, Console, Effect, Layer, Redacted } from "effect"

const program = Effect.gen(function* () {
  const ahrefs = yield* Ahrefs.Ahrefs
  const rating = yield* ahrefs.getDomainRating("example.com")
  const [metrics] = yield* ahrefs.getDomainMetrics(["example.com"], ["domainRating", "orgTraffic"])
  const traffic: number | null | undefined = metrics?.orgTraffic
  // @ts-expect-error a column that was not asked for is not there
  void metrics?.refdomains
  return { rating: rating.domainRating, traffic }
}).pipe(
  Effect.catchTags({
    InvalidKey: (error) => Effect.fail(error.message),
    InvalidTarget: (error) => Effect.fail(error.reason)
  })
)

const layer: Layer.Layer<AhrefsModule.Ahrefs, unknown> = Ahrefs.layer({ apiKey: Redacted.make("key") }).pipe(
  Layer.provide([AhrefsSimulator.layer(), SharedState.layerMemory()])
)
export const fromConfig: Layer.Layer<SERanking.SERanking, unknown, HttpClient.HttpClient | SharedState.SharedState> =
  SERanking.layerConfig({
    apiKey: Config.redacted("SE_RANKING_API_KEY"),
    contract: Config.succeed("platform" as const)
  })

await Effect.runPromise(Effect.flatMap(Effect.provide(program, layer), (answer) => Console.log(JSON.stringify(answer))))
