/** `cache`: what was paid for and is kept. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Arr from "effect/Array"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { StoreUnavailable } from "../CacheStore.js"
import { Provider } from "../Operation.js"
import { ProviderCache, type Stats } from "../ProviderCache.js"
import { wireOf } from "../internal/openProvider.js"
import * as Target from "../Target.js"
import * as Account from "./account.js"
import { BadUsage, described, Failed } from "./failure.js"
import * as Output from "./output.js"
import * as Store from "./store.js"
import { count, headed, jsonLine, nameOf, plural, table, units, visible } from "./text.js"

const failed = (error: StoreUnavailable) =>
  new Failed({ message: `What is kept cannot be reached at REDIS_URL or in SEO_CACHE_DIR (${described(error)})` })

const unitOf = ({ contract, provider }: Stats) => wireOf({ provider, metadata: { contract } }).unit

const dayOf = (moment: number): string => DateTime.formatIsoDateUtc(DateTime.unsafeMake(moment))

const widths = [12, 10, 22, 10, 10, 24, 10]
const heads = ["provider", "contract", "facts about", "facts", "fresh", "had cost", "oldest"]

const cellsOf = (stats: Stats): ReadonlyArray<string> => [
  nameOf(stats.provider),
  stats.contract,
  stats.kind,
  count(stats.facts),
  count(stats.fresh),
  stats.facts === stats.unpriced ? "not stated" : units(stats.paid, unitOf(stats)),
  dayOf(stats.oldest)
]

const stats = Effect.fnUntraced(
  function* ({ json }: { readonly json: boolean }) {
    const cache = yield* ProviderCache
    const print = yield* Output.printer({ goOnUnread: false })
    const all = yield* Effect.mapError(cache.stats, failed)
    if (json) return yield* print(all.map((one) => jsonLine({ ...one, unit: unitOf(one) })).join(""))
    if (all.length === 0) return yield* print("Nothing is kept.\n")
    yield* print(headed(heads, widths) + table(all.map(cellsOf), widths))
  },
  Effect.provide(Store.layer),
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

const statsCommand = Command.make(
  "stats",
  {
    json: Options.boolean("json").pipe(Options.withDescription("Print JSON, one object a line; times in milliseconds."))
  },
  stats
).pipe(Command.withDescription("Counts what is kept, by kind, and what it had cost. Goes through the whole store."))

interface Choices extends Account.Choice {
  readonly target: ReadonlyArray<string>
  readonly all: boolean
}

const invalidate = Effect.fnUntraced(function* ({ all, ...choice }: Choices) {
  const { provider, target, tenant } = choice
  const isAccount = provider.length > 0 || Option.isSome(tenant)
  if ([all, target.length > 0, isAccount].filter(Boolean).length !== 1) {
    return yield* new BadUsage({ message: "Say what to forget: --target SITE, --provider or --tenant, or --all" })
  }
  if (isAccount) {
    return yield* Effect.gen(function* () {
      const { rows } = yield* Account.real
      const cache = yield* ProviderCache
      yield* Effect.forEach(
        rows,
        ({ apiKey, metadata: { apiUrl, cacheScope }, provider }) =>
          Effect.mapError(cache.invalidateAccount({ provider, apiKey, apiUrl, cacheScope }), failed),
        { discard: true }
      )
      const names = rows.map(({ provider }) => nameOf(provider)).join(" and ")
      yield* Console.error(`What the account of ${names} has bought is forgotten, and will be bought again.`)
    }).pipe(Effect.provide(Account.layer(choice)))
  }
  const sites = target.map((text) => Target.make(text))
  const wrong = target.filter((_, i) => Either.isLeft(sites[i]!))
  if (wrong.length > 0) return yield* new BadUsage({ message: `${visible(wrong.join(", "))}: no domain, host or URL` })
  yield* Effect.gen(function* () {
    const cache = yield* ProviderCache
    // A host or a page that was asked for is kept under its own name.
    const names = new Set([...Arr.getRights(sites), ...target])
    yield* all ? cache.invalidateAll : Effect.forEach(names, cache.invalidateTarget, { discard: true })
  }).pipe(Effect.catchTag("StoreUnavailable", failed), Effect.provide(Store.layer))
  const what = all ? "Everything" : plural(target.length, "site")
  yield* Console.error(`${what} forgotten: it will be bought again.`)
})

const invalidateCommand = Command.make(
  "invalidate",
  {
    target: Options.text("target").pipe(
      Options.withPseudoName("SITE"),
      Options.withDescription("All that is known of this site, for every account; may be given more than once."),
      Options.repeated
    ),
    provider: Options.choice("provider", Provider.literals).pipe(
      Options.withDescription("All that the account behind the key of the environment has bought of it."),
      Options.repeated
    ),
    tenant: Account.tenant,
    all: Options.boolean("all").pipe(Options.withDescription("Everything, of everybody."))
  },
  invalidate
).pipe(Command.withDescription("Forgets facts, which will then be bought again."))

export const command = Command.make("cache").pipe(
  Command.withDescription("What was paid for and is kept: in Redis at REDIS_URL, else in the directory SEO_CACHE_DIR."),
  Command.withSubcommands([statsCommand, invalidateCommand])
)
