/** The report in a real browser that has no network. */
import { assert } from "@effect/vitest"
import { source as axe } from "axe-core"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, describe, it } from "vitest"
import * as Report from "../../src/Report.js"
import { chromium as browserOfTheMachine } from "../support/chromium.js"
import { many, profile, scored } from "../support/scored.js"

/** What of the browser is used, here where its own types would be in the way of Node's. */
declare const createImageBitmap: (picture: Blob) => Promise<{ readonly width: number; readonly height: number }>
declare class OffscreenCanvas {
  constructor(width: number, height: number)
  getContext(kind: "2d"): {
    readonly drawImage: (picture: unknown, x: number, y: number) => void
    readonly getImageData: (x: number, y: number, width: number, height: number) => { readonly data: Uint8ClampedArray }
  }
}
declare const dispatchEvent: (event: Event) => boolean

const args = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

describe("the report's page", () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-seo-providers-report-"))
  let browser: Browser
  let context: BrowserContext | undefined
  let answers: Report.Scored
  let free: Report.Scored
  beforeAll(async () => {
    const executablePath = browserOfTheMachine()
    assert.isDefined(executablePath)
    browser = await chromium.launch({ executablePath, args })
    answers = await Effect.runPromise(scored())
    free = await Effect.runPromise(scored({ free: true }))
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(async () => {
    await context?.close()
    context = undefined
  })

  /** The page, and whatever it did that it should not have. */
  const open = async (html: string, colorScheme: "light" | "dark" = "light") => {
    const file = join(folder, "report.html")
    writeFileSync(file, html)
    const url = pathToFileURL(file).href
    context = await browser.newContext({ colorScheme, offline: true, viewport: { width: 1360, height: 900 } })
    const page = await context.newPage()
    const faults: Array<string> = []
    page.on("console", (message) => faults.push(`console: ${message.text()}`))
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`))
    page.on("dialog", (dialog) => {
      faults.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on("request", (request) => {
      if (request.url() !== url) faults.push(`request: ${request.url().slice(0, 200)}`)
    })
    await page.goto(url)
    await page.locator(".tabulator-row").first().waitFor()
    return { page, faults }
  }

  const column = (page: Page, field: string) =>
    page.locator(`.tabulator-row .tabulator-cell[tabulator-field="${field}"]`).allInnerTexts()
  const status = (page: Page) => page.locator(".status").innerText()

  /** How many colours a picture has, and how light it is, 0-255. */
  const pictured = async (picture: Buffer) => {
    const page = await browser.newPage()
    const answer = await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }))
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")
      canvas.drawImage(bitmap, 0, 0)
      const { data } = canvas.getImageData(0, 0, bitmap.width, bitmap.height)
      const colours = new Set<number>()
      let sum = 0
      for (let i = 0; i < data.length; i += 4) {
        colours.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!)
        sum += (data[i]! + data[i + 1]! + data[i + 2]!) / 3
      }
      return { colours: colours.size, light: (4 * sum) / data.length }
    }, picture.toString("base64"))
    await page.close()
    return answer
  }

  /** How many charts have something drawn on them. */
  const drawn = (page: Page) =>
    page.locator(".chart").evaluateAll((charts) =>
      charts.map((chart) => {
        const canvas = chart.querySelector("canvas")!
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height)
        return data.some((byte: number) => byte !== 0)
      })
    )

  it("loads nothing, breaks nothing, and draws in the light and in the dark", async () => {
    const { faults, page } = await open(Report.html(answers, { profile, title: "Links for acme" }))
    assert.strictEqual(await page.title(), "Links for acme")
    assert.deepStrictEqual(await drawn(page), [true, true, true, true, true])
    const light = await pictured(await page.screenshot())
    assert.isAbove(light.colours, 200)
    assert.isAbove(light.light, 200)
    await page.emulateMedia({ colorScheme: "dark" })
    const dark = await pictured(await page.screenshot())
    assert.isAbove(dark.colours, 200)
    assert.isBelow(dark.light, 60)
    await page.getByLabel("Theme").selectOption("light")
    assert.isAbove((await pictured(await page.screenshot())).light, 200)
    assert.deepStrictEqual(faults, [])
  })

  it("tells the summary, with each unit by itself", async () => {
    const { page } = await open(Report.html(answers, { profile }))
    const tiles = (await page.locator(".tile").allInnerTexts()).map((text) => text.split(/\s*\n\s*/).join("|"))
    const { summary } = answers
    assert.include(tiles, `Inputs|${summary.inputs}|${summary.invalid} invalid, ${summary.duplicates} duplicate`)
    assert.include(tiles, `\u2713|Qualified|${summary.verdicts.Qualified}|distinct sites`)
    const ahrefs = summary.spent.find(({ provider }) => provider === "ahrefs")
    assert(ahrefs)
    const figure = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 2 })
    assert.include(tiles, `Ahrefs: spent|${figure(ahrefs.spent)}|API units`)
    assert.include(tiles, `Ahrefs: saved|${figure(ahrefs.saved)}|API units`)
    assert.strictEqual(await page.getByText("Failures", { exact: true }).count(), 2)
  })

  it("says what a price that nobody states is, and never that it is 0", async () => {
    const spent = [{ provider: "se_ranking", unit: "row_credits", spent: 0, saved: 0, unpriced: 7 }] as const
    const { page } = await open(Report.html({ ...answers, summary: { ...answers.summary, spent } }))
    assert.strictEqual(await page.locator(".tile .value", { hasText: "not stated" }).count(), 2)
    assert.match(await page.locator(".spending").innerText(), /not stated spent, not stated saved/)
    assert.match(await page.locator(".charts").innerText(), /The profile's band was not given/)
  })

  it("accounts in the funnel for every input", async () => {
    const { page } = await open(Report.html(answers, { profile }))
    const rows = await page
      .locator("figure", { hasText: "Funnel" })
      .locator("tbody tr")
      .evaluateAll((rows) => rows.map((row) => Array.from(row.children, ({ textContent }) => textContent ?? "")))
    let left = answers.summary.inputs
    for (const [name, count, reasons] of rows.slice(1)) {
      const lost = Array.from(reasons!.matchAll(/: (\d+)/g), ([, sites]) => Number(sites))
      left -= lost.reduce((sum, sites) => sum + sites, 0)
      assert.strictEqual(Number(count), left, name)
    }
    assert.strictEqual(rows.length, 6)
    assert.strictEqual(left, answers.summary.verdicts.Qualified)
  })

  it("leaves the flows out where none are known, and says why", async () => {
    const prospects = answers.prospects.map((prospect) => {
      const { citationFlow: _citation, trustFlow: _trust, ...data } = prospect.data
      return { ...prospect, data, flows: null }
    })
    const { page } = await open(Report.html({ ...answers, prospects }, { profile }))
    assert.strictEqual(await page.locator(".chart").count(), 4)
    assert.match(await page.locator(".charts").innerText(), /Left out: both are known of no site/)
  })

  it("sorts by a header, with what is unknown at the end either way", async () => {
    const { page } = await open(Report.html(many(answers, 30), { profile }))
    const sort = page.getByRole("button", { name: "TF", exact: true })
    const known = async () => (await column(page, "trustFlow")).map((text) => (text === "\u2013" ? null : Number(text)))
    const ascending = (values: ReadonlyArray<number | null>) =>
      values.toSorted((a, b) => (a ?? Infinity) - (b ?? Infinity))
    const descending = (values: ReadonlyArray<number | null>) =>
      values.toSorted((a, b) => (b ?? -Infinity) - (a ?? -Infinity))
    await sort.click()
    const first = await known()
    assert.include(first, null)
    assert.deepStrictEqual(first, ascending(first))
    await sort.press("Enter")
    const second = await known()
    assert.deepStrictEqual(second, descending(second))
    assert.strictEqual(
      await page.getByRole("columnheader", { name: "TF", exact: true }).getAttribute("aria-sort"),
      "descending"
    )
  })

  it("filters by text, verdict and rating, and tells how many are left", async () => {
    const { page } = await open(Report.html(answers, { profile }))
    const { inputs } = answers.summary
    assert.strictEqual(await status(page), `${inputs} of ${inputs} prospects shown.`)
    await page.getByLabel("Search site, input or reason").fill("SITE-3.com")
    assert.strictEqual(await status(page), `2 of ${inputs} prospects shown.`)
    await page.getByRole("button", { name: "Reset" }).click()
    for (const name of ["Rejected", "Review", "Needs data", "Excluded"]) {
      await page.getByRole("checkbox", { name: new RegExp(name) }).uncheck()
    }
    const qualified = answers.prospects.filter(({ verdict }) => verdict._tag === "Qualified")
    assert.isNotEmpty(qualified)
    assert.strictEqual(await status(page), `${qualified.length} of ${inputs} prospects shown.`)
    await page.getByRole("button", { name: "Reset" }).click()
    await page.getByLabel("from").fill("20.5")
    await page.getByLabel("to", { exact: true }).fill("60")
    const rated = answers.prospects.filter(({ data: { domainRating: dr } }) => dr && dr.value >= 20.5 && dr.value <= 60)
    assert.match(await status(page), new RegExp(`^${rated.length} of .* Those without a Domain Rating are left out`))
    await page.getByLabel("Search site, input or reason").fill("nobody")
    assert.match(await page.locator(".tabulator-placeholder").innerText(), /No prospect fits/)
  })

  /** The points in the dialog, and the sum under them, in tenths. */
  const pointsOf = async (page: Page) => {
    const texts = await page
      .locator("dialog section", { hasText: "What the score is made of" })
      .locator("tr > :last-child:not([scope])")
      .allInnerTexts()
    const tenths = texts.map((text) => Math.round(10 * Number(text.replace("\u2212", "-"))))
    return { parts: tenths.slice(0, -1), sum: tenths.at(-1) }
  }

  it("opens a row by mouse: what the score is made of sums to the score", async () => {
    const { faults, page } = await open(Report.html(answers, { profile }))
    const index = answers.prospects.findIndex(({ verdict }) => verdict._tag === "Qualified")
    const { score, target } = answers.prospects[index]!
    await page.getByLabel("Search site, input or reason").fill(target!)
    await page.locator(".tabulator-row").first().click()
    const dialog = page.getByRole("dialog", { name: target! })
    const { parts, sum } = await pointsOf(page)
    assert.isAbove(parts.length, 1)
    assert.strictEqual(sum, Math.round(10 * score!))
    assert.strictEqual(
      parts.reduce((sum, part) => sum + part, 0),
      sum
    )
    const text = await dialog.innerText()
    assert.match(text, /Qualified, score \d+ \(\d+ to \d+\)\. Domain Rating [\d.]+ \(Ahrefs/)
    assert.match(text, /30 <= Domain Rating < 90/)
    assert.match(text, /API units/)
    const links = await dialog.getByRole("link").evaluateAll((all) => all.map((link) => link.outerHTML))
    assert.deepStrictEqual(links, [
      `<a href="https://${target}/" target="_blank" rel="noreferrer noopener">Open ${target}</a>`
    ])
    await page.getByRole("button", { name: "Close" }).click()
    assert.isFalse(await dialog.isVisible())
    assert.deepStrictEqual(faults, [])
  })

  it("opens rows by keyboard alone, and gives the focus back", async () => {
    const { page } = await open(Report.html(answers, { profile }))
    await page.getByRole("columnheader", { name: "DR", exact: true }).getByRole("button").focus()
    while (!(await page.locator(".tabulator-row:focus").count())) await page.keyboard.press("Tab")
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowDown")
    const focused = page.locator(".tabulator-row:focus")
    await page.locator('.tabulator-row:focus[aria-rowindex="5"]').waitFor()
    assert.match(await focused.innerText(), /site-3\.com/)
    await page.keyboard.press("Enter")
    await page.getByRole("dialog", { name: "site-3.com" }).waitFor()
    const { parts, sum } = await pointsOf(page)
    assert.strictEqual(
      parts.reduce((sum, part) => sum + part, 0),
      sum
    )
    await page.keyboard.press("Escape")
    await page.locator("dialog").waitFor({ state: "hidden" })
    assert.match(await focused.innerText(), /site-3\.com/)
  })

  it("shows hostile names, anchors and reasons as text", async () => {
    const texts = [
      "</script><script>alert(1)</script>",
      "<img src=x onerror=alert(1)>",
      "javascript:alert(1)",
      '"><svg onload=alert(1)>',
      "evil\u202emoc.com",
      "a\u2028b\u0000c"
    ]
    const seen = [...texts.slice(0, 4), "evil\\u{202e}moc.com", "a\\u{2028}b\\u{0}c"]
    const template = answers.prospects.find(({ verdict }) => verdict._tag === "Qualified")!
    const prospects = texts.map((text, index) => ({
      ...template,
      index,
      input: text,
      // Safe: what no normaliser would let through is what is tried here.
      target: text as typeof template.target,
      assessment: {
        ...template.assessment!,
        markers: [{ marker: "tld" as const, evidence: text }],
        gates: template.assessment!.gates.map((gate) => ({ ...gate, rule: text }))
      },
      attribution: { text, url: text, license: text } as unknown as NonNullable<typeof template.attribution>
    }))
    const hostile = { ...answers, prospects, summary: { ...answers.summary, inputs: texts.length } }
    const { faults, page } = await open(Report.html(hostile, { profile, title: texts.join(" ") }))
    assert.deepStrictEqual(await column(page, "site"), seen)
    for (const [i, text] of seen.entries()) {
      await page.locator(".tabulator-row").nth(i).click()
      const dialog = page.locator("dialog")
      const shown = await dialog.innerText()
      assert.isAtLeast(shown.split(text).length - 1, 5, text)
      const schemes = await dialog
        .getByRole("link")
        .evaluateAll((all) => all.map((link) => new URL(link.getAttribute("href") ?? "").protocol))
      assert.isTrue(schemes.every((scheme) => scheme === "https:"))
      await page.keyboard.press("Escape")
    }
    assert.strictEqual(await page.locator("img, svg, iframe, script:not(#data)").count(), 1)
    assert.deepStrictEqual(faults, [])
  })

  it("shows the attribution of free ratings beside them, and none where none is owed", async () => {
    const owed = await open(Report.html(free, { profile }))
    const links = owed.page.getByRole("link", { name: "Domain Rating by Ahrefs" })
    assert.strictEqual(await links.count(), 2)
    assert.strictEqual(await links.first().getAttribute("href"), "https://ahrefs.com/")
    assert.strictEqual(await owed.page.locator("figure", { hasText: "Domain Rating by Ahrefs" }).count(), 1)
    await context?.close()
    const none = await open(Report.html(answers, { profile }))
    assert.strictEqual(await none.page.getByText("by Ahrefs").count(), 0)
  })

  it("has ten thousand rows, but only those in view in the document", async () => {
    const { faults, page } = await open(Report.html(many(answers, 10_000), { profile }))
    const rows = page.locator(".tabulator-row")
    assert.strictEqual(await status(page), "10,000 of 10,000 prospects shown.")
    assert.isBelow(await rows.count(), 100)
    const holder = page.locator(".tabulator-tableholder")
    await holder.evaluate((holder) => holder.scrollTo(0, holder.scrollHeight))
    await page.locator('.tabulator-row[aria-rowindex="10001"]', { hasText: "prospect-9999.com" }).waitFor()
    assert.isBelow(await rows.count(), 100)
    await page.locator('.tabulator-row[tabindex="0"]').evaluate((row) => row.focus({ preventScroll: true }))
    await page.keyboard.press("Home")
    await page.locator('.tabulator-row[aria-rowindex="2"]:focus').waitFor()
    await page.keyboard.press("End")
    await page.locator('.tabulator-row[aria-rowindex="10001"]:focus').waitFor()
    assert.isBelow(await rows.count(), 100)
    assert.deepStrictEqual(faults, [])
  })

  it("prints every prospect that is shown", async () => {
    const { page } = await open(Report.html(answers, { profile }))
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")))
    await page.emulateMedia({ media: "print" })
    assert.strictEqual(await page.locator(".paper tbody tr:visible").count(), answers.summary.inputs)
    assert.strictEqual(await page.locator(".tabulator:visible, .filters:visible").count(), 0)
  })

  it.each(["light", "dark"] as const)("has no serious fault of accessibility in the %s", async (scheme) => {
    const { page } = await open(Report.html(free, { profile, simulated: true }), scheme)
    assert.isTrue(await page.getByText("Simulated data.").isVisible())
    const violations = () =>
      page.evaluate(async () => {
        // Safe: what it defines.
        const scope = globalThis as unknown as {
          readonly axe?: {
            readonly run: () => Promise<{
              readonly violations: ReadonlyArray<{
                readonly id: string
                readonly impact: string
                readonly nodes: ReadonlyArray<{ readonly html: string }>
              }>
            }>
          }
        }
        const { violations } = await scope.axe!.run()
        return violations
          .filter(({ impact }) => impact === "serious" || impact === "critical")
          .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join("\n")}`)
      })
    await page.evaluate(axe)
    assert.deepStrictEqual(await violations(), [])
    await page.locator(".tabulator-row").nth(3).click()
    assert.deepStrictEqual(await violations(), [])
  })
})
