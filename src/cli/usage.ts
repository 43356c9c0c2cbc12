/** `usage` and `verify`: what the accounts may still spend, what was spent, and whether their keys work. Free. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { CreditLedger, type UsageRow } from "../CreditLedger.js"
import { Integrations, Verification } from "../Integrations.js"
import type { Provider, Unit } from "../Operation.js"
import { TenantProviders } from "../TenantProviders.js"
import { Usage } from "../Usage.js"
import * as Account from "./account.js"
import { described, Failed, ofTenant } from "./failure.js"
import * as Output from "./output.js"
import * as Store from "./store.js"
import { count, headed, jsonLine, nameOf, table, units, visible } from "./text.js"

const encodeUsage = Schema.encodeSync(Usage)
const encodeVerification = Schema.encodeSync(Verification)

const orUnknown = (value: number | null): string => (value === null ? "unknown" : count(value))
const dayOf = (date: DateTime.Utc | null): string => (date === null ? "unknown" : DateTime.formatIsoDateUtc(date))

const usageText = ({ keyExpiresAt, left, limit, plan, provider, resetsAt, unit, used }: Usage): string =>
  `${nameOf(provider)}: ${left === null ? "an unknown amount" : units(left, unit)} left of ${orUnknown(limit)}, ` +
  `${orUnknown(used)} used; begins anew on ${dayOf(resetsAt)}; plan ${visible(plan ?? "unknown")}` +
  (keyExpiresAt === null ? "" : `; the key works until ${dayOf(keyExpiresAt)}`)

const widths = [10, 12, 26, 12, 8, 12, 12]
const heads = ["day", "provider", "operation", "job", "calls", "spent", "saved"]

type Spent = UsageRow & { readonly provider: Provider; readonly unit: Unit }

const cellsOf = ({ calls, day, job, operation, provider, saved, spent, unpriced }: Spent): ReadonlyArray<string> => [
  day,
  nameOf(provider),
  operation,
  visible(job ?? "-"),
  count(calls),
  unpriced > 0 ? `${count(spent)} + ?` : count(spent),
  count(saved)
]

const json = Options.boolean("json").pipe(Options.withDescription("Print JSON, one object a line."))
const whose = { tenant: Account.tenant, provider: Account.providers, json }

interface Choices extends Account.Choice {
  readonly json: boolean
}

interface Days {
  readonly from: Option.Option<Date>
  readonly to: Option.Option<Date>
}

const day = (date: Option.Option<Date>) => Option.getOrUndefined(Option.map(date, DateTime.unsafeMake))

const usage = Effect.fnUntraced(
  function* (choices: Choices & Days) {
    yield* Effect.gen(function* () {
      const { rows, tenant } = yield* Account.real
      const print = yield* Output.printer({ goOnUnread: false })
      const { use } = yield* TenantProviders
      const ledger = yield* CreditLedger
      const asked = yield* Effect.mapError(
        use(tenant, ({ all }) =>
          Effect.forEach(all, ({ provider, service }) =>
            Effect.map(Effect.either(service.getUsage), (result) => ({ provider, result }))
          )
        ),
        ofTenant
      )
      for (const { provider, result } of asked) {
        if (result._tag === "Left") {
          yield* Console.error(visible(`${nameOf(provider)}: ${described(result.left)}`))
        } else {
          const told = result.right
          yield* print(choices.json ? jsonLine({ type: "account", ...encodeUsage(told) }) : `${usageText(told)}\n`)
        }
      }
      if (yield* Store.isShared) {
        const days = { from: day(choices.from), to: day(choices.to) }
        const spent = yield* Effect.forEach(rows, (row) => {
          const book = { provider: row.provider, unit: Account.unitOf(row) }
          return Effect.map(ledger.usage(book, days), (found) =>
            found.filter((one) => one.tenant === tenant).map((one): Spent => ({ ...one, ...book }))
          )
        }).pipe(Effect.mapError((error) => new Failed({ message: described(error) })))
        const all = spent.flat().toSorted((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : 0))
        if (choices.json) yield* print(all.map((one) => jsonLine({ type: "spent", ...one })).join(""))
        else if (all.length > 0) yield* print(`\n${headed(heads, widths)}${table(all.map(cellsOf), widths)}`)
        else yield* print("Nothing was spent in these days.\n")
      } else if (!choices.json) {
        yield* Console.error("What was spent by day is kept where REDIS_URL is set.")
      }
      const failed = asked.filter(({ result }) => result._tag === "Left")
      if (failed.length > 0) {
        return yield* new Failed({
          message: `${failed.map(({ provider }) => nameOf(provider)).join(" and ")} did not tell`
        })
      }
    }).pipe(Effect.provide(Account.layer(choices)))
  },
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

const verify = Effect.fnUntraced(
  function* (choices: Choices) {
    yield* Effect.gen(function* () {
      const { rows, tenant } = yield* Account.real
      const integrations = yield* Integrations
      const print = yield* Output.printer({ goOnUnread: false })
      let broken = 0
      for (const { provider } of rows) {
        const found = yield* Effect.mapError(integrations.verify({ tenant, provider }), ofTenant)
        const { error, usage } = found
        const works = error === null && usage?.isActive !== false
        if (!works) broken++
        const state = error === null ? (works ? "works" : "the account is not active") : described(error)
        yield* print(
          choices.json
            ? jsonLine({ provider, works, ...encodeVerification(found) })
            : `${nameOf(provider)}: ${visible(state)}${usage === null ? "" : `\n  ${usageText(usage)}`}\n`
        )
      }
      if (broken > 0)
        return yield* new Failed({ message: `${count(broken)} of ${count(rows.length)} keys do not work` })
    }).pipe(Effect.provide(Account.layer(choices)))
  },
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

const days = {
  from: Options.date("from").pipe(
    Options.withDescription("The first day, like 2026-11-01. Default: the first of this month."),
    Options.optional
  ),
  to: Options.date("to").pipe(Options.withDescription("The last day. Default: today."), Options.optional)
}

export const usageCommand = Command.make("usage", { ...whose, ...days }, usage).pipe(
  Command.withDescription(
    "Tells what each provider says is left, and what was spent and saved by day (where REDIS_URL keeps the ledger). Free."
  )
)

export const verifyCommand = Command.make("verify", whose, verify).pipe(
  Command.withDescription("Asks each provider whether its key works. Free. Exit code 1 where one does not.")
)
