/** A server on loopback that says whatever it is told to: what no simulator says. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"

/** Its address; when the scope ends, so do its connections. */
export const listening = (server: Server): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      await once(server.listen(0, "127.0.0.1"), "listening")
      // Safe: it listens on a port.
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    }),
    () =>
      Effect.promise(async () => {
        const closed = once(server, "close")
        server.close()
        server.closeAllConnections()
        await closed
      })
  )
