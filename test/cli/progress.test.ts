import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { PassThrough } from "node:stream"
import { WriteStream } from "node:tty"
import * as Bar from "../../src/cli/progress.js"
import type { Progress } from "../../src/ProspectScorer.js"

const hidden = "\u001b[?25l"
const shown = "\u001b[?25h"

/** What a terminal of 120 columns, or a pipe, was sent. */
const stream = (isTTY: boolean) => {
  const through = new PassThrough()
  let text = ""
  through.setEncoding("utf8").on("data", (some: string) => (text += some))
  // Safe: the bar writes, and asks for the width and whether it is a terminal.
  const fake = Object.assign(through, {
    isTTY,
    columns: 120,
    cursorTo: WriteStream.prototype.cursorTo,
    clearLine: WriteStream.prototype.clearLine
  }) as unknown as NodeJS.WriteStream
  return { fake, text: () => text }
}

const progress = (some: Partial<Progress> = {}): Progress => ({
  read: 200,
  answered: 0,
  total: 1_200,
  verdicts: { Qualified: 0, Rejected: 0, Review: 0, NeedsData: 0, Excluded: 0 },
  stage: { provider: "ahrefs", operation: "getDomainMetrics", data: ["domainRating"], sites: 200, answered: 100 },
  spent: [{ provider: "ahrefs", unit: "api_units", spent: 1_250, saved: 0, unpriced: 0 }],
  failures: [],
  remaining: null,
  ...some
})

describe("the bar", () => {
  it.effect("tells the stage, the answers, what is spent and how long it takes", () =>
    Effect.gen(function* () {
      const { fake, text } = stream(true)
      const bar = yield* Bar.make(fake)
      yield* bar.show(progress({ remaining: Duration.seconds(61.2), answered: 200 }))
      yield* bar.end
      assert.include(text(), "100/200 Ahrefs getDomainMetrics | 200 of 1,200 answered | 1,250 API units | 1m 2s left")
    }).pipe(Effect.scoped)
  )

  it.effect("counts the answers between two stages, and of a stream what was read", () =>
    Effect.gen(function* () {
      const { fake, text } = stream(true)
      const bar = yield* Bar.make(fake)
      yield* bar.show(progress({ stage: null, total: null, answered: 50, remaining: null }))
      yield* bar.end
      assert.include(text(), "50/200  | 50 answered | 1,250 API units")
      assert.notInclude(text(), "left")
    }).pipe(Effect.scoped)
  )

  it.effect("is gone while something else is written, and comes back", () =>
    Effect.gen(function* () {
      const { fake, text } = stream(true)
      const bar = yield* Bar.make(fake)
      yield* bar.show(progress())
      let before = ""
      yield* bar.aside(Effect.sync(() => (before = text())))
      // The line is empty and the cursor is seen.
      assert.match(before.slice(before.lastIndexOf("answered")), /\[2K/)
      assert.isAbove(before.lastIndexOf(shown), before.lastIndexOf(hidden))
      assert.isAbove(text().lastIndexOf(hidden), before.lastIndexOf(shown))
      yield* bar.end
    }).pipe(Effect.scoped)
  )

  it.effect("is gone when its scope ends, however that came", () =>
    Effect.gen(function* () {
      const { fake, text } = stream(true)
      const exit = yield* Effect.flatMap(Bar.make(fake), (bar) =>
        Effect.zipRight(bar.show(progress()), Effect.die("x"))
      ).pipe(Effect.scoped, Effect.exit)
      assert.isTrue(Exit.isFailure(exit))
      assert.isAbove(text().lastIndexOf(shown), text().lastIndexOf(hidden))
      assert.match(text().slice(text().lastIndexOf("answered")), /\[2K/)
    })
  )

  it.effect("has nothing to take away, or to bring back, before it was shown", () =>
    Effect.gen(function* () {
      const { fake, text } = stream(true)
      const bar = yield* Bar.make(fake)
      assert.strictEqual(yield* bar.aside(Effect.succeed(1)), 1)
      yield* bar.end
      assert.strictEqual(text(), "")
    }).pipe(Effect.scoped)
  )

  it.effect("is not there where the stream is no terminal", () =>
    Effect.gen(function* () {
      const { fake, text } = stream(false)
      const bar = yield* Bar.make(fake)
      yield* bar.show(progress())
      assert.strictEqual(yield* bar.aside(Effect.succeed(1)), 1)
      yield* bar.end
      assert.strictEqual(text(), "")
    }).pipe(Effect.scoped)
  )
})
