/**
 * What the pages say is true: their TypeScript compiles, their data parses, their commands run, their links lead somewhere, and the
 * API reference is that of the present doc comments, the table of capabilities that of the present code.
 *
 *     npm run check:docs            all of it
 *     npm run check:docs -- types data links
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { outdated } from "./api.js"
import { outdatedTable } from "./capabilities.js"
import { commandErrors } from "./commands.js"
import { dataErrors } from "./data.js"
import { linkErrors } from "./links.js"
import { blocks, pages } from "./pages.js"
import { typeErrors } from "./types.js"

class Wrong extends Data.TaggedError("Wrong")<{ readonly message: string }> {}

const program = Effect.gen(function* () {
  const all = yield* Effect.promise(pages)
  const code = blocks(all)
  const checks = {
    types: Effect.sync(() => typeErrors(code)),
    data: Effect.sync(() => dataErrors(code)),
    links: Effect.sync(() => linkErrors(all)),
    commands: commandErrors(code),
    api: Effect.promise(outdated),
    capabilities: outdatedTable
  }
  const asked = process.argv.slice(2)
  const chosen = Object.entries(checks).filter(([name]) => asked.length === 0 || asked.includes(name))
  const errors = (yield* Effect.all(
    chosen.map(([, check]) => check),
    { concurrency: "unbounded" }
  )).flat()
  yield* Effect.forEach(errors, (error) => Console.error(error), { discard: true })
  if (errors.length > 0) yield* new Wrong({ message: `${errors.length} errors in the documentation` })
})

NodeRuntime.runMain(program)
