/** A day of look-ups, the same for everybody: Zipf over real domain names, half of them one by one, half in lists. */
import { random } from "../test/support/random.js"
import { zipf } from "./zipf.js"

export const processes = 3
export const lookups = 100_000
/** How long the provider takes. */
export const upstreamMillis = 50

const listLength = 50
const wave = 3_400

/** A caller asks for one domain, or for a list. */
export type Request = ReadonlyArray<string>

const draw = zipf(random(20_261_121))

export const trace: ReadonlyArray<string> = Array.from({ length: lookups }, draw)

/** What one of the processes is asked, wave by wave: the callers of a wave come at once. */
export const wavesOf = (number: number): ReadonlyArray<ReadonlyArray<Request>> => {
  const mine = trace.filter((_, i) => i % processes === number)
  const waves: Array<Array<Request>> = []
  for (let start = 0; start < mine.length; start += wave) {
    const names = mine.slice(start, start + wave)
    const half = names.length >> 1
    const requests: Array<Request> = names.slice(0, half).map((name) => [name])
    for (let i = half; i < names.length; i += listLength) requests.push(names.slice(i, i + listLength))
    waves.push(requests)
  }
  return waves
}
