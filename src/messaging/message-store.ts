import { and, desc, eq, inArray, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { users } from '../db/tables/accounts.ts'
import { outgoingMessages } from '../db/tables/messaging.ts'
import { secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import type { Channel, Message, SealedMessage } from './message.ts'

export type MessageStore = ReturnType<typeof createMessageStore>

const { id, channel, recipient, subject, sealedText, createdAt, attempts, sentAt } = outgoingMessages
const messageColumns = { id, channel, to: recipient, subject, sealedText, createdAt, attempts, sentAt }
const isTo = (to: string) => sql`lower(${outgoingMessages.recipient}) = ${to.toLowerCase()}`
const mostCounted = 100_000
const claimSeconds = 60 // a server that dies while sending gives its messages back after this

/** The statement that queues a mail where `condition` holds, to stand in a WITH. */
export const mailInsertion = (
  { to, subject: title, text }: Message,
  keys: KeyRing,
  now: Date,
  condition: SQL,
  ownerId: string | null = null,
): SQL => {
  const messageId = newId()
  const at = sql`${now.toISOString()}::timestamptz`
  return sql`
    insert into ${outgoingMessages} (id, recipient, subject, sealed_text, created_at, due_at, user_id)
    select ${messageId}::uuid, ${to}, ${title}, ${keys.seal(text, messageId)}, ${at}, ${at}, ${ownerId}::uuid where ${condition}`
}

/** The queue of mail. Texts are sealed under the key ring, each bound to its row. */
export const createMessageStore = (db: Db, keys: KeyRing) => ({
  /** Queues a message in the transaction of the change that it tells of. */
  async enqueue(message: Message, now: Date): Promise<void> {
    await db.execute(sql`with mail as (${mailInsertion(message, keys, now, sql`true`)}) select`)
  },

  /**
   * The same, to a user whose account nobody holds locked: not one who was erased since their address was read. An erasure waits
   * for it, and takes it out. `ownerId` is whose it is, where the address is not theirs.
   */
  async enqueueTo(userId: string, message: Message, now: Date, ownerId: string | null = null): Promise<void> {
    const isThere = sql`exists (select 1 from addressee)`
    await db.execute(sql`
      with addressee as (select 1 from ${users} where id = ${userId} and status <> 'ERASED' for key share),
      mail as (${mailInsertion(message, keys, now, isThere, ownerId)}) select`)
  },

  /** Queues a message of which nothing stays once it is sent, or three days later if it can't be. */
  async enqueueLast({ to, subject: title, text }: Message, now: Date): Promise<void> {
    const messageId = newId()
    const row = { id: messageId, recipient: to, subject: title, sealedText: keys.seal(text, messageId) }
    await db.insert(outgoingMessages).values({ ...row, createdAt: now, dueAt: now, leavesNoTrace: true })
  },

  /** Notes whose the messages to an address are that its user gives up. */
  async assign(to: string, ownerId: string): Promise<void> {
    await db.update(outgoingMessages).set({ userId: ownerId }).where(isTo(to))
  },

  /** Takes out all that went, or was to go, to the address of a user, and to others and numbers of theirs. */
  async forget(ownerId: string, address: string): Promise<void> {
    await db.delete(outgoingMessages).where(or(eq(outgoingMessages.userId, ownerId), isTo(address)))
  },

  /** Keeps a message to a user that is not sent, to be shown in development. */
  async keep(kind: Channel, message: Message, now: Date, ownerId: string): Promise<void> {
    const messageId = newId()
    const { to, subject: title, text } = message
    const sealed = keys.seal(text, messageId)
    const row = { id: messageId, channel: kind, recipient: to, subject: title, sealedText: sealed, userId: ownerId }
    await db.insert(outgoingMessages).values({ ...row, createdAt: now, dueAt: now, sentAt: now })
  },

  /** Costs what `enqueue` does, and nothing is sent or shown: where time must not tell whether there was a message. */
  async discard({ text }: Message, now: Date): Promise<void> {
    const messageId = newId()
    keys.seal(text, messageId)
    const nothing = { recipient: '', subject: '', sealedText: '' }
    await db.insert(outgoingMessages).values({ id: messageId, ...nothing, createdAt: now, dueAt: now, sentAt: now })
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

  /** How many messages wait to be sent, and since when the oldest does. At most 100,000 are counted. */
  async backlog(): Promise<{ readonly count: number; readonly since: Date | null }> {
    const [row] = await db.execute<{ count: number; since: string | null }>(sql`
      select count(*)::int as count, min(created_at) as since
      from (select created_at from ${outgoingMessages} where sent_at is null order by due_at limit ${mostCounted}) as waiting`)
    return { count: row?.count ?? 0, since: row?.since ? new Date(row.since) : null }
  },

  /** A message that went out; its text, which may hold a token, goes with it unless it is to be shown, and all of it where it is to leave no trace. */
  async markSent(messageId: string, now: Date, keepText: boolean): Promise<void> {
    await db.execute(sql`
      with gone as (delete from ${outgoingMessages} where id = ${messageId} and leaves_no_trace)
      update ${outgoingMessages} set sent_at = ${now.toISOString()}, sealed_text = ${keepText ? sql`sealed_text` : ''}
      where id = ${messageId} and not leaves_no_trace`)
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
