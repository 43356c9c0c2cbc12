/** Writes the tables of docs/supply-chain.md; with --check it only says which are old. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../docs/root.js"
import { bundled, isAllowed, licenceOf, nameOf, page, runtime, tableIn, tables, withTable } from "./supplyChain.js"

const file = join(root, page)
const before = readFileSync(file, "utf8")
let text = before
for (const [name, make] of Object.entries(tables)) {
  const rows = await make()
  if (process.argv.includes("--check")) {
    if (tableIn(before, name) !== rows) throw new Error(`${page}: the table "${name}" is old, npm run docs:licences`)
  } else text = withTable(text, name, rows)
}
if (text !== before) writeFileSync(file, text)

for (const path of [...runtime.keys(), ...(await bundled()).keys()]) {
  const licence = licenceOf(path)
  if (!isAllowed(licence, "shipped")) throw new Error(`${nameOf(path)} is shipped, and is under ${licence}`)
}
