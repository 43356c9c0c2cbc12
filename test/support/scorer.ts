/** A tenant with simulated providers, and the scorer on top of everything that is real. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Integrations from "../../src/Integrations.js"
import type { Provider } from "../../src/Operation.js"
import * as ProspectScorer from "../../src/ProspectScorer.js"
import * as SharedState from "../../src/SharedState.js"
import * as TenantProviders from "../../src/TenantProviders.js"
import * as AhrefsSimulator from "../../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../../src/testing/SERankingSimulator.js"

const unlimited = { rateLimit: { requests: 100_000, per: "1 second" } }

export interface Tenant {
  /** The metadata of each integration, beside a rate that keeps nobody waiting. */
  readonly providers: { readonly [P in Provider]?: Readonly<Record<string, unknown>> | undefined }
  readonly ahrefs?: AhrefsSimulator.Options | undefined
  readonly seRanking?: SERankingSimulator.Options | undefined
  readonly state?: Layer.Layer<SharedState.SharedState, unknown> | undefined
}

/** The providers' simulators as they stand on the wire, told apart by their hosts. */
export const simulators = ({ ahrefs, seRanking }: Pick<Tenant, "ahrefs" | "seRanking">) =>
  Effect.gen(function* () {
    const one = yield* AhrefsSimulator.make({ rateLimit: false, ...ahrefs })
    const two = yield* SERankingSimulator.make({ rateLimit: false, ...seRanking })
    const client = HttpClient.make((request) => (/ahrefs/.test(request.url) ? one : two).httpClient.execute(request))
    return { ahrefs: one, seRanking: two, client }
  })

/** The scorer of tenant "acme". */
export const make = ({ ahrefs, providers, seRanking, state = SharedState.layerMemory() }: Tenant) =>
  Effect.gen(function* () {
    const { client, ...vendors } = yield* simulators({ ahrefs, seRanking })
    const rows = Object.entries(providers).map(([provider, metadata]): Integrations.Static => ({
      // Safe: the keys are providers.
      provider: provider as Provider,
      apiKey: Redacted.make(`key-of-${provider}`),
      metadata: { ...unlimited, ...metadata }
    }))
    const context = yield* Layer.build(
      ProspectScorer.layer.pipe(
        Layer.provide(TenantProviders.layer()),
        Layer.provide([Integrations.layerStatic({ acme: rows }), state, Layer.succeed(HttpClient.HttpClient, client)]),
        Layer.orDie
      )
    )
    const scorer = yield* Effect.provide(ProspectScorer.ProspectScorer, context)
    return { ...vendors, scorer }
  })

export const sites = (count: number, from = 0): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `site-${from + i}.com`)
