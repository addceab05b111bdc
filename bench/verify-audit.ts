import { readFile } from 'node:fs/promises'
import { eq } from 'drizzle-orm'
import { users } from '../src/db/tables/accounts.ts'
import { openCaller, requestText, runLoad } from './support/load.ts'
import { sealLog, settle, writeLog } from './support/long-log.ts'
import type { Benchmark } from './support/report.ts'
import { addUsers, withDatabase } from './support/seed.ts'
import { startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { figure, quantile } from './support/statistics.ts'

const events = 1_000_000
const mostSeconds = 60
const readers = 8
const readsPerSecond = 200
const query = '{ verifyAuditLog { intact checkedEvents problem } }'

/** `verifyAuditLog` of a million events, on a server that does nothing else, and on one that answers others meanwhile. */
export const verifyAudit: Benchmark = async (environment) => {
  const accounts = await addUsers(environment.databaseUrl, 'auditor', readers + 1)
  const auditor = accounts[readers]?.id as string
  await withDatabase(environment.databaseUrl, (db) =>
    db.update(users).set({ role: 'AUDITOR' }).where(eq(users.id, auditor)),
  )
  await writeLog(environment, { first: 0, last: events, total: events }, () => auditor)
  environment.say('verify-audit: sealing …')
  const sealingBegan = performance.now()
  await sealLog(environment)
  const sealedPerSecond = (events / (performance.now() - sealingBegan)) * 1000
  await settle(environment)

  const server = await startGatehouse(environment)
  try {
    const tokens = await signInAll(server, accounts)
    const caller = await openCaller(server.port)
    const verify = async (): Promise<number> => {
      const text = requestText({ query, user: readers, sessionToken: tokens[readers] as string })
      const { body, isSuccess, askedAt, answeredAt } = await caller.ask(text)
      if (!isSuccess || !body.includes('"intact":true')) throw new Error(`The log is not intact: ${body}`)
      return (answeredAt - askedAt) / 1000
    }
    const texts = tokens.map((sessionToken, user) => requestText({ query: '{ me { id email } }', user, sessionToken }))
    const read = (until: () => boolean) =>
      runLoad({
        port: server.port,
        connections: readers,
        next: (reader) => (until() ? null : (texts[reader] as string)),
        mostPerSecond: readsPerSecond,
      })

    environment.say('verify-audit: verifying …')
    const alone = await verify()
    const quietUntil = performance.now() + 5_000
    const quiet = await read(() => performance.now() > quietUntil)
    let isVerified = false
    const reading = read(() => isVerified)
    const beside = await verify().finally(() => {
      isVerified = true
    })
    const busy = await reading
    caller.close()
    const peak = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${server.pid}/status`, 'utf8').catch(() => ''))?.[1]
    const p99 = ({ latenciesMs }: typeof busy) => `${figure(quantile(latenciesMs, 0.99))} ms`
    return [
      { what: 'events sealed a second, by one relay that does nothing else', value: figure(sealedPerSecond) },
      {
        what: `${figure(events)} events verified, nothing beside it`,
        value: `${figure(alone)} s, ${figure(events / alone)} events/s`,
        bar: { text: `< ${mostSeconds} s`, isMet: alone < mostSeconds },
      },
      {
        what: `${figure(events)} events verified, ${readsPerSecond} \`me\` a second beside it`,
        value: `${figure(beside)} s, ${figure(events / beside)} events/s`,
        bar: { text: `< ${mostSeconds} s`, isMet: beside < mostSeconds },
      },
      { what: '`me` meanwhile, p99', value: p99(busy) },
      { what: '`me` while nothing is verified, p99', value: p99(quiet) },
      { what: 'most memory that the server ever used (RSS)', value: `${figure(Number(peak) / 1024)} MB` },
    ]
  } finally {
    await server.stop()
  }
}
