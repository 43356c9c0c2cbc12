/**
 * Ahrefs API v3 as the vendor publishes it, over the facts of a world. Pure.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import { type Field, type Operation, operations } from "./ahrefsOperations.js"
import {
  anchorsTable,
  backlinksTable,
  batchRow,
  cell,
  keywordsTable,
  metricsRow,
  type Param,
  project,
  ratingRow,
  refdomainsTable,
  type Row,
  statsRow,
  type Table
} from "./ahrefsRows.js"
import { type Account, htmlPage, type Incoming, keyOf, type Reply } from "./simulator.js"
import { bits, hostOf, respelled, shuffle, type Site, type World } from "./world.js"

/**
 * What the vendor does that surprises clients.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Quirks {
  /** Rows of a batch come in any order where no `order_by` was sent. Default true. */
  readonly shuffledRows?: boolean | undefined
  /** Batches name targets in lower case, without scheme, in Unicode, with a trailing slash. Default true. */
  readonly respelledTargets?: boolean | undefined
  /** Calls for ahrefs.com, yep.com and firehose.com cost nothing and give at most 100 rows. Default true. */
  readonly freeTargets?: boolean | undefined
  /** Unknown sites have no row in a batch. Default false: a row with zeros. */
  readonly missingRows?: boolean | undefined
  /** 429 is an HTML page in place of `{"error"}`. Default false. */
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
  readonly noSubscription: boolean
  readonly quirks: Quirks
}

type Refusable<A> = Either.Either<A, Reply>

const refuse = (status: number, body: unknown): Either.Either<never, Reply> => Either.left({ status, body, units: 0 })

/**
 * @since 0.1.0
 * @category Constructors
 */
export const bad = (text: string): Either.Either<never, Reply> => refuse(400, { error: text })

/**
 * @since 0.1.0
 * @category Constructors
 */
export const unauthorized = refuse(401, ["Error", "Unauthorized"])

/**
 * @since 0.1.0
 * @category Constructors
 */
export const insufficientPlan = refuse(403, { error: "Insufficient plan" })

/**
 * @since 0.1.0
 * @category Constructors
 */
export const notFound = (path: string): Either.Either<never, Reply> =>
  refuse(404, ["Error", ["NotFound", `this route does not exist ${path}`]])

/**
 * Refuses what the account cannot pay.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const affordable = (units: number, { budget, used }: Account): Refusable<void> =>
  units <= budget - used
    ? Either.void
    : refuse(403, {
        error: `API units limit reached. Expected usage: ${units}, API units left: ${Math.max(0, budget - used)}.`
      })

/**
 * @since 0.1.0
 * @category Constructors
 */
export const tooManyRequests = (isHtml: boolean): Reply =>
  isHtml ? htmlPage(429) : { status: 429, body: { error: "Too many requests" }, units: 0 }

/**
 * How many rows of a site a report can filter and sort.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const indexed = 10_000

const minimumCharge = 50
const license = "http://ahrefs.com/legal/domain-rating-license"
const freeTargets = ["ahrefs.com", "yep.com", "firehose.com"]
const isFreeTarget = (host: string): boolean =>
  freeTargets.some((target) => host === target || host.endsWith(`.${target}`))

const isoSeconds = (millis: number): string => `${new Date(millis).toISOString().slice(0, 19)}Z`
const dayMillis = 86_400_000

// Parameters.

const isOfType = (type: string, value: string): boolean => {
  switch (type) {
    case "date":
      return /^\d{4}-\d\d-\d\d$/.test(value)
    case "integer":
      return /^[1-9]\d*$/.test(value)
    case "url":
      return hostOf(value) !== null
    default:
      return true
  }
}

const isHistory = (value: string): boolean => /^(?:live|all_time|since:\d{4}-\d\d-\d\d)$/.test(value)

/** Parameters the vendor does not list are ignored, as it seems to do. */
const readParams = (operation: Operation, query: Incoming["query"]): Refusable<Param> => {
  const given = new Map(query)
  for (const param of operation.params.values()) {
    const value = given.get(param.name)
    if (value === undefined && param.isRequired) return bad(`missing parameter ${param.name}`)
    if (value === undefined) continue
    if (param.enum.length > 0 && !param.enum.includes(value)) return bad(`bad value ${value} for type enum`)
    if (param.name === "history" && !isHistory(value)) return bad(`bad value ${value} for type enum`)
    if (!isOfType(param.type, value)) return bad(`bad value ${value} for type ${param.type}`)
  }
  return Either.right((name) => given.get(name))
}

const findColumns = (
  columns: ReadonlyMap<string, Field>,
  names: ReadonlyArray<string>
): Refusable<ReadonlyArray<Field>> =>
  Either.all(
    names.map((name) => {
      const column = columns.get(name)
      return column === undefined ? bad(`column '${name}' not found`) : Either.right(column)
    })
  )

interface Sorting {
  readonly columns: ReadonlyArray<Field>
  readonly order: Order.Order<Row>
}

const comparable = (value: unknown): number | string | null =>
  typeof value === "number" || typeof value === "string" ? value : typeof value === "boolean" ? Number(value) : null

const readOrder = (operation: Operation, terms: ReadonlyArray<string>): Refusable<Sorting> =>
  Either.gen(function* () {
    const split = terms.map((term) => term.split(":"))
    const wrong = split.find(
      ([name, direction = "desc", ...rest]) =>
        rest.length > 0 || (direction !== "asc" && direction !== "desc") || name === "link_group_count"
    )
    if (wrong !== undefined) return yield* bad(`bad order_by ${wrong.join(":")}`)
    const columns = yield* findColumns(
      operation.columns,
      split.map(([name = ""]) => name)
    )
    const orders = columns.map((column, index): Order.Order<Row> => {
      const isAscending = split[index]?.[1] === "asc"
      return Order.make((self, that) => {
        const a = comparable(cell(column, self))
        const b = comparable(cell(column, that))
        if (a === b) return 0
        if (a === null) return 1
        if (b === null) return -1
        return a < b === isAscending ? -1 : 1
      })
    })
    return { columns, order: Order.combineAll(orders) }
  })

// Filters.

type Where =
  | { readonly and: ReadonlyArray<Where> }
  | { readonly or: ReadonlyArray<Where> }
  | { readonly not: Where }
  | {
      readonly field: string
      readonly is: readonly [operator: keyof typeof operators, value: string | number | boolean]
    }

type Scalar = string | number | boolean

const isScalar = (value: unknown): value is Scalar =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"

const operators = {
  eq: (a: Scalar, b: Scalar) => a === b,
  neq: (a: Scalar, b: Scalar) => a !== b,
  gt: (a: Scalar, b: Scalar) => a > b,
  gte: (a: Scalar, b: Scalar) => a >= b,
  lt: (a: Scalar, b: Scalar) => a < b,
  lte: (a: Scalar, b: Scalar) => a <= b,
  substring: (a: Scalar, b: Scalar) => String(a).includes(String(b)),
  isubstring: (a: Scalar, b: Scalar) => String(a).toLowerCase().includes(String(b).toLowerCase())
}

const Where: Schema.Schema<Where> = Schema.Union(
  Schema.Struct({ and: Schema.Array(Schema.suspend(() => Where)) }),
  Schema.Struct({ or: Schema.Array(Schema.suspend(() => Where)) }),
  Schema.Struct({ not: Schema.suspend(() => Where) }),
  Schema.Struct({
    field: Schema.String,
    is: Schema.Tuple(
      Schema.Literal("eq", "neq", "gt", "gte", "lt", "lte", "substring", "isubstring"),
      Schema.Union(Schema.String, Schema.Number, Schema.Boolean)
    )
  })
)
const decodeWhere = Schema.decodeUnknownEither(Schema.parseJson(Where), { onExcessProperty: "error" })

type Condition = Extract<Where, { readonly field: string }>

const conditionsOf = (where: Where): ReadonlyArray<Condition> => {
  if ("and" in where) return where.and.flatMap(conditionsOf)
  if ("or" in where) return where.or.flatMap(conditionsOf)
  return "not" in where ? conditionsOf(where.not) : [where]
}

const matches = (where: Where, filters: Operation["filters"], row: Row): boolean => {
  if ("and" in where) return where.and.every((each) => matches(each, filters, row))
  if ("or" in where) return where.or.some((each) => matches(each, filters, row))
  if ("not" in where) return !matches(where.not, filters, row)
  const field = filters.get(where.field)
  const value = field === undefined ? null : cell(field, row)
  const [operator, wanted] = where.is
  return isScalar(value) && typeof value === typeof wanted && operators[operator](value, wanted)
}

const readWhere = (operation: Operation, text: string | undefined): Refusable<Option.Option<Where>> =>
  text === undefined
    ? Either.right(Option.none())
    : Either.mapBoth(decodeWhere(text), {
        onLeft: (): Reply => ({ status: 400, body: { error: "bad where: invalid filter expression" }, units: 0 }),
        onRight: Option.some
      })

// Answers.

/** What an operation found, and what its rows are priced with. */
interface Found {
  readonly body: unknown
  readonly rows: number
  readonly columns: Iterable<Field>
  readonly isFreeTarget: boolean
}

const unitsOf = (rows: number, columns: Iterable<Field>): { readonly row: number; readonly total: number } => {
  const prices = new Map([...columns].map(({ name, price }) => [name, price]))
  const row = [...prices.values()].reduce((sum, price) => sum + price, 0)
  return { row, total: Math.max(minimumCharge, rows * row) }
}

const siteOf = (world: World, target: string | undefined): Site => world(hostOf(target ?? "") ?? "")

const isKeyword = ({ field, is }: Condition): boolean =>
  (field === "keyword" || field === "keyword_merged") && is[0] === "eq"

const listReport = (
  operation: Operation,
  param: Param,
  site: Site,
  tableFor: (named: ReadonlyArray<string>) => Table,
  maximum: number
): Refusable<Omit<Found, "isFreeTarget">> =>
  Either.gen(function* () {
    const columns = yield* findColumns(operation.columns, param("select")?.split(",") ?? [])
    const sorting = yield* readOrder(operation, param("order_by")?.split(",") ?? [])
    const where = yield* readWhere(operation, param("where"))
    const conditions = Option.match(where, { onNone: () => [], onSome: conditionsOf })
    const filtered = yield* findColumns(
      operation.filters,
      conditions.map(({ field }) => field)
    )
    const limit = Math.min(maximum, Number(param("limit") ?? 1000))
    const table = tableFor(conditions.filter(isKeyword).map(({ is }) => String(is[1])))
    const isWhole = Option.isSome(where) || sorting.columns.length > 0
    const rows = Array.from({ length: Math.min(table.length, isWhole ? indexed : limit) }, (_, index) =>
      table.row(index)
    )
    const found = Option.match(where, {
      onNone: () => rows,
      onSome: (where) => rows.filter((row) => matches(where, operation.filters, row))
    })
    const sorted = sorting.columns.length > 0 ? found.sort(sorting.order) : found
    const answered = sorted.slice(0, limit).map((row) => project(columns, row))
    return { body: answered, rows: answered.length, columns: [...columns, ...sorting.columns, ...filtered] }
  })

const BatchBody = Schema.Struct({
  select: Schema.Array(Schema.String),
  targets: Schema.Array(Schema.Struct({ url: Schema.String, mode: Schema.String, protocol: Schema.String })),
  order_by: Schema.optional(Schema.Array(Schema.String)),
  country: Schema.optional(Schema.String),
  volume_mode: Schema.optional(Schema.String),
  output: Schema.optional(Schema.String)
})
const decodeBatch = Schema.decodeUnknownOption(BatchBody)
const decodeTargets = Schema.decodeUnknownOption(Schema.Struct({ targets: Schema.Array(Schema.String) }))

const batchReport = (operation: Operation, body: unknown, { quirks, seed, world }: Setting): Refusable<Found> =>
  Either.gen(function* () {
    const request = yield* Option.match(decodeBatch(body), {
      onNone: () => bad("bad request body"),
      onSome: Either.right
    })
    if (request.select.length === 0) return yield* bad("missing parameter select")
    if (request.targets.length === 0 || request.targets.length > 100) return yield* bad("targets: 1 to 100 expected")
    const wrong = [
      ...request.targets.filter(({ mode }) => !modes.has(mode)).map(({ mode }) => mode),
      ...request.targets.filter(({ protocol }) => !protocols.has(protocol)).map(({ protocol }) => protocol),
      ...[request.volume_mode ?? "monthly"].filter((mode) => mode !== "monthly" && mode !== "average")
    ]
    if ((request.output ?? "json") !== "json") return yield* bad(`output ${request.output} is not simulated`)
    if (wrong.length > 0) return yield* bad(`bad value ${wrong[0]} for type enum`)
    const unreadable = request.targets.find(({ url }) => hostOf(url) === null)
    if (unreadable !== undefined) return yield* bad(`bad value ${unreadable.url} for type url`)
    const columns = yield* findColumns(operation.columns, request.select)
    const sorting = yield* readOrder(operation, request.order_by ?? [])
    const rows = request.targets.map(({ mode, protocol, url }, index) => {
      const site = siteOf(world, url)
      const known = { index, url: quirks.respelledTargets === false ? url : respelled(url), mode, protocol }
      return { id: index, site, known: { ...known, ...batchRow(site) } }
    })
    const listed = quirks.missingRows === true ? rows.filter(({ site }) => site.facts.known) : rows
    const arranged =
      sorting.columns.length > 0 ? listed.sort(sorting.order) : shuffled(listed, quirks, seed, ({ known }) => known.url)
    return {
      body: arranged.map((row) => project(columns, row)),
      rows: rows.length,
      columns: [...columns, ...sorting.columns],
      isFreeTarget: quirks.freeTargets !== false && rows.every(({ site }) => isFreeTarget(site.host))
    }
  })

const modes = new Set(["exact", "prefix", "domain", "subdomains"])
const protocols = new Set(["both", "http", "https"])

const shuffled = <A>(items: ReadonlyArray<A>, quirks: Quirks, seed: number, name: (item: A) => string) =>
  quirks.shuffledRows === false ? items : shuffle(items, seed, name)

/** The POST form of the free rating, newer than the vendor's list of operations. At most 1000 targets. */
const freeRatings = (body: unknown, { quirks, seed, world }: Setting): Refusable<unknown> =>
  Either.gen(function* () {
    const { targets } = yield* Option.match(decodeTargets(body), {
      onNone: () => bad("bad request body"),
      onSome: Either.right
    })
    if (targets.length === 0 || targets.length > 1000) return yield* bad("targets: 1 to 1000 expected")
    const unreadable = targets.find((target) => hostOf(target) === null)
    if (unreadable !== undefined) return yield* bad(`bad value ${unreadable} for type url`)
    const rows = targets.map((target) => ({
      target: quirks.respelledTargets === false ? target : respelled(target),
      domain_rating: siteOf(world, target).facts.domainRating
    }))
    return { targets: shuffled(rows, quirks, seed, ({ target }) => target), license }
  })

const usage = ({ budget, now, used }: Account) => ({
  subscription: "Standard, billed monthly",
  usage_reset_date: isoSeconds(now + 14 * dayMillis),
  units_limit_workspace: budget,
  units_usage_workspace: used,
  units_limit_api_key: null,
  units_usage_api_key: used,
  api_key_expiration_date: isoSeconds(now + 365 * dayMillis)
})

const find = (route: string, operation: Operation, request: Incoming, setting: Setting): Refusable<Found> =>
  Either.gen(function* () {
    if (route === batch) return yield* batchReport(operation, request.body, setting)
    const param = yield* readParams(operation, request.query)
    const output = param("output") ?? "json"
    if (output !== "json") return yield* bad(`output ${output} is not simulated`)
    const site = siteOf(setting.world, param("target"))
    const isFree = setting.quirks.freeTargets !== false && isFreeTarget(site.host)
    const list = (tableFor: (named: ReadonlyArray<string>) => Table) =>
      Either.map(listReport(operation, param, site, tableFor, isFree ? 100 : Infinity), (found) => ({
        ...found,
        isFreeTarget: isFree
      }))
    const one = (body: unknown): Refusable<Found> =>
      Either.right({ body, rows: 1, columns: operation.columns.values(), isFreeTarget: isFree })
    switch (route) {
      case "GET /site-explorer/domain-rating":
        return yield* one(ratingRow(site))
      case "GET /site-explorer/backlinks-stats":
        return yield* one(statsRow(site))
      case "GET /site-explorer/metrics":
        return yield* one(metricsRow(site))
      case "GET /site-explorer/all-backlinks":
        return yield* list(() => backlinksTable(site, param))
      case "GET /site-explorer/refdomains":
        return yield* list(() => refdomainsTable(site))
      case "GET /site-explorer/anchors":
        return yield* list(() => anchorsTable(site))
      default:
        return yield* list((named) => keywordsTable(site, param, named))
    }
  })

const batch = "POST /batch-analysis/batch-analysis"

interface Cost {
  readonly cache: string
  readonly rows: number
  readonly row: number
  readonly total: number
  /** What is charged. */
  readonly units: number
}

const success = (wrapper: string, body: unknown, { cache, row, rows, total, units }: Cost): Reply => ({
  status: 200,
  body: { [wrapper]: body },
  headers: {
    "x-api-cache": cache,
    "x-api-rows": String(rows),
    "x-api-units-cost-row": String(row),
    "x-api-units-cost-total": String(total),
    "x-api-units-cost-total-actual": String(units)
  },
  units
})

const free: Cost = { cache: "no_cache", rows: 1, row: 0, total: 0, units: 0 }

const priced = (operation: Operation, found: Found, account: Account, cache: string): Refusable<Reply> => {
  const { row, total } = unitsOf(found.rows, found.columns)
  const units = found.isFreeTarget ? 0 : total
  return Either.map(affordable(units, account), () =>
    success(operation.wrapper, found.body, { cache, rows: found.rows, row, total, units })
  )
}

const answer = (request: Incoming, account: Account, setting: Setting): Refusable<Reply> =>
  Either.gen(function* () {
    const key = keyOf(request.authorization, "Bearer", setting.keys)
    if (key === null) return yield* refuse(403, ["Error", "Forbidden"])
    if (key === false) return yield* unauthorized
    const route = `${request.method} ${request.path}`
    if (route === "POST /public/domain-rating-free") {
      return success("domain_rating", yield* freeRatings(request.body, setting), free)
    }
    const operation = operations.get(route)
    if (operation === undefined) return yield* notFound(request.sentPath)
    if (route === "GET /public/domain-rating-free") {
      const param = yield* readParams(operation, request.query)
      const { facts } = siteOf(setting.world, param("target"))
      return success(operation.wrapper, { domain_rating: facts.domainRating, license }, free)
    }
    if (setting.noSubscription) return yield* insufficientPlan
    if (operation.isFree) return success(operation.wrapper, usage(account), free)
    const found = yield* find(route, operation, request, setting)
    return yield* priced(operation, found, account, route.endsWith("domain-rating") ? "no_cache" : "miss")
  })

/**
 * The vendor's answer to a request. Every answer has its own `x-request-id`.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const vendor =
  (setting: Setting) =>
  (request: Incoming, account: Account): Reply => {
    const reply = Either.merge(answer(request, account, setting))
    const noise = bits(setting.seed, request.number).toString(16)
    const id = noise + request.number.toString(16).padStart(32 - noise.length, "0")
    return { ...reply, headers: { ...reply.headers, "x-request-id": id } }
  }
