/**
 * Against the real providers, with real keys and nothing to pay: AHREFS_API_KEY asks Ahrefs' own free test domain,
 * SE_RANKING_API_KEY the free account call. Prints what was spent. Not part of CI.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { Ahrefs, SERanking, SharedState } from "../../src/index.js"
import type { Charge } from "../../src/Operation.js"

class LiveTestFailed extends Data.TaggedError("LiveTestFailed")<{ readonly message: string }> {}

const must = (holds: boolean, message: string) => (holds ? Effect.void : new LiveTestFailed({ message }))

const metered = Effect.map(Ref.make<ReadonlyArray<Charge>>([]), (charges) => ({
  charges: Ref.get(charges),
  onCharge: (charge: Charge) => Ref.update(charges, (all) => [...all, charge])
}))

const report = (charges: ReadonlyArray<Charge>) =>
  Effect.forEach(
    charges,
    ({ amount, operation, provider, unit }) => Console.log(`${provider} ${operation}: ${amount ?? "unknown"} ${unit}`),
    { discard: true }
  )

const ahrefs = (apiKey: Redacted.Redacted) =>
  Effect.gen(function* () {
    const { charges, onCharge } = yield* metered
    const service = yield* Ahrefs.make({ apiKey, onCharge }).pipe(Effect.provide(SharedState.layerNoop))
    const usage = yield* service.verify
    yield* Console.log(`ahrefs: ${usage.plan ?? "unknown plan"}, ${usage.left ?? "unknown"} units left`)
    const { domainRating } = yield* service.getDomainRating("ahrefs.com")
    yield* must(domainRating !== null && domainRating >= 90, `ahrefs.com has a rating of ${domainRating}`)
    const backlinks = yield* service.getBacklinks("ahrefs.com", 10)
    yield* must(backlinks.length > 0, "ahrefs.com has no backlinks")
    const spent = yield* charges
    yield* report(spent)
    yield* must(
      spent.every(({ amount }) => amount === 0),
      "the free test domain was charged"
    )
  })

const seRanking = (apiKey: Redacted.Redacted) =>
  Effect.gen(function* () {
    const { charges, onCharge } = yield* metered
    const service = yield* SERanking.make({ apiKey, onCharge }).pipe(Effect.provide(SharedState.layerNoop))
    const usage = yield* service.verify
    yield* Console.log(`se_ranking: ${usage.left ?? "unknown"} of ${usage.limit ?? "unknown"} credits left`)
    yield* report(yield* charges)
  })

const key = (name: string) =>
  Effect.map(
    Config.option(Config.redacted(name)),
    Option.filter((value) => Redacted.value(value) !== "")
  )

const main = Effect.gen(function* () {
  const keys = { ahrefs: yield* key("AHREFS_API_KEY"), seRanking: yield* key("SE_RANKING_API_KEY") }
  yield* must(Option.isSome(keys.ahrefs) || Option.isSome(keys.seRanking), "set AHREFS_API_KEY or SE_RANKING_API_KEY")
  if (Option.isSome(keys.ahrefs)) yield* ahrefs(keys.ahrefs.value)
  if (Option.isSome(keys.seRanking)) yield* seRanking(keys.seRanking.value)
})

NodeRuntime.runMain(
  Effect.scoped(main).pipe(
    Effect.provide(FetchHttpClient.layer),
    Effect.tapError((error) => Console.error("_tag" in error ? `${error._tag}: ${error.message}` : String(error)))
  ),
  { disableErrorReporting: true }
)
