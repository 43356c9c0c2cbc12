/**
 * One process of the service. It warms up, says "ready", waits for a line, answers each request when it is due, however many are
 * not answered yet, and prints how long each waited. A wrong or missing answer ends it with an error.
 *
 *     node serviceChild.js CONTENDER REDIS_PORT VENDOR_URL NUMBER
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { create } from "axios"
import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisBusDriver, redisDriver } from "bentocache/drivers/redis"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Record from "effect/Record"
import * as Redacted from "effect/Redacted"
import { once } from "node:events"
import { Agent } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import * as Integrations from "../src/Integrations.js"
import * as SharedState from "../src/SharedState.js"
import * as TenantProviders from "../src/TenantProviders.js"
import { toStderr } from "./process.js"
import {
  apiKey,
  day,
  dayMillis,
  partOf,
  settings,
  path,
  ratingOf,
  type Request,
  tenants,
  warmUp
} from "./serviceSetting.js"

const [contender = "", port = "", vendor = "", number = ""] = process.argv.slice(2)

/** The ratings of a request's domains, in their order. */
type Service = (request: Request) => Promise<ReadonlyArray<number>>

interface Body {
  readonly targets: ReadonlyArray<{ readonly index: number; readonly domain_rating: number }>
}

/** One call for all of these domains. */
const call = (): ((domains: ReadonlyArray<string>) => Promise<ReadonlyArray<number>>) => {
  const client = create({
    baseURL: vendor,
    headers: { authorization: `Bearer ${apiKey}` },
    httpAgent: new Agent({ keepAlive: true })
  })
  return async (domains) => {
    const targets = domains.map((url) => ({ url, mode: "subdomains", protocol: "both" }))
    const { data } = await client.post<Body>(path, { select: ["index", "domain_rating"], targets, output: "json" })
    const ratings = domains.map(() => Number.NaN)
    for (const { domain_rating, index } of data.targets) ratings[index] = domain_rating
    return ratings
  }
}

const ours = async (setting: object): Promise<Service> => {
  const metadata = { apiUrl: vendor, ...setting }
  const integration = { provider: "ahrefs", apiKey: Redacted.make(apiKey), metadata } as const
  const ids = Array.from({ length: tenants }, (_, i) => `tenant-${i}`)
  const runtime = ManagedRuntime.make(
    TenantProviders.layer().pipe(
      Layer.provide([
        Integrations.layerStatic(Object.fromEntries(ids.map((id) => [id, [integration]]))),
        SharedState.layerRedis({ url: `redis://127.0.0.1:${port}` }),
        NodeHttpClient.layerUndici
      ]),
      Layer.provideMerge(toStderr)
    )
  )
  const { use } = await runtime.runPromise(TenantProviders.TenantProviders)
  return ({ domains, tenant }) =>
    runtime.runPromise(
      use(tenant, ({ ahrefs }) =>
        Effect.flatMap(ahrefs, ({ getDomainRatings }) =>
          Effect.map(getDomainRatings(domains), (rows) => rows.map(({ domainRating }) => domainRating ?? Number.NaN))
        )
      )
    )
}

const contenders: Readonly<Record<string, () => Promise<Service>>> = {
  ...Record.map(settings, (setting) => () => ours(setting)),
  axios: async () => {
    const rate = call()
    return ({ domains }) => rate(domains)
  },
  bentocache: async () => {
    const rate = call()
    const connection = { host: "127.0.0.1", port: Number(port) }
    const bento = new BentoCache({
      default: "multi",
      stores: {
        multi: bentostore()
          .useL1Layer(memoryDriver({ maxItems: 100_000 }))
          .useL2Layer(redisDriver({ connection }))
          .useBus(redisBusDriver({ connection }))
      }
    })
    return async ({ domains }) => {
      const known = await Promise.all(domains.map((key) => bento.get<number>({ key })))
      const missing = domains.filter((_, i) => known[i] === undefined)
      if (missing.length === 0) return known.map((rating) => rating ?? Number.NaN)
      const bought = await rate(missing)
      // Nobody has to wait until it is kept.
      missing.forEach((key, i) => void bento.set({ key, value: bought[i], ttl: dayMillis }))
      let i = 0
      return known.map((rating) => rating ?? bought[i++] ?? Number.NaN)
    }
  }
}

const service = await contenders[contender]!()

const answered = async (request: Request, due: number): Promise<number> => {
  const ratings = await service(request)
  const wait = performance.now() - due
  const { domains } = request
  const isRight = ratings.length === domains.length && domains.every((domain, i) => ratings[i] === ratingOf(domain))
  if (!isRight) throw new Error(`${contender} answered wrongly: ${domains.join()} are ${ratings.join()}`)
  return wait
}

/** Nobody waits with a request until others are answered. What is late is measured from when it was due. */
const played = async (requests: ReadonlyArray<Request>): Promise<ReadonlyArray<number>> => {
  const start = performance.now()
  const all: Array<Promise<number>> = []
  for (const request of requests) {
    const due = start + request.at
    const left = due - performance.now()
    if (left > 0) await sleep(left)
    all.push(answered(request, due))
  }
  return Promise.all(all)
}

const requests = partOf(day(), Number(number))
await played(partOf(warmUp(), Number(number)))
process.stdout.write("ready\n")
await once(process.stdin, "data")
const before = process.cpuUsage()
const waits = await played(requests)
const { system, user } = process.cpuUsage(before)
process.stdout.write(`${JSON.stringify({ waits, cpuMillis: (system + user) / 1_000 })}\n`)
// Others may wait for what it tells them.
process.stdin.resume()
await once(process.stdin, "end")
// The peers' connections would keep the process.
process.exit(0)
