import type { Factor } from './factor.ts'
import type { FactorStore } from './factor-store.ts'

export interface MfaStatus {
  readonly enabled: boolean
  readonly factors: readonly Factor[]
  readonly preferredFactor: Factor | null
  readonly backupCodesRemaining: number
}

/** The second factors of many users at once, in the order of the ids. */
export const createReadMfaStatuses =
  (store: Pick<FactorStore, 'listFor' | 'countBackupCodes'>) =>
  async (userIds: readonly string[]): Promise<MfaStatus[]> => {
    const [factors, backupCodes] = await Promise.all([store.listFor(userIds), store.countBackupCodes(userIds)])
    return userIds.map((userId) => {
      const own = factors.filter((factor) => factor.userId === userId)
      return {
        enabled: own.some((factor) => factor.status === 'ACTIVE'),
        factors: own,
        preferredFactor: own.find((factor) => factor.preferred) ?? null,
        backupCodesRemaining: backupCodes.get(userId) ?? 0,
      }
    })
  }
