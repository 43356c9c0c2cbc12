/** The prospects of the benchmark, and the scorer it runs. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Integrations from "../src/Integrations.js"
import * as ProspectScorer from "../src/ProspectScorer.js"
import * as SharedState from "../src/SharedState.js"
import * as TenantProviders from "../src/TenantProviders.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"

export const tenant = "acme"

/** Distinct sites, made as they are read. */
export function* sites(count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield `prospect-${i}.com`
}

// The vendor's rate would be all that is measured.
const metadata = { rateLimit: { requests: 1_000_000, per: "1 second" }, concurrency: 100 }

/** Over the simulator, all of it in this process but Redis. */
export const layer = (url: string) =>
  ProspectScorer.layer.pipe(
    Layer.provide(TenantProviders.layer()),
    Layer.provide([
      Integrations.layerStatic({ [tenant]: [{ provider: "ahrefs", apiKey: Redacted.make("key"), metadata }] }),
      SharedState.layerRedis({ url, deadline: "5 seconds" }),
      Layer.effect(
        HttpClient.HttpClient,
        Effect.map(AhrefsSimulator.make({ rateLimit: false }), ({ httpClient }) => httpClient)
      )
    ])
  )
