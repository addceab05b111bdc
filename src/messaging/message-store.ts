import { and, desc, eq, inArray, isNull, lte, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { outgoingMessages } from '../db/tables.ts'
import { secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import type { Message, SealedMessage } from './message.ts'

export type MessageStore = ReturnType<typeof createMessageStore>

const { id, recipient, subject, sealedText, createdAt, attempts, sentAt } = outgoingMessages
const messageColumns = { id, to: recipient, subject, sealedText, createdAt, attempts, sentAt }
const claimSeconds = 60 // a server that dies while sending gives its messages back after this

/** The queue of mail. Texts are sealed under the key ring, each bound to its row. */
export const createMessageStore = (db: Db, keys: KeyRing) => ({
  /** Queues a message in the transaction of the change that it tells of. */
  async enqueue(message: Message, now: Date): Promise<void> {
    const messageId = newId()
    await db.insert(outgoingMessages).values({
      id: messageId,
      recipient: message.to,
      subject: message.subject,
      sealedText: keys.seal(message.text, messageId),
      createdAt: now,
      dueAt: now,
    })
  },

  /** The text of a message. Throws when its key is not in the ring. */
  open: (message: SealedMessage): string => keys.open(message.sealedText, message.id),

  /** Takes due messages for this server alone; what it does not finish falls due again. */
  async claimDue(now: Date, limit: number): Promise<SealedMessage[]> {
    const due = db
      .select({ id })
      .from(outgoingMessages)
      .where(and(isNull(outgoingMessages.sentAt), lte(outgoingMessages.dueAt, now)))
      .orderBy(outgoingMessages.dueAt)
      .limit(limit)
      .for('update', { skipLocked: true })
    return db
      .update(outgoingMessages)
      .set({ dueAt: secondsAfter(now, claimSeconds), attempts: sql`${outgoingMessages.attempts} + 1` })
      .where(inArray(outgoingMessages.id, due))
      .returning(messageColumns)
  },

  /** A message that went out; its text, which may hold a token, goes with it unless it is to be shown. */
  async markSent(messageId: string, now: Date, keepText: boolean): Promise<void> {
    await db
      .update(outgoingMessages)
      .set(keepText ? { sentAt: now } : { sentAt: now, sealedText: '' })
      .where(eq(outgoingMessages.id, messageId))
  },

  /** A message that did not go out falls due at another time. */
  async postpone(messageId: string, dueAt: Date): Promise<void> {
    await db.update(outgoingMessages).set({ dueAt }).where(eq(outgoingMessages.id, messageId))
  },

  /** The newest messages that went out with their text kept, for the development outbox. */
  async listSent(to: string | undefined, limit: number): Promise<SealedMessage[]> {
    return db
      .select(messageColumns)
      .from(outgoingMessages)
      .where(
        and(
          sql`${outgoingMessages.sentAt} is not null and ${outgoingMessages.sealedText} <> ''`,
          to ? eq(outgoingMessages.recipient, to) : undefined,
        ),
      )
      .orderBy(desc(outgoingMessages.createdAt), desc(outgoingMessages.id))
      .limit(limit)
  },
})
