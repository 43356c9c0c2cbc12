/**
 * Asks the registry for advisories about what the lockfile holds. Fails for what is shipped, for what the table of
 * docs/supply-chain.md does not explain, and where the registry does not answer.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { root } from "../docs/root.js"
import { bundled, page, runtime } from "./supplyChain.js"

interface Advisory {
  readonly title: string
  readonly url: string
  readonly severity: string
}

interface Report {
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly nodes: ReadonlyArray<string>; readonly via: ReadonlyArray<Advisory | string> }>
  >
}

/** The table of explained advisories. */
export const explainedIn = (text: string): string =>
  /<!-- audit: explained -->([^]*?)<!-- end -->/.exec(text)?.[1] ?? ""

/** What of a report of `npm audit` is neither clean nor explained. */
export const complaints = (
  { vulnerabilities }: Report,
  isShipped: (path: string) => boolean,
  explained: string
): ReadonlyArray<string> => {
  if (vulnerabilities === undefined) return ["the registry does not answer npm audit: nothing is known"]
  return Object.entries(vulnerabilities).flatMap(([name, { nodes, via }]) => {
    const shipped = nodes.some(isShipped)
    return via.flatMap((one) => {
      // A name is a package below this one, which has its own entry.
      if (typeof one === "string") return []
      const id = one.url.split("/").at(-1) ?? one.url
      if (!shipped && explained.includes(id)) return []
      return [`${name} (${shipped ? "shipped" : "a tool, not explained"}): ${one.severity}, ${one.title}, ${one.url}`]
    })
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { stdout } = spawnSync("npm", ["audit", "--json", "--package-lock-only"], { cwd: root, encoding: "utf8" })
  const inside = await bundled()
  const found = complaints(
    JSON.parse(stdout || "{}"),
    (path) => runtime.has(path) || inside.has(path),
    explainedIn(readFileSync(join(root, page), "utf8"))
  )
  for (const one of found) process.stderr.write(`${one}\n`)
  process.exitCode = found.length === 0 ? 0 : 1
}
