/** Every operation of every contract, with answers that it reads, and the laws of what it reads. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { inspect } from "node:util"
import { backlinkColumns, keywordColumns, metricColumns } from "../../src/ahrefs/columns.js"
import * as ahrefs from "../../src/ahrefs/model.js"
import { platform as ahrefsPlatform } from "../../src/ahrefs/platform.js"
import { vendor as ahrefsVendor } from "../../src/ahrefs/vendor.js"
import { connect } from "../../src/internal/http.js"
import type { Charge, Operation, Wire } from "../../src/Operation.js"
import { MalformedResponse, ProviderError, retryAfter, WireError } from "../../src/ProviderError.js"
import * as seranking from "../../src/seranking/model.js"
import { platform as serankingPlatform } from "../../src/seranking/platform.js"
import { vendor as serankingVendor } from "../../src/seranking/vendor.js"
import * as Target from "../../src/Target.js"
import { Usage } from "../../src/Usage.js"

/** What the transport gives back. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Exchange {
  readonly name: string
  /** An answer that the operation reads. */
  readonly seed: string
  /** Reads the body of a 2xx. */
  readonly read: (choice: number, json: unknown) => void
  /** The whole pipeline around it. */
  readonly call: (choice: number, answer: Answer) => void
}

/** Holds what a header and a URL write in different ways. */
export const apiKey = "sk-5ecret+key/of=the%account"

const isAmount = (u: unknown): boolean => u === null || (Number.isSafeInteger(u) && Number(u) >= 0)

/** What a fact may be made of, so that the cache gives back what was kept. */
const assertPlain = (value: unknown): void => {
  // Not recursive: a value may be nested deeper than the stack is.
  const rest: Array<unknown> = [value]
  for (let next = rest.pop(); rest.length > 0 || next !== undefined; next = rest.pop()) {
    if (typeof next === "number") assert.ok(Number.isFinite(next), `a number that JSON cannot hold: ${next}`)
    else if (typeof next === "object" && next !== null && !DateTime.isDateTime(next)) rest.push(...Object.values(next))
    else assert.ok(typeof next !== "function" && typeof next !== "bigint" && typeof next !== "symbol", "not plain")
  }
}

const assertCharge = (wire: Wire, name: string, charge: Charge, most: number | null): void => {
  assert.ok(isAmount(charge.amount), `a charge of ${charge.amount}`)
  assert.deepEqual([charge.provider, charge.unit, charge.operation], [wire.provider, wire.unit, name])
  if (charge.source === "computed" && charge.amount === null) assert.equal(most, null, "a stated price was lost")
}

const encodeError = Schema.encodeSync(Schema.parseJson(ProviderError))
const decodeError = Schema.decodeUnknownSync(Schema.parseJson(ProviderError))
const isWireError = Schema.is(WireError)

/** A typed error, that says nothing of the key in any form, waits for no negative time, and can travel. */
const assertError = (error: unknown, wire: Wire, name: string): void => {
  if (!isWireError(error)) return assert.fail(`not an error of the contract: ${inspect(error)}`)
  assert.deepEqual([error.provider, error.operation], [wire.provider, name])
  assert.ok(error.message.length < 700, "a message of any length")
  const text = encodeError(error)
  for (const form of [text, inspect({ ...error }, { depth: 9 }), JSON.stringify(error), String(error)]) {
    for (const key of [apiKey, encodeURIComponent(apiKey)]) assert.ok(!form.includes(key), "the key is told")
  }
  const wait = Option.map(retryAfter(error), Duration.toMillis)
  assert.ok(Option.getOrElse(wait, () => 0) >= 0, "a negative wait")
  assert.equal(encodeError(decodeError(text)), text)
}

const noBody = new Response(null)

const exchange = <I, A>(
  wire: Wire,
  operation: Operation<I, A>,
  /** The input that a choice stands for. */
  inputOf: (choice: number) => I,
  /** Whether a value is of the type that the model publishes. */
  isValue: (value: unknown, input: I) => boolean,
  seed: unknown
): Exchange => {
  const name = `${wire.provider}/${wire.contract}/${operation.name}`

  const assertPrice = (input: I, rows: number): void => {
    const { lower, unit, upper } = operation.price(input)
    assert.equal(unit, wire.unit)
    assert.ok(isAmount(lower) && isAmount(upper) && (upper === null || lower <= upper), `${lower} to ${upper}`)
    const charge = operation.charge(input, rows)
    assert.ok(charge === null || (Number.isFinite(charge) && charge >= 0), `${rows} rows are charged with ${charge}`)
    const none = operation.charge(input, 0)
    assert.ok(none === null || upper === null || none <= Math.max(upper, 100), "nothing costs more than all")
  }

  const read: Exchange["read"] = (choice, json) => {
    const input = inputOf(choice)
    const answer = operation.decode(input, json)
    assertPrice(input, Either.isRight(answer) ? answer.right.rows : choice % 1000)
    if (Either.isLeft(answer)) return assert.equal(answer.left._tag, "ParseError")
    const { rows, value } = answer.right
    assert.ok(Number.isSafeInteger(rows) && rows >= 0, `${rows} rows`)
    assertPlain(value)
    if (!isValue(value, input)) assert.fail(`not of the published type: ${inspect(value, { depth: 4 }).slice(0, 2000)}`)
    if (operation.facts !== null) {
      const { join, split, subjects } = operation.facts
      const cells = split(value)
      assert.equal(cells.length, subjects(input).length, "not a fact for each subject")
      assert.deepEqual(join(cells), value, "what was kept is not what was bought")
    }
  }

  const call: Exchange["call"] = (choice, { body, headers, status }) => {
    const input = inputOf(choice)
    const client = HttpClient.make((request) =>
      Effect.succeed(
        // Safe: what is put over it is of the type of what is there; a Response takes neither every status nor every header.
        Object.create(HttpClientResponse.fromWeb(request, noBody), {
          status: { value: status },
          headers: { value: headers },
          text: { value: Effect.succeed(body) }
        }) as HttpClientResponse.HttpClientResponse
      )
    )
    let charge: Charge | undefined
    const exit = connect(wire, { apiKey: Redacted.make(apiKey), retry: { times: 0 } }).pipe(
      Effect.flatMap((call) =>
        call(operation, input, (attempt) =>
          Effect.flatMap(attempt, (answered) => {
            charge = answered.charge
            return answered.result
          })
        )
      ),
      Effect.provideService(HttpClient.HttpClient, client),
      Effect.scoped,
      Effect.runSyncExit
    )
    const isOk = status >= 200 && status < 300
    assert.equal(charge !== undefined, isOk, "charged is what was answered, and nothing else")
    if (charge !== undefined) assertCharge(wire, operation.name, charge, operation.price(input).upper)
    if (Exit.isSuccess(exit)) return assert.ok(isOk, "a refusal taken for an answer")
    const failure = Cause.failureOption(exit.cause)
    if (Option.isNone(failure)) return assert.fail(`a defect: ${Cause.pretty(exit.cause)}`)
    assertError(failure.value, wire, operation.name)
    assert.equal(isOk, failure.value instanceof MalformedResponse, "a refusal and a malformed answer are two things")
  }

  return { name, seed: JSON.stringify(seed), read, call }
}

const domains = ["example.com", "wix.com", "xn--bcher-kva.com", "ahrefs.com", "blog.example.co.uk"].map((text) =>
  Either.getOrThrow(Target.host(text))
)
const domain = (choice: number): Target.Target => domains[choice % domains.length] ?? domains[0]!
const few = (choice: number): ReadonlyArray<Target.Target> => domains.slice(0, 1 + (choice % domains.length))
const one = (choice: number): ReadonlyArray<Target.Target> => [domain(choice)]

// Safe: the keys of a table are its columns; half of them, another half for each choice.
const some = <Table extends object>(table: Table, choice: number) =>
  Object.keys(table).filter((_, i) => ((i * 7) ^ choice) % 2 === 0) as unknown as ReadonlyArray<keyof Table & string>

const limits = [1, 2, 10, 999, 1000, 100_000] as const
const limit = (choice: number): number => limits[choice % limits.length] ?? 1
const modes = ["exact", "prefix", "domain", "subdomains"] as const
const sorts = ["trustFlow", "citationFlow", "firstSeen", "inlinkRank", "domainInlinkRank"] as const
const keywords = ["seo", "Link  Building", "Ärzte", "ß", " "]

const metricsInput =
  (targets: (choice: number) => ReadonlyArray<Target.Target>) =>
  (choice: number): ahrefs.MetricsInput => ({
    targets: targets(choice),
    columns: some(metricColumns, choice),
    mode: modes[choice % 4] ?? "exact",
    protocol: "both",
    country: choice % 3 === 0 ? "us" : undefined
  })

const ahrefsBacklinks = (choice: number): ahrefs.BacklinksInput => ({
  target: domain(choice),
  limit: limit(choice),
  columns: some(backlinkColumns, choice),
  ...(choice % 2 === 0 && { aggregation: "all", history: "all_time" })
})

const ahrefsKeywords =
  (asked: ReadonlyArray<string>) =>
  (choice: number): ahrefs.KeywordsInput => ({
    target: domain(choice),
    date: "2026-10-01",
    country: "us",
    limit: limit(choice),
    keywords: asked,
    columns: some(keywordColumns, choice),
    mode: "subdomains"
  })

const serankingBacklinks = (choice: number): seranking.BacklinksInput => ({
  target: domain(choice),
  limit: limit(choice),
  offset: choice % 7,
  sortBy: sorts[choice % 6],
  doFollowOnly: choice % 2 === 0
})

const page = (choice: number): seranking.PageInput => ({
  target: domain(choice),
  limit: limit(choice),
  sortBy: sorts[choice % 6],
  cursor: choice % 2 === 0 ? null : "7"
})

const summariesInput =
  (targets: (choice: number) => ReadonlyArray<Target.Target>) =>
  (choice: number): seranking.SummariesInput => ({ targets: targets(choice), mode: "domain" })

const serankingKeywords = (choice: number): seranking.KeywordsInput => ({
  target: domain(choice),
  keywords: keywords.slice(0, 1 + (choice % keywords.length)),
  searchEngine: "google",
  location: choice % 2 === 0 ? "us" : "Germany"
})

const isRows = (value: unknown): value is ahrefs.Rows => Array.isArray(value)
/** As many rows as were asked for, if that is known, each with just these columns. */
const rowsOf =
  <I>(columns: (input: I) => ReadonlyArray<string>, count: (input: I) => number | null) =>
  (value: unknown, input: I): boolean => {
    const names = columns(input).toSorted().join()
    const length = count(input)
    return (
      isRows(value) &&
      (length === null || value.length === length) &&
      value.every((row) => Object.keys(row).toSorted().join() === names)
    )
  }
const ofEachTarget = ({ targets }: ahrefs.MetricsInput): number => targets.length
const anyNumber = () => null
const unique = (names: ReadonlyArray<string>): ReadonlyArray<string> => Array.from(new Set(names))
const keywordNames = ({ columns }: ahrefs.KeywordsInput) => unique(["keyword", "position", "url", ...columns])

const is = <A, I>(schema: Schema.Schema<A, I>) => {
  const isValue = Schema.is(schema)
  return (value: unknown): boolean => isValue(value)
}
const isUsage = is(Schema.typeSchema(Usage))
const isPage = is(Schema.Struct({ backlinks: Schema.Array(seranking.Backlink), next: Schema.NullOr(Schema.String) }))

const account = {
  subscription: "Standard",
  usage_reset_date: "2026-09-01T00:00:00Z",
  units_limit_workspace: 100000,
  units_usage_workspace: 20,
  units_limit_api_key: 5000,
  units_usage_api_key: 10,
  api_key_expiration_date: null
}

/** A value of each column, as the wire names it. */
const valuesOf = (
  table: Readonly<Record<string, { readonly wire: string; readonly schema: Schema.Schema.AnyNoContext }>>
) =>
  Object.fromEntries(
    Object.values(table).map(({ schema, wire }) => {
      const fitting = [1, "a", true, ["a"], [1], [["us", 1]]].find((value) => Schema.is(schema)(value))
      return [wire, fitting ?? null]
    })
  )

const metricRow = valuesOf(metricColumns)
const linkRow = {
  ...valuesOf(backlinkColumns),
  url_from: "https://a.com/",
  domain_rating_source: 71,
  anchor: "a",
  is_nofollow: false
}
const keywordRow = {
  ...valuesOf(keywordColumns),
  keyword: "SEO",
  best_position: 3,
  best_position_url: "https://example.com/"
}

const link = {
  url_from: "https://a.com/x",
  url_to: "https://example.com/",
  nofollow: false,
  title: "t",
  anchor: "a",
  alt: null,
  image: false,
  image_source: "",
  inlink_rank: 12,
  domain_inlink_rank: 34,
  first_seen: "2025-01-01",
  last_visited: "2026-01-01"
}
const counts = {
  backlinks: 10,
  refdomains: 5,
  subnets: 4,
  ips: 4,
  nofollow_backlinks: 1,
  dofollow_backlinks: 9,
  edu_backlinks: 0,
  gov_backlinks: 0
}
const platformLink = {
  source_url: "https://a.com/x",
  target_url: "https://example.com/",
  anchor_text: null,
  trust_flow: 1,
  citation_flow: 2,
  nofollow: true,
  first_seen: "2025-01-01",
  last_seen: null
}

const present = <A>(value: A | null): A => {
  assert.ok(value !== null, "the contract has it")
  return value
}

export const exchanges: ReadonlyArray<Exchange> = [
  exchange(
    ahrefsVendor,
    ahrefsVendor.domainRatings,
    (choice) => ahrefs.asRatings(few(choice)),
    rowsOf(() => ["domainRating"], ofEachTarget),
    { targets: [0, 1, 2, 3, 4].map((index) => ({ index, domain_rating: 50.5 })) }
  ),
  exchange(
    ahrefsVendor,
    present(ahrefsVendor.freeDomainRatings),
    metricsInput(few),
    rowsOf(() => ["domainRating", "attribution"], ofEachTarget),
    {
      domain_rating: {
        targets: [
          { target: "example.com/", domain_rating: 93 },
          { target: "bücher.com/", domain_rating: null }
        ],
        license: "CC"
      }
    }
  ),
  exchange(
    ahrefsVendor,
    present(ahrefsVendor.metrics),
    metricsInput(few),
    rowsOf(({ columns }) => columns, ofEachTarget),
    { targets: [0, 2].map((index) => ({ index, ...metricRow })) }
  ),
  exchange(
    ahrefsVendor,
    ahrefsVendor.backlinks,
    ahrefsBacklinks,
    rowsOf(({ columns }) => unique(["urlFrom", "domainRating", "anchor", "isNofollow", ...columns]), anyNumber),
    { backlinks: [linkRow, linkRow] }
  ),
  exchange(
    ahrefsVendor,
    ahrefsVendor.referringDomains,
    (choice) => ({ target: domain(choice), date: "2026-10-01", mode: modes[choice % 4] ?? "exact" }),
    is(Schema.Finite),
    { metrics: { live: 1, live_refdomains: 123 } }
  ),
  exchange(
    ahrefsVendor,
    present(ahrefsVendor.keywordRankings),
    ahrefsKeywords(keywords),
    rowsOf(keywordNames, () => keywords.length),
    { keywords: [keywordRow, { ...keywordRow, keyword: "link building", best_position: null }] }
  ),
  exchange(ahrefsVendor, present(ahrefsVendor.topKeywords), ahrefsKeywords([]), rowsOf(keywordNames, anyNumber), {
    keywords: [keywordRow]
  }),
  exchange(ahrefsVendor, ahrefsVendor.usage, () => undefined, isUsage, { limits_and_usage: account }),

  exchange(
    ahrefsPlatform,
    ahrefsPlatform.domainRatings,
    metricsInput(one),
    rowsOf(() => ["domainRating", "ahrefsRank"], ofEachTarget),
    { domain_rating: 50, ahrefs_rank: 1200 }
  ),
  exchange(ahrefsPlatform, ahrefsPlatform.backlinks, ahrefsBacklinks, is(Schema.Array(ahrefs.Backlink)), {
    backlinks: [{ url_from: "https://a.com/", domain_rating_source: 1, anchor: "", nofollow: true }]
  }),
  exchange(
    ahrefsPlatform,
    ahrefsPlatform.referringDomains,
    (choice) => ({ target: domain(choice), date: "2026-10-01", mode: modes[choice % 4] ?? "exact" }),
    is(Schema.Finite),
    { referring_domains: 12 }
  ),
  exchange(ahrefsPlatform, ahrefsPlatform.usage, () => undefined, isUsage, { subscription: { plan: "x" } }),

  exchange(
    serankingVendor,
    serankingVendor.summaries,
    summariesInput(few),
    is(Schema.Array(seranking.BacklinksSummary)),
    {
      summary: [
        {
          target: "example.com",
          ...counts,
          inlink_rank: 28,
          domain_inlink_rank: 88,
          dofollow_refdomains: 8,
          top_anchors_by_backlinks: [{ anchor: "a", backlinks: 2 }],
          top_anchors_by_refdomains: [{ anchor: "a", refdomains: 1 }],
          top_pages_by_backlinks: null,
          top_tlds: [{ tld: "com", count: 5 }],
          top_countries: []
        },
        { target: "https://WIX.com/", ...counts }
      ]
    }
  ),
  exchange(serankingVendor, serankingVendor.metrics, few, is(Schema.Array(seranking.BacklinksMetrics)), {
    metrics: [
      { target: "example.com", ...counts },
      { target: "wix.com/", backlinks: 1 }
    ]
  }),
  exchange(serankingVendor, serankingVendor.backlinks, serankingBacklinks, is(Schema.Array(seranking.Backlink)), {
    backlinks: [link, link]
  }),
  exchange(serankingVendor, serankingVendor.page, page, isPage, { backlinks: [link], next: "abc" }),
  exchange(
    serankingVendor,
    serankingVendor.keywordRankings,
    serankingKeywords,
    is(Schema.Array(seranking.KeywordRanking)),
    [
      { keyword: "seo", position: 3, url: "https://example.com/", volume: 100 },
      { keyword: "seo", position: 1, url: null, volume: null }
    ]
  ),
  exchange(serankingVendor, present(serankingVendor.domainInlinkRank), domain, is(seranking.DomainInlinkRank), {
    pages: [{ url: "example.com", domain_inlink_rank: 50 }]
  }),
  exchange(serankingVendor, serankingVendor.usage, () => undefined, isUsage, {
    subscription_info: {
      status: "active",
      expiraton_date: "2026-12-01 10:00:00",
      units_limit: 100000,
      units_left: "99000.5"
    }
  }),

  exchange(
    serankingPlatform,
    serankingPlatform.summaries,
    summariesInput(one),
    is(Schema.Array(seranking.BacklinksSummary)),
    {
      total_backlinks: 1,
      referring_domains: 1,
      referring_ips: null,
      trust_flow: 20,
      citation_flow: 30,
      domain_trust_score: 40,
      nofollow_backlinks: 0,
      dofollow_backlinks: 1
    }
  ),
  exchange(serankingPlatform, serankingPlatform.metrics, few, is(Schema.Array(seranking.BacklinksMetrics)), [
    { domain: "example.com", trust_flow: 1, citation_flow: null, referring_domains: 3, total_backlinks: 4 }
  ]),
  exchange(serankingPlatform, serankingPlatform.backlinks, serankingBacklinks, is(Schema.Array(seranking.Backlink)), {
    backlinks: [platformLink]
  }),
  exchange(serankingPlatform, serankingPlatform.page, page, isPage, { backlinks: [platformLink, platformLink] }),
  exchange(
    serankingPlatform,
    serankingPlatform.keywordRankings,
    serankingKeywords,
    is(Schema.Array(seranking.KeywordRanking)),
    [{ keyword: "seo", position: 1, url: null, volume: 10 }]
  ),
  exchange(serankingPlatform, serankingPlatform.usage, () => undefined, isUsage, { email: "a@example.com" })
]
