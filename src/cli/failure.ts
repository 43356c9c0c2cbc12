/** The ways a command ends early. */
import * as Data from "effect/Data"
import type { TenantError } from "../Integrations.js"
import type { ScoreError } from "../ProspectScorer.js"
import type { TooManyAccounts } from "../TenantProviders.js"

/** The command was called wrongly, or what it is configured with is not usable. Exit code 2. */
export class BadUsage extends Data.TaggedError("BadUsage")<{ readonly message: string }> {}

/** It was called well, but a provider, a database or a file failed it; what was done is printed. Exit code 1. */
export class Failed extends Data.TaggedError("Failed")<{ readonly message: string }> {}

/** Whoever read the output has gone. Exit code 0. */
export class ClosedPipe extends Data.TaggedError("ClosedPipe") {}

export const described = ({ _tag, message }: { readonly _tag: string; readonly message: string }): string =>
  `${_tag}: ${message}`

/** A tenant that cannot be used: as it is configured, or for now. */
export const ofTenant = (error: TenantError | TooManyAccounts): BadUsage | Failed =>
  error._tag === "IntegrationsUnavailable" || error._tag === "TooManyAccounts"
    ? new Failed({ message: described(error) })
    : new BadUsage({ message: described(error) })

/** A list that cannot be scored at all. */
export const ofScore = (error: ScoreError): BadUsage | Failed =>
  error._tag === "InvalidProfile" ? new BadUsage({ message: error.message }) : ofTenant(error)
