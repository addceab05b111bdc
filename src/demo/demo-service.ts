import { randomBytes } from 'node:crypto'
import { lockSeconds } from '../budgets/budget.ts'
import { secondsAfter } from '../lib/clock.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import { fingerprint } from '../lib/secret.ts'
import { phoneBinding, seedBinding } from '../mfa/factor.ts'
import { newSeed } from '../mfa/totp.ts'
import { newSessionTag } from '../sessions/session-token.ts'
import type { DemoStore } from './demo-store.ts'
import { type Story, tellHistory } from './history.ts'
import { exampleNumbers, type Person } from './person.ts'
import { createRandom } from './random.ts'

export interface DemoDeps {
  readonly transact: <T>(work: (store: DemoStore) => Promise<T>) => Promise<T>
  readonly hashPassword: (password: string) => Promise<string>
  /** Seals all that waits. */
  readonly seal: () => Promise<void>
  readonly ring: KeyRing
}

export interface DemoResult {
  /** Everybody's, and kept nowhere. */
  readonly password: string
  readonly events: number
  readonly sessions: number
  readonly examples: Readonly<Record<keyof typeof exampleNumbers, string>>
}

export type FillDemo = (
  story: Story & {
    /** The address of the only account that may be there. */
    readonly administrator: string
    readonly onProgress: (events: number) => void
  },
) => Promise<DemoResult>

/** The database is somebody's already. */
export class NotEmpty extends Error {}

const passwordBytes = 15

/** Writes a story to a database without users, all of it or nothing, and seals it. Throws NotEmpty. */
export const createFillDemo =
  ({ transact, hashPassword, seal, ring }: DemoDeps): FillDemo =>
  async ({ administrator, onProgress, ...story }) => {
    const { people, reports, sessions, lockedIds } = tellHistory(story)
    const password = randomBytes(passwordBytes).toString('base64url')
    const passwordHash = await hashPassword(password)
    const lastLogins = new Map(
      reports.flatMap(({ type, userId, at }) => (type === 'LOGIN_SUCCEEDED' ? [[userId, at]] : [])),
    )
    const asNew = (person: Person) => ({
      ...person,
      sessionTag: newSessionTag(),
      passwordHash,
      sealedSecret: sealSecret(ring, person),
      lastLoginAt: lastLogins.get(person.id) ?? null,
    })
    await transact(async (store) => {
      if (await store.hasOthersThan(administrator)) throw new NotEmpty()
      await store.addPeople(people.map(asNew))
      await store.addSessions(sessions.map((session) => ({ ...session, tokenHash: fingerprint(`demo ${session.id}`) })))
      await store.addEvents(reports, createRandom(story.seed).bytes, onProgress)
      await store.addLocks(lockedIds, story.end, secondsAfter(story.end, lockSeconds))
      await store.announce()
    })
    await seal()
    const emailOf = (number: number): string => people[number]?.email ?? ''
    const { auditor, user, userWithSms } = exampleNumbers
    const examples = { auditor: emailOf(auditor), user: emailOf(user), userWithSms: emailOf(userWithSms) }
    return { password, events: reports.length, sessions: sessions.length, examples }
  }

const sealSecret = (ring: KeyRing, { id, factor }: Person): string => {
  if (!factor) return ''
  return factor.method === 'SMS'
    ? ring.seal(factor.phone, phoneBinding(id, factor.id))
    : ring.seal(newSeed(), seedBinding(id, factor.id))
}
