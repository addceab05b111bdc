import { describe, expect, test } from 'vitest'
import { newBackupCodes, parseBackupCode } from '../../src/mfa/backup-code.ts'

const printed = '3-0A1BC-DEFGH'
const code = { slot: 3, text: printed }

describe('a new set', () => {
  const sets = Array.from({ length: 200 }, newBackupCodes)

  test('has ten codes, each of its slot and ten characters that no one takes for another', () => {
    for (const set of sets) {
      expect(set.map((text) => text.slice(0, 2))).toEqual([...'0123456789'].map((slot) => `${slot}-`))
      for (const text of set) expect(text).toMatch(/^\d-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/)
    }
  })

  test('repeats no other', () => {
    expect(new Set(sets.flat().map((text) => text.slice(2))).size).toBe(2000)
  })

  test('takes every one of the 32 characters alike at every place: 50 bits', () => {
    const bodies = sets.flat().map((text) => text.slice(2).replace('-', ''))
    for (let place = 0; place < 10; place++) {
      const counts = Map.groupBy(bodies, (body) => body[place])
      expect(counts.size).toBe(32)
      for (const found of counts.values()) expect(found.length).toBeLessThan(140) // 62.5 on average, ten deviations below
    }
  })

  test('is read back as it was printed', () => {
    for (const text of sets.flat()) expect(parseBackupCode(text)).toEqual({ slot: Number(text[0]), text })
  })
})

test.each([
  ['as printed', printed],
  ['in lower case', '3-0a1bc-defgh'],
  ['in mixed case', '3-0a1Bc-DeFgH'],
  ['without dashes', '30A1BCDEFGH'],
  ['with dashes elsewhere', '30-A1-BC-DE-FG-H-'],
  ['with spaces', ' 3 0A1BC DEFGH '],
  ['with tabs and line breaks of a copied list', '\t3-0A1BC-DEFGH\r\n'],
  ['with a no-break space', '3\u00a00A1BC\u00a0DEFGH'],
  ['with an O for the 0', '3-OA1BC-DEFGH'],
  ['with an o for the 0', '3-oa1bc-defgh'],
  ['with an I for the 1', '3-0AIBC-DEFGH'],
  ['with an i for the 1', '3-0aibc-defgh'],
  ['with an L for the 1', '3-0ALBC-DEFGH'],
  ['with an l for the 1', '3-0albc-defgh'],
])('a code is read %s', (_how, typed) => {
  expect(parseBackupCode(typed)).toEqual(code)
})

test.each([
  ['O', 0],
  ['o', 0],
  ['I', 1],
  ['l', 1],
])('a slot typed as %s is read as %i', (typed, slot) => {
  expect(parseBackupCode(`${typed}-0A1BC-DEFGH`)).toEqual({ slot, text: `${slot}-0A1BC-DEFGH` })
})

test.each([
  ['nothing', ''],
  ['dashes', '--- ---'],
  ['a code of an app', '123456'],
  ['a character too few', '3-0A1BC-DEFG'],
  ['a character too many', '3-0A1BC-DEFGHJ'],
  ['no slot', '0A1BC-DEFGH'],
  ['a slot that is a letter', 'A-0A1BC-DEFGH'],
  ['U, which is no letter of the alphabet', '3-0A1BC-DEFGU'],
  ['another sign for a dash', '3_0A1BC_DEFGH'],
  ['a longer dash', '3–0A1BC–DEFGH'],
  ['full-width digits', '３-0A1BC-DEFGH'],
  ['Arabic digits', '٣-0A1BC-DEFGH'],
  ['letters of another alphabet that look alike', '3-0А1ВС-DEFGH'],
  ['a long s, whose upper case is an S', '3-0A1BC-DEFGſ'],
  ['a dotless i, whose upper case is an I', '3-0aıbc-defgh'],
  ['a letter whose upper case is two', '3-0A1BC-DEFß'],
  ['an invisible character', '3-0A1BC-DEF\u200bGH'],
  ['NUL', '3-0A1BC-DEFG\0H'],
  ['a code and more', `${printed} or 1=1`],
  ['two codes', `${printed} ${printed}`],
  ['a list', `[${printed}]`],
  ['more than 32 characters, even of blanks', `${printed}${' '.repeat(20)}`],
])('%s is no code', (_what, typed) => {
  expect(parseBackupCode(typed)).toBeNull()
})
