import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import { mailboxBudgets, userSubjects } from '../budgets/budget.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { Transact } from '../db/transact.ts'
import { AppError, badInput } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { fingerprint, newToken } from '../lib/secret.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import type { ActAsOwner } from '../mfa/step-up-service.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { type Account, emailKeyOf } from './account.ts'
import type { AccountStore } from './account-store.ts'
import { AddressTaken } from './email-change.ts'
import { mailboxClaim } from './mailbox-claim.ts'
import { type PendingStores, voidPending } from './pending-service.ts'
import { addressWantedMail, emailChangedNotice, emailChangeMail, emailChangeRequestedNotice } from './recovery-mail.ts'
import type { RecoveryStore } from './recovery-store.ts'

interface Stores extends PendingStores {
  readonly accounts: Pick<AccountStore, 'findHolder'>
  readonly recovery: Pick<RecoveryStore, 'insertEmailChange' | 'spendEmailChange' | 'applyEmail' | 'voidAll'>
  readonly budgets: Pick<BudgetStore, 'claimAll'>
  readonly messages: Pick<MessageStore, 'enqueue' | 'enqueueTo' | 'assign' | 'discard'>
  readonly events: Pick<EventStore, 'append'>
}

export interface EmailChangeDeps {
  readonly transact: Transact<Stores>
  readonly actAsOwner: ActAsOwner<Stores>
  readonly recordEvent: RecordEvent
  readonly keepAccount: (account: Account) => Promise<void>
  readonly digest: (text: string) => string
  readonly wakeMailRelay: () => void
  readonly publicUrl: string
  readonly now: Clock
}

export interface EmailChanged {
  readonly kind: 'emailChanged'
  readonly user: Account
}

export type EmailChangeService = ReturnType<typeof createEmailChangeService>

const changeLifetimeHours = 24 // NIST SP 800-63B-4 §4.2.1.2, for codes sent by email

/** A new address for an account: the old one counts until the new mailbox has confirmed (threat E11). */
export const createEmailChangeService = (deps: EmailChangeDeps) => {
  const { transact, actAsOwner, recordEvent, keepAccount, digest, wakeMailRelay, publicUrl, now } = deps

  return {
    /**
     * Mails a link to the new address, or a notice where that has an account, and a notice to the old one; any older link
     * is void. Answer, cost and the caller's own history are the same for a taken address (ASVS 6.3.8). Throws
     * STEP_UP_REQUIRED, BAD_USER_INPUT.
     */
    async request(
      caller: SignedInCaller,
      newEmail: string,
      client: ClientInfo,
    ): Promise<{ email: string; expiresAt: Date }> {
      return actAsOwner(caller, client, 'always', async (stores, owner) => {
        const { accounts, recovery, budgets, messages, events, afterCommit } = stores
        if (emailKeyOf(newEmail) === emailKeyOf(owner.email)) throw badInput('newEmail', 'must be another than now')
        const createdAt = now()
        const expiresAt = secondsAfter(createdAt, changeLifetimeHours * 3600)
        const occasion = { ipAddress: client.ipAddress, at: createdAt }
        const holder = await accounts.findHolder(newEmail)
        const own = { ...mailboxBudgets.addressChanges, subject: userSubjects(owner.id).addressChanges }
        const claims = [mailboxClaim('confirmations', newEmail, digest), own]
        const isTooMuch = (await budgets.claimAll(claims, createdAt)) !== null
        const token = newToken()
        const mail = holder
          ? addressWantedMail(holder.email)
          : emailChangeMail({ to: newEmail, token, hours: changeLifetimeHours }, publicUrl, occasion)
        if (isTooMuch) await messages.discard(mail, createdAt)
        else {
          const tokenHash = fingerprint(token) // of a taken address too: its token leaves this function in no case
          await recovery.insertEmailChange({ id: newId(), userId: owner.id, newEmail, tokenHash, createdAt, expiresAt })
          await messages.enqueueTo(holder?.id ?? owner.id, mail, createdAt, owner.id)
          await messages.enqueue(emailChangeRequestedNotice(owner.email, newEmail, occasion), createdAt)
        }
        const report = { type: 'EMAIL_CHANGED', client, details: { step: 'requested' } } as const
        const reports: EventReport[] = [
          { ...report, outcome: 'SUCCESS', userId: owner.id, sessionId: caller.session.id },
        ]
        // In the holder's history: the caller's own must not tell that there is one.
        if (holder) reports.push({ ...report, outcome: 'DENIED', userId: holder.id })
        await events.append(...reports)
        afterCommit(async () => wakeMailRelay())
        return { email: newEmail, expiresAt }
      })
    },

    /**
     * Gives the account the address that this token confirms: of any number of calls, one does. Its open challenges and
     * other mailed tokens are void then. Null when it is no token of a change. Throws TOKEN_INVALID when the address was
     * taken meanwhile.
     */
    async confirm(token: string, client: ClientInfo): Promise<EmailChanged | null> {
      const at = now()
      const details = { step: 'confirmed' }
      let ownerId: string | null = null
      const change = transact(async (stores) => {
        const { recovery, messages, events, afterCommit } = stores
        const spent = await recovery.spendEmailChange(fingerprint(token), at)
        if (!spent) return null
        const { owner, newEmail } = spent
        ownerId = owner.id
        const user = await recovery.applyEmail(owner.id, newEmail, at)
        await voidPending(stores, owner.id, at)
        await events.append({ type: 'EMAIL_CHANGED', outcome: 'SUCCESS', userId: owner.id, client, details })
        const occasion = { ipAddress: client.ipAddress, at }
        for (const to of [owner.email, newEmail]) await messages.enqueue(emailChangedNotice(to, newEmail, occasion), at)
        await messages.assign(owner.email, owner.id)
        afterCommit(() => keepAccount(user))
        afterCommit(async () => wakeMailRelay())
        return { kind: 'emailChanged', user } as const
      })
      return change.catch(async (problem: unknown) => {
        if (!(problem instanceof AddressTaken)) throw problem
        const reason = { ...details, reason: 'address taken' }
        await recordEvent({ type: 'EMAIL_CHANGED', outcome: 'FAILURE', userId: ownerId, client, details: reason })
        throw new AppError('TOKEN_INVALID')
      })
    },
  }
}
