/**
 * Breaks what breaks in production, and audits the books afterwards.
 *
 *     npm run test:chaos [-- --seed N] [--only NAME] [--short] [--soak MINUTES]
 *
 * A seed decides who asks what and what goes wrong; the operating system decides the rest. But for the short form they write
 * RESULTS.md: what was not played stays as it is.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import { random } from "../support/random.js"
import { bundle } from "./bundle.js"
import { type Outcome, play } from "./play.js"
import { report, soakReport } from "./report.js"
import { type Scenario, scenarios, soak } from "./scenarios.js"

class Usage extends Data.TaggedError("Usage")<{ readonly message: string }> {}
class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}

const path = "test/chaos/RESULTS.md"

const lineOf = ({ again, billed, calls, outcomes, scenario, seed, unheard, violations }: Outcome): string => {
  const asked = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
  const repeated = Object.values(again).reduce((sum, count) => sum + count, 0)
  return `${violations.length === 0 ? "kept  " : "BROKEN"} ${scenario.name}, seed ${seed}: ${asked} questions, ${outcomes["answered"] ?? 0} answered, ${calls} calls, ${billed.ahrefs} + ${billed.se_ranking} units, ${repeated} facts sold again for a reason; ${unheard} questions Redis did not answer`
}

const main = Effect.gen(function* () {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      only: { type: "string" },
      short: { type: "boolean", default: false },
      soak: { type: "string" }
    }
  })
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
  const minutes = values.soak === undefined ? null : Number(values.soak)
  if (!Number.isSafeInteger(seed) || Number.isNaN(minutes)) {
    return yield* new Usage({ message: "--seed and --soak take numbers." })
  }
  const { only } = values
  const chosen: ReadonlyArray<Scenario> =
    minutes !== null ? [soak] : only === undefined ? scenarios : scenarios.filter(({ name }) => name === only)
  if (chosen.length === 0) {
    const names = scenarios.map(({ name }) => name).join(", ")
    return yield* new Usage({ message: `There is no scenario "${only}". There are: ${names}.` })
  }
  const millis = minutes !== null ? minutes * 60_000 : values.short ? 2_000 : 12_000
  yield* Console.log(`seed ${seed}`)
  const next = random(seed)
  const worker = yield* bundle
  const outcomes: Array<Outcome> = []
  for (const scenario of chosen) {
    // A scenario alone is the same as among the others.
    const own = only === undefined && minutes === null ? Math.floor(next() * 1_000_000) : seed
    const outcome = yield* Effect.scoped(play({ scenario, seed: own, millis, worker, isShort: values.short }))
    outcomes.push(outcome)
    yield* Console.log(lineOf(outcome))
    yield* Effect.forEach(outcome.violations, (violation) => Console.log(`       ${violation}`))
  }
  const broken = outcomes.filter(({ violations }) => violations.length > 0)
  const files = yield* FileSystem.FileSystem
  const before = (yield* files.exists(path)) ? yield* files.readFileString(path) : ""
  if (minutes !== null) {
    yield* files.writeFileString(path, soakReport(before, outcomes[0]!, minutes))
  } else if (!values.short) {
    yield* files.writeFileString(path, report(before, outcomes))
  }
  if (broken.length > 0) {
    const replays = broken.map(({ scenario, seed }) => `npm run test:chaos -- --only "${scenario.name}" --seed ${seed}`)
    return yield* new Broken({
      message: `${broken.length} of ${outcomes.length} broken. Again with:\n${replays.join("\n")}`
    })
  }
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

NodeRuntime.runMain(main)
