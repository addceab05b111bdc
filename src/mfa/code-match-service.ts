import { type Clock, secondsAfter } from '../lib/clock.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import { factorsFor, smsCodeLifetimeSeconds } from './challenge.ts'
import type { ClaimedChallenge } from './challenge-store.ts'
import { type MfaMethod, seedBinding } from './factor.ts'
import type { SealedFactor } from './factor-store.ts'
import type { Proof } from './proof.ts'
import { smsCodeDigests } from './sms-code.ts'
import { matchTimeStep } from './totp.ts'
import type { TypedCode } from './typed-code.ts'

export interface CodeMatchDeps {
  readonly verifyBackupCode: (stored: string | null, code: string) => Promise<boolean>
  readonly keys: KeyRing
  readonly now: Clock
}

export interface CodeMatch {
  /** Null when the code is wrong. */
  readonly proof: Proof | null
  readonly method: MfaMethod
  /** Whether the code is known to have been used before. False proves nothing: only the statement that takes it can tell. */
  readonly isReplay: boolean
  /** The factors that the code was compared with: a wrong one counts against each. */
  readonly compared: readonly SealedFactor[]
}

/** Compares a code with what may answer the challenge. Says nothing of replay, which only one statement can decide. */
export type MatchCode = (claimed: ClaimedChallenge, code: TypedCode, method: MfaMethod | null) => Promise<CodeMatch>

export const createMatchCode = ({ verifyBackupCode, keys, now }: CodeMatchDeps): MatchCode => {
  const matchApp = (apps: readonly SealedFactor[], code: string): Proof | null => {
    for (const { id, userId, sealedSecret } of apps) {
      const timeStep = matchTimeStep(keys.open(sealedSecret, seedBinding(userId, id)), code, now)
      if (timeStep !== null) return { method: 'TOTP', factorId: id, timeStep }
    }
    return null
  }

  const matchMessage = ({ challenge, smsCodeDigest: stored }: ClaimedChallenge, factorId: string, code: string) => {
    const isFresh = challenge.smsSentAt && secondsAfter(challenge.smsSentAt, smsCodeLifetimeSeconds) > now()
    if (!stored || !isFresh || !smsCodeDigests(keys, challenge.id, factorId, code).includes(stored)) return null
    return { method: 'SMS', factorId, codeDigest: stored } as const
  }

  return async (claimed, code, method) => {
    const { challenge, factors, backupCodeHash } = claimed
    if (code.kind === 'backupCode') {
      const isAccepted = challenge.purpose !== 'ENROLMENT' && (await verifyBackupCode(backupCodeHash, code.text))
      const proof: Proof | null =
        isAccepted && backupCodeHash ? { method: 'BACKUP_CODE', slot: code.slot, codeHash: backupCodeHash } : null
      return { proof, method: 'BACKUP_CODE', isReplay: false, compared: [] }
    }
    const candidates = factorsFor(challenge.purpose, factors).filter((factor) => !method || factor.method === method)
    const apps = candidates.filter((factor) => factor.method === 'TOTP')
    const phones = candidates.filter((factor) => factor.id === challenge.smsFactorId && factor.method === 'SMS')
    const [phone] = phones
    const proof = matchApp(apps, code.text) ?? (phone ? matchMessage(claimed, phone.id, code.text) : null)
    const used = proof?.method === 'TOTP' && apps.find(({ id }) => id === proof.factorId)?.lastUsedStep
    return {
      proof,
      method: proof?.method ?? candidates[0]?.method ?? 'TOTP',
      isReplay: proof?.method === 'TOTP' && typeof used === 'number' && proof.timeStep <= used,
      compared: [...apps, ...phones],
    }
  }
}
