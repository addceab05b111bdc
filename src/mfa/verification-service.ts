import type { EventReport } from '../audit/security-event.ts'
import type { AfterCommit, Transact } from '../db/transact.ts'
import { AppError, badInput } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { Admission, Admit, GateStores } from '../sessions/gate-service.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { RenewedSession, RenewToken, TokenRenewalStores } from '../sessions/token-renewal-service.ts'
import { newBackupCodes } from './backup-code.ts'
import { type Challenge, maxChallengeAttempts } from './challenge.ts'
import type { ChallengeStore } from './challenge-store.ts'
import { seedBinding } from './enrolment-service.ts'
import type { Factor, MfaMethod } from './factor.ts'
import type { FactorStore, SealedFactor } from './factor-store.ts'
import { isTotpCode, matchTimeStep } from './totp.ts'

interface Stores extends Omit<GateStores, 'afterCommit'>, Omit<TokenRenewalStores, 'afterCommit'> {
  readonly factors: Pick<FactorStore, 'listFor' | 'claimTimeStep' | 'activate' | 'replaceBackupCodes'>
  readonly challenges: Pick<ChallengeStore, 'insert' | 'spend'>
  readonly sessions: GateStores['sessions'] & TokenRenewalStores['sessions']
}

export interface VerificationDeps {
  readonly transact: Transact<Stores>
  readonly challenges: Pick<ChallengeStore, 'claimAttempt'>
  readonly factors: Pick<FactorStore, 'listSealed' | 'listFor'>
  readonly hashBackupCode: (code: string) => Promise<string>
  readonly admit: Admit
  readonly renewToken: RenewToken
  readonly keys: KeyRing
  readonly now: Clock
}

export interface Answer {
  readonly challengeId: string
  readonly code: string
  readonly method?: MfaMethod | null | undefined
}

export interface MfaActivated {
  readonly kind: 'mfaActivated'
  readonly factor: Factor
  /** Null unless it is the user's first factor. */
  readonly backupCodes: { readonly codes: readonly string[]; readonly createdAt: Date } | null
  readonly sessionToken: string
}

export type SteppedUp = { readonly kind: 'steppedUp' } & RenewedSession
export type VerificationOutcome = Admission | MfaActivated | SteppedUp
export type VerifyMfa = (
  answer: Answer,
  caller: SignedInCaller | null,
  client: ClientInfo,
) => Promise<VerificationOutcome>

interface Match {
  readonly factor: SealedFactor
  readonly step: number
}

export const createVerifyMfa = (deps: VerificationDeps): VerifyMfa => {
  const { transact, challenges, factors, hashBackupCode, admit, renewToken, keys, now } = deps

  const matchCode = (candidates: readonly SealedFactor[], code: string): Match | null => {
    for (const factor of candidates) {
      const step = matchTimeStep(keys.open(factor.sealedSecret, seedBinding(factor.userId, factor.id)), code, now)
      if (step !== null) return { factor, step }
    }
    return null
  }

  /** The failure is recorded on its own, whatever became of the act. */
  const refuse = async (challenge: Challenge, client: ClientInfo, reason: string): Promise<never> => {
    const { userId, sessionId, purpose, attempts } = challenge
    const details = { reason, purpose, method: 'TOTP' }
    await transact(({ events }) =>
      events.append({ type: 'MFA_FAILED', outcome: 'FAILURE', userId, sessionId, client, details }),
    )
    throw new AppError('MFA_CODE_INVALID', { attemptsRemaining: maxChallengeAttempts - attempts })
  }

  /** Codes for a first factor, hashed before the transaction so that no row stays locked over ten slow hashes. */
  const prepareBackupCodes = async (challenge: Challenge) => {
    if (challenge.purpose !== 'ENROLMENT') return null
    const hasFactor = (await factors.listFor([challenge.userId])).some((factor) => factor.status === 'ACTIVE')
    if (hasFactor) return null
    const codes = newBackupCodes()
    return { codes, hashes: await Promise.all(codes.map(hashBackupCode)) }
  }

  const activate = async (
    stores: Stores & AfterCommit,
    { factor: { id: factorId } }: Match,
    prepared: { codes: string[]; hashes: string[] } | null,
    caller: SignedInCaller,
    client: ClientInfo,
  ): Promise<MfaActivated> => {
    const createdAt = now()
    const factor = await stores.factors.activate(factorId, prepared !== null, createdAt)
    if (!factor) throw new AppError('CHALLENGE_EXPIRED')
    if (prepared) await stores.factors.replaceBackupCodes(caller.account.id, prepared.hashes, createdAt)
    const about = { outcome: 'SUCCESS', userId: caller.account.id, sessionId: caller.session.id, client } as const
    const generated: EventReport[] = prepared
      ? [{ ...about, type: 'BACKUP_CODES_GENERATED', details: { count: prepared.codes.length } }]
      : []
    await stores.events.append(
      { ...about, type: 'MFA_ENROLLED', details: { method: factor.method, factorId } },
      ...generated,
    )
    const { sessionToken } = await renewToken(stores, caller, factor.method)
    return { kind: 'mfaActivated', factor, backupCodes: prepared && { codes: prepared.codes, createdAt }, sessionToken }
  }

  /**
   * Answers a challenge; a right code completes its act. An attempt is claimed before the code is looked at, and step,
   * challenge and act are committed together: of any number of equal answers, on any number of servers, one succeeds.
   * Throws BAD_USER_INPUT, MFA_CODE_INVALID, CHALLENGE_EXPIRED.
   */
  return async ({ challengeId, code, method }, caller, client) => {
    if (!isTotpCode(code)) throw badInput('input.code', 'must be six digits, 0 to 9, and nothing else')
    const callerSessionId = caller?.session.id ?? null
    const challenge = isId(challengeId) ? await challenges.claimAttempt(challengeId, callerSessionId, now()) : null
    if (!challenge) throw new AppError('CHALLENGE_EXPIRED')

    const candidates = await factors.listSealed(challenge.userId, challenge.factorId)
    const match = matchCode(
      candidates.filter((factor) => !method || factor.method === method),
      code,
    )
    if (!match) return refuse(challenge, client, 'wrong code')

    const prepared = await prepareBackupCodes(challenge)
    const outcome = await transact(async (stores): Promise<VerificationOutcome | 'replayed'> => {
      if (!(await stores.factors.claimTimeStep(match.factor.id, match.step, now()))) return 'replayed'
      if (!(await stores.challenges.spend(challenge.id, now()))) throw new AppError('CHALLENGE_EXPIRED')
      const { userId, sessionId, purpose } = challenge
      const succeeded = {
        type: 'MFA_SUCCEEDED',
        outcome: 'SUCCESS',
        userId,
        sessionId,
        client,
        details: { method: match.factor.method, purpose },
      } as const
      if (purpose === 'LOGIN') {
        const proofs = [...challenge.proofs, match.factor.method]
        return admit(stores, { userId, proofs, isFreshProof: true, client, reports: [succeeded] })
      }
      if (!caller) throw new AppError('UNAUTHENTICATED')
      if (purpose === 'ENROLMENT') return activate(stores, match, prepared, caller, client)
      await stores.events.append(succeeded, { ...succeeded, type: 'STEP_UP_SUCCEEDED' })
      return { kind: 'steppedUp', ...(await renewToken(stores, caller, match.factor.method)) }
    })
    return outcome === 'replayed' ? refuse(challenge, client, 'used code') : outcome
  }
}
