import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as MajesticSimulator from "../../src/testing/MajesticSimulator.js"
import * as SERankingSimulator from "../../src/testing/SERankingSimulator.js"
import { advance } from "../support/clock.js"
import { send } from "./http.js"

type Params = Readonly<Record<string, string>>

const base = "https://api.majestic.com/api/json"
const get = (simulator: MajesticSimulator.Service, params: Params, key = "k", path = base) =>
  send(simulator.httpClient, `${path}?${String(new URLSearchParams({ ...params, app_api_key: key }))}`, "")

const items = (...targets: ReadonlyArray<string>): Params => ({
  cmd: "GetIndexItemInfo",
  datasource: "fresh",
  items: String(targets.length),
  ...Object.fromEntries(targets.map((target, i) => [`item${i}`, target]))
})

interface Row {
  readonly ItemNum: number
  readonly Item: string
  readonly ItemType: number
  readonly ResultCode: string
  readonly Status: string
  readonly TrustFlow: number
  readonly RefDomains: number
}
/** Safe: it is what a test has asked for. */
const rowsOf = (body: unknown) =>
  (
    body as { readonly DataTables: { readonly Results: { readonly Data: ReadonlyArray<Row> } } }
  ).DataTables.Results.Data.toSorted((a, b) => a.ItemNum - b.ItemNum)
const codeOf = (body: unknown) => (body as { readonly Code: string }).Code

describe("GetIndexItemInfo", () => {
  it.effect("a row for each item, and a unit, found or not", () =>
    Effect.gen(function* () {
      const simulator = yield* MajesticSimulator.make({
        facts: { "a.com": { trustFlow: 7 }, "no.com": { known: false } },
        mayExist: ["maybe.com"]
      })
      const { body, status } = yield* get(
        simulator,
        items("a.com", "http://blog.a.com/x", "shop.a.com", "no.com", "maybe.com", "not a domain")
      )
      assert.strictEqual(status, 200)
      assert.strictEqual(codeOf(body), "OK")
      const rows = rowsOf(body)
      assert.deepStrictEqual(
        rows.map(({ ItemType, ResultCode, Status }) => [ResultCode, Status, ItemType]),
        [
          ["OK", "Found", 1],
          ["OK", "Found", 3],
          ["OK", "Found", 2],
          ["OK", "NotFound", 1],
          ["OK", "MayExist", 1],
          ["InvalidItem", "", 0]
        ]
      )
      assert.strictEqual(rows[0]?.TrustFlow, 7)
      assert.strictEqual(yield* simulator.unitsBilled, 6)
    })
  )

  it.effect("tells the same of a site as the other providers", () =>
    Effect.gen(function* () {
      const majestic = yield* MajesticSimulator.make({ seed: 3 })
      const seRanking = yield* SERankingSimulator.make({ seed: 3, contract: "platform" })
      const { body } = yield* get(majestic, items("example.com"))
      const other = yield* send(
        seRanking.httpClient,
        "https://api4.seranking.com/research/backlinks/summary/?domain=example.com&domain_type=domain",
        "Token k"
      )
      assert.strictEqual(rowsOf(body)[0]?.TrustFlow, (other.body as { readonly trust_flow: number }).trust_flow)
    })
  )

  it.effect.each([
    [{ cmd: "GetIndexItemInfo" }, "InvalidParameters"],
    [{ ...items("a.com"), items: "2" }, "InvalidParameters"],
    [{ ...items("a.com"), items: "101" }, "InvalidParameters"],
    [{ ...items("a.com"), datasource: "stale" }, "InvalidParameters"],
    [{ cmd: "GetTopPages" }, "UnsupportedCommand"],
    [items("a.com", "b.com"), "InsufficientIndexItemInfoUnits"]
  ] as const)("%j is %s, with status 200 and for nothing", ([params, code]) =>
    Effect.gen(function* () {
      const simulator = yield* MajesticSimulator.make({ budget: 1 })
      const { body, status } = yield* get(simulator, params)
      assert.strictEqual(status, 200)
      assert.strictEqual(codeOf(body), code)
      assert.strictEqual(yield* simulator.unitsBilled, 0)
    })
  )
})

describe("the account", () => {
  it.effect("keys and subscriptions", () =>
    Effect.gen(function* () {
      const simulator = yield* MajesticSimulator.make({ keys: ["mine"], isActive: false })
      assert.strictEqual(codeOf((yield* get(simulator, items("a.com"), "other")).body), "InvalidAPIKey")
      assert.strictEqual(codeOf((yield* get(simulator, items("a.com"), "")).body), "InvalidAPIKey")
      assert.strictEqual(codeOf((yield* get(simulator, items("a.com"), "mine")).body), "NoActiveSubscription")
      const { body } = yield* get(simulator, { cmd: "GetSubscriptionInfo" }, "mine")
      assert.deepInclude(body, { Code: "OK", SubscriptionIsActive: 0, TotalIndexItemInfoResUnits: 1_000_000_000 })
      assert.strictEqual((yield* get(simulator, {}, "mine", `${base}/other`)).status, 404)
      assert.notInclude(JSON.stringify(yield* simulator.requests), "mine")
    })
  )

  it.effect("each key has a window of its own", () =>
    Effect.gen(function* () {
      const simulator = yield* MajesticSimulator.make({ rateLimit: { requests: 1, per: "1 second" } })
      const status = (key: string) => Effect.map(get(simulator, items("a.com"), key), ({ status }) => status)
      assert.deepStrictEqual(yield* Effect.all([status("a"), status("a"), status("b")]), [200, 429, 200])
      yield* advance("1 second")
      assert.strictEqual(yield* status("a"), 200)
    })
  )
})
