/**
 * One section in a process of its own, so that none runs on code another one warmed up or on its garbage. Prints its rows.
 *
 *     node sectionChild.js SECTION
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { BenchError } from "./measure.js"
import { toStderr } from "./process.js"
import { sections } from "./sections.js"

const name = process.argv[2] ?? ""
const section = sections[name] ?? new BenchError({ message: `There is no section "${name}".` })

const printed = Effect.flatMap(section, (rows) => Console.log(JSON.stringify(rows))).pipe(
  Effect.tapErrorCause((cause) => Effect.logError(cause)),
  Effect.provide(toStderr)
)

NodeRuntime.runMain(printed, { disableErrorReporting: true, disablePrettyLogger: true })
