import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import pLimit from 'p-limit'
import { AppError } from '../failure.ts'

// argon2id, which is the library's default, with OWASP's parameters: 19 MiB, two passes, one lane.
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const mostWaiting = 200 // at the slowest rate seen on two cores, a wait of about one second

/** Slow hashes, made off the main thread, no more at a time than there are cores. */
export interface PasswordHasher {
  /** argon2id as a PHC string. Throws RATE_LIMITED when too many wait already. */
  hash(secret: string): Promise<string>
  /** Costs one hash whether or not there is a stored one, so that time tells nobody which it was (ASVS 6.3.8). */
  verify(stored: string | null, secret: string): Promise<boolean>
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
      const matches = await queued(() => verify(stored ?? decoy, secret))
      return matches && stored !== null
    },
  }
}
