import { desc, eq, getTableColumns, type SQL, sql } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import { emailKeyOf } from '../accounts/account.ts'
import type { Db } from '../db/client.ts'
import { emailChanges, emailConfirmations, passwordResets } from '../db/tables/accounts.ts'
import { repeatedRefusals, securityEventPersonalData, securityEvents } from '../db/tables/audit.ts'
import { attemptBudgets } from '../db/tables/budgets.ts'
import { trustedDevices } from '../db/tables/devices.ts'
import { outgoingMessages } from '../db/tables/messaging.ts'
import { backupCodes, mfaChallenges } from '../db/tables/mfa.ts'
import { consents } from '../db/tables/privacy.ts'
import { knownDevices, knownPlaces, sessionContexts } from '../db/tables/risk.ts'
import { sessionTickets, userSessions } from '../db/tables/sessions.ts'

export type ExportedRow = Readonly<Record<string, unknown>>
export type DataExportStore = ReturnType<typeof createDataExportStore>

/** What of a table belongs to whom, newest first, and the columns that open something, or are the same in all rows. */
interface Section {
  readonly table: PgTable
  readonly where: SQL
  readonly newest: PgColumn
  readonly without: readonly string[]
  /** What of a row is shown, where that is not the same for all. */
  readonly shown?: (row: ExportedRow) => ExportedRow
}

const sectionsOf = (userId: string, email: string): Readonly<Record<string, Section>> => ({
  sessions: {
    table: userSessions,
    where: eq(userSessions.userId, userId),
    newest: userSessions.createdAt,
    without: ['userId', 'tokenHash'],
  },
  contextsOfSessions: {
    table: sessionContexts,
    where: sql`session_id in (select id from ${userSessions} where user_id = ${userId})`,
    newest: sessionContexts.firstSeenAt,
    without: [],
  },
  signInsThatWaitForASession: {
    table: sessionTickets,
    where: eq(sessionTickets.userId, userId),
    newest: sessionTickets.createdAt,
    without: ['userId', 'tokenHash', 'passwordVersion'],
  },
  backupCodes: {
    table: backupCodes,
    where: eq(backupCodes.userId, userId),
    newest: backupCodes.createdAt,
    without: ['userId', 'slot', 'codeHash'], // the slot is a digit of the code
  },
  challenges: {
    table: mfaChallenges,
    where: eq(mfaChallenges.userId, userId),
    newest: mfaChallenges.createdAt,
    without: ['id', 'userId', 'passwordVersion', 'passwordHash', 'smsCodeDigest'], // whoever has the id may answer it
  },
  trustedDevices: {
    table: trustedDevices,
    where: eq(trustedDevices.userId, userId),
    newest: trustedDevices.createdAt,
    without: ['userId', 'tag', 'tokenHash'],
  },
  knownDevices: {
    table: knownDevices,
    where: eq(knownDevices.userId, userId),
    newest: knownDevices.lastSeenAt,
    without: ['userId'],
  },
  knownPlaces: {
    table: knownPlaces,
    where: eq(knownPlaces.userId, userId),
    newest: knownPlaces.lastSeenAt,
    without: ['userId'],
  },
  consents: {
    table: consents,
    where: eq(consents.userId, userId),
    newest: consents.ordinal,
    without: ['ordinal', 'userId'],
  },
  /** What others registered with the address is theirs, but for the time. */
  registrations: {
    table: emailConfirmations,
    where: eq(emailConfirmations.userId, userId),
    newest: emailConfirmations.createdAt,
    without: ['id', 'userId', 'tokenHash', 'email', 'passwordHash', 'displayName'],
  },
  passwordResets: {
    table: passwordResets,
    where: eq(passwordResets.userId, userId),
    newest: passwordResets.createdAt,
    without: ['id', 'userId', 'tokenHash'],
  },
  changesOfAddress: {
    table: emailChanges,
    where: eq(emailChanges.userId, userId),
    newest: emailChanges.createdAt,
    without: ['id', 'userId', 'tokenHash'],
  },
  failedTries: {
    table: attemptBudgets,
    where: eq(attemptBudgets.userId, userId),
    newest: attemptBudgets.windowEndsAt,
    without: ['subject', 'userId'],
  },
  messages: {
    table: outgoingMessages,
    where: sql`(lower(${outgoingMessages.recipient}) = ${emailKeyOf(email)} or ${outgoingMessages.userId} = ${userId})`,
    newest: outgoingMessages.createdAt,
    without: ['id', 'userId', 'sealedText', 'dueAt', 'leavesNoTrace'],
    shown: (message) => withoutForeignSubject(message, email),
  },
  repeatedRefusals: {
    table: repeatedRefusals,
    where: sql`report ->> 'userId' = ${userId}`,
    newest: repeatedRefusals.windowEndsAt,
    without: ['subject'],
  },
})

/** What is said to an address that a user asked for tells whether somebody has it: that it was asked for is all that is theirs (E1). */
const withoutForeignSubject = (message: ExportedRow, email: string): ExportedRow => {
  const isOwn = message.channel === 'SMS' || emailKeyOf(String(message.recipient)) === emailKeyOf(email)
  return isOwn ? message : { ...message, subject: null }
}

/** Rows about a user as they are kept, without secrets. */
export const createDataExportStore = (db: Db) => ({
  /** The sections that are lists of rows: of each the newest, one more than `most` where there are more. */
  async sections(userId: string, email: string, most: number): Promise<Record<string, ExportedRow[]>> {
    const found: Record<string, ExportedRow[]> = {}
    for (const [name, { table, where, newest, without, shown }] of Object.entries(sectionsOf(userId, email))) {
      const columns = Object.entries(getTableColumns(table)).filter(([column]) => !without.includes(column))
      const rows = await db
        .select(Object.fromEntries(columns))
        .from(table)
        .where(where)
        .orderBy(desc(newest))
        .limit(most + 1)
      found[name] = shown ? rows.map(shown) : rows
    }
    return found
  },

  /** What an administrator did to others, without whom: that is theirs. */
  async acts(userId: string, most: number): Promise<ExportedRow[]> {
    const { id, type, outcome, occurredAt, sessionId } = securityEvents
    const { ipAddress, userAgent, details } = securityEventPersonalData
    return db
      .select({ id, type, outcome, occurredAt, sessionId, ipAddress, userAgent, details })
      .from(securityEvents)
      .leftJoin(securityEventPersonalData, eq(securityEventPersonalData.eventId, id))
      .where(sql`${securityEvents.actorId} = ${userId} and ${securityEvents.userId} is distinct from ${userId}`)
      .orderBy(sql`${occurredAt} desc nulls last`, sql`${id} desc nulls last`)
      .limit(most + 1)
  },
})
