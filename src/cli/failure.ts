/** The ways a run ends early, and how each is told. */
import * as Data from "effect/Data"
import type { ProviderError } from "../ProviderError.js"

/** Found before anything was asked, or an output file that could not be written. */
export class BadUsage extends Data.TaggedError("BadUsage")<{ readonly message: string }> {}

/** A provider refused; everything bought before was printed. */
export class Refused extends Data.TaggedError("Refused")<{ readonly error: ProviderError }> {
  override get message(): string {
    return described(this.error)
  }
}

/** Whoever read the output has gone. */
export class ClosedPipe extends Data.TaggedError("ClosedPipe") {}

export const described = ({ _tag, message }: ProviderError): string => `${_tag}: ${message}`
