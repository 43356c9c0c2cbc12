import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import * as Integrations from "../src/Integrations.js"
import * as SharedState from "../src/SharedState.js"
import { AhrefsSimulator } from "../src/testing/index.js"
import { standard } from "../src/scoring/profile.js"

const apiKey = Redacted.make("sk-secret")
const row = { tenant: "acme", provider: "ahrefs" } as const
const listed = (service: Integrations.Service, tenant?: string) =>
  Effect.map(Stream.runCollect(service.list(tenant)), Chunk.toReadonlyArray)

describe("metadata", () => {
  it.effect("may be empty or full", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Integrations.metadataOf(row, {}), {})
      const full = {
        isEnabled: false,
        contract: "platform",
        apiUrl: "https://gateway.example/v3",
        freeDomainRating: true,
        cacheScope: "shared-1",
        concurrency: 2,
        rateLimit: { requests: 60, per: "1 minute" },
        maxWait: 5000,
        timeout: "10 seconds",
        batchWait: 50,
        budget: { limit: 0, per: "ever", alerts: [0.5, 1], unpricedCall: 10 },
        routing: { priority: -1, only: ["domainRating"], never: [] },
        profile: standard,
        custom: { anything: [1, null] }
      }
      const metadata = yield* Integrations.metadataOf(row, full)
      assert.deepStrictEqual(metadata.rateLimit, { requests: 60, per: Duration.minutes(1) })
      assert.deepStrictEqual(metadata.custom, full.custom)
      const again = yield* Effect.flatMap(Schema.encode(Integrations.Metadata)(metadata), (encoded) =>
        Integrations.metadataOf(row, JSON.parse(JSON.stringify(encoded)))
      )
      assert.deepStrictEqual(again, metadata)
    })
  )

  it.effect.each<readonly [path: string, metadata: unknown]>([
    ["the top", null],
    ["the top", "{}"],
    ["the top", []],
    ["isEnabeld", { isEnabeld: true }],
    ["isEnabled", { isEnabled: "yes" }],
    ["isEnabled", { isEnabled: undefined }],
    ["contract", { contract: "free" }],
    ["apiUrl", { apiUrl: "ftp://sk-misplaced" }],
    ["cacheScope", { cacheScope: "sk misplaced" }],
    ["concurrency", { concurrency: 0 }],
    ["maxWait", { maxWait: "soon" }],
    ["timeout", { timeout: 0 }],
    ["timeout", { timeout: Infinity }],
    ["batchWait", { batchWait: "2 minutes" }],
    ["rateLimit.per", { rateLimit: { requests: 1, per: "sk-misplaced" } }],
    ["budget.limit", { budget: {} }],
    ["budget.limit", { budget: { limit: 1.5 } }],
    ["budget.limti", { budget: { limit: 1, limti: 2 } }],
    ["budget.alerts.0", { budget: { limit: 1, alerts: [2] } }],
    ["routing.only.0", { routing: { only: ["sk-misplaced"] } }],
    ["profile.weights", { profile: { ...standard, weights: { ...standard.weights, trust: 1 } } }]
  ])("that is wrong is refused with its path and without its values: %s", ([path, metadata]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Integrations.metadataOf(row, metadata))
      assert.deepInclude(error, { _tag: "InvalidMetadata", ...row })
      assert.include(error.message, ` at ${path}`)
      assert.notInclude(inspect(error) + JSON.stringify(error), "sk")
    })
  )
})

const acme = [
  { provider: "ahrefs", apiKey },
  { provider: "se_ranking", apiKey, metadata: { isEnabled: false } }
] as const

describe("layerStatic", () => {
  it.effect("gives the enabled rows of a tenant, and says why there are none", () =>
    Effect.gen(function* () {
      const service = yield* Integrations.Integrations
      const [one, ...others] = yield* service.get("acme")
      assert.deepInclude(one, { ...row, apiKey, metadata: {}, verification: Option.none() })
      assert.isEmpty(others)
      const tagOf = (tenant: string) => Effect.map(Effect.flip(service.get(tenant)), ({ _tag }) => _tag)
      assert.strictEqual(yield* tagOf("nobody"), "UnknownTenant")
      assert.strictEqual(yield* tagOf("off"), "NoIntegration")
      assert.strictEqual(yield* tagOf("empty"), "NoIntegration")
      assert.strictEqual(yield* tagOf("twice"), "DuplicateIntegration")
      // A row that is disabled is no duplicate.
      assert.strictEqual((yield* service.get("once")).length, 1)
      assert.strictEqual((yield* listed(service)).length, 7)
      const own = yield* listed(service, "acme")
      assert.deepStrictEqual(
        own.map((one) => one.provider),
        ["ahrefs", "se_ranking"]
      )
      for (const one of own) assert.notProperty(one, "apiKey")
    }).pipe(
      Effect.provide(
        Integrations.layerStatic({
          acme,
          empty: [],
          off: [{ provider: "ahrefs", apiKey, metadata: { isEnabled: false } }],
          once: [
            { provider: "ahrefs", apiKey },
            { provider: "ahrefs", apiKey, metadata: { isEnabled: false } }
          ],
          twice: [
            { provider: "ahrefs", apiKey },
            { provider: "ahrefs", apiKey }
          ]
        })
      )
    )
  )

  it.effect("can be changed while it runs", () =>
    Effect.gen(function* () {
      const service = yield* Integrations.Integrations
      const [before] = yield* service.get("acme")
      const changed = yield* service.upsert({ ...row, apiKey: Redacted.make("newer"), metadata: { concurrency: 3 } })
      assert.strictEqual(changed.id, before?.id)
      const [after] = yield* service.get("acme")
      assert.strictEqual(after && Redacted.value(after.apiKey), "newer")
      assert.deepStrictEqual(after?.metadata, { concurrency: 3 })
      yield* service.upsert({ tenant: "umbrella", provider: "se_ranking", apiKey })
      assert.strictEqual((yield* service.get("umbrella")).length, 1)
      const error = yield* Effect.flip(service.upsert({ ...row, apiKey, metadata: { concurency: 3 } }))
      assert.strictEqual(error._tag, "InvalidMetadata")
      assert.deepStrictEqual([yield* service.remove(row), yield* service.remove(row)], [true, false])
    }).pipe(Effect.provide(Integrations.layerStatic({ acme })))
  )

  it.effect("verifies a key, and forgets the finding with the key", () =>
    Effect.gen(function* () {
      const service = yield* Integrations.Integrations
      const finding = Effect.map(listed(service, "acme"), ([one]) =>
        one && "verification" in one ? one.verification : null
      )
      const found = yield* service.verify(row)
      assert.deepInclude(found.usage, { provider: "ahrefs", isActive: true })
      assert.deepStrictEqual(yield* finding, Option.some(found))
      yield* service.upsert({ ...row, apiKey: Redacted.make("wrong") })
      assert.deepStrictEqual(yield* finding, Option.none())
      const refused = yield* service.verify(row)
      assert.deepStrictEqual([refused.usage, refused.error?._tag], [null, "InvalidKey"])
      assert.notInclude(JSON.stringify(yield* Schema.encode(Integrations.Verification)(refused)), "wrong")
      const error = yield* Effect.flip(service.verify({ tenant: "acme", provider: "se_ranking" }))
      assert.strictEqual(error._tag, "NoIntegration")
    }).pipe(
      Effect.provide([
        Integrations.layerStatic({ acme }),
        AhrefsSimulator.layer({ keys: ["sk-secret"] }),
        SharedState.layerMemory()
      ])
    )
  )
})

describe("layerConfig", () => {
  const layer = (metadata?: unknown) =>
    Integrations.layerConfig({ acme: [{ provider: "ahrefs", apiKey: Config.redacted("ACME_KEY"), metadata }] })
  const withKey = Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["ACME_KEY", "sk-secret"]])))

  it.effect("takes the keys from Config", () =>
    Effect.gen(function* () {
      const [one] = yield* Effect.flatMap(Integrations.Integrations, (service) => service.get("acme"))
      assert.deepStrictEqual(one?.apiKey, apiKey)
    }).pipe(Effect.provide(layer()), withKey)
  )

  it.effect("fails with a ConfigError where one is missing or the metadata is wrong, and tells no key", () =>
    Effect.gen(function* () {
      const failure = (metadata?: unknown) => Effect.exit(Effect.scoped(Layer.build(layer(metadata))))
      const missing = yield* failure().pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map())))
      const invalid = yield* withKey(failure({ apiUrl: "sk-secret" }))
      assert.include(Exit.match(missing, { onFailure: Cause.pretty, onSuccess: String }), "ACME_KEY")
      const text = Exit.match(invalid, { onFailure: Cause.pretty, onSuccess: String })
      assert.include(text, "apiUrl")
      assert.notInclude(text + inspect(invalid, { depth: 9 }), "sk-secret")
    })
  )
})

it.effect("layerTest is what it was given", () =>
  Effect.gen(function* () {
    const service = yield* Integrations.Integrations
    assert.isFalse(yield* service.remove(row))
    assert.isTrue(Exit.isFailure(yield* Effect.exit(service.get("acme"))))
  }).pipe(Effect.provide(Integrations.layerTest({ remove: () => Effect.succeed(false) })))
)
