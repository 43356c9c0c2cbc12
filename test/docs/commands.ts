/**
 * Runs the commands of the pages: every ```sh block, in the order of its page.
 *
 * - Commands of the clone (`npm run ...`) run in the checkout, all others in an empty project where the packed package is
 *   installed from this disk. `<!-- sh: in=checkout -->` or `in=project` above a block says so where that is wrong.
 * - `npm ci` and `npm test` are what CI itself runs: they are not run again, but .ci/run must have them.
 * - `<!-- sh: needs=redis -->` gives the block a redis-server of its own and its address in REDIS_URL; `needs=ahrefs` and
 *   `needs=se_ranking` a simulator, with AHREFS_API_KEY and AHREFS_API_URL, or SE_RANKING_API_KEY and SE_RANKING_API_URL. Several
 *   are joined by commas. Without them no such variable is set.
 * - `<!-- sh: exit=1 -->`: the block must end with this code; else with 0.
 * - `<!-- file: name=first.mjs -->` above any other block writes its code to that file of the project, for the commands below it.
 *   The project has the sample list as prospects.txt.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AhrefsSimulator, SERankingSimulator } from "../../src/testing/index.js"
import { setup } from "../support/globalSetup.js"
import * as Redis from "../support/redis.js"
import { type Block, settingsOf } from "./markdown.js"
import { root } from "./root.js"

type Environment = Readonly<Record<string, string>>

interface Ended {
  readonly code: number | null
  readonly output: string
}

const patience = 180_000

const own = /^(AHREFS|SE_RANKING|SEO|REDIS)_/

const run = async (script: string, cwd: string, environment: Environment): Promise<Ended> => {
  const inherited = Object.entries(process.env).filter(([name]) => !own.test(name) && !name.startsWith("npm_"))
  const child = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd,
    env: {
      ...Object.fromEntries(inherited),
      npm_config_audit: "false",
      npm_config_fund: "false",
      npm_config_prefer_offline: "true",
      npm_config_update_notifier: "false",
      ...environment
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: patience
  })
  const heard: Array<string> = []
  child.stdout.on("data", (data) => heard.push(String(data)))
  child.stderr.on("data", (data) => heard.push(String(data)))
  const [code] = (await once(child, "close")) as [number | null]
  return { code, output: heard.join("") }
}

/** What CI runs itself, wherever it stands in a block. */
const ciCommand = /(?<=^|&&|;)[ \t]*(npm ci|npm test)[ \t]*(?=$|&&|;)/gm

/** The block without what CI runs; what of that CI does not run is an error. */
export const withoutCi = (
  code: string,
  ci: string
): { readonly script: string; readonly missing: ReadonlyArray<string> } => {
  const missing: Array<string> = []
  const script = code.replace(ciCommand, (_, command: string) => {
    if (!ci.split("\n").includes(command)) missing.push(command)
    return " true "
  })
  return { script, missing }
}

/** `npm install effect-seo-providers` installs what this checkout packs. */
export const withTarball = (script: string, tarball: string): string =>
  script.replace(
    /^(\s*(?:npm install|npm i)\b.*?\s)effect-seo-providers(?=\s|$)/gm,
    (_, before: string) => before + tarball
  )

const simulators = {
  AHREFS: Layer.discard(AhrefsSimulator.layerServer()),
  SE_RANKING: Layer.discard(SERankingSimulator.layerServer())
}

const loopback = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })

const served = (provider: keyof typeof simulators): Effect.Effect<Environment, never, Scope.Scope> =>
  Layer.build(Layer.provideMerge(simulators[provider], loopback)).pipe(
    Effect.flatMap((context) => Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), context)),
    Effect.orDie,
    Effect.map((url) => ({ [`${provider}_API_KEY`]: "any-key-will-do-here", [`${provider}_API_URL`]: url }))
  )

const needed = {
  redis: Effect.suspend(() => {
    // CI checks the pages before the tests, which install what the machine lacks.
    if (spawnSync("redis-server", ["--version"], { stdio: "ignore" }).status !== 0) setup()
    return Effect.map(Redis.start(), ({ url }): Environment => ({ REDIS_URL: url }))
  }),
  ahrefs: served("AHREFS"),
  se_ranking: served("SE_RANKING")
}

const environmentOf = (block: Block) =>
  Effect.map(
    Effect.forEach(settingsOf(block, "sh")?.["needs"]?.split(",") ?? [], (name) =>
      name in needed
        ? needed[name as keyof typeof needed]
        : Effect.dieMessage(`${block.file}:${block.line}: nobody can give "${name}"`)
    ),
    (all): Environment => Object.assign({}, ...all)
  )

const versionOf = async (name: string): Promise<string> =>
  JSON.parse(await readFile(join(root, "node_modules", name, "package.json"), "utf8")).version

/** Where a reader's commands run, and what is installed where they install the package. */
export interface Project {
  readonly path: string
  readonly tarball: string
}

/** A project with the packed package and its peers, at the versions of this checkout. */
export const reader: Effect.Effect<Project, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    if (!existsSync(join(root, "dist/index.js"))) throw new Error("There is no dist to pack: npm run build comes first")
    const path = await mkdtemp(join(tmpdir(), "effect-seo-providers-commands-"))
    const packed = await run(`npm pack --silent --ignore-scripts --pack-destination ${path}`, root, {})
    const tarball = join(path, packed.output.trim().split("\n").at(-1) ?? "")
    const peers = await Promise.all(
      ["effect", "@effect/platform"].map(async (name) => `${name}@${await versionOf(name)}`)
    )
    await writeFile(join(path, "package.json"), JSON.stringify({ name: "reader", private: true, type: "module" }))
    await cp(join(root, "examples/prospects.txt"), join(path, "prospects.txt"))
    const { code, output } = await run(`npm install ${tarball} ${peers.join(" ")}`, path, {})
    if (code !== 0) throw new Error(`The packed package cannot be installed:\n${output}`)
    return { path, tarball }
  }),
  ({ path }) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const placeOf = (block: Block): "checkout" | "project" => {
  const said = settingsOf(block, "sh")?.["in"]
  if (said === "checkout" || said === "project") return said
  return /\bnpm (run|ci|test)\b/.test(block.code) ? "checkout" : "project"
}

/** What did not end as its page says. */
export const commandErrors = (
  blocks: ReadonlyArray<Block>,
  project: Effect.Effect<Project, never, Scope.Scope> = reader
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const ci = yield* Effect.promise(() => readFile(join(root, ".ci/run"), "utf8"))
      const { path, tarball } = yield* project
      /** Pages say the same thing twice: it is run once. */
      const ended = new Map<string, Ended>()
      return yield* Effect.forEach(blocks, (block) =>
        Effect.scoped(
          Effect.gen(function* () {
            const file = settingsOf(block, "file")?.["name"]
            if (file !== undefined) {
              yield* Effect.promise(() => writeFile(join(path, file), block.code))
              ended.clear()
            }
            if (block.language !== "sh") return []
            const at = `${block.file}:${block.line}`
            const { missing, script } = withoutCi(block.code, ci)
            const place = placeOf(block)
            const id = JSON.stringify([place, script, settingsOf(block, "sh")?.["needs"]])
            const before = ended.get(id)
            const environment = before === undefined ? yield* environmentOf(block) : {}
            const { code, output } =
              before ??
              (yield* Effect.promise(() =>
                run(withTarball(script, tarball), place === "checkout" ? root : path, {
                  SEO_CACHE_DIR: join(path, "cache"),
                  ...environment
                })
              ))
            ended.set(id, { code, output })
            const wanted = Number(settingsOf(block, "sh")?.["exit"] ?? 0)
            const wrong = code === wanted ? [] : [`${at}: ended with ${code}, not ${wanted}:\n${output.slice(-2_000)}`]
            return [...missing.map((command) => `${at}: .ci/run does not run "${command}"`), ...wrong]
          })
        )
      )
    })
  ).pipe(Effect.map((all) => all.flat()))
