/** A tenant with simulated providers, and the scorer on top of everything that is real. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Integrations from "../../src/Integrations.js"
import type { Provider } from "../../src/Operation.js"
import * as ProspectScorer from "../../src/ProspectScorer.js"
import * as SharedState from "../../src/SharedState.js"
import * as TenantProviders from "../../src/TenantProviders.js"
import * as Simulators from "../../src/testing/Simulators.js"

const unlimited = { rateLimit: { requests: 100_000, per: "1 second" } }

export interface Tenant extends Omit<Simulators.Options, "all"> {
  /** The metadata of each integration, beside a rate that keeps nobody waiting. */
  readonly providers: { readonly [P in Provider]?: Readonly<Record<string, unknown>> | undefined }
  readonly state?: Layer.Layer<SharedState.SharedState, unknown> | undefined
  /** Other tenants, beside "acme". */
  readonly others?: Readonly<Record<string, ReadonlyArray<Integrations.Static>>> | undefined
  /** Sites that the providers call a wrong request. */
  readonly refused?: ReadonlyArray<string> | undefined
}

/** The providers' simulators as they stand on the wire, told apart by their hosts. */
export const simulators = ({ refused = [], ...options }: Pick<Tenant, "refused"> & Simulators.Options) =>
  Effect.gen(function* () {
    const { httpClient, ...vendors } = yield* Simulators.make({ all: { rateLimit: false }, ...options })
    const isRefused = ({ body, url }: HttpClientRequest.HttpClientRequest) => {
      const text = url + (body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "")
      return refused.some((site) => text.includes(site))
    }
    const counts = { refused: 0 }
    const client = HttpClient.make((request) => {
      if (!isRefused(request)) return httpClient.execute(request)
      counts.refused++
      return Effect.succeed(
        HttpClientResponse.fromWeb(request, Response.json({ error: "bad target" }, { status: 400 }))
      )
    })
    return { ...vendors, client, counts }
  })

/** The scorer of tenant "acme". */
export const make = ({ others, providers, state = SharedState.layerMemory(), ...options }: Tenant) =>
  Effect.gen(function* () {
    const { client, ...vendors } = yield* simulators(options)
    const rows = Object.entries(providers).map(([provider, metadata]): Integrations.Static => ({
      // Safe: the keys are providers.
      provider: provider as Provider,
      apiKey: Redacted.make(`key-of-${provider}`),
      metadata: { ...unlimited, ...metadata }
    }))
    const context = yield* Layer.build(
      ProspectScorer.layer.pipe(
        Layer.provide(TenantProviders.layer()),
        Layer.provideMerge(Integrations.layerStatic({ ...others, acme: rows })),
        Layer.provide([state, Layer.succeed(HttpClient.HttpClient, client)]),
        Layer.orDie
      )
    )
    const scorer = yield* Effect.provide(ProspectScorer.ProspectScorer, context)
    const integrations = yield* Effect.provide(Integrations.Integrations, context)
    return { ...vendors, scorer, integrations }
  })

export const sites = (count: number, from = 0): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `site-${from + i}.com`)
