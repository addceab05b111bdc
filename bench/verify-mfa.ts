import { type LoadResult, requestText, runLoad } from './support/load.ts'
import type { Benchmark } from './support/report.ts'
import { addChallenges, type OpenChallenge, verifyCall } from './support/seed-mfa.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { figure, median, quantile, spread } from './support/statistics.ts'

const inParallel = 50
const rounds = 5
const perRound = 2_000 // each by a user of its own: a factor accepts a time step once
const enrolments = 40
const enrolmentsInParallel = 4
const mostP99Ms = 100

/** How long the answer to a challenge takes: at sign-in, and when it enrols a first factor. */
export const verifyMfa: Benchmark = async (environment) => {
  const { databaseUrl, say } = environment
  say('verify-mfa: adding users, factors and challenges …')
  const challenges = await addChallenges(databaseUrl, 'LOGIN', (rounds + 1) * perRound)
  const enrolling = await addChallenges(databaseUrl, 'ENROLMENT', enrolments)
  const server = await startGatehouse(environment)
  try {
    const measured: LoadResult[] = []
    for (let round = 0; round <= rounds; round++) {
      const result = await answer(server, challenges.slice(round * perRound, (round + 1) * perRound), inParallel)
      if (round > 0) measured.push(result)
      say(`verify-mfa: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}: ${figure(result.perSecond)}/s`)
    }
    const enrolled = await answer(server, enrolling, enrolmentsInParallel)
    const p99 = measured.map(({ latenciesMs }) => quantile(latenciesMs, 0.99))
    return [
      {
        what: `verifications at sign-in/s, ${inParallel} in parallel`,
        value: spread(measured.map(({ perSecond }) => perSecond)),
      },
      { what: 'p50', value: `${spread(measured.map(({ latenciesMs }) => median(latenciesMs)))} ms` },
      {
        what: `p99 of ${perRound}`,
        value: `${spread(p99)} ms`,
        bar: { text: `< ${mostP99Ms} ms`, isMet: median(p99) < mostP99Ms },
      },
      {
        what: `enrolment with ten backup codes, ${enrolmentsInParallel} in parallel, p50, p99 of ${enrolments}`,
        value: `${figure(median(enrolled.latenciesMs))}, ${figure(quantile(enrolled.latenciesMs, 0.99))} ms`,
      },
    ]
  } finally {
    await server.stop()
  }
}

/** Codes are made beforehand: they cost this process as much as the request. */
const answer = (server: Server, challenges: readonly OpenChallenge[], connections: number): Promise<LoadResult> => {
  const texts = challenges.map((challenge) => requestText(verifyCall(challenge))).values()
  return runLoad({ port: server.port, connections, next: () => texts.next().value ?? null })
}
