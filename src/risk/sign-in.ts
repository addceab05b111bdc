import type { Location } from '../sessions/location.ts'
import type { Finding } from './finding.ts'
import { fastestKmPerHour, leastTravelKm } from './policy.ts'

/** Where a user was in a country, the last time that they signed in from it. */
export interface KnownPlace {
  readonly countryCode: string
  readonly latitude: number | null
  readonly longitude: number | null
  readonly lastSeenAt: Date
}

/** What is known of a user's earlier sign-ins. */
export interface SignInHistory {
  readonly knowsDevices: boolean
  /** Whether one came from this kind of device. */
  readonly knowsThisDevice: boolean
  readonly places: readonly KnownPlace[]
}

/** A sign-in as it comes in. */
export interface SignInNow {
  readonly device: string
  /** Null where the address is private, or nobody knows where it is. */
  readonly place: Location | null
  /** Whether many accounts were tried from its network just now. */
  readonly isNetworkSuspect: boolean
  readonly at: Date
}

type Rule = (history: SignInHistory, current: SignInNow) => Finding | null

/** A kind of device that the user never signed in from. The first of all is no news. */
export const newDevice: Rule = ({ knowsDevices, knowsThisDevice }, { device }) =>
  knowsDevices && !knowsThisDevice ? { rule: 'NEW_DEVICE', evidence: { device } } : null

/** A country that the user never signed in from. The first of all is no news. */
export const newLocation: Rule = ({ places }, { place }) => {
  if (!place || places.length === 0 || places.some(({ countryCode }) => countryCode === place.countryCode)) return null
  const known = places.map(({ countryCode }) => countryCode).sort()
  return { rule: 'NEW_LOCATION', evidence: { ...namedPlace(place), knownCountries: known.join(' ') } }
}

/**
 * Another country than the last, farther than anybody travels meanwhile. Within a country the gateways of mobile networks
 * may lie anywhere in it. Who goes back to where they came from at that speed makes no news: the way there was.
 */
export const impossibleTravel: Rule = ({ places }, { place, at }) => {
  const last = places.toSorted((one, other) => other.lastSeenAt.getTime() - one.lastSeenAt.getTime())[0]
  if (!place || !last || last.countryCode === place.countryCode) return null
  const way = wayBetween(last, { ...place, lastSeenAt: at })
  if (!way || !isImpossible(way)) return null
  const before = places.find(({ countryCode }) => countryCode === place.countryCode)
  const wayThere = before && wayBetween(before, last)
  if (wayThere && isImpossible(wayThere)) return null
  const { km, hours } = way
  return {
    rule: 'IMPOSSIBLE_TRAVEL',
    evidence: {
      fromCountry: last.countryCode,
      ...namedPlace(place),
      km: Math.round(km),
      hours: Math.round(hours * 100) / 100,
      kmPerHour: Math.round(km / hours),
    },
  }
}

/** A network that many accounts are tried from. That is recorded once by itself, and not with each sign-in. */
export const credentialStuffing: Rule = (_history, { isNetworkSuspect }) =>
  isNetworkSuspect ? { rule: 'CREDENTIAL_STUFFING', evidence: {} } : null

const rules: readonly Rule[] = [newDevice, newLocation, impossibleTravel, credentialStuffing]

/** What is unusual about a sign-in, and the place that it makes known. */
export interface SignInRisk {
  readonly findings: readonly Finding[]
  readonly place: Location | null
  /** When the user was last seen in that country; null for never. Whoever signs in meanwhile moves it on. */
  readonly lastSeenThereAt: Date | null
}

/** Has every rule look at a sign-in. */
export const assess = (history: SignInHistory, current: SignInNow): SignInRisk => ({
  findings: rules.flatMap((rule) => rule(history, current) ?? []),
  place: current.place,
  lastSeenThereAt:
    history.places.find(({ countryCode }) => countryCode === current.place?.countryCode)?.lastSeenAt ?? null,
})

const namedPlace = ({ countryCode, city }: Location) => ({ country: countryCode, ...(city !== null && { city }) })

interface Way {
  readonly km: number
  readonly hours: number
}

const isImpossible = ({ km, hours }: Way): boolean => km > leastTravelKm && km / hours > fastestKmPerHour

const shortestHours = 1 / 3600 // two at once are a second apart

/** How far and how long it is between two sightings; null where the data knows no city. */
const wayBetween = (one: Omit<KnownPlace, 'countryCode'>, other: Omit<KnownPlace, 'countryCode'>): Way | null => {
  if (one.latitude === null || one.longitude === null || other.latitude === null || other.longitude === null)
    return null
  const hours = (other.lastSeenAt.getTime() - one.lastSeenAt.getTime()) / 3_600_000
  return {
    km: kmBetween(one.latitude, one.longitude, other.latitude, other.longitude),
    hours: Math.max(hours, shortestHours),
  }
}

const earthRadiusKm = 6_371
const radians = (degrees: number): number => (degrees * Math.PI) / 180

/** Along the surface, by the haversine formula. */
export const kmBetween = (
  latitude: number,
  longitude: number,
  otherLatitude: number,
  otherLongitude: number,
): number => {
  const half = (from: number, to: number) => Math.sin(radians(to - from) / 2) ** 2
  const chord =
    half(latitude, otherLatitude) +
    Math.cos(radians(latitude)) * Math.cos(radians(otherLatitude)) * half(longitude, otherLongitude)
  return 2 * earthRadiusKm * Math.asin(Math.min(1, Math.sqrt(chord)))
}
