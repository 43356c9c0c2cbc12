/** Processes, and what they print. */
import * as Command from "@effect/platform/Command"
import type * as CommandExecutor from "@effect/platform/CommandExecutor"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { BenchError } from "./measure.js"

/** What a Node process prints. Its errors go where ours go. */
export const node = (
  ...args: ReadonlyArray<string>
): Effect.Effect<string, BenchError | PlatformError, CommandExecutor.CommandExecutor> =>
  Effect.scoped(
    Effect.gen(function* () {
      const child = yield* Command.start(Command.make(process.execPath, ...args).pipe(Command.stderr("inherit")))
      const printed = yield* Stream.mkString(Stream.decodeText(child.stdout))
      const code = yield* child.exitCode
      return code === 0 ? printed : yield* new BenchError({ message: `${args.join(" ")} ended with ${code}.` })
    })
  )

/** What a process prints is its result: what it has to say beside that goes here. */
export const toStderr = Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))
