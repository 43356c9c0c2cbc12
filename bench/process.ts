/** Processes, and what they print. */
import * as Command from "@effect/platform/Command"
import type * as CommandExecutor from "@effect/platform/CommandExecutor"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { BenchError } from "./measure.js"

/** What a command prints. Its errors go where ours go. */
export const printed = (
  command: Command.Command
): Effect.Effect<string, BenchError | PlatformError, CommandExecutor.CommandExecutor> =>
  Effect.scoped(
    Effect.gen(function* () {
      const child = yield* Command.start(Command.stderr(command, "inherit"))
      const printed = yield* Stream.mkString(Stream.decodeText(child.stdout))
      const code = yield* child.exitCode
      const [{ args }] = Command.flatten(command)
      return code === 0 ? printed : yield* new BenchError({ message: `${args.join(" ")} ended with ${code}.` })
    })
  )

/** What a Node process prints. */
export const node = (...args: ReadonlyArray<string>) => printed(Command.make(process.execPath, ...args))

/** What a process prints is its result: what it has to say beside that goes here. */
export const toStderr = Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))

/** A process that says one line when it is ready, is told when to go, says another when it is done, and stays until its input ends. */
export interface Standby {
  readonly process: ChildProcess
  /** Its first line; empty where it ended before. */
  readonly ready: Promise<string>
  readonly go: () => void
  /** Its second line; empty where it ended before. */
  readonly report: Promise<string>
}

/** It is killed with the scope. */
export const standby = (...args: ReadonlyArray<string>): Effect.Effect<Standby, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
      // Those who were killed do not read.
      child.stdin.on("error", () => undefined)
      const ended = once(child, "close")
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const line = async () => String((await lines.next()).value ?? "")
      const ready = line()
      return { process: child, ended, ready, go: () => void child.stdin.write("go\n"), report: ready.then(line) }
    }),
    ({ ended, process }) =>
      Effect.promise(() => {
        process.kill("SIGKILL")
        return ended
      })
  )
