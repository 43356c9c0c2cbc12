/** What goes wrong, and when. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Order, pick, type Setting } from "./setting.js"
import type * as Store from "./store.js"
import type { Fault, Lie, Vendor } from "./vendor.js"
import * as Redis from "../support/redis.js"

/** What a scenario may do. */
export interface Stage {
  readonly next: () => number
  readonly vendor: Vendor
  readonly redis: Store.Store
  /** How long the disturbance lasts. */
  readonly millis: number
  readonly workers: {
    /** One of those that are alive. */
    readonly any: Effect.Effect<number>
    readonly newest: Effect.Effect<number>
    readonly kill: (worker: number) => Effect.Effect<void>
    readonly start: Effect.Effect<void>
    readonly tell: (worker: number, order: Order) => Effect.Effect<void>
  }
}

export interface Scenario {
  readonly name: string
  readonly what: string
  readonly setting?: Partial<Setting>
  readonly store?: Parameters<typeof Store.make>[0]
  /** The books are read in PostgreSQL: those in Redis are lost. */
  readonly isBookLost?: boolean
  /** Runs while the callers ask; interrupted when the time is up, unless it ends by itself. */
  readonly disturb: (stage: Stage) => Effect.Effect<unknown, never, Scope.Scope>
}

const ahrefsError = (text: string) => JSON.stringify({ error: text })
const seError = (code: number, message: string, description = message) =>
  JSON.stringify({ error: { code, message, description } })
const html = "<!DOCTYPE html><html><head><title>Attention Required</title></head><body>edge</body></html>"
const json = { "content-type": "application/json" }
const page = { "content-type": "text/html" }

type Refusal = Extract<Fault, { readonly _tag: "Refuse" }>
const refuse = (status: number, body: string, headers: Readonly<Record<string, string>> = json): Refusal => ({
  _tag: "Refuse",
  status,
  body,
  headers
})

/** Every status of the vendors' documents, in each shape that was seen, and those an edge adds. */
export const refusals: ReadonlyArray<Refusal> = [
  refuse(400, ahrefsError("bad where: invalid filter expression")),
  refuse(400, ahrefsError("column 'domain' not found")),
  refuse(400, "{}"),
  refuse(401, '["Error","Unauthorized"]'),
  refuse(401, JSON.stringify({ error_description: "Authentication failed. Token is wrong." })),
  refuse(402, seError(402, "Insufficient Funds")),
  refuse(403, '["Error","Forbidden"]'),
  refuse(403, ahrefsError("Insufficient plan")),
  refuse(403, ahrefsError("API units limit reached. Expected usage: 50, API units left: 0.")),
  refuse(403, seError(403, "Insufficient funds", "Your current credit balance is too low to process this request.")),
  refuse(403, seError(403, "Limit reached", "0 left on the plan")),
  refuse(403, seError(403, "Subscription required")),
  refuse(403, seError(403, "License expired")),
  refuse(403, JSON.stringify({ message: "incorrect token" })),
  refuse(403, html, page),
  refuse(404, '["Error",["NotFound","this route does not exist /v2/site-explorer/domain-rating"]]'),
  refuse(404, ahrefsError("no data")),
  refuse(408, ""),
  refuse(429, ahrefsError("rate limit"), { ...json, "retry-after": "1" }),
  refuse(429, html, page),
  refuse(429, seError(429, "Too Many Requests"), { ...json, "retry-after": new Date(0).toUTCString() }),
  refuse(429, "", { "retry-after": "-5" }),
  refuse(500, ahrefsError("internal")),
  refuse(500, JSON.stringify({ message: "source can't be empty" })),
  refuse(500, html, page),
  refuse(502, html, page),
  refuse(503, "", { "retry-after": "1" }),
  refuse(504, ""),
  refuse(520, html, page),
  refuse(418, "I am a teapot")
]

const allLies: ReadonlyArray<Lie> = [
  "repeated",
  "missing",
  "uninvited",
  "wrong index",
  "strings",
  "extra",
  "negative",
  "huge"
]

const sometimes =
  (share: number, fault: (next: () => number) => Fault) =>
  ({ next, vendor }: Stage) =>
    Effect.zipRight(
      Effect.sync(() => vendor.ail(() => (next() < share ? fault(next) : null))),
      Effect.never
    )

const broken = (next: () => number): Fault =>
  pick<Fault>(next, [
    { _tag: "Hang" },
    { _tag: "Cut", at: "start" },
    { _tag: "Cut", at: "middle" },
    { _tag: "Trickle", millis: 400 },
    { _tag: "Trickle", millis: 6_000 },
    { _tag: "Garble", how: "html" },
    { _tag: "Garble", how: "empty" },
    { _tag: "Garble", how: "half" },
    { _tag: "Garble", how: "binary" },
    { _tag: "Garble", how: "deep" }
  ])

const redirect =
  ({ vendor }: Stage, statuses: ReadonlyArray<number>) =>
  (next: () => number) => {
    const status = pick(next, statuses)
    return refuse(status, "", { location: `${vendor.elsewhere}/taken` })
  }
const strayed =
  (...statuses: ReadonlyArray<number>) =>
  (stage: Stage) =>
    sometimes(0.3, redirect(stage, statuses))(stage)

const signal = (server: Redis.Server, name: NodeJS.Signals) => Effect.sync(() => void server.process.kill(name))

/** Again and again until the time is up: well for a while, then this. */
const repeatedly =
  (well: number, work: (stage: Stage) => Effect.Effect<unknown, never, Scope.Scope>) => (stage: Stage) =>
    Effect.forever(
      Effect.zipRight(
        Effect.suspend(() => Effect.sleep(well * (0.5 + stage.next()))),
        work(stage)
      )
    )

const freeze =
  (millis: number) =>
  ({ redis }: Stage) =>
    redis.trouble(
      false,
      Effect.acquireUseRelease(
        signal(redis.main(), "SIGSTOP"),
        () => Effect.sleep(millis),
        () => signal(redis.main(), "SIGCONT")
      )
    )

const flushed = repeatedly(1_500, ({ redis }) =>
  redis.trouble(
    true,
    Redis.ask(redis.main(), (client) => client.flushAll())
  )
)

const slow = repeatedly(1_000, ({ redis }) =>
  redis.trouble(
    false,
    // Each question waits for half a second while it lasts.
    Effect.repeatN(
      Redis.ask(redis.main(), (client) => client.sendCommand(["DEBUG", "SLEEP", "0.5"])),
      2
    )
  )
)

const full = repeatedly(1_500, ({ redis }) => {
  const memory = (limit: string) =>
    Redis.ask(redis.main(), async (client) => {
      await client.configSet("maxmemory-policy", "noeviction")
      await client.configSet("maxmemory", limit)
    })
  return redis.trouble(
    false,
    Effect.acquireUseRelease(
      memory("1"),
      () => Effect.sleep(1_000),
      () => memory("0")
    )
  )
})

/** Half of our own keys become something else; not the books: what somebody else has written there nobody can add up. */
const mistyped = repeatedly(1_500, ({ next, redis }) =>
  redis.trouble(
    true,
    Redis.ask(redis.main(), async (client) => {
      for (const key of await client.keys("*")) {
        if (next() < 0.5 || key.includes("{ledger.")) continue
        await client.del(key)
        if (next() < 0.5) await client.lPush(key, "a list")
        else await client.set(key, '{"not":"ours"}')
        await client.pExpire(key, 60_000)
      }
    })
  )
)

const slots = 16_384

/** Slots go to another master while they are used. */
const moved = repeatedly(100, ({ next, redis }) =>
  Effect.gen(function* () {
    const servers = yield* redis.servers
    const slot = Math.floor(next() * slots)
    const ids = yield* Effect.forEach(servers, (server) =>
      Redis.ask(server, (client) => client.sendCommand(["CLUSTER", "MYID"]))
    )
    const owner = yield* Effect.map(
      Effect.forEach(servers, (server) =>
        Redis.ask(server, async (client) => {
          const shards = String(await client.sendCommand(["CLUSTER", "NODES"]))
          const mine =
            shards
              .split("\n")
              .find((line) => line.includes("myself"))
              ?.split(" ")
              .slice(8) ?? []
          return mine.some((range) => {
            const [low = "", high = low] = range.split("-")
            return slot >= Number(low) && slot <= Number(high)
          })
        })
      ),
      (owns) => owns.indexOf(true)
    )
    // A slot on the move belongs to nobody here: the next one is tried.
    if (owner < 0) return
    const to = (owner + 1) % servers.length
    const [from, target] = [servers[owner]!, servers[to]!]
    yield* Redis.ask(target, (client) =>
      client.sendCommand(["CLUSTER", "SETSLOT", String(slot), "IMPORTING", String(ids[owner])])
    )
    yield* Redis.ask(from, async (client) => {
      await client.sendCommand(["CLUSTER", "SETSLOT", String(slot), "MIGRATING", String(ids[to])])
      const keys = (await client.sendCommand(["CLUSTER", "GETKEYSINSLOT", String(slot), "1000"])) as unknown
      for (const key of Array.isArray(keys) ? keys : []) {
        await client.sendCommand(["MIGRATE", "127.0.0.1", String(target.port), String(key), "0", "1000"])
      }
    })
    yield* Effect.forEach([target, from, ...servers], (server) =>
      Redis.ask(server, (client) => client.sendCommand(["CLUSTER", "SETSLOT", String(slot), "NODE", String(ids[to])]))
    )
  })
)

const killedRedis = repeatedly(1_500, ({ redis }) =>
  redis.trouble(
    true,
    Effect.gen(function* () {
      yield* signal(redis.main(), "SIGKILL")
      yield* Effect.sleep(700)
      yield* redis.restart
    })
  )
)

const murder = repeatedly(700, ({ workers }) =>
  Effect.gen(function* () {
    yield* workers.kill(yield* workers.any)
    yield* workers.start
  })
)

const blocked = repeatedly(2_500, ({ workers }) =>
  Effect.flatMap(workers.any, (worker) => workers.tell(worker, { _tag: "Block", millis: 2_000 }))
)

const minutes = (count: number) => Duration.toMillis(Duration.minutes(count))
const jumped = repeatedly(500, ({ next, workers }) =>
  Effect.flatMap(workers.any, (worker) =>
    workers.tell(worker, { _tag: "Jump", millis: pick(next, [minutes(-10), minutes(-1), minutes(1), minutes(10)]) })
  )
)

/** Every connection is cut while thousands wait. */
const hungUp = (stage: Stage) =>
  Effect.zipRight(
    Effect.flatMap(stage.workers.any, (worker) => stage.workers.tell(worker, { _tag: "Burst", count: 3_000 })),
    repeatedly(300, ({ redis }) =>
      redis.trouble(
        false,
        Redis.ask(redis.main(), (client) => client.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]))
      )
    )(stage)
  )

const crowd = 10_000
const crowded = ({ workers }: Stage) =>
  Effect.flatMap(workers.any, (worker) => workers.tell(worker, { _tag: "Burst", count: crowd }))

/** All of it, one after another, as it comes. The first processes live on. */
const everything = (choices: number) => (stage: Stage) =>
  Effect.gen(function* () {
    const { next, vendor, workers } = stage
    vendor.ail(() => {
      const lot = next()
      return lot < 0.03 ? pick(next, refusals) : lot < 0.06 ? broken(next) : null
    })
    const one = yield* workers.any
    const choice = Math.floor(next() * choices)
    switch (choice) {
      case 0:
        yield* workers.kill(yield* workers.newest)
        return yield* workers.start
      case 1:
        return yield* workers.tell(one, { _tag: "Block", millis: 1_000 })
      case 2:
        return yield* freeze(800)(stage)
      case 3:
        return yield* workers.tell(one, { _tag: "Burst", count: 200 })
      case 4:
        return yield* stage.redis.trouble(
          false,
          Redis.ask(stage.redis.main(), (client) => client.sendCommand(["DEBUG", "SLEEP", "0.5"]))
        )
      default:
        return yield* workers.tell(one, { _tag: "Jump", millis: minutes(next() < 0.5 ? -5 : 5) })
    }
  })

export const scenarios: ReadonlyArray<Scenario> = [
  { name: "fine", what: "nothing goes wrong", disturb: () => Effect.never },
  {
    name: "statuses",
    what: "a third of the calls refused: every status of the vendors' documents, in every shape",
    disturb: sometimes(0.33, (next) => pick(next, refusals))
  },
  {
    name: "deliveries",
    what: "a fifth of the answers hang, trickle, break off, or are no JSON; all billed",
    disturb: sometimes(0.2, broken)
  },
  {
    name: "lies",
    what: "rows repeated, missing, never asked for, with a wrong index, numbers as strings, extra fields, negative, huge",
    setting: { mayBeAbsent: true },
    disturb: sometimes(0.3, (next) => ({ _tag: "Lie", lie: pick(next, allLies) }))
  },
  { name: "redirects, fetch", what: "301, 302, 303 to another host, over fetch", disturb: strayed(301, 302, 303) },
  {
    name: "redirects, undici",
    what: "to another host, over undici",
    setting: { transport: "undici" },
    disturb: strayed(301, 302, 303, 307, 308)
  },
  {
    name: "redirects, node",
    what: "to another host, over node:http",
    setting: { transport: "node" },
    disturb: strayed(301, 302, 303, 307, 308)
  },
  {
    name: "Redis down at start",
    what: "there after 2 s",
    store: "down at start",
    disturb: ({ redis }) =>
      Effect.zipRight(redis.trouble(true, Effect.zipRight(Effect.sleep(2_000), redis.restart)), Effect.never)
  },
  { name: "Redis killed", what: "SIGKILL, empty again after 0.7 s", isBookLost: true, disturb: killedRedis },
  {
    name: "Redis frozen",
    what: "SIGSTOP for 1 s",
    setting: { deadline: 100 },
    disturb: repeatedly(1_500, freeze(1_000))
  },
  { name: "Redis flushed", what: "FLUSHALL", isBookLost: true, disturb: flushed },
  { name: "Redis full", what: "no memory for 1 s", disturb: full },
  { name: "Redis slow", what: "each question 500 ms late for 1.5 s", setting: { deadline: 100 }, disturb: slow },
  {
    name: "Redis mistyped",
    what: "half of the keys, but for the books, are another type or foreign",
    disturb: mistyped
  },
  {
    name: "Redis failover",
    what: "the master dies, a sentinel makes its replica the master",
    store: "sentinel",
    isBookLost: true,
    disturb: ({ redis }) =>
      Effect.zipRight(
        Effect.sleep(1_000),
        Effect.zipRight(
          redis.trouble(true, Effect.zipRight(signal(redis.main(), "SIGKILL"), Effect.sleep(3_000))),
          Effect.never
        )
      )
  },
  { name: "Redis cluster", what: "slots move while they are used", store: "cluster", disturb: moved },
  { name: "Redis hangs up", what: "all connections cut about every 0.3 s, while thousands wait", disturb: hungUp },
  { name: "killed", what: "a process is killed about every 0.7 s, another takes its place", disturb: murder },
  { name: "blocked", what: "the event loop of a process stands still for 2 s", disturb: blocked },
  { name: "clock jumps", what: "a process's clock goes 1 or 10 minutes back or ahead", disturb: jumped },
  { name: "10,000 fibers", what: "10,000 questions at once in a process, half of them the same", disturb: crowded },
  {
    name: "1,000 tenants",
    what: "on 100 accounts",
    setting: { tenants: 1_000, accounts: 100, sites: 20 },
    disturb: () => Effect.never
  },
  { name: "everything", what: "all of it, as it comes", disturb: repeatedly(1_500, everything(6)) }
]

/** Facts live as briefly as it takes to buy them again and again: otherwise all would be known after a while. */
export const soak: Scenario = {
  name: "soak",
  what: "all of it, as it comes, but for wrong clocks",
  setting: { freshFor: 40_000, sites: 100, rest: 1_000, budget: 1_000_000 },
  disturb: repeatedly(4_000, everything(5))
}
