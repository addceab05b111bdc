import postgres from 'postgres'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { MeDocument } from '../support/documents.generated.ts'
import { startGatehouse } from '../support/gatehouse.ts'
import { atOnce } from '../support/race.ts'

test('500 requests within a minute, over two servers, write the session down at most once', async () => {
  const database = await createTestDatabase()
  const servers = await Promise.all([1, 2].map(() => startGatehouse({ databaseUrl: database.url })))
  const [gatehouse] = servers as [(typeof servers)[0], (typeof servers)[0]]
  const session = await gatehouse.signedInAs(await gatehouse.createUser())
  const clients = servers.map(({ clientWith }) => clientWith(session.token))
  const sql = postgres(database.url, { max: 1, onnotice: () => {} })
  await sql.unsafe(`
    CREATE TABLE writes (last_seen_at timestamptz);
    CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
      $$ BEGIN INSERT INTO writes VALUES (NEW.last_seen_at); RETURN NEW; END $$;
    CREATE TRIGGER note_write AFTER UPDATE ON user_sessions FOR EACH ROW EXECUTE FUNCTION note_write()`)
  for (const server of servers) server.advanceClock(61)
  for (const _burst of [1, 2, 3, 4, 5]) await atOnce(100, clients, (client) => client.ask(MeDocument, {}))
  await Promise.all(servers.map((server) => server.close())) // what they were still writing is written then
  expect((await sql`SELECT count(*)::int AS writes FROM writes`)[0]).toEqual({ writes: 1 })
  await sql.end()
  await database.drop()
})
