/** What a refused call's body says, whatever its form: JSON of several shapes, HTML, text, nothing. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const parse = Schema.decodeUnknownOption(Schema.parseJson())

/** A body may be nested deeper than the stack is; texts sit near its top. */
const maxDepth = 8

const words = (json: unknown, depth = 0): ReadonlyArray<string> => {
  if (typeof json === "string") return json.trim() === "" ? [] : [json.trim()]
  if (typeof json !== "object" || json === null || depth === maxDepth) return []
  if (Array.isArray(json)) return json.flatMap((item) => words(item, depth + 1)).filter((word) => word !== "Error")
  return ["error", "message", "description", "error_description"].flatMap((name) =>
    // Own properties only: a body may be anything.
    Object.hasOwn(json, name) ? words(Reflect.get(json, name), depth + 1) : []
  )
}

export interface ErrorText {
  readonly text: string
  readonly isJson: boolean
}

export const errorText = (body: string): ErrorText =>
  Option.match(parse(body), {
    onSome: (json) => ({ text: words(json).join(": "), isJson: true }),
    onNone: () => ({ text: /^\s*</.test(body) ? "" : body.trim(), isJson: false })
  })
