import type { Account } from '../accounts/account.ts'
import type { EventStore } from '../audit/event-store.ts'
import type { EventReport } from '../audit/security-event.ts'
import type { Transact } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import { networkOf } from '../lib/network.ts'
import type { Message } from '../messaging/message.ts'
import type { MessageStore } from '../messaging/message-store.ts'
import { changedContextNotice, riskySessionNotice } from '../messaging/notices.ts'
import { describeDevice } from '../sessions/device.ts'
import type { Locate } from '../sessions/location-service.ts'
import type { ClientInfo, Session, SessionEndReason } from '../sessions/session.ts'
import type { EndedToken, SessionStore } from '../sessions/session-store.ts'
import type { Finding } from './finding.ts'
import { detailsOf, isCertain, mostContextsASession, policy } from './policy.ts'
import { isSameContext, sessionContextChanged, sessionCountryChanged } from './session-context.ts'
import type { SessionContextStore } from './session-context-store.ts'

interface Stores {
  readonly sessions: Pick<SessionStore, 'end' | 'find'>
  readonly events: Pick<EventStore, 'append'>
  readonly messages: Pick<MessageStore, 'enqueue'>
  readonly sessionContexts: Pick<SessionContextStore, 'add'>
}

export interface SessionContextDeps {
  readonly transact: Transact<Stores>
  readonly locate: Locate
  readonly tellEnded: (tokens: readonly EndedToken[]) => Promise<void>
  readonly wakeMailRelay: () => void
  readonly logProblem: (problem: unknown) => void
  readonly now: Clock
}

/** Why a live session is ended for where it is used from now; null where it goes on, at once where that is known already. */
export type JudgeContext = (
  session: Session,
  account: Account,
  client: ClientInfo,
) => Promise<SessionEndReason | null> | null

const mostRemembered = 10_000

/**
 * Compares where a session is used with where it began (threat D15, NIST SP 800-63B-4 §5.3): in memory, at every request. What is
 * unusual is recorded and told once a session and context, over all servers, while the request goes on; where policy
 * ends the session, the request waits for that, and is refused also where it can't be recorded.
 */
export const createJudgeContext = (deps: SessionContextDeps): JudgeContext => {
  const { transact, locate, tellEnded, wakeMailRelay, logProblem, now } = deps
  const judged = new Map<string, Promise<SessionEndReason | null> | null>()

  const remember = <Verdict extends Promise<SessionEndReason | null> | null>(
    key: string,
    verdict: Verdict,
  ): Verdict => {
    const [oldest] = judged.keys()
    if (judged.size >= mostRemembered && oldest) judged.delete(oldest)
    judged.set(key, verdict)
    return verdict
  }

  const end = (sessionId: string, report: EventReport, mail: Message, at: Date): Promise<SessionEndReason> =>
    transact(async (stores) => {
      const ended = await stores.sessions.end(sessionId, 'RISK', at)
      if (!ended) return (await stores.sessions.find(sessionId))?.endReason ?? 'RISK'
      const revoked = { ...report, type: 'SESSION_REVOKED', outcome: 'SUCCESS', details: { reason: 'RISK' } } as const
      await stores.events.append(report, revoked)
      await stores.messages.enqueue(mail, at)
      stores.afterCommit(() => tellEnded([ended.token]))
      stores.afterCommit(async () => wakeMailRelay())
      return 'RISK'
    })

  const judge = async (
    key: string,
    session: Session,
    account: Account,
    client: ClientInfo,
  ): Promise<SessionEndReason | null> => {
    const forget = (problem: unknown): void => {
      judged.delete(key) // the next request tries again
      logProblem(problem)
    }
    const [from, to] = await Promise.all([locate(session.ipAddress), locate(client.ipAddress)])
    const [began, current] = [
      { ...contextOf(session), place: from },
      { ...contextOf(client), place: to },
    ]
    const findings: Finding[] = [sessionContextChanged, sessionCountryChanged].flatMap(
      (rule) => rule(began, current) ?? [],
    )
    const isEnd = isCertain(findings)
    const { follows } = policy.SESSION_CONTEXT_CHANGED
    const report: EventReport = {
      type: 'SESSION_CONTEXT_CHANGED',
      outcome: isEnd ? 'DENIED' : 'SUCCESS',
      userId: account.id,
      sessionId: session.id,
      client,
      details: detailsOf(findings, isEnd ? [...follows, 'END_SESSION'] : follows),
    }
    const at = now()
    const { ipAddress } = client
    if (isEnd) {
      const mail = riskySessionNotice(account.email, current.device, { ipAddress, at })
      return end(session.id, report, mail, at).catch((problem): SessionEndReason => {
        forget(problem)
        return 'RISK'
      })
    }
    const told = {
      reports: [report],
      mail: changedContextNotice(account.email, current.device, { ipAddress, at }),
    }
    transact(async ({ sessionContexts, afterCommit }) => {
      const isFirst = await sessionContexts.add(session.id, current, told, mostContextsASession, at)
      if (isFirst) afterCommit(async () => wakeMailRelay())
    }).catch(forget)
    return null
  }

  return (session, account, client) => {
    const { ipAddress, userAgent } = client
    if (ipAddress === session.ipAddress && userAgent === session.userAgent) return null
    const key = `${session.id} ${ipAddress} ${userAgent}`
    const known = judged.get(key)
    if (known !== undefined) return known
    if (isSameContext(contextOf(session), contextOf(client))) return remember(key, null)
    return remember(key, judge(key, session, account, client))
  }
}

const contextOf = ({ ipAddress, userAgent }: ClientInfo) => ({
  network: networkOf(ipAddress),
  device: describeDevice(userAgent).label,
})
