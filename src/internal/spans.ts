/**
 * Spans of what is awaited or bought. Where no tracer listens none is made: a span costs more than many of the stages. Attributes
 * never hold a target, a tenant or a key, and a failure is told by its tag alone, as its text may quote what the provider said.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Operation, Provider, Wire } from "../Operation.js"
import { names } from "./names.js"

export type Attributes = Readonly<Record<string, string | number>>

interface Options<A> {
  readonly attributes: Attributes
  readonly kind?: Tracer.SpanKind | undefined
  /** What else was waiting for it. */
  readonly askers?: ReadonlyArray<Tracer.AnySpan> | undefined
  /** What is known at the end. */
  readonly result?: ((value: A) => Attributes) | undefined
}

/** The one that every fiber has. */
const silent = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** What a span of an operation is called: like the method. */
export const nameOf = (provider: Provider, operation: string): string =>
  `${names[provider].replace(" ", "")}.${operation}`

/** What each span of an operation says. */
export const about = <I, A>({ contract, provider }: Wire, { name }: Pick<Operation<I, A>, "name">): Attributes => ({
  "seo.provider": provider,
  "seo.operation": name,
  "seo.contract": contract
})

/** Who asks; `undefined` where nobody listens. */
export const askerOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Tracer.AnySpan | undefined =>
  fiber.currentTracer === silent ? undefined : fiber.currentSpan

/** As many as the SDKs keep. */
const maxLinks = 128

const linksOf = (
  askers: ReadonlyArray<Tracer.AnySpan>,
  parent: Tracer.AnySpan | undefined
): ReadonlyArray<Tracer.SpanLink> =>
  Array.from(new Set(askers))
    .filter((span) => span !== parent)
    .slice(0, maxLinks)
    .map((span) => ({ _tag: "SpanLink", span, attributes: {} }))

const tagOf = (cause: Cause.Cause<unknown>): string => {
  const failure = Option.getOrNull(Cause.failureOption(cause))
  if (failure === null) return "defect"
  return Predicate.hasProperty(failure, "_tag") ? String(failure._tag) : "failure"
}

const end = <A>(span: Tracer.Span, exit: Exit.Exit<A, unknown>, result?: (value: A) => Attributes) =>
  Effect.clockWith((clock) =>
    Effect.sync(() => {
      const attribute = (all: Attributes) => {
        for (const [name, value] of Object.entries(all)) span.attribute(name, value)
      }
      const at = clock.unsafeCurrentTimeNanos()
      if (Exit.isSuccess(exit)) {
        if (result !== undefined) attribute(result(exit.value))
        span.end(at, Exit.void)
      } else if (Cause.isInterruptedOnly(exit.cause)) span.end(at, Exit.interrupt(FiberId.none))
      else {
        const tag = tagOf(exit.cause)
        attribute({ "error.type": tag })
        span.end(at, Exit.fail(tag))
      }
    })
  )

export const spanned =
  <A>(name: string, { askers, attributes, kind = "internal", result }: Options<A>) =>
  <E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiberRuntime((fiber) => {
      if (fiber.currentTracer === silent) return work
      const links = askers === undefined ? [] : linksOf(askers, fiber.currentSpan)
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Effect.makeSpan(name, { attributes, kind, links, captureStackTrace: false }), (span) =>
          Effect.onExit(restore(Effect.withParentSpan(work, span)), (exit) => end(span, exit, result))
        )
      )
    })

/** Puts what is done while the scope is open into one span. */
export const scoped = (
  name: string
): Effect.Effect<<A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>, never, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) => {
    if (fiber.currentTracer === silent) return Effect.succeed(identity)
    return Effect.map(
      Effect.acquireRelease(Effect.makeSpan(name, { captureStackTrace: false }), (span, exit) => end(span, exit)),
      (span) => (work) => Effect.withParentSpan(work, span)
    )
  })

/** The wait for something that is then worked with: `begun` ends the span, which is no parent of the work. */
export const waited = <A, E, R>(
  name: string,
  attributes: Attributes,
  work: (begun: Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    if (fiber.currentTracer === silent) return work(Effect.void)
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.makeSpan(name, { attributes, captureStackTrace: false }), (span) => {
        let isOpen = true
        const ended = (exit: Exit.Exit<unknown, unknown>) =>
          Effect.suspend(() => {
            if (!isOpen) return Effect.void
            isOpen = false
            return end(span, exit)
          })
        return Effect.onExit(restore(work(ended(Exit.void))), ended)
      })
    )
  })

/** Says more of the span that is open. */
export const annotate = (name: string, value: string | number): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const span = askerOf(fiber)
    if (span?._tag === "Span") span.attribute(name, value)
    return Effect.void
  })
