/** Every recorded answer through the operation that asks for it. A new fixture must find its place here. */
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Ahrefs from "../../src/Ahrefs.js"
import type * as SERanking from "../../src/SERanking.js"
import { hasMembers } from "../support/assertions.js"
import { ahrefsErrors, type Fixture, fixturesOf } from "../support/fixture.js"
import { apiKey, json, makeAhrefs, makeSERanking, type Sent } from "../support/stub.js"

interface Case<Service> {
  readonly call: (service: Service) => Effect.Effect<unknown, unknown>
  readonly expected: unknown
}

const date = (text: string) => DateTime.unsafeMake(text)
const links = {
  trustFlow: null,
  citationFlow: null
}

const ahrefs: Readonly<Record<string, Case<Ahrefs.Service>>> = {
  "backlinks-stats.live.2026-07-23.json": {
    call: (service) => service.getReferringDomains("example.com"),
    expected: 10711
  },
  "batch-analysis.3-targets.2026-10-01.json": {
    call: (service) =>
      service.getDomainMetrics(
        ["pharmaindustrie.com", "nordvpn.com", "пример.рф"],
        ["url", "domainRating", "refdomains", "refdomainsDofollow", "refipsSubnets", "backlinks", "orgTraffic"]
      ),
    expected: [
      {
        domain: "pharmaindustrie.com",
        url: "pharmaindustrie.com/",
        domainRating: 0,
        refdomains: 719,
        refdomainsDofollow: 358,
        refipsSubnets: 197,
        backlinks: 803,
        orgTraffic: 0
      },
      {
        domain: "nordvpn.com",
        url: "nordvpn.com/",
        domainRating: 88,
        refdomains: 52520,
        refdomainsDofollow: 40675,
        refipsSubnets: 12145,
        backlinks: 9977459,
        orgTraffic: 7619254
      },
      {
        domain: "xn--e1afmkfd.xn--p1ai",
        url: "пример.рф/",
        domainRating: 10,
        refdomains: 575,
        refdomainsDofollow: 66,
        refipsSubnets: 205,
        backlinks: 657,
        orgTraffic: 0
      }
    ]
  },
  "limits-and-usage.enterprise-monthly.2026-10-01.json": {
    call: (service) => service.verify,
    expected: {
      provider: "ahrefs",
      unit: "api_units",
      plan: "Enterprise 2022, billed monthly",
      isActive: true,
      limit: 2000000,
      used: 84961,
      left: 1915039,
      resetsAt: date("2026-10-04T00:00:00Z"),
      keyExpiresAt: date("2036-08-14T10:52:29Z")
    }
  },
  "limits-and-usage.enterprise.2024-03.json": {
    call: (service) => service.getUsage,
    expected: {
      provider: "ahrefs",
      unit: "api_units",
      plan: "Enterprise, billed monthly",
      isActive: true,
      limit: 10000000,
      used: 9011700,
      left: 988300,
      resetsAt: date("2024-04-04T00:00:00Z"),
      keyExpiresAt: date("2025-03-06T17:06:35Z")
    }
  },
  "limits-and-usage.standard.2026-08-06.json": {
    call: (service) => service.getUsage,
    expected: {
      provider: "ahrefs",
      unit: "api_units",
      plan: "Standard, billed monthly",
      isActive: true,
      limit: 400000,
      used: 5700,
      left: 394300,
      resetsAt: date("2026-09-04T00:00:00Z"),
      keyExpiresAt: date("2027-08-06T01:57:32Z")
    }
  }
}

const owed = {
  text: "Domain Rating by Ahrefs",
  url: "https://ahrefs.com/",
  license: "http://ahrefs.com/legal/domain-rating-license"
}
const ahrefsFree: Readonly<Record<string, Case<Ahrefs.Service>>> = {
  "public-domain-rating-free.post.2026-10-01.json": {
    call: (service) => service.getDomainRatings(["пример.рф", "pharmaindustrie.com", "NordVPN.com"]),
    expected: [
      { domain: "xn--e1afmkfd.xn--p1ai", domainRating: 10, attribution: owed },
      { domain: "pharmaindustrie.com", domainRating: 0, attribution: owed },
      { domain: "nordvpn.com", domainRating: 88, attribution: owed }
    ]
  }
}

/** Operations we do not offer. */
const ahrefsOthers: Readonly<Record<string, string>> = {
  "anchors.spam-domain.2026-10-01.json": "site-explorer/anchors: not offered",
  "domain-rating.free-target.2025-12-04.json": "site-explorer/domain-rating: ratings are taken from batch-analysis",
  "domain-rating.red-engage.com.json": "site-explorer/domain-rating: ratings are taken from batch-analysis",
  "public-domain-rating-free.get.json": "public/domain-rating-free: the batch form of it is used",
  "keywords-overview.live.2026-07-23.json": "keywords-explorer/overview: not offered",
  "metrics-history.weekly.2024-02.json": "site-explorer/metrics-history: not offered",
  "metrics.red-engage.com.cache-hit.json": "site-explorer/metrics: traffic is taken from batch-analysis",
  "metrics.spacecat.json": "site-explorer/metrics: traffic is taken from batch-analysis",
  "organic-competitors.red-engage.com.json": "site-explorer/organic-competitors: not offered",
  "top-pages.red-engage.com.json": "site-explorer/top-pages: not offered"
}

const noSummary = {
  isKnown: true,
  totalBacklinks: null,
  referringDomains: null,
  referringIPs: null,
  referringSubnets: null,
  ...links,
  domainScore: null,
  noFollowLinks: null,
  doFollowLinks: null,
  domainInlinkRank: null,
  inlinkRank: null,
  doFollowReferringDomains: null,
  eduBacklinks: null,
  govBacklinks: null,
  eduReferringDomains: null,
  govReferringDomains: null,
  textBacklinks: null,
  homePageBacklinks: null,
  homePageDoFollowBacklinks: null,
  homePageReferringDomains: null,
  anchors: null,
  doFollowAnchors: null,
  pagesWithBacklinks: null,
  topAnchorsByBacklinks: null,
  topAnchorsByReferringDomains: null,
  topPagesByBacklinks: null,
  topPagesByReferringDomains: null,
  topTlds: null,
  topCountries: null
}
const account = { provider: "se_ranking", unit: "credits", plan: null, isActive: true, keyExpiresAt: null }

const seranking: Readonly<Record<string, Case<SERanking.Service>>> = {
  "account_subscription.docs.json": {
    call: (service) => service.verify,
    expected: {
      ...account,
      limit: 5000000,
      used: 24967,
      left: 4975033,
      resetsAt: date("2024-02-18T14:20:02Z")
    }
  },
  "account_subscription.docs_newer_spelling.json": {
    call: (service) => service.getUsage,
    expected: {
      ...account,
      limit: 5000000,
      used: 24967,
      left: 4975033,
      resetsAt: date("2027-01-18T14:20:02Z")
    }
  },
  "backlinks_metrics_fields.wix.rekeyed.json": {
    call: (service) => service.getBacklinksMetrics(["wix.com"]),
    expected: [
      {
        domain: "wix.com",
        isKnown: true,
        totalBacklinks: 94220625,
        referringDomains: 3356565,
        referringIPs: 1005591,
        referringSubnets: 876034,
        ...links,
        noFollowLinks: 21140548,
        doFollowLinks: 73080077,
        eduBacklinks: 218526,
        govBacklinks: 51587
      }
    ]
  },
  "backlinks_summary.official_readme.json": {
    call: (service) => service.getBacklinksSummary("seranking.com", { mode: "host" }),
    expected: {
      ...noSummary,
      domain: "seranking.com",
      totalBacklinks: 22407,
      referringDomains: 2329,
      referringSubnets: 1403,
      referringIPs: 1961,
      noFollowLinks: 3718,
      doFollowLinks: 18689,
      inlinkRank: 24,
      domainInlinkRank: 68,
      topAnchorsByBacklinks: [{ anchor: "SE Ranking", backlinks: 1853, referringDomains: null }],
      topPagesByBacklinks: [{ url: "https://www.seranking.com/", backlinks: 16724, referringDomains: null }]
    }
  },
  "backlinks_summary.rdstation.cut.json": {
    call: (service) => service.getBacklinksSummary("rdstation.com"),
    expected: {
      ...noSummary,
      domain: "rdstation.com",
      totalBacklinks: 467134,
      referringDomains: 10405,
      doFollowReferringDomains: 8076,
      domainInlinkRank: 88,
      inlinkRank: 28
    }
  },
  "backlinks_summary.seranking.rekeyed.json": {
    call: (service) => service.getBacklinksSummary("seranking.com"),
    expected: {
      ...noSummary,
      domain: "seranking.com",
      totalBacklinks: 508045,
      referringDomains: 21735,
      referringSubnets: 7734,
      referringIPs: 15506,
      noFollowLinks: 62151,
      doFollowLinks: 445894,
      eduBacklinks: 682,
      govBacklinks: 102,
      domainInlinkRank: 90
    }
  },
  "backlinks_summary.unknown_domain.json": {
    call: (service) => service.getBacklinksSummary("unknown-domain.example"),
    expected: { ...noSummary, domain: "unknown-domain.example", isKnown: false }
  },
  "domain_keywords.rdstation.cut.json": {
    call: (service) =>
      service.getKeywordRankings({ domain: "rdstation.com", keywords: ["Google Ads", "crm"], location: "br" }),
    expected: [
      {
        keyword: "Google Ads",
        position: 3,
        url: "https://www.rdstation.com/blog/marketing/o-que-e-google-ads/",
        volume: 550000
      },
      { keyword: "crm", position: null, url: null, volume: null }
    ]
  }
}

/** Refusals: the tag they must become. */
const serankingErrors: Readonly<Record<string, Case<SERanking.Service>>> = {
  "error_403_insufficient_funds.docs.json": {
    call: (service) => service.getBacklinksSummary("example.com"),
    expected: "CreditsExhausted"
  },
  "error_429.docs.json": {
    call: (service) => service.getBacklinksSummary("example.com"),
    expected: "RateLimited"
  },
  "error_data_401.partial.json": { call: (service) => service.verify, expected: "InvalidKey" }
}

const serankingOthers: Readonly<Record<string, string>> = {
  "account_credit_balance.live.json": "account/credit-balance: does not agree with account/subscription, which is used",
  "backlinks_refdomains.rdstation.cut.json": "backlinks/refdomains: not offered",
  "backlinks_refdomains.stripe.rekeyed.json": "backlinks/refdomains: not offered",
  "backlinks_refdomains.unknown_domain.json": "backlinks/refdomains: not offered",
  "domain_competitors.docs.json": "domain/competitors: not offered",
  "domain_overview_db.rdstation.cut.json": "domain/overview/db: not offered",
  "legacy_research_overview.docs2022.json": "a retired API",
  "project_account_balance.docs.json": "project API: not offered",
  "project_sites_create.docs.json": "project API: not offered",
  "serp_task_pending.docs.json": "serp/classic/tasks: not offered"
}

const answering = ({ response }: Fixture) => json(response.body, response.status, response.headers)
const fixtureOf = (vendor: "ahrefs" | "seranking", name: string): Fixture =>
  fixturesOf(vendor)[name] ?? assert.fail(`no fixture ${name}`)

/** The same host, path, key form and target; SE Ranking's batches may be asked by GET and by POST. */
const isAsRecorded = (sent: Sent | undefined, { request }: Fixture, scheme: "Bearer" | "Token"): void => {
  const url = new URL(request.url)
  assert.strictEqual(sent?.url, `${url.origin}${url.pathname}`)
  assert.strictEqual(sent?.headers["authorization"], `${scheme} ${apiKey}`)
  if (request.headers["Authorization"] !== undefined) {
    assert.match(request.headers["Authorization"], new RegExp(`^${scheme} <`))
  }
  if (request.headers["Accept"] !== undefined) {
    assert.strictEqual(sent?.headers["accept"], request.headers["Accept"])
  }
  if (request.method !== sent?.method) return assert.deepStrictEqual([scheme, sent?.method], ["Token", "POST"])
  if (request.method === "POST") {
    return hasMembers(sent?.body, normalised(request.body))
  }
  const query = new Map(sent?.query)
  for (const name of ["target", "domain", "source"]) {
    const recorded = url.searchParams.get(name)
    if (recorded !== null) assert.strictEqual(query.get(name), recorded)
  }
}

/** Targets go out in lower case. */
const normalised = (body: unknown): Readonly<Record<string, unknown>> =>
  JSON.parse(JSON.stringify(body).replaceAll("NordVPN.com", "nordvpn.com")) as Readonly<Record<string, unknown>>

describe("every fixture has its place", () => {
  it("ahrefs", () => {
    assert.sameMembers(Object.keys(fixturesOf("ahrefs")), Object.keys({ ...ahrefs, ...ahrefsFree, ...ahrefsOthers }))
  })

  it("seranking", () => {
    assert.sameMembers(
      Object.keys(fixturesOf("seranking")),
      Object.keys({ ...seranking, ...serankingErrors, ...serankingOthers })
    )
  })

  it("errors.json holds the eight that test/ProviderError.test.ts classifies", () => {
    assert.strictEqual(ahrefsErrors().length, 8)
  })
})

const named = <Service>(cases: Readonly<Record<string, Case<Service>>>) =>
  Object.entries(cases).map(([name, { call, expected }]) => ({ name, call, expected }))

describe("ahrefs", () => {
  it.scoped.each([
    ...named(ahrefs).map((one) => ({ ...one, freeDomainRating: false })),
    ...named(ahrefsFree).map((one) => ({ ...one, freeDomainRating: true }))
  ])("$name", ({ call, expected, freeDomainRating, name }) =>
    Effect.gen(function* () {
      const fixture = fixtureOf("ahrefs", name)
      const made = yield* makeAhrefs(() => answering(fixture), { freeDomainRating })
      assert.deepStrictEqual(yield* call(made.ahrefs), expected)
      assert.strictEqual(made.sent.length, 1)
      isAsRecorded(made.sent[0], fixture, "Bearer")
    })
  )
})

describe("seranking", () => {
  it.scoped.each(named(seranking))("$name", ({ call, expected, name }) =>
    Effect.gen(function* () {
      const fixture = fixtureOf("seranking", name)
      const made = yield* makeSERanking(() => answering(fixture))
      assert.deepStrictEqual(yield* call(made.seranking), expected)
      assert.strictEqual(made.sent.length, 1)
      isAsRecorded(made.sent[0], fixture, "Token")
    })
  )

  it.scoped.each(named(serankingErrors))("$name", ({ call, expected, name }) =>
    Effect.gen(function* () {
      const fixture = fixtureOf("seranking", name)
      const made = yield* makeSERanking(() => answering(fixture), { retry: { times: 0 } })
      hasMembers(yield* Effect.flip(call(made.seranking)), { _tag: expected })
      isAsRecorded(made.sent[0], fixture, "Token")
    })
  )
})
