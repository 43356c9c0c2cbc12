/**
 * SE Ranking without SE Ranking: an HTTP API that behaves like the vendor's (or like a gateway that speaks the platform
 * contract), prices included, in-process or on a socket. Deterministic and driven by the `Clock`.
 *
 * The answers are made up but consistent: the same seed and the same site give the same facts in every operation. Modes,
 * markets and dates are checked but change nothing. `/backlinks/all` and `/refdomains` filter and sort the first 10,000
 * rows of a site; `/backlinks/raw` gives all links, newest first whatever `order_by` says. A key in the query string is
 * not accepted.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpServer from "@effect/platform/HttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { platform } from "./serankingPlatform.js"
import { type Quirks, tooManyRequests, vendor } from "./serankingVendor.js"
import * as Simulator from "./simulator.js"
import * as World from "./world.js"

export type {
  /**
   * @since 0.1.0
   * @category Models
   */
  Quirks
} from "./serankingVendor.js"
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
 * The rate limit is 10 requests a second unless set.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options extends Simulator.Options {
  /** Which wire it speaks. Default "vendor". */
  readonly contract?: "vendor" | "platform" | undefined
  /** All but "active" refuse paid calls; on the platform contract such an account is `{}`. Default "active". */
  readonly status?: "active" | "inactive" | "expired" | "disabled" | undefined
  readonly quirks?: Quirks | undefined
}

/**
 * The simulator in use: what it was asked and billed, and faults to arm.
 *
 * @since 0.1.0
 * @category Context
 */
export class SERankingSimulator extends Context.Tag("effect-seo-providers/testing/SERankingSimulator")<
  SERankingSimulator,
  Simulator.Simulator
>() {}

/**
 * A simulator that nothing talks to yet: `httpClient` talks to it without a socket, `httpApp` can be served.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = (options: Options = {}): Effect.Effect<Simulator.Simulator> => {
  const seed = options.seed ?? 1
  const quirks = options.quirks ?? {}
  const setting = {
    world: World.make({ seed, facts: options.facts ?? {} }),
    seed,
    keys: options.keys,
    status: options.status ?? "active",
    quirks
  }
  return Simulator.make(
    {
      prefix: "/v1",
      rateLimit: { requests: 10, per: "1 second" },
      answer: options.contract === "platform" ? platform(setting) : vendor(setting),
      tooManyRequests: tooManyRequests(quirks.htmlTooManyRequests ?? false)
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
export const layer = (options?: Options): Layer.Layer<SERankingSimulator | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), (simulator) =>
      Context.make(SERankingSimulator, simulator).pipe(Context.add(HttpClient.HttpClient, simulator.httpClient))
    )
  )

/**
 * A simulator served by the `HttpServer` in use, on all paths with and without `/v1`.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerServer = (options?: Options): Layer.Layer<SERankingSimulator, never, HttpServer.HttpServer> =>
  Layer.scoped(SERankingSimulator, Effect.tap(make(options), Simulator.serve))
