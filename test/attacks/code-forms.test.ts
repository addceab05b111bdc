import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectUnharmed } from '../support/attack.ts'
import type { Answer } from '../support/client.ts'
import { LoginDocument, RequestStepUpDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { countTypes, historyOf } from '../support/history.ts'
import { tally } from '../support/race.ts'
import { answerChallenge, beginEnrolment, completeChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode, wrongTotpCodes } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const fullWidth = (code: string): string =>
  [...code].map((digit) => String.fromCodePoint(0xff10 + Number(digit))).join('')
const arabicIndic = (code: string): string =>
  [...code].map((digit) => String.fromCodePoint(0x660 + Number(digit))).join('')

/** Every other way to write a right code. */
const formsOf = (code: string): unknown[] => [
  ...[` ${code}`, `${code} `, `${code}\n`, `\t${code}`, `\u00a0${code}`, `\u200b${code}`, `${code}\0`],
  ...[`${code.slice(0, 3)} ${code.slice(3)}`, `${code.slice(0, 3)}-${code.slice(3)}`, [...code].join(' ')],
  ...[fullWidth(code), arabicIndic(code), `+${code}`, `${code}.0`, `0${code}`, `${code}0`, code.slice(1)],
  ...['', null, Number(`1${code.slice(1)}`), [code], [[code]], { code }, true, 'A'.repeat(1_000_000)],
]

const verify = 'mutation ($input: VerifyMfaInput!) { verifyMfa(input: $input) { __typename } }'

test('A11: a right code in any other form is refused as bad input, and costs no try', async () => {
  const { anonymous } = gatehouse
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const challengeId = await loginChallenge(anonymous, user)
  const code = totpCode(seed, gatehouse.now())

  const answers: Answer<unknown>[] = []
  for (const form of formsOf(code))
    answers.push(await anonymous.sendText(verify, { input: { challengeId, code: form } }))
  answers.push(
    await anonymous.sendText(
      `mutation { verifyMfa(input: { challengeId: "${challengeId}", code: 9${code} }) { __typename } }`,
    ),
  )
  expect(tally(answers)).toEqual({ BAD_USER_INPUT: answers.length })

  const [wrong = ''] = wrongTotpCodes(seed, gatehouse.now(), 1)
  const counted = await answerChallenge(anonymous, challengeId, wrong)
  expect(counted.errors?.[0]?.extensions).toEqual({ code: 'MFA_CODE_INVALID', attemptsRemaining: 4 })
  await completeChallenge(anonymous, challengeId, code, 'SignedIn')
  expect(countTypes(await historyOf(gatehouse, user))).toMatchObject({ MFA_FAILED: 1, LOGIN_SUCCEEDED: 1 })
  await expectUnharmed(gatehouse, { secrets: [code, `9${code}`, fullWidth(code), seed], answers })
})

test('A12: twenty wrong codes at each act that takes one are all refused, and each is recorded once', async () => {
  const { anonymous, createUser, giveTotp, signedInAs } = gatehouse
  const user = await createUser()
  const seed = await giveTotp(user)
  const session = await signedInAs(user)
  const newcomer = await createUser()
  const enrolling = await signedInAs(newcomer)
  const acts = [
    { owner: user, client: anonymous, open: async () => ({ id: await loginChallenge(anonymous, user), secret: seed }) },
    {
      owner: user,
      client: session,
      open: async () => ({ id: (await session.ask(RequestStepUpDocument, {})).requestStepUp.id, secret: seed }),
    },
    {
      owner: newcomer,
      client: enrolling,
      open: async () => {
        const { challenge, secret } = await beginEnrolment(enrolling)
        return { id: challenge.id, secret }
      },
    },
  ]

  const answers: Answer<unknown>[] = []
  for (const { client, open } of acts) {
    for (let round = 0; round < 4; round++) {
      const { id, secret } = await open()
      const codes = wrongTotpCodes(secret, gatehouse.now(), 5)
      for (const code of codes) answers.push(await answerChallenge(client, id, code))
    }
  }
  expect(tally(answers)).toEqual({ MFA_CODE_INVALID: 20, ACCOUNT_LOCKED: 40 }) // ten of each account
  const types = [...(await historyOf(gatehouse, user)), ...(await historyOf(gatehouse, newcomer))].map(
    ({ type }) => type,
  )
  expect(types.filter((type) => type === 'MFA_FAILED')).toHaveLength(20)
  expect(types).not.toContain('SESSION_CREATED')
  expect(types).not.toContain('MFA_ENROLLED')
  await expectUnharmed(gatehouse, { secrets: [seed], answers })
})

test('A25: a right, a wrong and a replayed code stand in no answer, header, log, event or row', async () => {
  const { anonymous } = gatehouse
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const right = totpCode(seed, gatehouse.now())
  const [wrong = ''] = wrongTotpCodes(seed, gatehouse.now(), 1)
  const { email, password } = user

  const answers: Answer<unknown>[] = [await anonymous.send(LoginDocument, { input: { email, password } })]
  const challengeId = await loginChallenge(anonymous, user)
  for (const code of [wrong, right, right]) answers.push(await answerChallenge(anonymous, challengeId, code))
  answers.push(await answerChallenge(anonymous, await loginChallenge(anonymous, user), right))
  expect(tally(answers)).toEqual({ OK: 2, MFA_CODE_INVALID: 2, CHALLENGE_EXPIRED: 1 })

  const events = JSON.stringify(await historyOf(gatehouse, user))
  for (const secret of [right, wrong, seed, password]) expect(events).not.toContain(secret)
  await expectUnharmed(gatehouse, { secrets: [right, wrong, seed, password], answers })
})
