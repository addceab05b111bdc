import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { archiveFileNames } from '../../src/audit/archive-file.ts'
import { createVerifyArchives } from '../../src/audit/archive-verification-service.ts'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import type { ChainPosition, Finding } from '../../src/audit/verification.ts'
import { openArchives } from '../../src/cli/archive-input.ts'
import { newId } from '../../src/lib/ids.ts'
import { writeArchives } from '../support/archives.ts'
import { createTestDatabase } from '../support/database.ts'
import { fillTwoMonths, firstOfMonth, openLog, sealingKey } from '../support/sealed-log.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let log: ReturnType<typeof openLog>
let folder: string
let paths: string[]
beforeAll(async () => {
  database = await createTestDatabase()
  log = openLog(database.url)
  await fillTwoMonths(log)
})
afterAll(async () => {
  await log.close()
  await database.drop()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-archives-'))
  paths = await writeArchives(log.sql, folder)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const [foreignKey] = auditKeysOf([{ id: 'other', secret: Buffer.alloc(32, 8) }])

const findingIn = async (
  files: readonly string[],
  knownHead: ChainPosition | null = null,
  { id, publicKey } = sealingKey,
  erased: readonly string[] = [],
): Promise<Finding | null> => {
  const archives = createVerifyArchives({ keys: new Map([[id, publicKey]]), knownHead, erased, onProgress: () => {} })
  for (const { file } of await openArchives(files)) {
    const { finding } = await archives.check(file)
    if (finding) return finding
  }
  return archives.unexplained()
}
const personalOf = (path: string) => path.replace('.jsonl.gz', '.personal.jsonl.gz')
const edit = async (path: string, change: (lines: string[]) => string[]): Promise<void> => {
  const lines = gunzipSync(await readFile(path))
    .toString()
    .trimEnd()
    .split('\n')
  const changed = change(lines)
  expect(changed).not.toEqual(lines)
  await writeFile(path, gzipSync(`${changed.join('\n')}\n`))
}
const earlier = (): string => paths[0] as string
const later = (): string => paths[1] as string

test('archives are intact alone and together, in any order', async () => {
  const names = [firstOfMonth(1), firstOfMonth(0)].map((day) => archiveFileNames(day.toISOString().slice(0, 7)).events)
  expect(paths.map((path) => basename(path))).toEqual(names)
  for (const files of [[earlier()], [later()], paths, paths.toReversed()]) expect(await findingIn(files)).toBeNull()
})

test('the personal data of a month may be missing as a whole, and may not be altered', async () => {
  await rm(personalOf(later()))
  expect(await findingIn(paths)).toBeNull()
  await edit(personalOf(earlier()), (lines) => lines.map((line) => line.replace('192.0.2.1', '192.0.2.9')))
  expect((await findingIn(paths))?.problem).toBe('personalDataAltered')
})

test('H8: a line of it may be missing of whom was erased, by one of the files or a list that is given, and of nobody else', async () => {
  const [userId, actorId, stranger] = [newId(), newId(), newId()]
  const about = { type: 'LOGGED_OUT', outcome: 'SUCCESS', client: null } as const
  await log.sql`BEGIN`
  try {
    await log.append(
      { ...about, userId },
      { ...about, userId: stranger, actorId: userId },
      { ...about, userId: actorId },
    )
    await log.append({ ...about, type: 'ACCOUNT_ERASED', userId })
    await log.append({ ...about, userId: stranger })
    await log.seal()
    const all = await writeArchives(log.sql, folder)
    const ids = await log.sql`SELECT event_id FROM audit_links ORDER BY sequence DESC LIMIT 5`
    const [ofStranger, erasure, ofActor, acted, ofUser] = ids.map(({ event_id }) => String(event_id))
    const without =
      (...gone: (string | undefined)[]) =>
      async () => {
        await writeArchives(log.sql, folder)
        await edit(personalOf(all.at(-1) as string), (lines) =>
          lines.filter((line) => !gone.some((id) => line.includes(String(id)))),
        )
        return findingIn(all)
      }
    expect(await without(ofUser, acted)()).toBeNull()
    expect((await without(ofActor)())?.eventId).toBe(ofActor)
    expect(await findingIn(all, null, sealingKey, [actorId])).toBeNull()
    expect((await without(ofStranger)())?.eventId).toBe(ofStranger)
    expect((await without(erasure)())?.problem).toBe('personalDataMissing')
  } finally {
    await log.sql`ROLLBACK`
  }
})

const replaced = (from: RegExp, to: string) => (lines: string[]) => lines.map((line) => line.replace(from, to))

test.each<[string, Finding['problem'], (lines: string[]) => string[]]>([
  ['an event edited', 'eventAltered', replaced(/LOGGED_OUT/, 'LOGIN_FAILED')],
  ['an event removed', 'linkMissing', (lines) => lines.toSpliced(2, 1)],
  ['the first event removed', 'personalDataAltered', (lines) => lines.toSpliced(1, 1)],
  ['two events swapped', 'linkAltered', ([a = '', b = '', c = '', ...rest]) => [a, c, b, ...rest]],
  ['a link edited', 'linkAltered', replaced(/"digest":"..../, '"digest":"0000')],
  ['a link removed', 'linkMissing', (lines) => lines.filter((line) => !line.startsWith('{"link":{"sequence":3'))],
  ['the checkpoints removed', 'fileUnsigned', (lines) => lines.filter((line) => !line.includes('checkpoint'))],
  ['a checkpoint edited', 'checkpointForged', replaced(/"signature":".{4}/, '"signature":"AAAA')],
  ['a checkpoint of another chain', 'checkpointContradicted', replaced(/("checkpoint".*"hash":)"..../, '$1"0000')],
  ['the end cut off', 'personalDataAltered', (lines) => lines.slice(0, 2)],
  ['the header of another month', 'eventAltered', replaced(/"month":"..../, '"month":"2001')],
  ['no header', 'fileMalformed', (lines) => lines.slice(1)],
  ['a line that is no JSON', 'fileMalformed', (lines) => [...lines, '{']],
  ['a line without end', 'fileMalformed', (lines) => [...lines, 'x'.repeat(1_000_001)]],
])('H7: %s is found', async (_what, problem, change) => {
  await edit(earlier(), change)
  expect((await findingIn(paths))?.problem).toBe(problem)
})

test('H7: a file that was cut short, one that is missing between others, and another chain are found', async () => {
  const hash = Buffer.alloc(32, 1)
  expect((await findingIn([earlier()], { sequence: 2, hash }))?.problem).toBe('filesContradict')
  await edit(later(), ([header = '', first = '', ...rest]) => [
    header,
    first.replace(/"sequence":\d+/, '"sequence":1000'),
    ...rest,
  ])
  expect((await findingIn(paths))?.problem).toBe('filesApart')
  await truncate(later(), 100)
  expect((await findingIn(paths))?.problem).toBe('fileMalformed')
})

test('signatures of another key vouch for nothing, and a file that is not there is an error', async () => {
  expect((await findingIn(paths, null, foreignKey))?.problem).toBe('fileUnsigned')
  await expect(findingIn([join(folder, 'none.jsonl.gz')])).rejects.toThrow('ENOENT')
})

test('files are closed also where something is wrong', async () => {
  const [path = ''] = paths
  let closed = 0
  const closing = async function* (lines: AsyncIterable<string | null> | null, end: string) {
    try {
      for await (const line of lines ?? []) yield line
      yield end
    } finally {
      closed++
    }
  }
  const [archive] = await openArchives([path])
  const verify = createVerifyArchives({ keys: new Map(), knownHead: null, onProgress: () => {} })
  const { finding } = await verify.check({
    lines: closing(archive?.file.lines ?? null, 'no archive'),
    personalData: closing(archive?.file.personalData ?? null, '{}'),
  })
  expect(finding?.problem).toBe('fileMalformed')
  expect(closed).toBe(2)
})
