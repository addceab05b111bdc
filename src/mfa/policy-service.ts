import type { Account, Role } from '../accounts/account.ts'
import type { EventStore } from '../audit/event-store.ts'
import { AppError, badInput } from '../failure.ts'
import type { Clock } from '../lib/clock.ts'
import { createReloading } from '../lib/reloading.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import { defaultPolicy, graceEndOf, type MfaPolicy, type MfaRequirement } from './policy.ts'
import type { PolicyStore } from './policy-store.ts'
import type { ActAsOwner } from './step-up-service.ts'

interface Stores {
  readonly policies: Pick<PolicyStore, 'set'>
  readonly events: Pick<EventStore, 'append'>
}

export interface PolicyServiceDeps {
  readonly actAsOwner: ActAsOwner<Stores>
  readonly policies: Pick<Policies, 'load'>
  readonly now: Clock
}

export interface PolicyForm {
  readonly role: Role
  readonly requirement: MfaRequirement
  readonly graceDays: number
}

const roles: readonly Role[] = ['USER', 'AUDITOR', 'ADMIN']
const longestGraceDays = 365

export type Policies = ReturnType<typeof createPolicies>

export interface PoliciesDeps {
  readonly listPolicies: PolicyStore['list']
  readonly logProblem: (problem: unknown) => void
  readonly now: Clock
}

/**
 * The policies in force, in memory: they are three rows, asked for at every request. To be read at the start, when a change is
 * announced, and when announcements may have been missed.
 */
export const createPolicies = ({ listPolicies, logProblem, now }: PoliciesDeps) => {
  let byRole = new Map<Role, MfaPolicy>()
  const reloading = createReloading(async () => {
    byRole = new Map((await listPolicies()).map((policy) => [policy.role, policy]))
  }, logProblem)
  const policyFor = (role: Role): MfaPolicy => byRole.get(role) ?? defaultPolicy(role)

  return {
    ...reloading,
    policyFor,
    list: (): MfaPolicy[] => roles.map(policyFor),
    isRequired: ({ role }: Pick<Account, 'role'>): boolean => policyFor(role).requirement === 'REQUIRED',
    graceEndOf: (account: Pick<Account, 'role' | 'mfaEnabled' | 'createdAt'>): Date | null =>
      graceEndOf(policyFor(account.role), account),
    /** Whether the user must enrol a factor before anything else. */
    isEnrolmentOwed(account: Pick<Account, 'role' | 'mfaEnabled' | 'createdAt'>): boolean {
      const graceEndsAt = graceEndOf(policyFor(account.role), account)
      return graceEndsAt !== null && graceEndsAt <= now()
    },
  }
}

export type SetPolicy = (caller: SignedInCaller, form: PolicyForm, client: ClientInfo) => Promise<MfaPolicy>

/** Sets what a role must have. Throws BAD_USER_INPUT, STEP_UP_REQUIRED, and FORBIDDEN when the caller is no administrator any more. */
export const createSetPolicy =
  ({ actAsOwner, policies, now }: PolicyServiceDeps): SetPolicy =>
  async (caller, form, client) => {
    const { role, requirement, graceDays } = form
    if (graceDays < 0 || graceDays > longestGraceDays) {
      throw badInput('input.graceDays', `must be from 0 to ${longestGraceDays}`)
    }
    const policy = await actAsOwner(caller, client, 'always', async (stores, owner) => {
      if (owner.role !== 'ADMIN') throw new AppError('FORBIDDEN') // since the request began
      const about = { userId: null, actorId: owner.id, sessionId: caller.session.id, client }
      const details = { role, requirement, graceDays }
      const set = await stores.policies.set(form, now())
      await stores.events.append({ type: 'POLICY_CHANGED', outcome: 'SUCCESS', ...about, details })
      return set
    })
    await policies.load().catch(() => {}) // it is set; the announcement has every server read it
    return policy
  }
