/**
 * What Majestic knows, as the service gives it.
 *
 * Source: Majestic developer documentation, GetIndexItemInfo.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Operation, Wire } from "../Operation.js"
import * as Target from "../Target.js"
import type { Usage } from "../Usage.js"

/**
 * What to show with the flows: both are trademarks of Majestic.
 *
 * @since 0.1.0
 * @category Constants
 */
export const attribution = { text: "Trust Flow and Citation Flow by Majestic", url: "https://majestic.com/" } as const

/**
 * `fresh`: links of the last months, updated through the day. `historic`: of the last years, updated monthly.
 *
 * @since 0.1.0
 * @category Models
 */
export type Index = "fresh" | "historic"

/**
 * What of a target is meant: the site it belongs to with its subdomains, its host, or that page.
 *
 * @since 0.1.0
 * @category Models
 */
export type Mode = "domain" | "host" | "url"

const figure = Schema.NullOr(Schema.Number)

/**
 * Figures of an item; `null` where Majestic sent none.
 *
 * - `trustFlow`, `citationFlow`: 0-100
 * - `referringDomains`, `externalBacklinks`, `referringIPs`, `referringSubnets`: counts
 * - `topics`: the strongest of its topics with the trust flow in each, 0-100; at most three
 *
 * @since 0.1.0
 * @category Schemas
 */
export const Figures = Schema.Struct({
  trustFlow: figure,
  citationFlow: figure,
  referringDomains: figure,
  externalBacklinks: figure,
  referringIPs: figure,
  referringSubnets: figure,
  topics: Schema.Array(Schema.Struct({ topic: Schema.String, trustFlow: Schema.Number }))
}).annotations({ identifier: "MajesticFigures" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface Figures extends Schema.Schema.Type<typeof Figures> {}

/**
 * An item of an index. Estimates are kept apart from what was measured.
 *
 * - `item`: the domain, host or page
 * - `status`: `found`; `may_exist`: the figures are estimates, as of pages with few links; `not_found`; `invalid`: Majestic could not
 *   read the item
 * - `measured`: there where it was found
 * - `estimated`: there where it may exist
 * - `indexBuiltAt`: when the index was built, in Majestic's own time
 *
 * @since 0.1.0
 * @category Schemas
 */
export const IndexItemInfo = Schema.Struct({
  item: Target.Target,
  status: Schema.Literal("found", "may_exist", "not_found", "invalid"),
  measured: Schema.NullOr(Figures),
  estimated: Schema.NullOr(Figures),
  indexBuiltAt: Schema.NullOr(Schema.String)
}).annotations({ identifier: "IndexItemInfo" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface IndexItemInfo extends Schema.Schema.Type<typeof IndexItemInfo> {}

/**
 * The flows of an item as measured; `null` where they were not, estimates included.
 *
 * - `trustFlow`, `citationFlow`: 0-100
 * - `ratio`: trust flow over citation flow; `null` where either is unknown, or the citation flow is 0
 *
 * @since 0.1.0
 * @category Schemas
 */
export const FlowMetrics = Schema.Struct({
  domain: Target.Target,
  trustFlow: figure,
  citationFlow: figure,
  ratio: figure
}).annotations({ identifier: "FlowMetrics" })

/**
 * @since 0.1.0
 * @category Models
 */
export interface FlowMetrics extends Schema.Schema.Type<typeof FlowMetrics> {}

export const flowsOf = ({ item, measured }: IndexItemInfo): FlowMetrics => {
  const { citationFlow = null, trustFlow = null } = measured ?? {}
  const isDefined = trustFlow !== null && citationFlow !== null && citationFlow > 0
  return { domain: item, trustFlow, citationFlow, ratio: isDefined ? trustFlow / citationFlow : null }
}

export interface ItemsInput {
  readonly targets: ReadonlyArray<Target.Target>
  readonly mode: Mode
  readonly index: Index
}

/** What the service `Majestic` asks of a contract. */
export interface Contract extends Wire {
  readonly items: Operation<ItemsInput, ReadonlyArray<IndexItemInfo>>
  /** The same, of pages: fewer of their addresses fit into one. */
  readonly pages: Operation<ItemsInput, ReadonlyArray<IndexItemInfo>>
  readonly usage: Operation<void, Usage>
  readonly inactive: "NoSubscription"
}
