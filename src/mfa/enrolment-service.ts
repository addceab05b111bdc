import { AppError, badInput } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { PendingChallenge } from './challenge.ts'
import type { ChallengeStores, OpenChallenge } from './challenge-service.ts'
import { type Factor, type MfaMethod, maxFactors, parseLabel, phoneBinding, seedBinding } from './factor.ts'
import type { FactorStore } from './factor-store.ts'
import { isTextable, maskPhoneNumber } from './phone-number.ts'
import type { ActAsOwner } from './step-up-service.ts'
import { newSeed, otpauthUri } from './totp.ts'

interface Stores extends ChallengeStores {
  readonly factors: Pick<FactorStore, 'listActive' | 'listSealed' | 'insertPending' | 'countBackupCodes'>
}

export interface EnrolmentDeps {
  readonly actAsOwner: ActAsOwner<Stores>
  readonly openChallenge: OpenChallenge
  readonly offersSms: boolean
  readonly smsCountries: readonly string[]
  readonly keys: KeyRing
  readonly now: Clock
}

export interface EnrolmentForm {
  readonly method: MfaMethod
  readonly label?: string | null | undefined
  /** E.164; for SMS. */
  readonly phoneNumber?: string | null | undefined
}

/** A factor that waits for its first code. The seed leaves the server here and never again. */
export interface TotpEnrolment {
  readonly kind: 'totpEnrolment'
  readonly factor: Factor
  readonly challenge: PendingChallenge
  readonly secret: string
  readonly otpauthUri: string
}

/** A phone number that waits for its first code, which `sendMfaCode` sends. */
export interface SmsEnrolment {
  readonly kind: 'smsEnrolment'
  readonly factor: Factor
  readonly challenge: PendingChallenge
}

export type MfaEnrolment = TotpEnrolment | SmsEnrolment
export type Enrol = (caller: SignedInCaller, form: EnrolmentForm, client: ClientInfo) => Promise<MfaEnrolment>

/**
 * Starts an enrolment; an unfinished one of the same user is void. Nothing in force changes until its code is verified.
 * Throws BAD_USER_INPUT, STEP_UP_REQUIRED once another factor is in force, and CONFLICT beyond ten factors.
 */
export const createEnrol = (deps: EnrolmentDeps): Enrol => {
  const { actAsOwner, openChallenge, offersSms, smsCountries, keys, now } = deps

  const parsePhone = ({ method, phoneNumber }: EnrolmentForm): string | null => {
    if (method !== 'SMS') {
      if (phoneNumber) throw badInput('input.phoneNumber', 'belongs to the method SMS only')
      return null
    }
    if (!offersSms) throw badInput('input.method', 'can not be SMS: this server sends no text messages')
    if (!phoneNumber) throw badInput('input.phoneNumber', 'is required for the method SMS')
    if (!isTextable(phoneNumber, smsCountries)) {
      throw badInput('input.phoneNumber', 'must be a mobile number in a country that this server sends to')
    }
    return phoneNumber
  }

  return async (caller, form, client) => {
    const { method } = form
    if (method === 'BACKUP_CODE') {
      throw badInput(
        'input.method',
        'can not be BACKUP_CODE: a set comes with the first factor, or by regenerateBackupCodes',
      )
    }
    const phone = parsePhone(form)
    const label = parseLabel('input.label', form.label, method === 'TOTP' ? 'Authenticator app' : 'Phone')
    const { account, session } = caller
    const seed = newSeed()
    const id = newId()
    const factor: Factor = {
      id,
      userId: account.id,
      method,
      label,
      status: 'PENDING',
      preferred: false,
      maskedPhoneNumber: phone && maskPhoneNumber(phone),
      createdAt: now(),
      activatedAt: null,
      lastUsedAt: null,
    }
    const sealedSecret = phone
      ? keys.seal(phone, phoneBinding(account.id, id))
      : keys.seal(seed, seedBinding(account.id, id))
    const challenge = await actAsOwner(caller, client, 'forEnrolment', async (stores, owner) => {
      const known = await stores.factors.listSealed(owner.id)
      if (known.length >= maxFactors) throw new AppError('CONFLICT')
      const numbers = known.filter((other) => other.method === 'SMS')
      if (numbers.some((other) => keys.open(other.sealedSecret, phoneBinding(owner.id, other.id)) === phone)) {
        throw badInput('input.phoneNumber', 'is a factor of yours already')
      }
      await stores.factors.insertPending({ ...factor, sealedSecret, lastUsedStep: null })
      return openChallenge(stores, {
        userId: owner.id,
        purpose: 'ENROLMENT',
        sessionId: session.id,
        enrolling: factor,
        proofs: session.authenticationMethods,
        client,
      })
    })
    return method === 'SMS'
      ? { kind: 'smsEnrolment', factor, challenge }
      : { kind: 'totpEnrolment', factor, challenge, secret: seed, otpauthUri: otpauthUri(seed, account.email) }
  }
}
