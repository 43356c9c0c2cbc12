import * as Schema from "effect/Schema"
import { readdirSync, readFileSync } from "node:fs"

const Fixture = Schema.Struct({
  request: Schema.Struct({
    method: Schema.Literal("GET", "POST"),
    url: Schema.String,
    headers: Schema.Record({ key: Schema.String, value: Schema.String }),
    body: Schema.optional(Schema.Unknown)
  }),
  response: Schema.Struct({
    status: Schema.Int,
    headers: Schema.Record({ key: Schema.String, value: Schema.String }),
    body: Schema.Unknown
  })
})

/** A recorded or documented exchange with a vendor. */
export type Fixture = typeof Fixture.Type

export const readFixture = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/${path}`, import.meta.url), "utf8")) as unknown

/** All exchanges of a vendor by file name, without `errors.json`. */
export const fixturesOf = (vendor: "ahrefs" | "seranking"): Readonly<Record<string, Fixture>> =>
  Object.fromEntries(
    readdirSync(new URL(`../fixtures/${vendor}`, import.meta.url))
      .filter((name) => name !== "errors.json")
      .map((name) => [name, Schema.decodeUnknownSync(Fixture)(readFixture(`${vendor}/${name}`))])
  )

export const ahrefsErrors = (): ReadonlyArray<Fixture> =>
  Schema.decodeUnknownSync(Schema.Array(Fixture))(readFixture("ahrefs/errors.json"))
