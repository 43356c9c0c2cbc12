/**
 * One process of the day: it replays its part of the trace against a provider that is a function here, and prints what it paid.
 *
 *     node creditsChild.js CONTENDER REDIS_PORT NUMBER
 */
import KeyvRedis from "@keyv/redis"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisDriver } from "bentocache/drivers/redis"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { Keyv } from "keyv"
import { setTimeout as sleep } from "node:timers/promises"
import * as Ahrefs from "../src/Ahrefs.js"
import * as SharedState from "../src/SharedState.js"
import { unitsOf } from "./price.js"
import { toStderr } from "./process.js"
import { type Request, upstreamMillis, wavesOf } from "./creditsSetting.js"

const [contender = "", port = "", number = ""] = process.argv.slice(2)
const url = `redis://127.0.0.1:${port}`
const day = 86_400_000

const paid = { calls: 0, units: 0 }

const provider = async (domains: ReadonlyArray<string>): Promise<ReadonlyArray<number>> => {
  paid.calls++
  paid.units += unitsOf(domains.length)
  await sleep(upstreamMillis)
  return domains.map((domain) => domain.length)
}

const buy = async (domain: string): Promise<number> => (await provider([domain]))[0]!

type Wave = (requests: ReadonlyArray<Request>) => Promise<ReadonlyArray<ReadonlyArray<number>>>

const oneByOne =
  (ask: (domain: string) => Promise<number>): Wave =>
  (requests) =>
    Promise.all(requests.map((request) => Promise.all(request.map(ask))))

interface Body {
  readonly targets: ReadonlyArray<{ readonly url: string }>
}

const stub = HttpClient.make((request) =>
  Effect.promise(async () => {
    // Safe: the only operation that is called here sends this.
    const { targets } = (await new Response((request.body as { body: Uint8Array }).body).json()) as Body
    const ratings = await provider(targets.map(({ url }) => url))
    const rows = ratings.map((domain_rating, index) => ({ index, domain_rating }))
    return HttpClientResponse.fromWeb(request, Response.json({ targets: rows }))
  })
)

const contenders: Readonly<Record<string, () => Promise<Wave>>> = {
  "effect-seo-providers": async () => {
    const runtime = ManagedRuntime.make(
      // A day goes by in a minute: its rate would be that of a minute.
      Ahrefs.layer({ apiKey: Redacted.make("key"), rateLimit: { requests: 100_000, per: "1 minute" } }).pipe(
        Layer.provide([Layer.succeed(HttpClient.HttpClient, stub), SharedState.layerRedis({ url })]),
        Layer.provideMerge(toStderr)
      )
    )
    const { getDomainRating, getDomainRatings } = await runtime.runPromise(Ahrefs.Ahrefs)
    const asked = (request: Request) =>
      request.length === 1 ? Effect.map(getDomainRating(request[0]!), (one) => [one]) : getDomainRatings(request)
    return (requests) =>
      runtime.runPromise(
        Effect.forEach(
          requests,
          (request) => Effect.map(asked(request), (all) => all.map(({ domainRating }) => domainRating ?? Number.NaN)),
          { concurrency: "unbounded" }
        )
      )
  },
  "cache alone": async () => {
    const cache = new Keyv({ store: new KeyvRedis(url) })
    await cache.get("warm")
    return oneByOne(async (domain) => {
      const known = await cache.get<number>(domain)
      if (known !== undefined) return known
      const bought = await buy(domain)
      await cache.set(domain, bought, day)
      return bought
    })
  },
  bentocache: async () => {
    const bento = new BentoCache({
      default: "multi",
      stores: {
        multi: bentostore()
          .useL1Layer(memoryDriver({ maxItems: 100_000 }))
          .useL2Layer(redisDriver({ connection: { host: "127.0.0.1", port: Number(port) } }))
      }
    })
    await bento.get({ key: "warm" })
    return oneByOne((key) => bento.getOrSet({ key, ttl: day, factory: () => buy(key) }))
  }
}

const ask = await contenders[contender]!()
const start = performance.now()
for (const requests of wavesOf(Number(number))) {
  const answers = await ask(requests)
  requests.forEach((request, i) => {
    const isRight = request.every((domain, j) => answers[i]?.[j] === domain.length)
    if (!isRight) throw new Error(`${contender} answered wrongly`)
  })
}
process.stdout.write(JSON.stringify({ ...paid, millis: performance.now() - start }))
// The peers' connections would keep the process.
process.exit(0)
