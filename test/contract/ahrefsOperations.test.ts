/** Every request the vendor contract of Ahrefs can build, held against the vendor's own list of operations. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as Ahrefs from "../../src/Ahrefs.js"
import { type Column, needed } from "../../src/ahrefs/columns.js"
import { vendor } from "../../src/ahrefs/vendor.js"
import { fixturesOf, readFixture } from "../support/fixture.js"
import { json, makeAhrefs, type Sent } from "../support/stub.js"

const Param = Schema.Struct({
  name: Schema.String,
  required: Schema.Boolean,
  type: Schema.String,
  format: Schema.optional(Schema.String),
  enum: Schema.optional(Schema.Array(Schema.String)),
  /** Columns a filter may name. */
  fields: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Number }))
})
const Field = Schema.Struct({
  type: Schema.Union(Schema.String, Schema.Array(Schema.String)),
  cost: Schema.Number,
  items: Schema.optional(
    Schema.Struct({
      type: Schema.String,
      prefixItems: Schema.optional(Schema.Array(Schema.Struct({ type: Schema.String })))
    })
  )
})
const Spec = Schema.Struct({
  base: Schema.String,
  operations: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({
      wrapper: Schema.String,
      free: Schema.Boolean,
      params: Schema.Array(Param),
      fields: Schema.Record({ key: Schema.String, value: Field }),
      body: Schema.optional(
        Schema.Struct({
          required: Schema.Array(Schema.String),
          targets: Schema.Struct({ minItems: Schema.Int, maxItems: Schema.Int }),
          targetRequired: Schema.Array(Schema.String),
          output: Schema.Array(Schema.String)
        })
      )
    })
  })
})
type OperationSpec = (typeof Spec.Type)["operations"][string]

const spec = Schema.decodeUnknownSync(Spec)(readFixture("ahrefs-operations.json"))
const specOf = (route: string): OperationSpec => spec.operations[route] ?? assert.fail(`${route} is not in the list`)

const keysOf = <T extends object>(table: T) => Object.keys(table) as Array<keyof T>
const links = "GET /site-explorer/all-backlinks"
const batch = "POST /batch-analysis/batch-analysis"
const words = "GET /site-explorer/organic-keywords"
const freePost = "POST /public/domain-rating-free"

describe("columns", () => {
  const tables: ReadonlyArray<readonly [route: string, table: Readonly<Record<string, Column>>]> = [
    [batch, { ...needed.metric, ...Ahrefs.metricColumns }],
    [links, { ...needed.backlink, ...Ahrefs.backlinkColumns }],
    [words, { ...needed.keyword, ...Ahrefs.keywordColumns }]
  ]
  const all = tables.flatMap(([route, table]) =>
    Object.entries(table).map(([name, column]) => ({ route, name, column }))
  )

  /** A value of each type of the list, and one that is none. */
  const samples: Readonly<Record<string, readonly [good: unknown, bad: unknown]>> = {
    integer: [7, "7"],
    number: [4.5, "4.5"],
    string: ["text", 7],
    boolean: [true, "true"]
  }

  type Accepts = (value: unknown) => boolean

  const takesList = (accepts: Accepts, items: (typeof Field.Type)["items"]): boolean => {
    if (!accepts([]) || accepts("text")) return false
    if (items?.prefixItems !== undefined) {
      const pair = items.prefixItems.map(({ type }) => samples[type])
      return accepts([pair.map((sample) => sample?.[0])]) && !accepts([pair.map((sample) => sample?.[1])])
    }
    const sample = samples[items?.type ?? "object"]
    return sample === undefined ? accepts([{ any: "thing" }]) : accepts([sample[0]]) && !accepts([sample[1]])
  }

  const takes = (accepts: Accepts, type: string, { items }: typeof Field.Type): boolean => {
    if (type === "null") return accepts(null)
    if (type === "array") return takesList(accepts, items)
    const sample = samples[type]
    return sample !== undefined && accepts(sample[0]) && !accepts(sample[1])
  }

  it.each(all)("$route: $name has the vendor's name, price and type", ({ column, route }) => {
    const field = specOf(route).fields[column.wire] ?? assert.fail(`no column ${column.wire}`)
    const accepts: Accepts = Schema.is(Schema.NullOr(column.schema))
    const types = typeof field.type === "string" ? [field.type] : field.type
    assert.strictEqual(column.units, field.cost)
    assert.deepStrictEqual(
      types.filter((type) => !takes(accepts, type, field)),
      []
    )
  })

  it("every column of batches and backlinks is offered, and every keyword column of one date", () => {
    const offered = (route: string) =>
      all
        .filter((entry) => entry.route === route)
        .map(({ column }) => column.wire)
        .toSorted()
    assert.deepStrictEqual(offered(batch), Object.keys(specOf(batch).fields).toSorted())
    assert.deepStrictEqual(offered(links), Object.keys(specOf(links).fields).toSorted())
    const ofOneDate = Object.keys(specOf(words).fields).filter(
      (name) => !/_(?:prev|diff|merged)$/.test(name) && name !== "status"
    )
    assert.deepStrictEqual(offered(words), ofOneDate.toSorted())
  })

  it("no wire name and no name is used twice", () => {
    for (const [, table] of tables) {
      const wires = Object.values(table).map(({ wire }) => wire)
      assert.strictEqual(new Set(wires).size, wires.length)
    }
  })
})

// Requests.

const isDate = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text)

const checkValue = (param: typeof Param.Type, value: string, { fields }: OperationSpec): void => {
  if (param.enum !== undefined) assert.include(param.enum, value, param.name)
  if (param.type === "integer") assert.match(value, /^\d+$/, param.name)
  if (param.format === "date") assert.isTrue(isDate(value), param.name)
  if (param.name === "history") assert.match(value, /^(?:live|all_time|since:\d{4}-\d{2}-\d{2})$/)
  if (param.name === "country") assert.match(value, /^[a-z]{2}$/)
  if (param.name === "select") {
    const names = value.split(",")
    assert.strictEqual(new Set(names).size, names.length)
    for (const name of names) assert.property(fields, name)
  }
  if (param.name === "order_by") {
    for (const term of value.split(",")) {
      const [name = "", direction, ...rest] = term.split(":")
      assert.property(fields, name)
      assert.notStrictEqual(name, "link_group_count")
      assert.include([undefined, "asc", "desc"], direction)
      assert.deepStrictEqual(rest, [])
    }
  }
  if (param.name === "where") checkFilter(JSON.parse(value), param.fields ?? {})
}

const operators = /^(?:eq|neq|gt|gte|lt|lte|substring|isubstring|phrase_match|iphrase_match|prefix|suffix|regex)$/

const checkCondition = (condition: unknown): void => {
  if (typeof condition === "string") return assert.include(["empty", "is_null"], condition)
  if (!Array.isArray(condition) || condition.length !== 2) return assert.fail("no condition")
  assert.match(String(condition[0]), operators)
  return assert.notStrictEqual(condition[1], "")
}

const checkFilter = (filter: unknown, fields: Readonly<Record<string, number>>): void => {
  const entries = Object.entries(filter as Readonly<Record<string, unknown>>)
  const [first, second] = entries
  if (entries.length === 1 && first !== undefined) {
    const [name, value] = first
    if (name === "not") return checkFilter(value, fields)
    assert.include(["and", "or"], name)
    const children = value as ReadonlyArray<unknown>
    assert.isNotEmpty(children)
    return children.forEach((child) => checkFilter(child, fields))
  }
  assert.strictEqual(entries.length, 2)
  assert.strictEqual(first?.[0], "field")
  assert.property(fields, String(first?.[1]))
  if (second?.[0] === "is") return checkCondition(second[1])
  assert.strictEqual(second?.[0], "list_is")
  const [kind, condition] = Object.entries(second?.[1] as object)[0] ?? []
  assert.include(["any", "all"], kind)
  return checkCondition(condition)
}

const Body = Schema.Struct({
  select: Schema.NonEmptyArray(Schema.String),
  targets: Schema.NonEmptyArray(Schema.Struct({ url: Schema.String, mode: Schema.String, protocol: Schema.String })),
  order_by: Schema.optional(Schema.Array(Schema.String)),
  country: Schema.optional(Schema.String),
  volume_mode: Schema.optional(Schema.String),
  output: Schema.optional(Schema.String)
})

const checkBody = (sent: Sent, { body: rules, fields }: OperationSpec): void => {
  if (rules === undefined) return assert.strictEqual(sent.body, undefined)
  const body = Schema.decodeUnknownSync(Body, { onExcessProperty: "error" })(sent.body)
  for (const name of rules.required) assert.property(body, name)
  assert.isAtMost(body.targets.length, rules.targets.maxItems)
  assert.strictEqual(new Set(body.select).size, body.select.length)
  for (const name of body.select) assert.property(fields, name)
  for (const target of body.targets) {
    assert.sameMembers(Object.keys(target), [...rules.targetRequired])
    assert.include(["exact", "prefix", "domain", "subdomains"], target.mode)
    assert.include(["both", "http", "https"], target.protocol)
  }
  assert.include(rules.output, body.output)
  return body.country === undefined ? undefined : assert.match(body.country, /^[a-z]{2}$/)
}

/** The route of a request, after it was held against the list. */
const checked = (sent: Sent): string => {
  assert.isTrue(sent.url.startsWith(spec.base))
  const route = `${sent.method} ${sent.url.slice(spec.base.length)}`
  // Newer than the list: held against the recorded request instead.
  if (route === freePost) {
    const recorded = fixturesOf("ahrefs")["public-domain-rating-free.post.2026-10-01.json"]?.request
    assert.sameMembers(Object.keys(sent.body as object), Object.keys(recorded?.body as object))
    assert.deepStrictEqual([sent.method, sent.url, sent.query], [recorded?.method, recorded?.url, []])
    return route
  }
  const operation = specOf(route)
  const params = new Map(operation.params.map((param) => [param.name, param]))
  for (const [name, value] of sent.query) {
    const param = params.get(name)
    if (param === undefined) return assert.fail(`${route} has no parameter ${name}`)
    checkValue(param, value, operation)
  }
  const names = sent.query.map(([name]) => name)
  assert.strictEqual(new Set(names).size, names.length)
  for (const { name, required } of params.values()) if (required) assert.include(names, name)
  checkBody(sent, operation)
  return route
}

/** What the answer's columns cost a row by the vendor's own list. */
const unitsOf = (sent: Sent, route: string): number => {
  const { fields, params } = specOf(route)
  const query = new Map(sent.query)
  const select =
    sent.body === undefined
      ? (query.get("select")?.split(",") ?? Object.keys(fields))
      : Schema.decodeUnknownSync(Body)(sent.body).select
  const ordered =
    query
      .get("order_by")
      ?.split(",")
      .map((term) => term.split(":")[0] ?? "") ?? []
  const filters = params.find(({ name }) => name === "where")?.fields ?? {}
  const filtered = [...(query.get("where") ?? "").matchAll(/"field":"(\w+)"/g)].map(([, name]) => name ?? "")
  const prices = new Map<string, number>([
    ...filtered.map((name) => [name, filters[name] ?? NaN] as const),
    ...[...select, ...ordered].map((name) => [name, fields[name]?.cost ?? NaN] as const)
  ])
  return [...prices.values()].reduce((sum, price) => sum + price, 0)
}

describe("requests", () => {
  const modes: ReadonlyArray<Ahrefs.Mode> = ["exact", "prefix", "domain", "subdomains"]
  const protocols: ReadonlyArray<Ahrefs.Protocol> = ["both", "http", "https"]
  const subset = <A>(items: ReadonlyArray<A>) => FastCheck.shuffledSubarray([...items])
  const optional = <A>(arbitrary: FastCheck.Arbitrary<A>) => FastCheck.option(arbitrary, { nil: undefined })
  const limit = FastCheck.integer({ min: 1, max: 100_000 })
  const domain = FastCheck.constantFrom("example.com", "https://blog.example.com/a?b", "пример.рф", "ahrefs.com")
  const filterColumns: ReadonlyArray<Ahrefs.FilterColumn> = [
    ...keysOf(Ahrefs.backlinkColumns),
    "urlFrom",
    "domainRating",
    "anchor",
    "isNofollow"
  ]
  const operator = FastCheck.constantFrom(...(["eq", "neq", "gt", "gte", "lt", "lte"] as const))
  const textOperators = [
    "substring",
    "isubstring",
    "phrase_match",
    "iphrase_match",
    "prefix",
    "suffix",
    "regex"
  ] as const
  const textOperator = FastCheck.constantFrom(...textOperators)
  const text = FastCheck.string({ minLength: 1 })
  const condition: FastCheck.Arbitrary<Ahrefs.Condition> = FastCheck.oneof(
    FastCheck.constantFrom(...(["empty", "is_null"] as const)),
    FastCheck.tuple(operator, FastCheck.oneof(text, FastCheck.integer(), FastCheck.boolean())),
    FastCheck.tuple(textOperator, text)
  )
  type Filter = Ahrefs.Filter<Ahrefs.FilterColumn>
  const leaf: FastCheck.Arbitrary<Filter> = FastCheck.oneof(
    FastCheck.record({ field: FastCheck.constantFrom(...filterColumns), is: condition }),
    FastCheck.record({
      field: FastCheck.constantFrom(...filterColumns),
      listIs: FastCheck.oneof(
        condition.map((any) => ({ any })),
        condition.map((all) => ({ all }))
      )
    })
  )
  const filterOf = (depth: number): FastCheck.Arbitrary<Filter> => {
    if (depth === 0) return leaf
    const child = filterOf(depth - 1)
    const children = FastCheck.array(child, { minLength: 1, maxLength: 3 })
    return FastCheck.oneof(
      leaf,
      children.map((and): Filter => ({ and })),
      children.map((or): Filter => ({ or })),
      child.map((not): Filter => ({ not }))
    )
  }
  const filter = filterOf(3)
  const order = subset(filterColumns.filter((name) => name !== "linkGroupCount")).chain((columns) =>
    FastCheck.tuple(...columns.map(() => FastCheck.constantFrom("asc" as const, "desc" as const))).map((directions) =>
      columns.map((column, i) => ({ column, direction: directions[i] ?? "asc" }))
    )
  )
  const nothing = () => json({})
  /** Runs a call whose answer does not matter, and gives what was sent. */
  const sentBy = (
    call: (ahrefs: Ahrefs.Service) => Effect.Effect<unknown, unknown>,
    options?: Partial<Ahrefs.Options>
  ) =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(nothing, options)
      yield* Effect.exit(call(ahrefs))
      assert.isNotEmpty(sent)
      return sent
    })
  const price = (route: string, sent: Sent, ours: { readonly upper: number | null }, rows: number) => {
    assert.strictEqual(ours.upper, Math.max(50, rows * unitsOf(sent, route)))
  }

  it.scoped("of every operation without options", () =>
    Effect.gen(function* () {
      const routes: ReadonlyArray<readonly [string, (ahrefs: Ahrefs.Service) => Effect.Effect<unknown, unknown>]> = [
        [batch, (ahrefs) => ahrefs.getDomainRating("a.com")],
        ["GET /site-explorer/backlinks-stats", (ahrefs) => ahrefs.getReferringDomains("a.com")],
        [batch, (ahrefs) => ahrefs.getDomainRatings(["a.com", "b.com"])],
        [batch, (ahrefs) => ahrefs.getUrlRating("https://a.com/b")],
        [batch, (ahrefs) => ahrefs.getDomainMetrics(["a.com"], ["refips"])],
        [links, (ahrefs) => ahrefs.getBacklinks("a.com")],
        [words, (ahrefs) => ahrefs.getKeywordRankings("a.com", { country: "US" })],
        ["GET /subscription-info/limits-and-usage", (ahrefs) => ahrefs.getUsage],
        ["GET /subscription-info/limits-and-usage", (ahrefs) => ahrefs.verify]
      ]
      for (const [route, call] of routes) assert.deepStrictEqual((yield* sentBy(call)).map(checked), [route])
      const free = { freeDomainRating: true }
      const one = yield* sentBy((ahrefs) => ahrefs.getDomainRating("a.com"), free)
      assert.deepStrictEqual(one.map(checked), [freePost])
      assert.isTrue(specOf("GET /subscription-info/limits-and-usage").free)
      const many = yield* sentBy((ahrefs) => ahrefs.getDomainRatings(["a.com"]), free)
      assert.deepStrictEqual(many.map(checked), [freePost])
    })
  )

  it("snapshots cost what the list says", () => {
    for (const [route, units] of [["GET /site-explorer/backlinks-stats", 12]] as const) {
      const fields = Object.values(specOf(route).fields)
      assert.strictEqual(
        fields.reduce((sum, { cost }) => sum + cost, 0),
        units
      )
    }
    const { base: apiUrl } = spec
    assert.strictEqual(vendor.apiUrl, apiUrl)
  })

  it.scoped.prop(
    "getBacklinks",
    [
      domain,
      limit,
      FastCheck.record({
        columns: subset(keysOf(Ahrefs.backlinkColumns)),
        mode: optional(FastCheck.constantFrom(...modes)),
        protocol: optional(FastCheck.constantFrom(...protocols)),
        history: optional(FastCheck.constantFrom(...(["live", "all_time", "since:2026-01-01"] as const))),
        aggregation: optional(FastCheck.constantFrom(...(["similar_links", "1_per_domain", "all"] as const))),
        where: optional(filter),
        orderBy: optional(order)
      })
    ],
    ([domain, limit, options]) =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(nothing)
        const exit = yield* Effect.exit(ahrefs.getBacklinks(domain, limit, options))
        assert.isTrue(exit._tag === "Failure")
        if (options.aggregation === "all" && options.columns.includes("linkGroupCount")) {
          return assert.deepStrictEqual(sent, [])
        }
        assert.strictEqual(sent.length, 1)
        const [request] = sent
        if (request === undefined) return
        assert.strictEqual(checked(request), links)
        if (domain === "ahrefs.com") return
        // A malformed answer is charged at the most it can have cost: our upper price.
        price(links, request, { upper: charges[0]?.amount ?? null }, limit)
      })
  )

  it.scoped.prop(
    "getDomainMetrics",
    [
      FastCheck.integer({ min: 1, max: 130 }),
      subset(keysOf(Ahrefs.metricColumns)).filter((columns) => columns.length > 0),
      FastCheck.record({
        mode: optional(FastCheck.constantFrom(...modes)),
        protocol: optional(FastCheck.constantFrom(...protocols)),
        country: optional(FastCheck.constantFrom("us", "GB", "De"))
      })
    ],
    ([count, columns, options]) =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(() => json({ targets: [] }))
        const targets = Array.from({ length: count }, (_, i) => `site-${i}.com`)
        yield* ahrefs.getDomainMetrics(targets, columns, options)
        for (const [i, request] of sent.entries()) {
          assert.strictEqual(checked(request), batch)
          price(batch, request, { upper: charges[i]?.amount ?? null }, i === 0 ? Math.min(100, count) : count - 100)
        }
      })
  )

  it.scoped.prop(
    "getKeywordRankings",
    [
      limit,
      FastCheck.record({
        country: FastCheck.constantFrom("us", "GB", "De"),
        columns: subset(keysOf(Ahrefs.keywordColumns)),
        keywords: optional(
          FastCheck.array(
            text.filter((word) => word.trim() !== ""),
            { minLength: 1, maxLength: 60 }
          )
        ),
        mode: optional(FastCheck.constantFrom(...modes))
      })
    ],
    ([limit, options]) =>
      Effect.gen(function* () {
        const { ahrefs, charges, sent } = yield* makeAhrefs(nothing)
        yield* Effect.exit(ahrefs.getKeywordRankings("example.com", { ...options, limit }))
        assert.strictEqual(sent.length, 1)
        const [request] = sent
        if (request === undefined) return
        assert.strictEqual(checked(request), words)
        const asked = Number(new Map(request.query).get("limit"))
        price(words, request, { upper: charges[0]?.amount ?? null }, asked)
        if (options.keywords === undefined) assert.strictEqual(asked, limit)
      })
  )
})
