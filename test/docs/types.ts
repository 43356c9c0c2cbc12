/**
 * Type-checks the TypeScript of the pages, as a user's programs that import the package by its public names.
 *
 * Each ```ts block is a module of its own, with its imports. One below the comment `<!-- continues -->` goes on with the block
 * before it on the page, whose imports and names it has. What such a module declares need not be used; what it imports must be.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import type { Block } from "./markdown.js"
import { root } from "./root.js"

const isTypeScript = ({ language }: Block): boolean => language === "ts"

/** Blocks that make up one module, by the page and the line of the first. */
const modulesOf = (blocks: ReadonlyArray<Block>): ReadonlyArray<ReadonlyArray<Block>> => {
  const modules: Array<Array<Block>> = []
  for (const block of blocks.filter(isTypeScript)) {
    const before = modules.at(-1)
    const isContinued = block.marks.some(({ about }) => about === "continues")
    if (!isContinued) modules.push([block])
    else if (before?.[0]?.file === block.file) before.push(block)
    else throw new Error(`${block.file}:${block.line}: there is no block that this one could continue`)
  }
  return modules
}

/** Its lines are those of the page. */
const textOf = (module: ReadonlyArray<Block>): string => {
  const lines: Array<string> = []
  for (const { code, line } of module) {
    while (lines.length < line - 1) lines.push("")
    for (const one of code.split("\n")) lines.push(one)
  }
  return lines.join("\n")
}

/** What package.json opens to others, by the name it is imported by. */
const publicNames = (): Record<string, Array<string>> => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  const named = Object.entries(exports).flatMap(([name, target]) =>
    typeof target === "object" && target !== null && "types" in target && !name.includes("*")
      ? [[name, String(target.types)] as const]
      : []
  )
  const modules = readdirSync(join(root, "src"))
    .filter((name) => name.endsWith(".ts") && name !== "index.ts")
    .map((name) => [`./${name.slice(0, -3)}`, `./dist/${name.slice(0, -3)}.d.ts`] as const)
  return Object.fromEntries(
    [...modules, ...named].map(([name, types]) => [
      `effect-seo-providers${name.slice(1)}`,
      [join(root, types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts"))]
    ])
  )
}

const compilerOptions = (): ts.CompilerOptions => {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile) as { readonly config: unknown }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const { plugins: _, ...own } = options
  return { ...own, noEmit: true, paths: publicNames() }
}

const unused = new Set([6133, 6192, 6196, 6198])

const isImport = (file: ts.SourceFile, at: number): boolean =>
  file.statements.some((one) => ts.isImportDeclaration(one) && one.getStart() <= at && at < one.getEnd())

/** What is wrong with the code of the pages, each with the place on its page. */
export const typeErrors = (blocks: ReadonlyArray<Block>): ReadonlyArray<string> => {
  const modules = new Map(
    modulesOf(blocks).map((module) => {
      const [{ file, line }] = module as readonly [Block, ...ReadonlyArray<Block>]
      return [
        join(root, "docs", `__${file.replaceAll(/\W/g, "_")}_${line}.ts`),
        { file, text: textOf(module) }
      ] as const
    })
  )
  const options = compilerOptions()
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile, readFile } = host
  host.fileExists = (name) => modules.has(name) || fileExists(name)
  host.readFile = (name) => modules.get(name)?.text ?? readFile(name)
  host.getSourceFile = (name, language, ...rest) => {
    const module = modules.get(name)
    return module === undefined
      ? getSourceFile(name, language, ...rest)
      : ts.createSourceFile(name, module.text, language, true)
  }
  const program = ts.createProgram(Array.from(modules.keys()), options, host)
  return Array.from(modules).flatMap(([name, { file }]) => {
    const source = program.getSourceFile(name)!
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
      .filter(({ category }) => category === ts.DiagnosticCategory.Error)
      .filter(({ code, start }) => !unused.has(code) || isImport(source, start ?? 0))
      .map(({ messageText, start }) => {
        const { line } = source.getLineAndCharacterOfPosition(start ?? 0)
        return `${file}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`
      })
  })
}
