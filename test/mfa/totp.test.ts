import { expect, test } from 'vitest'
import { isTotpCode, matchTimeStep, newSeed, otpauthUri } from '../../src/mfa/totp.ts'
import { totpCode, wrongTotpCodes } from '../support/totp.ts'

const seed = newSeed()
const stepStart = new Date('2026-11-01T12:00:00Z')
const after = (seconds: number) => () => new Date(stepStart.getTime() + seconds * 1000)
const code = totpCode(seed, stepStart)
const step = stepStart.getTime() / 30_000

test.each([
  { at: 'five seconds before its step', seconds: -5, accepted: true },
  { at: 'six seconds before its step', seconds: -6, accepted: false },
  { at: 'at the end of its step', seconds: 29.9, accepted: true },
  { at: 'at the end of the next step', seconds: 59.9, accepted: true },
  { at: 'two steps later', seconds: 60, accepted: false },
  { at: 'an hour later', seconds: 3600, accepted: false },
])('a code $at is accepted: $accepted', ({ seconds, accepted }) => {
  expect(matchTimeStep(seed, code, after(seconds))).toBe(accepted ? step : null)
})

test('a wrong code belongs to no step', () => {
  for (const wrong of wrongTotpCodes(seed, stepStart, 200)) expect(matchTimeStep(seed, wrong, after(0))).toBe(null)
})

test('only six ASCII digits are a code', () => {
  expect(isTotpCode('000000')).toBe(true)
  for (const text of ['', '12345', '1234567', '123456\n', ' 123456', '12345a', '１２３４５６', '+12345', '1e5000']) {
    expect(isTotpCode(text), JSON.stringify(text)).toBe(false)
  }
})

test('a seed has 160 bits, and no two are the same', () => {
  const seeds = Array.from({ length: 1000 }, newSeed)
  expect(new Set(seeds).size).toBe(1000)
  for (const one of seeds) expect(one).toMatch(/^[A-Z2-7]{32}$/)
})

test('the Key URI names issuer and account, and says how codes are made', () => {
  const uri = new URL(otpauthUri(seed, 'a+b&c@example.com'))
  expect(`${uri.protocol}//${uri.host}`).toBe('otpauth://totp')
  expect(decodeURIComponent(uri.pathname)).toBe('/Gatehouse:a+b&c@example.com')
  const { secret, issuer, ...how } = Object.fromEntries(uri.searchParams)
  expect({ secret, issuer }).toEqual({ secret: seed, issuer: 'Gatehouse' })
  // Apps take SHA-1, six digits and 30 s for granted; what is said must say the same.
  expect({ algorithm: 'SHA1', digits: '6', period: '30', ...how }).toEqual({
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  })
})
