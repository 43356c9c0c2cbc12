/** The list of a command, and the files it writes. */
import * as Args from "@effect/cli/Args"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as NodeStream from "@effect/platform-node/NodeStream"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { BadUsage, Failed } from "./failure.js"
import { decode } from "./readProspects.js"

/** What `-` is called from `command.ts` on: options after a bare dash would not be found. */
export const stdin = "<stdin>"

export const file = Args.text({ name: "FILE" }).pipe(
  Args.withDescription(
    "The list, or - for standard input: a domain or URL a line, or a CSV (comma, semicolon or tab) whose header names a column " +
      "domain, url, website, site, host, target, link or the like. UTF-8, or UTF-16 with a byte order mark."
  ),
  // What starts with a dash and is no option would be taken for a file.
  Args.mapEffect((name) =>
    name.startsWith("-")
      ? Effect.fail(HelpDoc.p(`'${name}' is no option, or is given twice (a file of that name is ./${name})`))
      : Effect.succeed(name)
  )
)

const why = (error: PlatformError): string => (error._tag === "SystemError" ? error.reason : error.message)

const unreadable = (file: string, reason: string) => new BadUsage({ message: `${file} cannot be read: ${reason}` })

export const standardInput: Effect.Effect<Uint8Array, BadUsage> = NodeStream.fromReadable<BadUsage, Uint8Array>(
  () => process.stdin,
  () => unreadable("standard input", "it broke off")
).pipe(
  Stream.runFold(new Array<Uint8Array>(), (all, some) => {
    all.push(some)
    return all
  }),
  Effect.map((all) => Buffer.concat(all))
)

/** The text of a file, or of standard input. */
export const read = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const bytes = yield* file === stdin
    ? standardInput
    : Effect.mapError(fs.readFile(file), (error) => unreadable(file, why(error)))
  return yield* Effect.try({ try: () => decode(bytes), catch: () => unreadable(file, "it is too large") })
})

const parseJson = Schema.decodeUnknownEither(Schema.parseJson())

/** What is in the file may be anything, also a key: nothing of it is told. */
export const readJson = Effect.fnUntraced(function* (file: string) {
  return yield* Either.mapLeft(parseJson(yield* read(file)), () => new BadUsage({ message: `${file} is no JSON` }))
})

/** Opens the file as it will be written, but leaves what is in it. */
export const checkWritable = Effect.fnUntraced(function* (out: string, list: string) {
  if (out === stdin) return yield* new BadUsage({ message: "- cannot be written: standard output has the answers" })
  const fs = yield* FileSystem.FileSystem
  const isList = yield* Effect.zipWith(fs.realPath(out), fs.realPath(list), (a, b) => a === b).pipe(
    Effect.orElseSucceed(() => false)
  )
  if (isList) return yield* new BadUsage({ message: `${out} is the list itself` })
  yield* Effect.mapError(
    Effect.scoped(fs.open(out, { flag: "a" })),
    (error) => new BadUsage({ message: `${out} cannot be written: ${why(error)}` })
  )
})

export const write = (out: string, text: string): Effect.Effect<void, Failed, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.mapError(
      fs.writeFileString(out, text),
      (error) => new Failed({ message: `${out} cannot be written: ${why(error)}` })
    )
  )
