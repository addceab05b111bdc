import { type CountryCode, getCountries, getExampleNumber } from 'libphonenumber-js/max'
import examples from 'libphonenumber-js/mobile/examples'
import { describe, expect, test } from 'vitest'
import {
  countryOf,
  isCountry,
  isTextable,
  maskPhoneNumber,
  parsePhoneNumber,
  prefixOf,
} from '../../src/mfa/phone-number.ts'

const exampleOf = (country: CountryCode) => {
  const number = getExampleNumber(country, examples)
  if (!number) throw new Error(`There is no example for ${country}`)
  return number
}

describe('parsing', () => {
  test.each([
    '+14155550123',
    '+1 (415) 555-0123',
    '+1-415-555-0123',
    '+1.415.555.0123',
    '+1 415/555/0123',
    '  + 1 415 555 0123\n',
    'tel:+14155550123',
    'TEL:+1-415-555-0123',
    '＋１ （４１５） ５５５－０１２３',
    '+١٤١٥٥٥٥٠١٢٣',
    '+1\u00a0415\u2011555\u20110123',
    '\u202a+1 (415) 555\u20110123\u202c',
    '+1\u200b4155550123',
  ])('%j is one number, however it is spelled', (text) => {
    expect(parsePhoneNumber(text)).toBe('+14155550123')
  })

  test.each([
    ['+44 (0)7400 123456', '+447400123456'],
    ['+4407400123456', '+447400123456'],
    ['+54 11 15 2345 6789', '+5491123456789'],
    ['+39 06 1234 5678', '+390612345678'],
  ])('%j loses what is dialled only inside its country', (text, number) => {
    expect(parsePhoneNumber(text)).toBe(number)
  })

  test('a mobile number of each country is the same number in each of its spellings', () => {
    for (const country of getCountries()) {
      const number = exampleOf(country)
      const spellings = [number.number, number.formatInternational(), number.getURI()]
      expect(spellings.map(parsePhoneNumber), country).toEqual(spellings.map(() => number.number))
    }
  })

  test.each([
    ['no country code', '(415) 555-0123'],
    ['an international prefix in place of the plus', '0014155550123'],
    ['no country', '+999 415 555 0123'],
    ['too short', '+1 415 555 012'],
    ['too long', '+1 415 555 01234'],
    ['no such area', '+1 000 555 0123'],
    ['an extension', '+1 415 555 0123 ext. 5'],
    ['an extension in a URI', 'tel:+14155550123;ext=5'],
    ['digits to dial afterwards', '+14155550123,,5'],
    ['another context in a URI', 'tel:+14155550123;phone-context=+44'],
    ['words before it', 'call +14155550123'],
    ['words after it', '+14155550123 or whoever'],
    ['markup after it', '+14155550123<script>'],
    ['two numbers', '+1 415 555 0123 +1 415 555 0124'],
    ['letters', '+1 415 FLOWERS'],
    ['a plus alone', '+'],
    ['nothing', ''],
  ])('what has %s is no number', (_what, text) => {
    expect(parsePhoneNumber(text)).toBeNull()
  })

  test('a text of more than 64 characters is no number, whatever stands in it', () => {
    expect(parsePhoneNumber('+14155550123'.padEnd(64))).toBe('+14155550123')
    expect(parsePhoneNumber('+14155550123'.padEnd(65))).toBeNull()
    expect(parsePhoneNumber('+'.repeat(1_000_000))).toBeNull()
    expect(parsePhoneNumber(`+${'\ufdfa'.repeat(63)}`)).toBeNull() // 18 letters each in compatibility form
  })
})

describe('text messages', () => {
  test.each([
    ['a mobile number', '+447400123456', 'GB'],
    ['a number where mobile and fixed look alike', '+14155550123', 'US'],
  ])('go to %s', (_what, number, country) => {
    expect(parsePhoneNumber(number)).toBe(number)
    expect(isTextable(number, ['FR', country])).toBe(true)
  })

  test.each([
    ['premium', '+19005550123', 'US'],
    ['premium', '+449098765432', 'GB'],
    ['toll-free', '+18005550123', 'US'],
    ['shared-cost', '+491801234567', 'DE'],
    ['personal', '+447012345678', 'GB'],
    ['pager', '+447640123456', 'GB'],
    ['VoIP', '+445612345678', 'GB'],
    ['company', '+445512345678', 'GB'],
    ['voicemail', '+491779912345678', 'DE'],
    ['fixed-line', '+442079460000', 'GB'],
    ['fixed-line', '+390612345678', 'IT'],
    ['worldwide', '+80012345678', '+800'],
    ['satellite', '+881612345678', '+881'],
  ])('never go to a %s number such as %s', (_what, number, country) => {
    expect(parsePhoneNumber(number)).toBe(number)
    expect(isTextable(number, [country, 'US', 'GB', 'DE'])).toBe(false)
  })

  test('go to no country off the list, one that shares its calling code with a listed one included', () => {
    expect(isTextable('+447400123456', [])).toBe(false)
    for (const caribbean of ['+18762101234', '+14734031234', '+18092345678']) {
      expect(parsePhoneNumber(caribbean)).toBe(caribbean)
      expect(isTextable(caribbean, ['US', 'CA'])).toBe(false)
    }
    expect(isTextable('+447797712345', ['GB'])).toBe(false) // Jersey
    expect(isTextable('+447797712345', ['JE'])).toBe(true)
    expect(isTextable('+77710009998', ['RU'])).toBe(false) // Kazakhstan
    expect(isTextable('+77710009998', ['KZ'])).toBe(true)
  })
})

test('a country is its ISO code, or the calling code where there is none', () => {
  expect(countryOf('+14155550123')).toBe('US')
  expect(countryOf('+15062345678')).toBe('CA')
  expect(countryOf('+18762101234')).toBe('JM')
  expect(countryOf('+80012345678')).toBe('+800')
})

test('the prefix is the number without its last four digits', () => {
  expect(prefixOf('+14155550123')).toBe('+1415555')
})

test('the mask shows the calling code and two digits, and a star for each other digit, leading zeros included', () => {
  expect(maskPhoneNumber('+14155550123')).toBe('+1********23')
  expect(maskPhoneNumber('+447400123456')).toBe('+44********56')
  expect(maskPhoneNumber('+390612345678')).toBe('+39********78')
  for (const country of getCountries()) {
    const { number, countryCallingCode } = exampleOf(country)
    const mask = maskPhoneNumber(number)
    expect(mask).toHaveLength(number.length)
    expect(mask.replace(/\*+/, '')).toBe(`+${countryCallingCode}${number.slice(-2)}`)
  }
})

test('a country code is one of ISO 3166, in capitals', () => {
  for (const country of ['US', 'GB', 'DE', 'JP']) expect(isCountry(country)).toBe(true)
  for (const other of ['UK', 'us', 'USA', '001', '', 'toString', '__proto__']) expect(isCountry(other)).toBe(false)
})
