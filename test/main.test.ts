import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { freePort } from '../src/cli/local-service.ts'
import { expectSealed } from './support/chain.ts'
import { createTestDatabase } from './support/database.ts'
import { LoginDocument, VerifyAuditLogDocument } from './support/documents.generated.ts'
import { eventually, startGatehouse, testKeys } from './support/gatehouse.ts'
import { startGatehouseProcess } from './support/gatehouse-process.ts'
import { connect } from './support/live-socket.ts'
import { runProgram } from './support/run-program.ts'

test('production with nothing set exits 1, naming all that is missing on stderr', async () => {
  const { code, stdout, stderr } = await runProgram('main.ts', [], { environment: { NODE_ENV: 'production' } })
  expect([code, stdout]).toEqual([1, ''])
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'PUBLIC_URL', 'GATEHOUSE_KEYS']) expect(stderr).toContain(name)
  expect(stderr).not.toMatch(/ConfigError|\bat .*\.ts/)
})

test('I13 SIGTERM under load: every request begun is answered, what was answered is recorded and sealed, and the exit is clean', async () => {
  const database = await createTestDatabase()
  const gatehouse = await startGatehouse({ databaseUrl: database.url })
  const { email, password } = await gatehouse.createUser()
  const server = await startGatehouseProcess(database.url)
  let answered = 0
  let firstAnswers = () => {}
  const underWay = new Promise<void>((resolve) => {
    firstAnswers = resolve
  })
  const requests = Array.from({ length: 100 }, async () => {
    // A connection that the server had not taken yet is reset: such a request never began.
    const answer = await server.anonymous.send(LoginDocument, { input: { email, password } }).catch(() => null)
    if (++answered === 20) firstAnswers()
    return answer?.status ?? 'not begun'
  })
  await underWay
  const signalled = performance.now()
  const code = await server.end('SIGTERM')
  expect(code).toBe(0)
  expect(performance.now() - signalled).toBeLessThan(10_000)

  const statuses = await Promise.all(requests)
  const done = statuses.filter((status) => status === 200).length
  // 429: so many tries at one account take turns, and on a busy machine some give up.
  expect(statuses.filter((status) => ![200, 429, 503, 'not begun'].includes(status))).toEqual([])
  const [row] = await gatehouse.sql`SELECT count(*)::int AS sessions FROM user_sessions`
  expect(row?.sessions).toBe(done)
  const events = await expectSealed(gatehouse)
  expect(events.filter(({ type }) => type === 'SESSION_CREATED')).toHaveLength(done)
  await gatehouse.close()
  await database.drop()
})

test('I13 SIGTERM with sockets open and Prometheus connected: sockets close with 1001, and the exit is clean', async () => {
  const database = await createTestDatabase()
  const gatehouse = await startGatehouse({ databaseUrl: database.url })
  const { token } = await gatehouse.signedInAs(await gatehouse.createUser())
  const METRICS_PORT = String(await freePort())
  const server = await startGatehouseProcess(database.url, { METRICS_PORT })
  const sockets = await Promise.all(Array.from({ length: 5 }, () => connect(server.url, token)))
  sockets[0]?.subscribeText('subscription { sessionEnded { id } }')
  const metrics = await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`, { headers: { connection: 'keep-alive' } })
  expect(await metrics.text()).toContain('gatehouse_sockets_open 5')
  const idle = createConnection(Number(METRICS_PORT), '127.0.0.1') // and says nothing
  await once(idle, 'connect')
  const signalled = performance.now()
  expect(await server.end('SIGTERM')).toBe(0)
  expect(performance.now() - signalled).toBeLessThan(5_000)
  expect((await Promise.all(sockets.map(({ closed }) => closed))).map(({ code }) => code)).toEqual(Array(5).fill(1001))
  idle.destroy()
  await gatehouse.close()
  await database.drop()
})

test('a METRICS_PORT that another program has is named, and the exit code is 1', async () => {
  const database = await createTestDatabase()
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const METRICS_PORT = String((other.address() as AddressInfo).port)
  const environment = {
    NODE_ENV: 'development',
    DATABASE_URL: database.url,
    GATEHOUSE_KEYS: testKeys,
    PORT: '0',
    METRICS_PORT,
  }
  const { code, stderr } = await runProgram('main.ts', [], { environment })
  expect(code).toBe(1)
  expect(stderr).toContain(`METRICS_PORT: ${METRICS_PORT} is in use`)
  other.close()
  await database.drop()
})

test('SIGTERM while a client keeps an idle connection open ends the process all the same', async () => {
  const database = await createTestDatabase()
  const server = await startGatehouseProcess(database.url)
  await fetch(`${server.url}/healthz`, { headers: { connection: 'keep-alive' } })
  const signalled = performance.now()
  expect(await server.end('SIGTERM')).toBe(0)
  expect(performance.now() - signalled).toBeLessThan(5_000)
  await database.drop()
})

test('I13 SIGTERM while the log is verified: the verification is given up and answered, and the exit is clean', async () => {
  const database = await createTestDatabase()
  const gatehouse = await startGatehouse({ databaseUrl: database.url })
  const { token } = await gatehouse.signedInAs(await gatehouse.createUser({ role: 'AUDITOR' }))
  const server = await startGatehouseProcess(database.url)
  const locked = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<void>()
  const lock = gatehouse.sql.begin(async (tx) => {
    await tx`LOCK TABLE audit_archives` // what only a verification reads: it takes as long as this is held
    locked.resolve()
    await stopped.promise
  })
  await locked.promise
  const verification = server.clientWith(token).send(VerifyAuditLogDocument, {})
  await eventually(async () => (await gatehouse.sql`SELECT 1 FROM pg_locks WHERE NOT granted`).length > 0)
  const signalled = performance.now()
  const code = await server.end('SIGTERM')
  const tookMs = performance.now() - signalled
  stopped.resolve()
  await lock
  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(5_000)
  expect((await verification).errors?.[0]?.extensions?.code).toBe('SERVICE_DEGRADED')
  await gatehouse.close()
  await database.drop()
})
