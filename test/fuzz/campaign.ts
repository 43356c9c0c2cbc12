/** One subject under many inputs, and what it must never do: break one of its laws, hang, or keep what it was given. */
import * as FastCheck from "effect/FastCheck"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import v8 from "node:v8"
import vm from "node:vm"

/** What every subject is given: what is read, and a number that picks everything around it. */
export interface Input {
  readonly text: string
  readonly choice: number
}

export interface Subject {
  readonly name: string
  /** Its part of all inputs, as a weight. */
  readonly share: number
  /** The files whose coverage counts. */
  readonly files: ReadonlyArray<string>
  readonly inputs: FastCheck.Arbitrary<Input>
  /** Where the coverage-guided fuzzer begins. */
  readonly corpus: ReadonlyArray<Input>
  /** What the bytes of the coverage-guided fuzzer stand for; the text itself where it is left out. */
  readonly textOf?: ((text: string, choice: number) => string) | undefined
  /** Throws where a law is broken. */
  readonly check: (input: Input) => void
}

export const Finding = Schema.Struct({
  kind: Schema.Literal("defect", "hang", "growth"),
  message: Schema.String,
  input: Schema.String
})
export type Finding = typeof Finding.Type

export const Result = Schema.Struct({
  inputs: Schema.Int,
  slowestMillis: Schema.Number,
  slowestInput: Schema.String,
  growthBytes: Schema.Number,
  finding: Schema.NullOr(Finding)
})
export type Result = typeof Result.Type

export interface Limits {
  /** The longest that one input may take, in the best of a few tries: a busy machine is no hang. */
  readonly inputMillis: number
  /** After this an input that does not end is ended. */
  readonly hangMillis: number
  /** By how much the heap may be larger at the end than after the first third. */
  readonly growthBytes: number
}

export const defaults: Limits = { inputMillis: 1_000, hangMillis: 20_000, growthBytes: 3 * 2 ** 20 }

v8.setFlagsFromString("--expose-gc")
// Safe: with the flag above, this name is V8's own function.
const collect = vm.runInNewContext("gc") as () => void

const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

const context: { run: () => void } = { run: () => {} }
vm.createContext(context)
const running = new vm.Script("run()")

/** Ends what does not end by itself, an endless loop or a regular expression; `false` where it had to. */
const within = (millis: number, run: () => void): boolean => {
  context.run = run
  try {
    running.runInContext(context, { timeout: millis })
    return true
  } catch (error) {
    // Of another realm: it is no instance of this one's Error.
    if (Predicate.hasProperty(error, "code") && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return false
    throw error
  }
}

export const shown = ({ choice, text }: Input): string =>
  `choice ${choice}, ${JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}... of ${text.length}` : text)}`

const messageOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

/** Takes the time of each input. */
export const stopwatch = (check: Subject["check"]) => {
  const timed = (input: Input): number => {
    const began = performance.now()
    check(input)
    return performance.now() - began
  }
  const watch = {
    inputs: 0,
    slowest: { text: "", choice: 0 } as Input,
    slowestMillis: 0,
    current: { text: "", choice: 0 } as Input,
    run: (input: Input): void => {
      watch.current = input
      watch.inputs += 1
      const millis = timed(input)
      if (millis <= watch.slowestMillis) return
      // What was slow once was slow by itself only if it is so again.
      const best = Math.min(millis, timed(input), timed(input))
      if (best <= watch.slowestMillis) return
      watch.slowestMillis = best
      watch.slowest = input
    }
  }
  return watch
}

/** The heap after the first third, and by how much it is larger now. */
export const growthOf = () => {
  let early: number | undefined
  return {
    at: (done: number, of: number): void => {
      if (early === undefined && done >= of / 3) early = heap()
    },
    bytes: (): number => (early === undefined ? 0 : heap() - early)
  }
}

export const tooSlow = (watch: ReturnType<typeof stopwatch>, { inputMillis }: Limits): Finding | null =>
  watch.slowestMillis <= inputMillis
    ? null
    : { kind: "hang", message: `took ${Math.round(watch.slowestMillis)} ms`, input: shown(watch.slowest) }

export const tooLarge = (bytes: number, { growthBytes }: Limits): Finding | null =>
  bytes <= growthBytes ? null : { kind: "growth", message: `the heap grew by ${bytes} bytes`, input: "" }

/** Inputs run under one watchdog and one seed of their own. */
const chunkSize = 500

/** The property-based fuzzer. The same seed gives the same inputs. */
export const campaign = (
  subject: Pick<Subject, "check" | "inputs">,
  { limits = defaults, runs, seed }: { readonly limits?: Limits; readonly runs: number; readonly seed: number }
): Result => {
  const watch = stopwatch(subject.check)
  const growth = growthOf()
  let finding: Finding | null = null
  for (let done = 0; done < runs && finding === null; done += chunkSize) {
    let broken: { readonly input: Input; readonly error: unknown } | undefined
    const property = FastCheck.property(subject.inputs, (input) => {
      try {
        watch.run(input)
      } catch (error) {
        broken = { input, error }
        throw error
      }
    })
    const numRuns = Math.min(chunkSize, runs - done)
    const ended = within(limits.hangMillis, () => {
      const chunk = (seed + done / chunkSize) | 0
      FastCheck.check(property, { seed: chunk, numRuns, interruptAfterTimeLimit: limits.hangMillis / 2 })
    })
    // The last one that broke is the smallest.
    if (broken !== undefined) {
      finding = { kind: "defect", message: messageOf(broken.error), input: shown(broken.input) }
    } else if (!ended) {
      finding = { kind: "hang", message: `did not end in ${limits.hangMillis} ms`, input: shown(watch.current) }
    }
    growth.at(done + numRuns, runs)
  }
  const growthBytes = growth.bytes()
  return {
    inputs: watch.inputs,
    slowestMillis: watch.slowestMillis,
    slowestInput: shown(watch.slowest),
    growthBytes,
    finding: finding ?? tooSlow(watch, limits) ?? tooLarge(growthBytes, limits)
  }
}
