/**
 * One process of a stampede: 25 callers ask for the same 20 cold keys at once. It says "ready", waits for a line, and prints
 * how long each caller waited.
 *
 *     node stampedeChild.js CONTENDER REDIS_PORT UPSTREAM_URL NUMBER
 */
import KeyvRedis from "@keyv/redis"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisDriver } from "bentocache/drivers/redis"
import { createCache } from "cache-manager"
import { Cacheable } from "cacheable"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { Keyv } from "keyv"
import { once } from "node:events"
import * as Ahrefs from "../src/Ahrefs.js"
import * as SharedState from "../src/SharedState.js"
import { toStderr } from "./process.js"
import { callers, keys, names, warmPrefix, warmUps } from "./stampedeSetting.js"

const [contender = "", port = "", upstream = "", number = ""] = process.argv.slice(2)
const url = `redis://127.0.0.1:${port}`

/** What the peers call on a miss: the same request, for one key. */
const buy = async (domain: string): Promise<number> => {
  const response = await fetch(`${upstream}/batch-analysis/batch-analysis`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-child": number },
    body: JSON.stringify({ targets: [{ url: domain }] })
  })
  const body = (await response.json()) as { readonly targets: ReadonlyArray<{ readonly domain_rating: number }> }
  return body.targets[0]?.domain_rating ?? Number.NaN
}

const ttl = 3_600_000

/** A contender answers a caller's keys. */
type Caller = (keys: ReadonlyArray<string>) => Promise<ReadonlyArray<number>>

const oneByOne =
  (ask: (key: string) => Promise<number>): Caller =>
  (keys) =>
    Promise.all(keys.map(ask))

const ours = async () => {
  const runtime = ManagedRuntime.make(
    Ahrefs.layer({
      apiKey: Redacted.make("key"),
      apiUrl: upstream,
      // The calls of the warm-up are more than a minute's.
      rateLimit: { requests: 100_000, per: "1 minute" },
      transformClient: HttpClient.mapRequest(HttpClientRequest.setHeader("x-child", number))
    }).pipe(Layer.provide([FetchHttpClient.layer, SharedState.layerRedis({ url })]), Layer.provideMerge(toStderr))
  )
  return { runtime, service: await runtime.runPromise(Ahrefs.Ahrefs) }
}

const rating = ({ domainRating }: { readonly domainRating: number | null }) => domainRating ?? Number.NaN

const contenders: Readonly<Record<string, () => Promise<Caller>>> = {
  [names.single]: async () => {
    const { runtime, service } = await ours()
    return oneByOne((domain) => runtime.runPromise(Effect.map(service.getDomainRating(domain), rating)))
  },
  [names.batch]: async () => {
    const { runtime, service } = await ours()
    return (domains) =>
      runtime.runPromise(Effect.map(service.getDomainRatings(domains), (ratings) => ratings.map(rating)))
  },
  bentocache: async () => {
    const bento = new BentoCache({
      default: "multi",
      stores: {
        multi: bentostore()
          .useL1Layer(memoryDriver({ maxSize: "10mb" }))
          .useL2Layer(redisDriver({ connection: { host: "127.0.0.1", port: Number(port) } }))
      }
    })
    await bento.get({ key: "warm" })
    return oneByOne((key) => bento.getOrSet({ key, ttl, factory: () => buy(key) }))
  },
  cacheable: async () => {
    const cache = new Cacheable({ secondary: new Keyv({ store: new KeyvRedis(url) }) })
    await cache.get("warm")
    return oneByOne(async (key) => (await cache.getOrSet(key, () => buy(key), { ttl })) ?? Number.NaN)
  },
  "cache-manager": async () => {
    const cache = createCache({ stores: [new Keyv({ store: new KeyvRedis(url) })] })
    await cache.get("warm")
    return oneByOne((key) => cache.wrap(key, () => buy(key), ttl))
  }
}

const ask = await contenders[contender]!()
const stampede = (keys: ReadonlyArray<string>): Promise<ReadonlyArray<number>> =>
  Promise.all(
    Array.from({ length: callers }, async () => {
      const start = performance.now()
      const ratings = await ask(keys)
      if (ratings.some((rating, i) => rating !== keys[i]?.length)) throw new Error(`wrong: ${ratings.join()}`)
      return performance.now() - start
    })
  )
// The keys are cold, the process is not: a service compiles its code once.
for (let i = 0; i < warmUps; i++) await stampede(keys.map((key) => `${warmPrefix}${number}-${i}-${key}`))
process.stdout.write("ready\n")
await once(process.stdin, "data")
const times = await stampede(keys)
process.stdout.write(`${JSON.stringify(times)}\n`)
// Those who bought must tell the others before they end.
process.stdin.resume()
await once(process.stdin, "end")
process.exit(0)
