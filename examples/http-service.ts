/**
 * The scorer as an HTTP service: answers are streamed as they come, a line for each prospect (fewer lines mean that it broke off),
 * errors have statuses, the tenant is named by a header. A client that goes ends the work, and what was paid until then is kept.
 *
 *     npx tsx examples/http-service.ts                              asks itself a few things, and ends
 *     PORT=8080 SERVICE_TOKEN=... npx tsx examples/http-service.ts  stays until a signal; its documentation is at /docs
 */
import {
  FetchHttpClient,
  FileSystem,
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  HttpApiSwagger,
  HttpClient,
  HttpClientRequest,
  HttpClientResponse,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse,
  Ndjson
} from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option, Redacted, Schema, Sink, Stream } from "effect"
import { hash, randomUUID, timingSafeEqual } from "node:crypto"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import {
  Ahrefs,
  CreditLedger,
  Integrations,
  Operation,
  ProspectScorer,
  ProviderError,
  SharedState,
  TenantProviders
} from "../src/index.js"
import { Simulators } from "../src/testing/index.js"

// What it offers.

class Unauthorized extends Schema.TaggedError<Unauthorized>()(
  "Unauthorized",
  { message: Schema.String },
  HttpApiSchema.annotations({ status: 401 })
) {}

class NotJson extends Schema.TaggedError<NotJson>()(
  "NotJson",
  { message: Schema.String },
  HttpApiSchema.annotations({ status: 400 })
) {}

class TooLarge extends Schema.TaggedError<TooLarge>()(
  "TooLarge",
  { message: Schema.String },
  HttpApiSchema.annotations({ status: 413 })
) {}

class Authorization extends HttpApiMiddleware.Tag<Authorization>()("Authorization", {
  failure: Unauthorized,
  security: { token: HttpApiSecurity.bearer }
}) {}

class JsonBody extends HttpApiMiddleware.Tag<JsonBody>()("JsonBody", { failure: Schema.Union(NotJson, TooLarge) }) {}

const OnBehalfOf = Schema.Struct({ "x-tenant": Schema.NonEmptyString })

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const Prospect = Schema.Struct({
  input: Schema.String,
  signals: optional(
    Schema.partial(
      Schema.Record({ key: ProspectScorer.Datum, value: Schema.Union(Schema.Number, Schema.String, Schema.Null) })
    )
  )
})

const Asked = Schema.Struct({
  prospects: Schema.Array(Schema.Union(Schema.String, Prospect)).pipe(Schema.minItems(1), Schema.maxItems(10_000)),
  profile: optional(ProspectScorer.Profile),
  maxUnits: optional(
    Schema.Struct({ ahrefs: optional(Schema.NonNegativeInt), se_ranking: optional(Schema.NonNegativeInt) })
  )
})

const Lines = Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "application/x-ndjson" }))

const Plan = Schema.Struct({
  sites: Schema.Int,
  stages: Schema.Array(
    Schema.Struct({
      stage: Schema.Literal("gate", "signals"),
      provider: Operation.Provider,
      data: Schema.Array(ProspectScorer.Datum),
      cached: Schema.Int,
      calls: Schema.Int,
      unit: Operation.Unit,
      units: Schema.Struct({ lower: Schema.Number, upper: Schema.NullOr(Schema.Number) })
    })
  )
})

const Usage = Schema.Array(
  Schema.Struct({
    day: Schema.String,
    provider: Operation.Provider,
    unit: Operation.Unit,
    operation: Schema.String,
    calls: Schema.Int,
    spent: Schema.Number,
    reserved: Schema.Number,
    saved: Schema.Number
  })
)

const tenants = HttpApiGroup.make("tenants")
  .add(HttpApiEndpoint.post("score", "/score").setHeaders(OnBehalfOf).setPayload(Asked).addSuccess(Lines))
  .add(HttpApiEndpoint.post("plan", "/plan").setHeaders(OnBehalfOf).setPayload(Asked).addSuccess(Plan))
  .addError(ProspectScorer.InvalidProfile, { status: 400 })
  .add(
    HttpApiEndpoint.get("rating", "/ratings/:domain")
      .setPath(Schema.Struct({ domain: Schema.String }))
      .setHeaders(OnBehalfOf)
      .addSuccess(Ahrefs.DomainRating)
      .addError(ProviderError.InvalidTarget, { status: 400 })
      .addError(ProviderError.BudgetExceeded, { status: 402 })
      .addError(ProviderError.CreditsExhausted, { status: 402 })
      .addError(ProviderError.RateLimited, { status: 429 })
      .addError(ProviderError.PriceUnknown, { status: 500 })
      .addError(ProviderError.Unsupported, { status: 501 })
      .addError(ProviderError.InvalidKey, { status: 502 })
      .addError(ProviderError.NoSubscription, { status: 502 })
      .addError(ProviderError.InvalidRequest, { status: 502 })
      .addError(ProviderError.MalformedResponse, { status: 502 })
      .addError(ProviderError.ProviderUnavailable, { status: 503 })
      .addError(ProviderError.CacheUnavailable, { status: 503 })
  )
  .add(HttpApiEndpoint.get("usage", "/usage").setHeaders(OnBehalfOf).addSuccess(Usage))
  .addError(ProviderError.LedgerUnavailable, { status: 503 })
  .addError(Integrations.UnknownTenant, { status: 404 })
  .addError(Integrations.NoIntegration, { status: 409 })
  .addError(Integrations.DuplicateIntegration, { status: 409 })
  .addError(Integrations.InvalidMetadata, { status: 409 })
  .addError(Integrations.UnknownMasterKey, { status: 500 })
  .addError(Integrations.UndecryptableKey, { status: 500 })
  .addError(Integrations.IntegrationsUnavailable, { status: 503 })
  .addError(TenantProviders.TooManyAccounts, { status: 503 })
  .middleware(JsonBody)
  // What is added last is asked first: nobody's body is read before he is known.
  .middleware(Authorization)

const health = HttpApiGroup.make("health", { topLevel: true }).add(HttpApiEndpoint.get("healthz", "/healthz"))

export const Api = HttpApi.make("prospects").add(tenants).add(health)

// How it answers.

const maxBody = 1024 * 1024

const JsonBodyLive = Layer.succeed(
  JsonBody,
  Effect.gen(function* () {
    const { headers, json } = yield* HttpServerRequest.HttpServerRequest
    if (Number(headers["content-length"] ?? 0) > maxBody) {
      return yield* new TooLarge({ message: `The body has more than ${maxBody} bytes.` })
    }
    // The text is kept with the request: it is read once.
    yield* Effect.mapError(json, () => new NotJson({ message: "The body is no JSON." }))
  })
)

const authorization = (expected: Redacted.Redacted) => {
  const digest = (token: Redacted.Redacted) => hash("sha256", Redacted.value(token), "buffer")
  return Layer.succeed(
    Authorization,
    Authorization.of({
      token: (token) =>
        timingSafeEqual(digest(token), digest(expected))
          ? Effect.void
          : new Unauthorized({ message: "A bearer token is needed, and this is none." })
    })
  )
}

const books = [
  { provider: "ahrefs", unit: "api_units" },
  { provider: "se_ranking", unit: "credits" }
] as const

const TenantsLive = HttpApiBuilder.group(Api, "tenants", (handlers) =>
  Effect.gen(function* () {
    const scorer = yield* ProspectScorer.ProspectScorer
    const ledger = yield* CreditLedger.CreditLedger
    return handlers
      .handle("score", ({ headers, payload: { prospects, ...options } }) =>
        Effect.gen(function* () {
          // As many as a full call of Ahrefs: the next are bought when the client has read on.
          const answers = scorer.score(headers["x-tenant"], prospects, { ...options, window: 100 })
          // A status cannot be changed when the first byte has left: what fails does so before it.
          const [first, others] = yield* Stream.peel(answers, Sink.take<ProspectScorer.ScoredProspect>(1))
          const lines = Stream.concat(Stream.fromChunk(first), others).pipe(
            Stream.pipeThroughChannel(Ndjson.packSchema(ProspectScorer.ScoredProspect)())
          )
          return HttpServerResponse.stream(lines, { contentType: "application/x-ndjson" })
        })
      )
      .handle("plan", ({ headers, payload: { prospects, profile } }) =>
        scorer.plan(headers["x-tenant"], prospects, { profile })
      )
      .handle("rating", ({ headers, path }) =>
        // Requests that come together leave as one call.
        Effect.flatMap(Ahrefs.Ahrefs, (ahrefs) => ahrefs.getDomainRating(path.domain)).pipe(
          Effect.provide(TenantProviders.layerAhrefs(headers["x-tenant"]))
        )
      )
      .handle("usage", ({ headers }) =>
        Effect.map(
          Effect.forEach(books, (book) =>
            Effect.map(ledger.usage(book), (rows) => rows.map((row) => ({ ...book, ...row })))
          ),
          (rows) => rows.flat().filter(({ tenant }) => tenant === headers["x-tenant"])
        )
      )
  })
)

const HealthLive = HttpApiBuilder.group(Api, "health", (handlers) => handlers.handle("healthz", () => Effect.void))

/** The service; who knows the token may ask for any tenant. */
export const service = (token: Redacted.Redacted) =>
  // A body that does not tell its length is cut off.
  HttpApiBuilder.serve(HttpServerRequest.withMaxBodySize(Option.some(FileSystem.Size(maxBody)))).pipe(
    Layer.provide(HttpApiSwagger.layer({ path: "/docs" })),
    Layer.provide(HttpApiBuilder.middlewareOpenApi()),
    Layer.provide(HttpApiBuilder.api(Api)),
    Layer.provide([TenantsLive, HealthLive]),
    Layer.provide([authorization(token), JsonBodyLive])
  )

// What it runs on. Yours are `IntegrationsSql.layerConfig`, `SharedState.layerRedisConfig` and `FetchHttpClient.layer`.

const Tenants = Integrations.layerStatic({
  acme: [
    { provider: "ahrefs", apiKey: Redacted.make("any-key-will-do-here") },
    { provider: "se_ranking", apiKey: Redacted.make("any-key-will-do-there") }
  ],
  globex: [{ provider: "ahrefs", apiKey: Redacted.make("another-key"), metadata: { budget: { limit: 40 } } }],
  initech: []
})

const Services = ProspectScorer.layer.pipe(
  Layer.provideMerge(TenantProviders.layer()),
  Layer.provide([Tenants, Simulators.layer()]),
  Layer.provideMerge(SharedState.layerMemory())
)

/** Closed in the order opposite to this: first the server, when those are answered who have asked, then what they need. */
const running = (token: Redacted.Redacted, address: { readonly port: number; readonly host?: string }) =>
  service(token).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, address)), Layer.provideMerge(Services))

const stayUp = (port: number) =>
  Effect.flatMap(Config.redacted("SERVICE_TOKEN"), (token) =>
    Layer.launch(HttpServer.withLogAddress(running(token, { port })))
  )

// What it is like to ask it.

const askItself = (token: Redacted.Redacted) =>
  Effect.gen(function* () {
    const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.mapRequest((request) =>
        request.pipe(HttpClientRequest.prependUrl(baseUrl), HttpClientRequest.bearerToken(token))
      )
    )
    const api = yield* HttpApiClient.makeWith(Api, { httpClient: client })
    const headers = { "x-tenant": "acme" }
    const prospects = Array.from({ length: 250 }, (_, i) => `site-${i}.com`)

    for (const run of ["first", "second"]) {
      const plan = yield* api.tenants.plan({ headers, payload: { prospects } })
      for (const { calls, provider, stage, unit, units } of plan.stages) {
        yield* Console.log(`${stage}: up to ${units.upper} ${unit} of ${provider} in up to ${calls} calls`)
      }
      const request = HttpClientRequest.post("/score", { headers }).pipe(
        HttpClientRequest.bodyUnsafeJson({ prospects })
      )
      const qualified = yield* client.execute(request).pipe(
        HttpClientResponse.stream,
        Stream.pipeThroughChannel(Ndjson.unpackSchema(ProspectScorer.ScoredProspect)()),
        Stream.filter(({ verdict }) => verdict._tag === "Qualified"),
        Stream.runCount
      )
      const usage = yield* api.tenants.usage({ headers })
      const spent = usage.reduce((sum, row) => sum + (row.unit === "api_units" ? row.spent : 0), 0)
      yield* Console.log(`${run} run: ${qualified} of ${prospects.length} qualify; ${spent} api_units spent so far`)
    }

    const status = (tenant: string, path: string) =>
      Effect.map(client.get(path, { headers: { "x-tenant": tenant } }), (response) => response.status)
    for (const [tenant, path] of [
      ["acme", "/ratings/site-3.com"],
      ["acme", "/ratings/localhost"],
      ["globex", "/ratings/site-3.com"],
      ["initech", "/ratings/site-3.com"],
      ["nobody", "/ratings/site-3.com"],
      ["acme", "/docs"]
    ] as const) {
      yield* Console.log(`${path} for ${tenant}: ${yield* status(tenant, path)}`)
    }
  })

const main = Effect.gen(function* () {
  const port = yield* Config.option(Config.port("PORT"))
  if (Option.isSome(port)) return yield* stayUp(port.value)
  const token = Redacted.make(randomUUID())
  yield* Effect.provide(askItself(token), [running(token, { port: 0, host: "127.0.0.1" }), FetchHttpClient.layer])
})

if (process.argv[1] === fileURLToPath(import.meta.url)) NodeRuntime.runMain(main)
