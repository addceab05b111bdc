import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventReport } from '../audit/security-event.ts'
import { type Budget, mailboxBudgets, passwordBudget, secondsUntil, userSubjects } from '../budgets/budget.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import type { FloodStore } from '../budgets/flood-store.ts'
import type { LockIfSpent, LockStores } from '../budgets/lock-service.ts'
import type { AfterCommit, Transact } from '../db/transact.ts'
import type { DeviceToken } from '../devices/trusted-device.ts'
import { AppError, failureIn } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { networkOf } from '../lib/network.ts'
import { createTurns } from '../lib/turns.ts'
import { signInRefusedNotice } from '../messaging/notices.ts'
import type { Finding } from '../risk/finding.ts'
import { detailsOf, isCertain, namesOf } from '../risk/policy.ts'
import { assess } from '../risk/sign-in.ts'
import { describeDevice } from '../sessions/device.ts'
import type { Admission, Admit, GateStores } from '../sessions/gate-service.ts'
import type { Location } from '../sessions/location.ts'
import type { Locate } from '../sessions/location-service.ts'
import type { ClientInfo, SessionTransport } from '../sessions/session.ts'
import { emailKeyOf } from './account.ts'
import type { AccountStore, Credentials } from './account-store.ts'
import { parseTypedPassword } from './password.ts'
import type { PasswordHasher } from './password-hasher.ts'
import type { SignInClaim, SignInOrigin, SignInStore } from './sign-in-store.ts'

export interface SignInDeps {
  /** Runs what is one statement, without a transaction around it. */
  readonly alone: Transact<GateStores>
  readonly transact: Transact<LockStores>
  readonly accounts: Pick<AccountStore, 'replaceHash' | 'findCredentials'>
  readonly signIns: Pick<SignInStore, 'claim'>
  readonly budgets: Pick<BudgetStore, 'release'>
  readonly recordEvent: RecordEvent
  readonly hasher: PasswordHasher
  readonly floods: FloodGuard
  readonly claimFlood: FloodStore['claim']
  readonly locate: Locate
  readonly admit: Admit
  readonly parseDeviceToken: (text: string) => DeviceToken | null
  /** A keyed digest: what stands in the database tells nobody which addresses were tried. */
  readonly digest: (text: string) => string
  readonly lockIfSpent: LockIfSpent
  readonly wakeMailRelay: () => void
  readonly logProblem: (problem: unknown) => void
  readonly now: Clock
}

export interface SignInForm {
  readonly email: string
  readonly password: string
  readonly transport?: SessionTransport | null | undefined
  readonly deviceToken?: string | null | undefined
}

export type SignIn = (form: SignInForm, client: ClientInfo) => Promise<Admission>

interface Try {
  readonly password: string
  readonly transport: SessionTransport
  readonly trust: DeviceToken | null
  readonly strangers: string
  readonly place: Promise<Location | null>
  readonly isNetworkSuspect: boolean
}

/** What one network may still try at an account whose budget strangers have used up. */
const besiegedBudget: Budget = { limit: 5, windowSeconds: passwordBudget.windowSeconds }

const longestWaitSeconds = 3 // hundreds of sign-ins of one account at once are through by then

/**
 * Signs in with a password, or asks for the second factor. A try is claimed before the password is looked at. An unknown
 * address costs, counts and answers as a wrong password does. Throws INVALID_CREDENTIALS, ACCOUNT_LOCKED, RATE_LIMITED,
 * and ACCOUNT_SUSPENDED to who knows the password.
 */
export const createSignIn = (deps: SignInDeps): SignIn => {
  const { alone, transact, accounts, signIns, budgets, recordEvent, hasher, floods, claimFlood, admit, digest, now } =
    deps
  const turns = createTurns()

  const failed = ({ known }: SignInClaim, client: ClientInfo): EventReport => {
    const reason = known ? (known.passwordHash ? 'wrong password' : 'address not confirmed') : 'unknown address'
    return { type: 'LOGIN_FAILED', outcome: 'FAILURE', userId: known?.account.id ?? null, client, details: { reason } }
  }

  const fail = async (
    claim: SignInClaim,
    strangers: string,
    report: EventReport,
    client: ClientInfo,
  ): Promise<never> => {
    const { known, subject, triesUsed } = claim
    if (triesUsed === passwordBudget.limit) {
      const owner = known?.account.status === 'ACTIVE' ? known.account : null
      const spent = { subject, budget: passwordBudget, scope: 'password', owner, sessionId: null } as const
      await transact(async (stores) => {
        await stores.events.append(report)
        await deps.lockIfSpent(stores, spent, client)
      })
    } else await recordEvent(report)
    await floods.noteFailure(strangers, client)
    throw new AppError('INVALID_CREDENTIALS')
  }

  /** The password was right, which nothing may tell but a mail to its owner: all else is as if it had been wrong. */
  const refuseForRisk = async (
    claim: SignInClaim,
    { account }: Credentials,
    strangers: string,
    findings: readonly Finding[],
    client: ClientInfo,
  ): Promise<never> => {
    const details = { reason: 'unusual', findings: namesOf(findings), ...detailsOf(findings, ['REFUSE']) }
    const report = { type: 'LOGIN_FAILED', outcome: 'DENIED', userId: account.id, client, details } as const
    const tell = async ({ budgets: mailboxes, messages, afterCommit }: LockStores & AfterCommit): Promise<void> => {
      const at = now()
      if (
        await mailboxes.claimAll([{ ...mailboxBudgets.refusals, subject: userSubjects(account.id).refusalNotices }], at)
      )
        return
      await messages.enqueueTo(account.id, signInRefusedNotice(account.email, { ipAddress: client.ipAddress, at }), at)
      afterCommit(async () => deps.wakeMailRelay())
    }
    void transact(tell).catch(deps.logProblem) // outside the request, whose time must not tell either
    return fail(claim, strangers, report, client)
  }

  const refuse = async ({ known, lockedUntil }: SignInClaim, client: ClientInfo): Promise<never> => {
    const userId = known?.account.id ?? null
    await recordEvent({ type: 'RATE_LIMITED', outcome: 'DENIED', userId, client, details: { limit: 'password' } })
    const at = now()
    throw new AppError('ACCOUNT_LOCKED', { retryAfterSeconds: secondsUntil(lockedUntil ?? at, at) })
  }

  const refuseSuspended = async (userId: string, client: ClientInfo): Promise<never> => {
    const details = { reason: 'suspended' }
    await recordEvent({ type: 'LOGIN_FAILED', outcome: 'DENIED', userId, client, details })
    throw new AppError('ACCOUNT_SUSPENDED')
  }

  /** The password was right, and it or the account changed while it was being checked: no guess, so it costs no try. */
  const refuseOvertaken = async (
    { subject, triesUsed }: SignInClaim,
    { account: { id: userId }, passwordVersion }: Credentials,
    client: ClientInfo,
  ): Promise<void> => {
    const current = await accounts.findCredentials(userId)
    if (triesUsed !== null) await budgets.release([subject])
    if (current?.account.status === 'SUSPENDED' && current.passwordVersion === passwordVersion) {
      return refuseSuspended(userId, client)
    }
    const details = { reason: 'password changed' }
    await recordEvent({ type: 'LOGIN_FAILED', outcome: 'FAILURE', userId, client, details })
  }

  /** A hash of an older kind is replaced once its password is known, whatever becomes of the sign-in. */
  const renewHash = async ({ account, passwordHash }: Credentials, password: string): Promise<void> => {
    if (!passwordHash || !hasher.isOutdated(passwordHash)) return
    await accounts.replaceHash(account.id, passwordHash, await hasher.hash(password))
  }

  /** Tries at once that may all be right, as from several tabs, wait for each other; beyond three seconds they are refused. */
  const claimTry = async (email: string, strangers: string, origin: SignInOrigin): Promise<SignInClaim> => {
    const giveUpAt = secondsAfter(now(), longestWaitSeconds)
    for (;;) {
      const claim = await signIns.claim(email, strangers, origin, now())
      if (claim.triesUsed !== null || claim.lockedUntil || now() > giveUpAt) return claim
      if (!(await turns.wait(claim.subject))) return claim
    }
  }

  const attempt = async (
    claim: SignInClaim,
    { password, transport, trust, strangers, ...origin }: Try,
    client: ClientInfo,
  ): Promise<Admission> => {
    // Strangers who use the account's tries up must not keep its owner out, who has a second factor to prove (threat A17).
    const isBesieged = claim.triesUsed === null
    const network = `${strangers} ${networkOf(client.ipAddress)}`
    if (isBesieged && (claim.subject !== strangers || (await claimFlood(network, besiegedBudget)).waitMs > 0)) {
      return refuse(claim, client)
    }
    const { known } = claim
    const verified = hasher.verify(known?.passwordHash ?? null, password).catch(async (problem: unknown) => {
      if (!isBesieged) await budgets.release([claim.subject]) // not looked at after all
      throw problem
    })
    const [isRight, place] = await Promise.all([verified, origin.place]) // right or wrong: time tells nothing
    const isSuspended = known?.account.status === 'SUSPENDED'
    if (isBesieged && !(isRight && known?.account.mfaEnabled && !isSuspended)) return refuse(claim, client)
    if (!isRight || !known) return fail(claim, strangers, failed(claim, client), client)

    const risk = assess(claim.history, {
      device: describeDevice(client.userAgent).label,
      place,
      isNetworkSuspect: origin.isNetworkSuspect,
      at: now(),
    })
    if (!isSuspended && !known.account.mfaEnabled && isCertain(risk.findings)) {
      return refuseForRisk(claim, known, strangers, risk.findings, client)
    }
    floods.release('failures', client)
    if (isSuspended) {
      await budgets.release([claim.subject]) // the password was right
      return refuseSuspended(known.account.id, client)
    }
    const admission = await alone((stores) =>
      admit(stores, {
        user: known.account,
        proofs: ['PASSWORD'],
        freshProofAt: now(),
        passwordVersion: known.passwordVersion,
        answered: null,
        spentTicketHash: null,
        deviceToken: trust,
        trustsDevice: false,
        transport,
        budget: isBesieged ? null : claim.subject,
        client,
        risk,
        reports: [],
      }),
    ).catch(async (problem: unknown) => {
      if (failureIn(problem)?.code === 'INVALID_CREDENTIALS') await refuseOvertaken(claim, known, client)
      throw problem
    })
    await renewHash(known, password).catch(() => {}) // the next sign-in tries again
    return admission
  }

  return async ({ email, password: typed, transport, deviceToken }, client) => {
    const password = parseTypedPassword('input.password', typed)
    const { isSuspect: isNetworkSuspect } = await floods.claim('failures', client)
    const place = deps.locate(client.ipAddress)
    const trust = deviceToken ? deps.parseDeviceToken(deviceToken) : null
    const strangers = `password ${digest(emailKeyOf(email))}`
    const claim = await claimTry(email, strangers, {
      deviceTag: trust?.tag ?? null,
      deviceTokenHash: trust?.hash ?? null,
      label: describeDevice(client.userAgent).label,
      network: networkOf(client.ipAddress),
    })
    try {
      const origin = { strangers, place, isNetworkSuspect }
      return await attempt(claim, { password, transport: transport ?? 'BEARER', trust, ...origin }, client)
    } finally {
      turns.end(claim.subject)
    }
  }
}
