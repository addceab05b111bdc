import type { MfaMethod } from '../src/mfa/factor.ts'
import { type LoadResult, requestText, runLoad } from './support/load.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addEnrolments, addSignIns, type OpenChallenge, verifyCall } from './support/seed-mfa.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { figure, median, quantile, spread } from './support/statistics.ts'

interface Kind {
  readonly method: MfaMethod
  readonly called: string
  /** Each by a user of its own: a factor accepts a time step once. */
  readonly perRound: number
  readonly mostP99Ms: number
}

const kinds: readonly Kind[] = [
  { method: 'TOTP', called: 'TOTP', perRound: 2_000, mostP99Ms: 100 },
  { method: 'SMS', called: 'SMS', perRound: 2_000, mostP99Ms: 100 },
  { method: 'BACKUP_CODE', called: 'backup code', perRound: 400, mostP99Ms: 300 }, // one argon2id hash each
]
const inParallel = 50
const rounds = 5
const enrolments = 40
const enrolmentsInParallel = 4

/** How long the answer to a challenge takes: at sign-in by each method, and when it enrols a first factor. */
export const verifyMfa: Benchmark = async (environment) => {
  const server = await startGatehouse(environment)
  try {
    const figures: Figure[] = []
    for (const kind of kinds) figures.push(...(await measure(environment, server, kind)))
    const enrolling = await addEnrolments(environment.databaseUrl, 'verify-enrolment', enrolments)
    const { latenciesMs } = await answer(server, enrolling, enrolmentsInParallel)
    return [
      ...figures,
      {
        what: `enrolment with ten backup codes, ${enrolmentsInParallel} in parallel, p50, p99 of ${enrolments}`,
        value: `${figure(median(latenciesMs))}, ${figure(quantile(latenciesMs, 0.99))} ms`,
      },
    ]
  } finally {
    await server.stop()
  }
}

const measure = async (
  { databaseUrl, say }: Environment,
  server: Server,
  { method, called, perRound, mostP99Ms }: Kind,
): Promise<Figure[]> => {
  say(`verify-mfa: ${called}: adding users, factors and challenges …`)
  const group = `verify-${method.toLowerCase()}`
  const challenges = await addSignIns(databaseUrl, group, method, (rounds + 1) * perRound)
  const measured: LoadResult[] = []
  for (let round = 0; round <= rounds; round++) {
    const result = await answer(server, challenges.slice(round * perRound, (round + 1) * perRound), inParallel)
    if (round > 0) measured.push(result)
    const which = round === 0 ? 'warm-up' : `round ${round} of ${rounds}`
    say(`verify-mfa: ${called}: ${which}: ${figure(result.perSecond)}/s`)
  }
  const p99 = measured.map(({ latenciesMs }) => quantile(latenciesMs, 0.99))
  return [
    {
      what: `sign-ins by ${called}/s, ${inParallel} in parallel`,
      value: spread(measured.map(({ perSecond }) => perSecond)),
    },
    { what: `${called}, p50`, value: `${spread(measured.map(({ latenciesMs }) => median(latenciesMs)))} ms` },
    {
      what: `${called}, p99 of ${perRound}`,
      value: `${spread(p99)} ms`,
      bar: { text: `< ${mostP99Ms} ms`, isMet: median(p99) < mostP99Ms },
    },
  ]
}

/** Codes are made beforehand: they cost this process as much as the request. */
const answer = (server: Server, challenges: readonly OpenChallenge[], connections: number): Promise<LoadResult> => {
  const texts = challenges.map((challenge) => requestText(verifyCall(challenge))).values()
  return runLoad({ port: server.port, connections, next: () => texts.next().value ?? null })
}
