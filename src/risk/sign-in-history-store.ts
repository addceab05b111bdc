import { type SQL, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { anyNetwork, knownDevices, knownPlaces } from '../db/tables/risk.ts'
import type { Location } from '../sessions/location.ts'
import type { KnownPlace, SignInHistory } from './sign-in.ts'

/** A history as JSON has it. */
export type StoredHistory = Omit<SignInHistory, 'places'> & {
  readonly places: readonly (Omit<KnownPlace, 'lastSeenAt'> & { readonly lastSeenAt: string })[]
}

/** The expression that reads a user's history in the statement of something else; of nobody it is empty. */
export const signInHistoryOf = (owner: SQL, device: SQL): SQL<StoredHistory> => sql<StoredHistory>`json_build_object(
  'knowsDevices', exists (select 1 from ${knownDevices} where user_id = ${owner}),
  'knowsThisDevice', exists (
    select 1 from ${knownDevices} where user_id = ${owner} and label = ${device} and network = ${sql.raw(`'${anyNetwork}'`)}
  ),
  'places', (
    select coalesce(json_agg(json_build_object('countryCode', country_code, 'latitude', latitude, 'longitude', longitude,
      'lastSeenAt', last_seen_at)), '[]'::json)
    from ${knownPlaces} where user_id = ${owner}
  ))`

export const historyFrom = ({ places, ...devices }: StoredHistory): SignInHistory => ({
  ...devices,
  places: places.map((place) => ({ ...place, lastSeenAt: new Date(place.lastSeenAt) })),
})

/**
 * The statement that makes a place known to its user, to stand in a WITH: `owner` selects an id. Of any number of sign-ins
 * that read the same history, it returns a row in one.
 */
export const placeVisit = (place: Location, lastSeenAt: Date | null, at: string, owner: SQL): SQL => sql`
  insert into ${knownPlaces} (user_id, country_code, latitude, longitude, first_seen_at, last_seen_at)
  select id, ${place.countryCode}, ${place.latitude}::double precision, ${place.longitude}::double precision,
    ${at}::timestamptz, ${at}::timestamptz
  from (${owner}) as owner
  on conflict (user_id, country_code) do update set
    latitude = excluded.latitude, longitude = excluded.longitude, last_seen_at = excluded.last_seen_at
  where known_places.last_seen_at = ${lastSeenAt?.toISOString() ?? null}::timestamptz
  returning user_id`

export type SignInHistoryStore = ReturnType<typeof createSignInHistoryStore>

/** Where users signed in from before. */
export const createSignInHistoryStore = (db: Db) => ({
  async read(userId: string, device: string): Promise<SignInHistory> {
    const [row] = await db.execute<{ history: StoredHistory }>(
      sql`select ${signInHistoryOf(sql`${userId}::uuid`, sql`${device}::text`)} as history`,
    )
    if (!row) throw new Error('A history returned no row')
    return historyFrom(row.history)
  },

  /** Makes a place known, whenever the user was there before. */
  async addPlace(userId: string, place: Location, now: Date): Promise<void> {
    const at = now.toISOString()
    await db.execute(sql`
      insert into ${knownPlaces} (user_id, country_code, latitude, longitude, first_seen_at, last_seen_at)
      values (${userId}::uuid, ${place.countryCode}, ${place.latitude}, ${place.longitude}, ${at}, ${at})
      on conflict (user_id, country_code) do update set
        latitude = excluded.latitude, longitude = excluded.longitude, last_seen_at = excluded.last_seen_at`)
  },
})
