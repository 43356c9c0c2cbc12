/** The service that an integration's row stands for. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Ahrefs from "../Ahrefs.js"
import { platform as ahrefsPlatform } from "../ahrefs/platform.js"
import { vendor as ahrefsVendor } from "../ahrefs/vendor.js"
import * as Majestic from "../Majestic.js"
import { vendor as majesticVendor } from "../majestic/vendor.js"
import type { ContractName, Provider, Wire } from "../Operation.js"
import type { WireError } from "../ProviderError.js"
import * as SERanking from "../SERanking.js"
import { platform as seRankingPlatform } from "../seranking/platform.js"
import { vendor as seRankingVendor } from "../seranking/vendor.js"
import type { SharedState } from "../SharedState.js"
import type { Usage } from "../Usage.js"

export type Opened =
  | { readonly provider: "ahrefs"; readonly service: Ahrefs.Service }
  | { readonly provider: "se_ranking"; readonly service: SERanking.Service }
  | { readonly provider: "majestic"; readonly service: Majestic.Service }

/** The contracts of each provider: its own, and perhaps the platform's. */
const wires: { readonly [P in Provider]: { readonly vendor: Wire; readonly platform?: Wire } } = {
  ahrefs: { vendor: ahrefsVendor, platform: ahrefsPlatform },
  majestic: { vendor: majesticVendor },
  se_ranking: { vendor: seRankingVendor, platform: seRankingPlatform }
}

export const hasContract = (provider: Provider, contract: ContractName): boolean =>
  wires[provider][contract] !== undefined

type Settings = Pick<
  Ahrefs.Options,
  | "apiUrl"
  | "batchWait"
  | "cacheScope"
  | "concurrency"
  | "contract"
  | "freeDomainRating"
  | "maxWait"
  | "rateLimit"
  | "timeout"
>

/** What of a row decides which service it is. */
interface Row {
  readonly provider: Provider
  readonly apiKey: Redacted.Redacted
  readonly metadata: Settings
}

/** What the integration's contract bills in. A contract that the provider does not have was refused with the metadata. */
export const wireOf = ({ metadata, provider }: Pick<Row, "metadata" | "provider">): Wire =>
  wires[provider][metadata.contract ?? "vendor"] ?? wires[provider].vendor

export const open = ({
  apiKey,
  metadata: { apiUrl, batchWait, cacheScope, concurrency, contract, freeDomainRating, maxWait, rateLimit, timeout },
  provider
}: Row): Effect.Effect<Opened, never, HttpClient.HttpClient | SharedState | Scope.Scope> => {
  const options = { apiKey, apiUrl, batchWait, cacheScope, concurrency, contract, maxWait, rateLimit, timeout }
  switch (provider) {
    case "ahrefs":
      return Effect.map(Ahrefs.make({ ...options, freeDomainRating }), (service) => ({ provider, service }))
    case "se_ranking":
      return Effect.map(SERanking.make(options), (service) => ({ provider, service }))
    case "majestic":
      return Effect.map(Majestic.make(options), (service) => ({ provider, service }))
  }
}

/** The usage of the account behind a key that works. Free. */
export const verified = (row: Row): Effect.Effect<Usage, WireError, HttpClient.HttpClient | SharedState> =>
  Effect.scoped(Effect.flatMap(open(row), ({ service }) => service.verify))
