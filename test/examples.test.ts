/** Every script in examples/, as a process of its own that has no key. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, vi } from "vitest"
import { freePort } from "./support/redis.js"

// Starting a process takes seconds on a machine that is busy.
vi.setConfig({ testTimeout: 120_000 })

const root = fileURLToPath(new URL("..", import.meta.url))
const scripts = readdirSync(join(root, "examples")).filter((name) => /(?<!\.test)\.ts$/.test(name))

// A process under tsx takes three times as long to start: one shows that it works, the others are built before.
const cache = join(root, "node_modules/.cache")
mkdirSync(cache, { recursive: true })
const built = mkdtempSync(join(cache, "examples-"))

beforeAll(() =>
  build({
    absWorkingDir: root,
    entryPoints: scripts.map((script) => `examples/${script}`),
    outdir: built,
    bundle: true,
    splitting: true,
    // In few files: a process starts in half of the time.
    external: ["lmdb", "@libsql/client", "pg-native"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    format: "esm",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node20",
    logLevel: "error"
  })
)
afterAll(() => rmSync(built, { recursive: true, force: true }))

const underTsx = (script: string) => ["--import", "tsx", `examples/${script}`]
const asBuilt = (script: string) => [join(built, script.replace(/ts$/, "mjs"))]

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const run = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  onOutput: (stdout: string, stop: () => void) => void = () => undefined
) =>
  Effect.async<Ended>((resume) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { PATH: process.env["PATH"], ...env }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      onOutput(stdout, () => child.kill("SIGTERM"))
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill())
  })

/** What each of them must say, in this order. */
const says: Readonly<Record<string, ReadonlyArray<string | RegExp>>> = {
  "add-endpoint.ts": [
    "120 keywords would take 3 calls and 2520 api_units",
    "first run: 60 of 120 are easy",
    "second run: 60 of 120 are easy",
    "getKeywordOverview: 2520 units in 3 calls, 2520 saved by the cache"
  ],
  "budgets.ts": [
    "acme: 100 ratings would take 1 calls and 200 api_units; 0 are known",
    "alert: acme has spent 80 %",
    "globex: 100 ratings would take 0 calls and 0 api_units; 100 are known",
    "acme: The call may cost 200 api_units, and the budget of the tenant has 50 left",
    "acme: 200 units in 1 calls, 0 saved by the cache",
    "globex: 200 units in 1 calls, 400 saved by the cache"
  ],
  "http-service.ts": [
    "gate: up to 500 api_units of ahrefs in up to 3 calls",
    /first run: \d+ of 250 qualify; 2092 api_units spent so far/,
    "gate: up to 0 api_units of ahrefs in up to 0 calls",
    /second run: \d+ of 250 qualify; 2092 api_units spent so far/,
    "/ratings/site-3.com for acme: 200",
    "/ratings/localhost for acme: 400",
    "/ratings/site-3.com for globex: 402",
    "/ratings/site-3.com for initech: 409",
    "/ratings/site-3.com for nobody: 404",
    "/docs for acme: 200"
  ],
  "many-domains.ts": [
    "one call: 200 api_units\none call: 200 api_units\none call: 100 api_units\n",
    "91 of 250 qualify"
  ],
  "one-call.ts": ["getDomainRating cost 50 api_units", /example\.com: domain rating [\d.]+/],
  "redis-two-processes.ts": [
    "process 1: 150 ratings for 300 units",
    "process 2: 150 ratings for 0 units",
    "both at once: 2 ratings for 50 units",
    "the provider's bill: 350 units, 3 calls"
  ],
  "score-prospects.ts": [
    "gate: domainRating of ahrefs: 82 to 82 api_units, up to 1 calls",
    /site-65\.com: Qualified, score \d+/,
    /ahrefs: \d+ api_units spent, 0 saved/,
    "se_ranking: 0 credits spent, 0 saved"
  ],
  "single-lookups.ts": [
    "one call: 200 api_units\none call: 100 api_units\n",
    "first run: 300 answers, 300 of them from what it bought",
    "second run: 300 answers, 0 of them from what it bought"
  ],
  "stream-backlinks.ts": [/^(?:one page: 500 credits\n){4}1000 followed links\n$/],
  "tenants-from-database.ts": [
    /acme's key as it is stored: \{(?!.*acme-1)/,
    "globex: 50 ratings\nacme: 50 ratings\nacme: 75 ratings\nacme: 100 ratings\n",
    "dry run: 2 of 2 rows would get the new master key",
    "rotated 2, changed meanwhile 0, broken 0",
    "acme: 100 ratings\nglobex: 100 ratings\n",
    "globex: 200 units in 2 calls",
    "acme: 150 units in 2 calls",
    "acme: 50 units in 1 calls"
  ]
}

/** The rest of the text behind what it must say first. */
const after = (text: string, said: string | RegExp): string | null => {
  const found = typeof said === "string" ? { index: text.indexOf(said), 0: said } : said.exec(text)
  return found === null || found.index === -1 ? null : text.slice(found.index + found[0].length)
}

describe("examples", () => {
  it("each has an expectation", () => {
    assert.deepStrictEqual(scripts.toSorted(), Object.keys(says).toSorted())
  })

  it.live("each runs without a key, says what it costs, and ends well", () =>
    Effect.forEach(
      scripts,
      (script) =>
        Effect.map(run(script === "one-call.ts" ? underTsx(script) : asBuilt(script)), ({ code, stderr, stdout }) => {
          assert.deepStrictEqual({ script, code, stderr }, { script, code: 0, stderr: "" }, stdout)
          let rest = stdout
          for (const said of says[script] ?? []) {
            const left = after(rest, said)
            assert(left !== null, `${script} does not say ${said} where it should:\n${stdout}`)
            rest = left
          }
        }),
      { concurrency: 2, discard: true }
    )
  )

  it.live("http-service.ts: with PORT it stays, and a signal ends it well", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const token = "a-token"
      const statuses: Array<number> = []
      const { code, stderr } = yield* run(
        asBuilt("http-service.ts"),
        { PORT: String(port), SERVICE_TOKEN: token },
        (stdout, stop) => {
          if (!stdout.includes(String(port)) || statuses.length > 0) return
          const url = `http://127.0.0.1:${port}`
          const headers = { authorization: `Bearer ${token}`, "x-tenant": "acme" }
          statuses.push(0)
          const asked = Promise.all([fetch(`${url}/healthz`), fetch(`${url}/ratings/example.com`, { headers })])
          void asked
            .then((answers) => {
              statuses.splice(0, 1, ...answers.map(({ status }) => status))
            })
            .finally(stop)
        }
      )
      assert.deepStrictEqual({ statuses, code, stderr }, { statuses: [204, 200], code: 0, stderr: "" })
    })
  )
})
