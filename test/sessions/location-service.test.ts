import { randomBytes } from 'node:crypto'
import { Reader, type Response } from 'mmdb-lib'
import { describe, expect, test } from 'vitest'
import { createLogger } from '../../src/lib/logger.ts'
import { readCityData } from '../../src/sessions/city-data-store.ts'
import { locationFrom, type PlaceRecord } from '../../src/sessions/location.ts'
import { type AddressFamily, createLocate, type FindPlace } from '../../src/sessions/location-service.ts'

const silent = createLogger('silent')

describe('the data that comes along', () => {
  const locate = createLocate({ readPlaces: readCityData, log: silent })

  test.each([
    ['CH', '129.132.19.216'], // ETH Zurich
    ['DE', '134.76.10.47'], // University of Göttingen
    ['GB', '131.111.150.25'], // University of Cambridge
    ['JP', '133.11.0.1'], // University of Tokyo
    ['US', '17.0.0.1'], // Apple
    ['BR', '143.107.1.1'], // University of São Paulo
    ['CH', '2001:620::1'], // SWITCH
    ['DE', '2003::1'], // Deutsche Telekom
    ['JP', '2405:6580::1'], // NTT
  ])('finds in %s the address %s', async (countryCode, address) => {
    expect(await locate(address)).toEqual({
      countryCode,
      city: expect.any(String),
      latitude: expect.any(Number),
      longitude: expect.any(Number),
    })
  })

  test('IPv4 inside IPv6 is where the IPv4 address is', async () => {
    const expected = await locate('129.132.19.216')
    expect(expected).not.toBeNull()
    for (const spelling of ['::ffff:129.132.19.216', '::FFFF:8184:13D8'])
      expect(await locate(spelling)).toEqual(expected)
  })
})

/** Counts how often the data is read. */
const counting = (find: FindPlace = () => ({ country_code: 'CH' })) => {
  const read: AddressFamily[] = []
  const readPlaces = async (family: AddressFamily) => {
    read.push(family)
    await new Promise((resolve) => setTimeout(resolve, 20))
    return find
  }
  return { read, readPlaces }
}

test('200 questions at once, and more behind them, read the data of each family once', async () => {
  const { read, readPlaces } = counting()
  const locate = createLocate({ readPlaces, log: silent })
  const ask = () => Promise.all(Array.from({ length: 200 }, (_none, n) => locate(n % 2 ? '8.8.8.8' : '2003::1')))
  for (const places of [await ask(), await ask()]) {
    expect(places).toEqual(Array(200).fill({ countryCode: 'CH', city: null, latitude: null, longitude: null }))
  }
  expect(read.sort()).toEqual(['ipv4', 'ipv6'])
})

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.1.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '192.0.2.7',
  '::',
  '::1',
  'fe80::1',
  'fe80::1%eth0',
  'fc00::1',
  'ff02::1',
  '2001:db8::1',
  '::ffff:10.0.0.1',
  '',
  'unknown',
  '999.1.1.1',
  '1.2.3.4:80',
  '<script>',
])('%j is nowhere, and nothing is read to say so', async (address) => {
  const { read, readPlaces } = counting()
  expect(await createLocate({ readPlaces, log: silent })(address)).toBeNull()
  expect(read).toEqual([])
})

test.each<[string, PlaceRecord | null, unknown]>([
  ['no record', null, null],
  ['a record without country', { city: 'Atlantis', latitude: 1, longitude: 2 }, null],
  ['an empty country', { country_code: '' }, null],
  ['a country that is none', { country_code: 'ZZ' }, null],
  [
    'an empty city and no coordinates',
    { country_code: 'CH', city: '' },
    { countryCode: 'CH', city: null, latitude: null, longitude: null },
  ],
  [
    'coordinates of zero',
    { country_code: 'GH', city: 'Null', latitude: 0, longitude: 0 },
    { countryCode: 'GH', city: 'Null', latitude: 0, longitude: 0 },
  ],
])('%s: what is not known is null', (_what, record, location) => {
  expect(locationFrom(record)).toEqual(location)
})

describe('data that can not be read', () => {
  const lines: string[] = []
  const log = createLogger('warn', { write: (line: string) => lines.push(line) })
  const missing = () => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' }))
  const damaged = async (): Promise<FindPlace> => {
    const reader = new Reader<Response>(randomBytes(10_000))
    return (address) => reader.get(address) as PlaceRecord | null
  }
  const damagedInPlaces = async (): Promise<FindPlace> => () => {
    throw new RangeError('outside of the file')
  }

  test.each([
    ['missing', missing],
    ['no such data', damaged],
    ['damaged in places', damagedInPlaces],
  ])('%s: every place is null, and one line in the log says so', async (_what, readPlaces) => {
    lines.length = 0
    const locate = createLocate({ readPlaces, log })
    for (const _round of [1, 2]) {
      const places = await Promise.all(Array.from({ length: 100 }, () => locate('8.8.8.8')))
      expect(places).toEqual(Array(100).fill(null))
    }
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] as string)).toMatchObject({ msg: 'places can not be looked up', family: 'ipv4' })
  })
})

test('a disk that hangs keeps no answer waiting for more than 2 s', async () => {
  const locate = createLocate({ readPlaces: () => new Promise(() => {}), log: silent })
  const asked = performance.now()
  expect(await locate('8.8.8.8')).toBeNull()
  expect(performance.now() - asked).toBeLessThan(3_000)
})
