/** Processes, and what they print. */
import * as Command from "@effect/platform/Command"
import type * as CommandExecutor from "@effect/platform/CommandExecutor"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

export class FuzzError extends Schema.TaggedError<FuzzError>()("FuzzError", { message: Schema.String }) {}

export interface Ended {
  readonly code: number
  readonly printed: string
}

/** Node with these arguments. What it says of its errors is part of what it prints. */
export const node = (
  args: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> }
): Effect.Effect<Ended, FuzzError | PlatformError, CommandExecutor.CommandExecutor> =>
  Effect.scoped(
    Effect.gen(function* () {
      const child = yield* Command.start(
        Command.make(process.execPath, ...args).pipe(
          Command.workingDirectory(options.cwd),
          Command.env(options.env ?? {})
        )
      )
      const [printed, said] = yield* Effect.all(
        [Stream.mkString(Stream.decodeText(child.stdout)), Stream.mkString(Stream.decodeText(child.stderr))],
        { concurrency: "unbounded" }
      )
      const code = yield* child.exitCode
      return { code, printed: code === 0 ? printed : `${printed}\n${said}` }
    })
  ).pipe(
    Effect.timeoutFail({
      duration: "15 minutes",
      onTimeout: () => new FuzzError({ message: `${args.join(" ")} did not end.` })
    })
  )
