/** One test for each fault that was found by reading. */
import { SystemError } from "@effect/platform/Error"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Terminal from "@effect/platform/Terminal"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import { printer } from "../src/cli/output.js"
import * as Target from "../src/Target.js"
import { always, broken, json, makeAhrefs, makeSERanking, never, stub, text, plainAhrefs } from "./support/stub.js"
import { advance } from "./support/clock.js"

const stats = { metrics: { live_refdomains: 42 } }
const link = { url_from: "https://a.com/", url_to: "https://b.com/", nofollow: false }

describe("what was bought", () => {
  it.scoped("a slow onCharge does not lose a paid answer", () =>
    Effect.gen(function* () {
      const client = stub(always(stats)).client
      const ahrefs = yield* plainAhrefs({
        apiKey: Redacted.make("key"),
        onCharge: () => Effect.sleep("1 minute")
      }).pipe(Effect.provideService(HttpClient.HttpClient, client))
      const fiber = yield* Effect.fork(ahrefs.getReferringDomains("example.com"))
      yield* advance("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), 42)
    })
  )

  it.scoped("an onCharge that dies does not lose a paid answer", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const client = stub(always(stats)).client
      const ahrefs = yield* plainAhrefs({
        apiKey: Redacted.make("key"),
        onCharge: () => Effect.dieMessage("the meter is broken")
      }).pipe(Effect.provideService(HttpClient.HttpClient, client))
      const collect = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => {
          logged.push(message)
        })
      )
      const domains = yield* Effect.provide(ahrefs.getReferringDomains("example.com"), collect)
      assert.strictEqual(domains, 42)
      assert.strictEqual(logged.length, 1)
    })
  )

  it.scoped("a stream with a limit ends there, whatever the server sends", () =>
    Effect.gen(function* () {
      const { seranking } = yield* makeSERanking(() =>
        json({ backlinks: Array.from({ length: 9 }, () => link), next: "more" })
      )
      const rows = yield* Stream.runCollect(seranking.getBacklinksStream({ domain: "b.com", limit: 3 }))
      assert.strictEqual(Chunk.size(rows), 3)
    })
  )

  it.scoped("a keyword is found in whatever spelling it comes back", () =>
    Effect.gen(function* () {
      const { ahrefs } = yield* makeAhrefs(
        always({ keywords: [{ keyword: "Best  Shoes", best_position: 3, best_position_url: "https://a.com/" }] })
      )
      const rows = yield* ahrefs.getKeywordRankings("a.com", { country: "us", keywords: ["best shoes"] })
      assert.deepStrictEqual(rows, [{ keyword: "best shoes", position: 3, url: "https://a.com/" }])
    })
  )
})

describe("what is refused", () => {
  it.scoped("an edge that says Forbidden in plain text is no wrong key", () =>
    Effect.gen(function* () {
      const edge = yield* makeAhrefs(() => text("Forbidden", 403))
      assert.strictEqual((yield* Effect.flip(edge.ahrefs.getReferringDomains("a.com")))._tag, "ProviderUnavailable")
      const wire = yield* makeAhrefs(always(["Error", "Forbidden"], 403))
      assert.strictEqual((yield* Effect.flip(wire.ahrefs.getReferringDomains("a.com")))._tag, "InvalidKey")
    })
  )

  it.scoped("a number that JSON lacks and a history without a date never leave", () =>
    Effect.gen(function* () {
      const { ahrefs, sent } = yield* makeAhrefs(always({ backlinks: [] }))
      const wrong = [
        ahrefs.getBacklinks("a.com", 1, { where: { field: "domainRating", is: ["gt", Number.NaN] } }),
        ahrefs.getBacklinks("a.com", 1, { history: "since:yesterday" })
      ]
      for (const call of wrong) assert.strictEqual((yield* Effect.flip(call))._tag, "InvalidRequest")
      assert.strictEqual(sent.length, 0)
    })
  )

  it("a top-level domain begins with a letter", () => {
    for (const input of ["a._", "a.b._c", "a.-b"]) assert.isTrue(Either.isLeft(Target.make(input)), input)
  })

  it.scoped("an error of the transport that became a defect does not hold the key", () =>
    Effect.gen(function* () {
      const ahrefs = yield* plainAhrefs({
        apiKey: Redacted.make("CANARY-key"),
        retry: { times: 0 },
        transformClient: HttpClient.transformResponse(Effect.orDie)
      }).pipe(Effect.provideService(HttpClient.HttpClient, stub(() => broken("ECONNREFUSED")).client))
      const exit = yield* Effect.exit(ahrefs.getReferringDomains("a.com"))
      assert.isTrue(Exit.isFailure(exit))
      assert.notInclude(inspect(exit, { depth: 10 }) + JSON.stringify(exit), "CANARY")
      assert.strictEqual((yield* Effect.flip(ahrefs.getReferringDomains("a.com")))._tag, "ProviderUnavailable")
    })
  )

  it.scoped("a call that is sent again after a time-out does not say that it is not", () =>
    Effect.gen(function* () {
      const ahrefs = yield* plainAhrefs({
        apiKey: Redacted.make("key"),
        resendTimedOut: true,
        retry: { times: 0 }
      }).pipe(Effect.provideService(HttpClient.HttpClient, stub(() => never).client))
      const fiber = yield* Effect.fork(Effect.flip(ahrefs.getReferringDomains("a.com")))
      yield* advance("30 seconds")
      const { message } = yield* Fiber.join(fiber)
      assert.include(message, "may have been billed")
      assert.notInclude(message, "not sent again")
    })
  )

  it.effect("output that cannot be written is told, also where the rows go to a file too", () =>
    Effect.gen(function* () {
      const failing = (code: string) =>
        Terminal.Terminal.of({
          columns: Effect.succeed(80),
          rows: Effect.succeed(24),
          isTTY: Effect.succeed(false),
          readInput: Effect.never,
          readLine: Effect.never,
          display: () =>
            Effect.fail(
              new SystemError({
                reason: "Unknown",
                module: "Terminal",
                method: "display",
                pathOrDescriptor: "stdout",
                cause: { code }
              })
            )
        })
      const print = (code: string) =>
        Effect.flatMap(printer({ goOnUnread: true }), (write) => write("rows")).pipe(
          Effect.provideService(Terminal.Terminal, failing(code))
        )
      yield* print("EPIPE")
      assert.strictEqual((yield* Effect.flip(print("ENOSPC")))._tag, "BadUsage")
    })
  )
})
