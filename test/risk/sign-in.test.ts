import { describe, expect, test } from 'vitest'
import type { RiskRule } from '../../src/risk/finding.ts'
import { asksFactor, isCertain, policy } from '../../src/risk/policy.ts'
import {
  assess,
  credentialStuffing,
  impossibleTravel,
  type KnownPlace,
  kmBetween,
  newDevice,
  newLocation,
  type SignInHistory,
  type SignInNow,
} from '../../src/risk/sign-in.ts'

const at = new Date('2026-03-01T12:00:00Z')
const hoursBefore = (hours: number) => new Date(at.getTime() - hours * 3_600_000)

const zurich = { countryCode: 'CH', city: 'Zurich', latitude: 47.37, longitude: 8.54 }
const geneva = { countryCode: 'CH', city: 'Geneva', latitude: 46.2, longitude: 6.15 }
const freiburg = { countryCode: 'DE', city: 'Freiburg', latitude: 48, longitude: 7.85 }
const tokyo = { countryCode: 'JP', city: 'Tokyo', latitude: 35.69, longitude: 139.69 }
const newYork = { countryCode: 'US', city: 'New York', latitude: 40.71, longitude: -74.01 }
const losAngeles = { countryCode: 'US', city: 'Los Angeles', latitude: 34.05, longitude: -118.24 }
const somewhereIn = (countryCode: string) => ({ countryCode, city: null, latitude: null, longitude: null })

const seen = ({ countryCode, latitude, longitude }: typeof zurich | ReturnType<typeof somewhereIn>, hours: number) =>
  ({ countryCode, latitude, longitude, lastSeenAt: hoursBefore(hours) }) satisfies KnownPlace

const historyOf = (...places: KnownPlace[]): SignInHistory => ({ knowsDevices: true, knowsThisDevice: true, places })
const from = (place: SignInNow['place'], device = 'Chrome on macOS'): SignInNow => ({
  device,
  place,
  isNetworkSuspect: false,
  at,
})

test.each([
  ['the first device of all', false, false, null],
  ['a device that is known', true, true, null],
  ['another device', true, false, { rule: 'NEW_DEVICE', evidence: { device: 'Chrome on macOS' } }],
])('new device: %s', (_what, knowsDevices, knowsThisDevice, finding) => {
  expect(newDevice({ knowsDevices, knowsThisDevice, places: [] }, from(null))).toEqual(finding)
})

test.each<[string, KnownPlace[], SignInNow['place'], object | null]>([
  ['the first place of all', [], zurich, null],
  ['a country that is known', [seen(zurich, 1), seen(tokyo, 900)], geneva, null],
  ['nowhere', [seen(zurich, 1)], null, null],
  [
    'another country',
    [seen(zurich, 1), seen(freiburg, 2)],
    tokyo,
    { country: 'JP', city: 'Tokyo', knownCountries: 'CH DE' },
  ],
  ['another country without a city', [seen(zurich, 1)], somewhereIn('JP'), { country: 'JP', knownCountries: 'CH' }],
])('new location: %s', (_what, places, place, evidence) => {
  expect(newLocation(historyOf(...places), from(place))).toEqual(evidence && { rule: 'NEW_LOCATION', evidence })
})

test.each<[string, KnownPlace[], SignInNow['place'], boolean]>([
  ['the first place of all', [], tokyo, false],
  ['nowhere', [seen(zurich, 1)], null, false],
  ['a place without a city', [seen(zurich, 1)], somewhereIn('JP'), false],
  ['from a place without a city', [seen(somewhereIn('CH'), 1)], tokyo, false],
  ['the other side of the world an hour later', [seen(zurich, 1)], tokyo, true],
  ['the same at once', [seen(zurich, 0)], tokyo, true],
  ['the same by a clock that is ahead', [seen(zurich, -0.1)], tokyo, true],
  ['the same with a flight between', [seen(zurich, 12)], tokyo, false],
  ['across the border', [seen(zurich, 0)], freiburg, false],
  ['across a country, by a gateway of a mobile network', [seen(newYork, 0.1)], losAngeles, false],
  ['a country that is known, but not lately', [seen(tokyo, 900), seen(zurich, 1)], tokyo, true],
  ['back from where nobody gets that soon: the way there was told', [seen(zurich, 2), seen(tokyo, 1)], zurich, false],
  ['there again', [seen(tokyo, 1), seen(zurich, 0.5)], tokyo, false],
  ['back too soon from a journey that was possible', [seen(zurich, 40), seen(tokyo, 1)], zurich, true],
  ['on to a third country', [seen(zurich, 2), seen(tokyo, 1)], newYork, true],
])('impossible travel: %s', (_what, places, place, isFound) => {
  expect(impossibleTravel(historyOf(...places), from(place)) !== null).toBe(isFound)
})

test('impossible travel bears its evidence', () => {
  expect(impossibleTravel(historyOf(seen(zurich, 2)), from(tokyo))).toEqual({
    rule: 'IMPOSSIBLE_TRAVEL',
    evidence: { fromCountry: 'CH', country: 'JP', city: 'Tokyo', km: 9579, hours: 2, kmPerHour: 4789 },
  })
})

test.each([
  [zurich, zurich, 0],
  [zurich, geneva, 224],
  [newYork, losAngeles, 3935],
  [{ latitude: 0, longitude: 179 }, { latitude: 0, longitude: -179 }, 222],
  [{ latitude: 90, longitude: 0 }, { latitude: -90, longitude: 0 }, 20015],
])('from %o to %o it is %i km', (one, other, km) => {
  expect(Math.round(kmBetween(one.latitude, one.longitude, other.latitude, other.longitude))).toBe(km)
})

test('credential stuffing is found where the network is suspect', () => {
  expect(credentialStuffing(historyOf(), { ...from(null), isNetworkSuspect: true })?.rule).toBe('CREDENTIAL_STUFFING')
  expect(credentialStuffing(historyOf(), from(null))).toBeNull()
})

test('of a sign-in every rule speaks, and the place is known from then on', () => {
  const history = { knowsDevices: true, knowsThisDevice: false, places: [seen(zurich, 1), seen(newYork, 900)] }
  const { findings, ...place } = assess(history, { ...from(tokyo), isNetworkSuspect: true })
  expect(findings.map(({ rule }) => rule)).toEqual([
    'NEW_DEVICE',
    'NEW_LOCATION',
    'IMPOSSIBLE_TRAVEL',
    'CREDENTIAL_STUFFING',
  ])
  expect(place).toEqual({ place: tokyo, lastSeenThereAt: null })
  expect(assess(history, from(newYork)).lastSeenThereAt).toEqual(hoursBefore(900))
})

describe('the policy', () => {
  const found = (rules: readonly RiskRule[]) => rules.map((rule) => ({ rule, evidence: {} }))
  const ofSignIns: RiskRule[] = ['NEW_DEVICE', 'NEW_LOCATION', 'IMPOSSIBLE_TRAVEL', 'CREDENTIAL_STUFFING']
  const combinations = Array.from({ length: 2 ** ofSignIns.length }, (_none, bits) =>
    ofSignIns.filter((_rule, index) => bits & (1 << index)),
  )

  test('refuses no sign-in but from a network that many accounts are tried from, and with more than that', () => {
    const refused = combinations.filter((rules) => isCertain(found(rules)))
    expect(refused.map((rules) => rules.join(' ')).sort()).toEqual([
      'IMPOSSIBLE_TRAVEL CREDENTIAL_STUFFING',
      'NEW_DEVICE IMPOSSIBLE_TRAVEL CREDENTIAL_STUFFING',
      'NEW_DEVICE NEW_LOCATION CREDENTIAL_STUFFING',
      'NEW_DEVICE NEW_LOCATION IMPOSSIBLE_TRAVEL CREDENTIAL_STUFFING',
      'NEW_LOCATION IMPOSSIBLE_TRAVEL CREDENTIAL_STUFFING',
    ])
  })

  test('asks for the second factor in spite of trust for anything but a new device', () => {
    for (const rules of combinations) {
      expect(asksFactor(found(rules))).toBe(rules.some((rule) => rule !== 'NEW_DEVICE'))
    }
  })

  test('ends a session that changed network, device and country, and none for less', () => {
    expect(isCertain(found(['SESSION_CONTEXT_CHANGED']))).toBe(false)
    expect(isCertain(found(['SESSION_CONTEXT_CHANGED', 'SESSION_COUNTRY_CHANGED']))).toBe(true)
    expect(Object.values(policy).every(({ weight }) => weight < 100)).toBe(true)
  })
})
