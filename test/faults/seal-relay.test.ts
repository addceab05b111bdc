import { afterEach, expect, test } from 'vitest'
import type { MasterKey } from '../../src/lib/key-ring.ts'
import { expectCounted, expectSealed, failLogin, isSealing, sealedAfterMs } from '../support/chain.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually, startGatehouse } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { atOnce } from '../support/race.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const longestTakeoverMs = 5_000

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const newDatabase = async () => {
  const database = await createTestDatabase()
  cleanUps.push(database.drop)
  return database
}

const start = async (...options: Parameters<typeof startGatehouse>) => {
  const gatehouse = await startGatehouse(...options)
  cleanUps.push(gatehouse.close)
  return gatehouse
}

/** A server that seals, in a process of its own, and another beside it. */
const startHolder = async () => {
  const { url } = await newDatabase()
  const holder = await startGatehouseProcess(url)
  cleanUps.push(() => holder.end('SIGKILL'))
  await eventually(() => isSealing(holder.output))
  const other = await start({ databaseUrl: url })
  return { holder, other }
}

test('when the server that seals is killed, another takes over within five seconds', async () => {
  const { holder, other } = await startHolder()
  await sealedAfterMs(holder, other)
  const killed = holder.end('SIGKILL')
  expect(await sealedAfterMs(other, other)).toBeLessThan(longestTakeoverMs)
  await killed
  expect(isSealing(other.logs)).toBe(true)
  await expectSealed(other)
})

test('a server that is frozen while it seals is replaced within five seconds, and does no harm when it comes back', async () => {
  const { holder, other } = await startHolder()
  const load = atOnce(40, [holder, other], (server) => failLogin(server).catch(() => null))
  await eventually(async () => (await other.sql`SELECT 1 FROM audit_links`).length > 5)
  process.kill(holder.pid, 'SIGSTOP')
  expect(await sealedAfterMs(other, other)).toBeLessThan(longestTakeoverMs)
  expect(isSealing(other.logs)).toBe(true)
  const more = atOnce(20, [other], failLogin)
  process.kill(holder.pid, 'SIGCONT')
  await Promise.all([load, more])
  await sealedAfterMs(holder, other)
  await expectSealed(other)
  await expectCounted(other)
})

test('with a lease that stops nobody, two servers seal each event once', async () => {
  const { url } = await newDatabase()
  const [a, b] = [7, 8].map((id) => ({ id: `test${id}`, secret: Buffer.alloc(32, id) })) as [MasterKey, MasterKey]
  const one = await start({ databaseUrl: url, config: { keys: [a, b] } })
  const two = await start({ databaseUrl: url, config: { keys: [b, a] } })
  await one.sql.unsafe(`
    CREATE FUNCTION end_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.held_until := clock_timestamp(); RETURN NEW; END $$;
    CREATE TRIGGER end_at_once BEFORE INSERT OR UPDATE ON task_leases FOR EACH ROW EXECUTE FUNCTION end_at_once();
    DELETE FROM task_leases`)
  await eventually(() => isSealing(one.logs) && isSealing(two.logs))
  await atOnce(200, [one, two], failLogin)
  await expectSealed(one)
  await expectCounted(one)
  const sealers = await one.sql`SELECT DISTINCT key_id FROM audit_checkpoints`
  expect(sealers).toHaveLength(2)
})

for (const fault of ['cut', 'pause'] as const) {
  test(`I7: with PostgreSQL ${fault === 'cut' ? 'gone' : 'frozen'} the log is not sealed and one line says so; it goes on without a restart`, async () => {
    const { url } = await newDatabase()
    const proxy = await startTcpProxy(url)
    cleanUps.push(proxy.close)
    const gatehouse = await start({ databaseUrl: proxy.url })
    const observer = await start({ databaseUrl: url })
    cleanUps.push(proxy.restore)
    await sealedAfterMs(gatehouse, observer)
    const complaints = () => gatehouse.logs.filter((line) => line.includes('the security log can not be sealed'))
    proxy[fault]()
    await eventually(() => complaints().length > 0)
    await failLogin(gatehouse)
    await sealedAfterMs(observer, observer)
    expect(complaints()).toHaveLength(1)
    proxy.restore()
    await eventually(async () => (await failLogin(gatehouse)).status === 200)
    await observer.close()
    cleanUps.splice(cleanUps.indexOf(observer.close), 1)
    await sealedAfterMs(gatehouse, gatehouse)
    await expectSealed(gatehouse)
  })
}
