import type { RecordEvent } from '../audit/event-recording-service.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { BudgetStore } from '../budgets/budget-store.ts'
import type { FloodGuard } from '../budgets/flood-service.ts'
import type { Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { fingerprint, newToken } from '../lib/secret.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import type { Admission, Admit, GateStores } from '../sessions/gate-service.ts'
import type { Locate } from '../sessions/location-service.ts'
import type { ClientInfo, SessionTransport } from '../sessions/session.ts'
import { newSessionTag } from '../sessions/session-token.ts'
import { parseDisplayName } from './account.ts'
import type { AccountStore } from './account-store.ts'
import { mailboxClaim } from './mailbox-claim.ts'
import { parseNewPassword } from './new-password.ts'
import { addressTakenMail, confirmationMail } from './registration-mail.ts'

interface Stores extends GateStores {
  readonly accounts: Pick<AccountStore, 'claimAddress' | 'addConfirmation' | 'spendConfirmation' | 'activate'>
  readonly budgets: Pick<BudgetStore, 'claimAll'>
  readonly messages: Pick<MessageStore, 'enqueue' | 'discard'>
  readonly events: Pick<EventStore, 'append'>
}

export interface RegistrationDeps {
  readonly transact: Transact<Stores>
  readonly recordEvent: RecordEvent
  readonly floods: Pick<FloodGuard, 'claim'>
  readonly hashPassword: (password: string) => Promise<string>
  readonly admit: Admit
  readonly digest: (text: string) => string
  readonly wakeMailRelay: () => void
  readonly locate: Locate
  readonly publicUrl: string
  readonly now: Clock
}

export interface RegistrationForm {
  readonly email: string
  readonly password: string
  readonly displayName?: string | null | undefined
}

export type RegistrationService = ReturnType<typeof createRegistrationService>

const confirmationLifetimeHours = 24 // NIST SP 800-63B-4 §4.2.1.2, for codes sent by email

/** Sign-up, from the form to the confirmed address. */
export const createRegistrationService = ({
  transact,
  recordEvent,
  floods,
  hashPassword,
  admit,
  digest,
  wakeMailRelay,
  locate,
  publicUrl,
  now,
}: RegistrationDeps) => ({
  /**
   * Takes a registration and mails the address: a link to confirm it, or a notice that it has an account. Answer, cost
   * and side effects that the caller can see are the same (ASVS 6.3.8), also beyond what one mailbox may get. Throws
   * PASSWORD_REJECTED, BAD_USER_INPUT, RATE_LIMITED.
   */
  async register(form: RegistrationForm, client: ClientInfo): Promise<{ email: string; expiresAt: Date }> {
    const { email } = form
    const displayName = parseDisplayName('input.displayName', form.displayName)
    const password = parseNewPassword(form.password, { email, displayName })
    await floods.claim('registrations', client)
    const passwordHash = await hashPassword(password)
    const createdAt = now()
    const expiresAt = secondsAfter(createdAt, confirmationLifetimeHours * 3600)
    await transact(async ({ accounts, budgets, messages, events, afterCommit }) => {
      const account = await accounts.claimAddress({ id: newId(), email, sessionTag: newSessionTag(), createdAt })
      const isTooMuch = (await budgets.claimAll([mailboxClaim('confirmations', email, digest)], createdAt)) !== null
      const isTaken = account.status !== 'PENDING'
      const token = newToken()
      const confirmation = {
        id: newId(),
        userId: account.id,
        tokenHash: fingerprint(token),
        email,
        passwordHash,
        displayName,
        createdAt,
        expiresAt,
      }
      const mail = isTaken
        ? addressTakenMail(account.email, publicUrl)
        : confirmationMail(
            { email, token, createdAt },
            { publicUrl, ipAddress: client.ipAddress, hours: confirmationLifetimeHours },
          )
      await Promise.all([
        accounts.addConfirmation(confirmation), // of a taken address too: its token leaves this function in no case
        isTooMuch ? messages.discard(mail, createdAt) : messages.enqueue(mail, createdAt),
        events.append({
          type: 'ACCOUNT_REGISTERED',
          outcome: isTaken ? 'FAILURE' : isTooMuch ? 'DENIED' : 'SUCCESS',
          userId: account.id,
          client,
          details: isTaken ? { reason: 'address taken' } : isTooMuch ? { reason: 'too many' } : {},
        }),
      ])
      afterCommit(async () => wakeMailRelay())
    })
    return { email, expiresAt }
  },

  /** Opens the account with the password of the registration that this token belongs to, and signs in. Throws TOKEN_INVALID. */
  async confirmEmail(token: string, transport: SessionTransport, client: ClientInfo): Promise<Admission> {
    const confirmedAt = now()
    const place = await locate(client.ipAddress)
    const admission = await transact(async (stores) => {
      const chosen = await stores.accounts.spendConfirmation(fingerprint(token), confirmedAt)
      const account = chosen && (await stores.accounts.activate(chosen, confirmedAt))
      if (!account) return null
      return admit(stores, {
        user: account,
        proofs: ['PASSWORD'], // the one chosen with this registration; the mailbox itself is no factor (ASVS 6.3.6)
        freshProofAt: null,
        passwordVersion: null,
        answered: null,
        spentTicketHash: null,
        deviceToken: null,
        trustsDevice: false,
        transport,
        budget: null,
        client,
        risk: { findings: [], place, lastSeenThereAt: null }, // the first of its user
        reports: [{ type: 'EMAIL_CONFIRMED', outcome: 'SUCCESS', userId: account.id, client }],
      })
    })
    if (admission) return admission
    await floods.claim('failures', client)
    await recordEvent({ type: 'EMAIL_CONFIRMED', outcome: 'FAILURE', userId: null, client })
    throw new AppError('TOKEN_INVALID')
  },
})
