/** The command in this process, on the real file system and with a simulator for a network. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as PlatformError from "@effect/platform/Error"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Terminal from "@effect/platform/Terminal"
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "../../src/cli/command.js"
import { Provider, Unit } from "../../src/Operation.js"
import { ScoredProspect } from "../../src/ProspectScorer.js"

/** In no output, argument or file. */
export const canary = "CANARY-7d1f"

const Summary = Schema.Struct({
  type: Schema.Literal("summary"),
  inputs: Schema.Int,
  invalid: Schema.Int,
  duplicates: Schema.Int,
  excluded: Schema.Int,
  verdicts: Schema.Struct({
    Qualified: Schema.Int,
    Rejected: Schema.Int,
    Review: Schema.Int,
    NeedsData: Schema.Int
  }),
  reasons: Schema.Record({ key: Schema.String, value: Schema.Int }),
  medianRating: Schema.NullOr(Schema.Number),
  spent: Schema.Array(
    Schema.Struct({
      provider: Provider,
      unit: Unit,
      spent: Schema.Number,
      saved: Schema.Number,
      unpriced: Schema.Int
    })
  ),
  failures: Schema.Array(
    Schema.Struct({
      provider: Provider,
      operation: Schema.String,
      sites: Schema.Int,
      error: Schema.String,
      message: Schema.String
    })
  ),
  simulated: Schema.Boolean,
  interrupted: Schema.Boolean
})
type Summary = typeof Summary.Type

const Line = Schema.parseJson(
  Schema.Union(Schema.Struct({ type: Schema.Literal("prospect"), ...ScoredProspect.fields }), Summary)
)
const decodeLine = Schema.decodeUnknownSync(Line, { onExcessProperty: "error" })

interface Answers {
  readonly prospects: ReadonlyArray<ScoredProspect>
  readonly summary: Summary
}

/** What `score --json` printed: prospects, then the summary, and nothing else. */
export const answersOf = (stdout: string): Answers => {
  const lines = stdout.split("\n")
  assert.strictEqual(lines.pop(), "")
  const decoded = lines.map((line) => decodeLine(line))
  const summary = decoded.pop()
  if (summary?.type !== "summary") return assert.fail(`no summary at the end: ${stdout.slice(-200)}`)
  return { prospects: decoded.map((line) => (line.type === "prospect" ? line : assert.fail("two summaries"))), summary }
}

/** Units by provider. */
export const spentOf = ({ summary }: Answers): Readonly<Record<string, number>> =>
  Object.fromEntries(summary.spent.map(({ provider, spent }) => [provider, spent]))

interface Setup {
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly httpClient?: HttpClient.HttpClient | undefined
  /** Whoever reads the output goes after this many writes. */
  readonly reads?: number | undefined
}

/** A directory of its own. */
export const fresh = (): string => mkdtempSync(join(tmpdir(), "seo-cli-"))

/** A file in a directory of its own. */
export const fileOf = (text: string | Uint8Array, name = "list.txt"): string => {
  const file = join(fresh(), name)
  writeFileSync(file, text)
  return file
}

export const listOf = (lines: ReadonlyArray<string>): string => fileOf(lines.join("\n"))

export const domains = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `site-${i}.com`)

const noNetwork = HttpClient.make(() => Effect.dieMessage("no request was expected"))

const epipe = new PlatformError.BadArgument({
  module: "Terminal",
  method: "display",
  description: "write",
  cause: Object.assign(new Error("write EPIPE"), { code: "EPIPE" })
})

/** What ended it: `null` where it ran, else the tag of its failure. */
const endOf = <A, E>(exit: Exit.Exit<A, E>): string | null =>
  Exit.match(exit, {
    onSuccess: () => null,
    onFailure: (cause) =>
      Option.match(Cause.failureOption(cause), {
        onNone: () => assert.fail(Cause.pretty(cause)),
        onSome: (error) => String(Reflect.get(Object(error), "_tag"))
      })
  })

/** The command as it is started, but for the exit code. */
export const command = (
  args: ReadonlyArray<string>,
  { env = {}, httpClient = noNetwork, reads = Infinity }: Setup = {}
) =>
  Effect.gen(function* () {
    const out: Array<string> = []
    const err: Array<string> = []
    const console = yield* Console.consoleWith(Effect.succeed)
    const terminal = yield* Terminal.Terminal
    const exit = yield* run(["node", "effect-seo-providers", ...args]).pipe(
      Effect.provideService(HttpClient.HttpClient, httpClient),
      Effect.provideService(Terminal.Terminal, {
        ...terminal,
        display: (text) => (out.length < reads ? Effect.sync(() => void out.push(text)) : Effect.fail(epipe))
      }),
      Effect.withConsole({
        ...console,
        log: (...texts) => Effect.sync(() => void out.push(...texts.map(String))),
        error: (...texts) => Effect.sync(() => void err.push(...texts.map(String)))
      }),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))),
      Effect.exit
    )
    const ended = { end: endOf(exit), stdout: out.join(""), stderr: err.join("\n") }
    assert.notInclude(ended.stdout + ended.stderr, canary)
    return ended
  }).pipe(Effect.provide(NodeContext.layer))

export const score = (args: ReadonlyArray<string>, setup?: Setup) => command(["score", ...args], setup)
