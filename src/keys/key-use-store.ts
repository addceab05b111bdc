import { sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { auditArchives, auditCheckpoints, auditHead } from '../db/tables/audit.ts'
import { trustedDevices } from '../db/tables/devices.ts'
import { userSessions } from '../db/tables/sessions.ts'
import type { KeyUse, TokensOfKey } from './key-use.ts'

export type KeyUseStore = ReturnType<typeof createKeyUseStore>

/** What depends on a key without being sealed under it. */
export const createKeyUseStore = (db: Db) => ({
  /**
   * Of the key whose audit key this is. It was the newest of the ring until it last sealed the security log, as far as that tells:
   * tokens made by then may bear its checksum.
   */
  async useOf(auditKeyId: string): Promise<Omit<KeyUse, 'keyId' | 'sealed'>> {
    const [row] = await db.execute<UseRow>(sql`
      with newest as (
        select greatest(
          (select max(sealed_at) from ${auditCheckpoints} where key_id = ${auditKeyId}),
          (select max(sealed_at) from ${auditHead} where key_id = ${auditKeyId})
        ) as until
      )
      select sessions.*, devices.*,
        exists (select 1 from ${auditHead} where key_id = ${auditKeyId}) as "hasSignedHead",
        (select count(*)::integer from ${auditArchives} where key_id = ${auditKeyId}) as archives
      from
        (select count(*)::integer as sessions, max(expires_at)::text as "sessionsUntil" from ${userSessions}, newest
          where ended_at is null and expires_at > now() and created_at <= newest.until) as sessions,
        (select count(*)::integer as devices, max(expires_at)::text as "devicesUntil" from ${trustedDevices}, newest
          where revoked_at is null and expires_at > now() and last_used_at <= newest.until) as devices`)
    const {
      sessions = 0,
      sessionsUntil = null,
      devices = 0,
      devicesUntil = null,
      hasSignedHead = false,
      archives = 0,
    } = row ?? {}
    return {
      sessions: tokensOf(sessions, sessionsUntil),
      devices: tokensOf(devices, devicesUntil),
      hasSignedHead,
      archives,
    }
  },
})

interface UseRow extends Record<string, unknown> {
  readonly sessions: number
  readonly sessionsUntil: string | null
  readonly devices: number
  readonly devicesUntil: string | null
  readonly hasSignedHead: boolean
  readonly archives: number
}

const tokensOf = (count: number, until: string | null): TokensOfKey => ({
  count,
  until: until === null ? null : new Date(until),
})
