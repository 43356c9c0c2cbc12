/** `integrations`: the tenants' keys in the database. A key is typed or piped in, never given as an argument. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Prompt from "@effect/cli/Prompt"
import * as Chunk from "effect/Chunk"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Integrations from "../Integrations.js"
import * as IntegrationsSql from "../IntegrationsSql.js"
import { Provider } from "../Operation.js"
import * as Database from "./database.js"
import { BadUsage, described, Failed } from "./failure.js"
import * as List from "./list.js"
import * as Output from "./output.js"
import { count, headed, jsonLine, nameOf, plural, table, visible } from "./text.js"

const tenant = Options.text("tenant").pipe(
  Options.withPseudoName("TENANT"),
  Options.withDescription("A customer of yours, by the name you give it.")
)
const provider = Options.choice("provider", Provider.literals).pipe(Options.withDescription("Whose key it is."))
const json = Options.boolean("json").pipe(Options.withDescription("Print JSON, one object a line."))

const database = Database.integrations.pipe(Layer.provideMerge(Database.layer))

const failed = (error: { readonly _tag: string; readonly message: string }) => new Failed({ message: described(error) })

const encodeVerification = Schema.encodeSync(Schema.NullOr(Integrations.Verification))

const isBroken = Schema.is(Integrations.InvalidMetadata)

const widths = [24, 12, 9, 10, 44]
const heads = ["tenant", "provider", "enabled", "contract", "last check"]

const cellsOf = (row: Integrations.Listed | Integrations.InvalidMetadata): ReadonlyArray<string> => {
  if (isBroken(row)) return [visible(row.tenant), nameOf(row.provider), "broken", "-", visible(row.message)]
  const { metadata, provider, tenant, verification } = row
  const check = Option.match(verification, {
    onNone: () => "never",
    onSome: ({ at, error }) =>
      `${DateTime.formatIsoDateUtc(at)}: ${error === null ? "works" : visible(described(error))}`
  })
  const { contract = "vendor", isEnabled = true } = metadata
  return [visible(tenant), nameOf(provider), isEnabled ? "yes" : "no", contract, check]
}

const list = Effect.fnUntraced(
  function* ({ json, tenant }: { readonly json: boolean; readonly tenant: Option.Option<string> }) {
    const integrations = yield* Integrations.Integrations
    const print = yield* Output.printer({ goOnUnread: false })
    if (!json) yield* print(headed(heads, widths))
    yield* integrations.list(Option.getOrUndefined(tenant)).pipe(
      Stream.mapError(failed),
      Stream.runForEachChunk((rows) =>
        print(
          json
            ? Array.from(rows, (row) =>
                jsonLine(
                  isBroken(row)
                    ? { tenant: row.tenant, provider: row.provider, error: row.message }
                    : { ...row, verification: encodeVerification(Option.getOrNull(row.verification)) }
                )
              ).join("")
            : Chunk.isEmpty(rows)
              ? ""
              : table(Array.from(rows, cellsOf), widths)
        )
      )
    )
  },
  Effect.provide(database),
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

const listCommand = Command.make("list", { tenant: Options.optional(tenant), json }, list).pipe(
  Command.withDescription("Lists the rows, without their keys.")
)

/** Typed without being shown; in a pipe, the first line of standard input. */
const typedKey = (provider: Provider) =>
  Effect.gen(function* () {
    const given = process.stdin.isTTY
      ? yield* Prompt.hidden({ message: `The key of ${nameOf(provider)} (it is not shown):` })
      : Redacted.make(new TextDecoder().decode(yield* List.standardInput).split(/\r\n|\n|\r/)[0] ?? "")
    const key = Redacted.value(given).trim()
    return key === "" ? yield* new BadUsage({ message: "No key was given" }) : Redacted.make(key)
  })

const metadataOf = Effect.fnUntraced(function* (file: string) {
  if (file === List.stdin)
    return yield* new BadUsage({ message: "--metadata needs a file: standard input is for the key" })
  return yield* List.readJson(file)
})

interface Row extends Integrations.Which {
  readonly metadata: Option.Option<string>
}

const set = Effect.fnUntraced(function* (row: Row) {
  const metadata = yield* Effect.transposeOption(Option.map(row.metadata, metadataOf))
  const { upsert } = yield* Integrations.Integrations
  const apiKey = yield* typedKey(row.provider)
  yield* Effect.mapError(upsert({ ...row, apiKey, metadata: Option.getOrElse(metadata, () => ({})) }), (error) =>
    error._tag === "InvalidMetadata" ? new BadUsage({ message: error.message }) : failed(error)
  )
  yield* Console.error(
    `The key of ${nameOf(row.provider)} is kept for ${visible(row.tenant)}. Check it with: verify --tenant ${visible(row.tenant)}`
  )
}, Effect.provide(database))

const setCommand = Command.make(
  "set",
  {
    tenant,
    provider,
    metadata: Options.text("metadata").pipe(
      Options.withPseudoName("FILE.json"),
      Options.withDescription("Contract, budget, routing and the like, as Integrations.Metadata has it. Default: {}."),
      Options.optional
    )
  },
  set
).pipe(
  Command.withDescription(
    "Adds a row or replaces it, metadata too. The key is typed at a prompt that does not show it, or is the first line of standard input."
  )
)

const remove = Effect.fnUntraced(function* (row: Integrations.Which) {
  const integrations = yield* Integrations.Integrations
  const wasThere = yield* Effect.mapError(integrations.remove(row), failed)
  if (!wasThere) {
    return yield* new Failed({ message: `${visible(row.tenant)} has no row of ${nameOf(row.provider)}` })
  }
  yield* Console.error(`The row of ${nameOf(row.provider)} of ${visible(row.tenant)} is removed.`)
}, Effect.provide(database))

const removeCommand = Command.make("remove", { tenant, provider }, remove).pipe(
  Command.withDescription("Removes a row with its key. Exit code 1 where there is none.")
)

const rotate = Effect.fnUntraced(
  function* ({ apply, json }: { readonly apply: boolean; readonly json: boolean }) {
    const masterKeys = yield* Database.masterKeys
    const found = yield* Effect.mapError(IntegrationsSql.rotate({ masterKeys, dryRun: !apply }), failed)
    const print = yield* Output.printer({ goOnUnread: false })
    const { broken, changed, current, rotated, rows } = found
    yield* print(
      json
        ? jsonLine({ ...found, dryRun: !apply })
        : `${plural(rows, "row")}: ${count(current)} under the first master key already, ${count(rotated)} ` +
            `${apply ? "moved to it" : "to be moved to it (with --apply)"}, ${count(changed)} changed meanwhile, ` +
            `${count(broken.length)} that cannot be decrypted\n`
    )
    for (const one of broken) {
      yield* Console.error(visible(`${one.tenant}, ${one.provider}: ${one.error}: ${one.message}`))
    }
    if (broken.length > 0) return yield* new Failed({ message: `${plural(broken.length, "row")} cannot be decrypted` })
  },
  Effect.provide(database),
  Effect.catchTag("ClosedPipe", () => Effect.void)
)

const rotateCommand = Command.make(
  "rotate-key",
  {
    apply: Options.boolean("apply").pipe(Options.withDescription("Do it. Without this it is only counted.")),
    json
  },
  rotate
).pipe(
  Command.withDescription(
    "Moves all rows to the first of SEO_MASTER_KEYS (separated by commas). Drop an old one when nothing is left to be moved."
  )
)

export const command = Command.make("integrations").pipe(
  Command.withDescription("The tenants' keys in the database at SEO_DATABASE_URL, encrypted with SEO_MASTER_KEYS."),
  Command.withSubcommands([listCommand, setCommand, removeCommand, rotateCommand])
)
