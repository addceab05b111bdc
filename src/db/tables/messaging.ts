import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import type { Channel } from '../../messaging/message.ts'
import { instant } from './columns.ts'

/** Mail waiting to go out, written with the change it tells of; the text is sealed, for it may hold a token. In development
 *  text messages too, to be shown. */
export const outgoingMessages = pgTable(
  'outgoing_messages',
  {
    id: uuid('id').primaryKey(),
    channel: text('channel').$type<Channel>().notNull().default('EMAIL'),
    recipient: text('recipient').notNull(),
    subject: text('subject').notNull(),
    sealedText: text('sealed_text').notNull(),
    createdAt: instant('created_at').notNull(),
    dueAt: instant('due_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    sentAt: instant('sent_at'),
    /** Whose it is, where it goes to an address that is not theirs yet, or is no more. */
    userId: uuid('user_id'),
    /** Whether nothing of it may stay once it is sent: whom it goes to is no user any more. */
    leavesNoTrace: boolean('leaves_no_trace').notNull().default(false),
  },
  (table) => [
    index('outgoing_messages_recipient').on(sql`lower(${table.recipient})`),
    index('outgoing_messages_user').on(table.userId).where(sql`user_id is not null`),
    index('outgoing_messages_traceless').on(table.createdAt).where(sql`leaves_no_trace`),
    index('outgoing_messages_due').on(table.dueAt).where(sql`sent_at is null`),
    index('outgoing_messages_sent').on(table.sentAt).where(sql`sent_at is not null`),
  ],
)
