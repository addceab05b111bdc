import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { archiveFileNames } from '../../src/audit/archive-file.ts'
import { newId } from '../../src/lib/ids.ts'
import { createArchivedErasures } from '../../src/privacy/archived-erasures-service.ts'
import { createErasureStore } from '../../src/privacy/erasure-store.ts'
import { createArchiveFileStore } from '../../src/retention/archive-file-store.ts'
import { asServer } from '../support/database.ts'
import { DeleteMyAccountDocument, MeDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse, type TestUser, testKeys } from '../support/gatehouse.ts'
import { checkpointed, monthsAgo, recordIn } from '../support/old-months.ts'
import { freshlyProved, loginOutcome } from '../support/recovery.ts'
import { runProgram } from '../support/run-program.ts'

const month = monthsAgo(3)
const names = archiveFileNames(month.slice(0, 7))

let gatehouse: Gatehouse
let directory: string
let erased: TestUser
let events: readonly string[]
beforeAll(async () => {
  gatehouse = await startGatehouse()
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-archive-'))
  erased = await gatehouse.createUser()
  const who = { 1: { userId: erased.id }, 3: { actorId: erased.id } }
  events = await recordIn(gatehouse, Array<string>(5).fill(month), who)
  await checkpointed(gatehouse)
  await cli(`archive-audit --to ${directory} --months 1`)
  await (await freshlyProved(gatehouse, erased)).ask(DeleteMyAccountDocument, {})
})
afterAll(async () => {
  await rm(directory, { recursive: true })
  await gatehouse.close()
})

/** What a command printed. Rejects with all that it said where it failed. */
const cli = async (args: string): Promise<string> => {
  const { code, stdout, stderr } = await runProgram('cli/gatehouse.ts', args.split(' '), {
    environment: { DATABASE_URL: asServer(gatehouse.databaseUrl), GATEHOUSE_KEYS: testKeys },
  })
  if (code !== 0) throw new Error(`${code} ${stdout}${stderr}`)
  return stdout
}
const linesOf = async (name: string): Promise<string[]> =>
  gunzipSync(await readFile(join(directory, name)))
    .toString()
    .trimEnd()
    .split('\n')
const isAboutErased = (line: string) => [events[1], events[3]].some((id) => line.includes(String(id)))
const eventsFile = () => readFile(join(directory, names.events))

test('an erased user is taken out of archived months, whose events stay as they are to the byte, once', async () => {
  expect((await linesOf(names.personalData)).filter(isAboutErased)).toHaveLength(2)
  const before = await eventsFile()
  const erasures = createErasureStore(drizzle(gatehouse.sql))
  const archived = createArchivedErasures({ erasures, files: createArchiveFileStore(directory), now: gatehouse.now })
  const gone: [string, number][] = []
  const watch = {
    mayGoOn: async () => true,
    onMonth: (name: string, count: number) => gone.push([name, count]),
    onProblem: (_month: string, problem: unknown) => {
      throw problem
    },
  }
  await archived.runPending(watch) // while the database may hold something of them, which the next month to be archived would take along
  expect(gone).toEqual([])
  await erasures.finish(erased.id, gatehouse.now())
  await archived.runPending({ ...watch, mayGoOn: async () => false }) // the turn is lost before the file gets its new name
  expect((await linesOf(names.personalData)).filter(isAboutErased)).toHaveLength(2)
  await archived.runPending(watch)
  expect(gone).toEqual([[month.slice(0, 7), 2]])
  expect(await linesOf(names.personalData)).toHaveLength(3)
  expect((await linesOf(names.personalData)).filter(isAboutErased)).toEqual([])
  expect(await eventsFile()).toEqual(before)
  expect((await readdir(directory)).toSorted()).toEqual([names.events, names.personalData].toSorted())

  await archived.runPending(watch) // nothing is pending
  expect(await archived.runAll(watch)).toBe(true) // nor left
  expect(gone).toHaveLength(1)
})

test('a file that can not be read is told of, and the erasure stays to be done', async () => {
  const broken = await mkdtemp(join(tmpdir(), 'gatehouse-archive-'))
  for (const name of [names.events, names.personalData]) await writeFile(join(broken, name), 'no archive')
  await gatehouse.sql`UPDATE erasures SET archives_done_at = NULL`
  const erasures = createErasureStore(drizzle(gatehouse.sql))
  const problems: string[] = []
  const archived = createArchivedErasures({ erasures, files: createArchiveFileStore(broken), now: gatehouse.now })
  const watch = { mayGoOn: async () => true, onMonth: () => {}, onProblem: (name: string) => problems.push(name) }
  await archived.runPending(watch)
  expect(problems).toEqual([month.slice(0, 7)])
  expect(await erasures.listUnarchived(null, 10)).toHaveLength(1)
  await rm(broken, { recursive: true })
})

test('the list of who was erased makes archives verify, and erases again those whom a backup brought back', async () => {
  const back = await gatehouse.createUser()
  const client = await gatehouse.signedInAs(back)
  const list = join(directory, 'erased.jsonl')
  const printed = await cli('erasures')
  expect(JSON.parse(printed)).toEqual({ id: erased.id, erasedAt: expect.any(String) })
  await writeFile(list, `${printed}${JSON.stringify({ id: back.id })}\n${JSON.stringify({ id: newId() })}\n`)

  const files = `verify-audit --files ${join(directory, names.events)}`
  await expect(cli(files)).rejects.toThrow(/BROKEN: The personal data of an event is gone/)
  expect(await cli(`${files} --erased ${list}`)).toContain('is intact: 5 events')
  expect(await cli(`erasures --archives ${directory}`)).toBe('')

  expect(await cli(`erasures --repeat ${list}`)).toContain('1 erased, 1 were already, 1 are not in the database.')
  expect((await client.refused(MeDocument, {})).extensions).toEqual({ code: 'SESSION_ENDED', reason: 'ACCOUNT_ERASED' })
  expect(await loginOutcome(gatehouse.anonymous, back.email, back.password)).toBe('INVALID_CREDENTIALS')
  await eventually(async () => {
    const left = await gatehouse.sql`
      SELECT 1 FROM security_events JOIN security_event_personal_data ON event_id = id
      WHERE user_id = ${back.id} AND type <> 'ACCOUNT_ERASED'`
    return left.length === 0
  })
  expect(await gatehouse.mailTo(back.email)).toEqual([])
})

test('a list that is none is refused, and nobody is erased', async () => {
  const list = join(directory, 'wrong.jsonl')
  await writeFile(list, `${JSON.stringify({ id: (await gatehouse.createUser()).id })}\n{"id":"alice"}\n`)
  const before = await gatehouse.sql`SELECT user_id FROM erasures`
  await expect(cli(`erasures --repeat ${list}`)).rejects.toThrow(/^2 .*line 2 of/)
  expect(await gatehouse.sql`SELECT user_id FROM erasures`).toEqual(before)
})
