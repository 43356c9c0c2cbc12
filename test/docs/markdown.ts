/** What a page shows as code: its fences, as CommonMark has them, with the comment right above each. */

export interface Block {
  readonly file: string
  /** The first line of its code, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
  /** What an HTML comment above the fence says of it: `<!-- sh: needs=redis -->` is `{ about: "sh", settings: { needs: "redis" } }`. */
  readonly marks: ReadonlyArray<Mark>
}

export interface Mark {
  readonly about: string
  readonly settings: Readonly<Record<string, string>>
}

const fence = /^( {0,3})(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*$/
const comment = /^<!--\s*([a-z-]+)(?::\s*([^>]*?))?\s*-->$/

const markOf = (line: string): Mark | null => {
  const [, about, rest = ""] = comment.exec(line.trim()) ?? []
  if (about === undefined) return null
  const settings = rest.split(/\s+/).flatMap((pair) => {
    const at = pair.indexOf("=")
    return pair === "" ? [] : [at === -1 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)]]
  })
  return { about, settings: Object.fromEntries(settings) as Record<string, string> }
}

/** The comments that stand right above a line, but for blank ones. */
const marksAbove = (lines: ReadonlyArray<string>, at: number): ReadonlyArray<Mark> => {
  const marks: Array<Mark> = []
  for (let i = at - 1; i >= 0; i--) {
    const line = lines[i]!
    if (line.trim() === "") continue
    const mark = markOf(line)
    if (mark === null) break
    marks.unshift(mark)
  }
  return marks
}

/** The code blocks of a page, in order. Fails where one has no end. */
export const blocksOf = (file: string, text: string): ReadonlyArray<Block> => {
  const lines = text.split(/\r?\n/)
  const blocks: Array<Block> = []
  for (let i = 0; i < lines.length; i++) {
    const [, indent = "", open, language = ""] = fence.exec(lines[i]!) ?? []
    if (open === undefined) continue
    const marks = marksAbove(lines, i)
    const begin = i + 1
    const isEnd = (line: string) => {
      const end = line.trim()
      return /^ {0,3}\S/.test(line) && end.startsWith(open) && new Set(end).size === 1
    }
    do i++
    while (i < lines.length && !isEnd(lines[i]!))
    if (i === lines.length) throw new Error(`${file}:${begin}: the code block has no end`)
    const code = lines
      .slice(begin, i)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line.trimStart()))
    blocks.push({ file, line: begin + 1, language: language.toLowerCase(), code: code.join("\n"), marks })
  }
  return blocks
}

export const settingsOf = ({ marks }: Block, about: string): Mark["settings"] | undefined =>
  marks.find((mark) => mark.about === about)?.settings
