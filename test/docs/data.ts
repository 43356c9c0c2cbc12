/** JSON and YAML of the pages are JSON and YAML, and no block is in a language that nobody checks. */
import { parse } from "yaml"
import type { Block } from "./markdown.js"

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  json: (text) => JSON.parse(text),
  yaml: (text) => parse(text),
  yml: (text) => parse(text)
}

/** What other checks look at, and what is only to be looked at. */
const others = new Set(["ts", "sh", "csv", "html", "promql", "sql", "text"])

export const dataErrors = (blocks: ReadonlyArray<Block>): ReadonlyArray<string> =>
  blocks.flatMap(({ code, file, language, line }) => {
    const parser = parsers[language]
    if (parser === undefined) {
      const known = [...Object.keys(parsers), ...others].join(", ")
      return others.has(language)
        ? []
        : [`${file}:${line}: a block in "${language}" is checked by nobody, use one of ${known}`]
    }
    try {
      parser(code)
      return []
    } catch (error) {
      return [`${file}:${line}: ${error instanceof Error ? error.message : String(error)}`]
    }
  })
