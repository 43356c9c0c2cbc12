/**
 * Ahrefs' own list of operations (its OpenAPI document, 2026-08) in a compact form: what the simulator validates and
 * prices requests with. Independent of the library's tables on purpose.
 *
 * A text of words `name:type`: `!` after the name is required, `?` nullable, `a|b` an enumeration, `[]` a list, `*5` the
 * price in units a row where it is not 1.
 *
 * @since 0.1.0
 */

/**
 * A parameter or a column. `enum` is empty where every value of the type is allowed.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Field {
  readonly name: string
  readonly type: string
  readonly enum: ReadonlyArray<string>
  readonly isRequired: boolean
  readonly isNullable: boolean
  readonly isList: boolean
  readonly price: number
}

/**
 * An operation of the vendor. `columns` are those of the answer, `filters` those that `where` may name.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Operation {
  readonly wrapper: string
  readonly isFree: boolean
  readonly params: ReadonlyMap<string, Field>
  readonly columns: ReadonlyMap<string, Field>
  readonly filters: ReadonlyMap<string, Field>
}

const kinds =
  "paid_top|paid_bottom|paid_right|paid_sitelink|organic|sitelink|snippet|image|article|knowledge_card|knowledge_panel|local_pack|local_teaser|news|question|review|shopping|tweet|spelling|video|discussion|ai_overview|ai_overview_sitelink|organic_shopping"
const features = `${kinds}|image_th|video_th|ai_overview_found`

interface Spec {
  readonly wrapper: string
  readonly isFree?: true
  readonly params?: string
  readonly columns: string
  /** Columns of the answer that `where` does not take. */
  readonly notFilters?: string
  /** Columns that only `where` takes; the vendor's list gives no type, so the type is a guess. */
  readonly onlyFilters?: string
}

const specs: Readonly<Record<string, Spec>> = {
  "GET /site-explorer/domain-rating": {
    wrapper: "domain_rating",
    params: `
      date!:date target!:url output:json|csv|xml|php
    `,
    columns: `
      ahrefs_rank?:integer domain_rating:number
    `
  },
  "GET /site-explorer/backlinks-stats": {
    wrapper: "metrics",
    params: `
      protocol:both|http|https target!:url mode:exact|prefix|domain|subdomains date!:date
      output:json|csv|xml|php
    `,
    columns: `
      all_time:integer all_time_refdomains:integer*5 live:integer live_refdomains:integer*5
    `
  },
  "GET /site-explorer/metrics": {
    wrapper: "metrics",
    params: `
      date!:date mode:exact|prefix|domain|subdomains target!:url protocol:both|http|https country:string
      volume_mode:monthly|average traffic_mode:static|adaptive output:json|csv|xml|php
    `,
    columns: `
      org_cost?:integer*10 org_keywords:integer org_keywords_1_3:integer org_traffic:integer*10
      paid_cost?:integer*10 paid_keywords:integer paid_pages:integer paid_traffic:integer*10
    `
  },
  "GET /site-explorer/all-backlinks": {
    wrapper: "backlinks",
    params: `
      timeout:integer limit:integer order_by:string where:string select!:string protocol:both|http|https
      target!:url mode:exact|prefix|domain|subdomains aggregation:similar_links|1_per_domain|all history:string
      output:json|csv|xml|php
    `,
    columns: `
      ahrefs_rank_source:integer ahrefs_rank_target:integer alt?:string anchor:string
      broken_redirect_new_target?:string
      broken_redirect_reason?:droppedmanual|droppedtooold|dropped|codechanged|nxdomain|robotsdisallowed|curlerror|invalidtarget|nomorecanonical|isnowparked|targetchanged
      broken_redirect_source?:string class_c:integer*5 discovered_status?:pagefound|linkfound|linkrestored
      domain_rating_source:number domain_rating_target:number
      drop_reason?:manual|noratingunused|notop|tooold|oldunavailable|rescursive|duplicate|nxdomain|malformed|blockedport|disallowed|unlinked|lowvalue
      encoding:string first_seen:date-time first_seen_link:date-time http_code:integer http_crawl:boolean
      ip_source?:string is_alternate:boolean is_canonical:boolean is_content:boolean is_dofollow:boolean
      is_form:boolean is_frame:boolean is_image:boolean is_lost:boolean is_new:boolean is_nofollow:boolean
      is_redirect:boolean is_redirect_lost:boolean is_root_source:boolean is_root_target:boolean is_rss:boolean
      is_spam:boolean is_sponsored:boolean is_text:boolean is_ugc:boolean js_crawl:boolean languages:string[]
      last_seen?:date-time last_visited:date-time link_group_count:integer
      link_type:redirect|frame|text|form|canonical|alternate|rss|image linked_domains_source_domain:integer
      linked_domains_source_page:integer linked_domains_target_domain:integer links_external:integer
      links_internal:integer
      lost_reason?:removedfromhtml|notcanonical|noindex|pageredirected|pageerror|lostredirect|notfound
      name_source:string name_target:string noindex:boolean page_category_source?:string page_size:integer
      page_type_source?:string port_source:integer port_target:integer positions:integer powered_by:string[]
      redirect_code?:integer redirect_kind:integer[] refdomains_source:integer*5
      refdomains_source_domain:integer*5 refdomains_target_domain:integer*5 root_name_source:string
      root_name_target:string snippet_left:string snippet_right:string source_page_author?:string
      source_page_publish_date?:date title:string tld_class_source:gov|edu|normal
      tld_class_target:gov|edu|normal traffic:integer*10 traffic_domain:integer*10 url_from:url
      url_from_plain:string url_rating_source:number url_redirect:url[] url_redirect_with_target:string[]
      url_to:url url_to_plain:string
    `,
    onlyFilters: `
      is_homepage_link:boolean is_non_html:boolean len_url_redirect:integer positions_source_domain:string
    `
  },
  "GET /site-explorer/refdomains": {
    wrapper: "refdomains",
    params: `
      timeout:integer limit:integer order_by:string where:string select!:string protocol:both|http|https
      target!:url mode:exact|prefix|domain|subdomains history:string output:json|csv|xml|php
    `,
    columns: `
      dofollow_linked_domains:integer dofollow_links:integer dofollow_refdomains:integer*5 domain:string
      domain_rating:number first_seen:date-time ip_source?:string is_root_domain:boolean is_spam:boolean
      last_seen?:date-time links_to_target:integer lost_links:integer new_links:integer
      positions_source_domain:integer traffic_domain:integer*10
    `,
    onlyFilters: `
      anchor:string discovered_status:string drop_reason:string is_content:boolean is_dofollow:boolean
      is_homepage_link:boolean is_nofollow:boolean is_non_html:boolean is_sponsored:boolean is_ugc:boolean
      languages:string[] len_url_redirect:integer link_type:string linked_domains:integer links_external:integer
      lost_reason:string noindex:boolean port_source:integer port_target:integer positions:integer
      powered_by:string[] refdomains:integer*5 root_domain_name:string snippet_left:string snippet_right:string
      source_page_author:string title:string traffic_page:integer*10 url_from:url url_redirect:url[]
      url_redirect_with_target:string[] url_to:url
    `
  },
  "GET /site-explorer/anchors": {
    wrapper: "anchors",
    params: `
      timeout:integer limit:integer order_by:string where:string select!:string protocol:both|http|https
      target!:url mode:exact|prefix|domain|subdomains history:string output:json|csv|xml|php
    `,
    columns: `
      anchor:string dofollow_links:integer first_seen:date-time is_spam:boolean last_seen?:date-time
      links_to_target:integer lost_links:integer new_links:integer refdomains:integer*5 refpages:integer
      top_domain_rating:number
    `,
    onlyFilters: `
      discovered_status:string domain_rating:integer drop_reason:string is_content:boolean is_dofollow:boolean
      is_homepage_link:boolean is_nofollow:boolean is_non_html:boolean is_root_domain:boolean
      is_sponsored:boolean is_ugc:boolean languages:string[] len_url_redirect:integer link_type:string
      linked_domains:integer links_external:integer lost_reason:string noindex:boolean positions:integer
      positions_source_domain:string powered_by:string[] refdomains_source:integer*5 root_domain_name:string
      snippet_left:string snippet_right:string source_page_author:string title:string traffic_domain:integer*10
      traffic_page:integer*10 url_from:url url_redirect:url[] url_redirect_with_target:string[] url_to:url
    `
  },
  "GET /site-explorer/organic-keywords": {
    wrapper: "keywords",
    params: `
      timeout:integer limit:integer order_by:string where:string select!:string protocol:both|http|https
      target!:url mode:exact|prefix|domain|subdomains country:string date_compared:date date!:date
      traffic_mode:static|adaptive volume_mode:monthly|average output:json|php|xml
    `,
    columns: `
      all_positions:object[]*5 all_positions_prev:object[]*5 best_position?:integer best_position_diff?:integer
      best_position_has_thumbnail?:boolean best_position_has_thumbnail_prev?:boolean
      best_position_has_video?:boolean best_position_has_video_prev?:boolean best_position_kind?:${kinds}
      best_position_kind_merged:${kinds} best_position_kind_prev?:${kinds} best_position_prev?:integer
      best_position_set:top_3|top_4_10|top_11_50|top_51_more
      best_position_set_prev?:top_3|top_4_10|top_11_50|top_51_more best_position_url?:url
      best_position_url_prev?:url cpc?:integer cpc_merged?:integer cpc_prev?:integer entities:object[]
      is_best_position_set_top_11_50:boolean is_best_position_set_top_11_50_prev?:boolean
      is_best_position_set_top_3:boolean is_best_position_set_top_3_prev?:boolean
      is_best_position_set_top_4_10:boolean is_best_position_set_top_4_10_prev?:boolean is_branded:boolean
      is_commercial:boolean is_informational:boolean is_local:boolean is_navigational:boolean
      is_transactional:boolean keyword?:string keyword_country:string keyword_difficulty?:integer*10
      keyword_difficulty_merged?:integer*10 keyword_difficulty_prev?:integer*10 keyword_language:string[]
      keyword_merged:string keyword_prev?:string language:string language_prev?:string last_update:date-time
      last_update_prev?:date-time serp_features:${features}[] serp_features_count:integer
      serp_features_count_prev?:integer serp_features_merged:${features}[] serp_features_prev:${features}[]
      serp_target_main_positions_count:integer serp_target_main_positions_count_prev?:integer
      serp_target_positions_count:integer serp_target_positions_count_prev?:integer status:left|right|both
      sum_paid_traffic?:integer*10 sum_paid_traffic_merged:integer*10 sum_paid_traffic_prev?:integer*10
      sum_traffic?:integer*10 sum_traffic_merged:integer*10 sum_traffic_prev?:integer*10 volume?:integer*10
      volume_desktop_pct?:number volume_merged?:integer*10 volume_mobile_pct?:number volume_prev?:integer*10
      words?:integer words_merged:integer words_prev?:integer
    `,
    notFilters: "all_positions all_positions_prev",
    onlyFilters: `
      best_position_url_raw:string best_position_url_raw_prev:string event_entities:string
      is_main_position:boolean is_main_position_prev:boolean location_entities:string
      organisation_entities:string person_entities:string position_kind:string position_kind_prev:string
      positions_kinds:string positions_kinds_prev:string product_entities:string title:string title_prev:string
      work_entities:string
    `
  },
  "POST /batch-analysis/batch-analysis": {
    wrapper: "targets",
    columns: `
      ahrefs_rank:integer backlinks:integer backlinks_dofollow:integer backlinks_internal:integer
      backlinks_nofollow:integer backlinks_redirect:integer domain_rating:number index:integer ip?:string
      linked_domains:integer linked_domains_dofollow:integer mode:string org_cost:integer*10
      org_keywords:integer org_keywords_11_20:integer org_keywords_1_3:integer org_keywords_21_50:integer
      org_keywords_4_10:integer org_keywords_51_plus:integer org_traffic:integer*10
      org_traffic_top_by_country:pair[]*10 outgoing_links:integer outgoing_links_dofollow:integer
      paid_ads:integer paid_cost:integer*10 paid_keywords:integer paid_traffic:integer*10 protocol:string
      refdomains:integer*5 refdomains_dofollow:integer*5 refdomains_nofollow:integer*5 refips:integer
      refips_subnets:integer url:url url_rating:number
    `
  },
  "GET /subscription-info/limits-and-usage": {
    wrapper: "limits_and_usage",
    isFree: true,
    params: `
      output:json|csv|xml|php
    `,
    columns: `
      api_key_expiration_date:date-time subscription:string units_limit_api_key?:integer
      units_limit_workspace?:integer units_usage_api_key:integer units_usage_workspace?:integer
      usage_reset_date:date
    `
  },
  "GET /public/domain-rating-free": {
    wrapper: "domain_rating",
    isFree: true,
    params: `
      target!:url output:json|csv|xml|php
    `,
    columns: `
      domain_rating:number license:url
    `
  }
}

const word = /^(\w+)([!?]?):(.+?)(\[\])?(?:\*(\d+))?$/

const parse = (text: string): ReadonlyMap<string, Field> =>
  new Map(
    [...text.matchAll(/\S+/g)].map(([spec]) => {
      const [, name = spec, mark, type = "string", list, price = "1"] = word.exec(spec) ?? []
      const choices = type.includes("|") ? type.split("|") : []
      return [
        name,
        {
          name,
          type: choices.length > 0 ? "string" : type,
          enum: choices,
          isRequired: mark === "!",
          isNullable: mark === "?",
          isList: list !== undefined,
          price: Number(price)
        }
      ]
    })
  )

/**
 * The operations by method and path.
 *
 * @since 0.1.0
 * @category Models
 */
export const operations: ReadonlyMap<string, Operation> = new Map(
  Object.entries(specs).map(([route, spec]) => {
    const columns = parse(spec.columns)
    const unfiltered = new Set(spec.notFilters?.split(" "))
    const filters = [...columns].filter(([name]) => spec.onlyFilters !== undefined && !unfiltered.has(name))
    return [
      route,
      {
        wrapper: spec.wrapper,
        isFree: spec.isFree === true,
        params: parse(spec.params ?? ""),
        columns,
        filters: new Map([...filters, ...parse(spec.onlyFilters ?? "")])
      }
    ]
  })
)
