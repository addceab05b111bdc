import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKeyRing } from '../../src/lib/key-ring.ts'
import { newSessionTag, newSessionToken } from '../../src/sessions/session-token.ts'
import { dumpOf, expectUnharmed } from '../support/attack.ts'
import { LoginDocument, MeDocument, RegisterDocument } from '../support/documents.generated.ts'
import { confirmationTokenTo, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { beginEnrolment, completeChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')

test('D14: PostgreSQL and Redis hold the hash of a session token, and neither the token nor its random part', async () => {
  const { anonymous, clientWith, createUser } = gatehouse
  const { email, password } = await createUser()
  const { login } = await anonymous.ask(LoginDocument, { input: { email, password } })
  if (login.__typename !== 'SignedIn' || !login.sessionToken) throw new Error('Not signed in')
  const first = clientWith(login.sessionToken)
  const { challenge, secret } = await beginEnrolment(first)
  const code = totpCode(secret, gatehouse.now())
  const { sessionToken, backupCodes } = await completeChallenge(first, challenge.id, code, 'MfaActivated')
  if (!sessionToken || !backupCodes) throw new Error('Nothing was activated')
  await clientWith(sessionToken).ask(MeDocument, {})

  expect((await dumpOf(gatehouse.sql)).split(sha256(sessionToken)).length).toBeGreaterThan(2) // in both stores
  const tokens = [login.sessionToken, sessionToken]
  const randomParts = tokens.map((token) => token.slice('gts_'.length + 16, -8))
  await expectUnharmed(gatehouse, { secrets: [...tokens, ...randomParts, secret, ...backupCodes.codes, password] })
})

test('D14: neither PostgreSQL nor the logs hold the token of a confirmation mail', async () => {
  const email = 'd14@example.com'
  await gatehouse.anonymous.ask(RegisterDocument, { input: { email, password: 'a perfectly fine passphrase' } })
  const token = await confirmationTokenTo(gatehouse, email)
  expect(Buffer.from(token, 'base64url').length).toBe(32)
  expect(await dumpOf(gatehouse.sql)).toContain(sha256(token))
  await expectUnharmed(gatehouse, { secrets: [token] })
})

test('D14: ten thousand session tokens are all different, and each of their random bits is as often 0 as 1', () => {
  const keys = createKeyRing([{ id: 'k1', secret: Buffer.alloc(32, 1) }])
  const tag = newSessionTag()
  const count = 10_000
  const tokens = Array.from({ length: count }, () => newSessionToken(tag, keys).text)
  const randomParts = tokens.map((token) => token.slice('gts_'.length + 16, -8))
  expect(new Set(randomParts).size).toBe(count)

  const ones = new Array<number>(256).fill(0)
  for (const part of randomParts) {
    const bytes = Buffer.from(part, 'base64url')
    for (const bit of ones.keys()) ones[bit] = (ones[bit] ?? 0) + (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1)
  }
  const sixSigma = 6 * Math.sqrt(count / 4)
  expect(ones.filter((sum) => Math.abs(sum - count / 2) > sixSigma)).toEqual([])
})
