import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readdirSync, readFileSync } from "node:fs"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly body: unknown
}

const parse = Option.liftThrowable((text: string): unknown => JSON.parse(text))

/** One request, its answer read to the end. */
export const send = (
  client: HttpClient.HttpClient,
  url: string,
  authorization: string,
  body?: unknown
): Effect.Effect<Answer, unknown> => {
  const request =
    body === undefined
      ? HttpClientRequest.get(url)
      : HttpClientRequest.bodyUnsafeJson(HttpClientRequest.post(url), body)
  return Effect.gen(function* () {
    const response = yield* client.execute(HttpClientRequest.setHeader(request, "authorization", authorization))
    const text = yield* response.text
    return { status: response.status, headers: response.headers, text, body: Option.getOrUndefined(parse(text)) }
  })
}

/** A query string; a list repeats its name. */
export const query = (params: Readonly<Record<string, string | number | ReadonlyArray<string>>>): string =>
  new URLSearchParams(
    Object.entries(params).flatMap(([name, value]) =>
      (typeof value === "object" ? value : [String(value)]).map((each): [string, string] => [name, each])
    )
  ).toString()

const Fixture = Schema.Struct({
  kind: Schema.String,
  request: Schema.Struct({ method: Schema.String, url: Schema.String, body: Schema.optional(Schema.Unknown) }),
  response: Schema.Struct({ status: Schema.Int, body: Schema.Unknown })
})
type Fixture = typeof Fixture.Type

const read = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/${path}`, import.meta.url), "utf8")) as unknown

export const operationsFixture = (): unknown => read("ahrefs-operations.json")

/** The recorded answers of a vendor by file name. */
export const fixtures = (vendor: "ahrefs" | "seranking"): ReadonlyArray<readonly [name: string, fixture: Fixture]> =>
  readdirSync(new URL(`../fixtures/${vendor}`, import.meta.url))
    .filter((name) => name !== "errors.json")
    .map((name) => [name, Schema.decodeUnknownSync(Fixture)(read(`${vendor}/${name}`))])

export const errorFixtures = (): ReadonlyArray<Fixture> =>
  Schema.decodeUnknownSync(Schema.Array(Fixture))(read("ahrefs/errors.json"))

/** Keys and JSON types as deep as the recorded answer goes; lists by their first item; null fits anything. */
export const isShapedLike = (answer: unknown, recorded: unknown): boolean => {
  if (answer === null || recorded === null) return true
  if (Array.isArray(recorded)) {
    return (
      Array.isArray(answer) && (answer.length === 0 || recorded.length === 0 || isShapedLike(answer[0], recorded[0]))
    )
  }
  if (typeof recorded !== "object") return typeof answer === typeof recorded
  return (
    typeof answer === "object" &&
    Object.entries(recorded).every(
      ([key, value]) => key in answer && isShapedLike((answer as Record<string, unknown>)[key], value)
    )
  )
}
