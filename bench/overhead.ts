/** What a call through the whole service costs over the same request on the bare `HttpClient`, both on a stub. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Ahrefs from "../src/Ahrefs.js"
import * as SharedState from "../src/SharedState.js"
import { agree, BenchError, medianOf, pairwise, race, type Row, type Section, timesOf } from "./measure.js"

/** Few enough for a round to fit between two disturbances. */
const calls = 500
const body = JSON.stringify({ metrics: { live_refdomains: 640 } })
const headers = { "content-type": "application/json", "x-api-units-cost-total-actual": "50" }

const stub = HttpClient.make((request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, { status: 200, headers })))
)

const request = HttpClientRequest.get("https://api.ahrefs.com/v3/site-explorer/backlinks-stats", {
  urlParams: { target: "example.com", date: "2026-10-01", output: "json" },
  headers: { authorization: "Bearer key", accept: "application/json", "user-agent": "bench" }
})

const bare = stub.execute(request).pipe(
  Effect.flatMap((response) => response.text),
  Effect.map((text): unknown => JSON.parse(text))
)

/** One fiber, one call after the other. */
const repeated = <E>(call: Effect.Effect<unknown, E>): Effect.Effect<void, E> =>
  Effect.suspend(() => {
    let left = calls
    return Effect.whileLoop({ while: () => left > 0, body: () => call, step: () => void left-- })
  })

const micros = (millis: ReadonlyArray<number>) => {
  const { max, median, min } = timesOf(millis.map((time) => (time / calls) * 1000))
  return { median: `${median.toFixed(1)} us`, spread: `${min.toFixed(1)} - ${max.toFixed(1)} us` }
}

export const overhead: Section = Effect.gen(function* () {
  const service = yield* Ahrefs.make({ apiKey: Redacted.make("key"), batchWait: 0 }).pipe(
    Effect.provide(SharedState.layerNoop)
  )
  const ours = service.getReferringDomains("example.com")
  const sent = yield* bare
  const liveRefdomains = yield* ours
  yield* agree(
    JSON.stringify(sent) === JSON.stringify({ metrics: { live_refdomains: liveRefdomains } }),
    "another figure."
  )

  const untraced = Effect.withTracerEnabled(false)
  const times = yield* race(
    {
      bare: repeated(bare),
      ours: repeated(ours),
      bareUntraced: untraced(repeated(bare)),
      oursUntraced: untraced(repeated(ours))
    },
    { warmUp: 30, rounds: 201 }
  )
  const rows = (bare: ReadonlyArray<number>, ours: ReadonlyArray<number>, spans: string): ReadonlyArray<Row> => {
    const extra = medianOf(pairwise(ours, bare, (ours, bare) => ((ours - bare) / calls) * 1000))
    const isTarget = spans === ""
    return [
      {
        section: "overhead",
        what: `one call of the bare HttpClient${spans}`,
        ...micros(bare),
        result: "",
        target: "",
        isMet: null
      },
      {
        section: "overhead",
        what: `one Ahrefs.getReferringDomains${spans}`,
        ...micros(ours),
        result: `+${extra.toFixed(1)} us a call`,
        target: isTarget ? "<= +25 us" : "",
        isMet: isTarget ? extra <= 25 : null
      }
    ]
  }
  return [...rows(times.bare, times.ours, ""), ...rows(times.bareUntraced, times.oursUntraced, ", no spans")]
}).pipe(
  Effect.scoped,
  Effect.provideService(HttpClient.HttpClient, stub),
  Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) })))
)
