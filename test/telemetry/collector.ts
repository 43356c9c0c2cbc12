/** A collector for tests: takes OTLP over HTTP as JSON, and keeps what it was sent. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createServer } from "node:http"
import { text as textOf } from "node:stream/consumers"
import { listening } from "../support/server.js"

const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Schema.Unknown }))
const Point = Schema.Struct({ attributes: Attributes, explicitBounds: Schema.optional(Schema.Array(Schema.Number)) })
const Points = Schema.Struct({ dataPoints: Schema.Array(Point) })

const Metric = Schema.Struct({
  name: Schema.String,
  unit: Schema.String,
  gauge: Schema.optional(Points),
  sum: Schema.optional(Schema.Struct({ ...Points.fields, isMonotonic: Schema.Boolean })),
  histogram: Schema.optional(Points)
})
export type Metric = typeof Metric.Type

const Span = Schema.Struct({
  name: Schema.String,
  kind: Schema.Number,
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optional(Schema.String),
  attributes: Attributes,
  links: Schema.Array(Schema.Struct({ spanId: Schema.String }))
})
export type Span = typeof Span.Type

const decodeMetrics = Schema.decodeUnknownSync(
  Schema.Struct({
    resourceMetrics: Schema.Array(
      Schema.Struct({ scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Metric) })) })
    )
  })
)
const decodeSpans = Schema.decodeUnknownSync(
  Schema.Struct({
    resourceSpans: Schema.Array(
      Schema.Struct({ scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) })) })
    )
  })
)

export const start = Effect.gen(function* () {
  const metrics: Array<Metric> = []
  const spans: Array<Span> = []
  const bodies: Array<string> = []
  const take = (path: string, text: string): void => {
    bodies.push(text)
    const json: unknown = JSON.parse(text)
    if (path === "/v1/metrics") {
      for (const { scopeMetrics } of decodeMetrics(json).resourceMetrics) {
        for (const one of scopeMetrics) for (const metric of one.metrics) metrics.push(metric)
      }
    } else if (path === "/v1/traces") {
      for (const { scopeSpans } of decodeSpans(json).resourceSpans) {
        for (const one of scopeSpans) for (const span of one.spans) spans.push(span)
      }
    }
  }
  const failures: Array<unknown> = []
  const url = yield* listening(
    createServer((request, response) => {
      textOf(request).then(
        (text) => {
          try {
            take(request.url ?? "", text)
          } catch (error) {
            failures.push(error)
          }
          response.setHeader("connection", "close").end("{}")
        },
        (error: unknown) => failures.push(error)
      )
    })
  )
  return { url, metrics, spans, bodies, failures }
})

/** A series as Prometheus has it. */
export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

const units: Readonly<Record<string, string>> = { s: "seconds", ms: "milliseconds", By: "bytes" }

/** As Prometheus translates names, with its default strategy (UnderscoreEscapingWithSuffixes). */
export const prometheusName = ({ gauge, name, sum, unit }: Metric): string => {
  const words = name.split(/[^A-Za-z0-9:]+/).filter((word) => word !== "")
  const without = (last: string) => [...words.filter((word) => word !== last), last]
  const suffix = unit === "1" || /[{}]/.test(unit) ? "" : (units[unit] ?? unit).replaceAll(/[^A-Za-z0-9:]+/g, "_")
  if (suffix !== "" && !words.includes(suffix)) words.push(suffix)
  if (sum?.isMonotonic === true) return without("total").join("_")
  return (gauge !== undefined && unit === "1" ? without("ratio") : words).join("_")
}

export const labelsOf = (attributes: typeof Attributes.Type): Readonly<Record<string, string>> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [
      key.replaceAll(/[^A-Za-z0-9_]/g, "_"),
      String(Object.values(Object(value) as object)[0])
    ])
  )

/** All series of a metric; a histogram has three names. */
export const seriesOf = (metric: Metric): ReadonlyArray<Series> => {
  const name = prometheusName(metric)
  const points = metric.gauge ?? metric.sum ?? metric.histogram
  return (points?.dataPoints ?? []).flatMap(({ attributes, explicitBounds = [] }): ReadonlyArray<Series> => {
    const labels = labelsOf(attributes)
    if (metric.histogram === undefined) return [{ name, labels }]
    const buckets = [...explicitBounds.map(String), "+Inf"]
    return [
      ...buckets.map((le) => ({ name: `${name}_bucket`, labels: { ...labels, le } })),
      { name: `${name}_count`, labels },
      { name: `${name}_sum`, labels }
    ]
  })
}
