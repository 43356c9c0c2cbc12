/** JSON and YAML of the pages are JSON and YAML. */
import { parse } from "yaml"
import type { Block } from "./markdown.js"

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  json: (text) => JSON.parse(text),
  yaml: (text) => parse(text),
  yml: (text) => parse(text)
}

export const dataErrors = (blocks: ReadonlyArray<Block>): ReadonlyArray<string> =>
  blocks.flatMap(({ code, file, language, line }) => {
    try {
      parsers[language]?.(code)
      return []
    } catch (error) {
      return [`${file}:${line}: ${error instanceof Error ? error.message : String(error)}`]
    }
  })
