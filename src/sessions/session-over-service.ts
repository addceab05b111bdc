import { AppError } from '../failure.ts'
import type { SessionStore } from './session-store.ts'

/**
 * Why an act did not find its session live: SESSION_ENDED where it ended since the request came, and UNAUTHENTICATED where
 * only its token was replaced.
 */
export const sessionOver = async (sessions: Pick<SessionStore, 'find'>, id: string): Promise<AppError> => {
  const session = await sessions.find(id)
  return session?.endReason
    ? new AppError('SESSION_ENDED', { reason: session.endReason })
    : new AppError('UNAUTHENTICATED')
}
