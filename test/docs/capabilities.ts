/**
 * Who can be asked for what when prospects are scored, by which method and at what price: the table in the README, made of the code.
 *
 *     tsx test/docs/capabilities.ts
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Integrations from "../../src/Integrations.js"
import { names, unitNames } from "../../src/internal/names.js"
import { hasContract } from "../../src/internal/openProvider.js"
import { sourcesOf } from "../../src/internal/sources.js"
import { ContractName, Provider } from "../../src/Operation.js"
import { names as data } from "../../src/scoring/explain.js"
import * as SharedState from "../../src/SharedState.js"
import * as TenantProviders from "../../src/TenantProviders.js"
import * as Simulators from "../../src/testing/Simulators.js"
import { root } from "./root.js"

const sites = 100

const titles = ["provider", "contract", "method", "signal", `price of ${sites} sites`]

const integrations = Provider.literals.flatMap((provider) =>
  ContractName.literals
    .filter((contract) => hasContract(provider, contract))
    .map((contract) => ({ provider, contract, id: `${provider} ${contract}` }))
)

const rows = Effect.gen(function* () {
  const { use } = yield* TenantProviders.TenantProviders
  const all = yield* Effect.forEach(integrations, ({ contract, id, provider }) =>
    use(id, (live) =>
      Effect.sync(() =>
        sourcesOf(live.all).flatMap((source) =>
          source.data.map((datum) => {
            const price = source.most([datum], sites)
            return [
              names[provider],
              contract,
              `\`${source.operation}\``,
              data[datum],
              price === null ? "not stated" : `${price.toLocaleString("en-US")} ${unitNames[source.unit]}`
            ]
          })
        )
      )
    )
  )
  return all.flat()
}).pipe(
  Effect.provide(
    TenantProviders.layer().pipe(
      Layer.provide([
        Integrations.layerStatic(
          Object.fromEntries(
            integrations.map(({ contract, id, provider }) => [
              id,
              [{ provider, apiKey: Redacted.make("any"), metadata: { contract } }]
            ])
          )
        ),
        SharedState.layerMemory(),
        Simulators.layer()
      ])
    )
  )
)

const table = Effect.map(rows, (rows) =>
  [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
)

const [begin, end] = ["<!-- capabilities: made by `npm run docs` -->", "<!-- /capabilities -->"]
const path = join(root, "README.md")

/** The page, and where its table is. */
const page = async () => {
  const text = await readFile(path, "utf8")
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error("README.md has no place for the table of capabilities")
  return { text, from: from + begin.length, to }
}

/** However wide its columns are. */
const plain = (markdown: string): string => markdown.trim().replace(/ +/g, " ").replace(/-{3,}/g, "---")

export const outdatedTable: Effect.Effect<ReadonlyArray<string>> = Effect.gen(function* () {
  const { from, text, to } = yield* Effect.promise(page)
  const made = yield* Effect.orDie(table)
  return plain(text.slice(from, to)) === plain(made)
    ? []
    : ["README.md: the table of capabilities is not up to date: run `npm run docs`"]
})

const write = async (): Promise<void> => {
  const { from, text, to } = await page()
  const made = await Effect.runPromise(table)
  await writeFile(path, `${text.slice(0, from)}\n\n${made}\n\n${text.slice(to)}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await write()
