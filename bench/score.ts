/** What the sample of 1,000 prospects costs, as the simulator bills it. Counts, not times: the same on every machine. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Ahrefs from "../src/Ahrefs.js"
import * as SharedState from "../src/SharedState.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import { agree, BenchError, type Row, type Section } from "./measure.js"

const number = new Intl.NumberFormat("en-US")

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

export const score: Section = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const domains = (yield* files.readFileString("examples/prospects.txt"))
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

  const row = (
    what: string,
    { calls, units }: { readonly calls: number; readonly units: number },
    most?: number
  ): Row => ({
    section: "score",
    what: `${number.format(domains.length)} prospects, ${what}`,
    median: `${number.format(units)} units`,
    spread: "",
    result: `${number.format(calls)} calls`,
    target: most === undefined ? "" : `<= ${number.format(most)} units`,
    isMet: most === undefined ? null : units <= most
  })
  return [
    row("one getDomainRating each", single),
    row("getDomainRatings", batched, 2_100),
    row("getDomainRatings, freeDomainRating", free, 0)
  ]
}).pipe(
  Effect.scoped,
  Effect.provide(NodeFileSystem.layer),
  Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) })))
)
