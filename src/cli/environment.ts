/** The accounts that the environment names, one for each provider at the most. An empty variable counts as unset. */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Static } from "../Integrations.js"
import { ContractName, Provider } from "../Operation.js"
import { BadUsage } from "./failure.js"

// The value stays out of the messages: it may be a key in the wrong variable.
const wrong = (name: string, expected: string) => ConfigError.InvalidData([name], `${name} must be ${expected}`)

const contract = (name: string): Config.Config<ContractName> =>
  Config.nonEmptyString(name).pipe(
    Config.mapOrFail((value) =>
      Either.mapLeft(Schema.decodeUnknownEither(ContractName)(value), () => wrong(name, '"vendor" or "platform"'))
    ),
    Config.withDefault("vendor")
  )

const apiUrl = (name: string): Config.Config<string | undefined> =>
  Config.nonEmptyString(name).pipe(
    Config.mapOrFail((value) =>
      /^https?:\/\//i.test(value) && URL.canParse(value)
        ? Either.right(value)
        : Either.left(wrong(name, "an http or https URL"))
    ),
    Config.withDefault(undefined)
  )

/** None where there is no key; the other variables are checked all the same. */
const account = (provider: Provider): Config.Config<Option.Option<Static>> => {
  const prefix = provider.toUpperCase()
  return Config.all({
    apiKey: Config.option(Config.redacted(Config.nonEmptyString(`${prefix}_API_KEY`))),
    contract: contract(`${prefix}_CONTRACT`),
    apiUrl: apiUrl(`${prefix}_API_URL`)
  }).pipe(
    Config.map(({ apiKey, apiUrl, contract }) =>
      Option.map(apiKey, (apiKey) => ({
        provider,
        apiKey,
        metadata: apiUrl === undefined ? { contract } : { contract, apiUrl }
      }))
    )
  )
}

export const messages = (error: ConfigError.ConfigError): string =>
  error._op === "And" || error._op === "Or" ? `${messages(error.left)}; ${messages(error.right)}` : error.message

export const accounts: Effect.Effect<ReadonlyArray<Static>, BadUsage> = Config.all(Provider.literals.map(account)).pipe(
  Effect.map((all) => all.flatMap(Option.toArray)),
  Effect.mapError((error) => new BadUsage({ message: messages(error) }))
)

/** Directories of the user's own. */
const base = (variable: string, fallback: string): Config.Config<Option.Option<string>> =>
  Config.all({
    xdg: Config.option(Config.nonEmptyString(variable)),
    home: Config.option(Config.nonEmptyString("HOME"))
  }).pipe(Config.map(({ home, xdg }) => Option.orElse(xdg, () => Option.map(home, (dir) => `${dir}/${fallback}`))))

const own = Option.map((dir: string) => `${dir}/effect-seo-providers`)

export const cacheDirectory: Config.Config<Option.Option<string>> = Config.all({
  named: Config.option(Config.nonEmptyString("SEO_CACHE_DIR")),
  base: base("XDG_CACHE_HOME", ".cache")
}).pipe(Config.map(({ base, named }) => Option.orElse(named, () => own(base))))

export const dataDirectory: Config.Config<Option.Option<string>> = Config.map(
  base("XDG_DATA_HOME", ".local/share"),
  own
)
