import { expect, test } from 'vitest'
import { type SessionContext, sessionContextChanged, sessionCountryChanged } from '../../src/risk/session-context.ts'

const zurich = { countryCode: 'CH', city: 'Zurich', latitude: 47.37, longitude: 8.54 }
const tokyo = { countryCode: 'JP', city: 'Tokyo', latitude: 35.69, longitude: 139.69 }
const began: SessionContext = { network: '198.51.100.7', device: 'Chrome on macOS', place: zurich }

test.each<[string, Partial<SessionContext>, boolean, boolean]>([
  ['the same', {}, false, false],
  ['another network', { network: '203.0.113.9' }, false, false],
  ['another network abroad', { network: '203.0.113.9', place: tokyo }, false, false],
  ['another device', { device: 'curl' }, false, false],
  ['another device abroad, by a network that moved', { device: 'curl', place: tokyo }, false, false],
  ['another network and device', { network: '203.0.113.9', device: 'curl' }, true, false],
  ['the same, nobody knows where', { network: '203.0.113.9', device: 'curl', place: null }, true, false],
  ['another network, device and country', { network: '203.0.113.9', device: 'curl', place: tokyo }, true, true],
])('a session that is used from %s', (_what, change, isChanged, isAbroad) => {
  const current = { ...began, ...change }
  expect(sessionContextChanged(began, current)?.evidence ?? null).toEqual(
    isChanged
      ? { fromNetwork: '198.51.100.7', network: '203.0.113.9', fromDevice: 'Chrome on macOS', device: 'curl' }
      : null,
  )
  expect(sessionCountryChanged(began, current)?.evidence ?? null).toEqual(
    isAbroad ? { fromCountry: 'CH', country: 'JP' } : null,
  )
})

test('a session that began nowhere is in no other country', () => {
  const current = { network: '203.0.113.9', device: 'curl', place: tokyo }
  expect(sessionCountryChanged({ ...began, place: null }, current)).toBeNull()
})
