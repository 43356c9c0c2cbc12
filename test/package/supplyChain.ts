/** What the lockfile says of the packages: which are shipped, under which licence, checked by which hash. */
import { build } from "esbuild"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../docs/root.js"

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

export interface Locked extends Manifest {
  readonly version: string
  readonly license?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly optional?: boolean
  readonly os?: ReadonlyArray<string>
  readonly cpu?: ReadonlyArray<string>
  readonly hasInstallScript?: boolean
}

export const read = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"))

export const manifest: Manifest & Readonly<Record<string, unknown>> = read("package.json")
export const lock: { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, Locked>> } =
  read("package-lock.json")

const inModules = "node_modules/"

/** What came from a registry, by its place. */
export const packages: ReadonlyMap<string, Locked> = new Map(
  Object.entries(lock.packages).filter(([path, { link }]) => path.includes(inModules) && link !== true)
)

export const nameOf = (path: string): string => path.slice(path.lastIndexOf(inModules) + inModules.length)

/** Where Node finds a package that is asked for from a place. */
const find = (from: string, name: string): string | undefined => {
  const at = `${from === "" ? "" : `${from}/`}${inModules}${name}`
  if (packages.has(at)) return at
  if (from === "") return undefined
  const end = from.lastIndexOf(`/${inModules}`)
  return find(end === -1 ? "" : from.slice(0, end), name)
}

const peersOf = ({ peerDependencies, peerDependenciesMeta }: Manifest, optional: boolean): ReadonlyArray<string> =>
  Object.keys(peerDependencies ?? {}).filter((name) => (peerDependenciesMeta?.[name]?.optional === true) === optional)

const needsOf = (one: Manifest): ReadonlyArray<string> => [
  ...Object.keys(one.dependencies ?? {}).filter((name) => one.optionalDependencies?.[name] === undefined),
  ...peersOf(one, false)
]

const wantsOf = (one: Manifest): ReadonlyArray<string> => [
  ...needsOf(one),
  ...Object.keys(one.optionalDependencies ?? {})
]

/** A package and all that comes with it. */
const reach = (name: string, next: (one: Manifest) => ReadonlyArray<string>): ReadonlySet<string> => {
  const seen = new Set<string>()
  const visit = (path: string | undefined): void => {
    if (path === undefined || seen.has(path)) return
    seen.add(path)
    for (const other of next(packages.get(path)!)) visit(find(path, other))
  }
  visit(find("", name))
  return seen
}

const ways: ReadonlyArray<readonly [name: string, how: string]> = [
  ...Object.keys(manifest.dependencies ?? {}).map((name) => [name, ""] as const),
  ...Object.keys(manifest.optionalDependencies ?? {}).map((name) => [name, " (optional)"] as const),
  ...peersOf(manifest, false).map((name) => [name, " (peer)"] as const),
  ...peersOf(manifest, true).map((name) => [name, " (optional peer)"] as const)
]

/** What an installation may hold, and for the sake of which packages. */
export const runtime: ReadonlyMap<string, ReadonlyArray<string>> = (() => {
  const all = new Map<string, Array<string>>()
  for (const [name, how] of ways) {
    for (const path of reach(name, wantsOf)) all.set(path, [...(all.get(path) ?? []), name + how])
  }
  return all
})()

/** What no installation does without. */
export const needed: ReadonlySet<string> = new Set(needsOf(manifest).flatMap((name) => [...reach(name, needsOf)]))

const inputs = async (entryPoints: ReadonlyArray<string>, options: object): Promise<ReadonlyArray<string>> => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...entryPoints],
    outdir: "none",
    bundle: true,
    write: false,
    metafile: true,
    logLevel: "silent",
    ...options
  })
  const places = Object.keys(metafile.inputs).map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0])
  return [...new Set(places)].filter((path) => path !== undefined)
}

/** What is in dist/cli and in the report's page, and in which. */
export const bundled = async (): Promise<ReadonlyMap<string, ReadonlyArray<string>>> => {
  const external = [...Object.keys(manifest.optionalDependencies ?? {}), "pg-native"]
  const [command, page] = await Promise.all([
    inputs(["src/cli/main.ts"], { format: "esm", platform: "node", external }),
    inputs(["src/report/page.ts", "src/report/page.css"], {})
  ])
  return new Map(
    [...command, ...page].map((path) => [
      path,
      [...(command.includes(path) ? ["command"] : []), ...(page.includes(path) ? ["report"] : [])]
    ])
  )
}

/** Those whose manifest names no SPDX licence, and what their own files say. */
const readings: Readonly<Record<string, string>> = {
  // "licenses": [{ "type": "MIT" }], as manifests had it long ago.
  "prelude-ls@1.1.2": "MIT",
  // "SEE LICENSE IN LICENSE", which is the MIT licence.
  "spawndamnit@3.0.1": "MIT"
}

export const licenceOf = (path: string): string => {
  const { license, version } = packages.get(path)!
  return readings[`${nameOf(path)}@${version}`] ?? license ?? "unknown"
}

const shippable = new Set(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"])
const usable = new Set([...shippable, "CC-BY-3.0", "CC-BY-4.0", "CC0-1.0", "MPL-2.0", "Python-2.0"])

/** Whether a licence allows what is done with it: tools are used here and shipped to nobody. */
export const isAllowed = (licence: string, as: "shipped" | "tool"): boolean =>
  licence
    .replaceAll(/[()]/g, "")
    .split(" OR ")
    .some((one) => one.split(" AND ").every((part) => (as === "shipped" ? shippable : usable).has(part)))

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")

const listed = (all: ReadonlyMap<string, ReadonlyArray<string>>, why: string): string => {
  const rows = Array.from(all, ([path, reasons]) => [
    nameOf(path),
    packages.get(path)!.version,
    licenceOf(path),
    reasons.join(", ")
  ])
  // Two copies of one version are one row.
  const distinct = new Map(rows.map((row) => [row.join(" "), row]))
  const sorted = [...distinct].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return table(
    ["package", "version", "licence", why],
    sorted.map(([, row]) => row)
  )
}

export const tools = (): ReadonlyArray<string> => [...packages.keys()].filter((path) => !runtime.has(path))

const counts = (): string => {
  const all = new Map<string, number>()
  for (const path of tools()) all.set(licenceOf(path), (all.get(licenceOf(path)) ?? 0) + 1)
  return table(
    ["licence", "packages"],
    [...all].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  )
}

export const unhashed = (): ReadonlyArray<string> =>
  Array.from(packages).flatMap(([path, { integrity }]) => (integrity === undefined ? [path] : []))

const commonStart = (names: ReadonlyArray<string>): string => {
  const [first = ""] = names
  const at = Array.from(first).findIndex((letter, i) => names.some((name) => name[i] !== letter))
  return first.slice(0, first.lastIndexOf("-", at) + 1)
}

const withoutHash = (): string =>
  Array.from(packages)
    .flatMap(([path, { optionalDependencies = {} }]) => {
      const names = unhashed()
        .map(nameOf)
        .filter((name) => name in optionalDependencies)
      if (names.length === 0) return []
      const start = commonStart(names)
      const ends = names.map((name) => name.slice(start.length)).join(", ")
      return [`- \`${start}*\` ${optionalDependencies[names[0]!]}, for ${nameOf(path)}: ${ends}`]
    })
    .join("\n")

/** The tables of the page, by the name in their marks. */
export const tables: Readonly<Record<string, () => string | Promise<string>>> = {
  installed: () => listed(runtime, "installed for"),
  bundled: async () => listed(await bundled(), "in the"),
  tools: counts,
  unhashed: withoutHash
}

export const page = "docs/supply-chain.md"

const marked = (name: string) => new RegExp(`(<!-- licences: ${name} -->\\n)([^]*?)(<!-- end -->)`)

/** Cells without what a formatter adds for the eye. */
const plain = (text: string): string => text.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---").trim()

export const tableIn = (text: string, name: string): string | undefined => {
  const found = marked(name).exec(text)?.[2]
  return found === undefined ? undefined : plain(found)
}

export const withTable = (text: string, name: string, rows: string): string =>
  text.replace(marked(name), (_, before: string, _old, after: string) => `${before}\n${rows}\n\n${after}`)
