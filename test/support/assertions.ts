import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"

/** The members named, deeply equal. */
export const hasMembers = (error: unknown, members: Readonly<Record<string, unknown>>): void => {
  const found = Object.fromEntries(Object.keys(members).map((name) => [name, Reflect.get(Object(error), name)]))
  assert.deepStrictEqual<unknown>(found, members)
}

/** The failure of an effect whatever its type: for tables of calls. */
export const failureOf = (call: Effect.Effect<unknown, unknown>): Effect.Effect<unknown> =>
  Effect.flip(Effect.map(call, (value) => assert.fail(`succeeded with ${JSON.stringify(value)}`)))
