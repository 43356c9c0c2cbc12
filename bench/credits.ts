/** What a day of look-ups costs: three processes, a skewed trace, and the least that anyone could pay for it. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { start } from "../test/support/redis.js"
import { lookups, processes, trace } from "./creditsSetting.js"
import { BenchError, medianOf, type Row, type Section } from "./measure.js"
import { leastUnits, unitsOf } from "./price.js"
import { node } from "./process.js"

const child = new URL("./creditsChild.js", import.meta.url).pathname
const rounds = 3

const Paid = Schema.Struct({ calls: Schema.Number, units: Schema.Number, millis: Schema.Number })
const decode = Schema.decodeUnknown(Schema.parseJson(Paid))

const day = (contender: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { port } = yield* start()
      const parts = yield* Effect.forEach(
        Array.from({ length: processes }, (_, i) => i),
        (i) => Effect.flatMap(node(child, contender, String(port), String(i)), decode),
        { concurrency: "unbounded" }
      )
      return {
        units: parts.reduce((sum, { units }) => sum + units, 0),
        calls: parts.reduce((sum, { calls }) => sum + calls, 0),
        seconds: Math.max(...parts.map(({ millis }) => millis)) / 1_000
      }
    })
  )

const thousands = (value: number): string => Math.round(value).toLocaleString("en")

export const credits: Section = Effect.gen(function* () {
  const distinct = new Set(trace).size
  const least = distinct * leastUnits
  const most = lookups * unitsOf(1)
  const row = (
    what: string,
    units: ReadonlyArray<number>,
    result: string,
    target = "",
    isMet: boolean | null = null
  ): Row => ({
    section: "credits",
    what,
    median: `${thousands(medianOf(units))} units`,
    spread: `${thousands(Math.min(...units))} - ${thousands(Math.max(...units))}`,
    result,
    target,
    isMet
  })
  const measured = (contender: string, rounds: number) =>
    Effect.map(Effect.replicateEffect(day(contender), rounds), (days) => ({
      units: days.map(({ units }) => units),
      told: `${thousands(medianOf(days.map(({ calls }) => calls)))} calls in ${medianOf(days.map(({ seconds }) => seconds)).toFixed(1)} s`
    }))
  const ours = yield* measured("effect-seo-providers", rounds)
  const cacheAlone = yield* measured("cache alone", 1)
  const bentocache = yield* measured("bentocache", 1)
  const worst = Math.max(...ours.units)
  return [
    row(`lower bound: ${thousands(distinct)} distinct domains of ${thousands(lookups)} look-ups`, [least], ""),
    row(
      "effect-seo-providers, over the lower bound",
      ours.units,
      `${(worst / least).toFixed(3)} x, ${ours.told}`,
      "<= 1.10 x",
      worst <= 1.1 * least
    ),
    row(
      "effect-seo-providers, under one call per look-up",
      ours.units,
      `1/${(most / worst).toFixed(0)}`,
      "<= 1/40",
      worst <= most / 40
    ),
    row("one call per look-up", [most], `${(most / least).toFixed(0)} x`),
    row(
      "a cache alone (keyv)",
      cacheAlone.units,
      `${(medianOf(cacheAlone.units) / least).toFixed(1)} x, ${cacheAlone.told}`
    ),
    row("bentocache", bentocache.units, `${(medianOf(bentocache.units) / least).toFixed(1)} x, ${bentocache.told}`)
  ]
}).pipe(
  Effect.provide(NodeContext.layer),
  Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) })))
)
