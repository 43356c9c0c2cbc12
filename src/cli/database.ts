/** The store of tenants: PostgreSQL or a libSQL file, at SEO_DATABASE_URL. */
import * as FileSystem from "@effect/platform/FileSystem"
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Integrations } from "../Integrations.js"
import * as IntegrationsSql from "../IntegrationsSql.js"
import { dataDirectory, messages } from "./environment.js"
import { BadUsage, Failed } from "./failure.js"

const settings = Config.all({
  url: Config.option(Config.redacted(Config.nonEmptyString("SEO_DATABASE_URL"))),
  directory: dataDirectory
})

const unusable = new BadUsage({ message: "SEO_DATABASE_URL must be postgres://..., file:... or libsql://..." })

/** The drivers are loaded by whoever needs them: libSQL's is an optional dependency. */
const ofUrl = (url: Redacted.Redacted) => {
  const text = Redacted.value(url)
  if (/^postgres(ql)?:\/\/./i.test(text) && URL.canParse(text)) {
    return Effect.map(
      Effect.promise(() => import("@effect/sql-pg/PgClient")),
      (driver): Layer.Layer<SqlClient.SqlClient, unknown> => driver.layer({ url })
    )
  }
  if (!/^(file:|libsql:\/\/|https?:\/\/)./i.test(text)) return unusable
  return Effect.map(
    Effect.tryPromise({
      try: () => import("@effect/sql-libsql/LibsqlClient"),
      catch: () => new BadUsage({ message: "A database in a file needs a driver: npm install @libsql/client" })
    }),
    (driver): Layer.Layer<SqlClient.SqlClient, unknown> => driver.layer({ url: text })
  )
}

/** The driver's own message, which may be a defect, can quote the URL, and with it a password. */
const opened = (layer: Layer.Layer<SqlClient.SqlClient, unknown>): Layer.Layer<SqlClient.SqlClient, Failed> =>
  Layer.catchAllCause(layer, () =>
    Layer.fail(new Failed({ message: "The database at SEO_DATABASE_URL cannot be opened" }))
  )

export const layer: Layer.Layer<SqlClient.SqlClient, BadUsage | Failed, FileSystem.FileSystem> = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { directory, url } = yield* Effect.mapError(settings, (error) => new BadUsage({ message: messages(error) }))
    if (Option.isSome(url)) return opened(yield* ofUrl(url.value))
    if (Option.isNone(directory)) {
      return yield* new BadUsage({ message: "There is no place for the tenants: set SEO_DATABASE_URL" })
    }
    const fs = yield* FileSystem.FileSystem
    const dir = directory.value
    yield* Effect.mapError(
      fs.makeDirectory(dir, { recursive: true, mode: 0o700 }),
      () => new BadUsage({ message: `${dir} cannot be made: set SEO_DATABASE_URL` })
    )
    return opened(yield* ofUrl(Redacted.make(`file:${dir}/integrations.db`)))
  })
)

export const masterKeys: Effect.Effect<IntegrationsSql.MasterKeys, BadUsage> = Effect.mapError(
  IntegrationsSql.masterKeys(Config.redacted(Config.nonEmptyString("SEO_MASTER_KEYS"))),
  () =>
    new BadUsage({
      message:
        "SEO_MASTER_KEYS is not set. It encrypts the keys of the tenants; make one with `openssl rand -base64 32`, and keep it " +
        "outside of the database"
    })
)

/** The tenants of the database. */
export const integrations: Layer.Layer<Integrations, BadUsage | Failed, SqlClient.SqlClient> = Layer.unwrapEffect(
  Effect.map(masterKeys, (masterKeys) => IntegrationsSql.layer({ masterKeys }))
).pipe(
  Layer.catchAll((error) =>
    Layer.fail(
      error._tag === "BadUsage"
        ? error
        : error._tag === "SqlError"
          ? new Failed({ message: "The table of the integrations cannot be made" })
          : new BadUsage({ message: `SEO_MASTER_KEYS: ${messages(error)}` })
    )
  )
)
