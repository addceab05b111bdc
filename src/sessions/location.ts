/** Where an address is, as far as public data tells: the country for certain, the rest where it is known. */
export interface Location {
  /** ISO 3166-1 alpha-2. */
  readonly countryCode: string
  readonly city: string | null
  readonly latitude: number | null
  readonly longitude: number | null
}

/** What the data says of an address; null where it says nothing. */
export interface PlaceRecord {
  readonly country_code?: string
  readonly city?: string
  readonly latitude?: number
  readonly longitude?: number
}

const decimals = 10_000 // eleven metres: more is noise of the stored format, and less than a city is wide

/** The place that a record of the data names; null without a country. What is empty or absent there is null. */
export const locationFrom = (record: PlaceRecord | null): Location | null => {
  const { country_code: countryCode = '', city, latitude, longitude } = record ?? {}
  if (!/^[A-Z]{2}$/.test(countryCode) || countryCode === 'ZZ') return null
  return {
    countryCode,
    city: city || null,
    latitude: rounded(latitude),
    longitude: rounded(longitude),
  }
}

const rounded = (degrees: number | undefined): number | null =>
  typeof degrees === 'number' ? Math.round(degrees * decimals) / decimals : null
