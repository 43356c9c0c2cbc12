/**
 * Majestic without Majestic: an HTTP API that behaves like the vendor's, prices included, in-process or on a socket. Deterministic and
 * driven by the `Clock`.
 *
 * The answers are made up but consistent: the same seed and the same site give the same facts with every provider. Both indexes and
 * all kinds of items tell the same. The key is taken from the query, and recorded as `<key>`.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpServer from "@effect/platform/HttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Quirks, vendor } from "./majesticVendor.js"
import * as Simulator from "./simulator.js"
import * as World from "./world.js"

export type {
  /**
   * @since 0.1.0
   * @category Models
   */
  Quirks
} from "./majesticVendor.js"
export type {
  /**
   * @since 0.1.0
   * @category Models
   */
  Fault,
  /**
   * @since 0.1.0
   * @category Models
   */
  RecordedRequest,
  /**
   * @since 0.1.0
   * @category Models
   */
  Simulator as Service
} from "./simulator.js"
export type {
  /**
   * @since 0.1.0
   * @category Models
   */
  Facts
} from "./world.js"

/**
 * The rate limit is 10 requests a second unless set: the vendor names none.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options extends Simulator.Options {
  /** An account without a subscription answers nothing but `GetSubscriptionInfo`. Default true. */
  readonly isActive?: boolean | undefined
  /** Hosts of which there are estimates only. */
  readonly mayExist?: ReadonlyArray<string> | undefined
  readonly quirks?: Quirks | undefined
}

/**
 * The simulator in use: what it was asked and billed, and faults to arm.
 *
 * @since 0.1.0
 * @category Context
 */
export class MajesticSimulator extends Context.Tag("effect-seo-providers/testing/MajesticSimulator")<
  MajesticSimulator,
  Simulator.Simulator
>() {}

/**
 * A simulator that nothing talks to yet: `httpClient` talks to it without a socket, `httpApp` can be served.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = (options: Options = {}): Effect.Effect<Simulator.Simulator> => {
  const { facts = {}, isActive = true, keys, mayExist = [], quirks = {}, seed = 1 } = options
  return Simulator.make(
    {
      prefix: "/api",
      keyParameter: "app_api_key",
      rateLimit: { requests: 10, per: "1 second" },
      answer: vendor({ world: World.make({ seed, facts }), seed, keys, isActive, mayExist: new Set(mayExist), quirks }),
      tooManyRequests: { status: 429, text: "Too Many Requests", units: 0 }
    },
    options
  )
}

/**
 * A simulator, and the `HttpClient` that talks to it without a socket.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer = (options?: Options): Layer.Layer<MajesticSimulator | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), (simulator) =>
      Context.make(MajesticSimulator, simulator).pipe(Context.add(HttpClient.HttpClient, simulator.httpClient))
    )
  )

/**
 * A simulator served by the `HttpServer` in use, on all paths with and without `/api`.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerServer = (options?: Options): Layer.Layer<MajesticSimulator, never, HttpServer.HttpServer> =>
  Layer.scoped(MajesticSimulator, Effect.tap(make(options), Simulator.serve))
