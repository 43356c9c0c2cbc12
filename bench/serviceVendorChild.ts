/**
 * A provider with a process of its own: bills when it is asked, answers 50 ms later, and tells whoever GETs it what it billed.
 *
 *     node serviceVendorChild.js
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text as textOf } from "node:stream/consumers"
import { unitsOf } from "./price.js"
import { apiKey, type Billed, path, ratingOf, upstreamMillis } from "./serviceSetting.js"

const billed = { calls: 0, units: 0, domains: 0 } satisfies Billed

const server = createServer((request, response) => {
  const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(JSON.stringify(body))
  }
  if (request.method === "GET") return answer(200, billed)
  if (request.url !== path || request.headers.authorization !== `Bearer ${apiKey}`) return answer(401, {})
  void textOf(request).then((body) => {
    // Safe: nobody else sends to this path.
    const { targets } = JSON.parse(body) as { readonly targets: ReadonlyArray<{ readonly url: string }> }
    const units = unitsOf(targets.length)
    billed.calls++
    billed.units += units
    billed.domains += targets.length
    const rows = targets.map(({ url }, index) => ({ index, domain_rating: ratingOf(url) }))
    setTimeout(() => answer(200, { targets: rows }, { "x-api-units-cost-total-actual": String(units) }), upstreamMillis)
  })
})
// A connection that is closed while it is used again would be an error of another kind.
server.keepAliveTimeout = 0
server.listen(0, "127.0.0.1", () => {
  // Safe: it listens on a port.
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
process.stdin.resume().on("end", () => process.exit(0))
