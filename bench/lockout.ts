import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { AttackPlan, AttackResult } from './support/attacker.ts'
import { type Answer, requestText, runLoad } from './support/load.ts'
import type { Benchmark, Figure } from './support/report.ts'
import { addUsers, loginCall } from './support/seed.ts'
import { addBesieged, addSignIns, verifyCall } from './support/seed-mfa.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { figure, median, quantile, spread } from './support/statistics.ts'

const rounds = 3
const quietSeconds = 10
const signInsPerSecond = 16 // by password, and as many by code: the hashes take about a third of a core
const connections = 16 // to each server, for either: a slow answer holds back no other question
const users = 8_000 // more than are asked, however slow the machine: nobody answers a challenge twice
const tries = 10_000
const triesInParallel = 100
const openSignIns = 2_000 // five tries each
const addresses = 20
const firstAddress = 1_000_000 // nobody else's
const mostLookedAt = 10
const mostRatio = 1.5
const expected = ['MFA_CODE_INVALID', 'ACCOUNT_LOCKED', 'CHALLENGE_EXPIRED']

/**
 * Ten thousand wrong codes against one account, over two servers and many addresses: how many are looked at, and how
 * long everybody else's sign-in takes meanwhile.
 */
export const lockout: Benchmark = async (environment) => {
  const { databaseUrl, say } = environment
  const servers = await Promise.all([startGatehouse(environment), startGatehouse(environment)])
  try {
    say('lockout: adding users, factors and challenges …')
    const signIns = await prepareSignIns(databaseUrl, servers)
    const prepareAttack = async (number: number) => {
      const challengeIds = await addBesieged(databaseUrl, `besieged${number}-`, openSignIns)
      const ports = servers.map(({ port }) => port)
      const origin = { addresses, firstAddress: firstAddress + number * addresses } // how much one may try is not measured
      return () => runAttack({ ports, challengeIds, tries, inParallel: triesInParallel, ...origin })
    }
    say('lockout: warming up …')
    await signIns((await prepareAttack(0))())

    const measured: Round[] = []
    for (let round = 1; round <= rounds; round++) {
      const attack = await prepareAttack(round)
      const quiet = await signIns(wait(quietSeconds * 1000))
      const [cpuBefore, startedAt] = [await cpuMs(servers), performance.now()]
      const besieged = await signIns(attack())
      const cores = ((await cpuMs(servers)) - cpuBefore) / (performance.now() - startedAt)
      measured.push({ quiet, besieged, cores, attack: besieged.result })
      const { answers, perSecond } = besieged.result
      const text = Object.entries(answers).map(([code, times]) => `${times} ${code}`)
      say(`lockout: round ${round} of ${rounds}: ${figure(perSecond)} tries/s: ${text.join(', ')}`)
    }
    return figures(measured)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

interface SignIns {
  readonly byPassword: readonly number[]
  readonly byCode: readonly number[]
  /** How many were refused, though nothing was wrong with them. */
  readonly refused: number
}

interface Round {
  readonly quiet: SignIns
  readonly besieged: SignIns
  readonly attack: AttackResult
  /** How much of the processors the servers used during the attack. */
  readonly cores: number
}

/** Returns what signs others in, on every server and at a steady rate, until something is done. */
const prepareSignIns = async (databaseUrl: string, servers: readonly Server[]) => {
  const accounts = await addUsers(databaseUrl, 'bystander', users)
  const passwords = accounts.map((account, user) => requestText(loginCall(account, user))).values()
  const challenges = (await addSignIns(databaseUrl, 'halfway', 'TOTP', users)).values()
  const nextCode = (): string | null => {
    const { value } = challenges.next()
    return value ? requestText(verifyCall(value)) : null
  }
  return async <T>(until: Promise<T>) => {
    let isDone = false
    let refused = 0
    const onAnswer = ({ isSuccess }: Answer): void => {
      if (!isSuccess) refused++
    }
    const done = until.finally(() => {
      isDone = true
    })
    const load = async (next: () => string | null): Promise<number[]> => {
      const paced = { connections, mostPerSecond: signInsPerSecond / servers.length }
      const results = servers.map(({ port }) =>
        runLoad({ port, ...paced, next: () => (isDone ? null : next()), onAnswer }),
      )
      return (await Promise.all(results)).flatMap(({ latenciesMs }) => latenciesMs)
    }
    const loads = [load(() => passwords.next().value ?? null), load(nextCode)] as const
    const [result, byPassword, byCode] = await Promise.all([done, ...loads])
    return { result, byPassword, byCode, refused }
  }
}

const runAttack = async (plan: AttackPlan): Promise<AttackResult> => {
  const child = fork(fileURLToPath(import.meta.resolve('./support/attacker.ts')), { execArgv: [] })
  const answer = once(child, 'message')
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('The attack ended without a result')))
  child.send(plan)
  const [result] = await Promise.race([answer, ended])
  ended.catch(() => {})
  return result as AttackResult
}

const cpuMs = async (servers: readonly Server[]): Promise<number> =>
  (await Promise.all(servers.map((server) => server.cpuMs()))).reduce((sum, ms) => sum + ms, 0)

const figures = (measured: readonly Round[]): Figure[] => {
  const counts = (code: string) => measured.map(({ attack }) => attack.answers[code] ?? 0)
  const others = measured.map(({ attack }) =>
    Object.entries(attack.answers)
      .filter(([code]) => !expected.includes(code))
      .reduce((sum, [, times]) => sum + times, 0),
  )
  const refused = measured.map(({ besieged }) => besieged.refused)
  const lookedAt = counts('MFA_CODE_INVALID')
  return [
    {
      what: `of ${tries} wrong codes: MFA_CODE_INVALID`,
      value: spread(lookedAt),
      bar: { text: `≤ ${mostLookedAt}`, isMet: Math.max(...lookedAt) <= mostLookedAt },
    },
    { what: 'ACCOUNT_LOCKED', value: spread(counts('ACCOUNT_LOCKED')) },
    { what: 'CHALLENGE_EXPIRED', value: spread(counts('CHALLENGE_EXPIRED')) },
    { what: 'anything else', value: spread(others), bar: { text: '0', isMet: Math.max(...others) === 0 } },
    {
      what: `tries/s, ${triesInParallel} at a time from ${addresses} addresses over two servers`,
      value: spread(measured.map(({ attack }) => attack.perSecond)),
    },
    { what: "processors busy with the servers' work during it", value: spread(measured.map(({ cores }) => cores)) },
    ...comparison(measured, 'byPassword', "another user's password"),
    ...comparison(measured, 'byCode', "another user's code"),
    {
      what: 'right passwords and codes of others refused meanwhile',
      value: spread(refused),
      bar: { text: '0', isMet: Math.max(...refused) === 0 },
    },
  ]
}

const comparison = (measured: readonly Round[], half: 'byPassword' | 'byCode', called: string): Figure[] => {
  const of = (when: 'quiet' | 'besieged', share: number) => measured.map((round) => quantile(round[when][half], share))
  const [before, during] = [of('quiet', 0.99), of('besieged', 0.99)]
  const ratios = during.map((ms, round) => ms / (before[round] as number))
  return [
    { what: `${called}: p50 without the attack, with it`, value: `${pair(of('quiet', 0.5), of('besieged', 0.5))} ms` },
    { what: `${called}: p99 without the attack, with it`, value: `${pair(before, during)} ms` },
    {
      what: `${called}: p99 with / without`,
      value: spread(ratios),
      bar: { text: `≤ ${mostRatio}`, isMet: median(ratios) <= mostRatio },
    },
  ]
}

const pair = (before: readonly number[], during: readonly number[]): string => `${spread(before)}, ${spread(during)}`
