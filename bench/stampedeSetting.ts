/** What all processes of a stampede agree on. */
export const processes = 4
export const callers = 25
export const keys: ReadonlyArray<string> = Array.from({ length: 20 }, (_, i) => `${"x".repeat(i + 1)}.com`)
export const upstreamMillis = 200
/** Each process buys keys of its own first, which nobody counts. */
export const warmUps = 10
export const warmPrefix = "warm-up-"
