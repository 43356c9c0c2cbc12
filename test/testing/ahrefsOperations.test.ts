import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type Field, operations } from "../../src/testing/ahrefsOperations.js"
import { operationsFixture } from "./http.js"

const Types = Schema.Union(Schema.String, Schema.Array(Schema.String))
const Items = Schema.Struct({
  type: Schema.String,
  format: Schema.optional(Schema.String),
  enum: Schema.optional(Schema.Array(Schema.String))
})
const Typed = Schema.Struct({
  type: Types,
  format: Schema.optional(Schema.String),
  enum: Schema.optional(Schema.Array(Schema.String)),
  items: Schema.optional(Items)
})
const Document = Schema.Struct({
  operations: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({
      wrapper: Schema.String,
      free: Schema.Boolean,
      params: Schema.optionalWith(
        Schema.Array(
          Schema.Struct({
            name: Schema.String,
            required: Schema.Boolean,
            ...Typed.fields,
            fields: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Number }))
          })
        ),
        { default: () => [] }
      ),
      fields: Schema.Record({ key: Schema.String, value: Schema.Struct({ ...Typed.fields, cost: Schema.Number }) })
    })
  })
})

const typeOf = (item: typeof Items.Type): string => {
  if (item.type === "array") return "pair"
  return item.enum === undefined && ["date", "date-time", "url"].includes(item.format ?? "")
    ? (item.format ?? "")
    : item.type
}

const expected = (spec: typeof Typed.Type): Pick<Field, "type" | "enum" | "isNullable" | "isList"> => {
  const types = typeof spec.type === "string" ? [spec.type] : spec.type
  const item = spec.items ?? { type: types.find((type) => type !== "null") ?? "", format: spec.format, enum: spec.enum }
  return {
    type: typeOf(item),
    enum: item.enum ?? [],
    isNullable: types.includes("null"),
    isList: types.includes("array")
  }
}

const common = ({ enum: choices, isList, isNullable, type }: Field) => ({ type, enum: choices, isNullable, isList })
const document = Schema.decodeUnknownSync(Document)(operationsFixture())

describe("ahrefsOperations", () => {
  it("has the vendor's operations", () => {
    assert.deepStrictEqual([...operations.keys()], Object.keys(document.operations))
  })

  it.each(Object.keys(document.operations))("%s agrees with the vendor", (route) => {
    const theirs = document.operations[route]
    const ours = operations.get(route)
    if (theirs === undefined || ours === undefined) return assert.fail(route)
    assert.strictEqual(ours.wrapper, theirs.wrapper)
    assert.strictEqual(ours.isFree, theirs.free)
    assert.deepStrictEqual(
      [...ours.params.values()].map((field) => ({ name: field.name, required: field.isRequired, ...common(field) })),
      theirs.params.map((param) => ({ name: param.name, required: param.required, ...expected(param) }))
    )
    assert.deepStrictEqual(
      [...ours.columns.values()].map((field) => ({ name: field.name, cost: field.price, ...common(field) })),
      Object.entries(theirs.fields).map(([name, field]) => ({ name, cost: field.cost, ...expected(field) }))
    )
    const where = theirs.params.find(({ name }) => name === "where")?.fields ?? {}
    assert.deepStrictEqual(Object.fromEntries([...ours.filters.values()].map(({ name, price }) => [name, price])), {
      ...where
    })
  })
})
