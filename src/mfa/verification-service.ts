import type { EventStore } from '../audit/event-store.ts'
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
import { type Challenge, CodeReplayed, maxChallengeAttempts } from './challenge.ts'
import type { ChallengeStore, ClaimedChallenge } from './challenge-store.ts'
import { seedBinding } from './enrolment-service.ts'
import type { Factor, MfaMethod } from './factor.ts'
import type { FactorStore, SealedFactor } from './factor-store.ts'
import { isTotpCode, matchTimeStep } from './totp.ts'

interface Stores extends TokenRenewalStores {
  readonly factors: Pick<FactorStore, 'lockOwner' | 'claimTimeStep' | 'activate' | 'replaceBackupCodes'>
  readonly challenges: Pick<ChallengeStore, 'spend'>
  readonly events: Pick<EventStore, 'append'>
}

export interface VerificationDeps {
  readonly transact: Transact<Stores>
  /** Runs what is one statement, without a transaction around it. */
  readonly alone: Transact<GateStores>
  readonly recordEvent: EventStore['append']
  readonly challenges: Pick<ChallengeStore, 'claimAttempt'>
  readonly factors: Pick<FactorStore, 'listActive'>
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

/** Builds `verifyMfa`, which every challenge is answered by, whatever act waits for it. */
export const createVerifyMfa = (deps: VerificationDeps): VerifyMfa => {
  const { transact, alone, recordEvent, challenges, factors, hashBackupCode, admit, renewToken, keys, now } = deps

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
    await recordEvent({ type: 'MFA_FAILED', outcome: 'FAILURE', userId, sessionId, client, details })
    throw new AppError('MFA_CODE_INVALID', { attemptsRemaining: maxChallengeAttempts - attempts })
  }

  /** Codes for a first factor, hashed before the transaction so that no row stays locked over ten slow hashes. */
  const prepareBackupCodes = async (challenge: Challenge) => {
    if (challenge.purpose !== 'ENROLMENT') return null
    if ((await factors.listActive(challenge.userId)).length > 0) return null
    const codes = newBackupCodes()
    const hashes: string[] = []
    for (const code of codes) hashes.push(await hashBackupCode(code)) // one at a time: the queue is everybody's
    return { codes, hashes }
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

  const complete = async (
    claimed: ClaimedChallenge,
    match: Match,
    caller: SignedInCaller | null,
    client: ClientInfo,
  ): Promise<VerificationOutcome> => {
    const { user, challenge } = claimed
    const { purpose, sessionId } = challenge
    const { id: factorId, method } = match.factor
    const succeeded: EventReport = {
      type: 'MFA_SUCCEEDED',
      outcome: 'SUCCESS',
      userId: user.id,
      sessionId,
      client,
      details: { method, purpose },
    }
    if (purpose === 'LOGIN') {
      const answered = { challengeId: challenge.id, factorId, timeStep: match.step }
      const proofs = [...challenge.proofs, method]
      return alone((stores) =>
        admit(stores, { user, proofs, isFreshProof: true, answered, client, reports: [succeeded] }),
      )
    }
    if (!caller) throw new AppError('UNAUTHENTICATED')
    const prepared = await prepareBackupCodes(challenge)
    return transact(async (stores) => {
      await stores.factors.lockOwner(user.id)
      if (!(await stores.challenges.spend(challenge.id, now()))) throw new AppError('CHALLENGE_EXPIRED')
      if (!(await stores.factors.claimTimeStep(factorId, match.step, now()))) throw new CodeReplayed()
      if (purpose === 'ENROLMENT') return activate(stores, match, prepared, caller, client)
      await stores.events.append(succeeded, { ...succeeded, type: 'STEP_UP_SUCCEEDED' })
      return { kind: 'steppedUp', ...(await renewToken(stores, caller, method)) }
    })
  }

  /**
   * Answers a challenge; a right code completes its act. An attempt is claimed before the code is looked at, and step,
   * challenge and act are committed together: of any number of equal answers, on any number of servers, one succeeds.
   * Throws BAD_USER_INPUT, MFA_CODE_INVALID, CHALLENGE_EXPIRED.
   */
  return async ({ challengeId, code, method }, caller, client) => {
    if (!isTotpCode(code)) throw badInput('input.code', 'must be six digits, 0 to 9, and nothing else')
    const callerSessionId = caller?.session.id ?? null
    const claimed = isId(challengeId) ? await challenges.claimAttempt(challengeId, callerSessionId, now()) : null
    if (!claimed) throw new AppError('CHALLENGE_EXPIRED')

    const match = matchCode(
      claimed.factors.filter((factor) => !method || factor.method === method),
      code,
    )
    if (!match) return refuse(claimed.challenge, client, 'wrong code')
    try {
      return await complete(claimed, match, caller, client)
    } catch (problem) {
      if (problem instanceof CodeReplayed) return refuse(claimed.challenge, client, 'used code')
      throw problem
    }
  }
}
