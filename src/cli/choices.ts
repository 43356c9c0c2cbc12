/** What can be chosen of a list's scoring, and what is wrong with a choice before anything is asked. */
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { Integration } from "../Integrations.js"
import { Provider } from "../Operation.js"
import * as ProspectScorer from "../ProspectScorer.js"
import * as Account from "./account.js"
import { BadUsage } from "./failure.js"
import * as List from "./list.js"
import { type Imports, type Prospect, readProspects } from "./readProspects.js"
import { visible } from "./text.js"

export const options = {
  file: List.file,
  tenant: Account.tenant,
  provider: Account.providers,
  profile: Options.text("profile").pipe(
    Options.withPseudoName("NAME|FILE.json"),
    Options.withDescription("How prospects are scored: standard (the default), links-only, or a file."),
    Options.optional
  ),
  exclude: Options.text("exclude").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("A list like FILE of sites that nothing is to be paid for; may be given more than once."),
    Options.repeated
  ),
  imports: Options.text("import").pipe(
    Options.withPseudoName("DATUM=COLUMN"),
    Options.withDescription(
      `What the list knows already is not bought: trustFlow="Trust Flow". Data: ${ProspectScorer.Datum.literals.join(", ")}.`
    ),
    Options.repeated
  ),
  freeDomainRating: Options.boolean("free-domain-rating").pipe(
    Options.withDescription(
      "Take the ratings from Ahrefs' free operation: 0 units. With this you accept the duty that comes with them: wherever " +
        'you show the ratings you must show "Domain Rating by Ahrefs" with a link to https://ahrefs.com/. Only with the ' +
        "vendor contract of Ahrefs."
    )
  )
}

export interface Choices extends Account.Choice {
  readonly file: string
  readonly profile: Option.Option<string>
  readonly exclude: ReadonlyArray<string>
  readonly imports: ReadonlyArray<string>
  readonly freeDomainRating: boolean
}

const isDatum = Schema.is(ProspectScorer.Datum)

/** What is given for each of several names, once. */
const once = <K extends string, V>(
  option: string,
  entries: ReadonlyArray<readonly [K, V]>
): Effect.Effect<ReadonlyMap<K, V>, BadUsage> => {
  const map = new Map(entries)
  const twice = Array.from(map.keys()).filter((name) => entries.filter(([one]) => one === name).length > 1)
  return twice.length === 0
    ? Effect.succeed(map)
    : new BadUsage({ message: `${option}: ${twice.join(" and ")} is given more than once` })
}

/** `--import trustFlow=TF`, checked. */
const importsOf = (given: ReadonlyArray<string>): Effect.Effect<Imports, BadUsage> =>
  Effect.flatMap(
    Effect.forEach(given, (text) => {
      const [, datum, column] = /^([^=]*)=(.*[^\s].*)$/s.exec(text) ?? []
      if (datum === undefined || column === undefined) {
        return new BadUsage({ message: `--import ${visible(text)}: must be like trustFlow="Trust Flow"` })
      }
      return isDatum(datum)
        ? Effect.succeed([datum, column] as const)
        : new BadUsage({
            message: `--import ${visible(datum)}: there is no such datum; one of ${ProspectScorer.Datum.literals.join(", ")}`
          })
    }),
    (entries) => once("--import", entries)
  )

const readList = Effect.fnUntraced(function* (file: string, imports: Imports) {
  const { prospects, unknownColumns } = readProspects(yield* List.read(file), imports)
  if (unknownColumns.length > 0) {
    return yield* new BadUsage({ message: `${file} has no column ${unknownColumns.map(visible).join(", ")} to import` })
  }
  return prospects
})

/** Sites that nothing is to be paid for. */
const blocklistOf = (files: ReadonlyArray<string>) =>
  Effect.map(
    Effect.forEach(files, (file) => readList(file, new Map())),
    (lists): ProspectScorer.Lists => ({
      blocklist: lists.flat().flatMap(({ input, problem }) => (problem === null ? [input] : []))
    })
  )

/** What cannot be read is asked of nobody; it keeps its place. */
export const scorable = ({ input, problem, signals }: Prospect): ProspectScorer.Input =>
  problem !== null ? "" : signals === undefined ? input : { input, signals }

export const restored =
  (prospects: ReadonlyArray<Prospect>) =>
  (answer: ProspectScorer.ScoredProspect): ProspectScorer.ScoredProspect => {
    const { input, problem } = prospects[answer.index]!
    return problem === null
      ? answer
      : { ...answer, input, verdict: { _tag: "Excluded", reason: "invalid", message: problem } }
  }

const decodeProfile = Schema.decodeUnknownEither(ProspectScorer.Profile, { errors: "all" })

/** A profile by its name, or of a JSON file. */
const profileOf = Effect.fnUntraced(function* (name: string) {
  if (name === "standard") return ProspectScorer.standard
  if (name === "links-only") return ProspectScorer.linksOnly
  const json = yield* List.readJson(name)
  return yield* Either.mapLeft(decodeProfile(json), (error) => {
    const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
    const texts = issues.map(({ message, path }) => `${path.join(".") || "the file"}: ${message}`)
    return new BadUsage({ message: `${name} is no profile: ${texts.join("; ").slice(0, 500)}` })
  })
})

const isProvider = Schema.is(Provider)

/** `1000`, where one provider is asked, or `ahrefs=1000`: units of different providers are different ones. */
export const maxUnitsOf = (given: ReadonlyArray<string>, rows: ReadonlyArray<Integration>) =>
  Effect.flatMap(
    Effect.forEach(given, (text) => {
      const [, name, amount] = /^(?:([a-z_]+)=)?(\d{1,15})$/.exec(text) ?? []
      const provider = name ?? (rows.length === 1 ? rows[0]!.provider : undefined)
      if (amount === undefined) {
        return new BadUsage({ message: `--max-units ${visible(text)}: must be a whole number, or like ahrefs=1000` })
      }
      if (provider === undefined) {
        const names = rows.map(({ provider }) => `${provider}=${amount}`).join(" or ")
        return new BadUsage({ message: `--max-units ${amount}: of which provider? Their units differ: ${names}` })
      }
      return isProvider(provider) && rows.some((row) => row.provider === provider)
        ? Effect.succeed([provider, Number(amount)] as const)
        : new BadUsage({ message: `--max-units ${visible(text)}: ${visible(provider)} is not asked` })
    }),
    (entries) =>
      Effect.map(once("--max-units", entries), (map): ProspectScorer.Options["maxUnits"] => Object.fromEntries(map))
  )

const withFreeRatings = (row: Integration): Integration =>
  row.provider === "ahrefs" ? { ...row, metadata: { ...row.metadata, freeDomainRating: true } } : row

const checkFreeRatings = Layer.effectDiscard(
  Effect.flatMap(Account.Account, ({ rows }) =>
    rows.some(({ metadata, provider }) => provider === "ahrefs" && metadata.contract !== "platform")
      ? Effect.void
      : new BadUsage({
          message: "--free-domain-rating is an offer of Ahrefs' vendor contract, which is not the one configured"
        })
  )
)

/** All that a command on a list works with. */
export const account = (choices: Choices) =>
  choices.freeDomainRating
    ? Layer.provideMerge(checkFreeRatings, Account.layer(choices, withFreeRatings))
    : Account.layer(choices)

/** What the choices name. */
export interface Given {
  readonly prospects: ReadonlyArray<Prospect>
  readonly exclude: ProspectScorer.Lists
  readonly profile: ProspectScorer.Profile | undefined
}

export const given = Effect.fnUntraced(function* ({ exclude, file, imports, profile }: Choices) {
  const named: Given = {
    prospects: yield* readList(file, yield* importsOf(imports)),
    exclude: yield* blocklistOf(exclude),
    profile: yield* Option.match(profile, { onNone: () => Effect.succeed(undefined), onSome: profileOf })
  }
  return named
})
