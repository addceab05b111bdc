import { setTimeout as pause } from 'node:timers/promises'
import { ErrorReply } from 'redis'
import { withDeadline } from '../lib/deadline.ts'
import { commandDeadlineMs, type RedisServer } from './server.ts'

const batchSize = 250 // about a millisecond of this process, and less of Redis
const pauseMs = 10
const claimMs = 60_000 // whoever sweeps and is lost is replaced then
const doneMs = 24 * 60 * 60 * 1000
const done = 'done'

/**
 * Unlinks all copies that former reigns left on this master, in small batches, so that a promoted replica does not hold
 * everything twice. One pass a reign and day: of many servers one does it, and the next where that one is lost. Rejects at
 * the first fault, and when the reign ends.
 */
export const sweepFormerReigns = async (server: RedisServer): Promise<void> => {
  const { client, prefix, tag } = server
  const claim = `${prefix}:{${tag}}:sweep`
  const ask = <T>(work: Promise<T>): Promise<T> => withDeadline(work, commandDeadlineMs, 'Redis')

  while (!(await ask(client.set(claim, 'begun', { condition: 'NX', expiration: { type: 'PX', value: claimMs } })))) {
    if ((await ask(client.get(claim))) === done) return
    await pause(claimMs, undefined, { ref: false })
  }
  let cursor = '0'
  do {
    const [page] = await ask(
      Promise.all([
        client.scan(cursor, { MATCH: 'gatehouse:*', COUNT: batchSize }),
        server.confirm(), // asked after the scan: what that found under another prefix is no successor's
        client.pExpire(claim, claimMs),
      ]),
    )
    const former = page.keys.filter((key) => !key.startsWith(`${prefix}:`))
    await ask(Promise.all(former.map((key) => client.unlink(key).catch(unlessOfTheKey))))
    cursor = page.cursor
    await pause(pauseMs, undefined, { ref: false })
  } while (cursor !== '0')
  await ask(client.set(claim, done, { expiration: { type: 'PX', value: doneMs } }))
}

/** One key a command, as those of several slots go in none; a slot that is on the move refuses its own. */
const unlessOfTheKey = (problem: unknown): void => {
  if (!(problem instanceof ErrorReply)) throw problem
}
