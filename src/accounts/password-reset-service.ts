import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import type { AfterCommit, Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { fingerprint, newToken } from '../lib/secret.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import type { PendingChallenge } from '../mfa/challenge.ts'
import type { ChallengeStores, OpenChallenge } from '../mfa/challenge-service.ts'
import type { ChallengeStore } from '../mfa/challenge-store.ts'
import type { SignInHistoryStore } from '../risk/sign-in-history-store.ts'
import type { Locate } from '../sessions/location-service.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { Account } from './account.ts'
import type { AccountStore } from './account-store.ts'
import { mailboxClaim } from './mailbox-claim.ts'
import { parseNewPassword } from './new-password.ts'
import type { PasswordSettingStores, SetPassword } from './password-setting-service.ts'
import { resetMail } from './recovery-mail.ts'
import type { RecoveryStore } from './recovery-store.ts'

export interface CompleteResetStores extends PasswordSettingStores {
  readonly budgets: Pick<BudgetStore, 'clear'>
  readonly signInHistory: Pick<SignInHistoryStore, 'addPlace'>
}

export interface PasswordChanged {
  readonly kind: 'passwordChanged'
  readonly endedSessions: number
  /** Null after a reset, which signs nobody in. */
  readonly sessionToken: string | null
}

export type CompleteReset = (
  stores: CompleteResetStores & AfterCommit,
  owner: Account,
  passwordHash: string,
  client: ClientInfo,
) => Promise<PasswordChanged>

/**
 * Ends a reset, in a transaction that holds the owner's lock: the new password is set, every session and all device trust
 * end, and the locks that wrong passwords put on sign-in open. The factors stay (threat B10). The place that it is done from
 * is known from then on: whoever reads the mailbox is no stranger there.
 */
export const createCompleteReset =
  ({ setPassword, locate, now }: { setPassword: SetPassword; locate: Locate; now: Clock }): CompleteReset =>
  async (stores, owner, passwordHash, client) => {
    const about = { outcome: 'SUCCESS', userId: owner.id, client } as const
    await stores.events.append({ ...about, type: 'PASSWORD_RESET_COMPLETED' })
    const { endedSessions } = await setPassword(stores, owner, passwordHash, { keepSessionId: null, client })
    const place = await locate(client.ipAddress)
    if (place) await stores.signInHistory.addPlace(owner.id, place, now())
    const wasLocked = await stores.budgets.clear(owner.id, now())
    if (wasLocked) await stores.events.append({ ...about, type: 'ACCOUNT_UNLOCKED', details: { by: 'reset' } })
    return { kind: 'passwordChanged', endedSessions, sessionToken: null }
  }

interface Stores extends Omit<CompleteResetStores, 'accounts' | 'recovery' | 'messages' | 'budgets' | 'challenges'> {
  readonly accounts: Pick<AccountStore, 'lock' | 'setPassword'>
  readonly recovery: Pick<RecoveryStore, 'lockByEmail' | 'insertReset' | 'spendReset' | 'voidAll'>
  readonly messages: Pick<MessageStore, 'enqueue' | 'discard'>
  readonly budgets: Pick<BudgetStore, 'claimAll' | 'clear'>
  readonly challenges: Pick<ChallengeStore, 'insert' | 'voidAll'>
  readonly factors: ChallengeStores['factors']
}

export interface PasswordResetDeps {
  readonly transact: Transact<Stores>
  readonly recovery: Pick<RecoveryStore, 'findResetOwner'>
  readonly recordEvent: RecordEvent
  readonly floods: Pick<FloodGuard, 'claim'>
  readonly hashPassword: (password: string) => Promise<string>
  readonly openChallenge: OpenChallenge
  readonly completeReset: CompleteReset
  readonly digest: (text: string) => string
  readonly wakeMailRelay: () => void
  readonly publicUrl: string
  readonly now: Clock
}

export interface PasswordResetForm {
  readonly token: string
  readonly newPassword: string
}

export type ResetOutcome = PasswordChanged | { readonly kind: 'mfaRequired'; readonly challenge: PendingChallenge }
export type PasswordResetService = ReturnType<typeof createPasswordResetService>

const resetTokenLifetimeMinutes = 15 // whoever reads the mailbox owns it

/** Back in without the password, by the mailbox and, where there is one, the second factor. */
export const createPasswordResetService = (deps: PasswordResetDeps) => {
  const { transact, recovery, recordEvent, floods, hashPassword, openChallenge, completeReset, digest, now } = deps

  /** A flood from one network is answered like anything else, and goes no further (threat E12). */
  const isFlood = (client: ClientInfo): Promise<boolean> =>
    floods.claim('resets', client).then(
      () => false,
      (problem: unknown) => {
        if (problem instanceof AppError && problem.code === 'RATE_LIMITED') return true
        throw problem
      },
    )

  const refuse = async (client: ClientInfo): Promise<never> => {
    await floods.claim('failures', client)
    await recordEvent({ type: 'PASSWORD_RESET_COMPLETED', outcome: 'FAILURE', userId: null, client })
    throw new AppError('TOKEN_INVALID')
  }

  return {
    /**
     * Mails an account a link to choose a new password; any older link is void. Answer, cost and all that the caller can
     * see are the same for an address without an account or with a suspended one, which get no mail, and beyond what one
     * mailbox may get (ASVS 6.3.8, threat E12).
     */
    async request(email: string, client: ClientInfo): Promise<{ email: string; expiresAt: Date }> {
      const createdAt = now()
      const expiresAt = secondsAfter(createdAt, resetTokenLifetimeMinutes * 60)
      const answer = { email, expiresAt }
      if (await isFlood(client)) return answer
      await transact(async ({ recovery: resets, budgets, messages, events, afterCommit }) => {
        const owner = await resets.lockByEmail(email)
        const isTooMuch = (await budgets.claimAll([mailboxClaim('resets', email, digest)], createdAt)) !== null
        const isOpen = owner?.status === 'ACTIVE'
        const recipient = isTooMuch || !isOpen ? null : owner
        const token = newToken()
        const reset = {
          id: newId(),
          userId: recipient?.id ?? null,
          tokenHash: fingerprint(token),
          createdAt,
          expiresAt,
        }
        const mail = resetMail(
          { to: recipient?.email ?? email, token, minutes: resetTokenLifetimeMinutes },
          deps.publicUrl,
          { ipAddress: client.ipAddress, at: createdAt },
        )
        await Promise.all([
          resets.insertReset(reset),
          recipient ? messages.enqueue(mail, createdAt) : messages.discard(mail, createdAt),
          events.append({
            type: 'PASSWORD_RESET_REQUESTED',
            outcome: recipient ? 'SUCCESS' : 'DENIED',
            userId: owner?.id ?? null,
            client,
            details: recipient ? {} : { reason: isTooMuch ? 'too many' : owner ? 'suspended' : 'unknown address' },
          }),
        ])
        afterCommit(async () => deps.wakeMailRelay())
      })
      return answer
    },

    /**
     * Sets the password that was chosen with a mailed token, or opens a challenge for the second factor first; of any
     * number of calls with one token, one succeeds. Signs nobody in. Throws TOKEN_INVALID, and PASSWORD_REJECTED, which
     * spends nothing.
     */
    async reset({ token, newPassword }: PasswordResetForm, client: ClientInfo): Promise<ResetOutcome> {
      const tokenHash = fingerprint(token)
      const named = await recovery.findResetOwner(tokenHash, now())
      if (!named) return refuse(client)
      const passwordHash = await hashPassword(parseNewPassword(newPassword, named))
      const outcome = await transact(async (stores): Promise<ResetOutcome | null> => {
        const owner = await stores.accounts.lock(named.id)
        if (!owner || !(await stores.recovery.spendReset(tokenHash, now()))) return null
        if (!owner.mfaEnabled) return completeReset(stores, owner, passwordHash, client)
        const act = { purpose: 'PASSWORD_RESET', sessionId: null, proofs: [], passwordHash } as const
        return { kind: 'mfaRequired', challenge: await openChallenge(stores, { ...act, userId: owner.id, client }) }
      })
      return outcome ?? refuse(client)
    },
  }
}
