import { hashSync } from '@node-rs/bcrypt'
import { beforeAll, describe, expect, test } from 'vitest'
import { isBcryptHash } from '../../src/accounts/password-hash.ts'
import { createPasswordHasher, type PasswordHasher } from '../../src/accounts/password-hasher.ts'

let hasher: PasswordHasher
beforeAll(async () => {
  hasher = await createPasswordHasher()
})

const argon2id = (parameters: string) => `$argon2id$v=19$${parameters}$${'A'.repeat(22)}$${'A'.repeat(43)}`
const bcryptOfAbc = '$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i' // of libxcrypt

describe('a hash that another implementation made', () => {
  test.each([
    ['jBCrypt', 'abc', '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
    ['libxcrypt', 'abc', bcryptOfAbc],
    ['PHP', 'rasmuslerdorf', '$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq'],
  ])('%s: verifies its password and no other', async (_what, password, stored) => {
    expect(await hasher.verify(stored, password)).toBe(true)
    for (const other of [`${password}x`, password.toUpperCase(), '']) {
      expect(await hasher.verify(stored, other)).toBe(false)
    }
  })
})

describe('G2 bcrypt stops reading after 72 bytes', () => {
  test.each([
    ['ASCII', 'a1'.repeat(36)],
    ['multi-byte', 'é'.repeat(36)],
  ])('72 bytes match, and nothing longer does (%s)', async (_name, password) => {
    const stored = hashSync(password, 4)
    expect(await hasher.verify(stored, password)).toBe(true)
    for (const more of ['x', 'é', 'x'.repeat(56)]) expect(await hasher.verify(stored, password + more)).toBe(false)
  })

  test('a longer password never matches, not even the one that was hashed', async () => {
    const password = 'a1'.repeat(37)
    expect(await hasher.verify(hashSync(password, 4), password)).toBe(false)
  })

  test('a password written twice with a NUL between, which bcrypt takes for the same, does not match', async () => {
    expect(await hasher.verify(bcryptOfAbc, 'abc\0abc')).toBe(false)
  })

  test('what is too long costs a hash all the same', async () => {
    const stored = hashSync('right', 11)
    const timeOf = async (password: string) => {
      const start = performance.now()
      await hasher.verify(stored, password)
      return performance.now() - start
    }
    const [short, long] = [await timeOf('wrong'), await timeOf('x'.repeat(73))]
    expect(long).toBeGreaterThan(short / 4)
  })
})

test('bcrypt hashes are checked off the main thread', async () => {
  const stored = hashSync('right', 12)
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await hasher.verify(stored, 'right')
  clearInterval(timer)
  expect(turns).toBeGreaterThan(5)
})

test('a hash of ours is current; bcrypt, weaker argon2id and everything else is outdated', async () => {
  const outdated = [
    bcryptOfAbc,
    argon2id('m=19455,t=2,p=1'),
    argon2id('m=65536,t=1,p=4'),
    argon2id('m=65536,t=3,p=4').replace('argon2id', 'argon2i'),
    '',
  ]
  const current = [await hasher.hash('abc'), argon2id('m=19456,t=2,p=1'), argon2id('m=65536,t=3,p=4')]
  expect(outdated.map(hasher.isOutdated)).toEqual(outdated.map(() => true))
  expect(current.map(hasher.isOutdated)).toEqual(current.map(() => false))
})

test.each([
  '$2x$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i',
  '$2$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i',
  bcryptOfAbc.replace('06', '03'),
  bcryptOfAbc.replace('06', '16'),
  bcryptOfAbc.replace('06', '31'),
  bcryptOfAbc.replace('06', '6'),
  bcryptOfAbc.slice(0, -1),
  `${bcryptOfAbc}i`,
  `${bcryptOfAbc}\n`,
  ` ${bcryptOfAbc}`,
  bcryptOfAbc.replace('f7h0i', 'f7+0i'),
  bcryptOfAbc.replace(/i$/, 'j'), // 184 bits in 31 letters: the last has two that must be 0
  bcryptOfAbc.replace('eDu0', 'eDv0'),
])('%j is no bcrypt hash that could be verified', (text) => {
  expect(isBcryptHash(text)).toBe(false)
})

test('every hash that the library makes, of cost 4 to 15, is a bcrypt hash', () => {
  for (let turn = 0; turn < 200; turn++) {
    const made = hashSync(`password ${turn}`, 4).replace(/^\$2b/, `$${['2a', '2b', '2y'][turn % 3]}`)
    expect([made, isBcryptHash(made)]).toEqual([made, true])
  }
  expect([4, 9, 10, 15].map((cost) => isBcryptHash(bcryptOfAbc.replace('06', `${cost}`.padStart(2, '0'))))).toEqual(
    Array(4).fill(true),
  )
})
