import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    globalSetup: "test/support/globalSetup.ts",
    // Properties over many large batches take seconds, and many on a machine that is busy.
    testTimeout: 30_000
  }
})
