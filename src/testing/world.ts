/**
 * The facts behind both simulators: pure functions of a seed and a host, so that every provider, contract and process
 * tells the same story about the same site.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Hash from "effect/Hash"
import { domainToUnicode } from "node:url"

/**
 * What the providers know about a site. Counts are integers; ratings, ranks and flows are 0-100 (`domainRating` and
 * `urlRating` with one decimal); costs are USD cents a month. An unknown site (`known: false`) has zeros and nulls.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Facts {
  readonly known: boolean
  readonly domainRating: number
  readonly urlRating: number
  readonly ahrefsRank: number | null
  readonly refdomains: number
  readonly refdomainsDofollow: number
  readonly refdomainsNofollow: number
  readonly backlinks: number
  readonly backlinksDofollow: number
  readonly backlinksNofollow: number
  readonly refips: number
  readonly subnets: number
  readonly linkedDomains: number
  readonly orgKeywords: number
  readonly orgKeywordsTop3: number
  readonly orgTraffic: number
  readonly orgCost: number
  readonly paidKeywords: number
  readonly paidTraffic: number
  readonly paidCost: number | null
  readonly trustFlow: number
  readonly citationFlow: number
  readonly domainTrustScore: number
  readonly inlinkRank: number
  readonly domainInlinkRank: number
  readonly eduBacklinks: number
  readonly govBacklinks: number
}

/**
 * One link to a site. Days are `YYYY-MM-DD`; `lastSeen` is null while the link lives.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Backlink {
  readonly id: number
  readonly source: string
  readonly urlFrom: string
  readonly urlTo: string
  readonly title: string
  readonly anchor: string
  readonly isNofollow: boolean
  readonly isImage: boolean
  readonly domainRating: number
  readonly firstSeen: string
  readonly lastVisited: string
  readonly lastSeen: string | null
}

/** One site that links to a site. */
interface Refdomain {
  readonly id: number
  readonly domain: string
  readonly domainRating: number
  readonly links: number
  readonly linksDofollow: number
  readonly firstSeen: string
}

/**
 * A site of the world. `backlink(i)` holds for `0 <= i < facts.backlinks` (living links, newest first) and for the
 * lost links after them; `refdomain(j)` for `0 <= j < facts.refdomains`: link `i` comes from site `i % refdomains`.
 * `position(keyword)` is 1-100, or null where the site does not rank.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Site {
  readonly host: string
  readonly facts: Facts
  readonly lostBacklinks: number
  readonly backlink: (index: number) => Backlink
  readonly refdomain: (index: number) => Refdomain
  readonly position: (keyword: string) => number | null
}

/**
 * @since 0.1.0
 * @category Models
 */
export type World = (host: string) => Site

const nothing: Facts = {
  known: false,
  domainRating: 0,
  urlRating: 0,
  ahrefsRank: null,
  refdomains: 0,
  refdomainsDofollow: 0,
  refdomainsNofollow: 0,
  backlinks: 0,
  backlinksDofollow: 0,
  backlinksNofollow: 0,
  refips: 0,
  subnets: 0,
  linkedDomains: 0,
  orgKeywords: 0,
  orgKeywordsTop3: 0,
  orgTraffic: 0,
  orgCost: 0,
  paidKeywords: 0,
  paidTraffic: 0,
  paidCost: null,
  trustFlow: 0,
  citationFlow: 0,
  domainTrustScore: 0,
  inlinkRank: 0,
  domainInlinkRank: 0,
  eduBacklinks: 0,
  govBacklinks: 0
}

const withScheme = (target: string): string => (/^[a-z]+:\/\//i.test(target) ? target : `http://${target}`)

/**
 * The host of a domain, host or URL in one form: lower-case punycode, without `www.` and trailing dot; null where there
 * is none.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const hostOf = (target: string): string | null => {
  const url = withScheme(target)
  if (!URL.canParse(url)) return null
  const host = new URL(url).hostname.replace(/\.$/, "").replace(/^www\.(?=.*\.)/, "")
  return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/.test(host) ? host : null
}

/**
 * A target the way batches like to name it: lower case, without scheme, in Unicode, with a path.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const respelled = (target: string): string => {
  const url = new URL(withScheme(target))
  return `${domainToUnicode(url.hostname)}${url.pathname}`
}

/**
 * 32 well mixed bits of a seed and a salt (the finaliser of MurmurHash3: neighbouring salts give unrelated bits, which
 * `Hash` alone does not).
 *
 * @since 0.1.0
 * @category Random
 */
export const bits = (seed: number, salt: number): number => {
  let h = seed ^ Math.imul(salt, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * A number in [0, 1) of a seed and a salt.
 *
 * @since 0.1.0
 * @category Random
 */
export const uniform = (seed: number, salt: number): number => bits(seed, salt) / 2 ** 32

/**
 * The item of a list that a number in [0, 1) points at.
 *
 * @since 0.1.0
 * @category Random
 */
export const pick = <A>(items: Arr.NonEmptyReadonlyArray<A>, at: number): A =>
  items[Math.floor(at * items.length)] ?? items[0]

/**
 * The same items in another order, the same one for the same seed and names.
 *
 * @since 0.1.0
 * @category Random
 */
export const shuffle = <A>(items: ReadonlyArray<A>, seed: number, name: (item: A) => string): ReadonlyArray<A> =>
  items
    .map((item, index) => ({ item, at: bits(seed ^ Hash.string(name(item)), index) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)

const topics = Arr.make(
  "seo",
  "backlink",
  "keyword",
  "crm",
  "email",
  "garden",
  "travel",
  "coffee",
  "running",
  "camera",
  "insurance",
  "hosting",
  "recipe",
  "yoga",
  "bicycle",
  "piano",
  "solar",
  "laptop",
  "dentist",
  "mortgage"
)
const qualifiers = Arr.make("tools", "guide", "reviews", "prices", "for beginners", "checker", "near me", "examples")
const endings = Arr.make("com", "com", "com", "org", "net", "io", "de", "co.uk", "edu", "gov")

/**
 * The keywords a report lists; a site also has a position for keywords that are not among them.
 *
 * @since 0.1.0
 * @category Keywords
 */
export const vocabulary: ReadonlyArray<string> = topics.flatMap((topic) =>
  qualifiers.map((qualifier) => `${topic} ${qualifier}`)
)

/**
 * What the market says about a keyword: searches a month, difficulty 0-100, price of a click in USD cents.
 *
 * @since 0.1.0
 * @category Keywords
 */
export const market = (
  keyword: string
): { readonly volume: number; readonly difficulty: number; readonly cpc: number } => {
  const seed = Hash.string(keyword.toLowerCase())
  return {
    volume: 10 * Math.round(10 ** (4 * uniform(seed, 1))),
    difficulty: Math.floor(101 * uniform(seed, 2)),
    cpc: Math.floor(600 * uniform(seed, 3))
  }
}

const daysListed = 3650
const newest = Date.UTC(2026, 9, 1)
const days = Arr.makeBy(daysListed, (age) => new Date(newest - age * 86_400_000).toISOString().slice(0, 10))
const dayAt = (share: number): string => days[Math.min(daysListed - 1, Math.floor(share * daysListed))] ?? ""

const between = (low: number, high: number, at: number): number => low + (high - low) * at
const tenths = (value: number): number => Math.floor(value * 10) / 10
const percent = (value: number): number => Math.round(Math.min(100, Math.max(0, value)))

/** 5 % have no rating, 52 % less than 30, 40 % 30 to 90, 3 % more. */
const rating = (at: number): number => {
  if (at < 0.05) return 0
  if (at < 0.57) return tenths(between(0.1, 30, (at - 0.05) / 0.52))
  if (at < 0.97) return tenths(between(30, 90, (at - 0.57) / 0.4))
  return tenths(between(90, 99, (at - 0.97) / 0.03))
}

/** Every fact follows from those before it, so that an overridden rating or count carries the rest along. */
const factsOf = (host: string, seed: number, given: Partial<Facts>): Facts => {
  const known = given.known ?? !host.startsWith("unknown-")
  if (!known) return { ...nothing, ...given, known }
  let salt = 1
  const draw = (low: number, high: number): number => between(low, high, uniform(seed, ++salt))
  const domainRating = given.domainRating ?? rating(uniform(seed, 1))
  const refdomains =
    given.refdomains ??
    Math.min(given.backlinks ?? Infinity, Math.round(10 ** (0.4 + domainRating * 0.048 + draw(-0.3, 0.4))))
  const refdomainsDofollow = given.refdomainsDofollow ?? Math.round(refdomains * draw(0.35, 0.95))
  const backlinks = given.backlinks ?? Math.round(refdomains * 10 ** draw(0.1, 1.6))
  const backlinksDofollow = given.backlinksDofollow ?? Math.round(backlinks * draw(0.4, 0.95))
  const refips = Math.ceil(refdomains * draw(0.4, 0.8))
  const orgKeywords = given.orgKeywords ?? Math.round(10 ** (domainRating * 0.055 + draw(-0.4, 0.8)))
  const orgTraffic = given.orgTraffic ?? Math.round(orgKeywords * 10 ** draw(-0.6, 1))
  const paidTraffic = given.paidTraffic ?? Math.round(orgTraffic * Math.max(0, draw(-0.03, 0.03)))
  const citationFlow = given.citationFlow ?? percent(domainRating * 0.6 + draw(-6, 12))
  const domainInlinkRank = given.domainInlinkRank ?? percent(domainRating * 0.95 + draw(-8, 12))
  return {
    known,
    domainRating,
    urlRating: tenths(domainRating * draw(0.3, 0.9)),
    ahrefsRank: domainRating === 0 ? null : Math.ceil(10 ** (8.3 - domainRating * 0.06 + draw(-0.1, 0.1))),
    refdomains,
    refdomainsDofollow,
    refdomainsNofollow: refdomains - refdomainsDofollow,
    backlinks,
    backlinksDofollow,
    backlinksNofollow: backlinks - backlinksDofollow,
    refips,
    subnets: Math.ceil(refips * draw(0.5, 0.9)),
    linkedDomains: Math.round(10 ** draw(0.5, 3)),
    orgKeywords,
    orgKeywordsTop3: Math.round(orgKeywords * draw(0.05, 0.2)),
    orgTraffic,
    orgCost: Math.round(orgTraffic * draw(5, 90)),
    paidKeywords: Math.ceil(paidTraffic * draw(0.02, 0.2)),
    paidTraffic,
    paidCost: paidTraffic === 0 ? null : Math.round(paidTraffic * draw(20, 200)),
    trustFlow: percent(citationFlow * draw(0.15, 1.15)),
    citationFlow,
    domainTrustScore: percent(domainRating * 0.9 + draw(-5, 10)),
    inlinkRank: percent(domainInlinkRank * draw(0.2, 0.6)),
    domainInlinkRank,
    eduBacklinks: Math.floor(backlinks * draw(0, 0.003)),
    govBacklinks: Math.floor(backlinks * draw(0, 0.0006)),
    ...given
  }
}

/**
 * The world of a seed. `facts` overrides what is known of single sites, whatever the spelling of their names.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = (options: {
  readonly seed: number
  readonly facts: Readonly<Record<string, Partial<Facts>>>
}): World => {
  const given = new Map(Object.entries(options.facts).map(([target, facts]) => [hostOf(target) ?? target, facts]))
  const seedOf = (host: string): number => bits(options.seed, Hash.string(host))
  const ratingOf = (host: string): number => given.get(host)?.domainRating ?? rating(uniform(seedOf(host), 1))

  return (host) => {
    const seed = seedOf(host)
    const facts = factsOf(host, seed, given.get(host) ?? {})
    const { backlinks, refdomains } = facts
    const linkSeed = bits(seed, 101)
    const sourceSeed = bits(seed, 102)
    const keywordSeed = bits(seed, 103)
    const followed = facts.backlinksDofollow / Math.max(1, backlinks)
    const anchors = Arr.make(host, `https://${host}/`, "read more", "", pick(topics, uniform(seed, 104)))
    const source = (index: number): string => {
      const id = bits(sourceSeed, index)
      return `${pick(topics, id / 2 ** 32)}-${id.toString(36)}.${pick(endings, uniform(id, 1))}`
    }
    const linkDay = (index: number): string => dayAt((index % Math.max(1, backlinks)) / Math.max(1, backlinks))

    return {
      host,
      facts,
      lostBacklinks: Math.floor(backlinks / 7),
      backlink: (index) => {
        const id = bits(linkSeed, index)
        const from = source(index % Math.max(1, refdomains))
        const topic = pick(topics, uniform(id, 1))
        const isImage = uniform(id, 2) < 0.1
        return {
          id,
          source: from,
          urlFrom: `https://${from}/${topic}/${index}`,
          urlTo: uniform(id, 3) < 0.6 ? `https://${host}/` : `https://${host}/${topic}`,
          title: `All about ${topic}`,
          anchor: isImage ? "" : pick(anchors, uniform(id, 4)),
          isNofollow: uniform(id, 5) >= followed,
          isImage,
          domainRating: ratingOf(from),
          firstSeen: linkDay(index),
          lastVisited: days[0],
          lastSeen: index < backlinks ? null : (days[30] ?? null)
        }
      },
      refdomain: (index) => {
        const domain = source(index)
        const links = Math.floor(backlinks / refdomains) + (index < backlinks % refdomains ? 1 : 0)
        return {
          id: bits(sourceSeed, index),
          domain,
          domainRating: ratingOf(domain),
          links,
          linksDofollow: Math.round(links * followed),
          firstSeen: linkDay(index + Math.max(0, links - 1) * refdomains)
        }
      },
      position: (keyword) => {
        const at = uniform(keywordSeed, Hash.string(keyword.toLowerCase()))
        const chance = facts.known ? 0.1 + facts.domainRating / 200 : 0
        return at < chance ? 1 + Math.floor(100 * (at / chance) ** 2) : null
      }
    }
  }
}
