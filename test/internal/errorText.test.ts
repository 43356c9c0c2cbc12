import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { errorText } from "../../src/internal/errorText.js"

describe("errorText", () => {
  it.each<readonly [body: string, text: string, isJson: boolean]>([
    ['["Error","Unauthorized"]', "Unauthorized", true],
    ['["Error",["NotFound","no route /v2/x"]]', "NotFound: no route /v2/x", true],
    ['{"error":"Insufficient plan"}', "Insufficient plan", true],
    [
      '{"error":{"code":403,"message":"Insufficient funds","description":"Too low."}}',
      "Insufficient funds: Too low.",
      true
    ],
    ['{"error_description":"Authentication failed"}', "Authentication failed", true],
    ['{"message":" No token "}', "No token", true],
    ['{"message":"a","error":"b","error_description":"d","description":"c"}', "b: a: c: d", true],
    ['"a text"', "a text", true],
    ["{}", "", true],
    ["[]", "", true],
    ["null", "", true],
    ["true", "", true],
    ["17", "", true],
    ['{"error":null,"message":7}', "", true],
    ['{"details":"not one of ours"}', "", true],
    ['{"error":["Error",{"message":"deep"}]}', "deep", true],
    ["", "", false],
    ["   ", "", false],
    [" plain words ", "plain words", false],
    ["<!DOCTYPE html><html>Forbidden</html>", "", false],
    ["\n <html>units limit reached</html>", "", false],
    ['{"error":"cut o', '{"error":"cut o', false]
  ])("%s", (body, text, isJson) => {
    assert.deepStrictEqual(errorText(body), { text, isJson })
  })

  it("names that every object has are no messages", () => {
    assert.deepStrictEqual(errorText('{"__proto__":{"message":"no"}}'), { text: "", isJson: true })
  })

  it("a body nested a hundred thousand deep does no harm", () => {
    const depth = 100_000
    for (const body of [
      `${"[".repeat(depth)}"deep"${"]".repeat(depth)}`,
      `${'{"error":'.repeat(depth)}"deep"${"}".repeat(depth)}`
    ]) {
      assert.isTrue(errorText(body).isJson)
    }
  })

  it.prop("any text", [FastCheck.string({ unit: "binary" })], ([body]) => {
    assert.isString(errorText(body).text)
  })

  it.prop("any JSON", [FastCheck.jsonValue()], ([value]) => {
    assert.isTrue(errorText(JSON.stringify(value)).isJson)
  })
})
