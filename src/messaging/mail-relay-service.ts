import { type Clock, secondsAfter } from '../lib/clock.ts'
import { withDeadline } from '../lib/deadline.ts'
import type { Logger } from '../lib/logger.ts'
import type { Deliver, SealedMessage } from './message.ts'
import type { MessageStore } from './message-store.ts'

export interface MailRelayDeps {
  readonly messages: Pick<MessageStore, 'claimDue' | 'open' | 'markSent' | 'postpone'>
  readonly deliver: Deliver
  /** Development keeps what it sent, to show it; elsewhere the text goes once it is sent. */
  readonly keepsText: boolean
  readonly log: Logger
  readonly now: Clock
}

export interface MailRelay {
  /** Looks for due messages at once. */
  wake(): void
  stop(): Promise<void>
}

const batchSize = 20
const pollSeconds = 2 // for messages that another server queued, or that fell due again
const longestPauseSeconds = 15 * 60
const deliverySeconds = 30 // well inside the claim, so that no other server sends it meanwhile

/** Sends queued mail until it is stopped. A message that fails is tried again, after ever longer pauses. */
export const startMailRelay = ({ messages, deliver, keepsText, log, now }: MailRelayDeps): MailRelay => {
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let wasWoken = false

  const send = async (message: SealedMessage): Promise<void> => {
    const { id, to, subject, attempts } = message
    try {
      await withDeadline(deliver({ id, to, subject, text: messages.open(message) }), deliverySeconds * 1000, 'SMTP')
    } catch (problem) {
      const pauseSeconds = Math.min(2 ** attempts, longestPauseSeconds)
      log.warn({ err: problem, messageId: id, pauseSeconds }, 'a message could not be delivered')
      return messages.postpone(id, secondsAfter(now(), pauseSeconds))
    }
    return messages.markSent(id, now(), keepsText)
  }

  const sendDue = async (): Promise<void> => {
    do {
      wasWoken = false
      const due = await messages.claimDue(now(), batchSize)
      for (const outcome of await Promise.allSettled(due.map(send))) {
        if (outcome.status === 'rejected') log.warn({ err: outcome.reason }, 'the mail queue can not be written')
      }
      if (due.length === batchSize) wasWoken = true
    } while (wasWoken && !isStopped)
  }

  const wake = (): void => {
    wasWoken = true
    clearTimeout(timer)
    if (isStopped || running) return
    running = sendDue()
      .catch((problem) => log.warn({ err: problem }, 'the mail queue can not be read'))
      .finally(() => {
        running = undefined
        if (!isStopped) timer = setTimeout(wake, pollSeconds * 1000)
      })
  }

  wake()
  return {
    wake,
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
