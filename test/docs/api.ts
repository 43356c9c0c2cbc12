/**
 * The API reference: `docs/api`, made of the doc comments by @effect/docgen.
 *
 * docgen reads one file at a time, so it is given a copy of `src` in which what a module exports from others stands in the module
 * itself, with its doc comment; what is `@internal` is left out.
 *
 *     npx tsx test/docs/api.ts            writes docs/api
 */
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import ts from "typescript"
import { root } from "./root.js"

const outDir = join(root, "docs/api")

/** A part of a text that is to be another one. */
interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

const edited = (text: string, edits: ReadonlyArray<Edit>): string =>
  edits
    .toSorted((a, b) => b.from - a.from)
    .reduce((all, { from, text, to }) => `${all.slice(0, from)}${text}${all.slice(to)}`, text)

const parsed = (name: string, text: string) => ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)

const hasTag = (node: ts.Node, tag: string): boolean =>
  ts.getJSDocTags(node).some(({ tagName }) => tagName.text === tag) ||
  // A constant's comment belongs to its statement.
  (ts.isVariableDeclaration(node) && hasTag(node.parent.parent, tag))

const commentOf = (node: ts.Node): string =>
  ts
    .getJSDocCommentsAndTags(node)
    .findLast((one) => ts.isJSDoc(one))
    ?.getText() ?? ""

/** What a file declares under a name: its type, its value or both. */
const declarationsOf = (file: ts.SourceFile, name: string) => {
  const types = file.statements.filter(
    (one) => (ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one)) && one.name.text === name
  )
  const values = file.statements.filter(
    (one) =>
      ((ts.isFunctionDeclaration(one) || ts.isClassDeclaration(one)) && one.name?.text === name) ||
      (ts.isVariableStatement(one) &&
        one.declarationList.declarations.some(
          (declared) => ts.isIdentifier(declared.name) && declared.name.text === name
        ))
  )
  return { types, values }
}

/** `export { A } from "./b.js"`, with the comments that `A` has there; a type is there as it was declared. */
const reexported = async (path: string, node: ts.ExportDeclaration): Promise<Edit | null> => {
  const { exportClause, moduleSpecifier } = node
  if (moduleSpecifier === undefined || exportClause === undefined || !ts.isNamedExports(exportClause)) return null
  const specifier = (moduleSpecifier as ts.StringLiteral).text
  const from = resolve(dirname(path), specifier.replace(/\.js$/, ".ts"))
  const other = parsed(from, await readFile(from, "utf8"))
  const names: Array<string> = []
  const types: Array<string> = []
  for (const one of exportClause.elements) {
    const original = (one.propertyName ?? one.name).text
    const declared = declarationsOf(other, original)
    const [value] = declared.values
    const [type] = declared.types
    const source = value ?? type
    if (source === undefined) throw new Error(`${path}: there is no ${original} in ${specifier}`)
    const comment = commentOf(source)
    if (value !== undefined) names.push(`${comment}\n${one.getText()}`)
    else {
      const renamed = source.getText().replace(new RegExp(`\\b(interface|type) ${original}\\b`), `$1 ${one.name.text}`)
      types.push(`${comment}\n${renamed}`)
    }
  }
  const values = names.length === 0 ? "" : `export {\n${names.join(",\n")}\n} from "${specifier}"`
  return { from: node.getStart(), to: node.getEnd(), text: [values, ...types].join("\n\n") }
}

/** What an object literal, or a constant that is one, has as its members. */
const membersOf = (file: ts.SourceFile, node: ts.Expression | undefined): ReadonlyArray<string> => {
  if (node === undefined) return []
  if (ts.isIdentifier(node)) {
    const all = file.statements.filter((one) => ts.isVariableStatement(one))
    const declared = all.flatMap(({ declarationList }) => declarationList.declarations)
    return membersOf(file, declared.find(({ name }) => name.getText() === node.text)?.initializer)
  }
  if (!ts.isObjectLiteralExpression(node)) return []
  return node.properties.flatMap((one) =>
    ts.isSpreadAssignment(one) ? membersOf(file, one.expression) : [one.name?.getText() ?? ""]
  )
}

/** docgen shows of a class its name alone: what an error holds is in the call that it extends. */
const fieldsOf = (file: ts.SourceFile, { heritageClauses }: ts.ClassDeclaration): ReadonlyArray<string> => {
  const call = heritageClauses?.[0]?.types[0]?.expression
  const isError = call !== undefined && ts.isCallExpression(call) && call.getText().startsWith("Schema.TaggedError")
  return isError ? membersOf(file, call.arguments[1]) : []
}

/** A module as docgen is to read it. */
const prepared = async (path: string): Promise<string> => {
  const text = await readFile(path, "utf8")
  const file = parsed(path, text)
  const edits: Array<Edit> = []
  for (const statement of file.statements) {
    if (ts.isExportDeclaration(statement)) {
      const edit = await reexported(path, statement)
      if (edit !== null) edits.push(edit)
    }
    if (ts.isInterfaceDeclaration(statement)) {
      for (const member of statement.members) {
        if (hasTag(member, "internal")) edits.push({ from: member.getFullStart(), to: member.getEnd(), text: "" })
      }
    }
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      const { text: name } = statement.name
      const comment = ts.getJSDocCommentsAndTags(statement).find((one) => ts.isJSDoc(one))
      const isTwin = declarationsOf(file, name).values.length > 0
      if (isTwin && comment !== undefined && comment.comment === undefined) {
        const at = comment.getStart() + "/**".length
        edits.push({ from: at, to: at, text: ` What {@link ${name}} decodes to.\n *` })
      }
    }
    if (ts.isClassDeclaration(statement)) {
      const fields = fieldsOf(file, statement)
      const tag = ts.getJSDocTags(statement)[0]
      if (fields.length > 0 && tag !== undefined) {
        const named = fields.map((field) => `\`${field}\``).join(", ")
        edits.push({ from: tag.getStart(), to: tag.getStart(), text: `Fields: ${named}.\n *\n * ` })
      }
      for (const member of statement.members) {
        if (commentOf(member) === "")
          edits.push({ from: member.getStart(), to: member.getStart(), text: "/** @internal */ " })
      }
    }
  }
  return edited(text, edits)
}

const isInternal = ["internal", "cli", "report", "ahrefs", "seranking", "majestic", "scoring"]

/** The public modules, by their paths in `src`. */
export const publicModules = async (): Promise<ReadonlyArray<string>> => {
  const own = await readdir(join(root, "src"))
  const testing = await readdir(join(root, "src/testing"))
  return [
    ...own.filter((name) => name.endsWith(".ts") && name !== "index.ts"),
    ...testing.filter((name) => /Simulators?\.ts$/.test(name)).map((name) => `testing/${name}`)
  ].toSorted()
}

const specifierOf = (module: string): string =>
  module.startsWith("testing/") ? "effect-seo-providers/testing" : `effect-seo-providers/${module.slice(0, -3)}`

const titleOf = (module: string): string => basename(module, ".ts")

/** Links of doc comments name what they mean; pages of their own need no front matter. */
const page = (module: string, generated: string): string => {
  const body = generated
    .replace(/^[^]*?\nparent: Modules\n+/, "")
    .replace(/^## .* overview\n/m, `# ${titleOf(module)}\n\nImport it from \`${specifierOf(module)}\`.\n`)
    .replace(/^<h2 class="text-delta">Table of contents<\/h2>$/m, "## Contents")
    .replace(/^---\n+/gm, "")
  let isCode = false
  const lines = body.split("\n").map((line) => {
    if (line.startsWith("```")) isCode = !isCode
    return line.replace(/\{@link ([^}]+)\}/g, isCode ? "$1" : "`$1`")
  })
  return `<!-- Made by \`npm run docs\` of the doc comments in src/${module}. -->\n\n${lines.join("\n").trim()}\n`
}

const firstSentence = (generated: string): string => {
  const [, after = ""] = generated.split(/^## .* overview\n/m)
  const [paragraph = ""] = after.trim().split("\n\n")
  return paragraph
    .replaceAll("\n", " ")
    .replace(/\{@link ([^}]+)\}/g, "`$1`")
    .replace(/([.]) .*$/, "$1")
}

const run = promisify(execFile)

/** The pages, by their names. */
export const pages = async (): Promise<ReadonlyMap<string, string>> => {
  const project = await mkdtemp(join(tmpdir(), "effect-seo-providers-docs-"))
  try {
    const modules = await publicModules()
    await cp(join(root, "src"), join(project, "src"), { recursive: true })
    await symlink(join(root, "node_modules"), join(project, "node_modules"))
    for (const module of modules)
      await writeFile(join(project, "src", module), await prepared(join(root, "src", module)))
    await cp(join(root, "package.json"), join(project, "package.json"))
    await cp(join(root, "docgen.json"), join(project, "docgen.json"))
    await cp(join(root, "tsconfig.json"), join(project, "tsconfig.json"))
    await run(process.execPath, [join(root, "node_modules/@effect/docgen/bin.cjs")], {
      cwd: project,
      env: { ...process.env, NO_COLOR: "1", PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"]}` }
    }).catch((error: { readonly stdout?: string; readonly message: string }) => {
      throw new Error(`docgen failed:\n${error.stdout ?? error.message}`)
    })
    const all = new Map<string, string>()
    const index: Array<string> = []
    for (const module of modules) {
      const generated = await readFile(join(project, "docs/api/modules", `${module}.md`), "utf8")
      all.set(`${titleOf(module)}.md`, page(module, generated))
      index.push(
        `| [${titleOf(module)}](${titleOf(module)}.md) | \`${specifierOf(module)}\` | ${firstSentence(generated)} |`
      )
    }
    all.set(
      "README.md",
      `<!-- Made by \`npm run docs\`. -->

# API reference

Made of the doc comments in \`src\` by \`npm run docs\`; CI fails where it is not up to date. Modules without a page of their own are
not public: ${isInternal.map((name) => `\`src/${name}\``).join(", ")}.

| module | import from | what it is |
| --- | --- | --- |
${index.join("\n")}
`
    )
    return all
  } finally {
    await rm(project, { recursive: true, force: true })
  }
}

const written = async (name: string): Promise<string | undefined> =>
  readFile(join(outDir, name), "utf8").catch(() => undefined)

/** What in `docs/api` is not as the doc comments say now. */
export const outdated = async (): Promise<ReadonlyArray<string>> => {
  const all = await pages()
  const there = await readdir(outDir).catch(() => [])
  const stale = there.filter((name) => !all.has(name))
  for (const [name, text] of all) if ((await written(name)) !== text) stale.push(name)
  return stale.map((name) => `docs/api/${name} is not up to date: run \`npm run docs\``)
}

const write = async (): Promise<void> => {
  const all = await pages()
  await rm(outDir, { recursive: true, force: true })
  await mkdir(outDir, { recursive: true })
  for (const [name, text] of all) await writeFile(join(outDir, name), text)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await write()
