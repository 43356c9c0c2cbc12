/**
 * Domains, hosts and URLs in one canonical form, so that the same thing is asked, billed and cached once.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Schema from "effect/Schema"
import { domainToUnicode } from "node:url"
import { getDomain } from "tldts"
import { InvalidTarget } from "./ProviderError.js"

/**
 * A normalised domain (`example.com`), host (`blog.example.com`) or URL (`https://example.com/a`): lower-case ASCII,
 * internationalised names in punycode. {@link display} gives the form for people.
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Target = Schema.String.pipe(Schema.brand("effect-seo-providers/Target"))

/**
 * @since 0.1.0
 * @category Models
 */
export type Target = typeof Target.Type

const maxLength = 2048
const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const control = /[\u0000-\u001f\u007f]/
const isWeb = /^https?:/i
const ipv4 = /^\d+\.\d+\.\d+\.\d+$/
// The URL parser lets "a..com", "-a.com" and "a.com,b.com" pass as hosts.
const hostname =
  /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
// Most inputs are an ASCII host, bare or in an http(s) URL, which the URL parser would only lower; leaving it out makes them
// twice as fast (bench/target.ts), and a property test holds both ways equal.
const plain =
  // eslint-disable-next-line no-control-regex -- control characters are what it keeps out
  /^(?:https?:\/\/)?((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::\d{1,4})?(?:[/?#][^\u0000-\u001f\u007f]*)?$/i
// The host comes out of the URL parser, so tldts has nothing to extract; private suffixes keep a.github.io and b.github.io apart.
const siteOptions = { extractHostname: false, allowPrivateDomains: true } as const
const registrableOptions = { extractHostname: false } as const

const reasons: Record<InvalidTarget["reason"], string> = {
  empty: "is empty",
  too_long: `is longer than ${maxLength} characters when percent-encoded`,
  control_character: "holds a control character",
  scheme: "has a scheme other than http or https",
  not_a_url: "is neither a domain nor a URL",
  punycode: "holds punycode that does not decode",
  credentials: "holds a user name or an e-mail address",
  ip_address: "is an IP address, providers know domains only",
  single_label: "is a single label, not a public domain",
  public_suffix: "is a public suffix under which others register domains",
  bad_hostname: "is not a valid host name"
}

const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu

const shown = (input: string): string => {
  // Whatever stands before the last @ may be a password: where it begins is what a malformed input leaves open.
  const at = input.lastIndexOf("@")
  const masked = at === -1 ? input : `***${input.slice(at)}`
  const plain = masked.slice(0, maxLength).replace(unprintable, "\u{fffd}").trim()
  // A cut may go through a surrogate pair.
  return plain.length > 100 ? `${plain.slice(0, 100).replace(/\p{Surrogate}$/u, "")}...` : plain
}

const invalid = (input: string, reason: InvalidTarget["reason"]): Either.Either<never, InvalidTarget> => {
  const safe = shown(input)
  // Unchecked, as its fields are made here: the check took a sixth of the time of a list with 3 % of bad lines (bench/target.ts).
  return Either.left(new InvalidTarget({ input: safe, reason, message: `"${safe}" ${reasons[reason]}` }, true))
}

/** A list of prospects holds thousands of bad lines, and a stack trace is half of what an error costs. */
const withoutStackTrace = <A>(run: () => A): A => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return run()
  } finally {
    Error.stackTraceLimit = limit
  }
}

const withScheme = (text: string): string =>
  isWeb.test(text) ? text : text.startsWith("//") ? `http:${text}` : `http://${text}`

const parseUrl = (text: string): URL | InvalidTarget["reason"] => {
  if (text === "") return "empty"
  if (text.length > maxLength) return "too_long"
  if (control.test(text)) return "control_character"
  if (text.includes("://") && hasScheme.test(text) && !isWeb.test(text)) return "scheme"
  try {
    const url = new URL(withScheme(text))
    return text.includes("@") && (url.username !== "" || url.password !== "") ? "credentials" : url
  } catch {
    return /(?:^|[./@])xn--/i.test(text) ? "punycode" : "not_a_url"
  }
}

const hostOf = (url: URL): string => {
  const host = url.hostname
  return host.endsWith(".") ? host.slice(0, -1) : host
}

const checkHost = (host: string): InvalidTarget["reason"] | null => {
  if (host.startsWith("[") || ipv4.test(host)) return "ip_address"
  if (host === "" || host.length > 253) return "bad_hostname"
  if (!host.includes(".") || host.endsWith(".localhost")) return "single_label"
  return hostname.test(host) ? null : "bad_hostname"
}

/** The URL parser writes punycode that decodes, but lets some pass that was there before and does not. */
const decodes = (text: string, host: string): boolean =>
  !host.includes("xn--") || !/xn--/i.test(text) || domainToUnicode(host) !== ""

const plainHost = (text: string): string | undefined => {
  const host = text.length <= maxLength ? plain.exec(text)?.[1]?.toLowerCase() : undefined
  return host === undefined || host.length > 253 || host.includes("xn--") || host.endsWith(".localhost")
    ? undefined
    : host
}

/** The registrable domain counting private suffixes; a private suffix itself (`github.io`) is a site of its own. */
const siteOf = (host: string): string | null => getDomain(host, siteOptions) ?? getDomain(host, registrableOptions)

const hostIn = (input: string, text: string): Either.Either<string, InvalidTarget> => {
  const url = parseUrl(text)
  if (typeof url === "string") return invalid(input, url)
  const host = hostOf(url)
  const wrong = decodes(text, host) ? checkHost(host) : "punycode"
  return wrong === null ? Either.right(host) : invalid(input, wrong)
}

const ofHost = (input: string, host: string, form: (host: string, site: string) => string) => {
  const site = siteOf(host)
  // Safe: `form` picks between a checked host and its site; validating the brand again would cost a tenth.
  return site === null ? invalid(input, "public_suffix") : Either.right(form(host, site) as Target)
}

const normalise = (
  input: string,
  form: (host: string, site: string) => string
): Either.Either<Target, InvalidTarget> => {
  const text = input.trim()
  const host = plainHost(text)
  return host === undefined
    ? withoutStackTrace(() => Either.flatMap(hostIn(input, text), (host) => ofHost(input, host, form)))
    : ofHost(input, host, form)
}

/**
 * The site an input belongs to: `https://Blog.Example.co.uk/x` gives `example.co.uk`, `a.github.io` stays itself.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const make = (input: string): Either.Either<Target, InvalidTarget> => normalise(input, (_host, site) => site)

/** Each of them, so that the result given again is the same. */
const withoutWww = (host: string, site: string): string =>
  host !== site && host.startsWith("www.") ? withoutWww(host.slice(4), site) : host

/**
 * The host of an input, without `www.`: `https://www.example.com/x` gives `example.com`, `blog.example.com` stays itself.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const host = (input: string): Either.Either<Target, InvalidTarget> => normalise(input, withoutWww)

/**
 * One page: scheme, host, port, path and query of an input, without fragment; `example.com/a` gives `http://example.com/a`.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const url = (input: string): Either.Either<Target, InvalidTarget> =>
  Either.flatMap(normalise(input, identity), (host) => {
    const parsed = new URL(withScheme(input.trim()))
    const port = parsed.port === "" ? "" : `:${parsed.port}`
    const page = `${parsed.protocol}//${host}${port}${parsed.pathname}${parsed.search}`
    // Percent-encoding makes it longer, and what came out too long would be refused when it is given again.
    return page.length > maxLength ? invalid(input, "too_long") : Either.right(Target.make(page))
  })

/**
 * The registrable domain under the ICANN suffixes alone: `a.github.io` gives `github.io`.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const registrable = (target: Target): Target => {
  const host = target.includes("/") ? new URL(target).hostname : target
  return Target.make(getDomain(host, registrableOptions) ?? host)
}

/**
 * The form for people: internationalised names in Unicode. Never a key.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const display = (target: Target): string => {
  if (!target.includes("xn--")) return target
  if (!target.includes("/")) return domainToUnicode(target)
  const { hostname } = new URL(target)
  return target.replace(hostname, domainToUnicode(hostname))
}

/**
 * One spelling for what providers echo: `https://Example.com/`, `example.com/` and `example.com` give the same key, Unicode
 * and punycode too. For joining answers to targets only.
 *
 * @since 0.1.0
 * @category Accessors
 */
export const key = (text: string): string => {
  try {
    const url = new URL(withScheme(text.trim()))
    return `${hostOf(url)}${url.port === "" ? "" : `:${url.port}`}${url.pathname === "/" ? "" : url.pathname}${url.search}`
  } catch {
    return text
  }
}
