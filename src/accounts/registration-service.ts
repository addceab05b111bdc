import type { EventStore } from '../audit/event-store.ts'
import type { Transact } from '../db/transact.ts'
import { AppError } from '../failure.ts'
import { type Clock, secondsAfter } from '../lib/clock.ts'
import { newId } from '../lib/ids.ts'
import { fingerprint, newToken } from '../lib/secret.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import type { Admission, Admit, GateStores } from '../sessions/gate-service.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { newSessionTag } from '../sessions/session-token.ts'
import { parseDisplayName } from './account.ts'
import type { AccountStore } from './account-store.ts'
import { normalisePassword, passwordProblems } from './password.ts'
import { addressTakenMail, confirmationMail } from './registration-mail.ts'

interface Stores extends GateStores {
  readonly accounts: Pick<AccountStore, 'claimAddress' | 'addConfirmation' | 'spendConfirmation' | 'activate'>
  readonly messages: Pick<MessageStore, 'enqueue'>
  readonly events: Pick<EventStore, 'append'>
}

export interface RegistrationDeps {
  readonly transact: Transact<Stores>
  readonly hashPassword: (password: string) => Promise<string>
  readonly admit: Admit
  readonly wakeMailRelay: () => void
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
  hashPassword,
  admit,
  wakeMailRelay,
  publicUrl,
  now,
}: RegistrationDeps) => ({
  /**
   * Takes a registration and mails the address: a link to confirm it, or a notice that it has an account. Answer, cost
   * and side effects that the caller can see are the same (ASVS 6.3.8). Throws PASSWORD_REJECTED, BAD_USER_INPUT.
   */
  async register(form: RegistrationForm, client: ClientInfo): Promise<{ email: string; expiresAt: Date }> {
    const { email } = form
    const displayName = parseDisplayName('input.displayName', form.displayName)
    const password = normalisePassword(form.password)
    const reasons = passwordProblems(password, [email, email.slice(0, email.indexOf('@')), displayName])
    if (reasons.length > 0) throw new AppError('PASSWORD_REJECTED', { reasons })

    const passwordHash = await hashPassword(password)
    const createdAt = now()
    const expiresAt = secondsAfter(createdAt, confirmationLifetimeHours * 3600)
    await transact(async ({ accounts, messages, events, afterCommit }) => {
      const account = await accounts.claimAddress({ id: newId(), email, sessionTag: newSessionTag(), createdAt })
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
        messages.enqueue(mail, createdAt),
        events.append({
          type: 'ACCOUNT_REGISTERED',
          outcome: isTaken ? 'FAILURE' : 'SUCCESS',
          userId: account.id,
          client,
          details: isTaken ? { reason: 'address taken' } : {},
        }),
      ])
      afterCommit(async () => wakeMailRelay())
    })
    return { email, expiresAt }
  },

  /** Opens the account with the password of the registration that this token belongs to, and signs in. Throws TOKEN_INVALID. */
  async confirmEmail(token: string, client: ClientInfo): Promise<Admission> {
    const confirmedAt = now()
    return transact(async (stores) => {
      const chosen = await stores.accounts.spendConfirmation(fingerprint(token), confirmedAt)
      const account = chosen && (await stores.accounts.activate(chosen, confirmedAt))
      if (!account) throw new AppError('TOKEN_INVALID')
      return admit(stores, {
        user: account,
        proofs: ['PASSWORD'], // the one chosen with this registration; the mailbox itself is no factor (ASVS 6.3.6)
        isFreshProof: false,
        answered: null,
        client,
        reports: [{ type: 'EMAIL_CONFIRMED', outcome: 'SUCCESS', userId: account.id, client }],
      })
    })
  },
})
