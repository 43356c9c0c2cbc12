/** Both vendors on one loopback port, with what goes wrong on the way, and a record of what was sold to whom. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { text as textOf } from "node:stream/consumers"
import * as AhrefsSimulator from "../../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../../src/testing/SERankingSimulator.js"
import type { Simulator } from "../../src/testing/simulator.js"
import { listening } from "../support/server.js"
import { keyOf, ownerOf, type Played, type Setting, smallFacts, workerHeader, worldOf } from "./setting.js"

/** A JSON document, changed as a vendor might get it wrong. */
export type Lie = "repeated" | "missing" | "uninvited" | "wrong index" | "strings" | "extra" | "negative" | "huge"

export type Fault =
  /** Refused, and not billed. */
  | {
      readonly _tag: "Refuse"
      readonly status: number
      readonly body: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** Billed, and something else is answered with status 200. */
  | { readonly _tag: "Garble"; readonly how: "html" | "empty" | "half" | "binary" | "deep" }
  /** Billed, and the connection breaks: before a byte of the answer, or in the middle. */
  | { readonly _tag: "Cut"; readonly at: "start" | "middle" }
  /** Billed, and never answered. */
  | { readonly _tag: "Hang" }
  /** Billed, and sent in pieces: so slowly that it comes late, or in time. */
  | { readonly _tag: "Trickle"; readonly millis: number }
  | { readonly _tag: "Lie"; readonly lie: Lie }

/** A request that was billed, or might have been. */
export interface Sale {
  readonly at: number
  readonly worker: number
  readonly provider: Played
  readonly account: number
  readonly path: string
  /** Of a list: how many rows were asked for. */
  readonly limit: number | null
  /** What was asked for, so that equal ones are the same fact. */
  readonly facts: ReadonlyArray<string>
  readonly billed: number
  readonly fault: Fault["_tag"] | null
  /** When the last byte had left; null where it never did. */
  doneAt: number | null
}

export interface Vendor {
  readonly url: string
  readonly sales: ReadonlyArray<Sale>
  readonly calls: () => number
  /** What happens to the next requests; null for nothing. */
  readonly ail: (fault: (request: number) => Fault | null) => void
  /** Requests that arrived where nobody should have followed. */
  readonly astray: ReadonlyArray<string>
  readonly elsewhere: string
  /** The record itself failed: then nothing it says is worth anything. */
  readonly failures: ReadonlyArray<string>
}

const latency = 20

type Row = Readonly<Record<string, unknown>>
const isRow = (u: unknown): u is Row => typeof u === "object" && u !== null && !Array.isArray(u)
const isRows = (u: unknown): u is ReadonlyArray<Row> => Array.isArray(u) && u.every(isRow)

const numbers = (row: Row, f: (value: number) => unknown): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === "number" && name !== "index" ? f(value) : value])
  )

const lies: Readonly<Record<Lie, (rows: ReadonlyArray<Row>) => ReadonlyArray<Row>>> = {
  repeated: (rows) => [...rows, ...rows.slice(0, 1)],
  missing: (rows) => rows.slice(1),
  uninvited: (rows) => [
    ...rows,
    ...rows.slice(0, 1).map((row) => ({
      ...row,
      ...("index" in row && { index: rows.length + 7 }),
      ...("target" in row && { target: "never-asked.com" })
    }))
  ],
  "wrong index": (rows) => rows.map((row, i) => (i === 0 && "index" in row ? { ...row, index: -1 } : row)),
  strings: (rows) => rows.map((row) => numbers(row, String)),
  extra: (rows) => rows.map((row) => ({ ...row, surprise: { deep: [1, null] }, another: "field" })),
  negative: (rows) => rows.map((row, i) => (i === 0 ? numbers(row, (value) => -value - 1) : row)),
  huge: (rows) => rows.map((row, i) => (i === 0 ? numbers(row, () => 1e300) : row))
}

const told = (text: string, lie: Lie): string => {
  const document: unknown = JSON.parse(text)
  if (isRows(document)) return JSON.stringify(lies[lie](document))
  if (!isRow(document)) return text
  const changed = Object.entries(document).map(([name, value]) => [name, isRows(value) ? lies[lie](value) : value])
  return JSON.stringify(Object.fromEntries(changed))
}

const garbled = {
  html: () => "<!DOCTYPE html><html><body><h1>We are down for maintenance</h1></body></html>",
  empty: () => "",
  half: (text: string) => text.slice(0, text.length >> 1),
  binary: () => Buffer.from([0, 255, 1, 254, 123, 0]).toString("latin1"),
  deep: () => `${"[".repeat(20_000)}${"]".repeat(20_000)}`
}

/** Facts that a request asks for: a cell for each target and column of a batch, else the question without its limit. */
const factsOf = (path: string, query: URLSearchParams, text: string): Pick<Sale, "facts" | "limit"> => {
  const body: unknown = text === "" ? null : JSON.parse(text)
  if (isRow(body) && isRows(body["targets"]) && Array.isArray(body["select"])) {
    const { select, targets, ...rest } = body as {
      readonly select: ReadonlyArray<string>
      readonly targets: ReadonlyArray<Row>
    }
    const columns = select.filter((column) => column !== "index")
    const cells = targets.flatMap((target) => columns.map((column) => JSON.stringify([path, target, column, rest])))
    return { limit: null, facts: cells }
  }
  if (isRow(body) && Array.isArray(body["target"])) {
    const { target, ...rest } = body
    return { limit: null, facts: (target as ReadonlyArray<unknown>).map((one) => JSON.stringify([path, one, rest])) }
  }
  const limit = query.get("limit")
  const others = [...query].filter(([name]) => name !== "limit").toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { limit: limit === null ? null : Number(limit), facts: [JSON.stringify([path, others, body])] }
}

const billedBy = ({ httpClient, unitsBilled }: Simulator, request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    const before = yield* unitsBilled
    const { headers, status, text } = yield* httpClient.execute(request)
    return { headers, status, body: yield* text, billed: (yield* unitsBilled) - before }
  })

/** Every account has a simulator of its own, whose record of what was billed is the truth. */
export const make = ({ accounts, sites }: Pick<Setting, "accounts" | "sites">) =>
  Effect.gen(function* () {
    const facts = smallFacts(sites)
    const run = Runtime.runPromise(yield* Effect.runtime())
    const simulators = {
      ahrefs: yield* Effect.forEach(Array.from({ length: accounts }).keys(), (account) =>
        AhrefsSimulator.make({ rateLimit: false, facts, seed: worldOf(account), keys: [keyOf("ahrefs", account)] })
      ),
      se_ranking: yield* Effect.forEach(Array.from({ length: accounts }).keys(), (account) =>
        SERankingSimulator.make({
          rateLimit: false,
          facts,
          seed: worldOf(account),
          keys: [keyOf("se_ranking", account)]
        })
      )
    }
    const sales: Array<Sale> = []
    const astray: Array<string> = []
    const failures: Array<string> = []
    let calls = 0
    let faultOf: (request: number) => Fault | null = () => null

    const elsewhere = yield* listening(
      createServer((request, response) => {
        // The key must not come here, nor the targets of a customer.
        astray.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`)
        response.end("{}")
      })
    )

    // One at a time: what an answer was billed is what the simulator's bill has grown by.
    let turn: Promise<unknown> = Promise.resolve()
    const inTurn = <A>(work: () => Promise<A>): Promise<A> => {
      const mine = turn.then(work)
      turn = mine.catch(() => undefined)
      return mine
    }

    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const fault = faultOf(calls++)
      const text = await textOf(request)
      const send = (status: number, headers: Readonly<Record<string, string>>, body: string) => {
        response.writeHead(status, { "content-type": "application/json", ...headers })
        response.end(body)
      }
      if (fault?._tag === "Refuse") {
        const { body, headers = {}, status } = fault
        return send(status, headers, body)
      }
      const authorization = request.headers.authorization ?? ""
      const owner = ownerOf(authorization)
      if (owner === null || request.method === undefined || request.url === undefined) return send(401, {}, "{}")
      const simulator = simulators[owner.provider][owner.account]!
      const url = new URL(request.url, "http://vendor")
      // `batch` and `post` are told apart by their methods; anything the services send has no other.
      const bare = HttpClientRequest.make(request.method === "POST" ? "POST" : "GET")(url.href, {
        headers: { authorization }
      })
      const asked = text === "" ? bare : HttpClientRequest.bodyText(bare, text, "application/json")
      const whole = await inTurn(() => run(billedBy(simulator, asked)))
      const sale: Sale = {
        at: performance.timeOrigin + performance.now(),
        worker: Number(request.headers[workerHeader]),
        ...owner,
        path: url.pathname,
        ...factsOf(url.pathname, url.searchParams, text),
        billed: whole.billed,
        fault: fault?._tag ?? null,
        doneAt: null
      }
      sales.push(sale)
      response.once("finish", () => {
        sale.doneAt = performance.timeOrigin + performance.now()
      })
      await new Promise((resume) => setTimeout(resume, latency))
      const headers = { ...whole.headers }
      delete headers["content-length"]
      switch (fault?._tag) {
        case undefined:
          return send(whole.status, headers, whole.body)
        case "Lie":
          // In a list a row too few or too many cannot be told from the truth.
          return send(whole.status, headers, sale.limit === null ? told(whole.body, fault.lie) : whole.body)
        case "Garble":
          return send(whole.status, headers, garbled[fault.how](whole.body))
        case "Hang":
          return
        case "Cut":
          if (fault.at === "middle") {
            response.writeHead(whole.status, { ...headers, "content-length": String(Buffer.byteLength(whole.body)) })
            response.write(whole.body.slice(0, whole.body.length >> 1))
            await new Promise((resume) => setTimeout(resume, 5))
          }
          return void request.socket.destroy()
        case "Trickle": {
          const pieces = 10
          const size = Math.ceil(whole.body.length / pieces)
          response.writeHead(whole.status, { "content-type": "application/json", ...headers })
          for (let i = 0; i < pieces && !response.destroyed; i++) {
            response.write(whole.body.slice(i * size, (i + 1) * size))
            await new Promise((resume) => setTimeout(resume, fault.millis / pieces))
          }
          return void response.end()
        }
      }
    }

    const url = yield* listening(
      createServer((request, response) => {
        answer(request, response).catch((error: unknown) => {
          // A caller that was killed hangs up: it has nobody to tell.
          if (!request.destroyed) failures.push(String(error))
          response.destroy()
        })
      })
    )
    const vendor: Vendor = {
      url,
      sales,
      calls: () => calls,
      ail: (fault) => {
        faultOf = fault
      },
      astray,
      elsewhere,
      failures
    }
    return vendor
  })
