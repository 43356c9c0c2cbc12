/** What all processes of a stampede agree on. */
export const processes = 4
export const callers = 25
export const keys: ReadonlyArray<string> = Array.from({ length: 20 }, (_, i) => `${"x".repeat(i + 1)}.com`)
export const upstreamMillis = 200
/** Each process buys keys of its own first, which nobody counts. */
export const warmUps = 25
export const warmPrefix = "warm-up-"
/** The package's two ways to ask: for each key on its own, as its peers do, or for all of them at once. */
export const names = { single: "effect-seo-providers", batch: "effect-seo-providers, 20 keys a call" } as const
