import { createClient as createRedisClient } from 'redis'
import { expect, inject } from 'vitest'
import type { Answer } from './client.ts'
import { eventually, type Gatehouse } from './gatehouse.ts'

/** All that PostgreSQL and Redis hold, as text. */
export const dumpOf = async (sql: Gatehouse['sql']): Promise<string> => {
  const tables = await sql<{ name: string }[]>`
    SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`
  const rows = await Promise.all(
    tables.map(({ name }) => sql<{ text: string }[]>`SELECT t::text AS text FROM ${sql(name)} t`),
  )
  const redis = createRedisClient({ url: inject('redisUrl') })
  await redis.connect()
  try {
    const copies: string[] = []
    for await (const keys of redis.scanIterator({ COUNT: 1000 })) {
      if (keys.length > 0) copies.push(...keys, ...(await redis.mGet(keys)).map(String))
      for (const key of keys) if (key.includes(':tried:')) copies.push(...(await redis.sMembers(key)))
    }
    return [...rows.flat().map((row) => row.text), ...copies].join('\n')
  } finally {
    redis.destroy()
  }
}

/** Whether a text holds the secret as a word of its own: six digits may stand inside any number. */
export const occursIn = (text: string, secret: string): boolean =>
  new RegExp(`(?<![\\w.])${secret.replace(/[^\w\s]/g, '\\$&')}(?!\\w)`).test(text)

interface Target extends Pick<Gatehouse, 'url' | 'sql'> {
  /** Emptied here, so that each attack answers for itself. */
  readonly logs: string[]
}

/** What an attack planted or learnt, and what it was answered. */
interface Traces {
  readonly secrets: readonly string[]
  readonly answers?: readonly Answer<unknown>[]
}

/**
 * What every attack ends with: the server lives, took no client's mistake for a fault of its own, and no secret stands
 * in an answer, the logs or a store.
 */
export const expectUnharmed = async ({ url, sql, logs }: Target, { secrets, answers = [] }: Traces): Promise<void> => {
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  await eventually(() => logs.some((line) => line.includes('"/healthz"'))) // what was logged before is here too
  const lines = logs.splice(0).join('').split('\n')
  const places = {
    answers: answers.map(({ text, headers }) => [text, ...headers.values()].join('\n')).join('\n'),
    logs: lines.join('\n'),
    stores: await dumpOf(sql),
  }
  for (const [place, text] of Object.entries(places)) {
    for (const secret of secrets) expect(occursIn(text, secret), `${secret} in the ${place}`).toBe(false)
  }
  expect(lines.filter((line) => /"status":5\d\d|"level":[56]0/.test(line))).toEqual([])
  expect(answers.filter(({ status }) => status >= 500)).toEqual([])
}
