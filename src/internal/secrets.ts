/**
 * API keys as they lie in a table: AES-256-GCM, under a master key that the database does not have.
 *
 * The row that a key belongs to is authenticated with it, so a text that was copied to another row is refused, and a master key is
 * found by its id and never by trying.
 */
import * as ConfigError from "effect/ConfigError"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createCipheriv, createDecipheriv, createHash, createSecretKey, type KeyObject, randomBytes } from "node:crypto"
import { UndecryptableKey, UnknownMasterKey, type Which } from "../Integrations.js"

export interface Place extends Which {
  readonly id: string
}

export interface Keyring {
  /** The id of the master key that encrypts. */
  readonly keyId: string
  readonly encrypt: (place: Place, apiKey: Redacted.Redacted) => string
  readonly decrypt: (
    place: Place,
    text: unknown
  ) => Either.Either<Redacted.Redacted, UnknownMasterKey | UndecryptableKey>
  /** Whether the text is under the master key that encrypts. */
  readonly isCurrent: (text: unknown) => boolean
}

const algorithm = "aes-256-gcm"
const keyBytes = 32
const ivBytes = 12
const authTagLength = 16

/** Several texts decode to the same bytes; only the one that the bytes encode to is taken. */
const base64Url = (length?: number) =>
  Schema.String.pipe(
    Schema.filter((text) => {
      const bytes = Buffer.from(text, "base64url")
      return bytes.toString("base64url") === text && (length === undefined || bytes.length === length)
    })
  )

const Envelope = Schema.parseJson(
  Schema.Struct({
    v: Schema.Literal(1),
    alg: Schema.Literal("A256GCM"),
    kid: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{16}$/)),
    iv: base64Url(ivBytes),
    ct: base64Url(),
    tag: base64Url(authTagLength)
  })
)

const decode = Schema.decodeUnknownOption(Envelope, { onExcessProperty: "error" })

/** As an array, since a tenant's id may hold whatever would be the separator. */
const boundTo = ({ id, provider, tenant }: Place, keyId: string): Buffer =>
  Buffer.from(JSON.stringify(["integrations", tenant, provider, id, "api_key", "v1", keyId]))

/** Zeros, a pattern or a passphrase instead of random bytes: one in 10^13 random keys is refused for it. */
const isWeak = (bytes: Uint8Array): boolean =>
  new Set(bytes).size < 12 || bytes.every((byte) => byte >= 0x20 && byte < 0x7f)

/** In standard base64 or base64url, with or without its padding. */
const bytesOf = (masterKey: Redacted.Redacted): Option.Option<Buffer> => {
  const text = Redacted.value(masterKey).trim().replace(/=$/, "")
  const bytes = Buffer.from(text, "base64")
  const isExact = [bytes.toString("base64").replace(/=$/, ""), bytes.toString("base64url")].includes(text)
  return isExact && bytes.length === keyBytes && !isWeak(bytes) ? Option.some(bytes) : Option.none()
}

/** The first master key encrypts, all of them decrypt. */
export const keyring = (
  masterKeys: ReadonlyArray<Redacted.Redacted>
): Either.Either<Keyring, ConfigError.ConfigError> => {
  const keys = new Map<string, KeyObject>()
  for (const [i, masterKey] of masterKeys.entries()) {
    const bytes = Option.getOrUndefined(bytesOf(masterKey))
    if (bytes === undefined) {
      const what = `Master key ${i + 1} must be 32 random bytes in base64, as "openssl rand -base64 32" prints them.`
      return Either.left(ConfigError.InvalidData(["masterKeys"], what))
    }
    keys.set(createHash("sha256").update(bytes).digest("hex").slice(0, 16), createSecretKey(bytes))
  }
  const [first] = keys
  if (first === undefined) return Either.left(ConfigError.MissingData(["masterKeys"], "There is no master key."))
  const [keyId, key] = first

  return Either.right({
    keyId,
    encrypt: (place, apiKey) => {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv(algorithm, key, iv, { authTagLength }).setAAD(boundTo(place, keyId))
      const ct = Buffer.concat([cipher.update(Redacted.value(apiKey), "utf8"), cipher.final()])
      const [iv64, ct64, tag] = [iv, ct, cipher.getAuthTag()].map((bytes) => bytes.toString("base64url"))
      return JSON.stringify({ v: 1, alg: "A256GCM", kid: keyId, iv: iv64, ct: ct64, tag })
    },
    decrypt: (place, text) => {
      const { id, provider, tenant } = place
      const damaged = () =>
        new UndecryptableKey({
          id,
          provider,
          tenant,
          message: `The key of ${provider} of "${tenant}" is damaged or was moved here from another row: store it again.`
        })
      const envelope = Option.getOrUndefined(decode(text))
      if (envelope === undefined) return Either.left(damaged())
      const { ct, iv, kid, tag } = envelope
      const key = keys.get(kid)
      if (key === undefined) {
        return Either.left(
          new UnknownMasterKey({
            id,
            provider,
            tenant,
            keyId: kid,
            message: `The key of ${provider} of "${tenant}" is encrypted with the master key ${kid}, which is not among those given: give it too, or store the key again.`
          })
        )
      }
      // What it throws is dropped: it says no more than that the tag is wrong.
      return Either.try({
        try: () => {
          const decipher = createDecipheriv(algorithm, key, Buffer.from(iv, "base64url"), { authTagLength })
            .setAAD(boundTo(place, kid))
            .setAuthTag(Buffer.from(tag, "base64url"))
          const bytes = Buffer.concat([decipher.update(Buffer.from(ct, "base64url")), decipher.final()])
          return Redacted.make(bytes.toString("utf8"))
        },
        catch: damaged
      })
    },
    isCurrent: (text) => Option.exists(decode(text), ({ kid }) => kid === keyId)
  })
}
