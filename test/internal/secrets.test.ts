import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import { inspect } from "node:util"
import { keyring, type Place } from "../../src/internal/secrets.js"

const masterKey = (name: string) => Redacted.make(createHash("sha256").update(name).digest("base64"))
const ringOf = (...names: ReadonlyArray<string>) => Either.getOrThrow(keyring(names.map(masterKey)))

const place: Place = { tenant: "acme", provider: "ahrefs", id: "row-1" }
const secret = "sk-very-secret"
const apiKey = Redacted.make(secret)
const ring = ringOf("one")
const text = ring.encrypt(place, apiKey)

/** The tag of the refusal, or whatever was decrypted. */
const outcome = (decrypted: ReturnType<typeof ring.decrypt>) =>
  Either.match(decrypted, { onLeft: ({ _tag }): string => _tag, onRight: Redacted.value })

/** As logs, JSON and consoles would show it. */
const shown = (value: unknown) => [JSON.stringify(value), inspect(value, { depth: 9 }), String(value)].join("\n")

describe("encrypted keys", () => {
  it.prop(
    "come back as they were, from the row they were made for",
    [FastCheck.string({ unit: "binary" }), FastCheck.string({ unit: "binary" }), FastCheck.uuid()],
    ([key, tenant, id]) => {
      const place = { tenant, provider: "se_ranking", id } as const
      const text = ring.encrypt(place, Redacted.make(key))
      assert.strictEqual(outcome(ring.decrypt(place, text)), key)
      assert.notStrictEqual(ring.encrypt(place, Redacted.make(key)), text)
    }
  )

  it("have the form that is promised", () => {
    const envelope: unknown = JSON.parse(text)
    assert.hasAllKeys(envelope, ["v", "alg", "kid", "iv", "ct", "tag"])
    assert.deepInclude(envelope, { v: 1, alg: "A256GCM", kid: ring.keyId })
    const bytes = Buffer.from(Redacted.value(masterKey("one")), "base64")
    assert.strictEqual(ring.keyId, createHash("sha256").update(bytes).digest("hex").slice(0, 16))
    assert.notInclude(text, secret)
  })

  it("are refused when any one character is another", () => {
    const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i))
    const allowed = new Set(["UnknownMasterKey", "UndecryptableKey"])
    for (let i = 0; i < text.length; i += 1) {
      for (const character of printable) {
        if (character === text[i]) continue
        const changed = text.slice(0, i) + character + text.slice(i + 1)
        assert.isTrue(allowed.has(outcome(ring.decrypt(place, changed))), changed)
      }
    }
  })

  it("are refused in every other form", () => {
    const envelope = JSON.parse(text) as Record<string, string>
    const forms: ReadonlyArray<unknown> = [
      null,
      undefined,
      "",
      secret,
      "{}",
      "[]",
      JSON.stringify({ ...envelope, more: 1 }),
      JSON.stringify({ ...envelope, v: 2 }),
      JSON.stringify({ ...envelope, alg: "none" }),
      // A shorter tag is easier to guess, and Node would take it.
      JSON.stringify({
        ...envelope,
        tag: Buffer.from(envelope["tag"]!, "base64url").subarray(0, 12).toString("base64url")
      }),
      JSON.stringify({ ...envelope, iv: `${envelope["iv"]}AAAA` }),
      JSON.stringify({ ...envelope, ct: `${envelope["ct"]}=` })
    ]
    for (const form of forms) assert.strictEqual(outcome(ring.decrypt(place, form)), "UndecryptableKey")
  })

  it("are refused in another row, of another tenant or provider", () => {
    const others: ReadonlyArray<Partial<Place>> = [{ tenant: "umbrella" }, { provider: "se_ranking" }, { id: "row-2" }]
    for (const other of others) {
      assert.strictEqual(outcome(ring.decrypt({ ...place, ...other }, text)), "UndecryptableKey")
    }
    // No separator in an id makes one row look like another.
    const one = ring.encrypt({ tenant: "a|ahrefs|b", provider: "ahrefs", id: "c" }, apiKey)
    assert.strictEqual(
      outcome(ring.decrypt({ tenant: "a", provider: "ahrefs", id: "b|ahrefs|c" }, one)),
      "UndecryptableKey"
    )
  })

  it.prop("never give a text under another master key", [FastCheck.uuid()], ([name]) => {
    const error = Either.getOrThrow(Either.flip(ringOf(name).decrypt(place, text)))
    assert.deepInclude(error, { _tag: "UnknownMasterKey", keyId: ring.keyId, id: "row-1" })
    // Nor where the text claims to be under that one.
    const other = ringOf(name)
    assert.strictEqual(outcome(other.decrypt(place, text.replace(ring.keyId, other.keyId))), "UndecryptableKey")
  })

  it("are made with the first master key, and read with all", () => {
    const both = ringOf("two", "one")
    assert.strictEqual(outcome(both.decrypt(place, text)), secret)
    const newer = both.encrypt(place, apiKey)
    assert.strictEqual(outcome(ringOf("two").decrypt(place, newer)), secret)
    assert.strictEqual(outcome(ring.decrypt(place, newer)), "UnknownMasterKey")
    assert.deepStrictEqual([both.isCurrent(text), both.isCurrent(newer), both.isCurrent("")], [false, true, false])
  })

  it("are told by nothing that can be printed", () => {
    const errors = [ringOf("two").decrypt(place, text), ring.decrypt({ ...place, id: "row-2" }, text)]
    const plain = Redacted.value(masterKey("one"))
    for (const value of [ring, ring.decrypt(place, text), ...errors, ...errors.map(Either.flip)]) {
      assert.notInclude(shown(value), secret)
      assert.notInclude(shown(value), plain)
      assert.notInclude(shown(value), JSON.parse(text).ct)
    }
  })
})

describe("master keys", () => {
  const bytes = createHash("sha256").update("one").digest()

  it("are taken in base64 and base64url, padded or not", () => {
    const standard = bytes.toString("base64")
    for (const form of [standard, standard.slice(0, -1), bytes.toString("base64url"), ` ${standard}\n`]) {
      const ring = Either.getOrThrow(keyring([Redacted.make(form)]))
      assert.strictEqual(outcome(ring.decrypt(place, text)), secret)
    }
  })

  it("are refused where they are short, long, weak or no base64, without being told", () => {
    const standard = bytes.toString("base64")
    // The last character has two bits that are none of the key's.
    const sloppy = `${standard.slice(0, 42)}${String.fromCharCode(standard.charCodeAt(42) + 1)}=`
    const refused = [
      "",
      bytes.subarray(1).toString("base64"),
      Buffer.concat([bytes, bytes]).toString("base64"),
      bytes.toString("hex"),
      sloppy,
      `${standard}=`,
      `${standard.slice(0, 20)}*${standard.slice(21)}`,
      Buffer.alloc(32).toString("base64"),
      Buffer.from("correct horse battery staple 123").toString("base64"),
      Buffer.from(bytes.toString("hex").slice(0, 32)).toString("base64")
    ]
    assert.strictEqual(Buffer.from(sloppy, "base64").toString("hex"), bytes.toString("hex"))
    for (const key of refused) {
      const error = Either.getOrThrow(Either.flip(keyring([masterKey("one"), Redacted.make(key)])))
      assert.strictEqual(error._op, "InvalidData")
      assert.include(String(error), "Master key 2 ")
      if (key !== "") assert.notInclude(shown(error), key)
    }
    assert.strictEqual(Either.getOrThrow(Either.flip(keyring([])))._op, "MissingData")
  })
})
