import type { SecurityEvent } from './security-event.ts'
import { type AuditProblem, checkEvent, checkLink } from './verification.ts'
import type { VerificationStore } from './verification-store.ts'

/**
 * What to make of an event without its companion: it may be gone where the chain has the erasure of whom the event is about, or who did
 * it. The event of an erasure itself keeps its companion. The chain is asked, and no status: whoever can write tables can
 * erase a person in them, but add no link.
 */
export const createErasedUsers = (store: Pick<VerificationStore, 'erasureOf'>) => {
  const erasedBy = new Map<string, string>()

  /** The event of a user's erasure; null where the chain has none. */
  const erasureOf = async (userId: string): Promise<string | null> => {
    const known = erasedBy.get(userId)
    if (known) return known
    const erasure = await store.erasureOf(userId)
    if (!erasure || checkLink(erasure.previous, erasure.link) || checkEvent(erasure.event, erasure.link.digest))
      return null
    erasedBy.set(userId, erasure.event.id)
    return erasure.event.id
  }

  return {
    async judgeAbsent({
      id,
      userId,
      actorId,
    }: Pick<SecurityEvent, 'id' | 'userId' | 'actorId'>): Promise<AuditProblem | null> {
      for (const one of [userId, actorId]) {
        const erasure = one && (await erasureOf(one))
        if (erasure && erasure !== id) return null
      }
      return 'personalDataMissing'
    },
  }
}
