import type { Account } from '../accounts/account.ts'
import type { Factor } from './factor.ts'
import type { FactorStore } from './factor-store.ts'
import type { Policies } from './policy-service.ts'

export interface MfaStatus {
  readonly enabled: boolean
  readonly required: boolean
  /** Null where nothing is owed. */
  readonly graceEndsAt: Date | null
  readonly factors: readonly Factor[]
  readonly preferredFactor: Factor | null
  readonly backupCodesRemaining: number
}

export interface MfaStatusDeps {
  readonly factors: Pick<FactorStore, 'listFor' | 'countBackupCodes'>
  readonly policies: Pick<Policies, 'isRequired' | 'graceEndOf'>
}

/** The second factors of many users at once, in the order asked for. */
export const createReadMfaStatuses =
  ({ factors: store, policies }: MfaStatusDeps) =>
  async (accounts: readonly Account[]): Promise<MfaStatus[]> => {
    const userIds = accounts.map(({ id }) => id)
    const [factors, backupCodes] = await Promise.all([store.listFor(userIds), store.countBackupCodes(userIds)])
    return accounts.map((account) => {
      const { id: userId } = account
      const own = factors.filter((factor) => factor.userId === userId)
      const enabled = own.some((factor) => factor.status !== 'PENDING') // as it is now: the account may be a snapshot
      return {
        enabled,
        required: policies.isRequired(account),
        graceEndsAt: policies.graceEndOf({ ...account, mfaEnabled: enabled }),
        factors: own,
        preferredFactor: own.find((factor) => factor.preferred) ?? null,
        backupCodesRemaining: backupCodes.get(userId) ?? 0,
      }
    })
  }
