import { expect, test } from 'vitest'
import {
  accessTokenLifetimeSeconds,
  clockToleranceSeconds,
  isNextKeyDue,
  nextSignsFrom,
  publicKeysMaxAgeSeconds,
  publishedAheadSeconds,
  publishedKeys,
  type SigningKey,
  signingKeyAmong,
} from '../../src/access-tokens/signing-key.ts'

const minute = 60
const at = (seconds: number): Date => new Date(1_800_000_000_000 + seconds * 1000)
const key = (generation: number, signsFrom: number, more: Partial<SigningKey> = {}): SigningKey => ({
  id: `key ${generation}`,
  generation,
  publicKey: '',
  sealedPrivateKey: '',
  createdAt: at(signsFrom - publishedAheadSeconds),
  signsFrom: at(signsFrom),
  revokedAt: null,
  ...more,
})
const generations = (keys: readonly SigningKey[]) => keys.map(({ generation }) => generation)

test('the newest key whose time has come signs, in whatever order they stand', () => {
  const keys = [key(2, 0), key(3, 10 * minute), key(1, -10 * minute)]
  expect([-1, 0, 10 * minute - 1, 10 * minute].map((time) => signingKeyAmong(keys, at(time))?.generation)).toEqual([
    1, 2, 2, 3,
  ])
})

test('while the time of none has come the first to come signs, and without keys none', () => {
  expect(signingKeyAmong([key(2, 20), key(1, 10)], at(0))?.generation).toBe(1)
  expect(signingKeyAmong([], at(0))).toBeUndefined()
})

test('a key is published from its making until what it signed last is over everywhere', () => {
  const keys = [key(1, -1000), key(2, 0), key(3, 10 * minute)]
  const over = accessTokenLifetimeSeconds + clockToleranceSeconds
  expect(generations(publishedKeys(keys, at(-1)))).toEqual([1, 2, 3])
  expect(generations(publishedKeys(keys, at(over - 1)))).toEqual([1, 2, 3])
  expect(generations(publishedKeys(keys, at(over)))).toEqual([2, 3])
  expect(generations(publishedKeys(keys, at(10 * minute + over)))).toEqual([3])
})

test('a revoked key is not published, and takes over from no other', () => {
  const keys = [key(1, -1000), key(2, -500, { revokedAt: at(-400) })]
  expect(generations(publishedKeys(keys, at(0)))).toEqual([1])
})

test('a new key signs only once every copy of the keys that lacks it is too old, the first key at once', () => {
  expect(nextSignsFrom([], at(0))).toEqual(at(0))
  const ahead = (nextSignsFrom([key(1, 0)], at(0)).getTime() - at(0).getTime()) / 1000
  expect(ahead).toBeGreaterThanOrEqual(minute + 2 * publicKeysMaxAgeSeconds)
})

test('the next key is due when there is none, or the newest has its age', () => {
  expect(isNextKeyDue([], 100, at(0))).toBe(true)
  const keys = [key(1, 0, { createdAt: at(-200) }), key(2, 0, { createdAt: at(0) })]
  expect(isNextKeyDue(keys, 100, at(99))).toBe(false)
  expect(isNextKeyDue(keys, 100, at(100))).toBe(true)
})
