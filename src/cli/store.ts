/** Where the command keeps what was paid for: in Redis where REDIS_URL names one, else in a file of the user's. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Keyv, type KeyvEntry } from "keyv"
import * as SharedState from "../SharedState.js"
import { cacheDirectory } from "./environment.js"
import { BadUsage } from "./failure.js"

const settings = Config.all({
  redisUrl: Config.option(Config.redacted(Config.nonEmptyString("REDIS_URL"))),
  directory: cacheDirectory
})

interface Kept {
  readonly text: string
  readonly until: number
}

/** Several processes may have it open. What has ended is left out, and taken away when the file is opened. */
const fileStore = (path: string) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => clock.unsafeCurrentTimeMillis()
    // An optional dependency: it is a native one.
    const { open } = yield* Effect.tryPromise(() => import("lmdb"))
    const files = yield* Effect.acquireRelease(
      Effect.try(() => open<Kept, string>({ path, compression: true })),
      (one) => Effect.promise(() => one.close())
    )
    const ended = Array.from(files.getRange().filter(({ value }) => value.until <= now()))
    yield* Effect.tryPromise(() => Promise.all(ended.map(({ key }) => files.remove(key))))
    const read = (key: string) => {
      const kept = files.get(key)
      return kept === undefined || kept.until <= now() ? undefined : kept.text
    }
    const store = {
      get: async (key: string) => read(key),
      getMany: async (keys: Array<string>) => keys.map(read),
      set: (key: string, text: string, ttl?: number) => files.put(key, { text, until: now() + (ttl ?? Infinity) }),
      setMany: async (entries: ReadonlyArray<KeyvEntry>) => {
        await Promise.all(
          entries.map(({ key, ttl, value }) => files.put(key, { text: value, until: now() + (ttl ?? Infinity) }))
        )
      },
      delete: (key: string) => files.remove(key),
      clear: () => files.clearAsync()
    }
    const keyv = new Keyv({
      store,
      throwOnErrors: true,
      serialize: ({ value }) => value as string,
      // Safe: what is kept are texts, whatever type the reader names.
      deserialize: (text) => ({ value: text as never, expires: undefined })
    })
    const prefix = `${keyv.namespace}:`
    keyv.iterator = async function* () {
      for (const { key, value } of files.getRange({ start: prefix })) {
        if (!key.startsWith(prefix)) return
        if (value.until > now()) yield [key.slice(prefix.length), value.text]
      }
    }
    return keyv
  })

const overFile = Effect.fnUntraced(function* (dir: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(dir, { recursive: true })
  // A file on a slow disk takes longer than a server.
  return SharedState.layerKeyv(yield* fileStore(path.join(dir, "facts.mdb")), { deadline: "2 seconds" })
})

const layerOf = Effect.gen(function* () {
  const { directory, redisUrl } = yield* settings
  if (Option.isSome(redisUrl)) return SharedState.layerRedis({ url: redisUrl.value })
  if (Option.isNone(directory)) return SharedState.layerMemory()
  const file = yield* Effect.either(overFile(directory.value))
  if (file._tag === "Right") return file.right
  return yield* new BadUsage({
    message: `What is paid for cannot be kept in ${directory.value}. Set SEO_CACHE_DIR to a directory that can be written, or REDIS_URL`
  })
})

/** Whether the ledger outlives the process. */
export const isShared: Effect.Effect<boolean> = Effect.orElseSucceed(
  Effect.map(settings, ({ redisUrl }) => Option.isSome(redisUrl)),
  () => false
)

/** Of the environment. */
export const layer = Layer.unwrapScoped(layerOf).pipe(
  Layer.catchAll((error) =>
    Layer.fail(
      error._tag === "BadUsage" ? error : new BadUsage({ message: "REDIS_URL is no address of a Redis server" })
    )
  )
)
