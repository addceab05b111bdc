import type { EventStore } from '../audit/event-store.ts'
import { AppError } from '../failure.ts'
import type { ActAsOwner, StepUp } from '../mfa/step-up-service.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { RenewedSession, RenewToken, TokenRenewalStores } from '../sessions/token-renewal-service.ts'
import type { AccountStore } from './account-store.ts'
import { parseNewPassword } from './new-password.ts'
import type { CheckPassword } from './password-check-service.ts'
import type { PasswordChanged } from './password-reset-service.ts'
import type { PasswordSettingStores, SetPassword } from './password-setting-service.ts'

interface Stores extends Omit<PasswordSettingStores, 'accounts' | 'sessions'> {
  readonly accounts: PasswordSettingStores['accounts'] & Pick<AccountStore, 'findCredentials'>
  readonly sessions: PasswordSettingStores['sessions'] & TokenRenewalStores['sessions']
  readonly events: Pick<EventStore, 'append'>
}

export interface PasswordChangeDeps {
  readonly actAsOwner: ActAsOwner<Stores>
  readonly requireStepUp: StepUp['require']
  readonly checkPassword: CheckPassword
  readonly hashPassword: (password: string) => Promise<string>
  readonly setPassword: SetPassword
  readonly renewToken: RenewToken
}

export interface PasswordChangeForm {
  readonly currentPassword: string
  readonly newPassword: string
}

export type Reauthenticated = { readonly kind: 'steppedUp' } & RenewedSession
export type PasswordChangeService = ReturnType<typeof createPasswordChangeService>

/** What users do with their password while they are signed in. */
export const createPasswordChangeService = (deps: PasswordChangeDeps) => {
  const { actAsOwner, requireStepUp, checkPassword, hashPassword, setPassword, renewToken } = deps

  /** A password that was right a moment ago may have been changed since. */
  const insistOn = async ({ accounts }: Stores, userId: string, passwordVersion: number): Promise<void> => {
    const now = await accounts.findCredentials(userId)
    if (now?.passwordVersion !== passwordVersion) throw new AppError('INVALID_CREDENTIALS')
  }

  return {
    /**
     * Replaces the password and the caller's token; every other session and all device trust end. Throws STEP_UP_REQUIRED,
     * PASSWORD_REJECTED, INVALID_CREDENTIALS, ACCOUNT_LOCKED, BAD_USER_INPUT.
     */
    async changePassword(
      caller: SignedInCaller,
      { currentPassword, newPassword }: PasswordChangeForm,
      client: ClientInfo,
    ): Promise<PasswordChanged> {
      const { session, account } = caller
      const chosen = parseNewPassword(newPassword, account)
      const typed = { text: currentPassword, path: 'input.currentPassword', act: 'PASSWORD_CHANGED' } as const
      const provedVersion = await checkPassword(caller, typed, client)
      const passwordHash = await hashPassword(chosen)
      return actAsOwner(caller, client, 'always', async (stores, owner) => {
        await insistOn(stores, owner.id, provedVersion)
        const about = { userId: owner.id, sessionId: session.id, client }
        await stores.events.append({ type: 'PASSWORD_CHANGED', outcome: 'SUCCESS', ...about })
        const set = await setPassword(stores, owner, passwordHash, { keepSessionId: session.id, client })
        const { sessionToken } = await renewToken(stores, caller, set.account, 'PASSWORD')
        return { kind: 'passwordChanged', endedSessions: set.endedSessions, sessionToken }
      })
    },

    /**
     * Raises the session of a user without a second factor by the password. One who has a factor must prove that: throws
     * STEP_UP_REQUIRED, or CONFLICT when that is done already; INVALID_CREDENTIALS, ACCOUNT_LOCKED, BAD_USER_INPUT.
     */
    async reauthenticate(caller: SignedInCaller, password: string, client: ClientInfo): Promise<Reauthenticated> {
      await requireStepUp(caller, client, 'onceEnrolled')
      if (caller.account.mfaEnabled) throw new AppError('CONFLICT')
      const typed = { text: password, path: 'password', act: 'STEP_UP_SUCCEEDED' } as const
      const provedVersion = await checkPassword(caller, typed, client)
      return actAsOwner(caller, client, 'onceEnrolled', async (stores, owner) => {
        if (owner.mfaEnabled) throw new AppError('CONFLICT')
        await insistOn(stores, owner.id, provedVersion)
        const about = { userId: owner.id, sessionId: caller.session.id, client, details: { method: 'PASSWORD' } }
        await stores.events.append({ type: 'STEP_UP_SUCCEEDED', outcome: 'SUCCESS', ...about })
        return { kind: 'steppedUp', ...(await renewToken(stores, caller, owner, 'PASSWORD')) }
      })
    },
  }
}
