/**
 * A process of a service that embeds the package: tenants' callers ask, check every answer, and tell what came of it.
 *
 *     node worker.js      with its Setting on the first line of its input, and Orders on the others
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import type * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"
import * as Schema from "effect/Schema"
import { createInterface } from "node:readline"
import * as Ahrefs from "../../src/Ahrefs.js"
import * as CreditLedgerSql from "../../src/CreditLedgerSql.js"
import * as Integrations from "../../src/Integrations.js"
import * as SERanking from "../../src/SERanking.js"
import * as SharedState from "../../src/SharedState.js"
import * as TenantProviders from "../../src/TenantProviders.js"
import * as AhrefsSimulator from "../../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../../src/testing/SERankingSimulator.js"
import * as World from "../../src/testing/world.js"
import { random } from "../support/random.js"
import {
  accountOf,
  keyOf,
  maxWait,
  Order,
  patience,
  pick,
  Setting,
  siteName,
  smallFacts,
  tenantName,
  timeout,
  Told,
  workerHeader,
  worldOf
} from "./setting.js"

const encode = Schema.encodeSync(Schema.parseJson(Told))
// On POSIX a pipe is written to before this returns.
const say = (told: Told): void => void process.stdout.write(`${encode(told)}\n`)
// The driver of sentinels prints its time-outs; only what is told belongs there.
// eslint-disable-next-line no-console -- the rule is about what we print
console.log = console.error
const violated = (what: string): void => say({ _tag: "Violation", what })

class Nobody extends Data.TaggedError("Nobody")<{ readonly message: string }> {}

type Either = { readonly ahrefs: Ahrefs.Service; readonly seRanking: SERanking.Service }

/** A question, by its name and about these sites; the same for the service under test and for the truth. */
interface Question {
  readonly name: string
  readonly sites: ReadonlyArray<string>
  readonly ask: (of: Either) => Effect.Effect<unknown, { readonly _tag: string }>
}

const oneSite = 0.5

const questionOf = (next: () => number, sites: ReadonlyArray<string>): Question => {
  const some = (most: number) => Array.from({ length: 1 + Math.floor(next() * most) }, () => pick(next, sites))
  const site = pick(next, sites)
  const limit = pick(next, [5, 20])
  const many = next() < oneSite ? some(1) : some(20)
  const questions: ReadonlyArray<Question> = [
    { name: "rating", sites: [site], ask: ({ ahrefs }) => ahrefs.getDomainRating(site) },
    { name: "ratings", sites: many, ask: ({ ahrefs }) => ahrefs.getDomainRatings(many) },
    {
      name: "metrics",
      sites: many,
      ask: ({ ahrefs }) => ahrefs.getDomainMetrics(many, ["domainRating", "refdomains"])
    },
    { name: `links ${limit}`, sites: [site], ask: ({ ahrefs }) => ahrefs.getBacklinks(site, limit) },
    { name: "summary", sites: [site], ask: ({ seRanking }) => seRanking.getBacklinksSummary(site) },
    { name: "link counts", sites: many, ask: ({ seRanking }) => seRanking.getBacklinksMetrics(many) },
    {
      name: `their links ${limit}`,
      sites: [site],
      ask: ({ seRanking }) => seRanking.getBacklinks({ domain: site, limit })
    }
  ]
  return pick(next, questions)
}

/** The answers of an account's own world on a fine day. */
const truths = ({ accounts, sites }: Setting) =>
  Effect.gen(function* () {
    const facts = smallFacts(sites)
    const fine = yield* Effect.forEach(Array.from({ length: accounts }).keys(), (account) =>
      Effect.gen(function* () {
        const one = yield* AhrefsSimulator.make({ rateLimit: false, facts, seed: worldOf(account) })
        const two = yield* SERankingSimulator.make({ rateLimit: false, facts, seed: worldOf(account) })
        const apiKey = Redacted.make("truth")
        const at = (client: HttpClient.HttpClient) => Layer.succeed(HttpClient.HttpClient, client)
        const layer = Layer.merge(
          Layer.provide(Ahrefs.layer({ apiKey, batchWait: 0 }), at(one.httpClient)),
          Layer.provide(SERanking.layer({ apiKey, batchWait: 0 }), at(two.httpClient))
        ).pipe(Layer.provide(SharedState.layerNoop))
        const context = yield* Layer.build(layer)
        return {
          ahrefs: yield* Effect.provide(Ahrefs.Ahrefs, context),
          seRanking: yield* Effect.provide(SERanking.SERanking, context),
          // They remember every request.
          forget: Effect.zipRight(one.reset, two.reset)
        }
      })
    )
    const known = new Map<string, unknown>()
    return (account: number, { ask, name, sites }: Question) =>
      Effect.suspend(() => {
        const key = `${account} ${name} ${sites.join()}`
        const before = known.get(key)
        if (before !== undefined) return Effect.succeed(before)
        const { forget, ...services } = fine[account]!
        return Effect.map(Effect.zipLeft(ask(services), forget), (truth) => {
          // A list of sites hardly comes twice.
          if (sites.length === 1 && known.size < 500) known.set(key, truth)
          return truth
        })
      })
  })

const isRecord = (u: unknown): u is Readonly<Record<string, unknown>> => typeof u === "object" && u !== null

/** Whether an answer is the truth; where a row may be absent, nothing in it may be but the truth. */
const isTrue = (answer: unknown, truth: unknown, mayBeAbsent: boolean): boolean => {
  if (JSON.stringify(answer) === JSON.stringify(truth)) return true
  if (!mayBeAbsent) return false
  if (answer === null || answer === false) return true
  if (Array.isArray(answer) && Array.isArray(truth)) {
    return answer.length === truth.length && answer.every((one, i) => isTrue(one, truth[i], true))
  }
  return (
    isRecord(answer) && isRecord(truth) && Object.keys(answer).every((name) => isTrue(answer[name], truth[name], true))
  )
}

const transports = {
  fetch: FetchHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  node: NodeHttpClient.layer
}

const integrationsOf = ({ accounts, budget, tenants, vendor }: Setting) => {
  const metadata = {
    apiUrl: vendor,
    rateLimit: { requests: 100_000, per: "1 second" },
    maxWait,
    timeout
  }
  return Object.fromEntries(
    Array.from({ length: tenants }, (_, tenant): readonly [string, ReadonlyArray<Integrations.Static>] => {
      const account = accountOf(tenant, accounts)
      const row = (provider: "ahrefs" | "se_ranking", more: object) => ({
        provider,
        apiKey: Redacted.make(keyOf(provider, account)),
        metadata: { ...metadata, ...more }
      })
      return [
        tenantName(tenant),
        [row("ahrefs", tenant === 0 ? { budget: { limit: budget } } : {}), row("se_ranking", {})]
      ]
    })
  )
}

/** What the questions are about, as the cache's policy names it. */
const kinds = ["ahrefs.metrics", "ahrefs.backlinks", "se_ranking.summary", "se_ranking.metrics", "se_ranking.backlinks"]

/** Milliseconds that this process's clock is wrong by. */
let jumped = 0
const clock = Date.now.bind(Date)
Date.now = () => clock() + jumped

/** Milliseconds; a claim lives for 5 seconds. */
const standstill = 2_500
let looked = performance.now()
setInterval(() => {
  const now = performance.now()
  if (now - looked > standstill) say({ _tag: "Still", millis: now - looked })
  looked = now
}, 100).unref()

/** Seconds. */
const collectEvery = 10

const heapAfterCollection = (): number => {
  // Started with --expose-gc.
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const service = (setting: Setting, orders: AsyncIterator<string>) =>
  Effect.gen(function* () {
    const { callers, mayBeAbsent, number, rest, seed, sites, tenants } = setting
    const truth = yield* truths(setting)
    const { use } = yield* TenantProviders.TenantProviders
    const state = { isOver: false, outcomes: new Map<string, number>(), slowest: 0, told: 0, unheard: 0 }
    const count = (outcome: string) => state.outcomes.set(outcome, (state.outcomes.get(outcome) ?? 0) + 1)
    const tell = Effect.sync(() => {
      const { unheard } = state
      state.unheard = storeFailures()
      const heap = state.told++ % collectEvery === 0 ? heapAfterCollection() : null
      say({
        _tag: "Answers",
        outcomes: Object.fromEntries(state.outcomes),
        slowest: state.slowest,
        unheard: state.unheard - unheard,
        heap
      })
      state.outcomes = new Map()
      state.slowest = 0
    })

    const answered = (
      tenant: number,
      question: Question,
      expecting = truth(accountOf(tenant, setting.accounts), question)
    ) =>
      Effect.gen(function* () {
        const begun = performance.now()
        const asked = use(tenantName(tenant), ({ ahrefs, seRanking }) =>
          Option.isNone(ahrefs) || Option.isNone(seRanking)
            ? Effect.fail(new Nobody({ message: "a tenant without its services" }))
            : question.ask({ ahrefs: ahrefs.value, seRanking: seRanking.value })
        )
        const exit = yield* Effect.exit(asked)
        const millis = performance.now() - begun
        state.slowest = Math.max(state.slowest, millis)
        if (millis > patience) violated(`${question.name} took ${millis.toFixed(0)} ms`)
        if (Exit.isSuccess(exit)) {
          const expected = yield* expecting
          count("answered")
          if (!isTrue(exit.value, expected, mayBeAbsent)) {
            const [told, real] = [JSON.stringify(exit.value), JSON.stringify(expected)]
            violated(
              `${question.name} of ${tenantName(tenant)}: ${told.slice(0, 300)} in place of ${real.slice(0, 300)}`
            )
          }
          return
        }
        const failure = Option.getOrNull(Cause.failureOption(exit.cause))
        if (failure === null) violated(`${question.name}: ${Cause.pretty(exit.cause).slice(0, 600)}`)
        count(failure?._tag ?? "defect")
      })

    const names = Array.from({ length: sites }, (_, i) => siteName(i))
    const caller = (id: number) =>
      Effect.suspend(() => {
        const next = random(seed * 1_000_003 + number * 10_007 + id)
        const turn = Effect.suspend(() => {
          const tenant = Math.floor(next() * tenants)
          const asked = answered(tenant, questionOf(next, names))
          return rest === 0 ? asked : Effect.zipRight(asked, Effect.sleep(next() * rest))
        })
        return Effect.repeat(turn, { while: () => !state.isOver })
      })

    const bursts: Array<Fiber.Fiber<void, { readonly _tag: string }>> = []
    /** Half of them about sites of their own, half about the same one. */
    const burst = (count: number) =>
      Effect.forEach(
        Array.from({ length: count }).keys(),
        (i) => {
          const site = i % 2 === 0 ? `burst-${number}-${i}.com` : "burst.com"
          const tenant = i % tenants
          const question = {
            name: "rating",
            sites: [site],
            ask: ({ ahrefs }: Either) => Effect.map(ahrefs.getDomainRating(site), ({ domainRating }) => domainRating)
          }
          const { facts } = World.make({ seed: worldOf(accountOf(tenant, setting.accounts)), facts: {} })(site)
          return answered(tenant, question, Effect.succeed(facts.domainRating))
        },
        { concurrency: "unbounded", discard: true }
      )

    const obey = (order: Order) =>
      Effect.suspend((): Effect.Effect<unknown> => {
        switch (order._tag) {
          case "Block": {
            const end = performance.now() + order.millis
            while (performance.now() < end);
            return Effect.void
          }
          case "Jump":
            jumped += order.millis
            return Effect.void
          case "Burst":
            return Effect.map(Effect.forkDaemon(burst(order.count)), (fiber) => void bursts.push(fiber))
          case "Stop":
            state.isOver = true
            return Effect.void
        }
      })

    const obedience = Effect.gen(function* () {
      while (!state.isOver) {
        const line = yield* Effect.promise(() => orders.next())
        const order = line.done === true ? Order.members[3].make({}) : yield* decodeOrder(line.value)
        yield* obey(order)
      }
    })

    yield* Effect.forkScoped(Effect.forever(Effect.delay(tell, "1 second")))
    say({ _tag: "Ready" })
    const told = yield* Effect.fork(obedience)
    yield* Effect.forEach(Array.from({ length: callers }).keys(), caller, {
      concurrency: "unbounded",
      discard: true
    })
    yield* told
    yield* Fiber.joinAll(bursts)
    yield* tell
  })

const decodeOrder = Schema.decode(Schema.parseJson(Order))
const decodeSetting = Schema.decode(Schema.parseJson(Setting))

/** So far, of all stores. */
const storeFailures = (): number =>
  Metric.unsafeSnapshot()
    .filter(({ metricKey }) => metricKey.name === "seo_provider_store_failures_total")
    // Safe: it is a counter of numbers.
    .reduce((sum, { metricState }) => sum + Number((metricState as MetricState.MetricState.Counter<number>).count), 0)

const active = Metric.counter("effect_fiber_active")

const main = Effect.gen(function* () {
  const lines = createInterface({ input: process.stdin })
  const orders = lines[Symbol.asyncIterator]()
  const first = yield* Effect.promise(() => orders.next())
  const setting = yield* decodeSetting(String(first.value))
  const named = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.mapRequest(HttpClientRequest.setHeader(workerHeader, String(setting.number)))
    )
  ).pipe(Layer.provide(transports[setting.transport]))
  const { freshFor } = setting
  const state = SharedState.layerRedis({
    ...setting.redis,
    deadline: setting.deadline,
    ...(freshFor !== null && {
      freshFor: Object.fromEntries(kinds.map((kind) => [kind, freshFor])),
      unknownFor: freshFor,
      staleIfError: 0,
      staleIfExhausted: 0
    })
  })
  const books =
    setting.database === null
      ? state
      : Layer.provideMerge(
          Layer.provide(CreditLedgerSql.layer, PgClient.layer({ url: Redacted.make(setting.database) })),
          state
        )
  const live = TenantProviders.layer().pipe(
    Layer.provide([Integrations.layerStatic(integrationsOf(setting)), books, named])
  )
  yield* Effect.scoped(Effect.provide(service(setting, orders), live))
  lines.close()
  process.stdin.destroy()
  const fibers = (yield* Metric.value(active)).count
  // What is left of the service keeps the process: that it ends by itself is the proof that nothing is.
  say({ _tag: "End", fibers: Number(fibers) })
})

NodeRuntime.runMain(
  main.pipe(
    Effect.withRuntimeFlagsPatch(RuntimeFlagsPatch.enable(RuntimeFlags.RuntimeMetrics)),
    Effect.provide(Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger)))
  ),
  { disablePrettyLogger: true }
)
