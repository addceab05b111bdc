import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer } from '../support/client.ts'
import {
  ChangePasswordDocument,
  LogoutDocument,
  MeDocument,
  type MeQuery,
  RefreshSessionDocument,
  RemoveMfaFactorDocument,
  RevokeOtherSessionsDocument,
  RevokeSessionDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse, type TestUser } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { historyOf } from '../support/history.ts'
import { freshlyProved } from '../support/recovery.ts'

type Server = Awaited<ReturnType<typeof startGatehouseProcess>>
type Session = Awaited<ReturnType<Gatehouse['signedInAs']>>

let gatehouse: Gatehouse
let servers: [Server, Server]
beforeAll(async () => {
  gatehouse = await startGatehouse()
  servers = [await startGatehouseProcess(gatehouse.databaseUrl), await startGatehouseProcess(gatehouse.databaseUrl)]
})
afterAll(async () => {
  for (const server of servers) await server.end()
  await gatehouse.close()
})

const perSecond = 200
const secondsBefore = 0.5
const secondsAfter = 0.7

interface Timed {
  readonly startedAt: number
  readonly answer: Answer<MeQuery>
}

/** Uses a token steadily on both servers while `end` ends its session on the first, and returns what was answered after. */
const useThroughout = async (token: string, end: () => Promise<unknown>) => {
  const pending: Promise<Timed>[] = []
  let isDone = false
  const use = async () => {
    for (let count = 0; !isDone; count++) {
      const server = servers[count % 2] as Server
      const startedAt = performance.now()
      pending.push(
        server
          .clientWith(token)
          .send(MeDocument, {})
          .then((answer) => ({ startedAt, answer })),
      )
      await wait(1000 / perSecond)
    }
  }
  const using = use()
  await wait(secondsBefore * 1000)
  await end()
  const answeredAt = performance.now()
  await wait(secondsAfter * 1000)
  isDone = true
  await using
  const all = await Promise.all(pending)
  return {
    before: all.filter(({ startedAt }) => startedAt < answeredAt - (secondsBefore * 1000) / 2),
    after: all.filter(({ startedAt }) => startedAt > answeredAt),
    answers: all.map(({ answer }) => answer),
  }
}

const ends: Record<
  string,
  { reason: string; end: (user: TestUser, victim: Session) => Promise<() => Promise<unknown>> }
> = {
  'another session of its user': {
    reason: 'REVOKED_BY_USER',
    async end(user, { sessionId }) {
      const { token } = await gatehouse.signedInAs(user)
      return () => servers[0].clientWith(token).ask(RevokeSessionDocument, { id: sessionId })
    },
  },
  'another session that ends all others': {
    reason: 'REVOKED_BY_USER',
    async end(user) {
      const { token } = await gatehouse.signedInAs(user)
      return () => servers[0].clientWith(token).ask(RevokeOtherSessionsDocument, {})
    },
  },
  'an administrator': {
    reason: 'REVOKED_BY_ADMIN',
    async end(_user, { sessionId }) {
      const { token } = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' }))
      return () => servers[0].clientWith(token).ask(RevokeSessionDocument, { id: sessionId })
    },
  },
  itself: {
    reason: 'SIGNED_OUT',
    end:
      async (_user, { token }) =>
      () =>
        servers[0].clientWith(token).ask(LogoutDocument, {}),
  },
  'a new password': {
    reason: 'PASSWORD_CHANGED',
    async end(user) {
      const { token } = await freshlyProved(gatehouse, user)
      const input = { currentPassword: user.password, newPassword: 'quite another fine passphrase' }
      return () => servers[0].clientWith(token).ask(ChangePasswordDocument, { input })
    },
  },
  'the removal of a factor': {
    reason: 'MFA_CHANGED',
    async end(user) {
      await gatehouse.giveTotp(user)
      const { token } = await freshlyProved(gatehouse, user, ['PASSWORD', 'TOTP'])
      const [factor] = await gatehouse.sql`SELECT id FROM mfa_configurations WHERE user_id = ${user.id}`
      return () => servers[0].clientWith(token).ask(RemoveMfaFactorDocument, { id: factor?.id })
    },
  },
}

test.each(Object.entries(ends))(
  'D3: a session ended by %s opens nothing to a request that starts after the answer, on either process',
  async (_by, { reason, end }) => {
    const user = await gatehouse.createUser()
    const victim = await gatehouse.signedInAs(user)
    const { before, after, answers } = await useThroughout(victim.token, await end(user, victim))
    expect(before.length).toBeGreaterThan(10)
    expect(before.filter(({ answer }) => answer.errors)).toEqual([])
    expect(after.length).toBeGreaterThan(20)
    const codes = new Set(after.map(({ answer }) => JSON.stringify(answer.errors?.[0]?.extensions)))
    expect([...codes]).toEqual([JSON.stringify({ code: 'SESSION_ENDED', reason })])
    const events = (await historyOf(gatehouse, user)).filter(
      ({ sessionId, details }) => sessionId === victim.sessionId && details.reason === reason,
    )
    expect(events).toHaveLength(1)
    await expectUnharmed(gatehouse, { secrets: [victim.token], answers })
  },
)

test('D3: a token that is refreshed in steady use never fails its user, and is the only one to change', async () => {
  const user = await gatehouse.createUser()
  const { token } = await gatehouse.signedInAs(user)
  const { answers } = await useThroughout(token, () => servers[0].clientWith(token).ask(RefreshSessionDocument, {}))
  expect(answers.filter(({ errors }) => errors)).toEqual([])
})
