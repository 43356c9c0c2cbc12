/** Standard output, written as fast as it is read. */
import * as Terminal from "@effect/platform/Terminal"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { BadUsage, ClosedPipe } from "./failure.js"

const isClosed = (cause: unknown): boolean =>
  Predicate.hasProperty(cause, "code") && (cause.code === "EPIPE" || cause.code === "ERR_STREAM_DESTROYED")

/**
 * Ends when the text has been taken; `ClosedPipe` where nobody reads any more. With `goOnUnread` the text is then dropped
 * instead: the run has another place for its answers.
 */
export const printer = Effect.fnUntraced(function* ({ goOnUnread }: { readonly goOnUnread: boolean }) {
  const terminal = yield* Terminal.Terminal
  return (text: string): Effect.Effect<void, ClosedPipe | BadUsage> =>
    text === ""
      ? Effect.void
      : terminal.display(text).pipe(
          Effect.mapError(({ cause }) =>
            isClosed(cause) ? new ClosedPipe() : new BadUsage({ message: "standard output cannot be written" })
          ),
          (written) => (goOnUnread ? Effect.catchTag(written, "ClosedPipe", () => Effect.void) : written)
        )
})
