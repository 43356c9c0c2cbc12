/** What a refused call's body says, whatever its form: JSON of several shapes, HTML, text, nothing. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const parse = Schema.decodeUnknownOption(Schema.parseJson())

const words = (json: unknown): ReadonlyArray<string> => {
  if (typeof json === "string") return json.trim() === "" ? [] : [json.trim()]
  if (Array.isArray(json)) return json.flatMap(words).filter((word) => word !== "Error")
  if (typeof json !== "object" || json === null) return []
  return ["error", "message", "description", "error_description"].flatMap((name) =>
    // Own properties only: a body may be anything.
    Object.hasOwn(json, name) ? words(Reflect.get(json, name)) : []
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
