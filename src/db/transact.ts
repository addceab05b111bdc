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

const mostTries = 3
const retryable = new Set(['40001', '40P01'])

type Begin<Stores> = <T>(work: (stores: Stores) => Promise<T>) => Promise<T>

/**
 * Makes a Transact of `begin`, which opens a transaction, or none where the work is one statement. `onCommit` is told of
 * each commit.
 */
export const createTransact =
  <Stores extends object>(begin: Begin<Stores>, log: Logger, onCommit = () => {}): Transact<Stores> =>
  async (work) => {
    let followUps: (() => Promise<void>)[] = []
    const attempt = () => begin((stores) => work({ ...stores, afterCommit: (followUp) => followUps.push(followUp) }))
    for (let tries = 1; ; tries++) {
      try {
        const result = await attempt()
        onCommit()
        for (const outcome of await Promise.allSettled(followUps.map(async (followUp) => followUp()))) {
          if (outcome.status === 'rejected') log.warn({ err: outcome.reason }, 'what follows a commit failed')
        }
        return result
      } catch (problem) {
        if (tries === mostTries || !retryable.has(codeOf(problem))) throw unwrapped(problem)
        followUps = []
      }
    }
  }

const unwrapped = (problem: unknown): unknown =>
  problem instanceof DrizzleQueryError ? (problem.cause ?? problem) : problem
const codeOf = (problem: unknown): string => (unwrapped(problem) as { code?: string } | null)?.code ?? ''
