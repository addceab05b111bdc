import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { requestText, runLoad } from './support/load.ts'
import type { Benchmark } from './support/report.ts'
import { addUsers, hashParameters, loginCall, password } from './support/seed.ts'
import { startGatehouse } from './support/server.ts'
import { figure, median, quantile, spread } from './support/statistics.ts'

const rounds = 10
const roundSeconds = 2
const userCount = 4_000 // nobody signs in twice in a round
const connections = 16 // enough for the hashes never to wait for the network or a commit
const least = 0.85

/** Sign-ins by password against what bounds them: argon2id verifications by as many threads as there are cores. */
export const signIn: Benchmark = async (environment) => {
  const { say } = environment
  const seeded = await addUsers(environment.databaseUrl, 'signin', userCount)
  const texts = seeded.map((account, user) => requestText(loginCall(account, user)))
  const server = await startGatehouse(environment)
  let turn = 0
  const signInFor = (seconds: number) =>
    runLoad({ port: server.port, connections, seconds, next: () => texts[turn++ % texts.length] as string })

  try {
    say('sign-in: warming up …')
    await signInFor(2)
    await hashesPerSecond(1)
    const measured = []
    for (let round = 1; round <= rounds; round++) {
      const bare = await hashesPerSecond(roundSeconds)
      const { perSecond: ours, latenciesMs } = await signInFor(roundSeconds)
      measured.push({ bare, ours, latenciesMs })
      say(`sign-in: round ${round} of ${rounds}: ${figure(ours)} sign-ins/s, ${figure(bare)} hashes/s`)
    }
    const ratios = measured.map(({ ours, bare }) => ours / bare)
    const latencies = measured.flatMap((round) => round.latenciesMs)
    return [
      {
        what: `argon2id verifications/s, ${availableParallelism()} at a time`,
        value: spread(measured.map(({ bare }) => bare)),
      },
      { what: `sign-ins/s over ${connections} connections`, value: spread(measured.map(({ ours }) => ours)) },
      {
        what: 'sign-ins / verifications',
        value: spread(ratios),
        bar: { text: `≥ ${least}`, isMet: median(ratios) >= least },
      },
      {
        what: 'sign-in p50, p99 (most of it in the queue for a core)',
        value: `${figure(quantile(latencies, 0.5))}, ${figure(quantile(latencies, 0.99))} ms`,
      },
    ]
  } finally {
    await server.stop()
  }
}

/** Nothing but hashing, off the main thread of this process, which has nothing else to do meanwhile. */
const hashesPerSecond = async (seconds: number): Promise<number> => {
  const stored = await hash(password, hashParameters)
  const startedAt = performance.now()
  let count = 0
  const work = async () => {
    while (performance.now() < startedAt + seconds * 1000) {
      await verify(stored, password)
      count++
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return (count / (performance.now() - startedAt)) * 1000
}
