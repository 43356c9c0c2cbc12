import { assert, it } from "@effect/vitest"
import { createRequire } from "node:module"
import { version } from "../../src/internal/version.js"

it("is that of package.json", () => {
  const manifest = createRequire(import.meta.url)("../../package.json") as { readonly version: string }
  assert.strictEqual(version, manifest.version)
})
