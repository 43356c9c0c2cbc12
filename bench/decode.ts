/** Text to rows: our operations' decoders against a bare schema of the same wire fields. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { BacklinksInput } from "../src/ahrefs/model.js"
import { vendor as ahrefs } from "../src/ahrefs/vendor.js"
import type { Operation, Wire } from "../src/Operation.js"
import { vendor as seRanking } from "../src/seranking/vendor.js"
import * as Target from "../src/Target.js"
import * as AhrefsSimulator from "../src/testing/AhrefsSimulator.js"
import * as SERankingSimulator from "../src/testing/SERankingSimulator.js"
import { agree, BenchError, medianOf, pairwise, race, type Row, type Section, timesOf } from "./measure.js"

const rowsAsked = 1_000
const decodes = 50
const facts = { "example.com": { backlinks: 20_000, refdomains: 2_000 } }
const site = Target.Target.make("example.com")

interface Contest<I> {
  readonly what: string
  readonly client: HttpClient.HttpClient
  readonly wire: Pick<Wire, "apiUrl" | "authorize">
  readonly operation: Pick<Operation<I, never>, "request" | "name"> & {
    readonly decode: (
      input: I,
      json: unknown
    ) => Either.Either<{ readonly value: ReadonlyArray<Readonly<Record<string, unknown>>> }, unknown>
  }
  readonly input: I
  readonly bare: (json: unknown) => { readonly backlinks: ReadonlyArray<Readonly<Record<string, unknown>>> }
  /** Our name of each wire field. */
  readonly names: Readonly<Record<string, string>>
}

const repeated = (decode: () => number) =>
  Effect.sync(() => {
    let rows = 0
    for (let i = 0; i < decodes; i++) rows += decode()
    return rows
  })

const compare = <I>({ bare, client, input, names, operation, what, wire }: Contest<I>): Section =>
  Effect.gen(function* () {
    const { method, path, query } = operation.request(input)
    const request = wire.authorize("key")(HttpClientRequest.make(method)(`${wire.apiUrl}${path}`, { urlParams: query }))
    const text = yield* Effect.flatMap(client.execute(request), (response) => response.text).pipe(
      Effect.mapError((error) => new BenchError({ message: error.message }))
    )
    const decodeOurs = () => Either.getOrThrow(operation.decode(input, JSON.parse(text))).value
    const decodeBare = () => bare(JSON.parse(text)).backlinks

    const ours = decodeOurs()
    const sent = decodeBare()
    const isSame = sent.every((row, i) => Object.entries(names).every(([name, our]) => ours[i]?.[our] === row[name]))
    yield* agree(isSame && ours.length === rowsAsked && sent.length === rowsAsked, `other rows from ${what}.`)

    const times = yield* race(
      { bare: repeated(() => decodeBare().length), ours: repeated(() => decodeOurs().length) },
      { warmUp: 5, rounds: 31 }
    )
    const ratio = medianOf(pairwise(times.ours, times.bare, (ours, bare) => ours / bare))
    const millis = (values: ReadonlyArray<number>) => {
      const { max, median, min } = timesOf(values.map((time) => time / decodes))
      return { median: `${median.toFixed(2)} ms`, spread: `${min.toFixed(2)} - ${max.toFixed(2)} ms` }
    }
    const rows: ReadonlyArray<Row> = [
      { section: "decode", what: `bare schema, ${what}`, ...millis(times.bare), result: "", target: "", isMet: null },
      {
        section: "decode",
        what: `getBacklinks, ${what}`,
        ...millis(times.ours),
        result: `${ratio.toFixed(2)} x the time`,
        target: "<= 1.3 x",
        isMet: ratio <= 1.3
      }
    ]
    return rows
  })

const { Array: list, Boolean: flag, Finite: number, Struct: struct, String: text } = Schema

export const decode: Section = Effect.gen(function* () {
  const ofAhrefs = yield* AhrefsSimulator.make({ facts, rateLimit: false })
  const ofSeRanking = yield* SERankingSimulator.make({ facts, rateLimit: false })
  const input: BacklinksInput = { target: site, limit: rowsAsked, columns: [] }
  const first = yield* compare({
    what: "1,000 rows of Ahrefs",
    client: ofAhrefs.httpClient,
    wire: ahrefs,
    operation: ahrefs.backlinks,
    input,
    bare: Schema.decodeUnknownSync(
      struct({
        backlinks: list(struct({ url_from: text, domain_rating_source: number, anchor: text, is_nofollow: flag }))
      })
    ),
    names: {
      url_from: "urlFrom",
      domain_rating_source: "domainRating",
      anchor: "anchor",
      is_nofollow: "isNofollow"
    }
  })
  const second = yield* compare({
    what: "1,000 rows of SE Ranking",
    client: ofSeRanking.httpClient,
    wire: seRanking,
    operation: seRanking.backlinks,
    input: { target: site, limit: rowsAsked, offset: 0, sortBy: undefined, doFollowOnly: false },
    bare: Schema.decodeUnknownSync(
      struct({
        backlinks: list(
          struct({
            url_from: text,
            url_to: text,
            nofollow: flag,
            title: text,
            anchor: text,
            alt: text,
            image: flag,
            image_source: text,
            inlink_rank: number,
            domain_inlink_rank: number,
            first_seen: text,
            last_visited: text
          })
        )
      })
    ),
    names: {
      url_from: "sourceUrl",
      url_to: "targetUrl",
      nofollow: "isNoFollow",
      title: "title",
      anchor: "anchorText",
      alt: "alt",
      image: "isImage",
      image_source: "imageSource",
      inlink_rank: "inlinkRank",
      domain_inlink_rank: "domainInlinkRank",
      first_seen: "firstSeen",
      last_visited: "lastVisited"
    }
  })
  return [...first, ...second]
})
