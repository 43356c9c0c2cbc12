import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    globalSetup: "test/support/globalSetup.ts",
    // Many tests wait for processes: with a worker less than cores, the default, a small machine would be idle for much of the time.
    poolOptions: { forks: { minForks: 1, maxForks: Math.max(3, availableParallelism() - 1) } },
    // Properties over many large batches take seconds, and many on a machine that is busy.
    testTimeout: 30_000
  }
})
