import { DrizzleQueryError } from 'drizzle-orm'
import type { Logger } from '../lib/logger.ts'

/** Schedules what goes to Redis or to a waiting worker: it runs after the commit, and a failure of it is only logged. */
export interface AfterCommit {
  afterCommit(work: () => Promise<void>): void
}

/**
 * Runs `work` in one transaction over stores of its own. Commits when it resolves, rolls back when it rejects. It is
 * run again, at most twice, after a serialization failure or deadlock, so it must do nothing outside the stores.
 */
export type Transact<Stores> = <T>(work: (stores: Stores & AfterCommit) => Promise<T>) => Promise<T>

const retries = 2
const retryable = new Set(['40001', '40P01'])

type Begin<Stores> = <T>(work: (stores: Stores) => Promise<T>) => Promise<T>

export const createTransact =
  <Stores extends object>(begin: Begin<Stores>, log: Logger): Transact<Stores> =>
  async (work) => {
    for (let attempt = 0; ; attempt++) {
      const followUps: (() => Promise<void>)[] = []
      try {
        const result = await begin((stores) => work({ ...stores, afterCommit: (followUp) => followUps.push(followUp) }))
        for (const outcome of await Promise.allSettled(followUps.map((followUp) => followUp()))) {
          if (outcome.status === 'rejected') log.warn({ err: outcome.reason }, 'what follows a commit failed')
        }
        return result
      } catch (problem) {
        if (attempt === retries || !retryable.has(codeOf(problem))) throw unwrapped(problem)
      }
    }
  }

const unwrapped = (problem: unknown): unknown =>
  problem instanceof DrizzleQueryError ? (problem.cause ?? problem) : problem
const codeOf = (problem: unknown): string => (unwrapped(problem) as { code?: string } | null)?.code ?? ''
