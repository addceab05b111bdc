import { setTimeout as pause } from 'node:timers/promises'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { SessionEnd } from '../sessions/session-watch-service.ts'
import type { Incoming } from './context.ts'

/** A socket whose caller is known. */
export interface Connection {
  readonly incoming: Incoming
  /** As it was when the socket opened. */
  readonly caller: SignedInCaller
  /** How its session ended; undefined while it is live, as far as this server knows. */
  readonly end: () => SessionEnd | undefined
  readonly ended: Promise<SessionEnd | null>
  /** Waits for what tells the client of the end, before the socket is closed. */
  readonly delayClose: (work: Promise<void>) => void
  /** Ends it: closes the socket as soon as the client was told, null where there is nothing to tell. */
  readonly finish: (end: SessionEnd | null) => void
}

const longestFarewellMs = 500

/** `close` gets the reason for the client. It is called once. */
export const createConnection = (
  incoming: Incoming,
  caller: SignedInCaller,
  close: (reason: string) => void,
): Connection => {
  const { promise: ended, resolve } = Promise.withResolvers<SessionEnd | null>()
  const farewells: Promise<void>[] = []
  let end: SessionEnd | null | undefined
  return {
    incoming,
    caller,
    end: () => end ?? undefined,
    ended,
    delayClose: (work) => void farewells.push(work),
    finish(how) {
      if (end !== undefined) return
      end = how
      resolve(how)
      void Promise.race([Promise.all(farewells), pause(longestFarewellMs)]).then(() =>
        close(how?.reason ?? 'UNAUTHENTICATED'),
      )
    },
  }
}
