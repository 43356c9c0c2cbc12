/**
 * 300 look-ups of 150 domains, each made on its own by a fiber of its own: they leave as two calls, and each domain is bought
 * once. Where each answer came from, and what it cost, can be asked.
 *
 *     npx tsx examples/single-lookups.ts
 */
import { Console, Effect, Layer, Redacted } from "effect"
import { Ahrefs, Provenance, SharedState } from "../src/index.js"
import { AhrefsSimulator } from "../src/testing/index.js"

const domains = Array.from({ length: 300 }, (_, i) => `site-${i % 150}.com`)

const program = Effect.gen(function* () {
  const ahrefs = yield* Ahrefs.Ahrefs
  const lookups = Effect.forEach(domains, (domain) => ahrefs.getDomainRating(domain), { concurrency: "unbounded" })
  for (const run of ["first", "second"]) {
    const [ratings, facts] = yield* Provenance.collect(lookups)
    const bought = facts.filter(({ cache }) => cache === "bought").length
    yield* Console.log(`${run} run: ${ratings.length} answers, ${bought} of them from what it bought`)
  }
})

const AhrefsLive = Ahrefs.layer({
  apiKey: Redacted.make("any-key-will-do-here"),
  onCharge: ({ amount, unit }) => Console.log(`one call: ${amount} ${unit}`)
}).pipe(Layer.provide([AhrefsSimulator.layer(), SharedState.layerMemory()]))

Effect.runPromise(Effect.provide(program, AhrefsLive))
