import { type GraphQLNamedType, getNamedType, isUnionType } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Client } from '../support/client.ts'
import {
  ConfirmEmailDocument,
  ListSessionsDocument,
  LoginDocument,
  RefreshSessionDocument,
  RegisterDocument,
  RemoveMfaFactorDocument,
  ResolveSessionLimitDocument,
  SendMfaCodeDocument,
  SetMfaPolicyDocument,
  type SignedInPartsFragment,
  VerifyMfaDocument,
} from '../support/documents.generated.ts'
import {
  codeSentTo,
  confirmationTokenTo,
  type Gatehouse,
  startGatehouse,
  type TestUser,
  testPassword,
} from '../support/gatehouse.ts'
import { writtenSchema } from '../support/schema-walk.ts'
import { loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

const enrolments = {
  none: [],
  'an app': ['TOTP'],
  'a phone': ['SMS'],
  'an app and a phone': ['TOTP', 'SMS'],
  'a disabled app and backup codes': ['BACKUP_CODE'],
} as const
const requirements = ['OPTIONAL', 'REQUIRED'] as const
const devices = ['trusted', 'new'] as const
type Method = (typeof enrolments)[keyof typeof enrolments][number]

interface Cell {
  readonly factors: keyof typeof enrolments
  readonly policy: (typeof requirements)[number]
  readonly device: (typeof devices)[number]
}

/** What a way in proves; null where it was not walked to its end, as there was nothing to prove. */
interface Proved {
  readonly password: 'now' | 'before' | null
  readonly factor: Method | null
  readonly showsDevice: boolean
}

interface Account {
  readonly user: TestUser
  readonly deviceToken: string | null
  readonly codeFor: (client: Client, challengeId: string, method: Method) => Promise<string>
}

interface WayIn {
  /** One for each factor that this way may prove, or one. */
  readonly routes: (methods: readonly Method[]) => readonly Proved[]
  readonly walk: (cell: Cell, proved: Proved) => Promise<Walked>
}

interface Walked {
  readonly signedIn: SignedInPartsFragment | null
  readonly answer: Answer<unknown>
}

interface Outcome {
  readonly session: { readonly assurance: string; readonly trustedDevice: boolean } | null
  readonly read: string
  readonly act: string
}

/** The rules, once (ASVS 6.3.4, 7.5.3; NIST SP 800-63B-4 §2.2, §5.1; threats B1, B11, B13). */
const expectedOf = ({ factors, policy, device }: Cell, { password, factor, showsDevice }: Proved): Outcome => {
  const isEnrolled = factors !== 'none'
  const isWaived = isEnrolled && !factor && showsDevice && device === 'trusted'
  if (!password || (isEnrolled && !factor && !isWaived)) return { session: null, read: 'none', act: 'none' }
  const session = { assurance: factor ? 'AAL2' : 'AAL1', trustedDevice: isWaived }
  if (policy === 'REQUIRED' && !isEnrolled)
    return { session, read: 'MFA_ENROLMENT_REQUIRED', act: 'MFA_ENROLMENT_REQUIRED' }
  const strongest = enrolments[factors][0]
  // A backup code lets its owner in when the factor is lost; an act asks for it once more.
  const isFresh = isEnrolled ? factor === strongest && factor !== 'BACKUP_CODE' : password === 'now'
  return { session, read: 'allowed', act: isFresh ? 'allowed' : 'STEP_UP_REQUIRED' }
}

const firefox = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Firefox/127.0' }

let gatehouse: Gatehouse
let browser: Client
/** A server of the same installation that lets nobody have two sessions, and asks which to end. */
let asking: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  browser = gatehouse.anonymous.with(firefox)
  const sessionLimit = { mostSessions: 1, policy: 'ASK' } as const
  asking = await startGatehouse({ databaseUrl: gatehouse.databaseUrl, config: { sessionLimit } })
  const admin = await gatehouse.createUser({ role: 'ADMIN' })
  const session = await gatehouse.signedInAs(admin, ['PASSWORD'], new Date(gatehouse.now().getTime() + 60_000))
  await session.ask(SetMfaPolicyDocument, { input: { role: 'AUDITOR', requirement: 'REQUIRED', graceDays: 0 } })
})
afterAll(async () => {
  await asking.close()
  await gatehouse.close()
})

/** A policy holds for a role: users of one are free, those of the other bound. */
const roleUnder = { OPTIONAL: 'USER', REQUIRED: 'AUDITOR' } as const

let phones = 0
const nextPhone = (): string => `+1415555${String(++phones).padStart(4, '0')}`

const giveFactors = async (user: TestUser, factors: Cell['factors']) => {
  const methods: readonly Method[] = enrolments[factors]
  const hasBackupCodes = methods.includes('BACKUP_CODE')
  const seed = methods.includes('TOTP') || hasBackupCodes ? await gatehouse.giveTotp(user) : ''
  const phone = methods.includes('SMS') ? await gatehouse.givePhone(user, nextPhone()) : ''
  const backupCodes = hasBackupCodes ? [...(await gatehouse.giveBackupCodes(user))] : []
  if (hasBackupCodes) {
    await gatehouse.sql`UPDATE mfa_configurations SET status = 'DISABLED' WHERE user_id = ${user.id}`
  }
  return async (client: Client, challengeId: string, method: Method): Promise<string> => {
    if (method === 'BACKUP_CODE') return backupCodes.pop() as string
    if (method === 'TOTP') return totpCode(seed, gatehouse.now())
    const before = (await gatehouse.mailTo(phone)).length
    await client.ask(SendMfaCodeDocument, { input: { challengeId } })
    for (;;) {
      const code = await codeSentTo(gatehouse, phone)
      if ((await gatehouse.mailTo(phone)).length > before) return code
    }
  }
}

const signedInOf = ({ data }: Answer<object>): SignedInPartsFragment | null => {
  const [result] = Object.values(data ?? {})
  return result?.sessionToken ? result : null
}

const answer = async (account: Account, challengeId: string, method: Method, trustDevice: boolean, client = browser) =>
  client.send(VerifyMfaDocument, {
    input: { challengeId, code: await account.codeFor(browser, challengeId, method), method, trustDevice },
  })

/** A user as a cell wants them; whoever can trust a device has trusted this one. */
const accountOf = async ({ factors, policy, device }: Cell): Promise<Account> => {
  const user = await gatehouse.createUser({ role: roleUnder[policy] })
  const account = { user, deviceToken: null, codeFor: await giveFactors(user, factors) }
  const [method] = enrolments[factors]
  if (device === 'new' || !method) return account
  const trusted = signedInOf(await answer(account, await loginChallenge(browser, user), method, true))
  expect(trusted?.deviceToken).toBeTruthy()
  for (const server of [gatehouse, asking]) server.advanceClock(31) // past the code that this took
  return { ...account, deviceToken: trusted?.deviceToken ?? null }
}

/** The ways in. Whoever adds one to the schema says here how it is walked, and what it proves. */
const waysIn: Record<string, WayIn> = {
  login: {
    routes: () => [{ password: 'now', factor: null, showsDevice: true }],
    async walk(cell) {
      const { user, deviceToken } = await accountOf(cell)
      const { email, password } = user
      const sent = await browser.send(LoginDocument, { input: { email, password, deviceToken } })
      return { signedIn: signedInOf(sent), answer: sent }
    },
  },
  verifyMfa: {
    routes: (methods) =>
      methods.length > 0
        ? methods.map((factor) => ({ password: 'now', factor, showsDevice: false }))
        : [{ password: null, factor: null, showsDevice: false }],
    async walk(cell, { factor }) {
      const account = await accountOf(cell)
      const sent = factor
        ? await answer(account, await loginChallenge(browser, account.user), factor, false)
        : await browser.send(VerifyMfaDocument, { input: { challengeId: crypto.randomUUID(), code: '000000' } })
      return { signedIn: signedInOf(sent), answer: sent }
    },
  },
  confirmEmail: {
    routes: () => [{ password: 'before', factor: null, showsDevice: false }],
    async walk({ factors, policy }) {
      const email = `new-${crypto.randomUUID()}@example.com`
      await browser.ask(RegisterDocument, { input: { email, password: testPassword } })
      const token = await confirmationTokenTo(gatehouse, email)
      const [row] = await gatehouse.sql`
        UPDATE users SET role = ${roleUnder[policy]} WHERE email = ${email} RETURNING id`
      await giveFactors({ id: row?.id } as TestUser, factors) // nobody can so early; the gate does not rely on it
      const sent = await browser.send(ConfirmEmailDocument, { input: { token } })
      return { signedIn: signedInOf(sent), answer: sent }
    },
  },
  resolveSessionLimit: {
    routes: (methods) =>
      methods.length > 0
        ? methods.map((factor) => ({ password: 'now', factor, showsDevice: false }))
        : [{ password: 'now', factor: null, showsDevice: false }],
    async walk(cell, { factor }) {
      const account = await accountOf(cell)
      const { sessionId } = await gatehouse.signedInAs(account.user)
      const crowded = asking.anonymous.with(firefox)
      const { email, password } = account.user
      const { deviceToken } = account
      const first = await crowded.send(LoginDocument, { input: { email, password, deviceToken } })
      const { login } = first.data ?? {}
      const proved =
        factor && login?.__typename === 'MfaRequired'
          ? (await answer(account, login.challenge.id, factor, false, crowded)).data?.verifyMfa
          : login
      if (proved?.__typename !== 'SessionLimitReached') throw new Error(`No ticket: ${first.text}`)
      const ends = proved.sessions.map(({ id }) => id)
      expect(ends).toContain(sessionId)
      const sent = await crowded.send(ResolveSessionLimitDocument, {
        input: { ticket: proved.ticket, endSessionIds: ends },
      })
      return { signedIn: signedInOf(sent), answer: sent }
    },
  },
  refreshSession: {
    routes: () => [{ password: null, factor: null, showsDevice: false }], // who has no session gets none
    async walk() {
      const sent = await browser.send(RefreshSessionDocument, {})
      return { signedIn: signedInOf(sent), answer: sent }
    },
  },
}

const includesSignedIn = (type: GraphQLNamedType): boolean =>
  isUnionType(type) ? type.getTypes().some(includesSignedIn) : type.name === 'SignedIn'

const waysInSchema = Object.values(writtenSchema.getMutationType()?.getFields() ?? {})
  .filter(({ type }) => includesSignedIn(getNamedType(type)))
  .map(({ name }) => name)

test('every mutation that may answer SignedIn has a row in this table', () => {
  expect(waysInSchema.length).toBeGreaterThan(2)
  expect(Object.keys(waysIn).sort()).toEqual(waysInSchema.sort())
})

const codeOf = ({ errors }: Answer<unknown>): string => errors?.[0]?.extensions.code ?? 'allowed'

/** What a caller gets who is let in: of an act on a factor that does not exist, NOT_FOUND says that it was allowed. */
const whatIsOpenTo = async (client: Client) => {
  const read = codeOf(await client.send(ListSessionsDocument, {}))
  const act = codeOf(await client.send(RemoveMfaFactorDocument, { id: crypto.randomUUID() }))
  return { read, act: act === 'NOT_FOUND' ? 'allowed' : act }
}

const cells = Object.entries(waysIn).flatMap(([way, { routes, walk }]) =>
  (Object.keys(enrolments) as Cell['factors'][]).flatMap((factors) =>
    requirements.flatMap((policy) =>
      devices.flatMap((device) =>
        routes(enrolments[factors]).map((proved) => ({
          way,
          factors,
          policy,
          device,
          by: proved.factor ?? 'no factor',
          proved,
          walk,
        })),
      ),
    ),
  ),
)

test('the table has a cell for each way in, enrolment, policy and device', () => {
  expect(cells.length).toBeGreaterThanOrEqual(Object.keys(waysIn).length * 5 * 2 * 2)
})

test.each(cells)(
  'B1: $way by $by, enrolled: $factors, policy $policy, $device device',
  async ({ proved, walk, ...cell }) => {
    const expected = expectedOf(cell, proved)
    const { signedIn, answer: sent } = await walk(cell, proved)
    expect(sent.status).toBeLessThan(500)
    if (!signedIn) {
      expect({ session: null, read: 'none', act: 'none' }, sent.text).toEqual(expected)
      expect(sent.text).not.toMatch(/gts_|gtd_/)
      return
    }
    const { assurance, trustedDevice } = signedIn.session
    const opened = await whatIsOpenTo(gatehouse.clientWith(signedIn.sessionToken))
    expect({ session: { assurance, trustedDevice }, ...opened }).toEqual(expected)
  },
)
