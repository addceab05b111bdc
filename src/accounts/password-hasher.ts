import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import pLimit from 'p-limit'
import { AppError } from '../failure.ts'
import { argon2idCostOf, isBcryptHash } from './password-hash.ts'

// argon2id, which is the library's default, with OWASP's parameters: 19 MiB, two passes, one lane.
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const mostWaiting = 200 // at the slowest rate seen on two cores, a wait of about one second
const mostBcryptBytes = 72

/** Slow hashes, made off the main thread, no more at a time than there are cores. */
export interface PasswordHasher {
  /** argon2id as a PHC string. Throws RATE_LIMITED when too many wait already. */
  hash(secret: string): Promise<string>
  /**
   * Costs one hash whether or not there is a stored one, so that time tells nobody which it was (ASVS 6.3.8). A bcrypt
   * hash from an older system costs what it costs, until a sign-in replaces it.
   */
  verify(stored: string | null, secret: string): Promise<boolean>
  /** Whether the next sign-in should replace the hash: it is not argon2id, or has less memory or fewer passes than ours. */
  isOutdated(stored: string): boolean
  /** How many hashes are being made, and how many wait for that. */
  load(): { readonly running: number; readonly waiting: number }
}

/** Starts the queue, and makes the hash that stands in where there is none. */
export const createPasswordHasher = async (): Promise<PasswordHasher> => {
  const limit = pLimit(availableParallelism())
  const decoy = await hash('', parameters)
  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= mostWaiting) throw new AppError('RATE_LIMITED', { retryAfterSeconds: 1 })
    return limit(work)
  }
  return {
    hash: async (secret) => queued(() => hash(secret, parameters)),
    async verify(stored, secret) {
      if (stored !== null && isBcryptHash(stored)) {
        const matches = await queued(() => verifyBcrypt(secret, stored))
        return matches && isWhollyReadByBcrypt(secret)
      }
      const matches = await queued(() => verify(stored ?? decoy, secret))
      return matches && stored !== null
    },
    load: () => ({ running: limit.activeCount, waiting: limit.pendingCount }),
    isOutdated(stored) {
      const cost = argon2idCostOf(stored)
      return cost === null || cost.memoryCost < parameters.memoryCost || cost.timeCost < parameters.timeCost
    },
  }
}

/** bcrypt ignores what is behind 72 bytes, and takes `a` and `a\0a` for the same: no two passwords may open one account (G2). */
const isWhollyReadByBcrypt = (secret: string): boolean =>
  Buffer.byteLength(secret) <= mostBcryptBytes && !secret.includes('\0')
