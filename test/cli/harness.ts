/** The command in this process, on the real file system and with a simulator for a network. */
import * as Terminal from "@effect/platform/Terminal"
import * as PlatformError from "@effect/platform/Error"
import * as HttpClient from "@effect/platform/HttpClient"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "../../src/cli/score.js"

const Verdict = Schema.Literal("qualified", "too_weak", "too_strong", "unknown", "invalid")
const Line = Schema.parseJson(
  Schema.Union(
    Schema.Struct({
      type: Schema.Literal("prospect"),
      input: Schema.String,
      target: Schema.NullOr(Schema.String),
      domainRating: Schema.NullOr(Schema.Number),
      verdict: Verdict,
      reason: Schema.NullOr(Schema.String)
    }),
    Schema.Struct({
      type: Schema.Literal("summary"),
      qualified: Schema.Int,
      rejected: Schema.Int,
      unknown: Schema.Int,
      invalid: Schema.Int,
      units: Schema.Struct({ ahrefs: Schema.NullOr(Schema.Number), se_ranking: Schema.NullOr(Schema.Number) }),
      calls: Schema.Int,
      cache: Schema.Struct({ fresh: Schema.Int, stale: Schema.Int, bought: Schema.Int }),
      simulated: Schema.optional(Schema.Boolean),
      attribution: Schema.optional(Schema.Struct({ text: Schema.String, url: Schema.String, license: Schema.String }))
    })
  )
)
const decodeLine = Schema.decodeUnknownSync(Line, { onExcessProperty: "error" })

/** The lines of `--json`: nothing else may be in it. */
export const linesOf = (stdout: string): ReadonlyArray<typeof Line.Type> => {
  const lines = stdout.split("\n")
  return lines.slice(0, -1).map((line) => decodeLine(line))
}

export interface Setup {
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly httpClient?: HttpClient.HttpClient | undefined
  /** Whoever reads the output goes after this many writes. */
  readonly reads?: number | undefined
}

/** A place of its own for what a run pays for. */
export const freshCache = () => mkdtempSync(join(tmpdir(), "score-cache-"))

const noNetwork = HttpClient.make(() => Effect.dieMessage("no request was expected"))

const epipe = new PlatformError.BadArgument({
  module: "Terminal",
  method: "display",
  description: "write",
  cause: Object.assign(new Error("write EPIPE"), { code: "EPIPE" })
})

export const score = (
  args: ReadonlyArray<string>,
  { env = {}, httpClient = noNetwork, reads = Infinity }: Setup = {}
) =>
  Effect.gen(function* () {
    const out: Array<string> = []
    const err: Array<string> = []
    const console = yield* Console.consoleWith(Effect.succeed)
    const terminal = yield* Terminal.Terminal
    const exit = yield* run(["node", "score", ...args]).pipe(
      Effect.provideService(HttpClient.HttpClient, httpClient),
      Effect.provideService(Terminal.Terminal, {
        ...terminal,
        display: (text) => (out.length < reads ? Effect.sync(() => void out.push(text)) : Effect.fail(epipe))
      }),
      Effect.withConsole({ ...console, error: (...texts) => Effect.sync(() => void err.push(...texts.map(String))) }),
      Effect.withConfigProvider(
        ConfigProvider.fromMap(new Map(Object.entries({ SEO_CACHE_DIR: freshCache(), ...env })))
      ),
      Effect.exit
    )
    return { exit, stdout: out.join(""), stderr: err.join("\n") }
  }).pipe(Effect.provide(NodeContext.layer))
