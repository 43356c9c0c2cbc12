/** Operations of one's own, through both services. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Keyv } from "keyv"
import * as Ahrefs from "../src/Ahrefs.js"
import * as CreditLedger from "../src/CreditLedger.js"
import * as Integrations from "../src/Integrations.js"
import * as Operation from "../src/Operation.js"
import * as SERanking from "../src/SERanking.js"
import * as SharedState from "../src/SharedState.js"
import * as Spender from "../src/Spender.js"
import * as TenantProviders from "../src/TenantProviders.js"
import { failureOf, hasMembers } from "./support/assertions.js"
import { advance } from "./support/clock.js"
import { apiKey, json, type Script, stub } from "./support/stub.js"

interface Asked {
  readonly words: ReadonlyArray<string>
}

const decodeRows = Schema.decodeUnknownEither(Schema.Array(Schema.Struct({ word: Schema.String, size: Schema.Number })))

const sizes: Operation.Operation<Asked, ReadonlyArray<number | null>> = {
  name: "getSizes",
  batchSize: 3,
  request: ({ words }) => ({ method: "POST", path: "/sizes", body: { words } }),
  decode: ({ words }, body) =>
    Either.map(decodeRows(body), (rows) => ({
      value: words.map((word) => rows.find((row) => row.word === word)?.size ?? null),
      rows: rows.length
    })),
  price: ({ words }) => ({ unit: "api_units", lower: 0, upper: words.length * 7 }),
  charge: (_, rows) => rows * 7,
  facts: Operation.rowOfFacts({
    kind: "sizes",
    subjects: ({ words }) => words,
    narrow: (_, words) => ({ words })
  })
}

const wordsOf = (body: unknown) => (body as Asked).words
const answering: Script = ({ body }) => json(wordsOf(body).map((word) => ({ word, size: word.length })))

const book = { provider: "ahrefs", unit: "api_units" } as const

const setup = (script: Script, limit = 1_000) =>
  Effect.gen(function* () {
    const { client, sent } = stub(script)
    const ahrefs = yield* Effect.provideService(
      Ahrefs.make({ apiKey: Redacted.make(apiKey), batchWait: 0 }),
      HttpClient.HttpClient,
      client
    )
    return { ahrefs, sent, ledger: yield* CreditLedger.CreditLedger }
  }).pipe(Effect.provide(SharedState.layerMemory({ budgets: [{ ...book, of: "tenant", id: "acme", limit }] })))

describe("an operation of one's own", () => {
  it.scoped("is gathered, bought once, kept, planned and booked", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger, sent } = yield* setup(answering)
      const words = ["a", "bb", "ccc", "dddd", "bb"]
      const plan = yield* ahrefs.planCall(sizes, { words })
      assert.deepStrictEqual([plan.targets, plan.calls, plan.cached, plan.units.upper], [4, 2, 0, 28])
      assert.strictEqual(plan.operation, "getSizes")
      const asAcme = Spender.as({ tenant: "acme" })
      const one = (word: string) => ahrefs.call(sizes, { words: [word] })
      const answers = yield* asAcme(Effect.forEach(words, one, { concurrency: "unbounded" }))
      assert.deepStrictEqual(answers, [[1], [2], [3], [4], [2]])
      assert.deepStrictEqual(
        sent.map(({ body, url }) => [url, wordsOf(body)]),
        [
          ["https://api.ahrefs.com/v3/sizes", ["a", "bb", "ccc"]],
          ["https://api.ahrefs.com/v3/sizes", ["dddd"]]
        ]
      )
      assert.deepStrictEqual(yield* asAcme(ahrefs.call(sizes, { words: [...words, "eeeee"] })), [1, 2, 3, 4, 2, 5])
      assert.deepStrictEqual(wordsOf(sent[2]?.body), ["eeeee"])
      assert.strictEqual((yield* ahrefs.planCall(sizes, { words })).units.upper, 0)
      const [row, ...others] = yield* ledger.usage(book)
      assert.deepStrictEqual(others, [])
      assert.deepInclude(row, { tenant: "acme", operation: "getSizes", calls: 3, spent: 35, saved: 35 })
    })
  )

  it.scoped("is refused where a budget has too little left", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* setup(answering, 20)
      const refused = yield* failureOf(
        Spender.as({ tenant: "acme" })(ahrefs.call(sizes, { words: ["a", "bb", "ccc"] }))
      )
      hasMembers(refused, { _tag: "BudgetExceeded", operation: "getSizes", needed: 21, left: 20 })
      assert.deepStrictEqual(sent, [])
    })
  )

  it.scoped("is not sent where it asks for nothing, is billed without facts, or is priced in another unit", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* setup(answering)
      const wrong = [
        [sizes, [], "InvalidRequest"],
        [{ ...sizes, facts: null }, ["a"], "InvalidRequest"],
        [{ ...sizes, price: () => ({ unit: "credits", lower: 1, upper: 1 }) }, ["a"], "Unsupported"]
      ] satisfies ReadonlyArray<readonly [typeof sizes, ReadonlyArray<string>, string]>
      for (const [operation, words, tag] of wrong) {
        for (const asked of [ahrefs.call(operation, { words }), ahrefs.planCall(operation, { words })]) {
          hasMembers(yield* failureOf(asked), {
            _tag: tag,
            operation: "getSizes"
          })
        }
      }
      assert.deepStrictEqual(sent, [])
    })
  )

  it.scoped("is not sent where it would be waited for without end, bought twice, or sent to another host", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* setup(answering)
      const facts = sizes.facts!
      const request = () => ({ method: "GET", path: ".evil.example/sizes" }) as const
      const wrong: ReadonlyArray<typeof sizes> = [
        ...[0, -1, NaN, 1.5].map((batchSize) => ({ ...sizes, batchSize })),
        // Whole inputs are sent for each of their subjects.
        { ...sizes, facts: { ...facts, narrow: null } },
        { ...sizes, facts: { ...facts, kind: "a:b" } },
        { ...sizes, facts: { ...facts, kind: "" } },
        { ...sizes, request },
        { ...sizes, request, facts: null, price: () => ({ unit: "api_units", lower: 0, upper: 0 }) }
      ]
      for (const operation of wrong) {
        for (const asked of [
          ahrefs.call(operation, { words: ["a", "bb"] }),
          ahrefs.planCall(operation, { words: ["a", "bb"] })
        ]) {
          hasMembers(yield* failureOf(asked), { _tag: "InvalidRequest", operation: "getSizes" })
        }
      }
      assert.deepStrictEqual(sent, [])
    })
  )

  it.scoped("whose charge is no whole number is booked at its most, and its answer kept", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger, sent } = yield* setup(answering)
      for (const [i, amount] of [0.5, -50, NaN, Infinity].entries()) {
        const operation = { ...sizes, name: `getSizes${i}`, charge: () => amount }
        const words = ["a", "bb"].map((word) => `${word}${i}`)
        const two = Effect.all(
          words.map((word) => ahrefs.call(operation, { words: [word] }).pipe(Spender.as({ tenant: word }))),
          { concurrency: 2 }
        )
        assert.deepStrictEqual(yield* two, [[2], [3]])
        yield* two
      }
      const rows = yield* ledger.usage(book)
      assert.strictEqual(
        rows.reduce((sum, { spent }) => sum + spent, 0),
        4 * 14
      )
      assert.isTrue(rows.every(({ reserved }) => reserved === 0))
      assert.isAtMost(sent.length, 8)
    })
  )

  it.scoped("that is priced at nothing is booked all the same where the provider says what it cost", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger } = yield* setup((one) =>
        json(
          wordsOf(one.body).map((word) => ({ word, size: word.length })),
          200,
          { "x-api-units-cost-total-actual": "30" }
        )
      )
      const nothing = { ...sizes, price: () => ({ unit: "api_units", lower: 0, upper: 0 }) as const }
      yield* ahrefs.call(nothing, { words: ["a"] }).pipe(Spender.as({ tenant: "acme" }))
      const spent = (yield* ledger.usage(book)).map(({ spent, tenant }) => [tenant, spent])
      assert.deepStrictEqual(spent, [["acme", 30]])
    })
  )

  it.live("whose facts are fresh for ever is bought once, also where they are kept as text", () =>
    Effect.gen(function* () {
      const operation = { ...sizes, facts: { ...sizes.facts!, freshFor: Duration.infinity } }
      const keyv = new Keyv({ throwOnErrors: true })
      const { client, sent } = stub(answering)
      for (let process = 0; process < 2; process++) {
        yield* Ahrefs.make({ apiKey: Redacted.make(apiKey), batchWait: 0 }).pipe(
          Effect.flatMap((ahrefs) => ahrefs.call(operation, { words: ["a"] })),
          Effect.scoped,
          Effect.provideService(HttpClient.HttpClient, client),
          Effect.provide(SharedState.layerKeyv(keyv))
        )
      }
      assert.lengthOf(sent, 1)
    })
  )

  it.scoped("that is free and true only for a moment is sent each time", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger, sent } = yield* setup(answering)
      const free = { ...sizes, facts: null, price: () => ({ unit: "api_units", lower: 0, upper: 0 }) as const }
      yield* ahrefs.call(free, { words: ["a"] })
      yield* ahrefs.call(free, { words: ["a"] })
      assert.lengthOf(sent, 2)
      assert.deepStrictEqual(yield* ledger.usage(book), [])
    })
  )

  it.scoped("whose functions throw dies for all who wait; what was sent is booked at its most", () =>
    Effect.gen(function* () {
      const { ahrefs, ledger, sent } = yield* setup(answering)
      const broken = () => {
        throw new Error("broken")
      }
      const asAcme = Spender.as({ tenant: "acme" })
      for (const part of ["price", "request", "decode"] as const) {
        const operation = { ...sizes, [part]: broken }
        const exits = yield* asAcme(
          Effect.forEach(["a", "bb"], (word) => Effect.exit(ahrefs.call(operation, { words: [word] })), {
            concurrency: "unbounded"
          })
        )
        for (const exit of exits) {
          const defects = exit._tag === "Failure" ? Array.from(Cause.defects(exit.cause), String) : []
          assert.deepStrictEqual(defects, ["Error: broken"], part)
        }
      }
      assert.lengthOf(sent, 1)
      assert.strictEqual((yield* ledger.balance({ ...book, of: "tenant", id: "acme" })).spent, 14)
    })
  )

  it.scoped("is bought for the tenant whose service it is called on", () =>
    Effect.gen(function* () {
      const { use } = yield* TenantProviders.TenantProviders
      const answer = yield* use("acme", ({ ahrefs }) =>
        Effect.flatMap(ahrefs, (service) => service.call(sizes, { words: ["a", "bb"] }))
      ).pipe(Effect.fork, Effect.tap(advance("10 millis")), Effect.flatMap(Fiber.join))
      assert.deepStrictEqual(answer, [1, 2])
      const ledger = yield* CreditLedger.CreditLedger
      const [row] = yield* ledger.usage(book)
      hasMembers(row, { tenant: "acme", operation: "getSizes", spent: 14 })
    }).pipe(
      Effect.provide(
        TenantProviders.layer().pipe(
          Layer.provide(Integrations.layerStatic({ acme: [{ provider: "ahrefs", apiKey: Redacted.make(apiKey) }] })),
          Layer.provide(Layer.sync(HttpClient.HttpClient, () => stub(answering).client)),
          Layer.provideMerge(SharedState.layerMemory())
        )
      )
    )
  )

  it.scoped("works with SE Ranking alike", () =>
    Effect.gen(function* () {
      const { client, sent } = stub(answering)
      const seRanking = yield* Effect.provideService(
        SERanking.make({ apiKey: Redacted.make(apiKey), batchWait: 0 }),
        HttpClient.HttpClient,
        client
      )
      const inCredits = { ...sizes, price: () => ({ unit: "credits", lower: 1, upper: 21 }) as const }
      assert.deepStrictEqual(yield* seRanking.call(inCredits, { words: ["a", "bb"] }), [1, 2])
      assert.strictEqual((yield* seRanking.planCall(inCredits, { words: ["a", "bb"] })).calls, 0)
      hasMembers(yield* failureOf(seRanking.call(sizes, { words: ["a"] })), { _tag: "Unsupported" })
      assert.lengthOf(sent, 1)
    }).pipe(Effect.provide(SharedState.layerMemory()))
  )
})
