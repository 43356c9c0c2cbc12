/**
 * Two tenants share an account: each has a budget, plans before it pays, and is stopped before a call that it cannot afford, while
 * the other goes on.
 *
 *     npx tsx examples/budgets.ts
 */
import { Console, Effect, Layer, Redacted, Stream } from "effect"
import { Ahrefs, CreditLedger, SharedState, Spender } from "../src/index.js"
import { AhrefsSimulator } from "../src/testing/index.js"

const book = { provider: "ahrefs", unit: "api_units" } as const
const domains = (count: number) => Array.from({ length: count }, (_, i) => `site-${i}.com`)

const rate = (tenant: string, count: number) =>
  Effect.gen(function* () {
    const ahrefs = yield* Ahrefs.Ahrefs
    const plan = yield* ahrefs.plan("getDomainRatings", domains(count))
    yield* Console.log(
      `${tenant}: ${count} ratings would take ${plan.calls} calls and ${plan.units.upper} ${plan.unit}; ${plan.cached} are known`
    )
    yield* ahrefs.getDomainRatings(domains(count))
  }).pipe(
    Effect.catchTag("BudgetExceeded", ({ message }) => Console.log(`${tenant}: ${message}`)),
    Spender.as({ tenant })
  )

const program = Effect.gen(function* () {
  const ledger = yield* CreditLedger.CreditLedger
  yield* Effect.fork(
    Stream.runForEach(ledger.alerts, ({ id, share }) => Console.log(`alert: ${id} has spent ${share * 100} %`))
  )
  yield* Effect.yieldNow()
  yield* rate("acme", 100)
  // Known by now: they cost the other nothing.
  yield* rate("globex", 100)
  yield* rate("globex", 200)
  yield* rate("acme", 400)
  for (const { calls, saved, spent, tenant } of yield* ledger.usage(book)) {
    yield* Console.log(`${tenant}: ${spent} units in ${calls} calls, ${saved} saved by the cache`)
  }
})

const state = SharedState.layerMemory({
  budgets: [
    { ...book, of: "tenant", id: "acme", limit: 250 },
    { ...book, of: "tenant", id: "globex", limit: 1_000 }
  ]
})

const layer = Ahrefs.layer({ apiKey: Redacted.make("any-key-will-do-here") }).pipe(
  Layer.provide(AhrefsSimulator.layer()),
  Layer.provideMerge(state)
)

Effect.runPromise(Effect.provide(program, layer))
