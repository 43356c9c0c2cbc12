/**
 * Reads this many raw backlinks from the simulator and prints the peak memory, as a stream of ours or the same pages on the
 * bare `HttpClient`. A process of its own: the peak never goes down, and with 0 rows it is what the imports alone take.
 *
 *     node streamChild.js ROWS [bare]
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SERanking from "../src/SERanking.js"
import * as SharedState from "../src/SharedState.js"
import * as SERankingSimulator from "../src/testing/SERankingSimulator.js"

const pageSize = 10_000
const asked = Number(process.argv[2] ?? 0)

const isBare = process.argv[3] === "bare"

const Page = Schema.Struct({ backlinks: Schema.Array(Schema.Unknown), next: Schema.NullOr(Schema.String) })
const isPage = Schema.is(Page)

/** What no client can save: the simulator, the text of a page, its JSON. */
const bareCount = (client: HttpClient.HttpClient) =>
  Effect.gen(function* () {
    let rows = 0
    let next: string | null = ""
    while (next !== null) {
      const response = yield* client.get("https://api.seranking.com/v1/backlinks/raw", {
        headers: { authorization: "Token key" },
        urlParams: { target: "example.com", limit: String(pageSize), ...(next === "" ? {} : { next }) }
      })
      const page: unknown = JSON.parse(yield* response.text)
      if (!isPage(page)) return rows
      rows += page.backlinks.length
      next = page.next
    }
    return rows
  })

const ourCount = (client: HttpClient.HttpClient) =>
  Effect.gen(function* () {
    const service = yield* SERanking.make({ apiKey: Redacted.make("key") }).pipe(Effect.provide(SharedState.layerNoop))
    return yield* Stream.runCount(service.getBacklinksStream({ domain: "example.com", pageSize }))
  }).pipe(Effect.provideService(HttpClient.HttpClient, client))

const program = Effect.gen(function* () {
  const { httpClient } = yield* SERankingSimulator.make({
    rateLimit: false,
    facts: { "example.com": { backlinks: asked, refdomains: 50_000 } }
  })
  const start = performance.now()
  const rows = asked === 0 ? 0 : yield* isBare ? bareCount(httpClient) : ourCount(httpClient)
  const millis = performance.now() - start
  const { maxRSS } = process.resourceUsage()
  yield* Console.log(JSON.stringify({ rows, millis, peakKiB: maxRSS }))
})

Effect.runPromise(Effect.scoped(program))
