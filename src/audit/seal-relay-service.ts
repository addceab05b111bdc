import type { Logger } from '../lib/logger.ts'
import { createNudged } from '../lib/nudge.ts'
import type { Lease } from '../retention/lease-service.ts'
import type { SealSome } from './seal-service.ts'

export interface SealRelayDeps {
  readonly sealSome: SealSome
  /** Which of the servers seals. It saves the others work and decides nothing. */
  readonly duty: Lease
  /** Wakes the server that seals, wherever it is. */
  readonly announceUnsealed: () => Promise<void>
  readonly log: Logger
}

export interface SealRelay {
  /** Says that an event was committed here: has it sealed soon, and keeps nobody waiting. */
  wake(): void
  /** Takes what `announceUnsealed` of any server tells. */
  hear(): void
  /** Seals once more, if it is this server's turn, and lets another take over. */
  stop(): Promise<void>
}

/** How long the duty is held without being renewed: with the second until someone asks, a server that died is replaced within five. */
export const sealDuty = { task: 'seal duty', seconds: 3, renewMs: 900 }

const pollMs = 1_000 // for what nobody could announce
const pauseMs = 50 // so that under load an event costs a share of a statement, not a statement

/** Seals the log until it is stopped, on one server at a time. While PostgreSQL is away it tries again once a second. */
export const startSealRelay = ({ sealSome, duty, announceUnsealed, log }: SealRelayDeps): SealRelay => {
  let isOnDuty = false
  let isFailing = false
  let isStopped = false

  const sealAll = async (): Promise<void> => {
    do {
      const wasOnDuty = isOnDuty
      isOnDuty = await duty.keep()
      if (isOnDuty && !wasOnDuty && !isFailing) log.info('this server seals the security log')
    } while (isOnDuty && (await sealSome()) && !isStopped)
  }
  const round = (): Promise<void> =>
    sealAll().then(
      () => {
        if (isOnDuty) isFailing = false
      },
      async (problem) => {
        if (!isFailing) log.error({ err: problem }, `the security log can not be sealed: ${(problem as Error).message}`)
        isFailing = true
        isOnDuty = false
        await duty.giveUp().catch(() => {}) // another may be able to
      },
    )
  const sealing = createNudged(round, pauseMs)
  const announcing = createNudged(() => announceUnsealed().catch(() => {}), pauseMs)

  const timer = setInterval(sealing.nudge, pollMs)
  sealing.nudge()
  return {
    wake() {
      if (isStopped) return
      if (isOnDuty) sealing.nudge()
      else announcing.nudge()
    },
    hear() {
      if (isOnDuty && !isStopped) sealing.nudge()
    },
    async stop() {
      isStopped = true
      clearInterval(timer)
      if (isOnDuty) sealing.nudge()
      await Promise.all([sealing.idle(), announcing.idle()])
      await duty.giveUp()
    },
  }
}
