/** What Ahrefs can be asked about prospects. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Service } from "../Ahrefs.js"
import type { Metadata } from "../Integrations.js"
import { type Ability, atOnce, each, summed, type Wanted } from "../internal/ability.js"
import { Datum } from "../scoring/data.js"
import { type MetricColumn, metricColumns, needed } from "./columns.js"
import { units, unitsPerRow } from "./pricing.js"

const names = {
  domainRating: "domainRating",
  organicTraffic: "orgTraffic",
  referringDomains: "refdomains",
  dofollowReferringDomains: "refdomainsDofollow",
  referringSubnets: "refipsSubnets",
  linkedDomains: "linkedDomains"
} as const satisfies { readonly [D in Datum]?: MetricColumn }

type OurDatum = keyof typeof names
const isOurs = (datum: Datum): datum is OurDatum => Object.hasOwn(names, datum)

const metrics = (service: Service): Ability => {
  const columnsOf = (data: Wanted) => data.filter(isOurs).map((datum) => names[datum])
  return {
    operation: "getDomainMetrics",
    data: Datum.literals.filter(isOurs),
    columnOf: (datum) => (isOurs(datum) ? names[datum] : datum),
    size: 100,
    callPrice: (data, sites) => {
      const columns = columnsOf(data).map((column) => metricColumns[column])
      // A row has its index beside its columns.
      return units(sites, unitsPerRow([needed.metric.index, ...columns]))
    },
    ask: (targets, data) =>
      Stream.map(service.getDomainMetricsStream(targets, columnsOf(data)), (row) => ({
        target: row.domain,
        values: Object.fromEntries(data.filter(isOurs).map((datum) => [datum, row[names[datum]]]))
      })),
    plan: (targets, data) => service.plan("getDomainMetrics", targets, columnsOf(data))
  }
}

const ratings = (service: Service, price: number): Ability => ({
  operation: "getDomainRatings",
  data: ["domainRating"],
  size: 100,
  callPrice: (_, sites) => sites * price,
  ask: (targets) =>
    Stream.map(service.getDomainRatingsStream(targets), ({ attribution, domain, domainRating }) => ({
      target: domain,
      values: { domainRating },
      attribution
    })),
  plan: (targets) => service.plan("getDomainRatings", targets)
})

const referring = (service: Service): Ability => ({
  operation: "getReferringDomains",
  data: ["referringDomains"],
  size: atOnce,
  isOneByOne: true,
  callPrice: (_, sites) => sites,
  ask: (targets) =>
    each(targets, (target) =>
      Effect.map(service.getReferringDomains(target), (referringDomains) => ({ target, values: { referringDomains } }))
    ),
  plan: (targets) => summed(Effect.forEach(targets, (target) => service.plan("getReferringDomains", target)))
})

export const abilities = (
  service: Service,
  { contract, freeDomainRating = false }: Pick<Metadata, "contract" | "freeDomainRating">
): ReadonlyArray<Ability> =>
  contract === "platform"
    ? [ratings(service, 1), referring(service)]
    : [...(freeDomainRating ? [ratings(service, 0)] : []), metrics(service)]
