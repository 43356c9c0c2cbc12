/**
 * Scored prospects as one HTML file that needs nothing else: no network, no server. Charts by Apache ECharts, the table by Tabulator.
 *
 * @since 0.1.0
 */
import type { Attribution } from "./Ahrefs.js"
import type { Profile, ScoredProspect, Summary } from "./ProspectScorer.js"
import { encode, type Report } from "./report/document.js"
import { script, scriptHash, style, styleHash } from "./report/page.generated.js"

/**
 * What `scoreAll` returns.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Scored {
  readonly prospects: ReadonlyArray<ScoredProspect>
  readonly summary: Summary
}

/**
 * - `title`: default "Prospect report"
 * - `profile`: the one that scored; without it neither its bands nor its threshold are drawn
 * - `simulated`: the ratings are made up, and the page says so above everything else; default `false`
 * - `at`: when the report is made, milliseconds since 1970, which is what ages are counted to; default the latest observation
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly title?: string | undefined
  readonly profile?: Profile | undefined
  readonly simulated?: boolean | undefined
  readonly at?: number | undefined
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character]!)

const latest = (prospects: Scored["prospects"]): number | null => {
  let at: number | null = null
  for (const { data } of prospects) {
    for (const observed of Object.values(data)) {
      const observedAt = observed?.observedAt ?? null
      if (observedAt !== null && (at === null || observedAt > at)) at = observedAt
    }
  }
  return at
}

const reportOf = ({ prospects, summary }: Scored, options: Options): Report => {
  const { profile, simulated = false, title = "Prospect report" } = options
  const attributions: Array<Attribution> = []
  const ids = new Map<string, number>()
  const attributionOf = (attribution: Attribution | null): number | null => {
    if (attribution === null) return null
    const name = JSON.stringify(attribution)
    const id = ids.get(name) ?? attributions.push(attribution) - 1
    ids.set(name, id)
    return id
  }
  const rows = prospects.map((prospect) => ({
    ...prospect,
    attribution: attributionOf(prospect.attribution),
    // Left out of the JSON.
    inputsHash: undefined,
    modelVersion: undefined,
    profile: undefined
  }))
  const [first] = prospects
  return {
    title,
    at: options.at ?? latest(prospects),
    simulated,
    scoredBy:
      first === undefined
        ? null
        : { profile: first.profile.name, version: first.profile.version, model: first.modelVersion },
    profile: profile === undefined ? null : { gates: profile.gates, qualifiedFrom: profile.qualifiedFrom },
    summary: {
      ...summary,
      failures: summary.failures.map(({ error, operation, provider, sites }) => ({
        provider,
        operation,
        error: error._tag,
        message: error.message,
        sites
      }))
    },
    attributions,
    prospects: rows
  }
}

const policy = [
  "default-src 'none'",
  `script-src '${scriptHash}'`,
  `style-src '${styleHash}'`,
  "base-uri 'none'",
  "form-action 'none'"
].join("; ")

/**
 * The report as the text of an HTML file. The same answers give the same text. What providers and lists said is shown as text, never as
 * markup; the file's Content-Security-Policy lets nothing be loaded, sent or run but its own script. Ratings of Ahrefs' free
 * operation are shown with the attribution they ask for.
 *
 * About 1.5 MB for 1,000 prospects and 8 MB for 10,000, of which the table draws the rows in view alone. Opens in browsers from 2024 on.
 *
 * @since 0.1.0
 * @category Constructors
 */
export const html = (scored: Scored, options: Options = {}): string => {
  const report = reportOf(scored, options)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${escaped(report.title)}</title>
<style>${style}</style>
</head>
<body>
${report.simulated ? simulation : ""}<div id="report"><noscript><p class="notice">This report needs JavaScript. It loads nothing from anywhere.</p></noscript></div>
<script type="application/json" id="data">${encode(report)}</script>
<script>${script}</script>
</body>
</html>
`
}

const simulation = `<p class="notice simulated" role="note"><strong>Simulated data.</strong> These ratings are made up by a simulator, of no real provider. Do not decide by them.</p>
`
