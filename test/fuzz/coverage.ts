/** What of a subject's files has run, as Istanbul counts it. */
import * as Schema from "effect/Schema"

const Counts = Schema.Record({ key: Schema.String, value: Schema.Number })
const FileCoverage = Schema.Struct({
  path: Schema.String,
  s: Counts,
  b: Schema.Record({ key: Schema.String, value: Schema.Array(Schema.Number) })
})
const decode = Schema.decodeUnknownSync(Schema.Record({ key: Schema.String, value: FileCoverage }))

/** Shares of 1. */
export const Coverage = Schema.Struct({ statements: Schema.Number, branches: Schema.Number })
export type Coverage = typeof Coverage.Type

const share = (counts: ReadonlyArray<number>): number =>
  counts.length === 0 ? 1 : counts.filter((count) => count > 0).length / counts.length

/** `null` where nothing was instrumented. */
export const coverageOf = (files: ReadonlyArray<string>): Coverage | null => {
  const all: unknown = Reflect.get(globalThis, "__coverage__")
  if (all === undefined) return null
  const compiled = files.map((file) => file.replace(/\.ts$/, ".js"))
  const counted = Object.values(decode(all)).filter(({ path }) => compiled.some((file) => path.endsWith(`/${file}`)))
  if (counted.length !== files.length) throw new Error(`${counted.length} of ${files.length} files were instrumented`)
  return {
    statements: share(counted.flatMap(({ s }) => Object.values(s))),
    branches: share(counted.flatMap(({ b }) => Object.values(b).flat()))
  }
}
