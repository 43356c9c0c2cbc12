import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    globalSetup: "test/support/globalSetup.ts",
    // Many tests wait for processes: one worker, the default of two cores, would leave half of the machine idle.
    poolOptions: { forks: { minForks: 1, maxForks: Math.max(2, availableParallelism() - 1) } },
    // Properties over many large batches take seconds, and many on a machine that is busy.
    testTimeout: 30_000
  }
})
