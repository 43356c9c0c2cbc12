/**
 * What series a PromQL expression asks for. No parser: it knows strings, ranges, selectors, functions, and the words of aggregations
 * and joins, which is all that is needed to tell a metric from a function and a label from both.
 */
import type { Series } from "./collector.js"

export interface Matcher {
  readonly label: string
  readonly operator: string
  readonly value: string
}

export interface Selector {
  readonly name: string
  readonly matchers: ReadonlyArray<Matcher>
}

export interface Asked {
  readonly selectors: ReadonlyArray<Selector>
  /** Those that are grouped or joined by: each selector has to have them. */
  readonly labels: ReadonlyArray<string>
}

const token =
  /\s+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^\]]*\]|\d+(?:\.\d+)?(?:e[+-]?\d+|ms|[smhdwy])*|[A-Za-z_:][A-Za-z0-9_:]*|=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},@]/y

const tokensOf = (expression: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  token.lastIndex = 0
  while (token.lastIndex < expression.length) {
    const at = token.lastIndex
    const [text] = token.exec(expression) ?? []
    if (text === undefined) throw new Error(`not PromQL at "${expression.slice(at, at + 20)}"`)
    if (text.trim() !== "") found.push(text)
  }
  return found
}

const isWord = (text: string | undefined): text is string => text !== undefined && /^[A-Za-z_:]/.test(text)
const clauses = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"])
const operators = new Set(["and", "or", "unless", "bool", "offset"])

/** Grafana's macros are durations. */
const plain = (expression: string): string => expression.replaceAll(/\$__\w+/g, "5m")

export const asked = (expression: string): Asked => {
  const tokens = tokensOf(plain(expression))
  const selectors: Array<Selector> = []
  const labels = new Set<string>()
  let i = 0
  const upTo = (end: string): ReadonlyArray<string> => {
    const close = tokens.indexOf(end, i)
    if (close < 0) throw new Error(`no "${end}" in ${expression}`)
    const inside = tokens.slice(i, close)
    i = close + 1
    return inside
  }
  while (i < tokens.length) {
    const text = tokens[i++]
    if (!isWord(text) || operators.has(text)) continue
    if (clauses.has(text)) {
      if (tokens[i] !== "(") continue
      i++
      for (const label of upTo(")")) if (label !== ",") labels.add(label)
      continue
    }
    // A function, or an aggregation with its clause before its argument.
    if (tokens[i] === "(" || clauses.has(tokens[i] ?? "")) continue
    const matchers: Array<Matcher> = []
    if (tokens[i] === "{") {
      i++
      const inside = upTo("}").filter((one) => one !== ",")
      for (let at = 0; at < inside.length; at += 3) {
        const [label, operator, value] = inside.slice(at, at + 3)
        if (label === undefined || operator === undefined || value === undefined) throw new Error(`matchers of ${text}`)
        matchers.push({ label, operator, value: value.slice(1, -1) })
      }
    }
    selectors.push({ name: text, matchers })
  }
  if (selectors.length === 0) throw new Error(`no series in ${expression}`)
  return { selectors, labels: Array.from(labels) }
}

/** What is asked for and is not there. A variable of the dashboard takes any value. */
export const missing = (expression: string, all: ReadonlyArray<Series>): ReadonlyArray<string> => {
  const { labels, selectors } = asked(expression)
  return selectors.flatMap(({ matchers, name }) => {
    const named = all.filter((one) => one.name === name)
    if (named.length === 0) return [name]
    const wanted = matchers.filter(({ value }) => !value.startsWith("$"))
    const negative = wanted.filter(({ operator }) => operator.startsWith("!"))
    // Each alternative is something that somebody expects to see.
    const alternatives = wanted
      .filter(({ operator }) => !operator.startsWith("!"))
      .flatMap(({ label, operator, value }) =>
        (operator === "=~" ? value.split("|") : [value]).map((one) => ({ label, value: one }))
      )
    return [
      ...[...labels, ...matchers.map(({ label }) => label)]
        .filter((label) => !named.every((one) => label in one.labels))
        .map((label) => `${name} has no ${label}`),
      ...alternatives
        .filter(({ label, value }) => !named.some((one) => one.labels[label] === value))
        .map(({ label, value }) => `${name}{${label}="${value}"}`),
      ...negative
        .filter(({ label, value }) => named.every((one) => one.labels[label] === value))
        .map(({ label }) => `${name}{${label}!}`)
    ]
  })
}
