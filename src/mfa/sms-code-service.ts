import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventStore } from '../audit/event-store.ts'
import { type Claim, secondsUntil, smsBudgets, userSubjects } from '../budgets/budget.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { Transact } from '../db/transact.ts'
import { AppError, badInput } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { isId } from '../lib/ids.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import { networkOf } from '../lib/network.ts'
import { DeliveryFailed, type SendSms, UndeliverableNumber } from '../messaging/sms.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import {
  type Challenge,
  factorsFor,
  maxSmsSends,
  type PendingChallenge,
  resendAvailableAt,
  resendPauseSeconds,
} from './challenge.ts'
import { phoneBinding } from './factor.ts'
import type { SealedFactor } from './factor-store.ts'
import { countryOf, prefixOf } from './phone-number.ts'
import { newSmsCode, smsCodeDigest, smsText } from './sms-code.ts'
import type { OpenChallengeRow, SmsSendStore } from './sms-send-store.ts'

interface Stores {
  readonly smsSends: Pick<SmsSendStore, 'keepCode'>
  readonly events: Pick<EventStore, 'append'>
}

export interface SmsCodeDeps {
  readonly transact: Transact<Stores>
  readonly budgets: Pick<BudgetStore, 'claimAll' | 'release'>
  readonly sends: Pick<SmsSendStore, 'findOpen' | 'claim' | 'takeBack'>
  readonly recordEvent: RecordEvent
  /** Null where the server has no way to send text messages. */
  readonly sendSms: SendSms | null
  readonly digest: (text: string) => string
  readonly keys: KeyRing
  readonly now: Clock
}

export interface SmsCodeService {
  /**
   * Sends a code to one of the challenge's phone numbers; the code before it is void, and the failures stay. Nothing is
   * spent when it can't be sent. Throws CHALLENGE_EXPIRED, NOT_FOUND, BAD_USER_INPUT, RATE_LIMITED, DELIVERY_FAILED.
   */
  send(
    request: { readonly challengeId: string; readonly factorId?: string | null | undefined },
    caller: SignedInCaller | null,
    client: ClientInfo,
  ): Promise<PendingChallenge>
  /** Gives the breaker of a prefix back what it counts: codes that nobody enters. */
  noteAnswered(challenge: Pick<Challenge, 'purpose'>, factor: SealedFactor): void
}

/** Numbers that nobody proved yet have budgets of their own: enrolling someone's number must not use up what its owner signs in by. */
const kindOf = ({ purpose }: Pick<Challenge, 'purpose'>): string => (purpose === 'ENROLMENT' ? 'sms enrolment' : 'sms')

const unansweredClaims = (kind: string, phone: string): Claim[] => [
  { ...smsBudgets.unansweredPrefix, subject: `${kind} prefix ${prefixOf(phone)}` },
  { ...smsBudgets.unansweredCountryDaily, subject: `${kind} country ${countryOf(phone)}` },
]

/** Codes by text message, bounded by number, user, network, prefix, country and day (threat C1). */
export const createSmsCodeService = (deps: SmsCodeDeps): SmsCodeService => {
  const { transact, budgets, sends, recordEvent, sendSms, digest, keys, now } = deps

  const phoneOf = (factor: SealedFactor): string =>
    keys.open(factor.sealedSecret, phoneBinding(factor.userId, factor.id))

  const claimsFor = (kind: string, phone: string, userId: string, { ipAddress }: ClientInfo): Claim[] => {
    const number = digest(`phone number ${phone}`)
    return [
      { ...smsBudgets.number, subject: `${kind} number ${number}` },
      { ...smsBudgets.numberDaily, subject: `${kind} number today ${number}` },
      { ...smsBudgets.user, subject: userSubjects(userId).sms },
      { ...smsBudgets.userDaily, subject: userSubjects(userId).smsDaily },
      { ...smsBudgets.network, subject: `sms network ${digest(`network ${networkOf(ipAddress)}`)}` },
      ...unansweredClaims(kind, phone),
    ]
  }

  const chooseFactor = ({ challenge, factors }: OpenChallengeRow, factorId: string | null): SealedFactor => {
    const phones = factorsFor(challenge.purpose, factors).filter((factor) => factor.method === 'SMS')
    const chosen = phones.find((factor) => !factorId || factor.id === factorId)
    if (!sendSms || phones.length === 0) {
      throw badInput('input.challengeId', 'must be a challenge that a code by SMS can answer; see its methods')
    }
    if (!chosen) throw new AppError('NOT_FOUND')
    return chosen
  }

  const refuse = async (
    { challenge: { userId, sessionId } }: OpenChallengeRow,
    until: Date,
    client: ClientInfo,
  ): Promise<never> => {
    const details = { limit: 'sms' }
    await recordEvent({ type: 'RATE_LIMITED', outcome: 'DENIED', userId, sessionId, client, details })
    throw new AppError('RATE_LIMITED', { retryAfterSeconds: secondsUntil(until, now()) })
  }

  /** What a client may read of a message that did not go out. */
  const deliveryFailure = (problem: unknown): unknown => {
    if (problem instanceof UndeliverableNumber) {
      return badInput('input.factorId', 'must be a factor whose phone number can take text messages')
    }
    if (!(problem instanceof DeliveryFailed)) return problem
    const { retryAfterSeconds } = problem
    return new AppError('DELIVERY_FAILED', retryAfterSeconds ? { retryAfterSeconds } : {})
  }

  return {
    async send({ challengeId, factorId }, caller, client) {
      const sessionId = caller?.session.id ?? null
      const at = now()
      const open = isId(challengeId) ? await sends.findOpen(challengeId, sessionId, at) : null
      if (!open) throw new AppError('CHALLENGE_EXPIRED')
      const { challenge, factors, hasBackupCodes } = open
      const factor = chooseFactor(open, factorId ?? null)
      if (open.sends >= maxSmsSends) return refuse(open, challenge.expiresAt, client)
      const waitUntil = resendAvailableAt(challenge)
      if (waitUntil && waitUntil > at) return refuse(open, waitUntil, client)
      const pause = secondsAfter(at, -resendPauseSeconds)
      if (!(await sends.claim(challengeId, sessionId, pause, at))) {
        return refuse(open, secondsAfter(at, resendPauseSeconds), client)
      }

      const phone = phoneOf(factor)
      const claims = claimsFor(kindOf(challenge), phone, challenge.userId, client)
      const about = { userId: challenge.userId, sessionId: challenge.sessionId, client } as const
      const details = { factorId: factor.id, sentTo: factor.maskedPhoneNumber ?? '' }
      const takeBack = () => sends.takeBack(challengeId, at)
      const blockedUntil = await budgets.claimAll(claims, at).catch(async (problem: unknown) => {
        await takeBack()
        throw problem
      })
      if (blockedUntil) {
        await takeBack()
        return refuse(open, blockedUntil, client)
      }
      const code = newSmsCode()
      try {
        await sendSms?.({ to: phone, text: smsText(code) }, factor.userId)
      } catch (problem) {
        await Promise.all([takeBack(), budgets.release(claims.map(({ subject }) => subject))])
        await recordEvent({ ...about, type: 'MFA_CODE_SENT', outcome: 'FAILURE', details })
        throw deliveryFailure(problem)
      }
      await transact(async ({ smsSends, events }) => {
        await smsSends.keepCode(challengeId, factor.id, smsCodeDigest(keys, challengeId, factor.id, code), at)
        await events.append({ ...about, type: 'MFA_CODE_SENT', outcome: 'SUCCESS', details })
      })
      const usable = factorsFor(challenge.purpose, factors)
      return { ...challenge, smsFactorId: factor.id, smsSentAt: at, factors: usable, hasBackupCodes }
    },

    noteAnswered(challenge, factor) {
      const subjects = unansweredClaims(kindOf(challenge), phoneOf(factor)).map(({ subject }) => subject)
      budgets.release(subjects).catch(() => {})
    },
  }
}
