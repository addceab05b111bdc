import ipaddr from 'ipaddr.js'
import { withDeadline } from '../lib/deadline.ts'
import type { Logger } from '../lib/logger.ts'
import { isPublic } from '../lib/network.ts'
import { type Location, locationFrom, type PlaceRecord } from './location.ts'

export type AddressFamily = 'ipv4' | 'ipv6'

export type FindPlace = (address: string) => PlaceRecord | null

export interface LocateDeps {
  /** Reads the data of a family into memory. */
  readonly readPlaces: (family: AddressFamily) => Promise<FindPlace>
  readonly log: Logger
}

export type Locate = (address: string) => Promise<Location | null>

const longestWaitMs = 2_000 // a disk that hangs costs an answer its places, and no more
const retryMs = 60_000

/**
 * Says where a public address is; null for any other, and for one that the data does not know. The data of a family is
 * read once a process, when first needed, however many ask meanwhile. While it can't be read every answer is null; that
 * is logged once, and tried again a minute later.
 */
export const createLocate = ({ readPlaces, log }: LocateDeps): Locate => {
  const found: Partial<Record<AddressFamily, FindPlace>> = {}
  const reading: Partial<Record<AddressFamily, Promise<FindPlace | null>>> = {}
  const reported = new Set<AddressFamily>()

  const report = (family: AddressFamily, problem: unknown): null => {
    if (!reported.has(family)) log.error({ err: problem, family }, 'places can not be looked up')
    reported.add(family)
    return null
  }
  const read = async (family: AddressFamily): Promise<FindPlace | null> => {
    try {
      const find = await readPlaces(family)
      found[family] = find
      return find
    } catch (problem) {
      setTimeout(() => delete reading[family], retryMs).unref()
      return report(family, problem)
    }
  }
  const placesOf = async (family: AddressFamily): Promise<FindPlace | null> => {
    reading[family] ??= read(family)
    return found[family] ?? withDeadline(reading[family], longestWaitMs, 'The data of places').catch(() => null)
  }

  return async (address) => {
    if (!isPublic(address)) return null // private, loopback, link-local and all that is nowhere
    const parsed = ipaddr.process(address)
    const family = parsed.kind()
    const find = await placesOf(family)
    try {
      return locationFrom(find?.(parsed.toString()) ?? null)
    } catch (problem) {
      return report(family, problem) // the file is damaged where this address stands
    }
  }
}
