/**
 * The simulators of all providers behind one `HttpClient`, told apart by the vendors' hosts: what a service with tenants of several
 * providers talks to in a test.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ahrefs from "./AhrefsSimulator.js"
import * as Majestic from "./MajesticSimulator.js"
import * as SERanking from "./SERankingSimulator.js"
import type { Options as SimulatorOptions, Simulator } from "./simulator.js"

/**
 * What each simulator is like.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  /** Of each of them, where its own says nothing else. */
  readonly all?: SimulatorOptions | undefined
  readonly ahrefs?: Ahrefs.Options | undefined
  readonly majestic?: Majestic.Options | undefined
  readonly seRanking?: SERanking.Options | undefined
}

/**
 * What a test sees of the simulators, and the client that talks to them.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Service {
  readonly ahrefs: Simulator
  readonly majestic: Simulator
  readonly seRanking: Simulator
  /** Answers as the provider does whose host is asked, whatever the subdomain. A host that is nobody's is a defect. */
  readonly httpClient: HttpClient.HttpClient
}

/**
 * The simulators in use.
 *
 * @since 0.1.0
 * @category Context
 */
export class Simulators extends Context.Tag("effect-seo-providers/testing/Simulators")<Simulators, Service>() {}

/**
 * Simulators that nothing talks to yet.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = ({ all, ...own }: Options = {}): Effect.Effect<Service> =>
  Effect.gen(function* () {
    const ahrefs = yield* Ahrefs.make({ ...all, ...own.ahrefs })
    const majestic = yield* Majestic.make({ ...all, ...own.majestic })
    const seRanking = yield* SERanking.make({ ...all, ...own.seRanking })
    const at = [
      ["ahrefs.com", ahrefs],
      ["majestic.com", majestic],
      ["seranking.com", seRanking]
    ] as const
    const httpClient = HttpClient.make((request, { hostname }) => {
      const [, simulator] = at.find(([host]) => hostname === host || hostname.endsWith(`.${host}`)) ?? []
      return simulator === undefined
        ? Effect.dieMessage(`No provider is simulated at ${hostname}.`)
        : simulator.httpClient.execute(request)
    })
    return { ahrefs, majestic, seRanking, httpClient }
  })

/**
 * The simulators, and the `HttpClient` that talks to them without a socket.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer = (options?: Options): Layer.Layer<Simulators | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), (simulators) =>
      Context.make(Simulators, simulators).pipe(Context.add(HttpClient.HttpClient, simulators.httpClient))
    )
  )
