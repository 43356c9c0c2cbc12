/**
 * An endpoint that the package does not have, as an `Operation` of your own: Ahrefs' Keywords Explorer. It goes the way of all
 * others: kept by keyword, gathered into full calls, held in budgets and booked. Here a stand-in answers in place of Ahrefs.
 *
 *     npx tsx examples/add-endpoint.ts
 */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { Console, Effect, Either, Layer, Redacted, Schema } from "effect"
import { Ahrefs, CreditLedger, Operation, SharedState } from "../src/index.js"

interface Asked {
  readonly keywords: ReadonlyArray<string>
  readonly country: string
}

const Overview = Schema.Struct({
  keyword: Schema.String,
  volume: Schema.NullOr(Schema.Int),
  difficulty: Schema.NullOr(Schema.Int)
})

const decode = Schema.decodeUnknownEither(Schema.Struct({ keywords: Schema.Array(Overview) }))

/** 1 unit for the keyword, 10 for its volume, 10 for its difficulty. */
const units = (rows: number) => Math.max(50, rows * 21)

const keywordOverview: Operation.Operation<Asked, ReadonlyArray<typeof Overview.Type | null>> = {
  name: "getKeywordOverview",
  batchSize: 50,
  request: ({ country, keywords }) => ({
    method: "GET",
    path: "/keywords-explorer/overview",
    query: [
      ["select", Object.keys(Overview.fields).join()],
      ["country", country],
      ["keywords", keywords.join()]
    ]
  }),
  // Rows may come in any order, or not at all: there is a value for each keyword, in the order asked.
  decode: ({ keywords }, json) =>
    Either.map(decode(json), ({ keywords: rows }) => {
      const found = new Map(rows.map((row) => [row.keyword, row]))
      return { value: keywords.map((keyword) => found.get(keyword) ?? null), rows: rows.length }
    }),
  price: ({ keywords }) => ({ unit: "api_units", lower: units(0), upper: units(keywords.length) }),
  charge: (_, rows) => units(rows),
  facts: Operation.rowOfFacts({
    kind: "keywordOverview",
    freshFor: "30 days",
    subjects: ({ keywords }) => keywords,
    params: ({ country }) => ({ country }),
    narrow: (asked, keywords) => ({ ...asked, keywords })
  })
}

const getKeywordOverview = Effect.fn("getKeywordOverview")(function* (keyword: string) {
  const ahrefs = yield* Ahrefs.Ahrefs
  const [overview] = yield* ahrefs.call(keywordOverview, { keywords: [keyword], country: "us" })
  return overview ?? null
})

const keywords = Array.from({ length: 120 }, (_, i) => `keyword ${i}`)

const program = Effect.gen(function* () {
  const ahrefs = yield* Ahrefs.Ahrefs
  const ledger = yield* CreditLedger.CreditLedger
  const plan = yield* ahrefs.planCall(keywordOverview, { keywords, country: "us" })
  yield* Console.log(`${plan.targets} keywords would take ${plan.calls} calls and ${plan.units.upper} ${plan.unit}`)
  for (const run of ["first", "second"]) {
    const found = yield* Effect.forEach(keywords, getKeywordOverview, { concurrency: "unbounded" })
    const easy = found.filter((overview) => overview?.difficulty != null && overview.difficulty < 20)
    yield* Console.log(`${run} run: ${easy.length} of ${found.length} are easy`)
  }
  for (const { calls, operation, saved, spent } of yield* ledger.usage({ provider: "ahrefs", unit: "api_units" })) {
    yield* Console.log(`${operation}: ${spent} units in ${calls} calls, ${saved} saved by the cache`)
  }
})

/** Ahrefs, as far as this endpoint goes. */
const standIn = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make((request, url) => {
    const asked = (url.searchParams.get("keywords") ?? "").split(",")
    const rows = asked.map((keyword, i) => ({ keyword, volume: 1_000 - i, difficulty: i % 100 }))
    const headers = { "x-api-units-cost-total-actual": String(units(rows.length)) }
    return Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ keywords: rows }, { headers })))
  })
)

const layer = Ahrefs.layer({ apiKey: Redacted.make("any-key-will-do-here") }).pipe(
  Layer.provide(standIn),
  Layer.provideMerge(SharedState.layerMemory())
)

Effect.runPromise(Effect.provide(program, layer))
