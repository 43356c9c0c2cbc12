/** A vendor that counts each key's requests in a rolling window of a second, as the package's simulators do. */
import * as Effect from "effect/Effect"
import { createServer } from "node:http"
import { listening } from "../test/support/server.js"
import { upstreamMillis } from "./limiterSetting.js"

export interface Seen {
  readonly at: number
  readonly isAdmitted: boolean
}

const window = 1_000

const answered = { pages: [{ url: "/", domain_inlink_rank: 50 }] }
const refused = { status: 429, message: "Too Many Requests" }

/** `limitAfter` so many it has admitted. */
export const vendor = (limitAfter: (admitted: number) => number) =>
  Effect.gen(function* () {
    const seen: Array<Seen> = []
    const admitted = new Map<string, Array<number>>()
    /** Full while the request admitted `limit` ago is younger than the window. */
    const isAdmitted = (key: string, at: number): boolean => {
      const times = admitted.get(key) ?? []
      admitted.set(key, times)
      if ((times.at(-limitAfter(times.length)) ?? -Infinity) > at - window) return false
      times.push(at)
      return true
    }
    const server = createServer((request, response) => {
      const at = performance.now()
      const isOne = isAdmitted(String(request.headers.authorization), at)
      seen.push({ at, isAdmitted: isOne })
      setTimeout(() => {
        response.writeHead(isOne ? 200 : 429, { "content-type": "application/json" })
        response.end(JSON.stringify(isOne ? answered : refused))
      }, upstreamMillis)
    })
    // A connection that is closed while it is used again would be an error of another kind.
    server.keepAliveTimeout = 0
    const url = yield* listening(server)
    // A vendor has answered others before; what it has seen of them is forgotten.
    yield* Effect.promise(() =>
      Promise.all(Array.from({ length: 20 }, () => fetch(url).then((response) => response.text())))
    )
    seen.length = 0
    return { seen, url }
  })
