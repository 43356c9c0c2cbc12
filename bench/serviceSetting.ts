/** A minute of a service that rates the domains its tenants ask for, the same for everybody. */
import * as Schema from "effect/Schema"
import { random } from "../test/support/random.js"
import { zipf } from "./zipf.js"

export const processes = 4
export const tenants = 50
export const perSecond = 200
export const seconds = 60
/** A request asks for 1 to so many domains. */
const largest = 20
/** How long the provider takes. */
export const upstreamMillis = 50
/** Facts outlive the day that the minute stands for. */
export const dayMillis = 86_400_000

/**
 * Ours gathers what its callers ask for in the same tenth of a second, or as it does by itself. No rate is limited: a day goes by in
 * a minute, and whoever caches nothing would be refused nearly all of it.
 */
export const ours = "effect-seo-providers, batchWait 100 ms"
export const oursDefault = "effect-seo-providers, batchWait 10 ms (default)"
const unlimited = { requests: 1_000_000, per: "1 second" }
export const settings = {
  [ours]: { rateLimit: unlimited, batchWait: 100 },
  [oursDefault]: { rateLimit: unlimited }
}

/** The platform's: all tenants are on its one account. */
export const apiKey = "platform"
export const path = "/batch-analysis/batch-analysis"

/** What the provider says of a domain: nobody has to ask it what is right. */
export const ratingOf = (domain: string): number => {
  let hash = 0
  for (let i = 0; i < domain.length; i++) hash = (Math.imul(hash, 31) + domain.charCodeAt(i)) | 0
  return ((hash >>> 0) % 1_000) / 10
}

export interface Request {
  /** Milliseconds from the start. */
  readonly at: number
  readonly tenant: string
  readonly domains: ReadonlyArray<string>
}

/** Arrivals as independent visitors make them. */
const drawn = (seed: number, seconds: number, domainOf: (next: () => number) => () => string) => {
  const next = random(seed)
  const draw = domainOf(next)
  const count = perSecond * seconds
  const gaps = Array.from({ length: count }, () => -Math.log(1 - next()))
  const scale = (seconds * 1_000) / gaps.reduce((sum, gap) => sum + gap, 0)
  let at = 0
  return gaps.map((gap): Request => {
    at += gap * scale
    const size = 1 + Math.floor(next() * largest)
    const domains = new Set<string>()
    while (domains.size < size) domains.add(draw())
    return { at, tenant: `tenant-${Math.floor(next() * tenants)}`, domains: Array.from(domains) }
  })
}

/** The look-ups of a day, in a minute. */
export const day = (): ReadonlyArray<Request> => drawn(20_261_122, seconds, zipf)

/** Other domains, at the same pace; some are asked for again. */
export const warmUp = (): ReadonlyArray<Request> =>
  drawn(1, 4, (next) => () => `warm-up-${Math.floor(next() ** 2 * 10_000)}.com`)

/** What one of the processes is asked. */
export const partOf = (requests: ReadonlyArray<Request>, number: number): ReadonlyArray<Request> =>
  requests.filter((_, i) => i % processes === number)

/** What the provider billed. */
export const Billed = Schema.Struct({ calls: Schema.Number, units: Schema.Number, domains: Schema.Number })

export interface Billed extends Schema.Schema.Type<typeof Billed> {}

/** Milliseconds from when each request was due to its answer, and processor time. */
export const Report = Schema.Struct({ waits: Schema.Array(Schema.Number), cpuMillis: Schema.Number })
