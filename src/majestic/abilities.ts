/** What Majestic can be asked about prospects. */
import * as Stream from "effect/Stream"
import type { Ability } from "../internal/ability.js"
import type { Service } from "../Majestic.js"

const flows = (service: Service): Ability => ({
  operation: "getIndexItemInfo",
  data: ["trustFlow", "citationFlow"],
  size: 100,
  callPrice: (_, sites) => sites,
  ask: (targets) =>
    Stream.map(service.getIndexItemInfoStream(targets), ({ item, measured }) => ({
      target: item,
      // An estimate decides nothing.
      values: { trustFlow: measured?.trustFlow ?? null, citationFlow: measured?.citationFlow ?? null }
    })),
  plan: (targets) => service.plan("getIndexItemInfo", targets)
})

export const abilities = (service: Service): ReadonlyArray<Ability> => [flows(service)]
