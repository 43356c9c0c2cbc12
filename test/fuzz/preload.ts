/**
 * Loaded before everything else in an instrumented process. What is loaded here, where nothing is instrumented yet, stays as it is;
 * only a subject's own files and the fuzzer's are loaded again, and counted.
 */
import path from "node:path"
import { random } from "../support/random.js"
import { subjects } from "./subjects.js"

const root = path.resolve(__dirname, "../..")
const { files } = subjects.find(({ name }) => name === process.env["FUZZ_SUBJECT"]) ?? { files: [] }
const counted = new Set(files.map((file) => path.join(root, file.replace(/\.ts$/, ".js"))))
for (const name of Object.keys(require.cache)) {
  if (name.startsWith(__dirname) || counted.has(name)) delete require.cache[name]
}

// jsfuzz draws from it, and takes no seed.
Math.random = random(Number(process.env["FUZZ_SEED"] ?? "0"))

// Safe: these are the exports of the two libraries, which have no types of their own.
const { hookRequire } = require("istanbul-lib-hook") as {
  readonly hookRequire: (
    matches: (file: string) => boolean,
    transform: (code: string, options: { readonly filename: string }) => string
  ) => void
}
const { createInstrumenter } = require("istanbul-lib-instrument") as {
  readonly createInstrumenter: (options: object) => {
    readonly instrumentSync: (code: string, file: string) => string
  }
}
const instrumenter = createInstrumenter({ compact: true })
// It loads Babel when it is first used, and would instrument that with itself.
instrumenter.instrumentSync("", "first.js")

if (process.env["FUZZ_INSTRUMENT"] === "yes") {
  hookRequire(
    (file) => file.startsWith(root),
    (code, { filename }) => instrumenter.instrumentSync(code, filename)
  )
}
