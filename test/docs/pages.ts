/** The pages whose code is checked: README and docs, without the generated reference. */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { type Block, blocksOf } from "./markdown.js"
import { root } from "./root.js"

export interface Page {
  readonly file: string
  readonly text: string
}

export const pages = async (): Promise<ReadonlyArray<Page>> => {
  const all = await readdir(join(root, "docs"), { recursive: true })
  const docs = all
    .filter((name) => name.endsWith(".md") && !/^api[/\\]/.test(name))
    .map((name) => `docs/${name}`)
    .toSorted()
  return Promise.all(
    ["README.md", ...docs].map(async (file) => ({ file, text: await readFile(join(root, file), "utf8") }))
  )
}

export const blocks = (all: ReadonlyArray<Page>): ReadonlyArray<Block> =>
  all.flatMap(({ file, text }) => blocksOf(file, text))
