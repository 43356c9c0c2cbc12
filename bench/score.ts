/** What scoring costs in units, how fast the model is alone, and how long a list takes end to end. */
import * as Command from "@effect/platform/Command"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import * as Ahrefs from "../src/Ahrefs.js"
import * as ProspectScorer from "../src/ProspectScorer.js"
import type { Observed, Sheet } from "../src/scoring/data.js"
import * as Model from "../src/scoring/model.js"
import * as SharedState from "../src/SharedState.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import * as World from "../src/testing/world.js"
import { plansOf } from "../test/support/plans.js"
import { start } from "../test/support/redis.js"
import * as Scorer from "../test/support/scorer.js"
import { agree, BenchError, rowsOf, type Section, timesOf } from "./measure.js"
import { printed } from "./process.js"
import { endToEnd } from "./scoreEndToEnd.js"
import { sites } from "./scoreSetting.js"

const row = rowsOf("score")
const whole = (value: number): string => Math.round(value).toLocaleString("en")

const sample = "examples/prospects.txt"

/** What `use` is billed on a simulator of its own, and what it finds. */
const billed = <A, E>(
  options: Omit<Ahrefs.Options, "apiKey">,
  use: (service: Ahrefs.Service) => Effect.Effect<ReadonlyArray<A>, E>
) =>
  Effect.gen(function* () {
    const simulator = yield* AhrefsSimulator.make({ rateLimit: false })
    let charged = 0
    const service = yield* Ahrefs.make({
      ...options,
      batchWait: 0,
      apiKey: Redacted.make("key"),
      onCharge: ({ amount }) =>
        Effect.sync(() => {
          charged += amount ?? Number.NaN // an unknown price agrees with nothing
        })
    }).pipe(Effect.provideService(HttpClient.HttpClient, simulator.httpClient), Effect.provide(SharedState.layerNoop))
    const rows = yield* use(service)
    const units = yield* simulator.unitsBilled
    yield* agree(units === charged, `${units} units billed, ${charged} charged.`)
    return { rows, units, calls: (yield* simulator.requests).length }
  })

const ratings = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const domains = (yield* files.readFileString(sample))
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")

  const single = yield* billed({}, ({ getDomainRating }) => Effect.forEach(domains, getDomainRating))
  const batched = yield* billed({}, ({ getDomainRatings }) => getDomainRatings(domains))
  const free = yield* billed({ freeDomainRating: true }, ({ getDomainRatings }) => getDomainRatings(domains))
  for (const { rows } of [batched, free]) {
    yield* agree(
      rows.every(({ domainRating }, i) => domainRating === single.rows[i]?.domainRating),
      "other ratings."
    )
  }

  const rowOf = (what: string, { calls, units }: { readonly calls: number; readonly units: number }, most?: number) =>
    row(`ratings of the sample of ${whole(domains.length)}, ${what}`, {
      median: `${whole(units)} units`,
      result: `${whole(calls)} calls`,
      ...(most !== undefined && { target: `<= ${whole(most)} units`, isMet: units <= most })
    })
  return [
    rowOf("one getDomainRating each", single),
    rowOf("getDomainRatings", batched, 2_100),
    rowOf("getDomainRatings, freeDomainRating", free, 0)
  ]
}).pipe(Effect.scoped)

const command = fileURLToPath(new URL("../src/cli/main.js", import.meta.url))

/** The command's second run of the same list, in another process. */
const again = (what: string, kept: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const { unitsBilled } = yield* AhrefsSimulator.AhrefsSimulator
    const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
    const run = printed(
      Command.make(process.execPath, command, "score", sample).pipe(
        Command.env({ AHREFS_API_KEY: "key", AHREFS_API_URL: `${url}/v3`, SE_RANKING_API_KEY: "", ...kept })
      )
    )
    yield* run
    const first = yield* unitsBilled
    yield* agree(first > 0, "the first run bought nothing.")
    yield* run
    const second = (yield* unitsBilled) - first
    return row(`npm run score, the sample for the second time, ${what}`, {
      median: `${whole(second)} units`,
      result: `${whole(first)} for the first time`,
      target: "0 units",
      isMet: second === 0
    })
  }).pipe(
    Effect.provide(
      Layer.provideMerge(
        AhrefsSimulator.layerServer({ rateLimit: false }),
        NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })
      )
    )
  )

const secondRuns = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const folder = yield* files.makeTempDirectoryScoped({ prefix: "effect-seo-providers-score-" })
  const redis = yield* start()
  return [
    yield* again("Redis", { REDIS_URL: redis.url }),
    yield* again("the embedded store", { REDIS_URL: "", SEO_CACHE_DIR: folder })
  ]
}).pipe(Effect.scoped)

const funnel = Effect.gen(function* () {
  const prospects = Scorer.sites(1_000)
  const { ahrefs, scorer } = yield* Scorer.make({ providers: { ahrefs: {}, se_ranking: {} } })
  const { summary } = yield* scorer.scoreAll("acme", prospects)
  const { NeedsData, Qualified, Rejected, Review } = summary.verdicts
  yield* agree(Qualified + Rejected + Review + NeedsData === prospects.length, "not every prospect has an answer.")
  const units = yield* ahrefs.unitsBilled
  const calls = (yield* ahrefs.requests).length
  const { best, passed } = plansOf(prospects, ProspectScorer.standard)
  const share = (passed / prospects.length) * 100
  const ratio = units / best
  return [
    row(`${whole(prospects.length)} prospects, both providers, ${share.toFixed(0)} % pass the gate: Ahrefs`, {
      median: `${whole(units)} units`,
      result: `${whole(calls)} calls; three calls for each: 150,000 units`
    }),
    row(`the same over the best plan made in advance, ${whole(best)} units`, {
      median: `${ratio.toFixed(3)} x`,
      target: "<= 1.05 x",
      isMet: ratio <= 1.05
    })
  ]
}).pipe(Effect.scoped)

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

/** As a run has them: all rated, and of those that pass the gate everything is known. */
const sheets = (): ReadonlyArray<readonly [target: string, sheet: Sheet]> => {
  const world = World.make({ seed: 1, facts: {} })
  return Array.from(sites(batch), (target) => {
    const { facts } = world(target)
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
}

const pure = Effect.gen(function* () {
  const assess = Model.make(ProspectScorer.standard)
  const given = sheets()
  const speeds: Array<number> = []
  for (let round = -2; round < rounds; round++) {
    const began = performance.now()
    let qualified = 0
    for (const [target, sheet] of given) if (assess(sheet, target).verdict._tag === "Qualified") qualified++
    const speed = batch / ((performance.now() - began) / 1_000)
    yield* agree(qualified > 0 && qualified < batch, "all prospects have one verdict.")
    if (round >= 0) speeds.push(speed)
  }
  const { max, median, min } = timesOf(speeds)
  return [
    row("the model alone", {
      median: `${whole(median)} a second`,
      spread: `${whole(min)} - ${whole(max)}`,
      target: ">= 200,000 a second",
      isMet: median >= 200_000
    })
  ]
})

// The model first: alone means that nothing has run its code with other data before.
export const score: Section = Effect.all([pure, ratings, secondRuns, funnel, endToEnd]).pipe(
  Effect.map((all) => all.flat()),
  Effect.provide(NodeContext.layer),
  Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) })))
)
