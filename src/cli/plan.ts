/** `plan`: what scoring a list would cost; nothing is spent. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Provider, Unit } from "../Operation.js"
import * as ProspectScorer from "../ProspectScorer.js"
import { names } from "../scoring/explain.js"
import { Account, simulation } from "./account.js"
import * as Choices from "./choices.js"
import { ofScore } from "./failure.js"
import * as Output from "./output.js"
import { count, headed, jsonLine, nameOf, plural, table, units } from "./text.js"

const widths = [8, 12, 44, 8, 8, 8, 26]
const heads = ["stage", "provider", "data", "sites", "known", "calls", "cost"]

/** An upper end of `null` is none that anybody states. */
const range = ({ lower, upper }: ProspectScorer.StagePlan["units"], unit: Unit): string =>
  lower === upper ? units(lower, unit) : upper === null ? units(null, unit) : `${count(lower)} to ${units(upper, unit)}`

const cellsOf = ({ cached, calls, data, provider, stage, targets, unit, units }: ProspectScorer.StagePlan) => [
  stage,
  nameOf(provider),
  data.map((datum) => names[datum]).join(", "),
  count(targets),
  count(cached),
  count(calls),
  range(units, unit)
]

const totalOf = (provider: Provider, stages: ReadonlyArray<ProspectScorer.StagePlan>): ReadonlyArray<string> => {
  const own = stages.filter((stage) => stage.provider === provider)
  const [first] = own
  if (first === undefined) return []
  const upper = own.reduce<number | null>(
    (sum, { units }) => (sum === null || units.upper === null ? null : sum + units.upper),
    0
  )
  const lower = own.reduce((sum, { units }) => sum + units.lower, 0)
  const time = Duration.max(
    ...([Duration.zero, ...own.map(({ time }) => time)] as [Duration.Duration, Duration.Duration])
  )
  const least = Duration.lessThan(time, "1 second") ? "at once" : `all calls leave within ${Duration.format(time)}`
  return [`${nameOf(provider)}: ${range({ lower, upper }, first.unit)}; ${least}`]
}

interface Chosen extends Choices.Choices {
  readonly json: boolean
}

const planList = Effect.fnUntraced(function* (isJson: boolean, { exclude, profile, prospects }: Choices.Given) {
  const { isSimulated, rows, tenant } = yield* Account
  const scorer = yield* ProspectScorer.ProspectScorer
  const planned = scorer.plan(tenant, prospects.map(Choices.scorable), { profile, exclude })
  const { stages, ...counts } = yield* Effect.mapError(planned, ofScore)
  const print = yield* Output.printer({ goOnUnread: false })
  if (isJson) {
    const told = stages.map((stage) => ({ ...stage, time: Duration.toMillis(stage.time) }))
    return yield* print(jsonLine({ ...counts, stages: told, simulated: isSimulated }))
  }
  if (isSimulated) yield* print(`${simulation}\n`)
  const { duplicates, excluded, inputs, invalid, sites } = counts
  yield* print(
    [
      stages.length === 0 ? "" : headed(heads, widths) + table(stages.map(cellsOf), widths),
      `\n${plural(inputs, "prospect")}: ${count(sites)} to ask about, ${count(excluded)} excluded, ${count(invalid)} invalid, ` +
        `${count(duplicates)} duplicates\n`,
      ...rows.flatMap(({ provider }) => totalOf(provider, stages)).map((line) => `${line}\n`),
      "Signals are asked for those alone who pass the gate, and only while they can still decide.\n"
    ].join("")
  )
})

const plan = Effect.fnUntraced(
  function* (chosen: Chosen) {
    const given = yield* Choices.given(chosen)
    yield* Effect.provide(planList(chosen.json, given), Choices.account(chosen))
  },
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

const json = Options.boolean("json").pipe(Options.withDescription("Print one JSON object; times in milliseconds."))

export const command = Command.make("plan", { ...Choices.options, json }, plan).pipe(
  Command.withDescription("Tells what scoring a list would cost, by stage and provider. Spends nothing.")
)
