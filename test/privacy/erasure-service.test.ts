import { randomUUID } from 'node:crypto'
import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { secondsAfter } from '../../src/lib/clock.ts'
import { createErasureCompletion } from '../../src/privacy/erasure-completion-service.ts'
import { createStores } from '../../src/stores.ts'
import type { Answer, Client } from '../support/client.ts'
import {
  ChangeEmailDocument,
  DeleteMyAccountDocument,
  EraseUserDocument,
  LoginDocument,
  MeDocument,
  RevokeSessionDocument,
  SuspendUserDocument,
  UnlockUserDocument,
} from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { atOnce, tally } from '../support/race.ts'
import { confirmEmail, freshlyProved, loginOutcome, newestTokenTo } from '../support/recovery.ts'
import { roundsOf } from '../support/rounds.ts'

const reason = 'asked for by letter of 3 November'

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

const codeOf = ({ errors }: Answer<unknown>) => errors?.[0]?.extensions.code ?? 'OK'
const createAdmin = async () => {
  const account = await gatehouse.createUser({ role: 'ADMIN' })
  return { account, client: await freshlyProved(gatehouse, account) }
}
const rowOf = async ({ id }: Pick<TestUser, 'id'>) => (await gatehouse.sql`SELECT * FROM users WHERE id = ${id}`)[0]
const liveSessions = async ({ id }: Pick<TestUser, 'id'>): Promise<number> =>
  (await gatehouse.sql`SELECT id FROM user_sessions WHERE user_id = ${id} AND ended_at IS NULL`).length

/** Events about a user, or done by them, that keep what identifies a person; not the erasure itself. */
const personalEvents = ({ id }: Pick<TestUser, 'id'>) =>
  gatehouse.sql`
    SELECT e.id, type FROM security_events e JOIN security_event_personal_data ON event_id = e.id
    WHERE actor_id = ${id} OR user_id = ${id} AND type <> 'ACCOUNT_ERASED'`

/** With the answer on a machine that is not overloaded, else soon. */
const expectTraceless = async (user: Pick<TestUser, 'id'>) => {
  await eventually(async () => (await personalEvents(user)).length === 0)
}

describe('an administrator erases a user', () => {
  test('of whom the id is left, and in the log who did it and why', async () => {
    const user = await gatehouse.createUser()
    const { token } = await gatehouse.signedInAs(user)
    const { account: admin, client } = await createAdmin()
    const { eraseUser } = await client.ask(EraseUserDocument, { id: user.id, reason })
    expect(eraseUser.id).toBe(user.id)
    for (const server of [gatehouse, other]) {
      const { extensions } = await server.clientWith(token).refused(MeDocument, {})
      expect(extensions).toEqual({ code: 'SESSION_ENDED', reason: 'ACCOUNT_ERASED' })
      expect(await loginOutcome(server.anonymous, user.email, user.password)).toBe('INVALID_CREDENTIALS')
    }
    expect(await rowOf(user)).toMatchObject({
      email: `${user.id}@erased.invalid`,
      email_key: `${user.id}@erased.invalid`,
      display_name: null,
      password_hash: null,
      role: 'USER',
      status: 'ERASED',
    })
    const history = await historyOf(gatehouse, user)
    expect(countTypes(history)).toMatchObject({ ACCOUNT_ERASED: 1, SESSION_REVOKED: 1 })
    expect(history.find(({ type }) => type === 'ACCOUNT_ERASED')).toMatchObject({
      actor: { id: admin.id },
      ipAddress: '127.0.0.1',
      details: { reason },
    })
    await expectTraceless(user)
  })

  test('with a reason that does not name them', async () => {
    const user = await gatehouse.createUser({ email: 'Erased.By.Name@example.com' })
    await gatehouse.sql`UPDATE users SET display_name = 'Zoë Quillfeather' WHERE id = ${user.id}`
    const { client } = await createAdmin()
    for (const wrong of ['told by erased.by.name@EXAMPLE.com', 'zoë quillfeather asked', ' ', 'a\nb']) {
      const { extensions } = await client.refused(EraseUserDocument, { id: user.id, reason: wrong })
      expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ path: 'reason' }] })
    }
    expect(await rowOf(user)).toMatchObject({ status: 'ACTIVE' })
    await gatehouse.sql`UPDATE users SET display_name = 'e' WHERE id = ${user.id}`
    await client.ask(EraseUserDocument, { id: user.id, reason: 'a request, erased as asked' })
  })

  test('whatever the status of the account, but not themselves, nobody, or one who was erased', async () => {
    const { account: admin, client } = await createAdmin()
    for (const status of ['PENDING', 'SUSPENDED']) {
      const user = await gatehouse.createUser()
      await gatehouse.sql`UPDATE users SET status = ${status}, version = version + 1 WHERE id = ${user.id}`
      await client.ask(EraseUserDocument, { id: user.id, reason })
      expect(await rowOf(user)).toMatchObject({ status: 'ERASED' })
      expect((await client.refused(EraseUserDocument, { id: user.id, reason })).extensions.code).toBe('CONFLICT')
      expect((await client.refused(SuspendUserDocument, { id: user.id, reason })).extensions.code).toBe('CONFLICT')
      expect((await client.refused(UnlockUserDocument, { id: user.id })).extensions.code).toBe('CONFLICT')
    }
    expect((await client.refused(EraseUserDocument, { id: admin.id, reason })).extensions.code).toBe('CONFLICT')
    for (const id of [randomUUID(), 'no id at all'])
      expect((await client.refused(EraseUserDocument, { id, reason })).extensions.code).toBe('NOT_FOUND')
  })
})

test('what an erased administrator did to others stays in their history, without address and words', async () => {
  const { account: admin, client } = await createAdmin()
  const user = await gatehouse.createUser()
  await client.ask(SuspendUserDocument, { id: user.id, reason: 'rude' })
  await createAdmin() // who stays
  await client.ask(DeleteMyAccountDocument, {})
  await expectTraceless(admin)
  const [event] = await historyOf(gatehouse, user)
  expect(event).toMatchObject({ type: 'ACCOUNT_SUSPENDED', actor: { id: admin.id }, ipAddress: null, details: {} })
})

test('under COOKIE the answer takes the cookie away', async () => {
  const user = await gatehouse.createUser()
  const until = secondsAfter(gatehouse.now(), 300)
  const { token } = await gatehouse.signedInAs(user, ['PASSWORD'], until, 'COOKIE')
  const { headers } = await gatehouse.anonymous.with({ cookie: `gatehouse=${token}` }).send(DeleteMyAccountDocument, {})
  expect(headers.getSetCookie().join()).toMatch(/gatehouse=;/)
})

test('whoever tries the address that stands in the place of an erased one learns nothing, and leaves no trace with it', async () => {
  const user = await gatehouse.createUser()
  await (await freshlyProved(gatehouse, user)).ask(DeleteMyAccountDocument, {})
  const answers = await Promise.all(
    [`${user.id}@erased.invalid`, `${randomUUID()}@erased.invalid`].map((email) =>
      gatehouse.anonymous.send(LoginDocument, { input: { email, password: user.password } }),
    ),
  )
  expect(tally(answers)).toEqual({ BAD_USER_INPUT: 2 })
  expect(answers[0]?.text).toBe(answers[1]?.text)
  await expectTraceless(user)
})

const completionOf = ({ sql, keys, now }: Gatehouse) => {
  const { erasures, erasedRows: rows } = createStores(drizzle(sql), keys, now)
  const later = () => secondsAfter(now(), 60)
  return createErasureCompletion({ erasures, rows, pause: async () => {}, now: later })
}

test('erasures that can not be finished, as nothing is sealed, keep no others from it, nor anything else of a purge', async () => {
  const stuck = (await atOnce(150, [gatehouse], (server) => server.createUser())).map(({ id }) => id)
  await gatehouse.sql`
    INSERT INTO erasures (user_id, event_id, severity, erased_at, personal_digest)
    SELECT id, gen_random_uuid(), 'INFO', now() - interval '2 days', '' FROM unnest(${stuck}::uuid[]) id`
  const { listUnfinished } = createStores(drizzle(gatehouse.sql), gatehouse.keys, gatehouse.now).erasures
  const seen = new Set<string>()
  await eventually(async () => {
    for (const { id } of await listUnfinished(secondsAfter(gatehouse.now(), -24 * 3600), 100)) seen.add(id)
    return stuck.every((id) => seen.has(id))
  })
  const startedAt = performance.now()
  let statements = 0
  await completionOf(gatehouse).finishSome(async () => ++statements < 40)
  expect(statements).toBe(40) // asked before each of them, and heard
  expect(performance.now() - startedAt).toBeLessThan(10_000) // half a minute for each would be an hour
  await gatehouse.sql`DELETE FROM erasures WHERE user_id = ANY(${stuck})`
})

describe('at once on two servers', () => {
  test('of fifty deletions one is done, recorded and told', async () => {
    const user = await gatehouse.createUser()
    const sessions = await Promise.all(Array.from({ length: 4 }, () => freshlyProved(gatehouse, user)))
    const doors = sessions.flatMap(({ token }) => [gatehouse.clientWith(token), other.clientWith(token)])
    const answers = await atOnce(50, doors, (door) => door.send(DeleteMyAccountDocument, {}))
    expect(tally(answers)).toEqual({ OK: 1, SESSION_ENDED: 49 })
    expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ ACCOUNT_ERASED: 1, SESSION_REVOKED: 4 })
    await expectTraceless(user)
  })

  test('of the last two administrators who delete themselves, one stays', async () => {
    for (let round = 0; round < roundsOf(5); round++) {
      await gatehouse.sql`UPDATE users SET role = 'USER', version = version + 1 WHERE role = 'ADMIN'`
      const [one, two] = [await createAdmin(), await createAdmin()]
      const answers = await Promise.all([
        one.client.send(DeleteMyAccountDocument, {}),
        other.clientWith(two.client.token).send(DeleteMyAccountDocument, {}),
      ])
      expect(answers.map(codeOf).sort()).toEqual(['CONFLICT', 'OK'])
      expect((await liveSessions(one.account)) + (await liveSessions(two.account))).toBe(1)
    }
  })

  test('with twenty sign-ins, none of them leaves a session', async () => {
    const user = await gatehouse.createUser()
    const client = await freshlyProved(gatehouse, user)
    const { email, password } = user
    const [signIns] = await Promise.all([
      atOnce(20, [gatehouse.anonymous, other.anonymous], (door) =>
        door.send(LoginDocument, { input: { email, password } }),
      ),
      client.send(DeleteMyAccountDocument, {}),
    ])
    // Those sign-ins may have ended the session that asked, as the oldest: then it asks again in another.
    if ((await rowOf(user))?.status !== 'ERASED')
      await (await freshlyProved(gatehouse, user)).ask(DeleteMyAccountDocument, {})
    expect(await liveSessions(user)).toBe(0)
    for (const { data } of signIns) {
      if (data?.login.__typename !== 'SignedIn') continue
      const late = other.clientWith(data.login.sessionToken as string)
      expect((await late.refused(MeDocument, {})).extensions.code).toBe('SESSION_ENDED')
    }
    const known = await gatehouse.sql`SELECT 1 FROM known_devices WHERE user_id = ${user.id}`
    expect(known).toEqual([])
    await expectTraceless(user)
  })

  test('with the confirmation of a new address, the erased user keeps neither', async () => {
    for (let round = 0; round < roundsOf(5); round++) {
      const user = await gatehouse.createUser()
      const client = await freshlyProved(gatehouse, user)
      const newEmail = `next-${user.email}`
      await client.ask(ChangeEmailDocument, { newEmail })
      const token = await newestTokenTo(gatehouse, newEmail)
      const [confirmed, deleted] = await Promise.all([
        confirmEmail(other.anonymous, token),
        client.send(DeleteMyAccountDocument, {}),
      ])
      expect(codeOf(deleted)).toBe('OK')
      expect(['OK', 'TOKEN_INVALID']).toContain(codeOf(confirmed))
      expect((await rowOf(user))?.email).toBe(`${user.id}@erased.invalid`)
      const left = () =>
        gatehouse.sql`SELECT 1 FROM outgoing_messages WHERE recipient IN (${user.email}, ${newEmail})
          UNION ALL SELECT 1 FROM users WHERE email_key IN (${user.email}, ${newEmail})`
      await eventually(async () => (await left()).length === 0)
    }
  })

  test('with a flood of requests that are recorded, none keeps what identifies the user, now or later', async () => {
    const user = await gatehouse.createUser()
    const sessions = await Promise.all(Array.from({ length: 4 }, () => freshlyProved(gatehouse, user)))
    const doors = sessions.flatMap(({ token }) => [gatehouse.clientWith(token), other.clientWith(token)])
    let isOver = false
    const seen: string[] = []
    const flood = async (door: Client) => {
      while (!isOver) {
        const answers = await Promise.all([
          door.send(RevokeSessionDocument, { id: randomUUID() }),
          door.send(EraseUserDocument, { id: user.id, reason }),
          gatehouse.anonymous.send(LoginDocument, { input: { email: user.email, password: 'not the password' } }),
        ])
        seen.push(...answers.map(codeOf))
      }
    }
    const floods = doors.map(flood)
    await eventually(() => seen.filter((code) => code === 'NOT_FOUND').length > 50)
    await (doors[0] as Client).ask(DeleteMyAccountDocument, {})
    await eventually(() => seen.filter((code) => code === 'SESSION_ENDED').length > 20)
    isOver = true
    await Promise.all(floods)
    await expectTraceless(user)
    const counted = await gatehouse.sql`SELECT report FROM repeated_refusals WHERE report->>'userId' = ${user.id}`
    expect(counted.filter(({ report }) => report.client !== null)).toEqual([])
    await historyOf(gatehouse, user) // what was counted is an event by now
    await expectTraceless(user)
  })
})

const always = async () => true

describe('what is left', () => {
  const addHistory = ({ id }: TestUser, events: number) =>
    gatehouse.sql`
      WITH event AS (
        INSERT INTO security_events (id, type, severity, outcome, occurred_at, user_id, personal_digest)
        SELECT overlay(gen_random_uuid()::text placing left(first_id_of(date_trunc('month', now())::date)::text, 13) from 1)::uuid,
          'LOGGED_OUT', 'INFO', 'SUCCESS', now() - n * interval '1 second', ${id}, ''
        FROM generate_series(1, ${events}) n RETURNING id)
      INSERT INTO security_event_personal_data SELECT id, '', '192.0.2.1', 'x', '{}' FROM event`

  test('of a long history is gone with the answer', async () => {
    const user = await gatehouse.createUser()
    await addHistory(user, roundsOf(5) * 1_000)
    await (await freshlyProved(gatehouse, user)).ask(DeleteMyAccountDocument, {})
    await expectTraceless(user)
  })

  test('by a server that could not go on is taken out by whoever purges, and noted as done', async () => {
    const user = await gatehouse.createUser()
    const client = await freshlyProved(gatehouse, user)
    await addHistory(user, 10)
    await gatehouse.sql`REVOKE EXECUTE ON FUNCTION erase_personal_data(uuid, uuid[]) FROM gatehouse_app`
    await client.ask(DeleteMyAccountDocument, {}) // which nobody can sign in to any more, all the same
    expect(await personalEvents(user)).not.toEqual([])
    await gatehouse.sql`GRANT EXECUTE ON FUNCTION erase_personal_data(uuid, uuid[]) TO gatehouse_app`

    const { finishSome, count } = completionOf(gatehouse) // as a purge does
    expect(await count()).toBeGreaterThan(0)
    while ((await finishSome(always)) > 0);
    expect(await count()).toBe(0)
    await expectTraceless(user)
  })

  test('late in the tables is taken out by the last pass', async () => {
    const user = await gatehouse.createUser()
    await (await freshlyProved(gatehouse, user)).ask(DeleteMyAccountDocument, {})
    await gatehouse.sql`INSERT INTO known_devices VALUES (${user.id}, 'Chrome', '192.0.2.1', now(), now())`
    await completionOf(gatehouse).finishSome(always)
    expect(await gatehouse.sql`SELECT 1 FROM known_devices WHERE user_id = ${user.id}`).toEqual([])
  })

  test('by mail that was about to be queued is nothing', async () => {
    const [user, erased] = [await gatehouse.createUser(), await gatehouse.createUser()]
    await (await freshlyProved(gatehouse, erased)).ask(DeleteMyAccountDocument, {})
    const { messages } = createStores(drizzle(gatehouse.sql), gatehouse.keys, gatehouse.now)
    for (const { id, email } of [user, erased])
      await messages.enqueueTo(id, { to: email, subject: 'Late', text: 'Late' }, gatehouse.now())
    const queued = await gatehouse.sql`SELECT recipient FROM outgoing_messages WHERE subject = 'Late'`
    expect(queued).toEqual([{ recipient: user.email }])
  })
})
