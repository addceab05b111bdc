import { sql } from 'drizzle-orm'
import { eventInsertion } from '../audit/event-store.ts'
import type { Db } from '../db/client.ts'
import { sessionContexts } from '../db/tables/risk.ts'
import { userSessions } from '../db/tables/sessions.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import { mailInsertion } from '../messaging/message-store.ts'
import type { SessionContext } from './session-context.ts'
import type { Unusual } from './unusual-sign-in.ts'

export type SessionContextStore = ReturnType<typeof createSessionContextStore>

/** Where sessions were used that began elsewhere. */
export const createSessionContextStore = (db: Db, keys: KeyRing) => ({
  /**
   * Notes where a live session is used, and records and tells it: of any number of calls for one context one does, and none
   * once the session was in `most`. True for the one that did. Runs in a transaction, whose lock lets one count at a time.
   */
  async add(
    sessionId: string,
    { network, device }: Omit<SessionContext, 'place'>,
    { reports, mail }: Unusual,
    most: number,
    now: Date,
  ): Promise<boolean> {
    const count = sql`(select count(*) from ${sessionContexts} where session_id = ${sessionId})`
    // The next statement sees what was committed while this one waited. Where there are enough already, nobody waits.
    const held = await db.execute(sql`
      select 1 from ${userSessions} where id = ${sessionId} and ended_at is null and ${count} < ${most} for no key update`)
    if (held.length === 0) return false
    const isFirst = sql`exists (select 1 from context)`
    const [row] = await db.execute<{ is_first: boolean }>(sql`
      with context as (
        insert into ${sessionContexts} (session_id, network, label, first_seen_at)
        select ${sessionId}::uuid, ${network}, ${device}, ${now.toISOString()}::timestamptz where ${count} < ${most}
        on conflict do nothing
        returning session_id
      ),
      ${eventInsertion(reports, now, { condition: isFirst })},
      notice as (${mailInsertion(mail, keys, now, isFirst)})
      select ${isFirst} as is_first`)
    return row?.is_first ?? false
  },
})
