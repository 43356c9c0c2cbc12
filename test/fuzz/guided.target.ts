/** What jsfuzz calls with each of its inputs. It has no bounds of its own: this ends the process when it has had enough. */
import { isUtf8 } from "node:buffer"
import { writeFileSync } from "node:fs"
import { defaults, growthOf, shown, stopwatch, tooLarge, tooSlow } from "./campaign.js"
import { coverageOf } from "./coverage.js"
import { subjects } from "./subjects.js"

const { FUZZ_RESULT, FUZZ_RUNS, FUZZ_SECONDS, FUZZ_SUBJECT } = process.env
const subject = subjects.find(({ name }) => name === FUZZ_SUBJECT)
if (subject === undefined) throw new Error(`There is no subject ${FUZZ_SUBJECT}`)
const runs = Number(FUZZ_RUNS)
const millis = Number(FUZZ_SECONDS) * 1000
const began = performance.now()
const watch = stopwatch(subject.check)
const growth = growthOf()

const end = (): never => {
  const growthBytes = growth.bytes()
  const result = {
    inputs: watch.inputs,
    slowestMillis: watch.slowestMillis,
    slowestInput: shown(watch.slowest),
    growthBytes,
    finding: tooSlow(watch, defaults) ?? tooLarge(growthBytes, defaults),
    coverage: coverageOf(subject.files)
  }
  writeFileSync(String(FUZZ_RESULT), JSON.stringify(result))
  process.exit(0)
}

const choiceBytes = 4

export const fuzz = (bytes: Buffer): void => {
  const choice = bytes.length < choiceBytes ? 0 : bytes.readUInt32LE() & 0x7fff_ffff
  const rest = bytes.subarray(choiceBytes)
  const text = rest.toString(isUtf8(rest) ? "utf8" : "latin1")
  watch.run({ choice, text: subject.textOf?.(text, choice) ?? text })
  const spent = (performance.now() - began) / millis
  growth.at(Math.max(watch.inputs / runs, spent), 1)
  if (watch.inputs >= runs || spent >= 1) end()
}
