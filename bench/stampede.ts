/** Cold keys and four processes: how often is each bought, and how long does a caller wait? */
import * as Effect from "effect/Effect"
import { createServer } from "node:http"
import { text as textOf } from "node:stream/consumers"
import { start } from "../test/support/redis.js"
import { listening } from "../test/support/server.js"
import { agree, BenchError, medianOf, quantileOf, type Row, rowsOf, type Section } from "./measure.js"
import { type Standby, standby } from "./process.js"
import { keys, names, processes, upstreamMillis, warmPrefix } from "./stampedeSetting.js"

const sectionRow = rowsOf("stampede")

const child = new URL("./stampedeChild.js", import.meta.url).pathname
const rounds = 3
const claimLife = 5_000

interface Bought {
  readonly child: string
  readonly targets: ReadonlyArray<string>
}

/** Bills when it is asked, answers 200 ms later. */
const upstream = (onCall: (bought: Bought) => void) =>
  listening(
    createServer((request, response) => {
      void textOf(request).then((body) => {
        const { targets } = JSON.parse(body) as { targets: ReadonlyArray<{ url: string }> }
        const isWarmUp = targets.some(({ url }) => url.startsWith(warmPrefix))
        if (!isWarmUp) onCall({ child: String(request.headers["x-child"]), targets: targets.map(({ url }) => url) })
        const answer = () => {
          response.setHeader("content-type", "application/json")
          response.end(
            JSON.stringify({ targets: targets.map(({ url }, index) => ({ index, domain_rating: url.length })) })
          )
        }
        setTimeout(answer, isWarmUp ? 0 : upstreamMillis)
      })
    })
  )

/** Empty where it was killed. */
const timesOf = (report: string): ReadonlyArray<number> =>
  // Safe: it is what the child prints.
  report === "" ? [] : (JSON.parse(report) as ReadonlyArray<number>)

/** One stampede on an empty Redis. */
const stampede = (contender: string, kill: boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* start()
      const bought: Array<Bought> = []
      const all: Array<Standby> = []
      const url = yield* upstream((call) => {
        bought.push(call)
        if (kill && bought.length === 1) setTimeout(() => all[Number(call.child)]?.process.kill("SIGKILL"), 50)
      })
      for (let i = 0; i < processes; i++)
        all.push(yield* standby(child, contender, String(server.port), url, String(i)))
      yield* Effect.promise(() => Promise.all(all.map(({ ready }) => ready)))
      for (const { go } of all) go()
      const reports = yield* Effect.promise(() => Promise.all(all.map(({ report }) => report)))
      const answered = reports.map(timesOf).filter((one) => one.length > 0)
      yield* agree(
        answered.length === processes - (kill ? 1 : 0),
        `${contender}: ${answered.length} processes answered.`
      )
      const counts = new Map<string, number>()
      for (const target of bought.flatMap(({ targets }) => targets)) counts.set(target, (counts.get(target) ?? 0) + 1)
      yield* agree(counts.size === keys.length, `${contender}: ${counts.size} facts bought.`)
      const times = answered.flat()
      return {
        facts: bought.reduce((sum, { targets }) => sum + targets.length, 0),
        calls: bought.length,
        p99: quantileOf(times, 0.99),
        longest: quantileOf(times, 1)
      }
    })
  )

const range = (values: ReadonlyArray<number>) => `${Math.min(...values).toFixed(0)} - ${Math.max(...values).toFixed(0)}`

const isOurs = (contender: string) => contender === names.single || contender === names.batch

const contest = (contender: string) =>
  Effect.gen(function* () {
    const runs = yield* Effect.replicateEffect(stampede(contender, false), rounds)
    const facts = runs.map((run) => run.facts)
    const p99s = runs.map(({ p99 }) => p99)
    const most = Math.max(...facts)
    const ratio = medianOf(p99s) / upstreamMillis
    const row = (what: string, more: Partial<Row>) => sectionRow(`${contender}: ${what}`, more)
    return [
      row("paid facts", {
        median: String(medianOf(facts)),
        spread: range(facts),
        result: `${medianOf(runs.map(({ calls }) => calls))} calls`,
        ...(isOurs(contender) && { target: "20", isMet: most === keys.length })
      }),
      row("p99", {
        median: `${medianOf(p99s).toFixed(0)} ms`,
        spread: `${range(p99s)} ms`,
        result: `${ratio.toFixed(2)} x upstream`,
        ...(isOurs(contender) && { target: "<= 1.15 x", isMet: ratio <= 1.15 })
      })
    ]
  })

const killed = Effect.gen(function* () {
  const runs = yield* Effect.replicateEffect(stampede(names.single, true), rounds)
  const twice = runs.map(({ facts }) => facts - keys.length)
  const longest = runs.map((run) => run.longest)
  const limit = claimLife + 3 * upstreamMillis
  const rows: ReadonlyArray<Row> = [
    {
      section: "stampede",
      what: "holder killed mid-call: facts bought twice (all of its one call)",
      median: String(medianOf(twice)),
      spread: range(twice),
      result: "",
      target: "<= 1",
      isMet: Math.max(...twice) <= 1
    },
    {
      section: "stampede",
      what: "holder killed mid-call: longest wait",
      median: `${medianOf(longest).toFixed(0)} ms`,
      spread: `${range(longest)} ms`,
      result: "",
      target: `<= ${limit} ms`,
      isMet: Math.max(...longest) <= limit
    }
  ]
  return rows
})

export const stampedes: Section = Effect.gen(function* () {
  const rows = yield* Effect.forEach([names.single, names.batch, "bentocache", "cacheable", "cache-manager"], contest)
  return [...rows.flat(), ...(yield* killed)]
}).pipe(Effect.catchAllDefect((defect) => new BenchError({ message: String(defect) })))
