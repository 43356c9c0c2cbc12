import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../docs/root.js"
import { complaints, explainedIn } from "./audit.js"
import {
  isAllowed,
  licenceOf,
  lock,
  manifest,
  nameOf,
  needed,
  packages,
  page,
  read,
  runtime,
  tableIn,
  tables,
  tools,
  unhashed
} from "./supplyChain.js"

const text = readFileSync(join(root, page), "utf8")
const installScripts = ["preinstall", "install", "postinstall"]

describe("lockfile", () => {
  it("is of version 3, and names no host", () => {
    assert.strictEqual(lock.lockfileVersion, 3)
    const named = Object.entries(lock.packages).filter(([, { link, resolved }]) => resolved !== undefined && !link)
    assert.deepStrictEqual(named, [])
    const links = Object.values(lock.packages).flatMap(({ link, resolved = "" }) => (link ? [resolved] : []))
    assert.deepStrictEqual(links.toSorted(), ["", "bench", "test/fuzz"])
  })

  it("has the hash of every package, but for binaries of other platforms that the page names", async () => {
    assert.strictEqual(tableIn(text, "unhashed"), await tables["unhashed"]!(), "npm run docs:licences")
    for (const path of unhashed()) {
      const { cpu = [], optional, os = [] } = packages.get(path)!
      assert.isTrue(optional && os.length > 0, path)
      assert.isFalse(os.includes("linux") && cpu.includes("x64") && !path.endsWith("musl"), path)
      assert.match(path, /^node_modules\/@(msgpackr-extract|oxc-parser|oxfmt|oxlint|rollup)\/[^/]+$/)
    }
  })

  // That the rest of it fits, `npm ci` says.
  it("asks for what package.json and those of the folders ask for", () => {
    const fields = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const
    for (const folder of ["", "bench", "test/fuzz"]) {
      const said = read(join(folder, "package.json"))
      for (const field of fields)
        assert.deepStrictEqual(lock.packages[folder]?.[field], said[field], `${folder} ${field}`)
    }
    assert.strictEqual(lock.packages[""]?.version, manifest["version"])
  })
})

describe("install scripts", () => {
  const scripted = Array.from(packages).flatMap(([path, { hasInstallScript }]) => (hasInstallScript ? [path] : []))

  it("are in four packages, which nobody needs to run this one", () => {
    assert.deepStrictEqual(
      scripted.map(nameOf),
      ["@parcel/watcher", "esbuild", "lmdb", "msgpackr-extract"],
      "read the script, then the page"
    )
    for (const path of scripted) assert.isFalse(needed.has(path), path)
    for (const name of ["keyv", "@redis/client", "effect", "msgpackr"])
      assert.isTrue(needed.has(`node_modules/${name}`), name)
  })

  it("are not hidden from the lockfile by an installed package", () => {
    for (const path of packages.keys()) {
      const file = `${path}/package.json`
      if (!existsSync(join(root, file))) continue
      const { scripts = {} } = read(file)
      if (installScripts.some((name) => name in scripts)) assert.include(scripted, path)
    }
  })

  it("are not in this package", () => {
    for (const name of installScripts) assert.notProperty(manifest["scripts"], name)
    // npm would compile it.
    assert.isFalse(existsSync(join(root, "binding.gyp")))
  })
})

describe("licences", () => {
  it("are on the page as they are in the lockfile", async () => {
    for (const name of ["installed", "tools"])
      assert.strictEqual(tableIn(text, name), await tables[name]!(), "npm run docs:licences")
    const known = new Set(
      Array.from(packages, ([path, { version }]) => `${nameOf(path)} ${version} ${licenceOf(path)}`)
    )
    const rows = tableIn(text, "bundled")!.split("\n").slice(2)
    assert.isAbove(rows.length, 40)
    for (const row of rows) {
      const [name = "", version = "", licence = ""] = row.slice("| ".length).split(" | ")
      assert.isTrue(known.has(`${name} ${version} ${licence}`), `${row}: npm run docs:licences`)
      assert.isTrue(isAllowed(licence, "shipped"), row)
    }
  })

  it("allow what is done with the packages", () => {
    for (const path of runtime.keys()) assert.isTrue(isAllowed(licenceOf(path), "shipped"), path)
    for (const path of tools()) assert.isTrue(isAllowed(licenceOf(path), "tool"), `${path}: ${licenceOf(path)}`)
  })

  it("are read as expressions", () => {
    assert.isTrue(isAllowed("(MIT OR GPL-3.0-only)", "shipped"))
    assert.isFalse(isAllowed("(MIT AND GPL-3.0-only)", "shipped"))
    assert.isTrue(isAllowed("MPL-2.0", "tool"))
    for (const licence of ["MPL-2.0", "unknown", "SEE LICENSE IN LICENSE", ""])
      assert.isFalse(isAllowed(licence, "shipped"), licence)
  })
})

describe("audit", () => {
  const advisory = (id: string) => ({ title: "bad", severity: "low", url: `https://github.com/advisories/${id}` })
  const about = (path: string, id: string) => ({
    vulnerabilities: { some: { nodes: [path], via: [advisory(id)] }, above: { nodes: ["above"], via: ["some"] } }
  })
  const judge = (path: string, id: string) =>
    complaints(about(path, id), (one) => runtime.has(one), explainedIn(text)).length

  it("passes over nothing that is shipped, and no tool that the page does not explain", () => {
    assert.strictEqual(judge("node_modules/nyc/node_modules/uuid", "GHSA-w5hq-g745-h8pq"), 0)
    assert.strictEqual(judge("node_modules/nyc/node_modules/uuid", "GHSA-0000-0000-0000"), 1)
    assert.strictEqual(judge("node_modules/keyv", "GHSA-w5hq-g745-h8pq"), 1)
    // Known, but said to be fixed in what is locked.
    assert.strictEqual(judge("node_modules/esbuild", "GHSA-67mh-4wv8-2f99"), 1)
  })

  it("is not clean where the registry does not answer", () => {
    assert.lengthOf(
      complaints({}, () => false, ""),
      1
    )
    assert.deepStrictEqual(
      complaints({ vulnerabilities: {} }, () => false, ""),
      []
    )
  })

  it("explains only what is locked", () => {
    const locked = new Set(Array.from(packages, ([path, { version }]) => `${nameOf(path)} ${version}`))
    const rows = Array.from(explainedIn(text).matchAll(/^\| (\S+ \d\S*) /gm), ([, name = ""]) => name)
    assert.isAbove(rows.length, 0)
    for (const name of rows) assert.isTrue(locked.has(name), name)
  })
})

describe("publishing", () => {
  it("asks for public access and provenance", () => {
    assert.deepStrictEqual(manifest["publishConfig"], { access: "public", provenance: true })
  })
})
