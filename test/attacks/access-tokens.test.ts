import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { audience, jwksUrl, publishedKeys, startService, tokenOf } from '../support/access-token.ts'
import { expectUnharmed } from '../support/attack.ts'
import { IssueAccessTokenDocument, MeDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { loginChallenge } from '../support/second-factor.ts'

type Json = Record<string, unknown>

let gatehouse: Gatehouse
let verify: ReturnType<typeof startService>
/** What Gatehouse issued, and what it is made of. */
let genuine: { token: string; header: Json; claims: Json; signature: string }
let publicKey: KeyObject
/** Gatehouse's own, out of the database: proves that a token is refused for what it says, and not for its signature. */
let privateKey: KeyObject
const stranger = generateKeyPairSync('ed25519')
const strangerJwk: JsonWebKey = stranger.publicKey.export({ format: 'jwk' })

/** Serves the stranger's keys, and counts who asks for them. */
let fetched = 0
const strangerServer = createServer((_request, response) => {
  fetched++
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ keys: [{ ...strangerJwk, kid: genuine.header.kid, alg: 'EdDSA', use: 'sig' }] }))
})
const strangerUrl = () => `http://127.0.0.1:${(strangerServer.address() as AddressInfo).port}/jwks.json`

beforeAll(async () => {
  gatehouse = await startGatehouse()
  await once(strangerServer.listen(0, '127.0.0.1'), 'listening')
  verify = startService(gatehouse)
  const token = await tokenOf(await gatehouse.signedInAs(await gatehouse.createUser({ role: 'ADMIN' })))
  genuine = {
    token,
    header: { ...decodeProtectedHeader(token) },
    claims: decodeJwt(token),
    signature: token.split('.')[2] as string,
  }
  const [jwk] = await publishedKeys(gatehouse)
  publicKey = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  const [row] = await gatehouse.sql`SELECT id, sealed_private_key FROM signing_keys`
  const pkcs8 = gatehouse.keys.open(row?.sealed_private_key, `signing key ${row?.id}`)
  privateKey = createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), format: 'der', type: 'pkcs8' })
})
afterAll(async () => {
  strangerServer.close()
  await gatehouse.close()
})

const encode = (part: Json): string => Buffer.from(JSON.stringify(part)).toString('base64url')
const without = (part: Json, name: string): Json =>
  Object.fromEntries(Object.entries(part).filter(([key]) => key !== name))
const body = (header: Json, claims: Json = genuine.claims): string => `${encode(header)}.${encode(claims)}`
const signedBy = (key: KeyObject, header: Json, claims?: Json): string => {
  const signed = body(header, claims)
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
}
const macUnder = (secret: string | Buffer, header: Json): string => {
  const signed = body(header)
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
const pem = () => publicKey.export({ format: 'pem', type: 'spki' }) as string
const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' })

/** Tokens that Gatehouse did not sign. */
const forgeries: Record<string, () => Record<string, string>> = {
  'no algorithm': () =>
    Object.fromEntries(
      ['none', 'None', 'NONE', 'nOnE', ' none', '', null].flatMap((alg) => {
        const header = { ...genuine.header, alg }
        return [
          [`${alg}, unsigned`, `${body(header)}.`],
          [`${alg}, with the old signature`, `${body(header)}.${genuine.signature}`],
          [`${alg}, by a stranger`, signedBy(stranger.privateKey, header)],
        ]
      }),
    ),
  'the public key as a secret': () =>
    Object.fromEntries(
      (
        [
          ['PEM', pem()],
          ['PEM without its line break', pem().trim()],
          ['PEM after a space', ` ${pem()}`],
          ['PEM after a line break', `\n${pem()}`],
          ['DER', publicKey.export({ format: 'der', type: 'spki' })],
          ['raw', Buffer.from(jwkOf(publicKey).x as string, 'base64url')],
          ['base64url', jwkOf(publicKey).x as string],
          ['JWK', JSON.stringify(jwkOf(publicKey))],
          ['nothing', ''],
        ] as const
      ).flatMap(([form, secret]) => [
        [form, macUnder(secret, { ...genuine.header, alg: 'HS256' })],
        [`${form}, said to be EdDSA`, macUnder(secret, genuine.header)],
        [`${form}, without kid`, macUnder(secret, without({ ...genuine.header, alg: 'HS256' }, 'kid'))],
      ]),
    ),
  'a key that the token brings along': () => {
    const certificate = stranger.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
    const injections: Json[] = [
      { jwk: strangerJwk },
      { jku: strangerUrl() },
      { x5u: strangerUrl() },
      { x5c: [certificate] },
      { jwk: strangerJwk, jku: strangerUrl(), x5u: strangerUrl(), x5c: [certificate] },
    ]
    return Object.fromEntries(
      injections.flatMap((injection) => [
        [`${Object.keys(injection)}`, signedBy(stranger.privateKey, { ...genuine.header, ...injection })],
        [
          `${Object.keys(injection)} without kid`,
          signedBy(stranger.privateKey, without({ ...genuine.header, ...injection }, 'kid')),
        ],
        [
          `${Object.keys(injection)}, said to be critical`,
          signedBy(stranger.privateKey, { ...genuine.header, ...injection, crit: Object.keys(injection) }),
        ],
      ]),
    )
  },
  'a kid that points elsewhere': () =>
    Object.fromEntries(
      [
        '../../../../dev/null',
        "x' UNION SELECT 'AA' --",
        strangerUrl(),
        '',
        '__proto__',
        0,
        null,
        [genuine.header.kid],
      ].map((kid) => [String(kid), signedBy(stranger.privateKey, { ...genuine.header, kid })]),
    ),
  'a stranger for the signer': () => ({
    'with the right kid': signedBy(stranger.privateKey, genuine.header),
    'without kid': signedBy(stranger.privateKey, without(genuine.header, 'kid')),
  }),
  'a signature of something else': () => {
    const [header = '', claims = ''] = genuine.token.split('.')
    const raised = encode({ ...genuine.claims, sub: '00000000-0000-4000-8000-000000000000', acr: 'aal2' })
    const signature = Buffer.from(genuine.signature, 'base64url')
    return {
      'other claims': `${header}.${raised}.${genuine.signature}`,
      'another header': `${encode({ ...genuine.header, extra: 1 })}.${claims}.${genuine.signature}`,
      'other claims, unencoded': signedBy(stranger.privateKey, { ...genuine.header, b64: false, crit: ['b64'] }),
      none: `${header}.${claims}.`,
      'two parts': `${header}.${claims}`,
      zeros: `${header}.${claims}.${Buffer.alloc(64).toString('base64url')}`,
      'one bit off': `${header}.${claims}.${Buffer.from(signature.map((byte, at) => (at === 9 ? byte ^ 1 : byte))).toString('base64url')}`,
      'cut short': `${header}.${claims}.${signature.subarray(0, 63).toString('base64url')}`,
      'a part too many': `${genuine.token}.${genuine.signature}`,
    }
  },
}

/** Tokens that Gatehouse's own key signed, which say what it never says. */
const misuses: Record<string, () => Record<string, string>> = {
  'another audience, issuer or type': () => ({
    audience: signedBy(privateKey, genuine.header, { ...genuine.claims, aud: 'https://mail.example.com' }),
    'a longer audience': signedBy(privateKey, genuine.header, { ...genuine.claims, aud: `${audience}.evil.example` }),
    'audience in capitals': signedBy(privateKey, genuine.header, { ...genuine.claims, aud: audience.toUpperCase() }),
    'no audience': signedBy(privateKey, genuine.header, without(genuine.claims, 'aud')),
    issuer: signedBy(privateKey, genuine.header, { ...genuine.claims, iss: 'https://id.example.net' }),
    'issuer with a slash': signedBy(privateKey, genuine.header, { ...genuine.claims, iss: 'http://localhost:4000/' }),
    'no issuer': signedBy(privateKey, genuine.header, without(genuine.claims, 'iss')),
    'type JWT': signedBy(privateKey, { ...genuine.header, typ: 'JWT' }),
    'type of a logout token': signedBy(privateKey, { ...genuine.header, typ: 'logout+jwt' }),
    'no type': signedBy(privateKey, without(genuine.header, 'typ')),
  }),
  'another time': () => {
    const now = Math.floor(gatehouse.now().getTime() / 1000)
    const at = (claims: Json) => signedBy(privateKey, genuine.header, { ...genuine.claims, ...claims })
    return {
      'exp in the past': at({ exp: now - 31 }),
      'exp as text': at({ exp: String(now + 300) }),
      'exp null': at({ exp: null }),
      'no exp': signedBy(privateKey, genuine.header, without(genuine.claims, 'exp')),
      'nbf in the future': at({ nbf: now + 60 }),
      'nbf as text': at({ nbf: '0' }),
      'iat as text': at({ iat: 'now' }),
    }
  },
}

/** A refusal of Gatehouse's, as the answer to a Bearer token. */
const answerTo = (token: string) => gatehouse.clientWith(token).send(MeDocument, {})

test.each(Object.entries({ ...forgeries, ...misuses }))(
  'D12: %s is refused by services, and by Gatehouse itself',
  async (_what, make) => {
    const tokens = make()
    const answers = []
    for (const [name, token] of Object.entries(tokens)) {
      const outcome = await verify(token).then(
        () => 'accepted',
        ({ code }) => code,
      )
      expect([name, outcome]).toEqual([name, expect.stringMatching(/^ERR_(JW|JOSE)/)])
      const answer = await answerTo(token)
      expect([name, answer.status, answer.errors?.[0]?.extensions.code]).toEqual([name, 401, 'UNAUTHENTICATED'])
      answers.push(answer)
    }
    expect(fetched).toBe(0)
    await verify(genuine.token)
    await expectUnharmed(gatehouse, { secrets: [genuine.token, ...Object.values(tokens)], answers })
  },
)

test('D12: a genuine access token is no session at Gatehouse, however it is sent', async () => {
  const { anonymous } = gatehouse
  const answers = [
    await answerTo(genuine.token),
    await anonymous.with({ authorization: `bearer  ${genuine.token}` }).send(MeDocument, {}),
    await anonymous.with({ authorization: `JWT ${genuine.token}` }).send(MeDocument, {}),
    await anonymous.with({ authorization: genuine.token }).send(MeDocument, {}),
    await anonymous
      .with({ cookie: `gatehouse=${genuine.token}; __Host-gatehouse=${genuine.token}` })
      .send(MeDocument, {}),
    await gatehouse.clientWith(genuine.token).send(IssueAccessTokenDocument, { audience }),
  ]
  for (const { status, errors } of answers)
    expect([status, errors?.[0]?.extensions]).toEqual([401, { code: 'UNAUTHENTICATED' }])
  await expectUnharmed(gatehouse, { secrets: [genuine.token], answers })
})

test('D12: neither a session token nor the id of a session or challenge is an access token', async () => {
  const user = await gatehouse.createUser()
  const session = await gatehouse.signedInAs(user)
  await gatehouse.giveTotp(user)
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  for (const token of [session.token, session.sessionId, challengeId]) {
    await expect(verify(token)).rejects.toMatchObject({ code: 'ERR_JWS_INVALID' })
  }
})

test('D12: a service accepts a token until its end and the tolerance are over, and not a second longer', async () => {
  const now = Math.floor(gatehouse.now().getTime() / 1000)
  const at = (claims: Json) => signedBy(privateKey, genuine.header, { ...genuine.claims, ...claims })
  await verify(at({ exp: now - 25 })) // thirty seconds of tolerance
  await expect(verify(at({ exp: now - 30 }))).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
  await verify(at({ nbf: now + 25 }))
  await expect(verify(at({ nbf: now + 35 }))).rejects.toMatchObject({ code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' })

  const token = await tokenOf(await gatehouse.signedInAs(await gatehouse.createUser()))
  const toTheEnd = (decodeJwt(token).exp ?? 0) - gatehouse.now().getTime() / 1000
  gatehouse.advanceClock(toTheEnd + 29)
  await verify(token)
  gatehouse.advanceClock(1)
  await expect(verify(token)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
})

test('D12: the public keys hold no private part, and are served for reading only', async () => {
  const text = await (await fetch(jwksUrl(gatehouse))).text()
  const { d } = privateKey.export({ format: 'jwk' })
  expect(d).toMatch(/^[\w-]{43}$/)
  expect(text).not.toContain(d)
  expect(text).not.toContain('"d"')
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    expect((await fetch(jwksUrl(gatehouse), { method })).status).toBe(404)
  }
  await expectUnharmed(gatehouse, { secrets: [d as string] })
})
