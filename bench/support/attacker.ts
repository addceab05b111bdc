import { type Answer, requestText, runLoad } from './load.ts'
import { verifyInput } from './verify-call.ts'

// A process of its own, so that its work does not stand in the way of what measures the others: tries wrong codes as its
// parent asks, and tells how the answers were.

export interface AttackPlan {
  readonly ports: readonly number[]
  readonly challengeIds: readonly string[]
  readonly tries: number
  readonly inParallel: number
  /** How many addresses they come from, and the number of the first. */
  readonly addresses: number
  readonly firstAddress: number
}

export interface AttackResult {
  /** Answers by error code; `success` for none. */
  readonly answers: Readonly<Record<string, number>>
  readonly perSecond: number
}

const attack = async (plan: AttackPlan): Promise<AttackResult> => {
  const { ports, challengeIds, tries, inParallel, addresses, firstAddress } = plan
  const answers: Record<string, number> = {}
  const onAnswer = ({ body }: Answer): void => {
    const code = /"code":"(\w+)"/.exec(body)?.[1] ?? (body.includes('"errors"') ? body : 'success')
    answers[code] = (answers[code] ?? 0) + 1
  }
  let tried = 0
  const next = (): string | null => {
    if (tried === tries) return null
    const [turn, challenge] = [Math.floor(tried / challengeIds.length), tried % challengeIds.length]
    const code = String((tried++ * 7_919) % 1_000_000).padStart(6, '0')
    const user = firstAddress + ((challenge + turn) % addresses)
    return requestText({ ...verifyInput(challengeIds[challenge] as string, code), user })
  }
  const connections = inParallel / ports.length
  const loads = await Promise.all(ports.map((port) => runLoad({ port, connections, next, onAnswer })))
  return { answers, perSecond: loads.reduce((sum, { perSecond }) => sum + perSecond, 0) }
}

process.once('message', async (plan: AttackPlan) => {
  process.send?.(await attack(plan))
  process.disconnect()
})
