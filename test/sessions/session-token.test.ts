import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createKeyRing, type MasterKey } from '../../src/lib/key-ring.ts'
import { newSessionTag, newSessionToken, parseSessionToken } from '../../src/sessions/session-token.ts'

const key = (id: string, fill: number): MasterKey => ({ id, secret: Buffer.alloc(32, fill) })
const keys = createKeyRing([key('k1', 1)])
const tag = newSessionTag()
const token = newSessionToken(tag, keys)

test('a token is read back with its tag and its hash, which is all that is stored', () => {
  expect(parseSessionToken(token.text, keys)).toEqual(token)
  expect(token).toMatchObject({ tag, hash: createHash('sha256').update(token.text).digest('base64url') })
  expect(token.text).toMatch(/^gts_[\w-]{67}$/)
  expect(token.text).toContain(tag)
})

test('a token with any one character changed is none', () => {
  for (let place = 0; place < token.text.length; place++) {
    const changed = token.text[place] === 'A' ? 'B' : 'A'
    const text = token.text.slice(0, place) + changed + token.text.slice(place + 1)
    expect(parseSessionToken(text, keys), text).toBe(null)
  }
})

test.each([
  '',
  'gts_',
  `${token.text}A`,
  token.text.slice(0, -1),
  ` ${token.text}`,
  `${token.text}\n`,
  token.text.replace('gts_', 'gt5_'),
  token.text.toLowerCase(),
])('other text is no token: %j', (text) => {
  expect(parseSessionToken(text, keys)).toBe(null)
})

test('a token stays good when a new key comes first in the ring, and is none once its key is gone', () => {
  expect(parseSessionToken(token.text, createKeyRing([key('k2', 2), key('k1', 1)]))).toEqual(token)
  expect(parseSessionToken(token.text, createKeyRing([key('k2', 2)]))).toBe(null)
})
