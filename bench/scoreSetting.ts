/** The prospects of the benchmark, and the scorer it runs. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Integrations from "../src/Integrations.js"
import * as ProspectScorer from "../src/ProspectScorer.js"
import * as SharedState from "../src/SharedState.js"
import * as TenantProviders from "../src/TenantProviders.js"

export const tenant = "acme"

/** Distinct sites, made as they are read. */
export function* sites(count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield `prospect-${i}.com`
}

/** Over the Redis and the simulator of Ahrefs at these URLs. */
export const layer = (redis: string, simulator: string) => {
  // The vendor's rate would be all that is measured.
  const metadata = { apiUrl: `${simulator}/v3`, rateLimit: { requests: 1_000_000, per: "1 second" }, concurrency: 100 }
  return ProspectScorer.layer.pipe(
    Layer.provide(TenantProviders.layer()),
    Layer.provide([
      Integrations.layerStatic({ [tenant]: [{ provider: "ahrefs", apiKey: Redacted.make("key"), metadata }] }),
      SharedState.layerRedis({ url: redis, deadline: "5 seconds" }),
      FetchHttpClient.layer
    ])
  )
}
