/** The real command in a real terminal, against the simulators on a loopback socket. */
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"
import { AhrefsSimulator } from "../../src/testing/index.js"
import { canary, domains, fileOf, fresh, listOf } from "./harness.js"
import { ahrefs, ahrefsEnv, inTerminal, piped, server } from "./process.js"

// Starting a process takes a second, and many on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 })

const ctrlC = "\u0003"
const hidden = "\u001b[?25l"
const shown = "\u001b[?25h"
const colour = /\[3[0-9]m/

/** What a reader of the screen sees of a bar. */
const bar = /[=-]{20} \d+\/\d+ /

const isCursorShown = (output: string): void => {
  assert.isAtLeast(output.lastIndexOf(shown), output.lastIndexOf(hidden))
}

/** A simulator on a socket; `hold` is run when a call is answered and billed, before the answer leaves. */
const served = (hold: (calls: ReadonlyArray<AhrefsSimulator.RecordedRequest>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const simulator = yield* AhrefsSimulator.make({ rateLimit: false, keys: [canary] })
    yield* HttpServer.serveEffect(Effect.tap(simulator.httpApp, () => Effect.flatMap(simulator.requests, hold)))
    return simulator
  })

/** What was asked of which site, one text for each. */
const asked = ({ requests }: AhrefsSimulator.Service) =>
  Effect.map(requests, (all) =>
    all.flatMap(({ body }) => {
      // Safe: what the client sends to batch-analysis.
      const { select, targets } = body as {
        readonly select: ReadonlyArray<string>
        readonly targets: ReadonlyArray<{ readonly url: string }>
      }
      return targets.flatMap(({ url }) => select.filter((name) => name !== "index").map((name) => `${url} ${name}`))
    })
  )

describe.concurrent("the bar", () => {
  it.scopedLive("is drawn, leaves, and gives the cursor back; verdicts have colours", () =>
    Effect.gen(function* () {
      const screen = yield* inTerminal(["score", listOf(domains(120))], yield* ahrefsEnv)
      assert.strictEqual(yield* screen.ended, 0)
      const output = screen.output()
      assert.match(output, bar)
      assert.include(output, "Ahrefs getDomainMetrics")
      // Nothing of it after the line was emptied for the last time.
      const end = output.slice(output.lastIndexOf("\u001b[2K"))
      assert.notMatch(end, bar)
      assert.include(end, "120 prospects: ")
      assert.match(output, colour)
      isCursorShown(output)
    }).pipe(Effect.provide(ahrefs()))
  )

  it.scopedLive("is not drawn on a dumb terminal, which has no colours either", () =>
    Effect.gen(function* () {
      const env = { ...(yield* ahrefsEnv), TERM: "dumb" }
      const screen = yield* inTerminal(["score", listOf(domains(2))], env)
      assert.strictEqual(yield* screen.ended, 0)
      assert.notInclude(screen.output(), "\u001b")
      assert.include(screen.output(), "2 prospects: ")
    }).pipe(Effect.provide(ahrefs()))
  )

  it.scopedLive("is drawn without colours with NO_COLOR", () =>
    Effect.gen(function* () {
      const screen = yield* inTerminal(["score", listOf(domains(2))], { ...(yield* ahrefsEnv), NO_COLOR: "1" })
      assert.strictEqual(yield* screen.ended, 0)
      assert.notMatch(screen.output(), colour)
      assert.match(screen.output(), bar)
      isCursorShown(screen.output())
    }).pipe(Effect.provide(ahrefs()))
  )
})

describe.concurrent("Ctrl-C", () => {
  it.scopedLive(
    "tells and writes what was answered, waits for the call under way, and nothing of it is paid again",
    () =>
      Effect.gen(function* () {
        const held = yield* Deferred.make<void>()
        const released = yield* Deferred.make<void>()
        // The first call for the second thousand.
        const simulator = yield* served((calls) =>
          JSON.stringify(calls.at(-1)?.body).includes("site-1099.com")
            ? Effect.zipRight(Deferred.succeed(held, undefined), Deferred.await(released))
            : Effect.void
        )
        const list = listOf(domains(1_100))

        const folder = fresh()
        const [out, html] = [join(folder, "out.csv"), join(folder, "out.html")]
        const env = { ...(yield* ahrefsEnv), SEO_CACHE_DIR: join(folder, "cache") }
        const screen = yield* inTerminal(["score", list, "--out", out, "--html", html], env)
        yield* Deferred.await(held)
        yield* screen.type(ctrlC)
        yield* screen.until(/Interrupted: 1,000 of 1,100 answered\./)
        assert.include(screen.output(), "Stopped. ")
        assert.include(screen.output(), "\n1,000 prospects: ")
        assert.include(screen.output(), "Cost: Ahrefs charged ")
        assert.strictEqual(readFileSync(out, "utf8").trimEnd().split("\n").length, 1_001)
        assert.match(readFileSync(html, "utf8"), /^<!doctype html>/i)
        yield* Deferred.succeed(released, undefined)
        assert.strictEqual(yield* screen.ended, 130)
        isCursorShown(screen.output())
        assert.notMatch(screen.output().slice(screen.output().lastIndexOf("\u001b[2K")), bar)

        // Whatever could not be kept would be told.
        assert.notInclude(screen.output(), "level=WARN")
        const before = yield* asked(simulator)
        const again = yield* piped(["score", list], { env })
        assert.deepStrictEqual([again.code, again.stderr], [0, ""])
        const all = yield* asked(simulator)
        assert.isAbove(all.length, before.length)
        assert.strictEqual(new Set(all).size, all.length)
      }).pipe(Effect.provide(server))
  )

  it.scopedLive("once more ends it at once", () =>
    Effect.gen(function* () {
      const held = yield* Deferred.make<void>()
      yield* served(() => Effect.zipRight(Deferred.succeed(held, undefined), Effect.never))
      const screen = yield* inTerminal(["score", listOf(domains(3))], yield* ahrefsEnv)
      yield* Deferred.await(held)
      yield* screen.type(ctrlC)
      yield* screen.until(/Interrupted: 0 of 3 answered\./)
      yield* screen.type(ctrlC)
      yield* screen.ended
      isCursorShown(screen.output())
    }).pipe(Effect.provide(server))
  )
})

describe.concurrent("integrations set", () => {
  const row = ["--tenant", "acme", "--provider", "ahrefs"]
  const database = () => ({
    SEO_DATABASE_URL: `file:${join(fresh(), "tenants.db")}`,
    SEO_MASTER_KEYS: randomBytes(32).toString("base64")
  })

  it.scopedLive("takes the key from a prompt that does not show it; Ctrl-C there keeps nothing", () =>
    Effect.gen(function* () {
      const env = database()
      const left = yield* inTerminal(["integrations", "set", ...row], env)
      yield* left.until(/The key of Ahrefs \(it is not shown\)/)
      yield* left.type(canary)
      yield* left.type(ctrlC)
      assert.strictEqual(yield* left.ended, 130)
      isCursorShown(left.output())
      const none = yield* piped(["integrations", "list", "--json"], { env })
      assert.deepStrictEqual(none, { code: 0, stdout: "", stderr: "" })

      const empty = yield* inTerminal(["integrations", "set", ...row], env)
      yield* empty.until(/not shown/)
      yield* empty.type("\r")
      assert.strictEqual(yield* empty.ended, 2)
      assert.include(empty.output(), "No key was given")

      const typed = yield* inTerminal(["integrations", "set", ...row], env)
      yield* typed.until(/not shown/)
      yield* typed.type(canary)
      yield* typed.type("\r")
      assert.strictEqual(yield* typed.ended, 0)
      isCursorShown(typed.output())
      const list = yield* inTerminal(["integrations", "list"], env)
      assert.strictEqual(yield* list.ended, 0)
      assert.match(list.output(), /acme +Ahrefs +yes +vendor +never/)
      assert.notInclude(readFileSync(env.SEO_DATABASE_URL.slice("file:".length), "latin1"), canary)
    })
  )

  it.scopedLive("a list can be typed too, until Ctrl-D", () =>
    Effect.gen(function* () {
      const screen = yield* inTerminal(["score", "-"])
      yield* screen.type("site-1.com\nlocalhost\n")
      yield* screen.type("\u0004")
      assert.strictEqual(yield* screen.ended, 0)
      assert.include(screen.output(), "No API key is set")
      assert.include(screen.output(), "2 prospects: ")
    })
  )

  it.scopedLive("codes are the same there", () =>
    Effect.gen(function* () {
      const [refused, wrong] = yield* Effect.all(
        [
          inTerminal(["score", listOf(["a.com"])], { ...(yield* ahrefsEnv), AHREFS_API_KEY: "another" }),
          inTerminal(["score", fileOf("a.com"), "--max-units", "x"])
        ],
        { concurrency: 2 }
      )
      assert.deepStrictEqual([yield* refused.ended, yield* wrong.ended], [1, 2])
      assert.include(refused.output(), "InvalidKey: ")
      assert.isFalse(existsSync("x"))
    }).pipe(Effect.provide(ahrefs()))
  )
})
