import { expect, test } from 'vitest'
import { hasTooManyCharacters, normalisePassword, passwordProblems } from '../../src/accounts/password.ts'

const tooShort = 'It has fewer than 8 characters.'
const tooLong = 'It has more than 128 characters.'
const tooCommon = 'It is one of the most common passwords.'
const tooClose = 'It is little more than your name, your address or the name of this service.'

const context = ['grace.hopper@example.com', 'grace.hopper', 'Amazing Grace']

test.each([
  'correct horse battery staple',
  '🔑🐎🔋🧷🍀🎈🎲🧊', // eight code points, sixteen UTF-16 units
  `${'long enough '.repeat(10)}and more`,
  'onlylowercaseletters',
  '8675309420',
  'tr0ub4dor&3',
  'gracefully and slowly hopping',
  ' leading and trailing ',
])('the password %j is fine', (password) => {
  expect(passwordProblems(password, context)).toEqual([])
})

test.each([
  ['', [tooShort]],
  ['seven77', [tooShort]],
  ['🔑🐎🔋🧷🍀🎈🎲', [tooShort]],
  ['password', [tooCommon]],
  ['PassWord123', [tooCommon]],
  ['00000000', [tooCommon]],
  ['grace.hopper', [tooClose]],
  ['Grace.Hopper1', [tooClose]],
  ['amazing grace!', [tooClose]],
  ['Gatehouse2026', [tooClose]],
  ['!!!!!!!', [tooShort, tooCommon]],
])('the password %j is refused: %j', (password, problems) => {
  expect(passwordProblems(password, context)).toEqual(problems)
})

test.each([129, 1_000_000])('a password of %d characters is too long', (length) => {
  expect(passwordProblems('x'.repeat(length), context)).toEqual([tooLong])
})

test('characters are counted as code points', () => {
  expect(hasTooManyCharacters('🔑'.repeat(128))).toBe(false)
  expect(hasTooManyCharacters('🔑'.repeat(129))).toBe(true)
  expect(hasTooManyCharacters('x'.repeat(129))).toBe(true)
})

test('composed and decomposed letters are one password, and nothing else is changed', () => {
  expect(normalisePassword('cafe\u0301 au lait')).toBe('café au lait')
  for (const text of ['ﬁsh', 'ﬀ', 'Ⅷ', ' a  b ', 'İi', '\u200d', '①']) expect(normalisePassword(text)).toBe(text)
})
