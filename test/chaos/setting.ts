/** What the vendor, the processes and the audit agree on. */
import * as Schema from "effect/Schema"
import type { Provider } from "../../src/Operation.js"
import type { Facts } from "../../src/testing/world.js"

const Node = Schema.Struct({ host: Schema.String, port: Schema.Number })

/** Where the processes find their Redis: as `SharedState.layerRedis` takes it. */
export const RedisAt = Schema.Union(
  Schema.Struct({ url: Schema.String }),
  Schema.Struct({ cluster: Schema.Array(Node) }),
  Schema.Struct({ sentinel: Schema.Array(Node), name: Schema.String })
)
export type RedisAt = typeof RedisAt.Type

/** What a process of the service is given, on its first line. */
export const Setting = Schema.Struct({
  number: Schema.Number,
  seed: Schema.Number,
  redis: RedisAt,
  vendor: Schema.String,
  transport: Schema.Literal("fetch", "undici", "node"),
  tenants: Schema.Number,
  accounts: Schema.Number,
  /** Callers that ask one question after the other. */
  callers: Schema.Number,
  /** Milliseconds a caller rests between two questions, at most. */
  rest: Schema.Number,
  /** Sites there are to ask about. */
  sites: Schema.Number,
  /** Units of Ahrefs the first tenant may spend. */
  budget: Schema.Number,
  /** Milliseconds a fact is fresh; null for its own. */
  freshFor: Schema.NullOr(Schema.Number),
  /** Milliseconds an answer of Redis is waited for. */
  deadline: Schema.Number,
  /** The vendor is known to tell lies: a row may be absent. */
  mayBeAbsent: Schema.Boolean,
  /** PostgreSQL, for the ledger's table; null without. */
  database: Schema.NullOr(Schema.String)
})
export type Setting = typeof Setting.Type

/** What a process is told while it runs. */
export const Order = Schema.Union(
  Schema.TaggedStruct("Block", { millis: Schema.Number }),
  Schema.TaggedStruct("Jump", { millis: Schema.Number }),
  /** So many questions at once, about sites that nobody else asks for. */
  Schema.TaggedStruct("Burst", { count: Schema.Number }),
  Schema.TaggedStruct("Stop", {})
)
export type Order = typeof Order.Type

/** What a process says. */
export const Told = Schema.Union(
  Schema.TaggedStruct("Ready", {}),
  /** Answers of the last second, by outcome: "answered" or the tag of an error. */
  Schema.TaggedStruct("Answers", {
    outcomes: Schema.Record({ key: Schema.String, value: Schema.Number }),
    slowest: Schema.Number,
    /** Questions that Redis did not answer in time. */
    unheard: Schema.Number,
    /** Bytes after a collection, now and then. */
    heap: Schema.NullOr(Schema.Number)
  }),
  /** The event loop stood still for so long. */
  Schema.TaggedStruct("Still", { millis: Schema.Number }),
  /** What must never happen. */
  Schema.TaggedStruct("Violation", { what: Schema.String }),
  /** The service is closed: fibers that are left. */
  Schema.TaggedStruct("End", { fibers: Schema.Number })
)
export type Told = typeof Told.Type

/** Tenants share the accounts in turn. */
export const accountOf = (tenant: number, accounts: number): number => tenant % accounts
export const tenantName = (tenant: number): string => `tenant-${tenant}`
export const siteName = (site: number): string => `site-${site}.com`

/** Whom the service asks here: the others go the same way. */
export const providers = ["ahrefs", "se_ranking"] as const satisfies ReadonlyArray<Provider>
export type Played = (typeof providers)[number]
export const canary = "0xC0FFEE"
/** Distinct enough to be searched for in whatever is written. */
export const keyOf = (provider: Played, account: number): string => `canary-${provider}-${account}-${canary}`
export const ownerOf = (authorization: string): { readonly provider: Played; readonly account: number } | null => {
  const [, provider, account] = /canary-(\w+)-(\d+)-0xC0FFEE/.exec(authorization) ?? []
  const known = providers.find((name) => name === provider)
  return known === undefined || account === undefined ? null : { provider: known, account: Number(account) }
}
/** Each account has a world of its own: what one was told is wrong for another. */
export const worldOf = (account: number): number => 1_000 + account

/** Few links a site: a simulator makes and sorts all of them for each question. */
export const smallFacts = (sites: number): Readonly<Record<string, Partial<Facts>>> =>
  Object.fromEntries(
    Array.from({ length: sites }, (_, site) => [
      siteName(site),
      { backlinks: 40, backlinksDofollow: 30, backlinksNofollow: 10, refdomains: 10 }
    ])
  )

export const workerHeader = "x-chaos-worker"

/** No answer and no error comes later than this. */
export const patience = 20_000
/** How long an attempt is waited for. */
export const timeout = 4_000
export const maxWait = 5_000

export const pick = <A>(next: () => number, all: ReadonlyArray<A>): A => all[Math.floor(next() * all.length)]!
