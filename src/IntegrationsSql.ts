/**
 * The tenants' integrations as the table `integrations`, the keys encrypted with a master key that the database never sees.
 *
 * Needs `@effect/sql` and one of its clients; PostgreSQL and libSQL are tested.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import { randomUUID } from "node:crypto"
import {
  Integrations,
  IntegrationsUnavailable,
  InvalidMetadata,
  type Listed,
  type Metadata,
  metadataOf,
  NoIntegration,
  type Service,
  usable,
  Verification,
  verifying,
  type Which
} from "./Integrations.js"
import { type Keyring, keyring } from "./internal/secrets.js"
import { Provider } from "./Operation.js"

/**
 * Makes the table where there is none; one that is there is left as it is.
 *
 * - `api_key`: the encrypted key, bound to its row: neither `id` nor `tenant_id` nor `provider` may be changed afterwards
 * - `metadata`: JSON as in `Integrations.Metadata`; NULL is `{}`
 * - `verified_at`, `verification`: when the key was checked and what came of it
 * - `created_at`, `updated_at`, `verified_at` in milliseconds since 1970
 *
 * @since 0.1.0
 * @category Migrations
 */
export const migration: Effect.Effect<void, SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    CREATE TABLE IF NOT EXISTS integrations (
      id TEXT NOT NULL PRIMARY KEY,
      tenant_id TEXT NOT NULL,
      provider TEXT NOT NULL,
      api_key TEXT NOT NULL,
      metadata TEXT,
      verified_at BIGINT,
      verification TEXT,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      UNIQUE (tenant_id, provider)
    )`
  // PostgreSQL refuses one of two that make it at the same time; then it is there.
}).pipe(Effect.retry({ times: 10 }))

/**
 * What `Migrator.fromRecord` of `@effect/sql` takes. Give the migrator a `table` of its own: the numbers begin at 1.
 *
 * @since 0.1.0
 * @category Migrations
 */
export const migrations: Readonly<Record<string, Effect.Effect<void, SqlError, SqlClient.SqlClient>>> = {
  "0001_integrations": migration
}

/**
 * Each is 32 random bytes in base64 or base64url, as `openssl rand -base64 32` prints them. The first encrypts, all decrypt.
 *
 * To change the master key without a read that fails:
 *
 * 1. every process gets `[old, new]`
 * 2. then every process gets `[new, old]`
 * 3. {@link rotate} runs until nothing is left to rotate
 * 4. every process gets `[new]`
 *
 * @since 0.1.0
 * @category Models
 */
export type MasterKeys = Arr.NonEmptyReadonlyArray<Redacted.Redacted>

/**
 * What encrypts the keys in the table.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Options {
  readonly masterKeys: MasterKeys
}

/** What is read of a row. PostgreSQL gives a BIGINT as a text. */
interface Row {
  readonly id: string
  readonly tenant_id: string
  readonly provider: string
  readonly api_key: string
  readonly metadata: string | null
  readonly verified_at: number | string | null
  readonly verification: string | null
}

type Known<R extends Pick<Row, "provider">> = R & { readonly provider: Provider }

const isProvider = Schema.is(Provider)
const isKnown = <R extends Pick<Row, "provider">>(row: R): row is Known<R> => isProvider(row.provider)

const pageSize = 500
const patience = "5 seconds"

/** The code alone: a database's own text can quote the values. */
const unavailable = ({ cause, message }: SqlError) => {
  const code = Predicate.hasProperty(cause, "code") && String(cause.code)
  const what = code && /^[A-Z0-9_]{1,40}$/.test(code) ? code : message
  return new IntegrationsUnavailable({ message: `The integrations cannot be read or written now: ${what}.` })
}

/** A database that hangs is one that does not answer; nobody waits until it has heard that nobody waits any more. */
const patiently = <A>(work: Effect.Effect<A, SqlError>): Effect.Effect<A, IntegrationsUnavailable> =>
  work.pipe(
    Effect.disconnect,
    Effect.interruptible,
    Effect.timeoutFail({ duration: patience, onTimeout: () => new SqlError({ message: `no answer in ${patience}` }) }),
    Effect.mapError(unavailable)
  )

/** Others are stored as another text or not at all, by which a tenant could be taken for a second one. */
const isStorable = (tenant: string): boolean => !/[\0\p{Surrogate}]/u.test(tenant)

const paged = <A, E>(load: (after: A | undefined) => Effect.Effect<ReadonlyArray<A>, E>): Stream.Stream<A, E> =>
  Stream.paginateChunkEffect<A | undefined, A, E, never>(undefined, (after) =>
    Effect.map(load(after), (rows) => [
      Chunk.unsafeFromArray(rows),
      rows.length < pageSize ? Option.none() : Option.some(rows.at(-1))
    ])
  )

const metadataIn = (row: Which, text: string | null): Effect.Effect<Metadata, InvalidMetadata> =>
  Effect.flatMap(
    Effect.try({
      try: (): unknown => JSON.parse(text ?? "{}"),
      catch: () =>
        new InvalidMetadata({
          tenant: row.tenant,
          provider: row.provider,
          message: "The metadata is not valid: it is no JSON."
        })
    }),
    (metadata) => metadataOf(row, metadata)
  )

const Finding = Schema.parseJson(Verification.omit("at"))
const decodeFinding = Schema.decodeUnknownOption(Finding)
const encodeFinding = Schema.encode(Finding)

/** A finding that cannot be read, because a later version wrote it, is as none. */
const verificationIn = ({ verification, verified_at }: Pick<Row, "verification" | "verified_at">) =>
  Option.map(
    Option.all([
      Option.flatMap(Option.fromNullable(verified_at), (at) => DateTime.make(Number(at))),
      decodeFinding(verification)
    ]),
    ([at, found]): Verification => ({ at, ...found })
  )

const listedOf = ({
  id,
  metadata,
  provider,
  tenant_id: tenant,
  ...row
}: Known<Omit<Row, "api_key">>): Effect.Effect<Listed, InvalidMetadata> =>
  Effect.map(metadataIn({ provider, tenant }, metadata), (metadata) => ({
    id,
    tenant,
    provider,
    metadata,
    verification: verificationIn(row)
  }))

const lost = new SqlError({ message: "others change the row all the time" })

const make = (ring: Keyring): Effect.Effect<Service, never, SqlClient.SqlClient> =>
  Effect.map(SqlClient.SqlClient, (client): Service => {
    // The embedding service may rename columns.
    const sql = client.withoutTransforms()

    const read = Effect.fnUntraced(function* (tenant: string) {
      const rows = isStorable(tenant)
        ? yield* patiently(
            sql<Row>`
              SELECT id, tenant_id, provider, api_key, metadata, verified_at, verification FROM integrations
              WHERE tenant_id = ${tenant} ORDER BY provider`
          )
        : []
      const known = yield* Effect.forEach(rows.filter(isKnown), (row) =>
        Effect.map(listedOf(row), (listed) => ({ ...listed, encrypted: row.api_key }))
      )
      if (rows.length > 0 && known.length === 0) {
        return yield* new NoIntegration({ tenant, message: `"${tenant}" has no integration of a known provider.` })
      }
      return yield* Effect.forEach(yield* usable(tenant, known), (row) =>
        Effect.map(ring.decrypt(row, row.encrypted), (apiKey) => ({ ...row, apiKey }))
      )
    })

    const list: Service["list"] = (tenant) => {
      if (tenant !== undefined && !isStorable(tenant)) return Stream.empty
      const own = tenant === undefined ? [] : [sql`tenant_id = ${tenant}`]
      return paged((after: Omit<Row, "api_key"> | undefined) => {
        const rest =
          after === undefined
            ? []
            : [sql`(tenant_id, provider, id) > (${after.tenant_id}, ${after.provider}, ${after.id})`]
        return patiently(
          sql<Omit<Row, "api_key">>`
            SELECT id, tenant_id, provider, metadata, verified_at, verification FROM integrations
            WHERE ${sql.and([...own, ...rest])} ORDER BY tenant_id, provider, id LIMIT ${pageSize}`
        )
      }).pipe(
        Stream.mapConcatEffect((row) =>
          isKnown(row)
            ? Effect.map(Effect.merge(listedOf(row)), Arr.of)
            : Effect.as(
                Effect.logWarning(`Integration ${row.id} is of no known provider, and is left out.`),
                Arr.empty<Listed>()
              )
        )
      )
    }

    /** One try: another writer may come between its two statements. */
    const write = Effect.fnUntraced(function* (
      { provider, tenant }: Which,
      apiKey: Redacted.Redacted,
      metadata: string
    ) {
      const here = sql`tenant_id = ${tenant} AND provider = ${provider}`
      const [old] = yield* sql<{ readonly id: string }>`SELECT id FROM integrations WHERE ${here} ORDER BY id LIMIT 1`
      // The key is bound to the id, which therefore stays.
      const id = old?.id ?? randomUUID()
      const now = yield* Clock.currentTimeMillis
      const row = {
        api_key: ring.encrypt({ id, provider, tenant }, apiKey),
        metadata,
        verified_at: null,
        verification: null,
        updated_at: now
      }
      const written = yield* old === undefined
        ? sql`
            INSERT INTO integrations ${sql.insert({ id, tenant_id: tenant, provider, created_at: now, ...row })}
            ON CONFLICT DO NOTHING RETURNING id`
        : sql`UPDATE integrations SET ${sql.update(row)} WHERE id = ${id} AND ${here} RETURNING id`
      return written.length > 0 ? id : yield* lost
    })

    const upsert: Service["upsert"] = Effect.fnUntraced(function* ({ apiKey, metadata, provider, tenant }) {
      const row = { provider, tenant }
      // Checked as it will be read again: JSON knows less than JavaScript.
      const text = yield* Effect.try({
        try: () => JSON.stringify(metadata ?? {}) ?? "",
        catch: () => new InvalidMetadata({ ...row, message: "The metadata is not valid: it cannot be put in JSON." })
      })
      const checked = yield* metadataIn(row, text)
      if (!isStorable(tenant)) {
        const message = "A tenant's id that holds a NUL or half a surrogate pair cannot be stored."
        return yield* new IntegrationsUnavailable({ message })
      }
      const id = yield* patiently(
        Effect.retry(write(row, apiKey, text), { times: 9, while: (error) => error === lost })
      )
      return { ...row, id, metadata: checked, verification: Option.none() }
    })

    return {
      get: (tenant) =>
        Effect.map(
          read(tenant),
          Arr.map((row) => Struct.omit(row, "encrypted"))
        ),
      list,
      upsert,
      remove: ({ provider, tenant }) =>
        isStorable(tenant)
          ? Effect.map(
              patiently(
                sql`DELETE FROM integrations WHERE tenant_id = ${tenant} AND provider = ${provider} RETURNING id`
              ),
              (rows) => rows.length > 0
            )
          : Effect.succeed(false),
      // Of a row that was changed meanwhile this says nothing.
      verify: verifying(read, ({ encrypted, id }, found) =>
        Effect.flatMap(Effect.orDie(encodeFinding(found)), (verification) =>
          patiently(
            sql`
              UPDATE integrations SET verified_at = ${DateTime.toEpochMillis(found.at)}, verification = ${verification}
              WHERE id = ${id} AND api_key = ${encrypted}`
          )
        )
      )
    }
  })

/**
 * Integrations in the table, which is made where there is none. Fails with a `ConfigError` where a master key is not as
 * {@link MasterKeys} has it.
 *
 * - `get` passes over rows of a provider that this version does not know; `list` leaves them out with a warning in the log
 * - where a table without the constraint has several rows of a tenant and provider, `upsert` changes one of them, and `remove` removes all
 * - `verify` does not store what it found where the row was changed meanwhile
 * - a database that does not answer in 5 seconds is `IntegrationsUnavailable`; an `upsert` may then have been done all the same
 *
 * @since 0.1.0
 * @category Layers
 */
export const layer = ({
  masterKeys
}: Options): Layer.Layer<Integrations, ConfigError | SqlError, SqlClient.SqlClient> =>
  Layer.effect(
    Integrations,
    // Where two processes make the table at once, PostgreSQL refuses one of them.
    Effect.flatMap(keyring(masterKeys), (ring) => Effect.zipRight(Effect.retry(migration, { times: 1 }), make(ring)))
  )

/**
 * {@link MasterKeys} from one text, separated by commas: `masterKeys(Config.redacted("SEO_MASTER_KEYS"))`.
 *
 * @since 0.1.0
 * @category Config
 */
export const masterKeys = (text: Config.Config<Redacted.Redacted>): Config.Config<MasterKeys> =>
  Config.map(text, (text) => {
    const [first = "", ...others] = Redacted.value(text).split(",")
    return [Redacted.make(first), ...others.map((key) => Redacted.make(key))]
  })

/**
 * {@link layer} with the master keys as {@link masterKeys} reads them.
 *
 * @since 0.1.0
 * @category Layers
 */
export const layerConfig = (config: {
  readonly masterKeys: Config.Config<Redacted.Redacted>
}): Layer.Layer<Integrations, ConfigError | SqlError, SqlClient.SqlClient> =>
  Layer.unwrapEffect(Effect.map(masterKeys(config.masterKeys), (masterKeys) => layer({ masterKeys })))

/**
 * A row whose key {@link rotate} cannot decrypt. As long as there is one, no master key may be dropped that may be its own.
 *
 * @since 0.1.0
 * @category Models
 */
export interface Broken {
  readonly id: string
  readonly tenant: string
  readonly provider: string
  readonly error: "UnknownMasterKey" | "UndecryptableKey" | "UnknownProvider"
  readonly message: string
}

/**
 * What {@link rotate} found. `rows` is the sum of the others.
 *
 * - `current`: rows that were under the first master key already
 * - `rotated`: rows that are now; in a dry run, those that would be
 * - `changed`: rows that somebody changed or removed meanwhile, and that are as he left them
 *
 * @since 0.1.0
 * @category Models
 */
export interface Rotation {
  readonly rows: number
  readonly current: number
  readonly rotated: number
  readonly changed: number
  readonly broken: ReadonlyArray<Broken>
}

/**
 * Encrypts the rows that are under another master key anew, under the first. Does nothing but count unless `dryRun` is false.
 *
 * It runs beside the services in use: a row that is changed meanwhile is let be. Such a row, or one that was added, may be under
 * the older key, so an older master key can be dropped when a run has `rotated`, `changed` and `broken` empty.
 *
 * @since 0.1.0
 * @category Rotation
 */
export const rotate = ({
  dryRun = true,
  masterKeys
}: Options & { readonly dryRun?: boolean | undefined }): Effect.Effect<
  Rotation,
  ConfigError | IntegrationsUnavailable,
  SqlClient.SqlClient
> =>
  Effect.gen(function* () {
    const ring = yield* keyring(masterKeys)
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    type Sealed = Pick<Row, "api_key" | "id" | "provider" | "tenant_id">
    const counts = { rows: 0, current: 0, rotated: 0, changed: 0 }
    const broken: Array<Broken> = []

    const rotateOne = Effect.fnUntraced(function* (row: Sealed) {
      const { api_key: encrypted, id, provider, tenant_id: tenant } = row
      counts.rows += 1
      if (!isProvider(provider)) {
        const message = "The provider is not known to this version."
        return void broken.push({ id, tenant, provider, error: "UnknownProvider", message })
      }
      const place = { id, provider, tenant }
      const apiKey = ring.decrypt(place, encrypted)
      if (apiKey._tag === "Left") {
        const { _tag: error, message } = apiKey.left
        return void broken.push({ ...place, error, message })
      }
      if (ring.isCurrent(encrypted)) return void (counts.current += 1)
      const rotated = dryRun
        ? [row]
        : yield* patiently(
            sql`
              UPDATE integrations SET api_key = ${ring.encrypt(place, apiKey.right)}
              WHERE id = ${id} AND api_key = ${encrypted} RETURNING id`
          )
      counts[rotated.length > 0 ? "rotated" : "changed"] += 1
    })

    yield* Stream.runForEach(
      paged((after: Sealed | undefined) =>
        patiently(
          sql<Sealed>`
            SELECT id, tenant_id, provider, api_key FROM integrations
            WHERE ${sql.and(after === undefined ? [] : [sql`id > ${after.id}`])}
            ORDER BY id LIMIT ${pageSize}`
        )
      ),
      rotateOne
    )
    return { ...counts, broken }
  })
