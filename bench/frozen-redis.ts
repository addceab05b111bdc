import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from 'redis'
import { countStatements, total } from './support/counts.ts'
import { type Answer, requestText, runLoad } from './support/load.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addUsers } from './support/seed.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { figure, quantile } from './support/statistics.ts'

const sessions = 200
const connections = 64
const healthySeconds = 3 // before, and again once Redis is back
const settlingSeconds = 1
const frozenSeconds = 10
const mostMs = 3_000 // no request waits longer on a fault
const mostP95Ms = 100
const mostRecoverySeconds = 5
const giveUpSeconds = 30
const query = '{ me { id email } }'

/** What signed-in clients notice of a Redis that stops answering for ten seconds, without an error, and then goes on. */
export const frozenRedis: Benchmark = async (environment) => {
  const { databaseUrl, redisUrl, say } = environment
  const pid = await processIdOf(redisUrl)
  const users = await addUsers(databaseUrl, 'frozen', sessions)
  const server = await startGatehouse(environment)
  try {
    const tokens = await signInAll(server, users)
    const texts = tokens.map((sessionToken, user) => requestText({ query, user, sessionToken }))
    say('frozen-redis: warming up …')
    let turn = 0
    const ask = () => texts[turn++ % texts.length] as string
    await runLoad({ port: server.port, connections, seconds: 2, next: ask })

    say(`frozen-redis: Redis stops for ${frozenSeconds} s …`)
    const answers: Answer[] = []
    let isOver = false
    const [times] = await Promise.all([
      freeze(environment, server, pid).finally(() => {
        isOver = true
      }),
      runLoad({
        port: server.port,
        connections,
        next: () => (isOver ? null : ask()),
        onAnswer: (answer) => void answers.push(answer),
      }),
    ])
    return figures(answers, times)
  } finally {
    await server.stop()
  }
}

type Times = Awaited<ReturnType<typeof freeze>>

const freeze = async ({ databaseUrl }: Environment, server: Server, pid: number) => {
  const thaw = () => process.kill(pid, 'SIGCONT')
  const startedAt = performance.now()
  await wait(healthySeconds * 1000)
  process.once('exit', thaw) // a stopped process could not end with this one
  try {
    process.kill(pid, 'SIGSTOP')
    const frozenAt = performance.now()
    await wait(settlingSeconds * 1000)
    const settledAt = performance.now()
    const counts = await countStatements({ databaseUrl }, () => wait((frozenSeconds - settlingSeconds) * 1000))
    const thawedAt = performance.now()
    thaw()
    const readyAt = await untilReady(server, thawedAt)
    await wait(healthySeconds * 1000)
    return { startedAt, frozenAt, settledAt, thawedAt, readyAt, endedAt: performance.now(), reads: total(counts.sql) }
  } finally {
    thaw()
    process.off('exit', thaw)
  }
}

const untilReady = async ({ port }: Server, since: number): Promise<number> => {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`)
    const { status } = (await answer.json()) as { status: string }
    if (status === 'ready') return performance.now()
    if (performance.now() > since + giveUpSeconds * 1000) throw new Error(`/readyz says ${status} with Redis back`)
    await wait(20)
  }
}

const processIdOf = async (redisUrl: string): Promise<number> => {
  const redis = await createClient({ url: redisUrl }).connect()
  const [, pid] = /process_id:(\d+)/.exec(await redis.info('server')) ?? []
  await redis.close()
  if (!pid) throw new Error('Redis does not say which process it is')
  return Number(pid)
}

const figures = (answers: readonly Answer[], times: Times): Figure[] => {
  const { startedAt, frozenAt, settledAt, thawedAt, readyAt, endedAt, reads } = times
  const between = (from: number, until: number) => {
    const some = answers.filter(({ answeredAt }) => answeredAt >= from && answeredAt < until)
    return {
      p95: quantile(
        some.map((answer) => answer.answeredAt - answer.askedAt),
        0.95,
      ),
      perSecond: (some.length / (until - from)) * 1000,
    }
  }
  const [before, settling, frozen, after] = [
    between(startedAt, frozenAt),
    between(frozenAt, settledAt),
    between(settledAt, thawedAt),
    between(readyAt, endedAt),
  ]
  const slowest = answers.reduce((most, { askedAt, answeredAt }) => Math.max(most, answeredAt - askedAt), 0)
  const refused = answers.filter(({ isSuccess }) => !isSuccess).length
  const recovery = (readyAt - thawedAt) / 1000
  const readsPerSecond = (reads / (thawedAt - settledAt)) * 1000
  const all = [before.perSecond, frozen.perSecond, after.perSecond].map(figure).join(', ')
  return [
    { what: `requests/s of ${sessions} sessions over ${connections} connections: before, frozen, after`, value: all },
    {
      what: `of ${figure(answers.length)} answers, other than 200 or with an error`,
      value: String(refused),
      bar: { text: '0', isMet: refused === 0 },
    },
    {
      what: 'slowest answer',
      value: `${figure(slowest)} ms`,
      bar: { text: `< ${mostMs} ms`, isMet: slowest < mostMs },
    },
    { what: 'p95 before', value: `${figure(before.p95)} ms` },
    { what: `p95 in the first ${settlingSeconds} s of the freeze`, value: `${figure(settling.p95)} ms` },
    {
      what: 'p95 in the rest of it',
      value: `${figure(frozen.p95)} ms`,
      bar: { text: `< ${mostP95Ms} ms`, isMet: frozen.p95 < mostP95Ms },
    },
    { what: 'PostgreSQL statements/s in the rest of it', value: figure(readsPerSecond) },
    { what: 'statements a request', value: figure(readsPerSecond / frozen.perSecond) },
    {
      what: 'from the end of the freeze until /readyz says ready',
      value: `${figure(recovery)} s`,
      bar: { text: `< ${mostRecoverySeconds} s`, isMet: recovery < mostRecoverySeconds },
    },
    { what: 'p95 after', value: `${figure(after.p95)} ms` },
  ]
}
