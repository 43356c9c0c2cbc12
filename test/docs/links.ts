/** Links between the pages, and to files and headings of the repository, lead somewhere. */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import type { Page } from "./pages.js"
import { root } from "./root.js"

const fenced = /^ {0,3}(`{3,}|~{3,})[^]*?^ {0,3}\1.*$/gm

/** As GitHub names a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-")

const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(Array.from(text.replaceAll(fenced, "").matchAll(/^#+ (.*)$/gm), ([, heading = ""]) => anchorOf(heading)))

export const linkErrors = (pages: ReadonlyArray<Page>): ReadonlyArray<string> =>
  pages.flatMap(({ file, text }) => {
    const prose = text.replaceAll(fenced, (code) => code.replaceAll(/[^\n]/g, " "))
    return Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g)).flatMap(({ 1: link = "", index }) => {
      if (/^[a-z]+:/.test(link)) return []
      const at = `${file}:${prose.slice(0, index).split("\n").length}`
      const [path = "", anchor] = link.split("#")
      const target = path === "" ? join(root, file) : join(root, dirname(file), path)
      if (relative(root, target).startsWith("..") || !existsSync(target)) return [`${at}: there is no ${link}`]
      if (anchor === undefined) return []
      return anchorsOf(path === "" ? text : readFileSync(target, "utf8")).has(anchor)
        ? []
        : [`${at}: there is no heading ${link}`]
    })
  })
