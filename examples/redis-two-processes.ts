/**
 * Two processes share one Redis: the second pays nothing for what the first has bought, and what both ask at once is bought once.
 * The Redis is the one at REDIS_URL, else a redis-server that is started here and stopped at the end.
 *
 *     npx tsx examples/redis-two-processes.ts
 */
import { Command, type Error as PlatformError, FetchHttpClient, HttpServer } from "@effect/platform"
import { NodeContext, NodeHttpServer, NodeRuntime, NodeStream } from "@effect/platform-node"
import { Chunk, Config, Console, Effect, Layer, Queue, Ref, Schema, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:http"
import { createServer as createTcpServer } from "node:net"
import { fileURLToPath } from "node:url"
import { Ahrefs, SharedState } from "../src/index.js"
import { AhrefsSimulator } from "../src/testing/index.js"

// A worker, as it would run in production: it reads domains, line by line, and tells what its answers cost.

const Answer = Schema.parseJson(Schema.Struct({ ratings: Schema.Int, units: Schema.Number }))

const worker = Effect.gen(function* () {
  const paid = yield* Ref.make(0)
  const AhrefsLive = Ahrefs.layerConfig(
    { apiKey: Config.redacted("AHREFS_API_KEY"), apiUrl: Config.string("AHREFS_API_URL") },
    { onCharge: ({ amount }) => Ref.update(paid, (units) => units + (amount ?? 0)) }
  ).pipe(
    Layer.provide(
      SharedState.layerRedisConfig({ url: Config.redacted("REDIS_URL"), namespace: Config.string("NAMESPACE") })
    ),
    Layer.provide(FetchHttpClient.layer)
  )
  yield* Effect.provide(
    Effect.flatMap(Ahrefs.Ahrefs, (ahrefs) =>
      NodeStream.stdin.pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.mapEffect((line) => ahrefs.getDomainRatings(line.split(","))),
        Stream.mapEffect((ratings) =>
          Effect.flatMap(Ref.getAndSet(paid, 0), (units) => Schema.encode(Answer)({ ratings: ratings.length, units }))
        ),
        Stream.runForEach(Console.log)
      )
    ),
    AhrefsLive
  )
})

const startWorker = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const questions = yield* Queue.unbounded<string>()
    const { stdout } = yield* Command.make(
      process.execPath,
      ...process.execArgv,
      fileURLToPath(import.meta.url),
      "worker"
    ).pipe(
      Command.env(env),
      Command.stdin(Stream.encodeText(Stream.fromQueue(questions))),
      Command.stderr("inherit"),
      Command.start
    )
    const next = yield* stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.toPull)
    return (domains: ReadonlyArray<string>) =>
      Queue.offer(questions, `${domains.join()}\n`).pipe(
        Effect.zipRight(Effect.flatten(Effect.optionFromOptional(next))),
        Effect.flatMap((lines) => Schema.decode(Answer)(Chunk.unsafeHead(lines)))
      )
  })

// What they share.

const freePort = Effect.promise(async () => {
  const server = createTcpServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : 0
})

const isMissing = (error: PlatformError.PlatformError) => error._tag === "SystemError" && error.reason === "NotFound"

/** Runs until the scope closes. */
const startRedis = Effect.gen(function* () {
  const port = yield* freePort
  const { stdout } = yield* Command.start(
    Command.make("redis-server", "--port", `${port}`, "--bind", "127.0.0.1", "--save", "")
  )
  yield* stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.takeUntil((line) => line.includes("Ready to accept connections")),
    Stream.runDrain
  )
  return `redis://127.0.0.1:${port}`
}).pipe(
  Effect.catchIf(isMissing, () =>
    Effect.dieMessage(
      "There is no redis-server here. Install one (apt-get install redis-server, brew install redis) or set REDIS_URL."
    )
  )
)

const program = Effect.gen(function* () {
  const simulator = yield* AhrefsSimulator.AhrefsSimulator
  const env = {
    REDIS_URL: yield* Effect.orElse(Config.string("REDIS_URL"), () => startRedis),
    // Of this run alone: what an earlier one has bought would be known.
    NAMESPACE: `example-${randomUUID()}`,
    AHREFS_API_KEY: "any-key-will-do-here",
    AHREFS_API_URL: yield* HttpServer.addressFormattedWith((url) => Effect.succeed(`${url}/v3`))
  }
  const [one, two] = yield* Effect.all([startWorker(env), startWorker(env)])
  const domains = Array.from({ length: 150 }, (_, i) => `site-${i}.com`)

  const first = yield* one(domains)
  yield* Console.log(`process 1: ${first.ratings} ratings for ${first.units} units`)
  const second = yield* two(domains)
  yield* Console.log(`process 2: ${second.ratings} ratings for ${second.units} units`)
  const both = yield* Effect.all([one(["contested.com"]), two(["contested.com"])], { concurrency: "unbounded" })
  yield* Console.log(
    `both at once: ${both[0].ratings + both[1].ratings} ratings for ${both[0].units + both[1].units} units`
  )
  const { length: calls } = yield* simulator.requests
  yield* Console.log(`the provider's bill: ${yield* simulator.unitsBilled} units, ${calls} calls`)
})

/** Ahrefs on a socket, slow enough for two to meet. */
const AhrefsServer = AhrefsSimulator.layerServer({ latency: "200 millis" }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

if (process.argv[2] === "worker") NodeRuntime.runMain(worker)
else NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide([AhrefsServer, NodeContext.layer])))
