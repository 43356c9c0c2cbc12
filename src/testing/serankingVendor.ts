/**
 * SE Ranking's Data API as the vendor publishes it, over the facts of a world. Pure.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Hash from "effect/Hash"
import * as Number_ from "effect/Number"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import { type Account, htmlPage, type Incoming, keyOf, type Reply } from "./simulator.js"
import { type Backlink, bits, hostOf, market, respelled, shuffle, type Site, vocabulary, type World } from "./world.js"

/**
 * What the vendor does that surprises clients.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Quirks {
  /** Rows of a batch come in any order. Default true. */
  readonly shuffledRows?: boolean | undefined
  /** Unknown sites have no row in a batch. Default true. */
  readonly missingRows?: boolean | undefined
  /** Batches name targets in lower case, without scheme, in Unicode, with a trailing slash. Default false: as sent. */
  readonly respelledTargets?: boolean | undefined
  /** `units_limit` and `units_left` are strings. Default false. */
  readonly stringUnits?: boolean | undefined
  /** The end of the subscription is spelt `expiraton_date`. Default true. */
  readonly misspeltExpiration?: boolean | undefined
  /** A missing `source` is a 500 "source can't be empty" in place of a 400. Default true. */
  readonly validationAs500?: boolean | undefined
  /** 429 is an HTML page in place of the documented JSON. Default false. */
  readonly htmlTooManyRequests?: boolean | undefined
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
  readonly status: "active" | "inactive" | "expired" | "disabled"
  readonly quirks: Quirks
}

type Refusable<A> = Either.Either<A, Reply>

const envelope = (code: number, message: string, description: string): Reply => ({
  status: code,
  body: { error: { code, message, description } },
  units: 0
})

/**
 * @since 0.1.0
 * @category Constructors
 */
export const invalid = (description: string): Either.Either<never, Reply> =>
  Either.left(envelope(400, "Bad Request", description))

/**
 * @since 0.1.0
 * @category Constructors
 */
export const unauthorized: Either.Either<never, Reply> = Either.left({
  status: 401,
  body: { error_description: "Authentication failed" },
  units: 0
})

/**
 * @since 0.1.0
 * @category Constructors
 */
export const notFound: Either.Either<never, Reply> = Either.left(envelope(404, "Not Found", "No such operation."))

/**
 * @since 0.1.0
 * @category Constructors
 */
export const subscriptionRequired: Either.Either<never, Reply> = Either.left(
  envelope(403, "Subscription required", "The subscription of this account is not active.")
)

/**
 * The documented answer, or a page of the edge.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const tooManyRequests = (isHtml: boolean): Reply =>
  isHtml
    ? htmlPage(429)
    : envelope(429, "Too Many Requests", "The call-rate limit has been reached. Please reduce your request frequency.")

/**
 * An answer, unless the account cannot pay it.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const success = (body: unknown, units: number, { budget, used }: Account): Refusable<Reply> =>
  units <= budget - used
    ? Either.right({ status: 200, body, units })
    : Either.left(
        envelope(403, "Insufficient funds", "Your current credit balance is too low to process this request.")
      )

/**
 * How many links of a site a list can filter and sort.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const indexed = 10_000

/**
 * A whole number in a range, or the reason why not.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const readInteger = (
  params: ReadonlyMap<string, string>,
  name: string,
  { fallback, high, low }: { readonly fallback: number; readonly low: number; readonly high: number }
): Refusable<number> => {
  const text = params.get(name)
  const value = text === undefined ? fallback : Number(text)
  return Number.isInteger(value) && value >= low && value <= high
    ? Either.right(value)
    : invalid(`${name} must be between ${low} and ${high}`)
}

/**
 * One of the values of a parameter, the first where it is absent.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const readChoice = <A extends string>(
  params: ReadonlyMap<string, string>,
  name: string,
  choices: readonly [A, ...ReadonlyArray<A>]
): Refusable<A> => {
  const text = params.get(name) ?? choices[0]
  const choice = choices.find((choice) => choice === text)
  return choice === undefined ? invalid(`Invalid ${name}`) : Either.right(choice)
}

// Backlinks: single targets and batches.

type Params = ReadonlyMap<string, string>

const decodeBody = Schema.decodeUnknownOption(
  Schema.Struct(
    { target: Schema.Union(Schema.String, Schema.Array(Schema.String)) },
    Schema.Record({ key: Schema.String, value: Schema.Unknown })
  )
)

/** The parameters of a GET, or of a POST with a JSON body; only `target` may be a list. */
const readTargets = (
  request: Incoming
): Refusable<{ readonly targets: ReadonlyArray<string>; readonly params: Params }> =>
  Either.gen(function* () {
    const query = new Map(request.query)
    if (request.method === "GET") {
      return { targets: request.query.filter(([name]) => name === "target").map(([, value]) => value), params: query }
    }
    const body = Option.getOrUndefined(decodeBody(request.body))
    if (body === undefined) return yield* invalid("target must be a string or a list of strings")
    const fields = Object.entries(body).flatMap(([name, value]) =>
      typeof value === "string" || typeof value === "number" ? [[name, String(value)] as const] : []
    )
    return {
      targets: typeof body.target === "string" ? [body.target] : body.target,
      params: new Map([...query, ...fields])
    }
  }).pipe(
    Either.flatMap((read) => {
      const unreadable = read.targets.find((target) => hostOf(target) === null)
      if (read.targets.length === 0) return invalid("target is required")
      if (read.targets.length > 100) return invalid("100 targets at most")
      return unreadable === undefined ? Either.right(read) : invalid(`Incorrect website URL ${unreadable}`)
    })
  )

interface Asked {
  /** As the answer names it. */
  readonly target: string
  readonly site: Site
}

const siteOf = (world: World, target: string): Site => world(hostOf(target) ?? "")

/**
 * The sites of a batch with the quirks of its rows.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const rowsOf = (targets: ReadonlyArray<string>, { quirks, seed, world }: Setting): ReadonlyArray<Asked> => {
  const asked = targets.map((target) => ({
    target: quirks.respelledTargets === true ? respelled(target) : target,
    site: siteOf(world, target)
  }))
  const listed = quirks.missingRows === false ? asked : asked.filter(({ site }) => site.facts.known)
  return quirks.shuffledRows === false ? listed : shuffle(listed, seed, ({ target }) => target)
}

const metricsRow = ({ site: { facts }, target }: Asked) => ({
  target,
  backlinks: facts.backlinks,
  refdomains: facts.refdomains,
  subnets: facts.subnets,
  ips: facts.refips,
  nofollow_backlinks: facts.backlinksNofollow,
  dofollow_backlinks: facts.backlinksDofollow,
  edu_backlinks: facts.eduBacklinks,
  gov_backlinks: facts.govBacklinks
})

const summaryRow = (asked: Asked) => {
  const { facts, host } = asked.site
  const some = (share: number): number => Math.floor(facts.backlinks * share)
  const top = { backlinks: some(0.3), refdomains: Math.floor(facts.refdomains * 0.4) }
  return {
    ...metricsRow(asked),
    inlink_rank: facts.inlinkRank,
    domain_inlink_rank: facts.domainInlinkRank,
    anchors: Math.ceil(facts.refdomains / 2),
    from_home_page_backlinks: some(0.05),
    dofollow_from_home_page_backlinks: some(0.03),
    text_backlinks: some(0.9),
    dofollow_refdomains: facts.refdomainsDofollow,
    from_home_page_refdomains: Math.floor(facts.refdomains * 0.1),
    edu_refdomains: Math.min(facts.eduBacklinks, facts.refdomains),
    gov_refdomains: Math.min(facts.govBacklinks, facts.refdomains),
    dofollow_anchors: Math.ceil(facts.refdomains / 3),
    pages_with_backlinks: Math.ceil(facts.backlinks / 10),
    top_anchors_by_backlinks: [
      { anchor: host, backlinks: top.backlinks },
      { anchor: "", backlinks: some(0.1) }
    ],
    top_anchors_by_refdomains: [{ anchor: host, refdomains: top.refdomains }],
    top_pages_by_backlinks: [{ url: `https://${host}/`, backlinks: top.backlinks }],
    top_pages_by_refdomains: [{ url: `https://${host}/`, refdomains: top.refdomains }],
    top_tlds: [{ tld: "com", count: top.refdomains }],
    top_countries: [{ country: "us", count: top.refdomains }]
  }
}

const inlink = ({ facts }: Site) => ({ inlink_rank: facts.inlinkRank })
const domainInlink = ({ facts }: Site) => ({ domain_inlink_rank: facts.domainInlinkRank })

const batches: Readonly<Record<string, readonly [wrapper: string, price: number, row: (asked: Asked) => unknown]>> = {
  "/backlinks/summary": ["summary", 100, summaryRow],
  "/backlinks/metrics": ["metrics", 100, metricsRow],
  "/backlinks/authority": [
    "pages",
    100,
    ({ site, target }) => ({ url: target, ...inlink(site), ...domainInlink(site) })
  ],
  "/backlinks/authority/domain": ["pages", 10, ({ site, target }) => ({ url: target, ...domainInlink(site) })],
  "/backlinks/authority/page": ["pages", 10, ({ site, target }) => ({ url: target, ...inlink(site) })]
}

// Lists of links and of domains.

const ranksOf = (link: Backlink) => ({
  inlink_rank: Math.floor(link.domainRating / 3),
  domain_inlink_rank: Math.round(link.domainRating)
})

const linkRow = (link: Backlink) => ({
  url_from: link.urlFrom,
  url_to: link.urlTo,
  title: link.title,
  anchor: link.anchor,
  alt: "",
  nofollow: link.isNofollow,
  image: link.isImage,
  image_source: link.isImage ? `${link.urlFrom}.png` : "",
  ...ranksOf(link),
  first_seen: link.firstSeen,
  last_visited: link.lastVisited
})

type LinkRow = ReturnType<typeof linkRow>

const orders = ["date_found", "domain_inlink_rank", "inlink_rank"] as const

/** Rows are made newest first, so only the ranks need sorting. */
const ordered = <A extends { readonly domain_inlink_rank: number }>(
  rows: Array<A>,
  order: (typeof orders)[number]
): Array<A> =>
  order === "date_found"
    ? rows
    : rows.sort(Order.mapInput(Order.reverse(Order.number), (row) => row.domain_inlink_rank))

const listed = (length: number, perDomain: number, { facts }: Site): number =>
  Math.min(length, perDomain * facts.refdomains)

const readPerDomain = (params: Params): Refusable<number> =>
  params.has("per_domain")
    ? readInteger(params, "per_domain", { fallback: 100, low: 1, high: 100 })
    : Either.right(Infinity)

const linkFilter = (params: Params): Refusable<(row: LinkRow) => boolean> =>
  Either.gen(function* () {
    const rank = { fallback: 0, low: 0, high: 100 }
    const low = yield* readInteger(params, "inlink_rank_from", rank)
    const high = yield* readInteger(params, "inlink_rank_to", { ...rank, fallback: 100 })
    const domainLow = yield* readInteger(params, "domain_inlink_rank_from", rank)
    const domainHigh = yield* readInteger(params, "domain_inlink_rank_to", { ...rank, fallback: 100 })
    const follow = params.has("nofollow_filter")
      ? yield* readChoice(params, "nofollow_filter", ["nofollow_only", "dofollow_only"])
      : undefined
    const texts = yield* Either.all(
      (["url_from", "url_to", "anchor"] as const).map((name) =>
        Either.map(readChoice(params, `${name}_filter_mode`, ["contains", "does_not_contain"]), (mode) => ({
          name,
          text: params.get(`${name}_filter`) ?? "",
          wanted: mode === "contains"
        }))
      )
    )
    return (row) =>
      row.inlink_rank >= low &&
      row.inlink_rank <= high &&
      row.domain_inlink_rank >= domainLow &&
      row.domain_inlink_rank <= domainHigh &&
      (follow === undefined || row.nofollow === (follow === "nofollow_only")) &&
      texts.every(({ name, text, wanted }) => text === "" || row[name].includes(text) === wanted)
  })

const allLinks = (site: Site, params: Params): Refusable<ReadonlyArray<unknown>> =>
  Either.gen(function* () {
    const limit = yield* readInteger(params, "limit", { fallback: 100, low: 1, high: 10_000 })
    const perDomain = yield* readPerDomain(params)
    const order = yield* readChoice(params, "order_by", orders)
    const keeps = yield* linkFilter(params)
    const length = Math.min(indexed, listed(site.facts.backlinks, perDomain, site))
    const rows = Array.from({ length }, (_, index) => linkRow(site.backlink(index))).filter(keeps)
    return ordered(rows, order).slice(0, limit)
  })

/** As long as the vendor's, with the characters that break a client which does not encode it. */
const cursorOf = (site: Site, seed: number, offset: number): string => {
  const noise = Array.from({ length: 46 }, (_, index) => bits(seed ^ Hash.string(site.host), index).toString(36))
  return `${noise.join("_").slice(0, 320)}/-${offset.toString(36)}==`
}

const rawLinks = (
  site: Site,
  seed: number,
  params: Params
): Refusable<readonly [rows: ReadonlyArray<unknown>, next: string | null]> =>
  Either.gen(function* () {
    const limit = yield* readInteger(params, "limit", { fallback: 10_000, low: 1, high: 100_000 })
    const perDomain = yield* readPerDomain(params)
    yield* readChoice(params, "order_by", orders)
    const next = params.get("next")
    const offset = next === undefined ? 0 : Number.parseInt(/-([0-9a-z]+)==$/.exec(next)?.[1] ?? "", 36)
    if (next !== undefined && next !== cursorOf(site, seed, offset)) return yield* invalid("Invalid next")
    const length = listed(site.facts.backlinks, perDomain, site)
    const end = Math.min(length, offset + limit)
    const rows = Array.from({ length: Math.max(0, end - offset) }, (_, index) => linkRow(site.backlink(offset + index)))
    return [rows, end < length ? cursorOf(site, seed, end) : null] as const
  })

const refdomains = (site: Site, params: Params): Refusable<ReadonlyArray<unknown>> =>
  Either.gen(function* () {
    const limit = yield* readInteger(params, "limit", { fallback: 100, low: 1, high: 10_000 })
    const order = yield* readChoice(params, "order_by", orders)
    const length = Math.min(indexed, site.facts.refdomains)
    const rows = Array.from({ length }, (_, index) => {
      const { domain, domainRating, firstSeen, links, linksDofollow } = site.refdomain(index)
      return {
        refdomain: domain,
        backlinks: links,
        dofollow_backlinks: linksDofollow,
        domain_inlink_rank: Math.round(domainRating),
        first_seen: firstSeen
      }
    })
    return ordered(rows, order).slice(0, limit)
  })

// Keywords.

const Condition = Schema.Struct({
  type: Schema.Literal("exact", "contains", "begins", "ends"),
  value: Schema.String
})
const decodeConditions = Schema.decodeUnknownEither(Schema.parseJson(Schema.Array(Schema.Array(Condition))))

const fits = (text: string, { type, value }: typeof Condition.Type): boolean => {
  switch (type) {
    case "exact":
      return text === value
    case "contains":
      return text.includes(value)
    case "begins":
      return text.startsWith(value)
    case "ends":
      return text.endsWith(value)
  }
}

const readConditions = (params: Params, name: string) =>
  Either.mapLeft(decodeConditions(params.get(name) ?? "[]"), () => envelope(400, "Bad Request", `Invalid ${name}`))

const keywordRow = (site: Site, keyword: string, position: number) => {
  const { cpc, difficulty, volume } = market(keyword)
  const traffic = Math.round(volume / (2 * position))
  return {
    keyword,
    position,
    prev_pos: position === 100 ? null : position,
    volume,
    url: `https://${site.host}/${keyword.replaceAll(" ", "-")}`,
    difficulty,
    traffic,
    cpc: cpc / 100,
    competition: difficulty / 100,
    price: Math.round(traffic * cpc) / 100,
    kei: difficulty,
    total_sites: volume * 1000,
    intents: ["I"],
    serp_features: [],
    block: "organic"
  }
}

const orderFields = ["traffic", "volume", "position", "cpc", "competition", "kei", "difficulty"] as const
const ranges = [
  "volume",
  "difficulty",
  "position",
  "cpc",
  "competition",
  "traffic",
  "traffic_percent",
  "price"
] as const

const keywords = (request: Incoming, { quirks, world }: Setting): Refusable<ReadonlyArray<unknown>> =>
  Either.gen(function* () {
    const params = new Map(request.query)
    if ((params.get("source") ?? "") === "") {
      const code = quirks.validationAs500 === false ? 400 : 500
      return yield* Either.left(envelope(code, "Validation failed", "source can't be empty"))
    }
    const host = hostOf(params.get("domain") ?? params.get("url") ?? "")
    if (host === null) return yield* invalid("domain or url is required")
    const limit = yield* readInteger(params, "limit", { fallback: 100, low: 1, high: 1000 })
    const page = yield* readInteger(params, "page", { fallback: 1, low: 1, high: Infinity })
    const field = yield* readChoice(params, "order_field", orderFields)
    const direction = yield* readChoice(params, "order_type", ["desc", "asc"])
    const included = yield* readConditions(params, "filter[multi_keyword_included]")
    const excluded = yield* readConditions(params, "filter[multi_keyword_excluded]")
    const site = world(host)
    // The vendor knows far more keywords than are listed here: those asked for by name are among them.
    const named = included
      .flat()
      .filter(({ type }) => type === "exact")
      .map(({ value }) => value)
    const ranked = [...new Set([...named, ...vocabulary])].flatMap((keyword) => {
      const position = site.position(keyword)
      return position === null ? [] : [keywordRow(site, keyword, position)]
    })
    const traffic = Math.max(1, Number_.sumAll(ranked.map((row) => row.traffic)))
    const rows = ranked.map((row) => ({ ...row, traffic_percent: Math.round((10_000 * row.traffic) / traffic) / 100 }))
    const bounds = ranges.map((name) => ({
      name,
      low: Number(params.get(`filter[${name}][from]`) ?? -Infinity),
      high: Number(params.get(`filter[${name}][to]`) ?? Infinity)
    }))
    const some = (conditions: typeof included, keyword: string) =>
      conditions.some((all) => all.every((condition) => fits(keyword, condition)))
    const found = rows.filter(
      (row) =>
        (included.length === 0 || some(included, row.keyword)) &&
        !some(excluded, row.keyword) &&
        row.keyword.includes(params.get("filter[keyword]") ?? "") &&
        bounds.every(({ high, low, name }) => row[name] >= low && row[name] <= high)
    )
    const byField = Order.mapInput(Order.number, (row: (typeof rows)[number]) => row[field])
    return found.sort(direction === "asc" ? byField : Order.reverse(byField)).slice((page - 1) * limit, page * limit)
  })

// The account.

const dayMillis = 86_400_000
const dateTime = (millis: number): string => new Date(millis).toISOString().slice(0, 19).replace("T", " ")

const subscription = ({ budget, now, used }: Account, { quirks, status }: Setting) => {
  const units = (value: number) => (quirks.stringUnits === true ? String(value) : value)
  return {
    status,
    start_date: dateTime(now - 30 * dayMillis),
    [quirks.misspeltExpiration === false ? "expiration_date" : "expiraton_date"]: dateTime(now + 335 * dayMillis),
    units_limit: units(budget),
    units_left: units(budget - used)
  }
}

const answer = (request: Incoming, account: Account, setting: Setting): Refusable<Reply> =>
  Either.gen(function* () {
    const key = keyOf(request.authorization, "Token", setting.keys)
    if (key === null || key === false) return yield* unauthorized
    const { method, path } = request
    if (method === "GET" && path === "/account/subscription") {
      return yield* success({ subscription_info: subscription(account, setting) }, 0, account)
    }
    if (method === "GET" && path === "/account/credit-balance") {
      return yield* success({ limit: account.budget, used: account.used }, 0, account)
    }
    const batch = batches[path]
    const isList = method === "GET" ? getLists.has(path) : postLists.has(path)
    if (!isList && (batch === undefined || (method !== "GET" && method !== "POST"))) return yield* notFound
    if (setting.status !== "active") return yield* subscriptionRequired
    if (path === "/domain/keywords") {
      const rows = yield* keywords(request, setting)
      return yield* success(rows, 100 * Math.max(1, rows.length), account)
    }
    const { params, targets } = yield* readTargets(request)
    if (!path.startsWith("/backlinks/authority")) yield* readChoice(params, "mode", ["host", "domain", "url"])
    if (batch !== undefined) {
      const [wrapper, price, row] = batch
      const rows = rowsOf(targets, setting).map(row)
      const records = wrapper === "summary" ? targets.length : rows.length
      return yield* success({ [wrapper]: rows }, price * records, account)
    }
    const [target = "", ...others] = targets
    if (others.length > 0) return yield* invalid("target must be one")
    const site = siteOf(setting.world, target)
    if (path === "/backlinks/raw") {
      const [backlinks, next] = yield* rawLinks(site, setting.seed, params)
      return yield* success({ backlinks, next }, backlinks.length, account)
    }
    if (path === "/backlinks/all") {
      const backlinks = yield* allLinks(site, params)
      return yield* success({ backlinks }, backlinks.length, account)
    }
    const rows = yield* refdomains(site, params)
    return yield* success({ refdomains: rows }, rows.length, account)
  })

const postLists = new Set(["/backlinks/all", "/backlinks/refdomains"])
const getLists = new Set([...postLists, "/backlinks/raw", "/domain/keywords"])

/**
 * The vendor's answer to a request. Credits: a summary 100 a target; metrics and authority 100, its domain and page
 * forms 10, links and referring domains 1 a row; keywords 100 a row and at least 100, the higher of the two prices the
 * vendor states; the account 0.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const vendor =
  (setting: Setting) =>
  (request: Incoming, account: Account): Reply =>
    Either.merge(answer(request, account, setting))
