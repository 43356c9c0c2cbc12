/**
 * The engine both simulators share: rate limit, billing, recorded requests, armed faults, and the two faces, an
 * in-process `HttpClient` and an `HttpApp` for a real server.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { Facts } from "./world.js"

/**
 * What goes wrong with a request. `Status`, `Html` and `Empty` replace the answer; `Body` keeps its status 200 and its
 * headers but sends this JSON; `BadJson` sends the first half of the answer as if it were whole; `CutBody` sends that
 * half and breaks the connection; `Hang` never answers. A request is billed as usual where its fault is a 2xx or a
 * broken delivery (`BadJson`, `CutBody`, `Hang`), and costs nothing otherwise.
 *
 * @since 0.1.0
 * @category Models
 */
export type Fault =
  | {
      readonly _tag: "Status"
      readonly status: number
      /** A string is sent as it is, anything else as JSON. */
      readonly body?: unknown
      readonly headers?: Readonly<Record<string, string>> | undefined
    }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "CutBody" }
  | { readonly _tag: "BadJson" }
  | { readonly _tag: "Html"; readonly status: number }
  | { readonly _tag: "Empty"; readonly status: number }
  | { readonly _tag: "Body"; readonly body: unknown }

/**
 * One request as it arrived. `headers` hold secrets redacted, `query` keeps order and repetition, `body` is parsed
 * JSON (text where it is none, undefined where there was no body), `path` is the path as sent. `status` is null where
 * no answer was sent.
 *
 * @since 0.1.0
 * @category Models
 */
export interface RecordedRequest {
  readonly method: string
  readonly path: string
  readonly query: ReadonlyArray<readonly [name: string, value: string]>
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  readonly body: unknown
  readonly status: number | null
  readonly unitsBilled: number
}

/**
 * What a test sees of a simulator, and does to it.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Simulator {
  /** Answers in-process whatever the host of the request. */
  readonly httpClient: HttpClient.HttpClient
  readonly httpApp: HttpApp.Default<HttpServerError.RequestError>
  /** Arms a fault for the next `times` (default 1) requests: those to `path` alone, with or without `/v3` or `/v1`, where given. */
  readonly arm: (
    fault: Fault,
    options?: { readonly times?: number | undefined; readonly path?: string | undefined }
  ) => Effect.Effect<void>
  readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>>
  readonly unitsBilled: Effect.Effect<number>
  /** Forgets requests, bills, faults and the rate window. */
  readonly reset: Effect.Effect<void>
}

/**
 * The account of a simulator, its world and its pace.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  /** Another seed is another world. Default 1. */
  readonly seed?: number | undefined
  /** The keys that are accepted. Default: any that is not empty. */
  readonly keys?: ReadonlyArray<string> | undefined
  /** Units the account starts with; 0 is an exhausted account. Default 1,000,000,000. */
  readonly budget?: number | undefined
  /** Requests per key in a rolling window; above that 429. Default: what the vendor documents. */
  readonly rateLimit?: { readonly requests: number; readonly per: Duration.DurationInput } | false | undefined
  /** What is true of single sites, in place of what the seed says. */
  readonly facts?: Readonly<Record<string, Partial<Facts>>> | undefined
  /** Time between request and answer. Default none. A request is billed when it arrives. */
  readonly latency?: Duration.DurationInput | undefined
}

/**
 * A request as a contract sees it: `path` without the version prefix, `sentPath` as sent, `authorization` the header, or the key of
 * a contract that has it in the query.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Incoming {
  readonly number: number
  readonly method: string
  readonly path: string
  readonly sentPath: string
  readonly query: ReadonlyArray<readonly [name: string, value: string]>
  readonly authorization: string
  readonly body: unknown
}

/**
 * The account of a simulator when a request arrives; `now` in milliseconds.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Account {
  readonly budget: number
  readonly used: number
  readonly now: number
}

/**
 * An answer and what it cost: `body` as JSON, or `text` as it is; neither is an empty answer.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly units: number
}

/**
 * The wire a simulator speaks: pure.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Contract {
  readonly prefix: string
  /** The query parameter that holds the key, where no header does; recorded as `<key>`. */
  readonly keyParameter?: string | undefined
  readonly rateLimit: { readonly requests: number; readonly per: Duration.DurationInput }
  readonly answer: (request: Incoming, account: Account) => Reply
  readonly tooManyRequests: Reply
}

const plenty = 1_000_000_000

/**
 * A page as an edge or a proxy sends it.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const htmlPage = (status: number): Reply => ({
  status,
  text: `<!DOCTYPE html><html><head><title>${status}</title></head><body><h1>Error ${status}</h1></body></html>`,
  headers: { "content-type": "text/html; charset=UTF-8" },
  units: 0
})

/**
 * The key of an `authorization` header of this scheme: null where the header has another form, false where the key is
 * not accepted.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const keyOf = (
  authorization: string,
  scheme: "Bearer" | "Token",
  accepted: ReadonlyArray<string> | undefined
): string | false | null => {
  const [word, key, ...rest] = authorization.split(" ")
  if (word !== scheme || key === undefined || key === "" || rest.length > 0) return null
  return accepted === undefined || accepted.includes(key) ? key : false
}

interface Delivery {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** How many bytes of the body arrive; the connection breaks where that is not all. */
  readonly delivered: number
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** The answer as a fault leaves it, before its delivery. */
const faulty = (reply: Reply, fault: Fault): Reply => {
  const replace = (other: Omit<Reply, "units">): Reply =>
    isSuccess(other.status)
      ? { ...other, headers: { ...reply.headers, ...other.headers }, units: reply.units }
      : { ...other, units: 0 }
  switch (fault._tag) {
    case "Status": {
      const { body = { error: `fault ${fault.status}` }, headers, status } = fault
      return replace(typeof body === "string" ? { status, headers, text: body } : { status, headers, body })
    }
    case "Html":
      return replace(htmlPage(fault.status))
    case "Empty":
      return replace({ status: fault.status })
    case "Body":
      return replace({ status: 200, body: fault.body })
    default:
      return reply
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const deliver = ({ body, headers, status, text }: Reply, fault: Fault["_tag"] | undefined): Delivery => {
  const whole = encoder.encode(text ?? (body === undefined ? "" : JSON.stringify(body)))
  const half = whole.length >> 1
  return {
    status,
    headers: { "content-type": text === undefined ? "application/json" : "text/plain", ...headers },
    body: fault === "BadJson" ? whole.subarray(0, half) : whole,
    delivered: fault === "CutBody" ? half : whole.length
  }
}

const toWebResponse = ({ body, delivered, headers, status }: Delivery): Response => {
  if (body.length === 0) return new Response(null, { status, headers })
  if (delivered >= body.length) return new Response(body, { status, headers })
  let sent = false
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (sent) return controller.error(new TypeError("terminated"))
      sent = true
      controller.enqueue(body.subarray(0, delivered))
    }
  })
  return new Response(broken, { status, headers })
}

/** A stream that ends before its announced length, on a connection that is not kept, is a broken connection. */
const toServerResponse = ({ body, delivered, headers, status }: Delivery): HttpServerResponse.HttpServerResponse => {
  const contentType = headers["content-type"]
  if (body.length === 0) return HttpServerResponse.empty({ status, headers })
  if (delivered >= body.length) return HttpServerResponse.uint8Array(body, { status, headers, contentType })
  return HttpServerResponse.stream(Stream.make(body.subarray(0, delivered)), {
    status,
    headers: { ...headers, connection: "close" },
    contentType,
    contentLength: body.length
  })
}

const parseJson: (text: string) => Option.Option<unknown> = Option.liftThrowable((text: string): unknown =>
  JSON.parse(text)
)
const parseBody = (text: string): unknown => (text === "" ? undefined : Option.getOrElse(parseJson(text), () => text))

/**
 * A simulator of one contract.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = (contract: Contract, options: Options): Effect.Effect<Simulator> =>
  Effect.sync(() => {
    const { keyParameter } = contract
    const budget = options.budget ?? plenty
    const limit = options.rateLimit ?? contract.rateLimit
    // A sleep of nothing is a millisecond on the live clock.
    const wait = options.latency === undefined ? Effect.void : Effect.sleep(options.latency)
    let count = 0
    let used = 0
    let requests: Array<RecordedRequest> = []
    let armed: Array<{ readonly fault: Fault; readonly path: string | undefined; left: number }> = []
    const windows = new Map<string, { readonly admitted: number; readonly times: Array<number> }>()

    /** Rolling: full while the request admitted `limit.requests` ago is younger than the window. */
    const isLimited = (key: string, now: number): boolean => {
      if (limit === false) return false
      if (limit.requests < 1) return true
      const window = windows.get(key) ?? { admitted: 0, times: [] }
      const slot = window.admitted % limit.requests
      if ((window.times[slot] ?? -Infinity) > now - Duration.toMillis(limit.per)) return true
      window.times[slot] = now
      windows.set(key, { admitted: window.admitted + 1, times: window.times })
      return false
    }

    const takeFault = (request: Incoming): Fault | undefined => {
      const next = armed.find(({ path }) => path === undefined || path === request.path || path === request.sentPath)
      if (next === undefined) return undefined
      next.left -= 1
      armed = armed.filter(({ left }) => left > 0)
      return next.fault
    }

    /** None where nothing is ever sent. Synchronous, so that concurrent requests cannot overdraw the account. */
    const arrive = (request: Incoming, headers: Headers.Headers, now: number): Option.Option<Delivery> => {
      const limited = isLimited(request.authorization, now)
      const fault = takeFault(request)
      const honest =
        limited && fault === undefined ? contract.tooManyRequests : contract.answer(request, { budget, used, now })
      const reply = fault === undefined ? honest : faulty(honest, fault)
      const hangs = fault?._tag === "Hang"
      used += reply.units
      requests.push({
        method: request.method,
        path: request.sentPath,
        query: request.query.map(([name, value]) => [name, name === keyParameter ? "<key>" : value]),
        headers: Headers.redact(headers, ["authorization", "x-api-key", "cookie"]),
        body: request.body,
        status: hangs ? null : reply.status,
        unitsBilled: reply.units
      })
      return hangs ? Option.none() : Option.some(deliver(reply, fault?._tag))
    }

    const handle = Effect.fnUntraced(function* (method: string, url: URL, headers: Headers.Headers, text: string) {
      count += 1
      const path = url.pathname.startsWith(`${contract.prefix}/`)
        ? url.pathname.slice(contract.prefix.length)
        : url.pathname
      const request: Incoming = {
        number: count,
        method,
        path,
        sentPath: url.pathname,
        query: [...url.searchParams],
        authorization:
          keyParameter === undefined ? (headers["authorization"] ?? "") : (url.searchParams.get(keyParameter) ?? ""),
        body: parseBody(text)
      }
      const delivery = arrive(request, headers, yield* Clock.currentTimeMillis)
      if (Option.isNone(delivery)) return yield* Effect.never
      yield* wait
      return delivery.value
    })

    return {
      httpClient: HttpClient.make((request, url) =>
        Effect.map(
          handle(
            request.method,
            url,
            request.headers,
            request.body._tag === "Uint8Array" ? decoder.decode(request.body.body) : ""
          ),
          (delivery) => HttpClientResponse.fromWeb(request, toWebResponse(delivery))
        )
      ),
      httpApp: Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const text = yield* request.text
        return toServerResponse(
          yield* handle(request.method, new URL(request.url, "http://localhost"), request.headers, text)
        )
      }).pipe(Effect.interruptible),
      arm: (fault, { path, times = 1 } = {}) =>
        Effect.sync(() => {
          armed.push({ fault, path, left: times })
        }),
      requests: Effect.sync(() => [...requests]),
      unitsBilled: Effect.sync(() => used),
      reset: Effect.sync(() => {
        used = 0
        requests = []
        armed = []
        windows.clear()
      })
    }
  })

/**
 * Serves a simulator with the `HttpServer` in use until the scope closes; requests that hang then get a 503, else the
 * server would wait for them.
 *
 * @since 0.1.0
 * @category Layers
 */
export const serve = Effect.fnUntraced(function* ({ httpApp }: Simulator) {
  const closing = yield* Effect.acquireRelease(Deferred.make<void>(), (closing) => Deferred.succeed(closing, undefined))
  const closed = Effect.as(
    Deferred.await(closing),
    HttpServerResponse.empty({ status: 503, headers: { connection: "close" } })
  )
  // A server handles requests uninterruptibly, and a race ends when its loser is interrupted.
  yield* HttpServer.serveEffect(Effect.interruptible(Effect.raceFirst(httpApp, closed)))
})
