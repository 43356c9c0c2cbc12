/** The audit finds what it is there to find. */
import { assert, describe, it } from "@effect/vitest"
import { bought, type Evidence, violations } from "./audit.js"
import type { Sale } from "./vendor.js"

const fact = (site: string, column = "domain_rating") =>
  JSON.stringify(["/batch-analysis/batch-analysis", { url: site }, column, {}])

const sale = (more: Partial<Sale>): Sale => ({
  at: 10_000,
  worker: 0,
  provider: "ahrefs",
  account: 0,
  path: "/v3/batch-analysis/batch-analysis",
  limit: null,
  facts: [fact("a.com")],
  billed: 50,
  fault: null,
  doneAt: 10_020,
  ...more
})
const again = (more: Partial<Sale> = {}) => sale({ at: 20_000, doneAt: 20_020, ...more })

const evidence = ({ sales = [], ...more }: Partial<Evidence>): Evidence => ({
  sales,
  troubles: [],
  kills: [],
  stills: [],
  freshFor: null,
  books: [
    {
      provider: "ahrefs",
      spent: sales.reduce((sum, { billed, provider }) => sum + (provider === "ahrefs" ? billed : 0), 0),
      reserved: 0,
      expired: 0
    }
  ],
  budget: null,
  keys: [],
  ...more
})

const list = { path: "/v3/site-explorer/all-backlinks", facts: ["links of a.com"] }

describe("a fact that is sold again", () => {
  it.each<readonly [what: string, evidence: Partial<Evidence>]>([
    ["at once", { sales: [sale({}), sale({ at: 10_001, worker: 1 })] }],
    ["later, to another", { sales: [sale({}), again({ worker: 1 })] }],
    ["in a call with new ones that is no cheaper", { sales: [sale({}), again({ billed: 204, facts: facts(102) })] }],
    ["as a list that is no longer", { sales: [sale({ ...list, limit: 20 }), again({ ...list, limit: 5 })] }],
    ["after another had been killed", { sales: [sale({}), again()], kills: [{ worker: 1, at: 10_010 }] }],
    ["after its buyer was killed long after", { sales: [sale({}), again()], kills: [{ worker: 0, at: 15_000 }] }],
    [
      "after Redis was deaf meanwhile",
      { sales: [sale({}), again()], troubles: [{ from: 12_000, to: 13_000, isLoss: false }] }
    ],
    ["after a trickle that came in time", { sales: [sale({ fault: "Trickle" }), again()] }],
    ["while it was fresh", { sales: [sale({}), again()], freshFor: 20_000 }]
  ])("%s is found", (_, some) => {
    assert.lengthOf(bought(evidence(some)).twice, 1)
    assert.include(violations(evidence(some)).join(), "bought twice")
  })

  it.each<readonly [what: string, evidence: Partial<Evidence>]>([
    ["to another account", { sales: [sale({}), again({ account: 1 })] }],
    ["by another provider", { sales: [sale({}), again({ provider: "se_ranking" })] }],
    ["for nothing", { sales: [sale({ billed: 0 }), again()] }],
    ["as a longer list", { sales: [sale({ ...list, limit: 5 }), again({ ...list, limit: 20 })] }],
    ["after an answer that hung", { sales: [sale({ fault: "Hang", doneAt: null }), again()] }],
    ["after a trickle that never ended", { sales: [sale({ fault: "Trickle", doneAt: null }), again()] }],
    ["after its buyer was killed in the call", { sales: [sale({}), again()], kills: [{ worker: 0, at: 10_010 }] }],
    ["after its buyer stood still", { sales: [sale({}), again()], stills: [{ worker: 0, from: 10_010, to: 15_000 }] }],
    ["after Redis lost it", { sales: [sale({}), again()], troubles: [{ from: 12_000, to: 13_000, isLoss: true }] }],
    ["while Redis was deaf", { sales: [sale({}), again()], troubles: [{ from: 19_000, to: 21_000, isLoss: false }] }],
    ["when it was fresh no more", { sales: [sale({}), again()], freshFor: 10_000 }],
    [
      "with a column more, in a call that had to be made",
      {
        sales: [
          sale({}),
          again({ facts: [fact("a.com"), fact("a.com", "refdomains"), fact("b.com"), fact("b.com", "refdomains")] })
        ]
      }
    ]
  ])("%s is none", (_, some) => {
    assert.deepStrictEqual(bought(evidence(some)).twice, [])
    assert.deepStrictEqual(violations(evidence(some)), [])
  })
})

describe("the books", () => {
  const booked = (spent: number, reserved = 0, expired = 0) => [
    { provider: "ahrefs" as const, spent, reserved, expired }
  ]

  it.each<readonly [what: string, evidence: Partial<Evidence>, found: string]>([
    ["say less than was billed", { sales: [sale({})], books: booked(49) }, "49 booked or held, 50 billed"],
    ["say more than was billed", { sales: [sale({})], books: booked(51) }, "51 booked, 50 billed"],
    ["hold what nobody will settle", { sales: [sale({})], books: booked(50, 2) }, "2 held"],
    [
      "lost what a killed process had bought",
      { sales: [sale({})], kills: [{ worker: 0, at: 10_010 }], books: booked(0, 20, 20) },
      "40 booked or held"
    ],
    ["are over a budget", { sales: [sale({})], budget: { limit: 49, spent: 50 } }, "a budget of 49 was overdrawn: 50"],
    [
      "have a key that never expires",
      {
        keys: [
          ["seo:a", 5],
          ["seo:b", -1]
        ]
      },
      "1 keys never expire: seo:b"
    ]
  ])("that %s are found", (_, some, found) => {
    assert.include(violations(evidence(some)).join(), found)
  })

  it("may have what a killed process bought as held or expired", () => {
    const some = { sales: [sale({})], kills: [{ worker: 0, at: 10_010 }], books: booked(0, 20, 30) }
    assert.deepStrictEqual(violations(evidence(some)), [])
  })

  it("may have a list that did not come at its most", () => {
    const some = { sales: [sale({ ...list, limit: 20, fault: "Cut", doneAt: null })], books: booked(80) }
    assert.deepStrictEqual(violations(evidence(some)), [])
  })
})

function facts(count: number): ReadonlyArray<string> {
  return Array.from({ length: count }, (_, i) => fact(i === 0 ? "a.com" : `${i}.com`))
}
