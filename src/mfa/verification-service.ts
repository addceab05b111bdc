import type { Account } from '../accounts/account.ts'
import type { AccountStore } from '../accounts/account-store.ts'
import type { CompleteReset, CompleteResetStores, PasswordChanged } from '../accounts/password-reset-service.ts'
import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventReport } from '../audit/security-event.ts'
import { mfaSubject, secondsUntil } from '../budgets/budget.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import type { AfterCommit, Transact } from '../db/transact.ts'
import { AppError, failureIn } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import { backupCodeUsedNotice } from '../messaging/notices.ts'
import { assess } from '../risk/sign-in.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import { describeDevice } from '../sessions/device.ts'
import {
  type Admission,
  type AdmissionRequest,
  type Admit,
  type GateStores,
  limitRefusal,
} from '../sessions/gate-service.ts'
import type { Locate } from '../sessions/location-service.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { RenewedSession, RenewToken, TokenRenewalStores } from '../sessions/token-renewal-service.ts'
import type { ActivationStores, FactorActivation, MfaActivated } from './activation-service.ts'
import { factorsFor } from './challenge.ts'
import type { ChallengeStore, ClaimedChallenge } from './challenge-store.ts'
import type { MatchCode } from './code-match-service.ts'
import type { MfaMethod } from './factor.ts'
import { CodeReplayed, type Proof } from './proof.ts'
import type { SmsCodeService } from './sms-code-service.ts'
import { parseCode, type TypedCode } from './typed-code.ts'
import type { RecordFailure } from './verification-failure-service.ts'

type Stores = TokenRenewalStores &
  ActivationStores &
  CompleteResetStores &
  GateStores & {
    readonly accounts: Pick<AccountStore, 'lock'>
    readonly challenges: Pick<ChallengeStore, 'answer'>
    readonly budgets: Pick<BudgetStore, 'release'>
  }

export interface VerificationDeps {
  readonly transact: Transact<Stores>
  /** Runs what is one statement, without a transaction around it. */
  readonly alone: Transact<GateStores>
  readonly recordEvent: RecordEvent
  readonly challenges: Pick<ChallengeStore, 'claimAttempt' | 'findLock'>
  readonly budgets: Pick<BudgetStore, 'release'>
  readonly floods: FloodGuard
  readonly matchCode: MatchCode
  readonly recordFailure: RecordFailure
  readonly admit: Admit
  readonly renewToken: RenewToken
  readonly activation: FactorActivation
  readonly completeReset: CompleteReset
  /** Tells the breaker of text messages that a code was entered. */
  readonly noteSmsAnswered: SmsCodeService['noteAnswered']
  readonly wakeMailRelay: () => void
  readonly locate: Locate
  readonly now: Clock
}

export interface Answer {
  readonly challengeId: string
  readonly code: string
  readonly method?: MfaMethod | null | undefined
  readonly trustDevice?: boolean | null | undefined
}

export type SteppedUp = { readonly kind: 'steppedUp' } & RenewedSession
export type VerificationOutcome = Admission | MfaActivated | SteppedUp | PasswordChanged
export type VerifyMfa = (
  answer: Answer,
  caller: SignedInCaller | null,
  client: ClientInfo,
) => Promise<VerificationOutcome>

const deviceOf = ({ userAgent }: ClientInfo): string => describeDevice(userAgent).label

/** Builds `verifyMfa`, which every challenge is answered by, whatever act waits for it. */
export const createVerifyMfa = (deps: VerificationDeps): VerifyMfa => {
  const {
    transact,
    alone,
    recordEvent,
    challenges,
    budgets,
    floods,
    matchCode,
    recordFailure,
    admit,
    renewToken,
    now,
  } = deps

  const refuseLocked = async (
    userId: string,
    until: Date,
    sessionId: string | null,
    client: ClientInfo,
  ): Promise<never> => {
    const details = { limit: 'mfa' }
    await recordEvent({ type: 'RATE_LIMITED', outcome: 'DENIED', userId, sessionId, client, details })
    throw new AppError('ACCOUNT_LOCKED', { retryAfterSeconds: secondsUntil(until, now()) })
  }

  const refuseClaim = async (
    challengeId: string,
    caller: SignedInCaller | null,
    client: ClientInfo,
  ): Promise<never> => {
    const sessionId = caller?.session.id ?? null
    const lock = isId(challengeId) ? await challenges.findLock(challengeId, sessionId, now()) : null
    if (lock) return refuseLocked(lock.userId, lock.until, sessionId, client)
    const who = { userId: caller?.account.id ?? null, sessionId, client }
    await recordEvent({ type: 'MFA_FAILED', outcome: 'FAILURE', ...who, details: { reason: 'no open challenge' } })
    throw new AppError('CHALLENGE_EXPIRED')
  }

  const claim = async (
    challengeId: string,
    code: TypedCode,
    caller: SignedInCaller | null,
    client: ClientInfo,
  ): Promise<ClaimedChallenge> => {
    const slot = code.kind === 'backupCode' ? code.slot : null
    const sessionId = caller?.session.id ?? null
    const claimed = isId(challengeId)
      ? await challenges.claimAttempt(challengeId, sessionId, slot, deviceOf(client), now())
      : null
    if (!claimed) return refuseClaim(challengeId, caller, client)
    if (claimed.triesUsed === null) return refuseLocked(claimed.user.id, now(), sessionId, client)
    return claimed
  }

  /** How many are left is told with the event and the notice, in the transaction that used one. */
  const noteBackupCodeUse = async (
    stores: Stores & AfterCommit,
    { id: userId, email }: Pick<Account, 'id' | 'email'>,
    sessionId: string | null,
    client: ClientInfo,
  ): Promise<void> => {
    const remaining = (await stores.factors.countBackupCodes([userId])).get(userId) ?? 0
    const about = { outcome: 'SUCCESS', userId, sessionId, client, details: { remaining } } as const
    await stores.events.append({ ...about, type: 'BACKUP_CODE_USED' })
    const at = now()
    await stores.messages.enqueue(backupCodeUsedNotice(email, remaining, { ipAddress: client.ipAddress, at }), at)
    stores.afterCommit(async () => deps.wakeMailRelay())
  }

  const signIn = async (
    { user, challenge, factors, history }: ClaimedChallenge,
    proof: Proof,
    trustsDevice: boolean,
    client: ClientInfo,
    succeeded: EventReport,
  ): Promise<Admission> => {
    const { method } = proof
    const place = await deps.locate(client.ipAddress)
    const request: AdmissionRequest = {
      user,
      proofs: [...challenge.proofs, method],
      freshProofAt: factorsFor('STEP_UP', factors).some((factor) => factor.method === method) ? now() : null,
      passwordVersion: challenge.passwordVersion,
      answered: { challengeId: challenge.id, proof },
      spentTicketHash: null,
      deviceToken: null,
      trustsDevice,
      transport: challenge.transport,
      budget: mfaSubject(user.id),
      client,
      // The factor is proved: whether the network is suspect says no more.
      risk: assess(history, { device: deviceOf(client), place, isNetworkSuspect: false, at: now() }),
      reports: [succeeded],
    }
    if (method !== 'BACKUP_CODE') return alone((stores) => admit(stores, request))
    return transact(async (stores) => {
      const admission = await admit(stores, request)
      const sessionId = admission.kind === 'signedIn' ? admission.session.id : null
      await noteBackupCodeUse(stores, user, sessionId, client)
      return admission
    }).catch(async (problem: unknown) => {
      // What the gate recorded of it was rolled back with the use of the code.
      if (failureIn(problem)?.code === 'CONFLICT') await recordEvent(limitRefusal(user.id, client))
      throw problem
    })
  }

  const complete = async (
    claimed: ClaimedChallenge,
    proof: Proof,
    trustsDevice: boolean,
    caller: SignedInCaller | null,
    client: ClientInfo,
  ): Promise<VerificationOutcome> => {
    const { user, challenge, passwordHash } = claimed
    const { purpose, sessionId } = challenge
    const { method } = proof
    const about = { outcome: 'SUCCESS', userId: user.id, sessionId, client, details: { method, purpose } } as const
    const succeeded: EventReport = { ...about, type: 'MFA_SUCCEEDED' }
    if (purpose === 'LOGIN') return signIn(claimed, proof, trustsDevice, client, succeeded)
    const prepared = purpose === 'ENROLMENT' && caller ? await deps.activation.prepare(caller) : null
    return transact(async (stores) => {
      const owner = await stores.accounts.lock(user.id)
      const answered = { challengeId: challenge.id, proof }
      const outcome = owner ? await stores.challenges.answer(answered, user.id, now()) : 'spent'
      if (!owner || outcome === 'spent') throw new AppError('CHALLENGE_EXPIRED')
      if (outcome === 'replayed') throw new CodeReplayed()
      if (method === 'BACKUP_CODE') await noteBackupCodeUse(stores, owner, sessionId, client)
      const done = await act(stores, owner)
      // Last, as whoever claims a try takes the challenge's lock before the budget's.
      await stores.budgets.release([mfaSubject(user.id)])
      return done
    })

    async function act(stores: Stores & AfterCommit, owner: Account): Promise<VerificationOutcome> {
      if (purpose === 'PASSWORD_RESET' && passwordHash) {
        await stores.events.append(succeeded)
        return deps.completeReset(stores, owner, passwordHash, client)
      }
      if (!caller) throw new AppError('UNAUTHENTICATED')
      if (purpose === 'ENROLMENT') {
        return deps.activation.activate(stores, challenge.factorId, owner, prepared, caller, client)
      }
      await stores.events.append(succeeded, { ...succeeded, type: 'STEP_UP_SUCCEEDED' })
      return { kind: 'steppedUp', ...(await renewToken(stores, caller, owner, method)) }
    }
  }

  /**
   * Answers a challenge; a right code completes its act. An attempt is claimed of the challenge and of the account before
   * the code is looked at, and code, challenge and act are committed together: of any number of equal answers, on any
   * number of servers, one succeeds. Throws BAD_USER_INPUT, MFA_CODE_INVALID, CHALLENGE_EXPIRED, ACCOUNT_LOCKED,
   * RATE_LIMITED.
   */
  return async ({ challengeId, code: typed, method, trustDevice }, caller, client) => {
    const code = parseCode(typed, method ?? null)
    await floods.claim('failures', client)
    const claimed = await claim(challengeId, code, caller, client)
    const match = await matchCode(claimed, code, method ?? null).catch(async (problem: unknown) => {
      await budgets.release([mfaSubject(claimed.user.id)]) // not looked at after all
      throw problem
    })
    const { proof } = match
    if (!proof) return recordFailure(claimed, match, 'wrong code', client)
    // Said before whether there is room for a session, which a code that was used is not to tell.
    if (match.isReplay) return recordFailure(claimed, match, 'used code', client)
    try {
      const outcome = await complete(claimed, proof, trustDevice ?? false, caller, client)
      floods.release('failures', client)
      const phone = proof.method === 'SMS' && claimed.factors.find(({ id }) => id === proof.factorId)
      if (phone) deps.noteSmsAnswered(claimed.challenge, phone)
      return outcome
    } catch (problem) {
      if (problem instanceof CodeReplayed) return recordFailure(claimed, match, 'used code', client)
      // Right, and too late, or no room for the session: no failure, so it costs no try.
      const code = failureIn(problem)?.code
      if (code === 'CHALLENGE_EXPIRED' || code === 'CONFLICT') await budgets.release([mfaSubject(claimed.user.id)])
      throw problem
    }
  }
}
