/** One budget and eight processes: is it ever overspent, also where processes are killed, and what does a hold cost Redis? */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { createInterface } from "node:readline"
import * as CreditLedger from "../src/CreditLedger.js"
import * as BooksRedis from "../src/internal/booksRedis.js"
import * as Redis from "../src/internal/redis.js"
import { ask, type Server, start } from "../test/support/redis.js"
import {
  accountOf,
  book,
  deadlineMillis,
  limit,
  manners,
  processes,
  requestOf,
  Tally,
  takers,
  tenantOf
} from "./ledgerSetting.js"
import { agree, BenchError, medianOf, pairwise, race, type Row, rowsOf, type Section, timesOf } from "./measure.js"

const child = new URL("./ledgerChild.js", import.meta.url).pathname
const repetitions = 100
const killings = 10
const killsEach = 2
/** A process is killed when it has told of 1 to so many answers: each has at least 600. */
const lastKilled = 500
const namespace = "seo"
const numbers = Array.from({ length: processes }, (_, i) => i)

interface Told {
  /** Not where it was killed before. */
  readonly isDone: boolean
  readonly tally: Tally
}

interface Running {
  readonly ready: Effect.Effect<void>
  /** It is killed as soon as it has told of `killedAt` answers. */
  readonly take: (repetition: number, killedAt: number) => Effect.Effect<Told>
  readonly kill: Effect.Effect<void>
}

const decodeTally = Schema.decodeSync(Schema.parseJson(Tally))
const silent: Tally = { granted: 0, exceeded: 0, unavailable: 0, settled: 0, spent: 0 }

const launch = (port: number, number: number, manner: keyof typeof manners) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const process_ = spawn(process.execPath, [child, String(port), String(number), manner], {
        stdio: ["pipe", "pipe", "inherit"]
      })
      // Those who are killed do not read.
      process_.stdin.on("error", () => undefined)
      const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]()
      const kill = () => void process_.kill("SIGKILL")
      /** What it says before a word, or before its end. */
      const heard = async (word: string, killedAt = Infinity) => {
        let last: string | null = null
        for (let answers = 1; ; answers++) {
          const line = await lines.next()
          if (line.done === true || line.value === word) return { last, isDone: line.done !== true }
          last = line.value
          if (answers === killedAt) kill()
        }
      }
      const running: Running = {
        ready: Effect.asVoid(Effect.promise(() => heard("ready"))),
        take: (repetition, killedAt) =>
          Effect.promise(async () => {
            process_.stdin.write(`${repetition}\n`)
            const { isDone, last } = await heard("done", killedAt)
            return { isDone, tally: last === null ? silent : decodeTally(last) }
          }),
        kill: Effect.sync(kill)
      }
      return running
    }),
    ({ kill }) => kill
  )

const sumOf = <A>(all: ReadonlyArray<A>, value: (one: A) => number): number =>
  all.reduce((sum, one) => sum + value(one), 0)

const takeAll = (
  all: ReadonlyArray<Running>,
  repetition: number,
  killedAt: ReadonlyMap<Running, number> = new Map<Running, number>()
) =>
  Effect.forEach(all, (one) => one.take(repetition, killedAt.get(one) ?? Infinity), { concurrency: "unbounded" }).pipe(
    Effect.tap((told) => {
      const unavailable = sumOf(told, ({ tally }) => tally.unavailable)
      return unavailable === 0
        ? Effect.void
        : new BenchError({ message: `The ledger was unavailable to ${unavailable} takers.` })
    }),
    Effect.tap((told) =>
      told.every(({ isDone }, i) => isDone || killedAt.has(all[i]!))
        ? Effect.void
        : new BenchError({ message: "A process ended that nobody killed." })
    )
  )

/** They are warmed up: a process compiles its code once. */
const launchAll = (port: number, manner: keyof typeof manners) =>
  Effect.gen(function* () {
    const all = yield* Effect.forEach(numbers, (number) => launch(port, number, manner))
    yield* Effect.forEach(all, ({ ready }) => ready, { discard: true })
    yield* takeAll(all, -1)
    return all
  })

const connected = (url: string, options: CreditLedger.Options = {}) =>
  Effect.gen(function* () {
    const redis = yield* Redis.make({ url }, { namespace, deadlineMillis })
    return { redis, ledger: yield* CreditLedger.overRedis(redis, namespace, options) }
  })

const row = rowsOf("ledger")

const figures = (values: ReadonlyArray<number>, digits = 0) => {
  const { max, median, min } = timesOf(values)
  const text = (value: number) =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return { median: text(median), spread: `${text(min)} - ${text(max)}` }
}

const exact = Effect.gen(function* () {
  const { port, url } = yield* start()
  const { ledger } = yield* connected(url)
  const all = yield* launchAll(port, "steady")
  const runs = yield* Effect.forEach(
    Array.from({ length: repetitions }, (_, i) => i),
    (repetition) =>
      Effect.gen(function* () {
        const begin = performance.now()
        const told = yield* takeAll(all, repetition)
        const millis = performance.now() - begin
        const answered = sumOf(told, ({ tally }) => tally.granted + tally.exceeded)
        yield* agree(answered === processes * takers, `${answered} takers were answered.`)
        const { reserved, spent } = yield* ledger.balance({ ...book, of: "account", id: accountOf(repetition) })
        return { granted: sumOf(told, ({ tally }) => tally.granted), reserved, spent, millis }
      })
  )
  const right = runs.filter(({ granted, reserved, spent }) => granted === limit && spent === limit && reserved === 0)
  return [
    row(
      `${processes} processes x ${takers} takers, a budget of ${limit.toLocaleString("en")}: granted = spent, nothing left reserved`,
      {
        ...figures(runs.map(({ granted }) => granted)),
        result: `${right.length} of ${runs.length} repetitions`,
        target: limit.toLocaleString("en"),
        isMet: right.length === repetitions
      }
    ),
    row("the same: milliseconds a repetition", figures(runs.map(({ millis }) => millis)))
  ]
}).pipe(Effect.scoped)

/** What the books have to say of each process, and of the account. */
const audited = (ledger: CreditLedger.Service, account: string) =>
  Effect.gen(function* () {
    const all = yield* ledger.usage(book)
    const usage = all.filter((one) => one.account === account)
    const calls = sumOf(all, (one) => one.calls)
    const trail = yield* Stream.runCollect(Stream.take(ledger.audit(book), calls))
    const late = Chunk.toReadonlyArray(trail).filter((one) => one.isLate && one.account === account)
    const ofProcess = (number: number) => {
      const rows = usage.filter(({ tenant }) => tenant === tenantOf(number))
      const lateCalls = late.filter(({ tenant }) => tenant === tenantOf(number)).length
      const expired = sumOf(rows, (one) => one.expired)
      const settled = sumOf(rows, (one) => one.calls)
      return { settled, spent: sumOf(rows, (one) => one.spent), taken: settled + expired - lateCalls, expired }
    }
    return {
      processes: numbers.map(ofProcess),
      reserved: sumOf(usage, (one) => Math.abs(one.reserved)),
      spent: sumOf(usage, (one) => one.spent),
      lateSpent: sumOf(late, ({ amount }) => amount),
      late: late.length
    }
  })

const connections = (server: Server) =>
  Effect.map(
    ask(server, (client) => client.sendCommand(["CLIENT", "LIST"])),
    (list) => String(list).trim().split("\n").length
  )

const killing = (repetition: number) =>
  Effect.gen(function* () {
    const server = yield* start()
    const { port, url } = server
    const { ledger } = yield* connected(url)
    const own = yield* connections(server)
    const all = yield* launchAll(port, "killed")
    const each = ((yield* connections(server)) - own) / processes
    const victims = Chunk.take(yield* Random.shuffle(all), killsEach)
    const killedAt = yield* Effect.forEach(victims, (one) =>
      Effect.map(Random.nextIntBetween(1, lastKilled + 1), (at) => [one, at] as const)
    )
    const told = yield* takeAll(all, repetition, new Map(killedAt))
    // What the dead have asked for last is still to be done, on a busy machine for a while: their holds' life begins then.
    const left = own + each * told.filter(({ isDone }) => isDone).length
    yield* Effect.repeat(Effect.delay(connections(server), "50 millis"), { until: (open) => open <= left })
    yield* Effect.sleep(manners.killed.life + 500)
    const { reserved, spent } = yield* ledger.balance({ ...book, of: "account", id: accountOf(repetition) })
    const books = yield* audited(ledger, accountOf(repetition))
    const differing = books.processes.filter((booked, i) => {
      const { isDone, tally } = told[i]!
      if (isDone) return booked.taken !== tally.granted || booked.spent !== tally.spent
      // Each of its takers had asked for one thing at the most that it was not told of.
      const unheard = booked.taken - tally.granted + booked.settled - tally.settled
      return booked.taken < tally.granted || booked.settled < tally.settled || unheard > takers
    })
    return {
      kills: told.filter(({ isDone }) => !isDone).length,
      differing: differing.length,
      taken: sumOf(books.processes, ({ taken }) => taken),
      expired: sumOf(books.processes, ({ expired }) => expired),
      late: books.late,
      reserved: Math.abs(reserved) + books.reserved,
      isOneSum: spent === books.spent,
      spent,
      over: Math.max(0, spent - limit - books.lateSpent)
    }
  }).pipe(Effect.scoped, Effect.withRandom(Random.make(`killing ${repetition}`)))

const killed = Effect.gen(function* () {
  const runs = yield* Effect.forEach(
    Array.from({ length: killings }, (_, i) => i),
    killing
  )
  const of = (value: (run: (typeof runs)[number]) => number) => sumOf(runs, value)
  const kills = `${of((run) => run.kills)} kills`
  return [
    row(`${kills}: settled + expired - late = granted: as told, of the killed at most ${takers} unheard more`, {
      ...figures(runs.map(({ taken }) => taken)),
      result: `${of(({ differing }) => differing)} of ${killings * processes} processes differ; ${of(({ expired }) => expired)} expired, ${of(({ late }) => late)} late`,
      target: "0 differ",
      isMet: of(({ differing }) => differing) === 0
    }),
    row(`${kills}: reserved when the holds' life was over`, {
      ...figures(runs.map(({ reserved }) => reserved)),
      target: "0",
      isMet: of(({ reserved }) => reserved) === 0
    }),
    row(`${kills}: spent of ${limit.toLocaleString("en")}, the same in balance and usage`, {
      ...figures(runs.map(({ spent }) => spent)),
      result: `${of(({ over }) => over)} over the budget and what was settled late`,
      target: "0 over",
      isMet: of(({ over }) => over) === 0 && runs.every(({ isOneSum }) => isOneSum)
    })
  ]
})

const atOnce = 100
const timing = { warmUp: 10, rounds: 41 }
const least = 0.8

const speed = Effect.gen(function* () {
  const { url } = yield* start()
  const account = "speed"
  const budget: CreditLedger.Budget = { ...book, of: "account", id: account, limit: Number.MAX_SAFE_INTEGER }
  const { ledger, redis } = yield* connected(url, { budgets: [budget] })
  const books = BooksRedis.make(redis, namespace)
  const request = requestOf(account, null, manners.steady.life)
  const first = yield* ledger.reserve(request)
  yield* ledger.settle(first, 1)
  const bare = redis.awaited(() => redis.evaluate("return 1", [`${namespace}:{ledger}:bare`], []))
  const works: Readonly<Record<string, Effect.Effect<unknown, unknown>>> = {
    "return 1": Effect.zipRight(bare, bare),
    "the books' scripts": Effect.suspend(() => {
      const entry = { ...first.entry, id: randomUUID() }
      return Effect.zipRight(books.reserve(entry, true), books.settle(entry, { windows: [1], lines: [1] }))
    }),
    CreditLedger: Effect.flatMap(ledger.reserve(request), (reservation) => ledger.settle(reservation, 1))
  }
  const rows: Array<Row> = []
  for (const form of [
    { text: "one at a time", concurrency: 1, repeats: 1 },
    { text: `${atOnce} at once`, concurrency: "unbounded", repeats: 5 }
  ] as const) {
    const round = (work: Effect.Effect<unknown, unknown>) =>
      Effect.repeatN(
        Effect.replicateEffect(work, atOnce, { concurrency: form.concurrency, discard: true }),
        form.repeats - 1
      )
    const before = yield* ledger.balance(budget)
    const times = yield* race(
      Object.fromEntries(Object.entries(works).map(([name, work]) => [name, round(work)])),
      timing
    )
    const { reserved, spent } = yield* ledger.balance(budget)
    const takes = 2 * (timing.warmUp + timing.rounds) * form.repeats * atOnce
    yield* agree(
      spent - before.spent === takes && reserved === 0,
      `${spent - before.spent} of ${takes} were booked, ${reserved} are reserved.`
    )
    const bareTimes = times["return 1"] ?? []
    for (const [name, taken] of Object.entries(times)) {
      const ratio = medianOf(pairwise(bareTimes, taken, (bare, ours) => bare / ours))
      const { median, spread } = figures(
        taken.map((millis) => (millis / form.repeats / atOnce) * 1_000),
        1
      )
      rows.push(
        row(`${name}: two round trips (reserve, settle), ${form.text}`, {
          median: `${median} us`,
          spread: `${spread} us`,
          ...(name !== "return 1" && { result: `${ratio.toFixed(2)} x its rate` }),
          ...(name === "the books' scripts" && { target: `>= ${least} x`, isMet: ratio >= least })
        })
      )
    }
  }
  return rows
}).pipe(Effect.scoped)

export const ledger: Section = Effect.gen(function* () {
  return [...(yield* exact), ...(yield* killed), ...(yield* speed)]
}).pipe(Effect.mapError((error) => (error instanceof BenchError ? error : new BenchError({ message: String(error) }))))
