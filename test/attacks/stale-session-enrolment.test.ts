import { afterAll, beforeAll, expect, test } from 'vitest'
import { youngSessionSeconds } from '../../src/mfa/step-up-service.ts'
import {
  ChangeEmailDocument,
  EnrolMfaDocument,
  LoginDocument,
  ReauthenticateDocument,
} from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { beginEnrolment } from '../support/second-factor.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const begin = { input: { method: 'TOTP' } } as const

test('B7: a stolen session that went stale enrols no first factor, and so shuts its owner out of nothing', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  gatehouse.advanceClock(youngSessionSeconds + 1)
  const { extensions } = await session.refused(EnrolMfaDocument, begin)
  expect(extensions).toEqual({ code: 'STEP_UP_REQUIRED', methods: ['PASSWORD'] })
  expect((await session.refused(ChangeEmailDocument, { newEmail: 'thief@example.com' })).extensions.code).toBe(
    'STEP_UP_REQUIRED',
  )
  const { login } = await gatehouse.anonymous.ask(LoginDocument, {
    input: { email: user.email, password: user.password },
  })
  expect(login.__typename).toBe('SignedIn')
})

test('B7: the password lets a stale session enrol, and a young session needs none', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  await beginEnrolment(session)
  gatehouse.advanceClock(youngSessionSeconds + 1)
  const { reauthenticate } = await session.ask(ReauthenticateDocument, { password: user.password })
  await beginEnrolment(gatehouse.clientWith(reauthenticate.sessionToken))
})
