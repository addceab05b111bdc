import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../src/accounts/account.ts'
import type { Answer, Client } from '../support/client.ts'
import {
  AnyEventsDocument,
  IssueAccessTokenDocument,
  ListSessionsDocument,
  MeDocument,
  RefreshSessionDocument,
  RegisterDocument,
  SetMfaPolicyDocument,
  SetUserRoleDocument,
  SuspendUserDocument,
  UnlockUserDocument,
  UsersDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser, testPassword } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { connect, newestEvent } from '../support/live-socket.ts'
import { atOnce, tally } from '../support/race.ts'
import { freshlyProved, subjectsTo } from '../support/recovery.ts'
import { roundsOf } from '../support/rounds.ts'

let gatehouse: Gatehouse
let other: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
  other = await startGatehouse({ databaseUrl: gatehouse.databaseUrl })
})
afterAll(async () => {
  await other.close()
  await gatehouse.close()
})

const createAdmin = async (server = gatehouse) => {
  const account = await server.createUser({ role: 'ADMIN' })
  return { account, client: await freshlyProved(server, account) }
}

const setRole = async ({ id }: Pick<TestUser, 'id'>, role: Role) => {
  const admin = await createAdmin()
  expect(await admin.client.ask(SetUserRoleDocument, { id, role })).toEqual({ setUserRole: { id, role } })
  return admin
}

const roleOf = async ({ sql }: Gatehouse, { id }: Pick<TestUser, 'id'>): Promise<Role> =>
  (await sql`SELECT role FROM users WHERE id = ${id}`)[0]?.role

const codeOf = ({ errors }: Answer<unknown>) => errors?.[0]?.extensions.code ?? 'OK'

const expectEnded = async (token: string) => {
  for (const server of [gatehouse, other]) {
    expect((await server.clientWith(token).refused(MeDocument, {})).extensions).toEqual({
      code: 'SESSION_ENDED',
      reason: 'REVOKED_BY_ADMIN',
    })
  }
}

describe('H10: an administrator gives a user another role', () => {
  test('which ends every session of theirs on every server, and holds from the next sign-in on', async () => {
    const user = await gatehouse.createUser()
    const sessions = await Promise.all([1, 2].map(() => gatehouse.signedInAs(user)))
    const refreshed = await sessions[0]?.ask(RefreshSessionDocument, {})
    const tokens = [...sessions.map(({ token }) => token), refreshed?.refreshSession.sessionToken as string]
    for (const token of tokens.slice(1)) await other.clientWith(token).ask(MeDocument, {})
    const { account: admin } = await setRole(user, 'AUDITOR')
    for (const token of tokens) await expectEnded(token)
    await (await gatehouse.signedInAs(user)).ask(UsersDocument, {})

    const history = await historyOf(gatehouse, user)
    const [change, ...ends] = history.filter(({ type }) => /ROLE|REVOKED/.test(type))
    expect(change).toMatchObject({
      type: 'ROLE_CHANGED',
      outcome: 'SUCCESS',
      severity: 'WARNING',
      user: { id: user.id },
      actor: { id: admin.id },
      details: { from: 'USER', to: 'AUDITOR' },
    })
    expect(ends.map(({ actor, details }) => [actor?.id, details.reason])).toEqual(
      sessions.map(() => [admin.id, 'REVOKED_BY_ADMIN']),
    )
    expect(await subjectsTo(gatehouse, user.email, 1)).toEqual(['Your role was changed'])
    expect((await gatehouse.mailTo(user.email))[0]?.text).toContain('you were a user, and are an auditor now')
  })

  test('and the one that they have already changes and records nothing', async () => {
    const user = await gatehouse.createUser({ role: 'AUDITOR' })
    const session = await gatehouse.signedInAs(user)
    await setRole(user, 'AUDITOR')
    await session.ask(MeDocument, {})
    expect(await historyOf(gatehouse, user)).toEqual([])
  })

  test('and who becomes ADMIN must meet what policy asks of that role first', async () => {
    const { client } = await createAdmin()
    const user = await gatehouse.createUser()
    await setRole(user, 'ADMIN')
    const input = { role: 'ADMIN', requirement: 'REQUIRED', graceDays: 0 } as const
    await client.ask(SetMfaPolicyDocument, { input })
    try {
      const session = await freshlyProved(gatehouse, user)
      for (const answer of [
        await session.send(UsersDocument, {}),
        await session.send(UnlockUserDocument, { id: user.id }),
      ]) {
        expect(codeOf(answer)).toBe('MFA_ENROLMENT_REQUIRED')
      }
    } finally {
      await gatehouse.sql`DELETE FROM mfa_policies`
      await gatehouse.sql`SELECT pg_notify('gatehouse_policies', '')`
      await eventually(async () => codeOf(await client.send(UsersDocument, {})) === 'OK')
    }
  })

  test('but not where there is nobody, or the address was never confirmed', async () => {
    const { client } = await createAdmin()
    const pending = { email: 'role-pending@example.com', password: testPassword }
    await gatehouse.anonymous.ask(RegisterDocument, { input: pending })
    const [row] = await gatehouse.sql`SELECT id FROM users WHERE email = ${pending.email}`
    const expected = [
      [randomUUID(), 'NOT_FOUND'],
      ['no id at all', 'NOT_FOUND'],
      [row?.id, 'CONFLICT'],
    ]
    for (const [id, code] of expected) {
      expect([id, (await client.refused(SetUserRoleDocument, { id, role: 'ADMIN' })).extensions.code]).toEqual([
        id,
        code,
      ])
    }
  })

  test('also where the account is suspended, so that a reinstated administrator is none', async () => {
    const user = await gatehouse.createUser({ role: 'ADMIN' })
    const { client } = await createAdmin()
    await client.ask(SuspendUserDocument, { id: user.id, reason: 'left' })
    await client.ask(SetUserRoleDocument, { id: user.id, role: 'USER' })
    expect(await roleOf(gatehouse, user)).toBe('USER')
  })

  test('which is done, recorded and told once, however many ask for it at once on two servers', async () => {
    const user = await gatehouse.createUser()
    const { client } = await createAdmin()
    const doors = [client, other.clientWith(client.token)]
    const answers = await atOnce(20, doors, (door) => door.send(SetUserRoleDocument, { id: user.id, role: 'AUDITOR' }))
    expect(tally(answers)).toEqual({ OK: 20 })
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ ROLE_CHANGED: 1 })
    expect(await gatehouse.sql`SELECT id FROM outgoing_messages WHERE recipient = ${user.email}`).toHaveLength(1)
  })
})

describe('an administrator who loses the role', () => {
  test('is refused from the answer on, on every server, whatever is under way', async () => {
    const victim = await createAdmin()
    const bystander = await gatehouse.createUser()
    const seen: { startedAt: number; code: string }[] = []
    const doors = [gatehouse, other].map((server) => server.clientWith(victim.client.token))
    let isOver = false
    const acting = doors.map(async (door) => {
      while (!isOver) {
        const startedAt = performance.now()
        seen.push({ startedAt, code: codeOf(await door.send(UnlockUserDocument, { id: bystander.id })) })
      }
    })
    await eventually(() => seen.filter(({ code }) => code === 'OK').length > 5)
    await setRole(victim.account, 'USER')
    const answeredAt = performance.now()
    const late = () => seen.filter(({ startedAt }) => startedAt > answeredAt)
    await eventually(() => late().length > 10)
    isOver = true
    await Promise.all(acting)
    expect(new Set(late().map(({ code }) => code))).toEqual(new Set(['SESSION_ENDED']))
  })

  test('F13: gets no further event of the whole log, and the socket closes', async () => {
    const { account, client } = await createAdmin()
    await client.ask(IssueAccessTokenDocument, { audience: 'shop' })
    const live = await connect(other.url, client.token)
    const stream = live.subscribe(AnyEventsDocument, { after: await newestEvent(gatehouse), filter: {} })
    const bystander = await gatehouse.signedInAs(await gatehouse.createUser())
    const act = () => bystander.ask(IssueAccessTokenDocument, { audience: 'shop' })
    await eventually(async () => {
      await act()
      return stream.data().length > 0
    })
    await setRole(account, 'USER')
    const seen = stream.data().length
    await act()
    expect(await live.closed).toMatchObject({ code: 4401 })
    expect(stream.data().length).toBe(seen)
  })

  test.each([
    [
      'setMfaPolicy',
      (client: Client) => client.send(SetMfaPolicyDocument, { input: { role: 'USER', requirement: 'OPTIONAL' } }),
    ],
    ['setUserRole', (client: Client, id: string) => client.send(SetUserRoleDocument, { id, role: 'ADMIN' as const })],
  ])('while %s waits for the lock of the account does nothing by it', async (_act, send) => {
    const { account, client } = await createAdmin()
    const bystander = await gatehouse.createUser()
    const answer = await gatehouse.sql.begin(async (owner) => {
      await owner`SELECT id FROM users WHERE id = ${account.id} FOR UPDATE`
      const sent = send(client, bystander.id)
      await eventually(async () => {
        const [row] = await gatehouse.sql`
          SELECT count(*)::int AS waiting FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`
        return row?.waiting > 0
      })
      await owner`UPDATE users SET role = 'USER', version = version + 1 WHERE id = ${account.id}`
      return { sent }
    })
    expect(codeOf(await answer.sent)).toBe('FORBIDDEN')
    expect(await roleOf(gatehouse, bystander)).toBe('USER')
    expect(await gatehouse.sql`SELECT role FROM mfa_policies`).toHaveLength(0)
  })
})

describe('of all administrators one is left', () => {
  let lonely: Gatehouse
  let twin: Gatehouse
  beforeAll(async () => {
    lonely = await startGatehouse() // with no administrators but those of a test
    twin = await startGatehouse({ databaseUrl: lonely.databaseUrl })
  })
  afterAll(async () => {
    await twin.close()
    await lonely.close()
  })

  const administrators = () => lonely.sql`SELECT id FROM users WHERE role = 'ADMIN' AND status = 'ACTIVE'`
  const createAdmins = async (count: number) => {
    await lonely.sql`UPDATE users SET role = 'USER'`
    return Promise.all(Array.from({ length: count }, () => createAdmin(lonely)))
  }

  test('who can not give up the role, nothing of theirs being ended, nor where the others are suspended', async () => {
    const [last, suspended] = await createAdmins(2)
    await lonely.sql`UPDATE users SET status = 'SUSPENDED' WHERE id = ${suspended?.account.id as string}`
    const { account, client } = last as NonNullable<typeof last>
    expect((await client.refused(SetUserRoleDocument, { id: account.id, role: 'USER' })).extensions.code).toBe(
      'CONFLICT',
    )
    await client.ask(ListSessionsDocument, {})
    expect(countTypes(await historyOf(lonely, account))).not.toHaveProperty('ROLE_CHANGED')
  })

  test('when all of them give it up at once on two servers', async () => {
    for (let round = 0; round < roundsOf(4); round++) {
      const admins = await createAdmins(3)
      const answers = await Promise.all(
        admins.map(({ account, client }, index) =>
          (index % 2 ? twin : lonely)
            .clientWith(client.token)
            .send(SetUserRoleDocument, { id: account.id, role: 'USER' }),
        ),
      )
      expect(tally(answers)).toEqual({ OK: 2, CONFLICT: 1 })
      expect(await administrators()).toHaveLength(1)
    }
  })

  test('when each of three takes it from the next, or suspends them, at once', async () => {
    for (let round = 0; round < roundsOf(4); round++) {
      const admins = await createAdmins(3)
      await Promise.all(
        admins.map(({ client }, index) => {
          const { id } = (admins[(index + 1) % 3] as (typeof admins)[number]).account
          const door = (index % 2 ? twin : lonely).clientWith(client.token)
          return index === round % 3
            ? door.send(SuspendUserDocument, { id, reason: 'race' })
            : door.send(SetUserRoleDocument, { id, role: 'USER' })
        }),
      )
      expect((await administrators()).length).toBeGreaterThan(0)
    }
  })
})
