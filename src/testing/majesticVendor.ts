/**
 * Majestic's API as the vendor publishes it, over the facts of a world. Pure.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import type { Account, Incoming, Reply } from "./simulator.js"
import { bits, hostOf, pick, shuffle, type Site, uniform, type World } from "./world.js"

/**
 * What the vendor does that surprises clients.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Quirks {
  /** Rows come in any order. Default true. */
  readonly shuffledRows?: boolean | undefined
  /** Figures are texts, as in the XML form. Default false. */
  readonly textFigures?: boolean | undefined
  /** Index dates and the account's figures are in `GlobalVars`. Default false: at the top. */
  readonly globalVars?: boolean | undefined
}

/**
 * What the contract depends on.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Setting {
  readonly world: World
  readonly seed: number
  readonly keys: ReadonlyArray<string> | undefined
  readonly isActive: boolean
  readonly mayExist: ReadonlySet<string>
  readonly quirks: Quirks
}

type Refusable<A> = Either.Either<A, Reply>

/** Refusals have status 200. */
const refused = (code: string, message: string): Either.Either<never, Reply> =>
  Either.left({
    status: 200,
    body: { Code: code, ErrorMessage: message, FullError: `${code}: ${message}`, DataTables: {} },
    units: 0
  })

const topics = Arr.make(
  "Business/Marketing and Advertising",
  "Computers/Internet",
  "Health/Medicine",
  "News/Newspapers",
  "Recreation/Travel",
  "Reference/Education",
  "Society/Law",
  "Sports"
)

type Row = Readonly<Record<string, string | number>>

const topicsOf = ({ facts: { trustFlow }, host }: Site, seed: number): Row => {
  const mixed = shuffle(topics, seed, () => host)
  return Object.fromEntries(
    [0, 1, 2].flatMap((i) => [
      [`TopicalTrustFlow_Topic_${i}`, mixed[i] ?? pick(topics, uniform(seed, i))],
      [`TopicalTrustFlow_Value_${i}`, Math.max(0, trustFlow - 3 * i - (bits(seed, i) % 3))]
    ])
  )
}

const typeOf = (item: string, host: string): number => {
  if (/^https?:\/\//i.test(item) || item.includes("/")) return 3
  return host.split(".").length > 2 ? 2 : 1
}

const rowOf = (item: string, index: number, { mayExist, seed, world }: Setting): Row => {
  const host = hostOf(item)
  if (host === null) return { ItemNum: index, Item: item, ResultCode: "InvalidItem", Status: "", ItemType: 0 }
  const site = world(host)
  const { facts } = site
  const isKnown = facts.known
  return {
    ItemNum: index,
    Item: item,
    ResultCode: "OK",
    Status: !isKnown ? "NotFound" : mayExist.has(host) ? "MayExist" : "Found",
    ItemType: typeOf(item, host),
    ExtBackLinks: facts.backlinks,
    RefDomains: facts.refdomains,
    RefIPs: facts.refips,
    RefSubNets: facts.subnets,
    CitationFlow: facts.citationFlow,
    TrustFlow: facts.trustFlow,
    ...(isKnown ? topicsOf(site, seed) : {})
  }
}

const asTexts = (row: Row): Row => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value)]))

const reply = (globals: Row, tables: unknown, units: number, { quirks }: Setting): Reply => ({
  status: 200,
  body: {
    Code: "OK",
    ErrorMessage: "",
    FullError: "",
    ...(quirks.globalVars === true ? { GlobalVars: globals } : globals),
    DataTables: tables
  },
  units
})

const stamp = (at: number): string => new Date(at).toISOString().slice(0, 19).replace("T", " ")

const day = 86_400_000

const items = (
  params: ReadonlyMap<string, string>,
  { budget, now, used }: Account,
  setting: Setting
): Refusable<Reply> => {
  const count = Number(params.get("items"))
  if (!Number.isInteger(count) || count < 1 || count > 100) {
    return refused("InvalidParameters", "items must be from 1 to 100")
  }
  const source = params.get("datasource") ?? "historic"
  if (source !== "fresh" && source !== "historic") {
    return refused("InvalidParameters", "datasource must be fresh or historic")
  }
  const asked = Array.from({ length: count }, (_, i) => params.get(`item${i}`))
  if (asked.some((item) => item === undefined || item === "")) {
    return refused("InvalidParameters", "an item is missing")
  }
  if (count > budget - used) {
    return refused("InsufficientIndexItemInfoUnits", "There are not enough IndexItemInfo resource units")
  }
  const rows = asked.map((item, i) => rowOf(item ?? "", i, setting))
  const texts = setting.quirks.textFigures === true ? rows.map(asTexts) : rows
  const data = setting.quirks.shuffledRows === false ? texts : shuffle(texts, setting.seed, ({ Item }) => String(Item))
  const globals = { IndexBuildDate: stamp(now - (now % day)), IndexType: source === "fresh" ? 1 : 0 }
  return Either.right(reply(globals, { Results: { Data: data } }, count, setting))
}

const subscription = ({ budget, now, used }: Account, setting: Setting): Reply => {
  const left = budget - used
  const globals = { SubscriptionIsActive: setting.isActive ? 1 : 0, TotalIndexItemInfoResUnits: left }
  const data = [{ Starts: stamp(now - 10 * day), Expires: stamp(now + 20 * day), IndexItemInfoResUnits: left }]
  return reply(globals, { Subscriptions: { Data: data } }, 0, setting)
}

const answer = (request: Incoming, account: Account, setting: Setting): Refusable<Reply> => {
  const { authorization, method, path, query } = request
  if (method !== "GET" || path !== "/json") return Either.left({ status: 404, text: "Not found", units: 0 })
  const params = new Map(query)
  const isKey = authorization !== "" && (setting.keys === undefined || setting.keys.includes(authorization))
  if (!isKey) return refused("InvalidAPIKey", "The API key is not valid")
  const command = params.get("cmd")
  if (command === "GetSubscriptionInfo") return Either.right(subscription(account, setting))
  if (!setting.isActive) return refused("NoActiveSubscription", "There is no active subscription")
  return command === "GetIndexItemInfo"
    ? items(params, account, setting)
    : refused("UnsupportedCommand", `There is no command ${command ?? ""}`)
}

/**
 * The vendor's answer to a request. Units of `IndexItemInfoResUnits`: one an item, found or not; the account 0. Codes of refusals
 * other than `InsufficientIndexItemInfoUnits` are made up, as the documentation lists none.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const vendor =
  (setting: Setting) =>
  (request: Incoming, account: Account): Reply =>
    Either.merge(answer(request, account, setting))
