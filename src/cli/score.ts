/** `score`: an answer for every line of a list. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ProspectScorer from "../ProspectScorer.js"
import * as Report from "../Report.js"
import { Account, simulation } from "./account.js"
import * as Answers from "./answers.js"
import * as Choices from "./choices.js"
import { BadUsage, described, Failed, ofScore } from "./failure.js"
import * as List from "./list.js"
import * as Output from "./output.js"
import * as Progress from "./progress.js"
import { isColoured } from "./screen.js"
import { plural, visible } from "./text.js"

// Long answers go out in pieces: a table of many rows takes long to draw.
const pieceSize = 100

const stopped =
  "Stopped. Calls under way are paid, and waited for; the next run has all that was paid for, for nothing."

interface Chosen extends Choices.Choices {
  readonly json: boolean
  readonly csv: boolean
  readonly out: Option.Option<string>
  readonly html: Option.Option<string>
  readonly maxUnits: ReadonlyArray<string>
}

/** What was answered so far, in the order of the list. */
interface Done {
  readonly prospects: Array<ProspectScorer.ScoredProspect>
  last: Pick<ProspectScorer.Summary, "failures" | "spent">
}

/** Writes the files that were asked for. */
const write = ({ html, out }: Chosen, scored: Report.Scored, options: Report.Options) =>
  Effect.gen(function* () {
    if (Option.isSome(out)) yield* List.write(out.value, Answers.csvFile(scored.prospects))
    if (Option.isSome(html)) {
      const at = yield* Clock.currentTimeMillis
      yield* List.write(html.value, Report.html(scored, { ...options, at }))
    }
  })

const scoreList = Effect.fnUntraced(function* (chosen: Chosen, { exclude, profile, prospects }: Choices.Given) {
  const { csv, file, html, json, out } = chosen
  const { isSimulated, rows, tenant } = yield* Account
  const scorer = yield* ProspectScorer.ProspectScorer
  const maxUnits = yield* Choices.maxUnitsOf(chosen.maxUnits, rows)
  const files = [...Option.toArray(out), ...Option.toArray(html)]
  yield* Effect.forEach(files, (path) => List.checkWritable(path, file), { discard: true })

  const format = json ? Answers.json : csv ? Answers.csvLines : Answers.table(isColoured(process.stdout))
  const print = yield* Output.printer({ goOnUnread: files.length > 0 })
  if (isSimulated) yield* json || csv ? Console.error(simulation) : print(`${simulation}\n`)
  if (prospects.length > 0 || csv) yield* print(format.head)

  const bar = yield* Progress.make(process.stderr)
  const done: Done = { prospects: [], last: { failures: [], spent: [] } }
  const finish = (isInterrupted: boolean) =>
    Effect.gen(function* () {
      yield* bar.end
      const summary = ProspectScorer.summarize(done.prospects, done.last)
      const used = profile ?? rows.find(({ metadata }) => metadata.profile)?.metadata.profile ?? ProspectScorer.standard
      const scored = { prospects: done.prospects, summary }
      const written = yield* Effect.either(write(chosen, scored, { profile: used, simulated: isSimulated }))
      const run = { isSimulated, isInterrupted, inputs: prospects.length }
      yield* print(format.summary(summary, run, done.prospects))
      yield* written
    })

  const options: ProspectScorer.Options = {
    maxUnits,
    profile,
    exclude,
    onProgress: (progress) => {
      done.last = progress
      return bar.show(progress)
    }
  }
  yield* scorer.score(tenant, prospects.map(Choices.scorable), options).pipe(
    Stream.mapError(ofScore),
    Stream.chunks,
    Stream.mapConcat(Chunk.chunksOf(pieceSize)),
    Stream.map((piece) => Array.from(piece, Choices.restored(prospects))),
    Stream.runForEach((piece) => {
      done.prospects.push(...piece)
      return bar.aside(print(format.rows(piece)))
    }),
    Effect.onInterrupt(() =>
      bar.end.pipe(
        Effect.zipRight(Console.error(stopped)),
        Effect.zipRight(finish(true)),
        // Nobody is left to hear of more.
        Effect.catchAll((error) => (error._tag === "ClosedPipe" ? Effect.void : Console.error(visible(error.message))))
      )
    )
  )
  yield* finish(false)
  const { failures } = done.last
  const [first] = failures
  if (first !== undefined) {
    const others = failures.length === 1 ? "" : ` (and ${plural(failures.length - 1, "more failure")})`
    return yield* new Failed({ message: `${described(first.error)}${others}` })
  }
})

const score = Effect.fnUntraced(
  function* (chosen: Chosen) {
    if (chosen.json && chosen.csv) return yield* new BadUsage({ message: "--json or --csv, not both" })
    const given = yield* Choices.given(chosen)
    yield* Effect.provide(scoreList(chosen, given), Choices.account(chosen))
  },
  Effect.scoped,
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

const options = {
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
  )
}

export const command = Command.make("score", { ...Choices.options, ...options }, score).pipe(
  Command.withDescription(
    "Scores a list of prospects at the least cost. Without any key it runs on a simulated vendor."
  )
)
