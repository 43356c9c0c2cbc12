/** `score`: an answer for every line of a list. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Integration } from "../Integrations.js"
import { Provider } from "../Operation.js"
import * as ProspectScorer from "../ProspectScorer.js"
import * as Report from "../Report.js"
import * as Account from "./account.js"
import * as Answers from "./answers.js"
import { BadUsage, described, Failed, ofTenant } from "./failure.js"
import * as List from "./list.js"
import * as Output from "./output.js"
import * as Progress from "./progress.js"
import { type Imports, type Prospect, readProspects } from "./readProspects.js"
import { isColoured } from "./screen.js"
import { plural, visible } from "./text.js"

export const simulation =
  "No API key is set: these are made-up ratings of a simulated vendor, and nothing is spent. " +
  `Set ${Provider.literals.map((provider) => `${provider.toUpperCase()}_API_KEY`).join(" or ")} for real ones.`

const isDatum = Schema.is(ProspectScorer.Datum)

/** What is given for each of several names, once. */
const once = <K extends string, V>(
  option: string,
  entries: ReadonlyArray<readonly [K, V]>
): Effect.Effect<ReadonlyMap<K, V>, BadUsage> => {
  const map = new Map(entries)
  const twice = Array.from(map.keys()).filter((name) => entries.filter(([one]) => one === name).length > 1)
  return twice.length === 0
    ? Effect.succeed(map)
    : new BadUsage({ message: `${option}: ${twice.join(" and ")} is given more than once` })
}

/** `--import trustFlow=TF`, checked. */
const importsOf = (given: ReadonlyArray<string>): Effect.Effect<Imports, BadUsage> =>
  Effect.flatMap(
    Effect.forEach(given, (text) => {
      const [, datum, column] = /^([^=]*)=(.*[^\s].*)$/s.exec(text) ?? []
      if (datum === undefined || column === undefined) {
        return new BadUsage({ message: `--import ${visible(text)}: must be like trustFlow="Trust Flow"` })
      }
      return isDatum(datum)
        ? Effect.succeed([datum, column] as const)
        : new BadUsage({
            message: `--import ${visible(datum)}: there is no such datum; one of ${ProspectScorer.Datum.literals.join(", ")}`
          })
    }),
    (entries) => once("--import", entries)
  )

const readList = Effect.fnUntraced(function* (file: string, imports: Imports) {
  const { prospects, unknownColumns } = readProspects(yield* List.read(file), imports)
  if (unknownColumns.length > 0) {
    return yield* new BadUsage({ message: `${file} has no column ${unknownColumns.map(visible).join(", ")} to import` })
  }
  return prospects
})

/** The list, with what it knows already. */
export const prospectsOf = ({ file, imports }: Pick<Choices, "file" | "imports">) =>
  Effect.flatMap(importsOf(imports), (imports) => readList(file, imports))

/** Sites that nothing is to be paid for. */
export const blocklistOf = (files: ReadonlyArray<string>) =>
  Effect.map(
    Effect.forEach(files, (file) => readList(file, new Map())),
    (lists): ProspectScorer.Lists => ({
      blocklist: lists.flat().flatMap(({ input, problem }) => (problem === null ? [input] : []))
    })
  )

/** What cannot be read is asked of nobody; it keeps its place. */
export const scorable = ({ input, problem, signals }: Prospect): ProspectScorer.Input =>
  problem !== null ? "" : signals === undefined ? input : { input, signals }

const restored =
  (prospects: ReadonlyArray<Prospect>) =>
  (answer: ProspectScorer.ScoredProspect): ProspectScorer.ScoredProspect => {
    const { input, problem } = prospects[answer.index]!
    return problem === null
      ? answer
      : { ...answer, input, verdict: { _tag: "Excluded", reason: "invalid", message: problem } }
  }

const decodeProfile = Schema.decodeUnknownEither(ProspectScorer.Profile, { errors: "all" })

/** A profile by its name, or of a JSON file. */
export const profileOf = Effect.fnUntraced(function* (name: string) {
  if (name === "standard") return ProspectScorer.standard
  if (name === "links-only") return ProspectScorer.linksOnly
  const json = yield* List.readJson(name)
  return yield* Either.mapLeft(decodeProfile(json), (error) => {
    const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
    const texts = issues.map(({ message, path }) => `${path.join(".") || "the file"}: ${message}`)
    return new BadUsage({ message: `${name} is no profile: ${texts.join("; ").slice(0, 500)}` })
  })
})

const isProvider = Schema.is(Provider)

/** `1000`, where one provider is asked, or `ahrefs=1000`: units of different providers are different ones. */
const maxUnitsOf = (given: ReadonlyArray<string>, rows: ReadonlyArray<Integration>) =>
  Effect.flatMap(
    Effect.forEach(given, (text) => {
      const [, name, amount] = /^(?:([a-z_]+)=)?(\d{1,15})$/.exec(text) ?? []
      const provider = name ?? (rows.length === 1 ? rows[0]!.provider : undefined)
      if (amount === undefined) {
        return new BadUsage({ message: `--max-units ${visible(text)}: must be a whole number, or like ahrefs=1000` })
      }
      if (provider === undefined) {
        const names = rows.map(({ provider }) => `${provider}=${amount}`).join(" or ")
        return new BadUsage({ message: `--max-units ${amount}: of which provider? Their units differ: ${names}` })
      }
      return isProvider(provider) && rows.some((row) => row.provider === provider)
        ? Effect.succeed([provider, Number(amount)] as const)
        : new BadUsage({ message: `--max-units ${visible(text)}: ${visible(provider)} is not asked` })
    }),
    (entries) =>
      Effect.map(once("--max-units", entries), (map): ProspectScorer.Options["maxUnits"] => Object.fromEntries(map))
  )

export const withFreeRatings = (row: Integration): Integration =>
  row.provider === "ahrefs" ? { ...row, metadata: { ...row.metadata, freeDomainRating: true } } : row

export const checkFreeRatings = (rows: ReadonlyArray<Integration>): Effect.Effect<void, BadUsage> =>
  rows.some(({ metadata, provider }) => provider === "ahrefs" && metadata.contract !== "platform")
    ? Effect.void
    : new BadUsage({
        message: "--free-domain-rating is an offer of Ahrefs' vendor contract, which is not the one configured"
      })

// Long answers go out in pieces: a table of many rows takes long to draw.
const pieceSize = 100

interface Choices extends Account.Choice {
  readonly file: string
  readonly json: boolean
  readonly csv: boolean
  readonly out: Option.Option<string>
  readonly html: Option.Option<string>
  readonly maxUnits: ReadonlyArray<string>
  readonly profile: Option.Option<string>
  readonly exclude: ReadonlyArray<string>
  readonly imports: ReadonlyArray<string>
  readonly freeDomainRating: boolean
}

const scoreList = Effect.fnUntraced(function* (
  choices: Choices,
  prospects: ReadonlyArray<Prospect>,
  exclude: ProspectScorer.Lists
) {
  const { csv, file, freeDomainRating, html, json, out } = choices
  const { isSimulated, rows, tenant } = yield* Account.Account
  const scorer = yield* ProspectScorer.ProspectScorer
  if (freeDomainRating) yield* checkFreeRatings(rows)
  const maxUnits = yield* maxUnitsOf(choices.maxUnits, rows)
  const profile = yield* Effect.transposeOption(Option.map(choices.profile, profileOf))
  const files = [...Option.toArray(out), ...Option.toArray(html)]
  yield* Effect.forEach(files, (path) => List.checkWritable(path, file), { discard: true })

  const format = json ? Answers.json : csv ? Answers.csvLines : Answers.table(isColoured(process.stdout))
  const print = yield* Output.printer({ goOnUnread: files.length > 0 })
  if (isSimulated) yield* json || csv ? Console.error(simulation) : print(`${simulation}\n`)
  if (prospects.length > 0 || csv) yield* print(format.head)

  const bar = yield* Progress.make(process.stderr)
  const answered: Array<ProspectScorer.ScoredProspect> = []
  let last: Pick<ProspectScorer.Summary, "failures" | "spent"> = { failures: [], spent: [] }

  const told = Effect.fnUntraced(function* (isInterrupted: boolean) {
    const summary = ProspectScorer.summarize(answered, last)
    const run: Answers.Run = { isSimulated, isInterrupted, inputs: prospects.length }
    yield* bar.end
    const written = yield* Effect.either(
      Effect.all(
        [
          ...Option.toArray(
            Option.map(out, (path) => Effect.suspend(() => List.write(path, Answers.csvFile(answered))))
          ),
          ...Option.toArray(
            Option.map(html, (path) =>
              Effect.flatMap(Clock.currentTimeMillis, (at) => {
                const used = Option.getOrElse(
                  profile,
                  () => rows.find(({ metadata }) => metadata.profile)?.metadata.profile ?? ProspectScorer.standard
                )
                const report = { profile: used, simulated: isSimulated, at }
                return List.write(path, Report.html({ prospects: answered, summary }, report))
              })
            )
          )
        ],
        { discard: true }
      )
    )
    yield* print(format.summary(summary, run, answered))
    yield* written
    return summary
  })

  const inputs = prospects.map(scorable)
  const answers = scorer.score(tenant, inputs, {
    maxUnits,
    profile: Option.getOrUndefined(profile),
    exclude,
    onProgress: (progress) => {
      last = progress
      return bar.show(progress)
    }
  })
  const restore = restored(prospects)
  yield* answers.pipe(
    Stream.chunks,
    Stream.mapConcat(Chunk.chunksOf(pieceSize)),
    Stream.map((piece) => Array.from(piece, restore)),
    Stream.runForEach((piece) => {
      answered.push(...piece)
      return bar.aside(print(format.rows(piece)))
    }),
    Effect.catchTags({
      InvalidProfile: ({ message }) => new BadUsage({ message }),
      UnknownTenant: ofTenant,
      NoIntegration: ofTenant,
      IntegrationsUnavailable: ofTenant,
      DuplicateIntegration: ofTenant,
      InvalidMetadata: ofTenant,
      UnknownMasterKey: ofTenant,
      UndecryptableKey: ofTenant,
      TooManyAccounts: ofTenant
    }),
    Effect.onInterrupt(() =>
      bar.end.pipe(
        Effect.zipRight(
          Console.error(
            "Stopped. Calls under way are paid, and waited for; the next run has all that was paid for, for nothing."
          )
        ),
        Effect.zipRight(told(true)),
        // Nobody is left to hear of more.
        Effect.catchAll((error) => (error._tag === "ClosedPipe" ? Effect.void : Console.error(visible(error.message))))
      )
    )
  )
  const { failures } = yield* told(false)
  const [first] = failures
  if (first !== undefined) {
    const others = failures.length === 1 ? "" : ` (and ${plural(failures.length - 1, "more failure")})`
    return yield* new Failed({ message: `${described(first.error)}${others}` })
  }
})

const score = Effect.fnUntraced(
  function* (choices: Choices) {
    if (choices.json && choices.csv) return yield* new BadUsage({ message: "--json or --csv, not both" })
    const prospects = yield* prospectsOf(choices)
    const exclude = yield* blocklistOf(choices.exclude)
    const account = Account.layer(choices, choices.freeDomainRating ? withFreeRatings : undefined)
    yield* Effect.provide(scoreList(choices, prospects, exclude), account)
  },
  Effect.scoped,
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

export const options = {
  tenant: Account.tenant,
  provider: Account.providers,
  json: Options.boolean("json").pipe(
    Options.withDescription("Print JSON, one object a line: a prospect for every line of the list, then the summary.")
  ),
  csv: Options.boolean("csv").pipe(Options.withDescription("Print CSV.")),
  out: Options.text("out").pipe(
    Options.withPseudoName("FILE.csv"),
    Options.withDescription("Write the CSV to this file too. What is in it is replaced."),
    Options.optional
  ),
  html: Options.text("html").pipe(
    Options.withPseudoName("FILE.html"),
    Options.withDescription("Write a report to this file too: charts and a table in one page that loads nothing."),
    Options.optional
  ),
  maxUnits: Options.text("max-units").pipe(
    Options.withPseudoName("[PROVIDER=]UNITS"),
    Options.withDescription(
      "Spend no more than this in this run; once for each provider, in its own unit. The best prospects are asked about first."
    ),
    Options.repeated
  ),
  profile: Options.text("profile").pipe(
    Options.withPseudoName("NAME|FILE.json"),
    Options.withDescription("How prospects are scored: standard (the default), links-only, or a file."),
    Options.optional
  ),
  exclude: Options.text("exclude").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("A list like FILE of sites that nothing is to be paid for; may be given more than once."),
    Options.repeated
  ),
  imports: Options.text("import").pipe(
    Options.withPseudoName("DATUM=COLUMN"),
    Options.withDescription(
      `What the list knows already is not bought: trustFlow="Trust Flow". Data: ${ProspectScorer.Datum.literals.join(", ")}.`
    ),
    Options.repeated
  ),
  freeDomainRating: Options.boolean("free-domain-rating").pipe(
    Options.withDescription(
      "Take the ratings from Ahrefs' free operation: 0 units. With this you accept the duty that comes with them: wherever " +
        'you show the ratings you must show "Domain Rating by Ahrefs" with a link to https://ahrefs.com/. Only with the ' +
        "vendor contract of Ahrefs."
    )
  )
}

export const command = Command.make("score", { file: List.file, ...options }, score).pipe(
  Command.withDescription(
    "Scores a list of prospects at the least cost. Without any key it runs on a simulated vendor."
  )
)
