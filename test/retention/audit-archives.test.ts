import { createHash, createPublicKey, verify } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { auditKeysOf } from '../../src/audit/audit-key.ts'
import { createSeenHead } from '../../src/audit/seen-head.ts'
import { createVerifyLog } from '../../src/audit/verification-service.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { readConfig } from '../../src/config.ts'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { newId } from '../../src/lib/ids.ts'
import { createArchiveFileStore } from '../../src/retention/archive-file-store.ts'
import { type ArchiveMonthDeps, createArchiveMonth, Interrupted } from '../../src/retention/archive-month-service.ts'
import { archivesTurn } from '../../src/retention/archive-service.ts'
import { createAuditArchiveStore } from '../../src/retention/audit-archive-store.ts'
import { asServer } from '../support/database.ts'
import { LoginDocument } from '../support/documents.generated.ts'
import { rowCounts } from '../support/evidence.ts'
import { eventually, type Gatehouse, startGatehouse, testKeys } from '../support/gatehouse.ts'
import { checkpointed, countIn, monthsAgo, recordIn, whileNothingIsSealed } from '../support/old-months.ts'
import { runProgram } from '../support/run-program.ts'

let gatehouse: Gatehouse
let database: Database
beforeAll(async () => {
  gatehouse = await startGatehouse()
  database = openDatabase(asServer(gatehouse.databaseUrl))
})
afterAll(async () => {
  await database.close()
  await gatehouse.close()
})

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-archive-'))
})
afterEach(() => rm(directory, { recursive: true }))

const { keys } = readConfig({
  NODE_ENV: 'development',
  DATABASE_URL: 'postgres://localhost/x',
  GATEHOUSE_KEYS: testKeys,
})
const auditKeys = auditKeysOf(keys)

const cli = (args: string, onError = (_text: string) => {}, command = 'archive-audit') =>
  runProgram('cli/gatehouse.ts', [command, ...args.split(' ')], {
    environment: { DATABASE_URL: asServer(gatehouse.databaseUrl), GATEHOUSE_KEYS: testKeys },
    onError,
  })

const depsOver = (to: string): ArchiveMonthDeps => ({
  archives: createAuditArchiveStore(database.archiving),
  log: createVerificationStore(database.patient),
  files: createArchiveFileStore(to),
  auditKeys,
  pause: async () => {},
  now: gatehouse.now,
})
const watch = { isKept: false, mayGoOn: async () => true, onProgress: () => {} }
const archive = (month: string, deps: Partial<ArchiveMonthDeps> = {}) =>
  createArchiveMonth({ ...depsOver(directory), ...deps }).archive(month, watch)

const nameOf = (month: string, kind = '') => `security-events-${month.slice(0, 7)}${kind}.jsonl.gz`
const linesOf = async (name: string) =>
  gunzipSync(await readFile(join(directory, name)))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
const recordOf = async (month: string) => (await gatehouse.sql`SELECT * FROM audit_archives WHERE month = ${month}`)[0]
const logFinding = async () => {
  const verifyLog = createVerifyLog({
    store: createVerificationStore(database.patient),
    keys: new Map(auditKeys.map(({ id, publicKey }) => [id, publicKey])),
    seen: createSeenHead(),
  })
  return (await verifyLog({ from: null, to: null })).finding
}

const sha256 = (...parts: readonly (string | Buffer)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const place = (sequence: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(sequence))
  return bytes
}

/** Recomputes what a month's files hold, as another program would, and returns the ids of its events. */
const verifiedOffline = async (month: string): Promise<string[]> => {
  const [header, ...lines] = await linesOf(nameOf(month))
  expect(header).toEqual({ format: 'gatehouse audit archive', version: 1, month: month.slice(0, 7) })
  const hashes = new Map<number, Buffer>()
  const digests = new Map<string, string>()
  let previous: Buffer | null = null
  let signed = 0
  for (const { event, link, checkpoint, ...rest } of lines) {
    if (checkpoint) {
      const { sequence, hash, sealedAt, checkpointBefore, signature, publicKey } = checkpoint
      expect(hash).toBe(hashes.get(sequence)?.toString('hex'))
      const text = JSON.stringify(['gatehouse audit head', sequence, hash, sealedAt, checkpointBefore, true])
      const key = createPublicKey({ key: Buffer.from(publicKey, 'base64url'), format: 'der', type: 'spki' })
      expect(verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))).toBe(true)
      expect(publicKey).toBe(auditKeys[0].publicKey.export({ type: 'spki', format: 'der' }).toString('base64url'))
      signed = sequence
      continue
    }
    const { sequence, hash } = link ?? rest
    const digest = link ? Buffer.from(link.digest, 'hex') : sha256(JSON.stringify(Object.values(event)))
    if (event) {
      previous ??= Buffer.from(rest.previousHash, 'hex')
      expect(rest.previousHash).toBe(previous.toString('hex'))
      digests.set(event.id, event.personalDigest)
    }
    const computed: Buffer = sha256(previous as Buffer, place(sequence), digest)
    expect(hash).toBe(computed.toString('hex'))
    hashes.set(sequence, computed)
    previous = computed
  }
  const sequences = [...hashes.keys()]
  expect(sequences).toEqual(sequences.map((_sequence, index) => (sequences[0] as number) + index))
  expect(signed).toBe(sequences.at(-1))
  for (const { eventId, salt, ipAddress, userAgent, details } of await linesOf(nameOf(month, '.personal'))) {
    const personal = JSON.stringify([salt, ipAddress, userAgent, Object.entries(details).toSorted()])
    expect(sha256(personal).toString('hex')).toBe(digests.get(eventId))
  }
  return [...digests.keys()]
}

test('a month is archived, verified from its files alone, and dropped; its neighbours stay, and the chain verifies', async () => {
  const [old, next] = [monthsAgo(15), monthsAgo(13)]
  const ids = await recordIn(gatehouse, [old, next, old, old, next, next, old, next])
  await checkpointed(gatehouse)
  const { code, stdout, stderr } = await cli(`--to ${directory}`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(`${old.slice(0, 7)}  4 events, dropped from the database`)

  expect(await verifiedOffline(old)).toEqual([0, 2, 3, 6].map((index) => ids[index]))
  const text = JSON.stringify(await linesOf(nameOf(old)))
  expect(text).not.toContain('198.51.100.')
  expect(await linesOf(nameOf(old, '.personal'))).toHaveLength(4)
  expect((await readdir(directory)).sort()).toEqual([nameOf(old), nameOf(old, '.personal')])
  const file = await readFile(join(directory, nameOf(old)))
  expect(await recordOf(old)).toMatchObject({ events: '4', file: nameOf(old), file_digest: sha256(file) })
  expect([await countIn(gatehouse, old), await countIn(gatehouse, next)]).toEqual([0, 4])
  expect(
    await gatehouse.sql`SELECT to_regclass(${`security_events_${old.slice(0, 7).replace('-', '_')}`}) AS left`,
  ).toEqual([{ left: null }])
  expect(await logFinding()).toBeNull()
  const verified = await cli(`--files ${join(directory, nameOf(old))}`, undefined, 'verify-audit')
  expect(verified).toMatchObject({ code: 0, stderr: '' })
})

test('--dry-run says what there is, and --keep writes files; neither takes anything away', async () => {
  const [month, late] = [monthsAgo(20), monthsAgo(19)]
  await recordIn(gatehouse, [month, month])
  await checkpointed(gatehouse)
  await whileNothingIsSealed(gatehouse, async () => {
    await recordIn(gatehouse, [late])
    const before = await rowCounts(gatehouse.sql)
    const dry = await cli(`--to ${directory} --dry-run`)
    expect(dry.code).toBe(0)
    expect(dry.stdout).toContain(`${month.slice(0, 7)}  2 events`)
    expect(dry.stdout).toContain(`${late.slice(0, 7)}  waits: 1 of its events are not sealed yet`)
    expect(await readdir(directory)).toEqual([])
    expect(await rowCounts(gatehouse.sql)).toBe(before)

    const kept = await cli(`--to ${directory} --keep`)
    expect(kept.stdout).toContain(`${month.slice(0, 7)}  2 events, kept in the database too`)
  })
  expect(await countIn(gatehouse, month)).toBe(2)
  expect(await verifiedOffline(month)).toHaveLength(2)
  const record = await recordOf(month)
  await checkpointed(gatehouse)
  expect((await cli(`--to ${directory}`)).code).toBe(0)
  expect(await recordOf(month)).toEqual(record)
  expect([await countIn(gatehouse, month), await countIn(gatehouse, late)]).toEqual([0, 0])
})

test('what no checkpoint follows yet waits', async () => {
  const month = monthsAgo(21)
  await recordIn(gatehouse, [month])
  await eventually(async () => (await gatehouse.sql`SELECT 1 FROM unsealed_security_events`).length === 0)
  expect(await archive(month)).toEqual({ kind: 'waits', reason: expect.stringContaining('no checkpoint') })
  expect(await readdir(directory)).toEqual([])
  await checkpointed(gatehouse)
  expect(await archive(month)).toEqual({ kind: 'dropped', events: 1 })
})

test('two commands at once archive a month once', async () => {
  const month = monthsAgo(22)
  await recordIn(gatehouse, [month, month, month])
  await checkpointed(gatehouse)
  await gatehouse.sql`INSERT INTO task_leases VALUES (${archivesTurn}, ${newId()}, now() + interval '1 hour')`
  let waiting = 0
  const commands = [0, 1].map(() => cli(`--to ${directory}`, () => waiting++))
  await eventually(() => waiting === 2)
  await gatehouse.sql`DELETE FROM task_leases WHERE task = ${archivesTurn}`
  const endings = await Promise.all(commands)
  expect(endings.map(({ code }) => code)).toEqual([0, 0])
  expect(endings.filter(({ stdout }) => stdout.includes('3 events, dropped'))).toHaveLength(1)
  expect(await verifiedOffline(month)).toHaveLength(3)
})

describe('a run that dies is finished by the next', () => {
  const steps = ['measure', 'find', 'begin', 'write', 'finish', 'place', 'add', 'drop'] as const
  type Step = (typeof steps)[number]

  /** The same dependencies, that die at a step: before it is done, or after. */
  const dyingAt = (step: Step, when: string): Partial<ArchiveMonthDeps> => {
    const { archives, files } = depsOver(directory)
    const dying =
      <Parameters extends unknown[], Result>(name: Step, work: (...parameters: Parameters) => Promise<Result>) =>
      async (...parameters: Parameters): Promise<Result> => {
        if (name === step && when === 'before') throw new Error('killed')
        const result = await work(...parameters)
        if (name === step) throw new Error('killed')
        return result
      }
    return {
      archives: {
        ...archives,
        measure: dying('measure', archives.measure),
        find: dying('find', archives.find),
        add: dying('add', archives.add),
        drop: dying('drop', archives.drop),
      },
      files: {
        ...files,
        begin: dying('begin', async (month: string) => {
          const draft = await files.begin(month)
          return {
            ...draft,
            events: { write: dying('write', draft.events.write) },
            finish: dying('finish', draft.finish),
            place: dying('place', draft.place),
            discard: async () => {}, // whoever is killed leaves what was begun
          }
        }),
      },
    }
  }

  test.each(steps.flatMap((step, index) => ['before', 'after'].map((when) => [when, step, 30 + index] as const)))(
    '%s it came to %s',
    async (when, step, age) => {
      const month = monthsAgo(when === 'before' ? age : age + 20)
      const ids = await recordIn(gatehouse, [month, monthsAgo(2), month])
      await checkpointed(gatehouse)
      await expect(archive(month, dyingAt(step, when))).rejects.toThrow('killed')
      const isDropped = step === 'drop' && when === 'after'
      expect(await countIn(gatehouse, month)).toBe(isDropped ? 0 : 2)
      if (!isDropped) expect(await archive(month)).toEqual({ kind: 'dropped', events: 2 })
      expect(await verifiedOffline(month)).toEqual([ids[0], ids[2]])
      expect(await readdir(directory)).toHaveLength(2)
      const file = await readFile(join(directory, nameOf(month)))
      expect(await recordOf(month)).toMatchObject({ events: '2', file_digest: sha256(file) })
    },
  )
})

test('a month of which a file is missing is written again before it is dropped', async () => {
  for (const [kind, month] of [
    ['', monthsAgo(70)],
    ['.personal', monthsAgo(71)],
  ] as const) {
    await recordIn(gatehouse, [month, month])
    await checkpointed(gatehouse)
    await createArchiveMonth(depsOver(directory)).archive(month, { ...watch, isKept: true })
    await rm(join(directory, nameOf(month, kind)))
    expect(await archive(month)).toEqual({ kind: 'dropped', events: 2 })
    expect(await verifiedOffline(month)).toHaveLength(2)
  }
})

test('who was taken out of the personal data of a month stays out when a run is finished by the next', async () => {
  const month = monthsAgo(72)
  await recordIn(gatehouse, [month, month])
  await checkpointed(gatehouse)
  await createArchiveMonth(depsOver(directory)).archive(month, { ...watch, isKept: true })
  await gatehouse.sql.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`
    await tx`DELETE FROM audit_archives WHERE month = ${month}` // as if it had died before it said so
  })
  const erased = gzipSync('')
  await writeFile(join(directory, nameOf(month, '.personal')), erased)
  expect(await archive(month)).toEqual({ kind: 'dropped', events: 2 })
  expect(await readFile(join(directory, nameOf(month, '.personal')))).toEqual(erased)
})

test('drafts of another month stay, unless they are old', async () => {
  const month = monthsAgo(73)
  await recordIn(gatehouse, [month])
  await checkpointed(gatehouse)
  const draft = (of: string) => `${nameOf(of)}.${newId()}.part`
  const [own, recent, old] = [draft(month), draft('2001-01'), draft('2001-02')]
  for (const name of [own, recent, old]) await writeFile(join(directory, name), '')
  await utimes(join(directory, old), 0, 0)
  await archive(month)
  expect((await readdir(directory)).filter((name) => name.endsWith('.part'))).toEqual([recent])
})

test('whoever is to stop leaves a month while it is read back, and places nothing', async () => {
  const month = monthsAgo(74)
  await recordIn(gatehouse, [month])
  await checkpointed(gatehouse)
  const { files } = depsOver(directory)
  let isStopping = false
  let isReadThrough = false
  const begin = async (of: string) => {
    const draft = await files.begin(of)
    return {
      ...draft,
      async finish() {
        await draft.finish()
        isStopping = true
      },
      digest() {
        isReadThrough = true
        return draft.digest()
      },
    }
  }
  const stopping = createArchiveMonth({ ...depsOver(directory), files: { ...files, begin } })
  const until = { ...watch, mayGoOn: async () => !isStopping }
  await expect(stopping.archive(month, until)).rejects.toThrow(Interrupted)
  expect(isReadThrough).toBe(false)
  expect(await readdir(directory)).toEqual([])
  expect(await archive(month)).toEqual({ kind: 'dropped', events: 1 })
})

describe('nothing is dropped', () => {
  const month = monthsAgo(25)
  const failure = async (deps: Partial<ArchiveMonthDeps> = {}) =>
    archive(month, deps).then(
      (outcome) => expect.fail(JSON.stringify(outcome)),
      (problem: Error) => problem.message,
    )
  beforeAll(async () => {
    await recordIn(gatehouse, [month, month])
    await checkpointed(gatehouse)
  })
  afterEach(async () => expect(await countIn(gatehouse, month)).toBe(2))

  test('where the directory is missing, is none, or the disk is full; the command says so and exits 1', async () => {
    const missing = await cli(`--to ${directory}/missing`)
    expect(missing.code).toBe(1)
    expect(missing.stderr).toMatch(/^\d{4}-\d\d {2}ENOENT: no such file or directory.*missing/)
    expect(await failure({ files: createArchiveFileStore('/dev/null') })).toContain('ENOTDIR')
    const { files } = depsOver(directory)
    const full = async () => {
      throw new Error('ENOSPC: no space left on device, write')
    }
    const begin = async (of: string) => ({ ...(await files.begin(of)), events: { write: full } })
    expect(await failure({ files: { ...files, begin } })).toContain('ENOSPC')
    expect(await readdir(directory)).toEqual([])
  })

  test('where another file has the name', async () => {
    await writeFile(join(directory, nameOf(month)), 'precious')
    expect(await failure()).toContain('is there already and holds something else')
    expect(await readFile(join(directory, nameOf(month)), 'utf8')).toBe('precious')
    expect(await readdir(directory)).toEqual([nameOf(month)])
  })

  test('where what was written is not what was sealed', async () => {
    const { log } = depsOver(directory)
    const altered: ArchiveMonthDeps['log']['links'] = async (after, through) =>
      (await log.links(after, through)).map((link) => ({
        ...link,
        event: link.event && { ...link.event, outcome: 'SUCCESS' },
      }))
    expect(await failure({ log: { ...log, links: altered } })).toContain('An event is not as it was sealed')
    const lost: ArchiveMonthDeps['log']['links'] = async (after, through) =>
      (await log.links(after, through)).map((link) => ({ ...link, event: null }))
    expect(await failure({ log: { ...log, links: lost } })).toContain('is gone')
    expect(await readdir(directory)).toEqual([])
  })

  test.each([
    ['that was not archived', monthsAgo(25), 'of .* there are 2 events, of which 0 were archived'],
    ['that is not over for a month', monthsAgo(1), 'is no month that ended a month ago'],
    ['by the wrong name', monthsAgo(25).replace(/01$/, '02'), 'is no month that ended a month ago'],
  ])('by the role of servers: a month %s', async (_which, wanted, message) => {
    await expect(createAuditArchiveStore(database.archiving).drop(wanted)).rejects.toMatchObject({
      cause: { message: expect.stringMatching(message) },
    })
    const role = postgres(asServer(gatehouse.databaseUrl), { max: 1, onnotice: () => {} })
    try {
      await role`SET ROLE gatehouse_app`
      const partition = `security_events_${month.slice(0, 7).replace('-', '_')}`
      await expect(role.unsafe(`DROP TABLE ${partition}`)).rejects.toThrow('must be owner')
      await expect(role.unsafe(`ALTER TABLE security_events DETACH PARTITION ${partition}`)).rejects.toThrow(
        'must be owner',
      )
      await expect(role.unsafe(`TRUNCATE ${partition}`)).rejects.toThrow('permission denied')
    } finally {
      await role.end()
    }
  })
})

test('the role of servers can not drop a month with more events than were archived, nor one with events that are not sealed', async () => {
  const [more, open] = [monthsAgo(26), monthsAgo(27)]
  await recordIn(gatehouse, [more])
  await checkpointed(gatehouse)
  await createArchiveMonth(depsOver(directory)).archive(more, { ...watch, isKept: true })
  await whileNothingIsSealed(gatehouse, async () => {
    await recordIn(gatehouse, [more, open])
    await gatehouse.sql`INSERT INTO audit_archives VALUES (${open}, 1, 1, 1, 'file', '', now(), 'key', '')`
    const { drop } = createAuditArchiveStore(database.archiving)
    await expect(drop(more)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('2 events, of which 1') },
    })
    await expect(drop(open)).rejects.toMatchObject({ cause: { message: expect.stringContaining('not sealed') } })
  })
  expect([await countIn(gatehouse, more), await countIn(gatehouse, open)]).toEqual([2, 1])
})

test('while a month is dropped users sign in; while they are in the way it waits for a moment only, and tries again', async () => {
  const month = monthsAgo(28)
  const user = await gatehouse.createUser()
  const signIn = async (): Promise<number> => {
    const begun = performance.now()
    await gatehouse.anonymous.ask(LoginDocument, { input: { email: user.email, password: user.password } })
    return performance.now() - begun
  }
  await recordIn(gatehouse, Array(5_000).fill(month))
  await checkpointed(gatehouse)
  let outcome: unknown
  const times: number[] = []
  const reading = Promise.withResolvers<void>()
  const reader = gatehouse.sql.begin(async (tx) => {
    await tx`SELECT 1 FROM security_events LIMIT 1` // keeps the table from being changed until it commits
    await reading.promise
  })
  const archiving = archive(month, { pause: () => eventually(() => times.length > 5) }).then((done) => {
    outcome = done
  })
  const { archives } = depsOver(directory)
  await eventually(() => archives.find(month).then((record) => record !== null))
  while (times.length < 6) times.push(await signIn())
  expect(outcome).toBeUndefined()
  reading.resolve()
  while (!outcome) times.push(await signIn())
  await Promise.all([archiving, reader])
  expect(outcome).toEqual({ kind: 'dropped', events: 5_000 })
  expect(Math.max(...times)).toBeLessThan(1_500)
})

test('a server archives by itself where it is told a directory, and makes the partitions that are missing', async () => {
  const month = monthsAgo(29)
  await recordIn(gatehouse, [month])
  await checkpointed(gatehouse)
  const partitions = [0, 1, 2].map((ahead) => monthsAgo(-ahead).slice(0, 7).replace('-', '_'))
  for (const name of partitions.slice(1)) {
    await gatehouse.sql.unsafe(`DROP TABLE security_events_${name}, security_event_personal_data_${name}`)
  }
  const servers = await Promise.all(
    [0, 1].map(() =>
      startGatehouse({
        databaseUrl: gatehouse.databaseUrl,
        config: { auditArchiveDir: directory, auditRetentionMonths: 28 },
      }),
    ),
  )
  try {
    for (const name of partitions) {
      const [found] = await gatehouse.sql`SELECT to_regclass(${`security_events_${name}`})::text AS name`
      expect(found?.name).toBe(`security_events_${name}`)
    }
    await eventually(async () => (await countIn(gatehouse, month)) === 0)
    expect(await verifiedOffline(month)).toHaveLength(1)
  } finally {
    await Promise.all(servers.map(({ close }) => close()))
  }
})
