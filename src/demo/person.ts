import { v7 } from 'uuid'
import type { Role } from '../accounts/account.ts'
import { secondsAfter } from '../lib/clock.ts'
import type { Random } from './random.ts'

/** Where a request comes from: a public name server, as addresses for documentation have no place in the data of cities. */
export interface Place {
  readonly address: string
  readonly country: string
  readonly latitude: number
  readonly longitude: number
  readonly hoursAheadOfUtc: number
}

export interface Person {
  readonly id: string
  readonly email: string
  readonly displayName: string
  readonly role: Role
  readonly createdAt: Date
  readonly home: Place
  /** User agents; the first is the one that they usually have. */
  readonly devices: readonly string[]
  readonly factor: { readonly id: string; readonly method: 'TOTP' | 'SMS'; readonly phone: string } | null
}

export const places: readonly Place[] = [
  { address: '130.59.31.248', country: 'CH', latitude: 47.38, longitude: 8.54, hoursAheadOfUtc: 1 },
  { address: '84.200.69.80', country: 'DE', latitude: 50.11, longitude: 8.68, hoursAheadOfUtc: 1 },
  { address: '194.150.168.168', country: 'DE', latitude: 52.5, longitude: 13.41, hoursAheadOfUtc: 1 },
  { address: '80.67.169.12', country: 'FR', latitude: 48.86, longitude: 2.35, hoursAheadOfUtc: 1 },
  { address: '193.0.14.129', country: 'NL', latitude: 52.38, longitude: 4.9, hoursAheadOfUtc: 1 },
  { address: '192.36.148.17', country: 'SE', latitude: 59.37, longitude: 17.98, hoursAheadOfUtc: 1 },
  { address: '8.8.8.8', country: 'US', latitude: 37.42, longitude: -122.09, hoursAheadOfUtc: -8 },
  { address: '156.154.70.1', country: 'US', latitude: 40.71, longitude: -74.01, hoursAheadOfUtc: -5 },
  { address: '76.76.2.0', country: 'CA', latitude: 43.65, longitude: -79.42, hoursAheadOfUtc: -5 },
  { address: '202.12.27.33', country: 'JP', latitude: 35.39, longitude: 139.43, hoursAheadOfUtc: 9 },
]

const userAgents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15',
  'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
]

const colours = ['Amber', 'Blue', 'Copper', 'Crimson', 'Golden', 'Green', 'Indigo', 'Ivory', 'Olive', 'Pearl', 'Silver']
const animals = [
  'Badger',
  'Crane',
  'Dolphin',
  'Falcon',
  'Hare',
  'Heron',
  'Lynx',
  'Otter',
  'Raven',
  'Robin',
  'Seal',
  'Wren',
]
/** Area codes: their 555-0100 to 555-0199 belong to nobody. */
const areaCodes = ['202', '303', '312', '404', '415', '503', '617', '702', '808', '907']

const shareOfNewcomers = 0.15
const longestMembershipDays = 300
const everyNthIsAuditor = 250
const shareWithTotp = 0.35
const shareWithSms = 0.5 // of the others
const shareWithSecondDevice = 0.5

/** Who the command names as examples to sign in as. */
export const exampleNumbers = { auditor: 0, user: 1, userWithSms: 2 }

/** The person of a number: a member for long, or one who registers while the story goes on. */
export const newPerson = (random: Random, number: number, begin: Date, end: Date): Person => {
  const isExample = Object.values(exampleNumbers).includes(number)
  const isNewcomer = !isExample && random.chance(shareOfNewcomers)
  const createdAt = isNewcomer
    ? random.between(begin, end)
    : random.between(secondsAfter(begin, -longestMembershipDays * 24 * 3_600), begin)
  const newId = () => v7({ msecs: createdAt.getTime(), random: random.bytes(16) })
  const displayName = `${random.oneOf(colours)} ${random.oneOf(animals)} ${number}`
  const method = random.chance(shareWithTotp) ? 'TOTP' : random.chance(shareWithSms) ? 'SMS' : null
  const line = String(100 + random.below(100)).padStart(4, '0')
  const factor = { id: newId(), method: method ?? 'SMS', phone: `+1${random.oneOf(areaCodes)}555${line}` } as const
  const examples = { [exampleNumbers.userWithSms]: { ...factor, method: 'SMS' } as const }
  return {
    id: newId(),
    email: `${displayName.toLowerCase().replaceAll(' ', '.')}@example.com`,
    displayName,
    role: number % everyNthIsAuditor === exampleNumbers.auditor ? 'AUDITOR' : 'USER',
    createdAt,
    home: random.oneOf(places),
    devices: random.chance(shareWithSecondDevice)
      ? [random.oneOf(userAgents.slice(0, 3)), random.oneOf(userAgents.slice(3))]
      : [random.oneOf(userAgents)],
    factor: isExample ? (examples[number] ?? null) : method && factor,
  }
}
