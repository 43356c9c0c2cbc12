/** The real command in a process of its own: in pipes, or in a terminal. */
import { spawn as spawnInTerminal } from "@lydell/node-pty"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { buildSync } from "esbuild"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"
import { AhrefsSimulator } from "../../src/testing/index.js"
import { canary, fresh } from "./harness.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The command in one file, which starts in a fifth of the time; what is native is found where it is installed. */
const build = (): string => {
  const caches = join(root, "node_modules/.cache")
  mkdirSync(caches, { recursive: true })
  const folder = mkdtempSync(join(caches, "effect-seo-providers-"))
  const outfile = join(folder, "main.mjs")
  buildSync({
    entryPoints: [join(root, "src/cli/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["lmdb", "@libsql/client", "pg-native"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "error"
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return outfile
}

const main = build()

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type Env = Readonly<Record<string, string>>

interface Piped {
  readonly env?: Env | undefined
  readonly stdin?: string | undefined
  readonly onStart?: ((child: ChildProcess) => void) | undefined
}

/** Nothing of this process's own environment. */
const environment = (env: Env) => ({ PATH: process.env["PATH"] ?? "", SEO_CACHE_DIR: fresh(), ...env })

/** All that is in a directory, as it is on the disk. */
export const bytesOf = (path: string): string =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .map((name) => bytesOf(join(path, name)))
        .join("\n")
    : readFileSync(path, "latin1")

const isClean = (text: string, directory: string): void => {
  assert.notInclude(text, canary)
  assert.notMatch(text, /^ +at /m)
  assert.notInclude(bytesOf(directory), canary)
}

const ran = (program: ReadonlyArray<string>, { env = {}, onStart, stdin = "" }: Piped = {}) =>
  Effect.suspend(() => {
    const given = environment(env)
    return Effect.async<Ended>((resume) => {
      const child = spawn(process.execPath, program, { cwd: root, env: given })
      let stdout = ""
      let stderr = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
      child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
      // It may end before it has read all.
      child.stdin.on("error", () => undefined).end(stdin)
      onStart?.(child)
      return Effect.sync(() => child.kill("SIGKILL"))
    }).pipe(Effect.tap(({ stderr, stdout }) => isClean(stdout + stderr, given.SEO_CACHE_DIR)))
  })

/** Without a terminal. */
export const piped = (args: ReadonlyArray<string>, options?: Piped) => ran([main, ...args], options)

/** As it is started from a clone. */
export const fromSource = (args: ReadonlyArray<string>, options?: Piped) =>
  ran(["--import", "tsx", "src/cli/main.ts", ...args], options)

interface Screen {
  /** All that was written to it so far. */
  readonly output: () => string
  /** Waits until this was written. */
  readonly until: (pattern: RegExp) => Effect.Effect<void>
  /** What a user types. */
  readonly type: (text: string) => Effect.Effect<void>
  /** Its exit code. */
  readonly ended: Effect.Effect<number>
}

/**
 * The terminal stays until the end was seen: what a process wrote last is lost where nobody reads for a moment after it ended.
 * Ctrl-C is for the command alone.
 */
const kept = `trap : INT; "$@"; printf '<ended with %s>' "$?"; read -r _`

/** In a terminal of 160 columns. */
export const inTerminal = (args: ReadonlyArray<string>, env: Env = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const given = environment({ TERM: "xterm-256color", ...env })
      const child = spawnInTerminal("bash", ["-c", kept, "bash", process.execPath, main, ...args], {
        cwd: root,
        cols: 160,
        rows: 50,
        env: given
      })
      let output = ""
      let code: number | undefined
      const changed = new Set<() => void>()
      const tell = () => changed.forEach((listener) => listener())
      child.onData((text) => {
        output += text
        const ended = /<ended with (\d+)>/.exec(output)
        if (ended !== null && code === undefined) {
          code = Number(ended[1])
          output = output.slice(0, ended.index)
          child.write("\n")
        }
        tell()
      })
      // Whoever kills the terminal, too.
      child.onExit(({ exitCode }) => {
        code ??= exitCode
        tell()
      })
      /** Waits for a change that makes it so. */
      const when = <A>(check: () => A | undefined) =>
        Effect.async<A>((resume) => {
          const listener = () => {
            const value = check()
            if (value === undefined) return
            changed.delete(listener)
            resume(Effect.succeed(value))
          }
          changed.add(listener)
          listener()
          return Effect.sync(() => changed.delete(listener))
        })
      const screen: Screen = {
        output: () => output,
        until: (pattern) =>
          Effect.flatMap(
            when(() => (pattern.test(output) ? true : code === undefined ? undefined : false)),
            (isWritten) => (isWritten ? Effect.void : Effect.dieMessage(`${pattern} was not written: ${output}`))
          ),
        type: (text) => Effect.sync(() => child.write(text)),
        ended: Effect.tap(
          when(() => code),
          () => isClean(output, given.SEO_CACHE_DIR)
        )
      }
      return { child, screen, isRunning: () => code === undefined }
    }),
    ({ child, isRunning }) => Effect.sync(() => (isRunning() ? child.kill("SIGKILL") : undefined))
  ).pipe(Effect.map(({ screen }) => screen))

export const server = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

export const ahrefs = (options: AhrefsSimulator.Options = {}) =>
  Layer.provideMerge(AhrefsSimulator.layerServer({ rateLimit: false, keys: [canary], ...options }), server)

const address = HttpServer.addressFormattedWith(Effect.succeed)
export const ahrefsEnv = Effect.map(address, (url) => ({ AHREFS_API_KEY: canary, AHREFS_API_URL: `${url}/v3` }))
