/**
 * Prospects of a tenant with both providers: planned, scored with a limit, explained, with Trust Flow and Citation Flow from a
 * list.
 *
 *     npx tsx examples/score-prospects.ts
 */
import { Clock, Console, Effect, Layer, Redacted } from "effect"
import { Integrations, ProspectScorer, SharedState, TenantProviders } from "../src/index.js"
import { Simulators } from "../src/testing/index.js"

const prospects: ReadonlyArray<ProspectScorer.Input> = [
  ...Array.from({ length: 40 }, (_, i) => `site-${i}.com`),
  "https://WWW.site-3.com/blog",
  "medium.com/@somebody",
  "not a domain",
  { input: "site-65.com", signals: { trustFlow: "31", citationFlow: 34 } }
]

const program = Effect.gen(function* () {
  const scorer = yield* ProspectScorer.ProspectScorer
  const plan = yield* scorer.plan("acme", prospects)
  for (const { calls, data, provider, stage, unit, units } of plan.stages) {
    yield* Console.log(
      `${stage}: ${data.join(", ")} of ${provider}: ${units.lower} to ${units.upper} ${unit}, up to ${calls} calls`
    )
  }
  const { prospects: scored, summary } = yield* scorer.scoreAll("acme", prospects, { maxUnits: { ahrefs: 500 } })
  const now = yield* Clock.currentTimeMillis
  for (const one of scored.slice(-8)) {
    yield* Console.log(`${one.input}: ${ProspectScorer.explain(one, now)}`)
  }
  yield* Console.log(JSON.stringify(summary.verdicts), JSON.stringify(summary.reasons))
  for (const { provider, saved, spent, unit } of summary.spent) {
    yield* Console.log(`${provider}: ${spent} ${unit} spent, ${saved} saved`)
  }
})

const tenants = Integrations.layerStatic({
  acme: [
    { provider: "ahrefs", apiKey: Redacted.make("any-key-will-do-here") },
    { provider: "se_ranking", apiKey: Redacted.make("any-key-will-do-there"), metadata: { budget: { limit: 10_000 } } }
  ]
})

const layer = ProspectScorer.layer.pipe(
  Layer.provide(TenantProviders.layer()),
  Layer.provide([tenants, Simulators.layer(), SharedState.layerMemory()])
)

Effect.runPromise(Effect.provide(program, layer))
