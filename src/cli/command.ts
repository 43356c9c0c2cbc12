/** All commands. */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { version } from "../internal/version.js"
import * as Cache from "./cache.js"
import * as Integrations from "./integrations.js"
import * as List from "./list.js"
import { Provider } from "../Operation.js"
import * as Plan from "./plan.js"
import * as Score from "./score.js"
import { visible } from "./text.js"
import { usageCommand, verifyCommand } from "./usage.js"

const name = "effect-seo-providers"

const keys = new Intl.ListFormat("en").format(Provider.literals.map((provider) => `${provider.toUpperCase()}_API_KEY`))

const command = Command.make(name).pipe(
  Command.withDescription(
    `SEO data that is never paid for twice. Keys come from ${keys} (with ..._API_URL and ..._CONTRACT=vendor|platform), ` +
      "or from the database of tenants; never from an argument. What is paid for is kept in Redis at REDIS_URL, else in SEO_CACHE_DIR. " +
      "Exit codes: 0 it ran, 1 a provider, a database or a file failed (what was done before is printed), 2 it was called wrongly, " +
      "130 it was interrupted."
  ),
  Command.withSubcommands([
    Score.command,
    Plan.command,
    usageCommand,
    verifyCommand,
    Integrations.command,
    Cache.command
  ])
)

const told = (error: { readonly message: string }) => Console.error(visible(error.message))

/** `--option=value` as two arguments: an option that may be repeated is found by its name alone. */
const separated = (argument: string): ReadonlyArray<string> => {
  if (argument === "-") return [List.stdin]
  const [, option, value] = /^(--[a-z-]+)=(.+)$/s.exec(argument) ?? []
  return option === undefined || value === undefined ? [argument] : [option, value]
}

/** Takes the arguments as `process.argv` has them. */
export const run = (argv: ReadonlyArray<string>) =>
  Command.run(command, { name, version })(argv.flatMap(separated)).pipe(
    Effect.tapErrorTag("BadUsage", told),
    Effect.tapErrorTag("Failed", told),
    Effect.provide(CliConfig.layer({ isCaseSensitive: true }))
  )
