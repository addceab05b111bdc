import { lte } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { deleteInBatches } from '../db/delete-in-batches.ts'
import { knownDevices } from '../db/tables.ts'

/** Where users signed in before. Written with each sign-in, by the statement that opens the session. */
export const createKnownDeviceStore = (db: Db) => ({
  /** Forgets devices that were not seen for long. */
  async purge(before: Date): Promise<void> {
    await deleteInBatches(db, knownDevices, lte(knownDevices.lastSeenAt, before))
  },
})
