/**
 * The wire that Majestic publishes: one address, a command and the key in the query, JSON.
 *
 * Source: Majestic developer documentation, GetIndexItemInfo and GetSubscriptionInfo.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Count, Rating } from "../internal/figures.js"
import { utc } from "../internal/utc.js"
import { type Operation, type Price, rowOfFacts } from "../Operation.js"
import type { Target } from "../Target.js"
import { classify, refusedIn } from "./errors.js"
import type { Contract, Figures, IndexItemInfo, ItemsInput } from "./model.js"

const path = "/json"

/** Clients have met numbers and texts. */
const either = <A>(number: Schema.Schema<A, number>) =>
  Schema.optionalWith(
    Schema.NullOr(Schema.Union(number, Schema.compose(Schema.NumberFromString, number, { strict: false }))),
    {
      default: () => null
    }
  )
const count = either(Count)
const rating = either(Rating)
const text = Schema.optionalWith(Schema.NullOr(Schema.String), { default: () => null })
const position = Schema.Union(Schema.Int, Schema.NumberFromString.pipe(Schema.int()))

const decodeItems = Schema.decodeUnknownEither(
  Schema.Struct({
    Code: Schema.Literal("OK"),
    IndexBuildDate: text,
    GlobalVars: Schema.optional(Schema.Struct({ IndexBuildDate: text })),
    DataTables: Schema.Struct({
      Results: Schema.Struct({
        Data: Schema.Array(
          Schema.Struct(
            { ItemNum: position, ResultCode: Schema.String, Status: text },
            Schema.Record({ key: Schema.String, value: Schema.Unknown })
          )
        )
      })
    })
  })
)

const decodeFigures = Schema.decodeUnknownEither(
  Schema.Struct({
    TrustFlow: rating,
    CitationFlow: rating,
    RefDomains: count,
    ExtBackLinks: count,
    RefIPs: count,
    RefSubNets: count,
    TopicalTrustFlow_Topic_0: text,
    TopicalTrustFlow_Value_0: rating,
    TopicalTrustFlow_Topic_1: text,
    TopicalTrustFlow_Value_1: rating,
    TopicalTrustFlow_Topic_2: text,
    TopicalTrustFlow_Value_2: rating
  })
)

const figuresOf = (row: unknown) =>
  Either.map(decodeFigures(row), (all): Figures => ({
    trustFlow: all.TrustFlow,
    citationFlow: all.CitationFlow,
    referringDomains: all.RefDomains,
    externalBacklinks: all.ExtBackLinks,
    referringIPs: all.RefIPs,
    referringSubnets: all.RefSubNets,
    topics: (
      [
        [all.TopicalTrustFlow_Topic_0, all.TopicalTrustFlow_Value_0],
        [all.TopicalTrustFlow_Topic_1, all.TopicalTrustFlow_Value_1],
        [all.TopicalTrustFlow_Topic_2, all.TopicalTrustFlow_Value_2]
      ] as const
    ).flatMap(([topic, trustFlow]) =>
      topic === null || topic === "" || trustFlow === null ? [] : [{ topic, trustFlow }]
    )
  }))

const decodeStatus = Schema.decodeUnknownEither(Schema.Literal("Found", "NotFound", "MayExist"))

const itemOf = (
  item: Target,
  indexBuiltAt: string | null,
  row: { readonly ResultCode: string; readonly Status: string | null } | undefined
) => {
  const blank = { item, measured: null, estimated: null, indexBuiltAt }
  // Absence is not zero: what is sent with an item that is not there is no figure.
  if (row === undefined) return Either.right<IndexItemInfo>({ ...blank, status: "not_found" })
  if (row.ResultCode !== "OK") return Either.right<IndexItemInfo>({ ...blank, status: "invalid" })
  return Either.flatMap(decodeStatus(row.Status), (status) => {
    if (status === "NotFound") return Either.right<IndexItemInfo>({ ...blank, status: "not_found" })
    return Either.map(figuresOf(row), (figures): IndexItemInfo =>
      status === "Found"
        ? { ...blank, status: "found", measured: figures }
        : { ...blank, status: "may_exist", estimated: figures }
    )
  })
}

const exact = (amount: number): Price => ({ unit: "index_item_units", lower: amount, upper: amount })

const itemsOf = (batchSize: number): Operation<ItemsInput, ReadonlyArray<IndexItemInfo>> => ({
  name: "getIndexItemInfo",
  batchSize,
  request: ({ index, targets }) => ({
    method: "GET",
    path,
    query: [
      ["cmd", "GetIndexItemInfo"],
      ["datasource", index],
      ["items", String(targets.length)],
      ...targets.map((target, i) => [`item${i}`, target] as const)
    ]
  }),
  decode: ({ targets }, json) =>
    Either.flatMap(decodeItems(json), ({ DataTables, GlobalVars, IndexBuildDate }) => {
      const rows = new Map(DataTables.Results.Data.map((row) => [row.ItemNum, row]))
      const builtAt = IndexBuildDate ?? GlobalVars?.IndexBuildDate ?? null
      const items = Either.all(targets.map((target, i) => itemOf(target, builtAt, rows.get(i))))
      return Either.map(items, (value) => ({ value, rows: value.length }))
    }),
  price: ({ targets }) => exact(targets.length),
  charge: ({ targets }) => targets.length,
  facts: rowOfFacts({
    kind: "item",
    params: ({ index, mode }) => ({ index, mode }),
    subjects: ({ targets }) => targets,
    // Safe: the subjects are targets of the wider input.
    narrow: (input, targets) => ({ ...input, targets: targets as ReadonlyArray<Target> }),
    isUnknown: ({ estimated, measured }) => measured === null && estimated === null
  })
})

const flag = Schema.Union(Schema.Number, Schema.String, Schema.Boolean)
const account = {
  TotalIndexItemInfoResUnits: count,
  SubscriptionIsActive: Schema.optionalWith(Schema.NullOr(flag), { default: () => null })
}

const decodeUsage = Schema.decodeUnknownEither(
  Schema.Struct({
    Code: Schema.Literal("OK"),
    ...account,
    GlobalVars: Schema.optional(Schema.Struct(account)),
    DataTables: Schema.optional(
      Schema.Struct({
        Subscriptions: Schema.optional(
          Schema.Struct({ Data: Schema.Array(Schema.Struct({ Expires: text, IndexItemInfoResUnits: count })) })
        )
      })
    )
  })
)

const usage: Contract["usage"] = {
  name: "getUsage",
  batchSize: 1,
  request: () => ({ method: "GET", path, query: [["cmd", "GetSubscriptionInfo"]] }),
  decode: (_, json) =>
    Either.map(decodeUsage(json), ({ DataTables, GlobalVars, SubscriptionIsActive, TotalIndexItemInfoResUnits }) => {
      const subscriptions = DataTables?.Subscriptions?.Data ?? []
      const stated = subscriptions.flatMap(({ IndexItemInfoResUnits: units }) => (units === null ? [] : [units]))
      const summed = stated.length === 0 ? null : stated.reduce((sum, units) => sum + units, 0)
      const [next] = subscriptions
        .flatMap(({ Expires }) => Option.toArray(utc(Expires)))
        .toSorted((a, b) => a.epochMillis - b.epochMillis)
      const active = SubscriptionIsActive ?? GlobalVars?.SubscriptionIsActive ?? null
      const left = TotalIndexItemInfoResUnits ?? GlobalVars?.TotalIndexItemInfoResUnits ?? summed
      return {
        value: {
          provider: "majestic",
          unit: "index_item_units",
          // The documentation names no field for it, nor for what the account began with.
          plan: null,
          isActive: active === null ? left !== null : /^(?:1|true)$/i.test(String(active)),
          limit: null,
          used: null,
          left,
          resetsAt: next ?? null,
          keyExpiresAt: null
        },
        rows: 1
      }
    }),
  price: () => exact(0),
  charge: () => 0,
  facts: null
}

/**
 * @since 0.1.0
 * @category Contracts
 */
export const vendor: Contract = {
  provider: "majestic",
  contract: "vendor",
  unit: "index_item_units",
  apiUrl: "https://api.majestic.com/api",
  // The documents name none: the limiter learns a lower one from refusals.
  rate: { requests: 10, per: "1 second" },
  authorize: (apiKey) => HttpClientRequest.setUrlParam("app_api_key", apiKey),
  chargeHeader: null,
  classify,
  refusedIn,
  items: itemsOf(100),
  pages: itemsOf(20),
  usage,
  inactive: "NoSubscription"
}
