/** Inputs made from valid ones: what a program of numbers does to a text or to JSON. Both fuzzers write such programs. */
import * as Predicate from "effect/Predicate"

/** What is repeated again and again is no longer worth its time. */
const maxLength = 200_000

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth)

/** JSON that no provider should send. As texts: 1e400, -0 and depth would not survive being written by JSON.stringify. */
const oddJson = [
  "null",
  "true",
  "0",
  "-0",
  "-1",
  "1.5",
  "1e308",
  "-1e308",
  "1e400",
  "9007199254740993",
  "5e-324",
  '""',
  '" "',
  '"12"',
  '"-1"',
  '"NaN"',
  '"1e400"',
  '"2026-13-45"',
  '"\\u0000"',
  '"\\ud800"',
  '"__proto__"',
  '"https://EXAMPLE.com/"',
  "[]",
  "{}",
  "[null]",
  "[[],[]]",
  '{"__proto__":{"target":"example.com"}}',
  '{"constructor":1,"toString":2,"length":-1}',
  JSON.stringify("x".repeat(5000)),
  `[${"0,".repeat(200)}0]`,
  nested(40),
  nested(20_000)
] as const

const names = [
  "__proto__",
  "constructor",
  "length",
  "error",
  "message",
  "target",
  "index",
  "",
  "\u0000",
  "x".repeat(300)
]

type Holder = object

const placeholder = (odd: number): string => `@@odd${odd % oddJson.length}@@`

/** A place in the tree: the digits of `where` say which child on each level, and when to stop. */
const placeIn = (root: Holder, where: number): { readonly holder: Holder; readonly key: string } | undefined => {
  let holder = root
  let rest = where
  for (;;) {
    const keys = Object.keys(holder)
    const key = keys[rest % keys.length]
    if (key === undefined) return undefined
    rest = Math.floor(rest / keys.length)
    const child: unknown = Reflect.get(holder, key)
    if (!Predicate.isObject(child) || rest % 4 === 3) return { holder, key }
    rest = Math.floor(rest / 4)
    holder = child
  }
}

const put = (holder: Holder, key: string, value: unknown): void => {
  if (Array.isArray(holder) && !/^\d+$/.test(key)) holder.push(value)
  // An assignment to __proto__ would change the prototype.
  else Object.defineProperty(holder, key, { value, configurable: true, enumerable: true, writable: true })
}

const mutations: ReadonlyArray<(holder: Holder, key: string, what: number) => void> = [
  (holder, key) => void (Array.isArray(holder) ? holder.splice(Number(key), 1) : Reflect.deleteProperty(holder, key)),
  (holder, key, what) => put(holder, key, placeholder(what)),
  (holder, key, what) => put(holder, key, placeholder(what)),
  // A number as a text, and back.
  (holder, key) => {
    const value: unknown = Reflect.get(holder, key)
    put(holder, key, typeof value === "number" ? String(value) : Number(value))
  },
  (holder, key) => put(holder, key, -Number(Reflect.get(holder, key))),
  (holder, key, what) => put(holder, key, Number(Reflect.get(holder, key)) * 10 ** (what % 40)),
  (holder, key) => put(holder, key, [Reflect.get(holder, key)]),
  (holder, key, what) => put(holder, key, { [names[what % names.length] ?? ""]: Reflect.get(holder, key) }),
  // The same row or field again.
  (holder, key, what) => {
    const value: unknown = Reflect.get(holder, key)
    if (Array.isArray(holder)) for (let i = 0; i <= what % 8; i++) holder.push(value)
    else put(holder, `${key}${what % 3}`, value)
  },
  (holder, key, what) => put(holder, names[what % names.length] ?? "", Reflect.get(holder, key)),
  (holder, key) => {
    const value: unknown = Reflect.get(holder, key)
    if (Predicate.isString(value)) put(holder, key, value.toUpperCase())
  },
  (holder, key, what) => put(holder, key, mutateText(String(Reflect.get(holder, key)), [what, what >> 2, what >> 4]))
]

const triples = (program: ReadonlyArray<number>): ReadonlyArray<readonly [number, number, number]> =>
  Array.from({ length: Math.ceil(program.length / 3) }, (_, i) => [
    program[3 * i] ?? 0,
    program[3 * i + 1] ?? 0,
    program[3 * i + 2] ?? 0
  ])

/** Fields removed, added, renamed, retyped, repeated, nested; what is done where is up to the program. */
export const mutateJson = (text: string, program: ReadonlyArray<number>): string => {
  const root = { json: JSON.parse(text) as unknown }
  for (const [where, how, what] of triples(program)) {
    const place = placeIn(root, where * 97 + how)
    if (place !== undefined) mutations[how % mutations.length]?.(place.holder, place.key, what)
  }
  const changed = (JSON.stringify(root.json) ?? "null").replace(
    /"@@odd(\d+)@@"/g,
    (_, odd) => oddJson[Number(odd)] ?? "null"
  )
  return changed.length > maxLength ? text : changed
}

const pieces = [
  "",
  " ",
  ".",
  "..",
  "@",
  ":",
  "/",
  "//",
  "\\",
  "?",
  "#",
  "%00",
  "%",
  "-",
  "_",
  ",",
  ";",
  "\t",
  "\n",
  "\r",
  "\r\n",
  '"',
  '""',
  "'",
  "\u0000",
  "\u007f",
  "\u0085",
  "\u00a0",
  "\u00ad",
  "\u200b",
  "\u2028",
  "\u3002",
  "\ufeff",
  "\ufffd",
  "\ud800",
  "İ",
  "ß",
  "ſ",
  "ö",
  "日本",
  "😀",
  "A",
  "0",
  "9",
  "1e308",
  "-1",
  "www.",
  "xn--",
  "xn--a",
  ".com",
  ".co.uk",
  "github.io",
  "localhost",
  "127.0.0.1",
  "[::1]",
  "http://",
  "https:",
  "user:pa55@",
  ":8080",
  "<html>",
  "{",
  "[",
  "null",
  "domain",
  "url"
] as const

const edits: ReadonlyArray<(text: string, at: number, what: number) => string> = [
  (text, at, what) => text.slice(0, at) + text.slice(at + 1 + (what % 8)),
  (text, at, what) => text.slice(0, at) + (pieces[what % pieces.length] ?? "") + text.slice(at),
  (text, at, what) => text.slice(0, at) + (pieces[what % pieces.length] ?? "") + text.slice(at),
  (text, at, what) => text.slice(0, at) + (pieces[what % pieces.length] ?? "") + text.slice(at + 1),
  (text, at, what) => text.slice(0, at) + String.fromCharCode(what % 0x10000) + text.slice(at + 1),
  (text, at, what) =>
    text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (what % 8))) + text.slice(at + 1),
  (text, at, what) => text.slice(0, at) + text.slice(what % (at + 1)),
  (text, at) => text.slice(at) + text.slice(0, at),
  (text, at) => text.slice(0, at) + text.slice(at).toUpperCase(),
  (text, at, what) => text.slice(0, at) + text.slice(at, at + 3).repeat(1 + (what % 60)) + text.slice(at + 3)
]

/** Pieces removed, inserted, repeated, moved, bits flipped. */
export const mutateText = (text: string, program: ReadonlyArray<number>): string =>
  triples(program).reduce((text, [where, how, what]) => {
    const edited = edits[how % edits.length]?.(text, where % (text.length + 1), what) ?? text
    return edited.length > maxLength ? text : edited
  }, text)
