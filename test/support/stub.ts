/** An `HttpClient` that follows a script and keeps what it was sent, and the services on top of it. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Ahrefs from "../../src/Ahrefs.js"
import * as Majestic from "../../src/Majestic.js"
import type { Charge } from "../../src/Operation.js"
import * as SERanking from "../../src/SERanking.js"
import * as SharedState from "../../src/SharedState.js"

/** A request as it left; `body` is parsed JSON. */
export interface Sent {
  readonly method: string
  /** Without the query. */
  readonly url: string
  readonly query: ReadonlyArray<readonly [name: string, value: string]>
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** What the transport does: answer, never answer, or fail with a cause. */
export type Answer = Response | { readonly _tag: "Never" } | { readonly _tag: "Broken"; readonly cause: unknown }

export type Script = (sent: Sent, n: number) => Answer

export const never = { _tag: "Never" } as const

/** A failure of the transport, as fetch reports it: the code sits in the cause of the error. */
export const broken = (code: string): Answer => ({
  _tag: "Broken",
  cause: new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) })
})

export const json = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  Response.json(body, { status, headers })

export const text = (body: string, status: number, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(body, { status, headers })

export const always =
  (body: unknown, status?: number, headers?: Readonly<Record<string, string>>): Script =>
  () =>
    json(body, status, headers)

/** The first half of an answer, then a broken connection. */
export const cut = (body: string): Response => {
  let isSent = false
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (isSent) return controller.error(new TypeError("terminated"))
      isSent = true
      controller.enqueue(new TextEncoder().encode(body.slice(0, body.length >> 1)))
    }
  })
  return new Response(stream, { status: 200, headers: { "content-type": "application/json" } })
}

const read = (request: HttpClientRequest.HttpClientRequest, url: URL): Sent => ({
  method: request.method,
  url: `${url.origin}${url.pathname}`,
  query: [...url.searchParams],
  headers: { ...request.headers },
  body:
    request.body._tag === "Uint8Array"
      ? (JSON.parse(new TextDecoder().decode(request.body.body)) as unknown)
      : undefined
})

export interface Stub {
  readonly client: HttpClient.HttpClient
  readonly sent: ReadonlyArray<Sent>
  /** Of each request; aborted where its caller went away. */
  readonly signals: ReadonlyArray<AbortSignal>
}

export const stub = (script: Script): Stub => {
  const sent: Array<Sent> = []
  const signals: Array<AbortSignal> = []
  const client = HttpClient.make((request, url, signal) =>
    Effect.suspend(() => {
      const one = read(request, url)
      sent.push(one)
      signals.push(signal)
      const answer = script(one, sent.length - 1)
      if (answer instanceof Response) return Effect.succeed(HttpClientResponse.fromWeb(request, answer))
      if (answer._tag === "Never") return Effect.never
      return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause: answer.cause }))
    })
  )
  return { client, sent, signals }
}

export const apiKey = "key-1234"

interface Kept extends Omit<Stub, "client"> {
  readonly charges: ReadonlyArray<Charge>
}

const keeping = (charges: Array<Charge>) => (charge: Charge) =>
  Effect.sync(() => {
    charges.push(charge)
  })

export const makeAhrefs = (
  script: Script,
  options: Partial<Ahrefs.Options> = {}
): Effect.Effect<Kept & { readonly ahrefs: Ahrefs.Service }, never, Scope.Scope> => {
  const { client, ...kept } = stub(script)
  const charges: Array<Charge> = []
  return Ahrefs.make({ batchWait: 0, apiKey: Redacted.make(apiKey), onCharge: keeping(charges), ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide(SharedState.layerNoop),
    Effect.map((ahrefs) => ({ ahrefs, charges, ...kept }))
  )
}

export const makeSERanking = (
  script: Script,
  options: Partial<SERanking.Options> = {}
): Effect.Effect<Kept & { readonly seranking: SERanking.Service }, never, Scope.Scope> => {
  const { client, ...kept } = stub(script)
  const charges: Array<Charge> = []
  return SERanking.make({ batchWait: 0, apiKey: Redacted.make(apiKey), onCharge: keeping(charges), ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide(SharedState.layerNoop),
    Effect.map((seranking) => ({ seranking, charges, ...kept }))
  )
}

export const makeMajestic = (
  script: Script,
  options: Partial<Majestic.Options> = {}
): Effect.Effect<Kept & { readonly majestic: Majestic.Service }, never, Scope.Scope> => {
  const { client, ...kept } = stub(script)
  const charges: Array<Charge> = []
  return Majestic.make({ batchWait: 0, apiKey: Redacted.make(apiKey), onCharge: keeping(charges), ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide(SharedState.layerNoop),
    Effect.map((majestic) => ({ majestic, charges, ...kept }))
  )
}

/** A service that keeps nothing and gathers nothing: what is asked is sent. */
export const plainAhrefs = (options: Ahrefs.Options) =>
  Effect.provide(Ahrefs.make({ batchWait: 0, ...options }), SharedState.layerNoop)
