/** The processes of a run: what they are told, and what they say. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import type { Kill, Still } from "./audit.js"
import { canary, Order, pick, Setting, Told } from "./setting.js"

const decodeTold = Schema.decodeEither(Schema.parseJson(Told))
const encodeOrder = Schema.encodeSync(Schema.parseJson(Order))
const encodeSetting = Schema.encodeSync(Schema.parseJson(Setting))

interface Running {
  readonly number: number
  readonly child: ChildProcess
  readonly ready: Promise<unknown>
  readonly exit: Promise<unknown>
  end: Extract<Told, { readonly _tag: "End" }> | null
}

/** What was heard from all of them. */
export interface Heard {
  readonly outcomes: Record<string, number>
  readonly violations: Array<string>
  slowest: number
  /** Questions that Redis did not answer in time. */
  unheard: number
  /** Bytes of heap after a collection, in the order they were measured: [worker, milliseconds since 1970, bytes]. */
  readonly heaps: Array<readonly [worker: number, at: number, bytes: number]>
}

const isAlive = ({ child }: Running) => child.exitCode === null && child.signalCode === null

/** A process that was told to stop has so long for what is under way. */
const farewell = 60_000

/** A process tells so often what it has seen, when it is not too busy to. */
const tellEvery = 2_000

export const make = (
  worker: string,
  setting: (number: number) => Setting,
  next: () => number,
  /** Redis was not heard by a process for a while. */
  deaf: (from: number, to: number) => void
) =>
  Effect.gen(function* () {
    const heard: Heard = { outcomes: {}, violations: [], slowest: 0, unheard: 0, heaps: [] }
    const kills: Array<Kill> = []
    const stills: Array<Still> = []
    const all: Array<Running> = []

    const hear = (running: Running, line: string, isReady: () => void) => {
      if (line.includes(canary)) heard.violations.push(`a key was printed: ${line.slice(0, 200)}`)
      Either.match(decodeTold(line), {
        onLeft: () => heard.violations.push(`worker ${running.number} said: ${line.slice(0, 300)}`),
        onRight: (told) => {
          switch (told._tag) {
            case "Ready":
              return isReady()
            case "Answers":
              for (const [outcome, count] of Object.entries(told.outcomes)) {
                heard.outcomes[outcome] = (heard.outcomes[outcome] ?? 0) + count
              }
              if (told.heap !== null) heard.heaps.push([running.number, Date.now(), told.heap])
              heard.unheard += told.unheard
              if (told.unheard > 0) deaf(Date.now() - tellEvery, Date.now())
              heard.slowest = Math.max(heard.slowest, told.slowest)
              return
            case "Still":
              stills.push({ worker: running.number, from: Date.now() - told.millis, to: Date.now() })
              return
            case "Violation":
              heard.violations.push(told.what)
              return
            case "End":
              running.end = told
          }
        }
      })
    }

    const launch = Effect.sync(() => {
      const number = all.length
      const child = spawn(process.execPath, ["--expose-gc", worker], { stdio: ["pipe", "pipe", "pipe"] })
      // Whoever was killed is told things until that is noticed.
      child.stdin.on("error", () => undefined)
      let isReady = (): void => undefined
      const ready = new Promise<void>((resume) => {
        isReady = resume
      })
      const exit = once(child, "close")
      const running: Running = { number, child, ready: Promise.race([ready, exit]), exit, end: null }
      all.push(running)
      createInterface({ input: child.stdout }).on("line", (line) => hear(running, line, isReady))
      createInterface({ input: child.stderr }).on("line", (line) => {
        if (line.includes(canary)) heard.violations.push(`a key was logged: ${line.slice(0, 200)}`)
        if (/level=(?:ERROR|FATAL)/.test(line)) heard.violations.push(`worker ${number}: ${line.slice(0, 400)}`)
      })
      child.stdin.write(`${encodeSetting(setting(number))}\n`)
      return running
    })

    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        for (const running of all.filter(isAlive)) {
          running.child.kill("SIGKILL")
          await running.exit
        }
      })
    )

    const alive = () => all.filter(isAlive)
    const tell = (number: number, order: Order) =>
      Effect.sync(() => void all[number]!.child.stdin!.write(`${encodeOrder(order)}\n`))

    /** Tells all to stop, and waits until they have ended by themselves. */
    const stop = Effect.promise(async () => {
      const last = alive()
      for (const { child } of last) child.stdin!.write(`${encodeOrder({ _tag: "Stop" })}\n`)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<"late">((resume) => {
        timer = setTimeout(() => resume("late"), farewell)
      })
      for (const running of last) {
        if ((await Promise.race([running.exit, late])) === "late") {
          heard.violations.push(`worker ${running.number} does not end: something of the closed service keeps it`)
          continue
        }
        const { child, end, number } = running
        if (child.exitCode !== 0) heard.violations.push(`worker ${number} ended with ${child.exitCode}`)
        if (end === null) heard.violations.push(`worker ${number} did not close its service`)
        else if (end.fibers > ownFibers) heard.violations.push(`worker ${number} left ${end.fibers} fibers`)
      }
      clearTimeout(timer)
    })

    return {
      heard,
      kills,
      stills,
      stop,
      start: Effect.flatMap(launch, ({ ready }) => Effect.promise(() => ready)),
      any: Effect.sync(() => pick(next, alive()).number),
      newest: Effect.sync(() => Math.max(...alive().map(({ number }) => number))),
      tell,
      kill: (number: number) =>
        Effect.promise(async () => {
          const running = all[number]!
          kills.push({ worker: number, at: Date.now() })
          running.child.kill("SIGKILL")
          await running.exit
        })
    }
  })

/** The one that tells. */
const ownFibers = 1
