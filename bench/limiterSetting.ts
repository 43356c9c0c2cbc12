/** What the processes of a trial of the limiter agree on. */
import * as Schema from "effect/Schema"

/** Calls a second, as every process is told. */
export const rate = 10
export const upstreamMillis = 100

/** What one process does for one tenant. `name` begins its domains: no two processes ask for the same fact. */
export const Task = Schema.Struct({
  name: Schema.String,
  tenant: Schema.String,
  work: Schema.Union(
    /** So many callers who ask anew as soon as they are answered, until the process is ended. */
    Schema.TaggedStruct("Load", { callers: Schema.Number }),
    /** So many look-ups at once. */
    Schema.TaggedStruct("Calls", { calls: Schema.Number }),
    /** So many groups of look-ups, one after the other: not sooner than `everyMillis` after the one before has begun. */
    Schema.TaggedStruct("Groups", { groups: Schema.Number, size: Schema.Number, everyMillis: Schema.Number })
  )
})

export interface Task extends Schema.Schema.Type<typeof Task> {}

/** Milliseconds that each look-up or group waited, and the errors of those that failed. */
export const Report = Schema.Struct({ waits: Schema.Array(Schema.Number), failures: Schema.Array(Schema.String) })
