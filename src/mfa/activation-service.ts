import type { Account } from '../accounts/account.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { AfterCommit } from '../db/transact.ts'
import type { TrustedDeviceStore } from '../devices/trusted-device-store.ts'
import { AppError } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { factorAddedNotice } from '../messaging/notices.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { RenewToken, TokenRenewalStores } from '../sessions/token-renewal-service.ts'
import type { BackupCodes, PrepareBackupCodes, PreparedBackupCodes } from './backup-codes-service.ts'
import type { Factor } from './factor.ts'
import type { FactorStore } from './factor-store.ts'

export interface ActivationStores extends TokenRenewalStores {
  readonly factors: Pick<FactorStore, 'activate' | 'listActive' | 'replaceBackupCodes' | 'setEnabled'>
  readonly trustedDevices: Pick<TrustedDeviceStore, 'revokeAll'>
  readonly events: Pick<EventStore, 'append'>
  readonly messages: Pick<MessageStore, 'enqueue'>
}

export interface ActivationDeps {
  readonly prepareBackupCodes: PrepareBackupCodes
  readonly renewToken: RenewToken
  readonly wakeMailRelay: () => void
  readonly now: Clock
}

export interface MfaActivated {
  readonly kind: 'mfaActivated'
  readonly factor: Factor
  /** Null unless it is the user's first factor. */
  readonly backupCodes: BackupCodes | null
  readonly sessionToken: string
}

export interface FactorActivation {
  /** Codes for a first factor, made before the transaction; null for a later one. */
  prepare(caller: SignedInCaller): Promise<PreparedBackupCodes | null>
  /** Puts a factor in force whose first code was right, under its owner's lock. Throws CHALLENGE_EXPIRED when it is gone. */
  activate(
    stores: ActivationStores & AfterCommit,
    factorId: string | null,
    owner: Account,
    prepared: PreparedBackupCodes | null,
    caller: SignedInCaller,
    client: ClientInfo,
  ): Promise<MfaActivated>
}

/** The end of an enrolment. */
export const createFactorActivation = (deps: ActivationDeps): FactorActivation => {
  const { prepareBackupCodes, renewToken, wakeMailRelay, now } = deps
  return {
    prepare: async ({ account }) => (account.mfaEnabled ? null : prepareBackupCodes()),

    async activate(stores, factorId, owner, prepared, caller, client) {
      const { factors, trustedDevices, events, messages, afterCommit } = stores
      const at = now()
      const isPreferred = (await factors.listActive(owner.id)).length === 0
      const factor = factorId && (await factors.activate(factorId, isPreferred, at))
      if (!factor) throw new AppError('CHALLENGE_EXPIRED')
      const backupCodes = owner.mfaEnabled ? null : prepared
      const about = { outcome: 'SUCCESS', userId: owner.id, sessionId: caller.session.id, client } as const
      const reports: EventReport[] = [
        { ...about, type: 'MFA_ENROLLED', details: { method: factor.method, factorId: factor.id } },
      ]
      if (backupCodes) {
        await factors.replaceBackupCodes(owner.id, backupCodes.hashes, at)
        reports.push({ ...about, type: 'BACKUP_CODES_GENERATED', details: { count: backupCodes.codes.length } })
      }
      const account = owner.mfaEnabled ? owner : await factors.setEnabled(owner.id, true)
      const devices = await trustedDevices.revokeAll(owner.id, at)
      if (devices > 0) {
        reports.push({ ...about, type: 'DEVICE_TRUST_REVOKED', details: { reason: 'factors changed', devices } })
      }
      await events.append(...reports)
      await messages.enqueue(factorAddedNotice(owner.email, factor.label, { ipAddress: client.ipAddress, at }), at)
      afterCommit(async () => wakeMailRelay())
      const { sessionToken } = await renewToken(stores, caller, account, factor.method)
      const shown = backupCodes && { codes: backupCodes.codes, createdAt: backupCodes.createdAt }
      return { kind: 'mfaActivated', factor, backupCodes: shown, sessionToken }
    },
  }
}
