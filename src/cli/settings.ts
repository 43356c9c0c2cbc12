/** Which provider the environment names. An empty variable counts as unset. */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ContractName } from "../Operation.js"
import { BadUsage } from "./failure.js"

export interface Account {
  readonly apiKey: Redacted.Redacted
  readonly contract: ContractName
  readonly apiUrl: string | undefined
}

export type Source =
  | { readonly _tag: "Ahrefs"; readonly account: Account; readonly freeDomainRating: boolean }
  | { readonly _tag: "SERanking"; readonly account: Account }
  | { readonly _tag: "Simulated"; readonly freeDomainRating: boolean }

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
const account = (prefix: string): Config.Config<Option.Option<Account>> =>
  Config.all({
    apiKey: Config.option(Config.redacted(Config.nonEmptyString(`${prefix}_API_KEY`))),
    contract: contract(`${prefix}_CONTRACT`),
    apiUrl: apiUrl(`${prefix}_API_URL`)
  }).pipe(Config.map(({ apiKey, ...rest }) => Option.map(apiKey, (apiKey) => ({ apiKey, ...rest }))))

const accounts = Config.all({ ahrefs: account("AHREFS"), seRanking: account("SE_RANKING") })

const messages = (error: ConfigError.ConfigError): string =>
  error._op === "And" || error._op === "Or" ? `${messages(error.left)}; ${messages(error.right)}` : error.message

/** Ahrefs where it has a key: a Domain Rating is what decides. Without any key, a simulation. */
export const source = Effect.fnUntraced(function* (freeDomainRating: boolean) {
  const { ahrefs, seRanking } = yield* Effect.mapError(accounts, (error) => new BadUsage({ message: messages(error) }))
  const chosen: Source = Option.isSome(ahrefs)
    ? { _tag: "Ahrefs", account: ahrefs.value, freeDomainRating }
    : Option.isSome(seRanking)
      ? { _tag: "SERanking", account: seRanking.value }
      : { _tag: "Simulated", freeDomainRating }
  const isPlatform = chosen._tag === "Ahrefs" && chosen.account.contract === "platform"
  if (freeDomainRating && (isPlatform || chosen._tag === "SERanking")) {
    return yield* new BadUsage({
      message: "--free-domain-rating is an offer of Ahrefs' vendor contract, which is not the one configured"
    })
  }
  return chosen
})
