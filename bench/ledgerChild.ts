/**
 * One process of takers. It says "ready", takes for each number of a repetition that it reads, tells what it knows after each
 * answer, so that its last words are there when it is killed, and says "done".
 *
 *     node ledgerChild.js REDIS_PORT NUMBER steady|killed
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { createInterface } from "node:readline"
import { CreditLedger } from "../src/CreditLedger.js"
import * as SharedState from "../src/SharedState.js"
import { accountOf, book, deadlineMillis, limit, manners, requestOf, takers, tenantOf } from "./ledgerSetting.js"
import { BenchError } from "./measure.js"
import { toStderr } from "./process.js"

const [port = "", number = "", name = ""] = process.argv.slice(2)
const { leastCost, life, longestHold, takes } = name === "killed" ? manners.killed : manners.steady

// On POSIX a pipe is written to before this returns.
const say = (line: string) => Effect.sync(() => void process.stdout.write(`${line}\n`))

const repetition = (line: string) =>
  Effect.gen(function* () {
    const ledger = yield* CreditLedger
    const account = accountOf(Number(line))
    yield* ledger.setBudget({ ...book, of: "account", id: account, limit })
    const tally = { granted: 0, exceeded: 0, unavailable: 0, settled: 0, spent: 0 }
    const tell = Effect.suspend(() => say(JSON.stringify(tally)))
    const take = Effect.gen(function* () {
      const hold = yield* Random.nextIntBetween(0, longestHold + 1)
      const cost = yield* Random.nextIntBetween(leastCost, 2)
      const reservation = yield* ledger.reserve(requestOf(account, tenantOf(Number(number)), life))
      tally.granted++
      yield* tell
      if (hold > 0) yield* Effect.sleep(hold)
      yield* ledger.settle(reservation, cost)
      tally.settled++
      tally.spent += cost
    }).pipe(
      Effect.catchTags({
        BudgetExceeded: () => Effect.sync(() => void tally.exceeded++),
        LedgerUnavailable: () => Effect.sync(() => void tally.unavailable++)
      }),
      Effect.zipRight(tell)
    )
    yield* Effect.replicateEffect(Effect.replicateEffect(take, takes, { discard: true }), takers, {
      concurrency: "unbounded",
      discard: true
    })
    yield* say("done")
  }).pipe(Effect.withRandom(Random.make(`${number} ${line}`)))

const main = Effect.gen(function* () {
  const ledger = yield* CreditLedger
  const connected = ledger.balance({ ...book, of: "account", id: "nobody" })
  yield* Effect.retry(connected, Schedule.spaced("50 millis"))
  yield* say("ready")
  yield* Stream.fromAsyncIterable(
    createInterface({ input: process.stdin }),
    (error) => new BenchError({ message: String(error) })
  ).pipe(Stream.runForEach(repetition))
})

NodeRuntime.runMain(
  main.pipe(
    Effect.provide(SharedState.layerRedis({ url: `redis://127.0.0.1:${port}`, deadline: deadlineMillis })),
    Effect.provide(toStderr)
  ),
  { disablePrettyLogger: true }
)
