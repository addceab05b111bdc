import { and, desc, eq, gt, isNull, ne, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { trustedDevices } from '../db/tables/devices.ts'
import type { DeviceToken, TrustedDevice } from './trusted-device.ts'

export interface NewTrust {
  readonly id: string
  readonly token: DeviceToken
  readonly label: string
  readonly expiresAt: Date
}

/** A device token as it was presented, and the one that replaces it if it counts. */
export interface PresentedTrust {
  readonly token: DeviceToken
  readonly next: DeviceToken
  readonly label: string
}

export type TrustedDeviceStore = ReturnType<typeof createTrustedDeviceStore>

const mostListed = 100
const { id, userId, userAgent, createdAt, lastUsedAt, expiresAt } = trustedDevices
const columns = { id, userId, userAgent, createdAt, lastUsedAt, expiresAt }

/** The statement that uses a device's trust once, to stand in a WITH: one row when the token counts and `condition` holds. */
export const trustUse = ({ token, next, label }: PresentedTrust, owner: string, at: string, condition: SQL): SQL => sql`
  update ${trustedDevices} set token_hash = ${next.hash}, last_used_at = ${at}
  where tag = ${token.tag} and token_hash = ${token.hash} and user_id = ${owner} and label = ${label}
    and revoked_at is null and expires_at > ${at}::timestamptz and ${condition}
  returning id`

/** The statement that trusts a device from now on, to stand in a WITH. */
export const trustInsertion = (
  { id: newId, token, label, expiresAt: until }: NewTrust,
  owner: { userId: string; userAgent: string },
  at: string,
  condition: SQL,
): SQL => sql`
  insert into ${trustedDevices} (id, user_id, tag, token_hash, label, user_agent, created_at, last_used_at, expires_at)
  select ${newId}::uuid, ${owner.userId}::uuid, ${token.tag}, ${token.hash}, ${label}, ${owner.userAgent},
    ${at}::timestamptz, ${at}::timestamptz, ${until.toISOString()}::timestamptz
  where ${condition}`

/** Devices that may sign in without the second factor. */
export const createTrustedDeviceStore = (db: Db) => {
  const isLive = (owner: string, now: Date) =>
    and(eq(userId, owner), isNull(trustedDevices.revokedAt), gt(expiresAt, now))

  return {
    /** The user's trusted devices, the most recently used first. */
    async listLive(owner: string, now: Date): Promise<TrustedDevice[]> {
      return db
        .select(columns)
        .from(trustedDevices)
        .where(isLive(owner, now))
        .orderBy(desc(lastUsedAt))
        .limit(mostListed)
    },

    /** Ends the trust of one device of this user; null when there was none. */
    async revoke(owner: string, deviceId: string, now: Date): Promise<TrustedDevice | null> {
      const [row] = await db
        .update(trustedDevices)
        .set({ revokedAt: now })
        .where(and(isLive(owner, now), eq(id, deviceId)))
        .returning(columns)
      return row ?? null
    },

    /** Ends the trust of every device of this user, and returns how many there were. */
    async revokeAll(owner: string, now: Date): Promise<number> {
      const rows = await db.update(trustedDevices).set({ revokedAt: now }).where(isLive(owner, now)).returning({ id })
      return rows.length
    },

    /** Ends the trust of the device whose token was used before: somebody has a copy of it. Null when it was not. */
    async revokeCopied(owner: string, token: DeviceToken, now: Date): Promise<TrustedDevice | null> {
      const [row] = await db
        .update(trustedDevices)
        .set({ revokedAt: now })
        .where(and(isLive(owner, now), eq(trustedDevices.tag, token.tag), ne(trustedDevices.tokenHash, token.hash)))
        .returning(columns)
      return row ?? null
    },
  }
}
