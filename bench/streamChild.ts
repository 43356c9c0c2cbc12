/**
 * Reads all raw backlinks of the simulator at this URL and prints the peak memory, as a stream of ours or the same pages on the
 * bare `HttpClient`. A process of its own: the peak never goes down, and without a URL it is what the imports alone take.
 *
 *     node streamChild.js URL [bare]
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SERanking from "../src/SERanking.js"
import * as SharedState from "../src/SharedState.js"

const pageSize = 10_000
const [url = "", kind = ""] = process.argv.slice(2)

const Page = Schema.Struct({ backlinks: Schema.Array(Schema.Unknown), next: Schema.NullOr(Schema.String) })
const isPage = Schema.is(Page)

/** What no client can save: the text of a page, its JSON. */
const bareCount = Effect.gen(function* () {
  const client = yield* HttpClient.HttpClient
  let rows = 0
  let next: string | null = ""
  while (next !== null) {
    const response = yield* client.get(`${url}/v1/backlinks/raw`, {
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

const ourCount = Effect.gen(function* () {
  const service = yield* SERanking.make({ apiKey: Redacted.make("key"), apiUrl: `${url}/v1` })
  return yield* Stream.runCount(service.getBacklinksStream({ domain: "example.com", pageSize }))
}).pipe(Effect.provide(SharedState.layerNoop))

const program = Effect.gen(function* () {
  const start = performance.now()
  const rows = url === "" ? 0 : yield* kind === "bare" ? bareCount : ourCount
  const millis = performance.now() - start
  const { maxRSS } = process.resourceUsage()
  yield* Console.log(JSON.stringify({ rows, millis, peakKiB: maxRSS }))
})

Effect.runPromise(Effect.provide(Effect.scoped(program), FetchHttpClient.layer))
