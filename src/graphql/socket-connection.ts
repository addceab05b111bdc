import { setTimeout as pause } from 'node:timers/promises'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { SessionEnd } from '../sessions/session-watch-service.ts'
import type { Incoming } from './context.ts'

type EndListener = (end: SessionEnd | null) => void

/** A socket whose caller is known. */
export interface Connection {
  readonly incoming: Incoming
  /** As it was when the socket opened. */
  readonly caller: SignedInCaller
  /** How its session ended; undefined while it is live, as far as this server knows. */
  readonly end: () => SessionEnd | undefined
  /** Calls `listener` when it ends, with what `finish` is given, until the returned function is called; at once where it has ended. */
  readonly onEnd: (listener: EndListener) => () => void
  /** Waits for what tells the client of the end, before the socket is closed. */
  readonly delayClose: (work: Promise<void>) => void
  /** Ends it: closes the socket as soon as the client was told, null where there is nothing to tell. */
  readonly finish: EndListener
}

const longestFarewellMs = 500

/** `close` gets the reason for the client. It is called once. */
export const createConnection = (
  incoming: Incoming,
  caller: SignedInCaller,
  close: (reason: string) => void,
): Connection => {
  const listeners = new Set<EndListener>()
  const farewells = new Set<Promise<void>>()
  let end: SessionEnd | null | undefined
  return {
    incoming,
    caller,
    end: () => end ?? undefined,
    onEnd(listener) {
      if (end === undefined) listeners.add(listener)
      else listener(end)
      return () => listeners.delete(listener)
    },
    delayClose(work) {
      farewells.add(work)
      void work.finally(() => farewells.delete(work))
    },
    finish(how) {
      if (end !== undefined) return
      end = how
      for (const listener of listeners) listener(how)
      void Promise.race([Promise.all(farewells), pause(longestFarewellMs)]).then(() =>
        close(how?.reason ?? 'UNAUTHENTICATED'),
      )
    },
  }
}
