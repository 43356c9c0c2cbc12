/** Entry of the command: real files, a real network, exit codes. */
import { isValidationError } from "@effect/cli/ValidationError"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { isQuitException } from "@effect/platform/Terminal"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid, identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { stripVTControlCharacters } from "node:util"
import { run } from "./command.js"
import { BadUsage } from "./failure.js"
import { isColoured } from "./screen.js"

const exitCode = <A, E>(exit: Exit.Exit<A, E>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.isInterruptedOnly(exit.cause)) return 130
  return Option.match(Cause.failureOption(exit.cause), {
    onNone: () => 1,
    onSome: (error) => (isQuitException(error) ? 130 : error instanceof BadUsage || isValidationError(error) ? 2 : 1)
  })
}

/** A fault of this program, without its stack. */
const tellDefect = (defect: unknown) => Console.error(`Defect: ${defect instanceof Error ? defect.message : "unknown"}`)

/** The help is coloured whoever reads it. */
const plainly = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Console.consoleWith((console) =>
    Effect.withConsole(effect, {
      ...console,
      log: (...texts) =>
        console.log(...texts.map((text) => (typeof text === "string" ? stripVTControlCharacters(text) : text)))
    })
  )

// Whoever writes is told of a closed pipe; without a listener Node.js would end the process too.
process.stdout.on("error", constVoid)

const layer = Layer.mergeAll(
  NodeContext.layer,
  FetchHttpClient.layer,
  // Standard output is for the answers.
  Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))
)

run(process.argv).pipe(
  isColoured(process.stdout) ? identity : plainly,
  Effect.tapDefect((cause) => Effect.forEach(Cause.defects(cause), tellDefect)),
  Effect.provide(layer),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(exitCode(exit))
  })
)
