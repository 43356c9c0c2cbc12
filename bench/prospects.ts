/** What scoring costs in units, how fast the model is alone, and how fast it goes end to end where everything is known. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Integrations from "../src/Integrations.js"
import * as ProspectScorer from "../src/ProspectScorer.js"
import type { Observed, Sheet } from "../src/scoring/data.js"
import * as Model from "../src/scoring/model.js"
import * as SharedState from "../src/SharedState.js"
import * as TenantProviders from "../src/TenantProviders.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import * as World from "../src/testing/world.js"
import { start } from "../test/support/redis.js"
import { agree, BenchError, rowsOf, type Section, timesOf } from "./measure.js"
import { node } from "./process.js"
import { sites, tenant } from "./prospectsSetting.js"

const row = rowsOf("prospects")
const whole = (value: number): string => Math.round(value).toLocaleString("en")

const rounds = 9
const batch = 20_000

const observed = (value: number): Observed => ({
  value,
  source: "ahrefs",
  operation: "getDomainMetrics",
  observedAt: 0,
  cache: "fresh",
  cost: null
})

/** Sheets as a run has them: all rated, and of those that pass the gate everything is known. */
const sheets: ReadonlyArray<readonly [target: string, sheet: Sheet]> = Array.from(sites(batch), (target) => {
  const { facts } = World.make({ seed: 1, facts: {} })(target)
  const rated = { domainRating: observed(facts.domainRating) }
  const isIn = facts.domainRating >= 30 && facts.domainRating < 90
  const known: Sheet["known"] = isIn
    ? {
        ...rated,
        organicTraffic: observed(facts.orgTraffic),
        referringDomains: observed(facts.refdomains),
        dofollowReferringDomains: observed(facts.refdomainsDofollow),
        trustFlow: observed(facts.trustFlow),
        citationFlow: observed(facts.citationFlow)
      }
    : rated
  return [target, { known, missing: {} }]
})

const pure = Effect.gen(function* () {
  const assess = Model.make(ProspectScorer.standard)
  const speeds: Array<number> = []
  for (let round = -2; round < rounds; round++) {
    const began = performance.now()
    let qualified = 0
    for (const [target, sheet] of sheets) if (assess(sheet, target).verdict._tag === "Qualified") qualified++
    const speed = batch / ((performance.now() - began) / 1_000)
    yield* agree(qualified > 0 && qualified < batch, "all prospects have one verdict.")
    if (round >= 0) speeds.push(speed)
  }
  const { max, median, min } = timesOf(speeds)
  return row("the model alone", {
    median: `${whole(median)} a second`,
    spread: `${whole(min)} - ${whole(max)}`,
    target: ">= 200,000 a second",
    isMet: median >= 200_000
  })
})

const economy = Effect.gen(function* () {
  const count = 1_000
  const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
  const metadata = { rateLimit: { requests: 100_000, per: "1 second" } }
  const { summary } = yield* Effect.flatMap(ProspectScorer.ProspectScorer, ({ scoreAll }) =>
    scoreAll(tenant, Array.from(sites(count)))
  ).pipe(
    Effect.provide(ProspectScorer.layer),
    Effect.provide(TenantProviders.layer()),
    Effect.provide(
      Layer.mergeAll(
        Integrations.layerStatic({ [tenant]: [{ provider: "ahrefs", apiKey: Redacted.make("key"), metadata }] }),
        SharedState.layerMemory(),
        Layer.succeed(HttpClient.HttpClient, simulator.httpClient)
      )
    )
  )
  const units = yield* simulator.unitsBilled
  const { NeedsData, Qualified, Rejected, Review } = summary.verdicts
  yield* agree(Qualified + Rejected + Review + NeedsData === count, "not every prospect has an answer.")
  return row(`${whole(count)} prospects, ${whole(Qualified + Review + NeedsData)} of which pass the gate`, {
    median: `${whole(units)} units`,
    result: `${whole((yield* simulator.requests).length)} calls; three calls for each: 150,000 units`
  })
}).pipe(Effect.scoped)

const Report = Schema.parseJson(
  Schema.Struct({
    verdicts: Schema.Record({ key: Schema.String, value: Schema.Number }),
    bought: Schema.Number,
    millis: Schema.Number,
    cpuMillis: Schema.Number,
    peakKiB: Schema.Number
  })
)

const child = fileURLToPath(new URL("./prospectsChild.js", import.meta.url))

const warm = Effect.gen(function* () {
  const count = 100_000
  const server = yield* start()
  const run = (...flags: ReadonlyArray<string>) =>
    Effect.flatMap(node(...flags, child, server.url, String(count)), Schema.decodeUnknown(Report))
  const cold = yield* run()
  const measured = (what: string, ...flags: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const runs = yield* Effect.replicateEffect(run(...flags), 3)
      for (const { bought, verdicts } of runs) {
        yield* agree(bought === 0, "something was bought twice.")
        yield* agree(JSON.stringify(verdicts) === JSON.stringify(cold.verdicts), "other verdicts.")
      }
      const speed = timesOf(runs.map(({ millis }) => count / (millis / 1_000)))
      const peak = timesOf(runs.map(({ peakKiB }) => (peakKiB * 1024) / 1e6))
      return [
        row(`${whole(count)} prospects, all known in Redis${what}`, {
          median: `${whole(speed.median)} a second`,
          spread: `${whole(speed.min)} - ${whole(speed.max)}`,
          target: ">= 20,000 a second",
          isMet: speed.median >= 20_000
        }),
        row(`the same: peak RSS${what}`, {
          median: `${peak.median.toFixed(0)} MB`,
          spread: `${peak.min.toFixed(0)} - ${peak.max.toFixed(0)} MB`,
          target: "<= 300 MB",
          isMet: peak.max <= 300
        })
      ]
    })
  return [
    row(`${whole(count)} prospects, nothing known, simulator in the process`, {
      median: `${whole(count / (cold.millis / 1_000))} a second`,
      result: `${whole(cold.bought)} units`
    }),
    ...(yield* measured("")),
    ...(yield* measured(", --max-old-space-size=160", "--max-old-space-size=160"))
  ]
}).pipe(Effect.scoped)

export const prospects: Section = Effect.all([Effect.map(pure, Chunk.of), Effect.map(economy, Chunk.of), warm]).pipe(
  Effect.map((all) => all.flatMap((rows) => Array.from(rows))),
  Effect.provide(NodeContext.layer),
  Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) })))
)
