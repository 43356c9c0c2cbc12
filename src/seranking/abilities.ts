/** What SE Ranking can be asked about prospects. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Metadata } from "../Integrations.js"
import { type Ability, atOnce, each, summed } from "../internal/ability.js"
import type { Service } from "../SERanking.js"
import { credits } from "./pricing.js"

const inlinkRank = (service: Service): Ability => ({
  operation: "getDomainInlinkRank",
  data: ["domainInlinkRank"],
  size: atOnce,
  isOneByOne: true,
  callPrice: (_, sites) => sites * credits.domainAuthorityRecord,
  ask: (targets) =>
    each(targets, (target) =>
      Effect.map(service.getDomainInlinkRank(target), ({ domainInlinkRank }) => ({
        target,
        values: { domainInlinkRank }
      }))
    ),
  plan: (targets) => summed(Effect.forEach(targets, (target) => service.plan("getDomainInlinkRank", target)))
})

const summaries = (service: Service): Ability => ({
  operation: "getBacklinksSummaries",
  data: ["domainInlinkRank", "referringDomains", "dofollowReferringDomains", "referringSubnets"],
  size: 100,
  callPrice: (_, sites) => sites * credits.summaryTarget,
  ask: (targets) =>
    Stream.map(
      service.getBacklinksSummariesStream(targets),
      ({ doFollowReferringDomains, domain, domainInlinkRank, referringDomains, referringSubnets }) => ({
        target: domain,
        values: {
          domainInlinkRank,
          referringDomains,
          referringSubnets,
          dofollowReferringDomains: doFollowReferringDomains
        }
      })
    ),
  plan: (targets) => service.plan("getBacklinksSummaries", targets)
})

const metrics = (service: Service): Ability => ({
  operation: "getBacklinksMetrics",
  data: ["trustFlow", "citationFlow", "referringDomains"],
  size: 100,
  callPrice: () => null,
  ask: (targets) =>
    Stream.map(service.getBacklinksMetricsStream(targets), ({ citationFlow, domain, referringDomains, trustFlow }) => ({
      target: domain,
      values: { trustFlow, citationFlow, referringDomains }
    })),
  plan: (targets) => service.plan("getBacklinksMetrics", targets)
})

export const abilities = (service: Service, { contract }: Pick<Metadata, "contract">): ReadonlyArray<Ability> =>
  contract === "platform" ? [metrics(service)] : [inlinkRank(service), summaries(service)]
