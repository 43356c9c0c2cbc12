/** The command: reads a list, rates each distinct site once, answers every line. */
import * as Args from "@effect/cli/Args"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { version } from "../internal/version.js"
import type { ProviderError } from "../ProviderError.js"
import { BadUsage, described, Refused } from "./failure.js"
import * as Output from "./output.js"
import * as Rate from "./rate.js"
import { decode, readProspects } from "./readProspects.js"
import { csv, json, table, visible } from "./render.js"
import { distinctTargets, rows } from "./rows.js"
import { source } from "./settings.js"
import * as Store from "./store.js"
import { countsOf } from "./summary.js"

const simulation =
  "No API key is set: these are made-up ratings of a simulated Ahrefs, and nothing is spent. " +
  "Set AHREFS_API_KEY or SE_RANKING_API_KEY for real ones."

const why = (error: PlatformError): string => (error._tag === "SystemError" ? error.reason : error.message)

const readList = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const bytes = yield* Effect.mapError(
    fs.readFile(file),
    (error) => new BadUsage({ message: `${file} cannot be read: ${why(error)}` })
  )
  const text = yield* Effect.try({
    try: () => decode(bytes),
    catch: () => new BadUsage({ message: `${file} cannot be read: it is too large` })
  })
  return readProspects(text)
})

const unwritable = (out: string) => (error: PlatformError) =>
  new BadUsage({ message: `${out} cannot be written: ${why(error)}` })

/** Opens the file as it will be written, but leaves what is in it. */
const checkWritable = Effect.fnUntraced(function* (out: string, file: string) {
  const fs = yield* FileSystem.FileSystem
  const isList = yield* Effect.zipWith(fs.realPath(out), fs.realPath(file), (a, b) => a === b).pipe(
    Effect.orElseSucceed(() => false)
  )
  if (isList) return yield* new BadUsage({ message: `${out} is the list itself` })
  yield* Effect.mapError(Effect.scoped(fs.open(out, { flag: "a" })), unwritable(out))
})

const writeFile = (out: string, text: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.mapError(fs.writeFileString(out, text), unwritable(out)))

// Long answers go out in pieces: a table of many rows takes long to draw.
const pieceSize = 100

interface Choices {
  readonly file: string
  readonly json: boolean
  readonly out: Option.Option<string>
  readonly freeDomainRating: boolean
}

export const score = Effect.fnUntraced(
  function* ({ file, freeDomainRating, json: isJson, out }: Choices) {
    const prospects = yield* readList(file)
    const rater = yield* Effect.flatMap(source(freeDomainRating), Rate.make)
    if (Option.isSome(out)) yield* checkWritable(out.value, file)

    const format = isJson ? json : table
    const print = yield* Output.printer({ goOnUnread: Option.isSome(out) })
    if (rater.isSimulated) yield* isJson ? Console.error(simulation) : print(`${simulation}\n`)

    const targets = distinctTargets(prospects)
    const refusal = yield* Ref.make(Option.none<ProviderError>())
    const answers = targets.length === 0 ? Stream.empty : rater.rate(targets)
    const scored = rows(prospects, answers, (error) =>
      Effect.as(Ref.set(refusal, Option.some(error)), described(error))
    )

    if (prospects.length > 0) yield* print(format.head)
    const pieces = yield* scored.pipe(
      Stream.chunks,
      Stream.mapConcat(Chunk.chunksOf(pieceSize)),
      Stream.map(Chunk.toReadonlyArray),
      Stream.tap((piece) => print(format.rows(piece))),
      Stream.runCollect
    )
    const all = Chunk.toReadonlyArray(pieces).flat()
    const written = yield* Effect.either(
      Option.match(out, { onNone: () => Effect.void, onSome: (path) => writeFile(path, csv(all)) })
    )
    yield* print(format.summary({ ...rater, counts: countsOf(all), ledger: yield* rater.ledger }))

    const refused = yield* Ref.get(refusal)
    if (Option.isSome(refused)) {
      if (Either.isLeft(written)) yield* Console.error(written.left.message)
      return yield* new Refused({ error: refused.value })
    }
    yield* written
  },
  Effect.scoped,
  Effect.provide(Store.layer),
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

const file = Args.text({ name: "FILE" }).pipe(
  Args.withDescription(
    "The list: a domain or URL a line, or a CSV (comma, semicolon or tab) whose header names a column domain, url, website, " +
      "site, host, target, link or the like. UTF-8, or UTF-16 with a byte order mark."
  ),
  // What starts with a dash and is no option would be taken for a file.
  Args.mapEffect((name) =>
    name.startsWith("-")
      ? Effect.fail(HelpDoc.p(`Received unknown option: '${name}' (a file of that name is ./${name})`))
      : Effect.succeed(name)
  )
)

const options = {
  json: Options.boolean("json").pipe(
    Options.withDescription("Print JSON, one object a line: a prospect for every line of the list, then the summary.")
  ),
  out: Options.text("out").pipe(
    Options.withPseudoName("FILE.csv"),
    Options.withDescription("Write the rows to this CSV file too. What is in it is replaced."),
    Options.optional
  ),
  freeDomainRating: Options.boolean("free-domain-rating").pipe(
    Options.withDescription(
      "Take the ratings from Ahrefs' free operation: 0 units. With this you accept the duty that comes with them: wherever " +
        'you show the ratings you must show "Domain Rating by Ahrefs" with a link to https://ahrefs.com/. Only with the ' +
        "vendor contract of Ahrefs."
    )
  )
}

export const command = Command.make("score", { file, ...options }, score).pipe(
  Command.withDescription(
    "Rates a list of prospects: qualified where 30 <= Domain Rating < 90. Asks Ahrefs (AHREFS_API_KEY, AHREFS_API_URL, " +
      "AHREFS_CONTRACT=vendor|platform), or SE Ranking (SE_RANKING_API_KEY, SE_RANKING_API_URL, SE_RANKING_CONTRACT) " +
      "where Ahrefs has no key, or a simulation of made-up ratings where there is none at all. Exit code 0 when it ran, 1 when " +
      "the provider refused (what was bought before is printed), 2 when it was called wrongly."
  )
)

const told = (error: { readonly message: string }) => Console.error(visible(error.message))

/** Takes the arguments as `process.argv` has them. */
export const run = (argv: ReadonlyArray<string>) =>
  Command.run(command, { name: "score", version })(argv).pipe(
    Effect.tapErrorTag("BadUsage", told),
    Effect.tapErrorTag("Refused", told),
    Effect.provide(CliConfig.layer({ isCaseSensitive: true }))
  )
