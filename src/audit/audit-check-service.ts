import { AppError, badInput } from '../failure.ts'
import { isWithinTime } from '../page.ts'
import type { SignedInCaller } from '../sessions/caller.ts'
import type { ClientInfo } from '../sessions/session.ts'
import type { RecordEvent } from './event-recording-service.ts'
import { describeFinding } from './verification.ts'
import type { VerificationResult, VerifyLog } from './verification-service.ts'

/** The result of recomputing the chain from the rows. */
export interface AuditVerification {
  readonly intact: boolean
  readonly checkedEvents: number
  readonly sealedThrough: Date | null
  readonly headHash: string | null
  readonly brokenAt: string | null
  readonly problem: string | null
}

/** Null and absent: from the beginning, to the end. */
export interface CheckedTime {
  readonly from?: Date | null | undefined
  readonly to?: Date | null | undefined
}

export type CheckAuditLog = (
  caller: SignedInCaller,
  time: CheckedTime,
  client: ClientInfo,
) => Promise<AuditVerification>

const retryAfterSeconds = 10 // a million events take about a minute

/** Throws BAD_USER_INPUT. */
const parseCheckedTime = ({ from = null, to = null }: CheckedTime): { from: Date | null; to: Date | null } => {
  for (const [name, instant] of Object.entries({ from, to })) {
    if (instant && !isWithinTime(instant)) throw badInput(name, 'must be between the years 1970 and 9998')
  }
  if (from && to && from > to) throw badInput('to', 'must not be before `from`')
  return { from, to }
}

/**
 * Verifies the log for a caller, and records that and how it came out. One verification at a time: who asks for the same one
 * meanwhile gets its result, who asks for another is RATE_LIMITED.
 */
export const createCheckAuditLog = (verify: VerifyLog, recordEvent: RecordEvent): CheckAuditLog => {
  let underWay: { readonly key: string; readonly result: Promise<VerificationResult> } | null = null

  const verifyOnce = (key: string, time: ReturnType<typeof parseCheckedTime>): Promise<VerificationResult> => {
    if (underWay && underWay.key !== key) throw new AppError('RATE_LIMITED', { retryAfterSeconds })
    underWay ??= {
      key,
      result: verify(time).finally(() => {
        underWay = null
      }),
    }
    return underWay.result
  }

  return async ({ account, session }, asked, client) => {
    const time = parseCheckedTime(asked)
    const { checkedEvents, head, finding } = await verifyOnce(JSON.stringify(time), time)
    const intact = finding === null
    const problem = finding && describeFinding(finding)
    const brokenAt = finding?.eventId ?? null
    await recordEvent({
      type: 'AUDIT_VERIFIED',
      outcome: intact ? 'SUCCESS' : 'FAILURE',
      userId: account.id,
      actorId: account.id,
      sessionId: session.id,
      client,
      details: { intact, checkedEvents, ...(problem && { problem }), ...(brokenAt && { brokenAt }) },
    })
    return {
      intact,
      checkedEvents,
      sealedThrough: head?.sealedAt ?? null,
      headHash: head?.hash.toString('hex') ?? null,
      brokenAt,
      problem,
    }
  }
}
