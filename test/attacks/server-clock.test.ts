import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { tally } from '../support/race.ts'
import { answerChallenge, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const stepMs = 30_000
const userWithApp = async () => {
  const user = await gatehouse.createUser()
  return { user, seed: await gatehouse.giveTotp(user) }
}
/** The code of the step that lies so many steps from the server's own. */
const codeOf = (seed: string, steps: number) => totpCode(seed, new Date(gatehouse.now().getTime() + steps * stepMs))
/** Moves the clock to the middle of a step, where five seconds make no difference. */
const toMiddleOfStep = () => gatehouse.advanceClock((stepMs * 1.5 - (gatehouse.now().getTime() % stepMs)) / 1000)

test('A27: a code counts in its own step and the next, and from five seconds before it', async () => {
  toMiddleOfStep()
  for (const [steps, expected] of [
    [-2, 'MFA_CODE_INVALID'],
    [-1, 'OK'],
    [0, 'OK'],
    [1, 'MFA_CODE_INVALID'],
  ] as const) {
    const { user, seed } = await userWithApp()
    const challenge = await loginChallenge(gatehouse.anonymous, user)
    expect(tally([await answerChallenge(gatehouse.anonymous, challenge, codeOf(seed, steps))])).toEqual({
      [expected]: 1,
    })
  }
  gatehouse.advanceClock(12) // three seconds are left of the step
  const { user, seed } = await userWithApp()
  await completeChallenge(
    gatehouse.anonymous,
    await loginChallenge(gatehouse.anonymous, user),
    codeOf(seed, 1),
    'SignedIn',
  )
})

test('A27: a server whose clock is set back after a code was accepted accepts neither it nor an older one', async () => {
  toMiddleOfStep()
  const { user, seed } = await userWithApp()
  const used = codeOf(seed, 0)
  await completeChallenge(gatehouse.anonymous, await loginChallenge(gatehouse.anonymous, user), used, 'SignedIn')
  gatehouse.advanceClock(-60)
  const challenge = await loginChallenge(gatehouse.anonymous, user)
  for (const code of [used, codeOf(seed, 0), codeOf(seed, -1)]) {
    expect(tally([await answerChallenge(gatehouse.anonymous, challenge, code)])).toEqual({ MFA_CODE_INVALID: 1 })
  }
  gatehouse.advanceClock(60 + 30)
  await completeChallenge(gatehouse.anonymous, challenge, codeOf(seed, 0), 'SignedIn')
})

test('A27: a client has no say in what time it is', async () => {
  const { user, seed } = await userWithApp()
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  for (const field of ['timestamp', 'epoch', 'now']) {
    const { errors } = await gatehouse.anonymous.sendText(
      `mutation { verifyMfa(input: { challengeId: "${challengeId}", code: "${codeOf(seed, 0)}", ${field}: 1 }) { __typename } }`,
    )
    expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
  }
})
