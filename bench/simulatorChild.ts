/**
 * A provider's simulator with a process of its own, so that its memory is not counted with that of who asks it. Says its URL, ends
 * with its input.
 *
 *     node simulatorChild.js ahrefs|se_ranking [BACKLINKS]
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { once } from "node:events"
import { createServer } from "node:http"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../src/testing/SERankingSimulator.js"
import { toStderr } from "./process.js"

const [provider = "", backlinks = "0"] = process.argv.slice(2)
const facts = { "example.com": { backlinks: Number(backlinks), refdomains: 50_000 } }
const simulator =
  provider === "ahrefs"
    ? Layer.discard(AhrefsSimulator.layerServer({ rateLimit: false }))
    : Layer.discard(SERankingSimulator.layerServer({ rateLimit: false, facts }))

const main = Effect.gen(function* () {
  yield* HttpServer.addressFormattedWith(Console.log)
  yield* Effect.promise(() => once(process.stdin.resume(), "end"))
})

NodeRuntime.runMain(
  main.pipe(
    Effect.provide(
      Layer.provideMerge(
        simulator,
        NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })
      )
    ),
    Effect.provide(toStderr)
  ),
  { disablePrettyLogger: true }
)
