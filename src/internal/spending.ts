/** A service whose calls are made on behalf of a tenant, whatever fiber makes them. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as Spender from "../Spender.js"

const isStream = (u: unknown): u is Stream.Stream<unknown, unknown, unknown> =>
  Predicate.hasProperty(u, Stream.StreamTypeId)

/** Of each member: an effect, or a function that gives an effect or a stream. The job stays the one of the caller. */
export const spending = <S extends object>(tenant: string, service: S): S => {
  // One object for all calls without a job: the ledger knows a spender by what it is.
  const alone: Spender.Spender = { tenant, job: null }
  const own = Effect.locallyWith(Spender.current, ({ job }) => (job === null ? alone : { tenant, job }))
  const spent = (value: unknown): unknown => {
    // An effect can be run as a stream too, so it is asked for first.
    if (Effect.isEffect(value)) return own(value)
    // Pull by pull: what else runs in the fiber between two pulls is not the tenant's.
    if (isStream(value)) return Stream.fromPull(Effect.map(Stream.toPull(value), own))
    if (!Predicate.isFunction(value)) return value
    // Safe: a function of unknown arguments takes those it is given.
    const member = value as (...args: ReadonlyArray<unknown>) => unknown
    return (...args: ReadonlyArray<unknown>) => spent(member(...args))
  }
  // Safe: every member keeps its type.
  return Object.fromEntries(Object.entries(service).map(([name, member]) => [name, spent(member)])) as S
}
