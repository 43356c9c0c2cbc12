/** `Target.make` against what it cannot do without: the URL parser and the public suffix list. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { getDomain } from "tldts"
import * as Target from "../src/Target.js"
import { agree, medianOf, pairwise, race, type Section, timesOf } from "./measure.js"

const count = 1_000_000
const words = [
  "alpha",
  "beta",
  "gamma",
  "delta",
  "news",
  "blog",
  "shop",
  "tech",
  "media",
  "lab",
  "hub",
  "group",
  "data"
]
const suffixes = ["com", "org", "co.uk", "de", "io", "github.io", "com.br", "net", "com", "fr"]
const international = ["münchen", "café", "пример", "日本語", "straße"]
const junk = [
  "",
  "not a domain",
  "info@example.com",
  "localhost",
  "192.168.0.1",
  "co.uk",
  "a..com",
  "ftp://a.com",
  "n/a"
]

const at = <A>(items: ReadonlyArray<A>, index: number): A => items[index % items.length]!

/** Of a hundred: 35 bare domains, 18 www., 29 URLs (7 of them with a port), 10 in upper case, 5 internationalised, 3 junk. */
const inputAt = (i: number): string => {
  const kind = (i * 37) % 100
  const domain = `${at(words, i)}${i}.${at(suffixes, i >> 3)}`
  if (kind < 35) return domain
  if (kind < 53) return `www.${domain}`
  if (kind < 63) return `https://${domain}/`
  if (kind < 70) return `https://www.${domain}/${at(words, i >> 2)}/${i}?q=${at(words, i >> 4)}&page=${i % 9}`
  if (kind < 75) return `http://${at(words, i >> 5)}.${domain}/a/b.html#top`
  if (kind < 82) return `http://${domain}:8080/`
  if (kind < 87) return domain.toUpperCase()
  if (kind < 92) return `HTTPS://WWW.${domain}/Path`
  if (kind < 95) return `${at(international, i)}-${i}.${at(suffixes, i >> 3)}`
  if (kind < 97) return `https://www.${at(international, i)}${i}.de/${at(words, i >> 2)}?q=1`
  return at(junk, i)
}
const isJunk = (i: number): boolean => (i * 37) % 100 >= 97

const options = { extractHostname: false, allowPrivateDomains: true } as const
const bare = (input: string): string | null => {
  try {
    return getDomain(new URL(input.includes("://") ? input : `http://${input}`).hostname, options)
  } catch {
    return null
  }
}

const countOf = (inputs: ReadonlyArray<string>, isKnown: (input: string) => boolean) =>
  Effect.sync(() => {
    let known = 0
    for (const input of inputs) if (isKnown(input)) known++
    return known
  })

export const target: Section = Effect.gen(function* () {
  const inputs = Array.from({ length: count }, (_, i) => inputAt(i))
  const wrong = inputs.findIndex((input, i) => {
    const made = Either.getOrNull(Target.make(input))
    return isJunk(i) ? made !== null : made === null || made !== bare(input)
  })
  yield* agree(wrong === -1, `"${inputs[wrong]}" is not the same target to both.`)

  const times = yield* race(
    {
      bare: countOf(inputs, (input) => bare(input) !== null),
      ours: countOf(inputs, (input) => Either.isRight(Target.make(input)))
    },
    { warmUp: 2, rounds: 11 }
  )
  const ratio = medianOf(pairwise(times.bare, times.ours, (bare, ours) => bare / ours))
  const perSecond = (millis: number) => `${(count / millis / 1000).toFixed(2)} M/s`
  const speeds = (values: ReadonlyArray<number>) => {
    const { max, median, min } = timesOf(values)
    return { median: perSecond(median), spread: `${perSecond(max)} - ${perSecond(min)}` }
  }
  return [
    {
      section: "target",
      what: "new URL + tldts, 1,000,000 inputs",
      ...speeds(times.bare),
      result: "",
      target: "",
      isMet: null
    },
    {
      section: "target",
      what: "Target.make, the same inputs",
      ...speeds(times.ours),
      result: `${ratio.toFixed(2)} x the speed`,
      target: ">= 0.9 x",
      isMet: ratio >= 0.9
    }
  ]
})
