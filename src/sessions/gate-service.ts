import type { Account } from '../accounts/account.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { AfterCommit } from '../db/transact.ts'
import { type DeviceToken, newDeviceToken, nextDeviceToken, trustLifetimeSeconds } from '../devices/trusted-device.ts'
import { AppError } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import { networkOf } from '../lib/network.ts'
import { fingerprint, newToken as newTicket } from '../lib/secret.ts'
import type { PendingChallenge } from '../mfa/challenge.ts'
import type { ChallengeStores, OpenChallenge } from '../mfa/challenge-service.ts'
import { type AnsweredChallenge, CodeReplayed } from '../mfa/proof.ts'
import { asksFactor, namesOf } from '../risk/policy.ts'
import type { SignInRisk } from '../risk/sign-in.ts'
import { unusualSignIn } from '../risk/unusual-sign-in.ts'
import type { AdmissionStore } from './admission-store.ts'
import { describeDevice } from './device.ts'
import {
  type AuthenticationMethod,
  type ClientInfo,
  deadlinesFrom,
  elevationSeconds,
  type Session,
  type SessionLimits,
  type SessionTransport,
} from './session.ts'
import type { CachedSession } from './session-cache-store.ts'
import { type SessionLimit, type SessionLimitReached, ticketLifetimeSeconds } from './session-limit.ts'
import type { EndedToken, SessionStore } from './session-store.ts'
import type { SessionToken } from './session-token.ts'

export interface GateStores extends ChallengeStores {
  readonly admissions: Pick<AdmissionStore, 'open'>
  readonly sessions: Pick<SessionStore, 'listLive'>
}

export interface GateDeps {
  readonly newToken: (tag: string) => SessionToken
  readonly keepNew: (token: SessionToken, cached: CachedSession) => Promise<void>
  readonly tellEnded: (tokens: readonly EndedToken[]) => Promise<void>
  readonly openChallenge: OpenChallenge
  /** Ends the trust of a device whose token shows up a second time. */
  readonly endCopiedTrust: (user: GateUser, token: DeviceToken, client: ClientInfo) => Promise<void>
  readonly wakeMailRelay: () => void
  readonly keys: KeyRing
  readonly limits: SessionLimits
  readonly sessionLimit: SessionLimit
  readonly now: Clock
}

export type GateUser = Pick<Account, 'id' | 'email' | 'sessionTag'>

export interface AdmissionRequest {
  readonly user: GateUser
  readonly proofs: readonly AuthenticationMethod[]
  /** When the user proved the strongest that they have, so that it also counts as a step-up; null where less was proved. */
  readonly freshProofAt: Date | null
  /** Which of the account's passwords was proved: a newer one makes it worth nothing. Null where none was. */
  readonly passwordVersion: number | null
  /** The right code that stands for the second factor; null where only the first was proved. */
  readonly answered: AnsweredChallenge | null
  /** The ticket of an earlier sign-in that found no room; null where this is the first try. */
  readonly spentTicketHash: string | null
  /** What may waive the second factor. */
  readonly deviceToken: DeviceToken | null
  /** Whether the second factor is to be waived on this device from now on. */
  readonly trustsDevice: boolean
  readonly transport: SessionTransport
  /** The budget that the try was claimed from, to get it back. */
  readonly budget: string | null
  readonly client: ClientInfo
  readonly risk: SignInRisk
  /** What led here, to be recorded before the session. */
  readonly reports: readonly EventReport[]
}

export type Admission =
  | {
      readonly kind: 'signedIn'
      readonly user: Account
      readonly session: Session
      readonly sessionToken: string
      /** Null unless the device was just trusted, or its token was used and so replaced. */
      readonly deviceToken: string | null
    }
  | { readonly kind: 'mfaRequired'; readonly challenge: PendingChallenge }
  | SessionLimitReached

export type Admit = (stores: GateStores & AfterCommit, request: AdmissionRequest) => Promise<Admission>

/** A sign-in that was proved, and found no room for its session. */
export const limitRefusal = (userId: string, client: ClientInfo): EventReport => ({
  type: 'LOGIN_FAILED',
  outcome: 'DENIED',
  userId,
  client,
  details: { reason: 'session limit' },
})

/**
 * The one function that makes sessions. Whoever has a second factor and neither proved one nor comes from a trusted
 * device gets a challenge in its place, whatever the way in (ASVS 6.1.3, 6.3.4); a trusted device too where the sign-in is
 * unusual, and its trust goes on. What is unusual is recorded and told with the session that opens, once however many open
 * at once. Whoever has as many sessions as they may loses the oldest, or gets a ticket, as policy says. Throws INVALID_CREDENTIALS when the password was changed meanwhile,
 * CHALLENGE_EXPIRED when the answered challenge or the ticket is spent, CodeReplayed when the code was used before, and
 * CONFLICT when there is no room for another session; nothing has changed then.
 */
export const createGate = (deps: GateDeps): Admit => {
  const { newToken, keepNew, tellEnded, openChallenge, endCopiedTrust, wakeMailRelay, keys, limits, now } = deps
  return async (stores, request) => {
    const { user, proofs, answered, spentTicketHash, deviceToken, client, risk } = request
    const createdAt = now()
    // Who comes with a ticket has chosen what ends: nothing else does.
    const limit = spentTicketHash ? ({ ...deps.sessionLimit, policy: 'DENY' } as const) : deps.sessionLimit
    const token = newToken(user.sessionTag)
    const session: Session = {
      id: newId(),
      userId: user.id,
      createdAt,
      ...deadlinesFrom(createdAt, null, limits),
      authenticationMethods: proofs,
      elevatedUntil: request.freshProofAt && secondsAfter(request.freshProofAt, elevationSeconds),
      trustedDevice: false,
      transport: request.transport,
      ...client,
      endedAt: null,
      endReason: null,
    }
    const about = { outcome: 'SUCCESS', userId: user.id, sessionId: session.id, client } as const
    const { label } = describeDevice(client.userAgent)
    const waiver = asksFactor(risk.findings) ? null : deviceToken
    const presentedTrust = waiver && { token: waiver, next: nextDeviceToken(waiver, keys), label }
    const newTrust = request.trustsDevice
      ? { id: newId(), token: newDeviceToken(keys), label, expiresAt: secondsAfter(createdAt, trustLifetimeSeconds) }
      : null
    const ticket = newTicket()
    const ticketExpiresAt = secondsAfter(createdAt, ticketLifetimeSeconds)
    const { freshProofAt, passwordVersion, trustsDevice, transport } = request
    const signedIn: EventReport[] = [
      { ...about, type: 'LOGIN_SUCCEEDED', details: { methods: proofs.join(' ') } },
      { ...about, type: 'SESSION_CREATED' },
      ...(newTrust ? [{ ...about, type: 'DEVICE_TRUSTED', details: { deviceId: newTrust.id } } as const] : []),
    ]
    const outcome = await stores.admissions.open({
      session,
      tokenHash: token.hash,
      passwordVersion,
      answered,
      spentTicketHash,
      limit,
      newTicket:
        limit.policy === 'ASK'
          ? {
              tokenHash: fingerprint(ticket),
              expiresAt: ticketExpiresAt,
              ticket: { userId: user.id, proofs: [...proofs], freshProofAt, passwordVersion, trustsDevice, transport },
            }
          : null,
      presentedTrust,
      newTrust,
      budget: request.budget,
      device: { label, network: networkOf(client.ipAddress) },
      reports: [...request.reports, ...signedIn],
      refusedReports: [...(limit.policy === 'ASK' ? request.reports : []), limitRefusal(user.id, client)],
      evictionReport: { ...about, type: 'SESSION_REVOKED', sessionId: null, details: { reason: 'LIMIT_REACHED' } },
      risk,
      ...unusualSignIn(risk, {
        email: user.email,
        about,
        isFactorProved: proofs.length > 1,
        ipAddress: client.ipAddress,
        at: createdAt,
      }),
    })
    switch (outcome.kind) {
      case 'opened': {
        const { account, isTrustedDevice, isNoticed, evicted } = outcome
        const opened = isTrustedDevice ? { ...session, elevatedUntil: null, trustedDevice: true } : session
        stores.afterCommit(() => keepNew(token, { session: opened, account }))
        if (evicted.length > 0) stores.afterCommit(() => tellEnded(evicted))
        if (isNoticed) stores.afterCommit(async () => wakeMailRelay())
        const next = isTrustedDevice ? presentedTrust?.next : newTrust?.token
        return {
          kind: 'signedIn',
          user: account,
          session: opened,
          sessionToken: token.text,
          deviceToken: next?.text ?? null,
        }
      }
      case 'passwordChanged':
        throw new AppError(answered || spentTicketHash ? 'CHALLENGE_EXPIRED' : 'INVALID_CREDENTIALS')
      case 'codeReplayed':
        throw new CodeReplayed()
      case 'challengeSpent':
        throw new AppError('CHALLENGE_EXPIRED')
      case 'limitReached': {
        if (limit.policy !== 'ASK') throw new AppError('CONFLICT')
        const sessions = await stores.sessions.listLive(user.id, createdAt)
        return { kind: 'sessionLimitReached', ticket, sessions, expiresAt: ticketExpiresAt }
      }
      case 'factorRequired': {
        if (deviceToken) await endCopiedTrust(user, deviceToken, client)
        const challenge = await openChallenge(stores, {
          userId: user.id,
          purpose: 'LOGIN',
          sessionId: null,
          proofs,
          transport,
          passwordVersion,
          client,
          findings: namesOf(risk.findings),
        })
        return { kind: 'mfaRequired', challenge }
      }
    }
  }
}
