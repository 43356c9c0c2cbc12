/**
 * Ahrefs without Ahrefs: an HTTP API that behaves like the vendor's (or like a gateway that speaks the platform
 * contract), prices included, in-process or on a socket. Deterministic and driven by the `Clock`.
 *
 * The answers are made up but consistent: the same seed and the same site give the same facts in every operation. Modes,
 * protocols, countries and dates are checked but change nothing (but for lost keywords under `date_compared`). Reports
 * filter and sort the first 10,000 rows of a site. `where` knows `and`, `or`, `not` and the operators `eq neq gt gte lt
 * lte substring isubstring`; anything else is refused as a bad filter. Only JSON is put out. Nothing is ever a cache hit.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpServer from "@effect/platform/HttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { platform } from "./ahrefsPlatform.js"
import { type Quirks, tooManyRequests, vendor } from "./ahrefsVendor.js"
import * as Simulator from "./simulator.js"
import * as World from "./world.js"

export type {
  /**
   * @since 0.1.0
   * @category Models
   */
  Quirks
} from "./ahrefsVendor.js"
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
 * The rate limit is 60 requests a minute unless set.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options extends Simulator.Options {
  /** Which wire it speaks. Default "vendor". */
  readonly contract?: "vendor" | "platform" | undefined
  /** The plan has no API: 403 "Insufficient plan"; on the platform contract `{"subscription":null}`. Default false. */
  readonly noSubscription?: boolean | undefined
  readonly quirks?: Quirks | undefined
}

/**
 * The simulator in use: what it was asked and billed, and faults to arm.
 *
 * @since 0.1.0
 * @category Context
 */
export class AhrefsSimulator extends Context.Tag("effect-seo-providers/testing/AhrefsSimulator")<
  AhrefsSimulator,
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
    noSubscription: options.noSubscription ?? false,
    quirks
  }
  return Simulator.make(
    {
      prefix: "/v3",
      rateLimit: { requests: 60, per: "1 minute" },
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
export const layer = (options?: Options): Layer.Layer<AhrefsSimulator | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), (simulator) =>
      Context.make(AhrefsSimulator, simulator).pipe(Context.add(HttpClient.HttpClient, simulator.httpClient))
    )
  )

/**
 * A simulator served by the `HttpServer` in use, on all paths with and without `/v3`.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerServer = (options?: Options): Layer.Layer<AhrefsSimulator, never, HttpServer.HttpServer> =>
  Layer.scoped(AhrefsSimulator, Effect.tap(make(options), Simulator.serve))
