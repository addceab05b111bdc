import type { EventStore } from '../audit/event-store.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { backupCodesReplacedNotice } from '../messaging/notices.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { newBackupCodes } from './backup-code.ts'
import type { FactorStore } from './factor-store.ts'
import type { ActAsOwner } from './step-up-service.ts'

/** Codes for the day that the other factors are lost, shown once. */
export interface BackupCodes {
  readonly codes: readonly string[]
  readonly createdAt: Date
}

/** Codes with their hashes, made before any row is locked: ten hashes take their time. */
export interface PreparedBackupCodes extends BackupCodes {
  readonly hashes: readonly string[]
}

interface Stores {
  readonly factors: Pick<FactorStore, 'replaceBackupCodes'>
  readonly events: Pick<EventStore, 'append'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface BackupCodesDeps {
  readonly actAsOwner: ActAsOwner<Stores>
  readonly prepare: PrepareBackupCodes
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export type PrepareBackupCodes = () => Promise<PreparedBackupCodes>
export type RegenerateBackupCodes = (caller: SignedInCaller, client: ClientInfo) => Promise<BackupCodes>

/** One hash at a time: the queue is everybody's. */
export const createPrepareBackupCodes =
  (hash: (code: string) => Promise<string>, now: Clock): PrepareBackupCodes =>
  async () => {
    const codes = newBackupCodes()
    const hashes: string[] = []
    for (const code of codes) hashes.push(await hash(code))
    return { codes, hashes, createdAt: now() }
  }

/** Makes a new set that voids the old. Throws STEP_UP_REQUIRED, and CONFLICT for a user without a second factor. */
export const createRegenerateBackupCodes =
  ({ actAsOwner, prepare, wakeMailRelay, now }: BackupCodesDeps): RegenerateBackupCodes =>
  async (caller, client) => {
    if (!caller.account.mfaEnabled) throw new AppError('CONFLICT')
    const { hashes, codes, createdAt } = await prepare()
    await actAsOwner(caller, client, 'always', async ({ factors, events, messages, afterCommit }, owner) => {
      if (!owner.mfaEnabled) throw new AppError('CONFLICT')
      await factors.replaceBackupCodes(owner.id, hashes, createdAt)
      const about = { userId: owner.id, sessionId: caller.session.id, client, details: { count: codes.length } }
      await events.append({ type: 'BACKUP_CODES_GENERATED', outcome: 'SUCCESS', ...about })
      const occasion = { ipAddress: client.ipAddress, at: createdAt }
      await messages.enqueue(backupCodesReplacedNotice(owner.email, occasion), now())
      afterCommit(async () => wakeMailRelay())
    })
    return { codes, createdAt }
  }
