import { generateKeyPairSync } from 'node:crypto'
import type { Sql } from 'postgres'
import { auditKeyId } from '../../src/audit/audit-key.ts'
import { digestOf, genesisHash, linkHash, signHead } from '../../src/audit/chain.ts'
import type { AuditProblem } from '../../src/audit/verification.ts'
import { newId } from '../../src/lib/ids.ts'

/** Random numbers that come out the same for a seed (mulberry32). */
export const randomFrom = (seed: number) => {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return { below, oneOf: <T>(list: readonly T[]): T => list[below(list.length)] as T }
}

type Random = ReturnType<typeof randomFrom>
type Attack = (sql: Sql, random: Random) => Promise<{ readonly brokenAt: string } | unknown>

/** What a superuser does to the tables, and what a verification may call it. */
export interface Manipulation {
  readonly name: string
  readonly problems: readonly AuditProblem[]
  /** Resolves with the event that must be named, where it is known. */
  readonly run: Attack
}

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
/** The attacker's own. */
const foreignKey = { id: auditKeyId(publicKey), publicKey, privateKey }

const longAgo = '2001-02-03T04:05:06.789Z'

const flipped = (bytes: Buffer, random: Random): Buffer => {
  const copy = Buffer.from(bytes)
  const place = random.below(copy.length)
  copy[place] = (copy[place] as number) ^ (1 << random.below(8))
  return copy
}

const eventIds = async (sql: Sql): Promise<string[]> =>
  (await sql`SELECT event_id FROM audit_links ORDER BY sequence`).map((row) => row.event_id)
const sequences = async (sql: Sql, table: 'audit_links' | 'audit_checkpoints'): Promise<number[]> =>
  (await sql`SELECT sequence::int FROM ${sql(table)} ORDER BY sequence`).map((row) => row.sequence)
const two = <T>(list: readonly T[], random: Random): [T, T] => {
  const first = random.below(list.length - 1)
  return [list[first] as T, list[first + 1 + random.below(list.length - 1 - first)] as T]
}

/** The steps in which two keys change places: by way of a third, as they are unique. */
const swap = <T>(a: T, b: T, spare: T): (readonly [from: T, to: T])[] => [
  [a, spare],
  [b, a],
  [spare, b],
]

type NewValue = (old: never, random: Random) => unknown

/** Gives one column of one row another value. */
const edit = (
  table: string,
  key: string,
  column: string,
  problems: readonly AuditProblem[],
  value: NewValue,
): Manipulation => ({
  name: `${table}.${column} edited`,
  problems,
  async run(sql, random) {
    const rows = await sql`
      SELECT * FROM ${sql(table)} WHERE ${
        table.startsWith('security_event') ? sql`${sql(key)} IN (SELECT event_id FROM audit_links)` : sql`true`
      } ORDER BY ${sql(key)}`
    const row = random.oneOf(rows)
    const { count } = await sql`
      UPDATE ${sql(table)} SET ${sql({ [column]: value(row[column] as never, random) })} WHERE ${sql(key)} = ${row[key]}`
    if (count !== 1) throw new Error('Nothing was edited')
    return table.startsWith('security_event') ? { brokenAt: row[key] } : undefined
  },
})

const otherText: NewValue = (old) => `${old}_`
const otherId: NewValue = () => newId()
const otherIdOrNone: NewValue = (old, random) => (old !== null && random.below(2) ? null : newId())
const otherTextOrNone: NewValue = (old, random) => (old !== null && random.below(2) ? null : `${old}_`)
const otherBytes: NewValue = (old, random) => flipped(old, random)
const otherTime: NewValue = (old, random) =>
  random.below(2) ? longAgo : new Date(new Date(old).getTime() + 1 + random.below(1000)).toISOString()

const eventEdits = [
  edit('security_events', 'id', 'id', ['eventMissing'], otherId),
  edit('security_events', 'id', 'type', ['eventAltered'], otherText),
  edit('security_events', 'id', 'severity', ['eventAltered'], otherText),
  edit('security_events', 'id', 'outcome', ['eventAltered'], otherText),
  edit('security_events', 'id', 'occurred_at', ['eventAltered'], otherTime),
  edit('security_events', 'id', 'user_id', ['eventAltered'], otherIdOrNone),
  edit('security_events', 'id', 'actor_id', ['eventAltered'], otherIdOrNone),
  edit('security_events', 'id', 'session_id', ['eventAltered'], otherIdOrNone),
  edit('security_events', 'id', 'personal_digest', ['eventAltered'], otherText),
]

const companions = 'security_event_personal_data'
const companionEdits = [
  edit(companions, 'event_id', 'event_id', ['personalDataMissing'], otherId),
  edit(companions, 'event_id', 'salt', ['personalDataAltered'], otherText),
  edit(companions, 'event_id', 'ip_address', ['personalDataAltered'], otherTextOrNone),
  edit(companions, 'event_id', 'user_agent', ['personalDataAltered'], otherTextOrNone),
  edit(companions, 'event_id', 'details', ['personalDataAltered'], (old, random) => {
    const others = [{}, [], [old], { ...(old as object), more: 1 }].map((value) => JSON.stringify(value))
    return random.oneOf(others.filter((value) => value !== JSON.stringify(old)))
  }),
]

const chainEdits = [
  edit('audit_links', 'sequence', 'sequence', ['linkMissing'], (_old, random) => 1000 + random.below(1000)),
  edit('audit_links', 'sequence', 'sequence', ['linkMissing', 'linkAltered'], (old) => -old),
  edit('audit_links', 'sequence', 'event_id', ['eventMissing'], otherId),
  edit('audit_links', 'sequence', 'digest', ['linkAltered'], otherBytes),
  edit('audit_links', 'sequence', 'hash', ['linkAltered'], otherBytes),
  edit(
    'audit_checkpoints',
    'sequence',
    'sequence',
    ['checkpointContradicted', 'checkpointForged', 'headForged', 'headSetBack'],
    (old, random) => Number(old) + random.oneOf([-1, 1, -1000, 1000]),
  ),
  edit('audit_checkpoints', 'sequence', 'hash', ['checkpointContradicted'], otherBytes),
  edit('audit_checkpoints', 'sequence', 'sealed_at', ['checkpointForged'], otherTime),
  edit('audit_checkpoints', 'sequence', 'key_id', ['checkpointForged'], otherText),
  edit('audit_checkpoints', 'sequence', 'signature', ['checkpointForged'], otherBytes),
  edit('audit_head', 'id', 'id', ['headMissing'], () => 2),
  edit(
    'audit_head',
    'id',
    'sequence',
    ['headSetBack', 'headContradicted', 'headForged', 'linkMissing'],
    (old, random) => Number(old) + random.oneOf([-1, 1, -Number(old), -1000, 10_000_000]),
  ),
  edit('audit_head', 'id', 'hash', ['headContradicted'], otherBytes),
  edit('audit_head', 'id', 'sealed_at', ['headForged'], otherTime),
  edit('audit_head', 'id', 'key_id', ['headForged'], otherText),
  edit('audit_head', 'id', 'signature', ['headForged'], otherBytes),
]

/** Recomputes digests and hashes from an event on, as anyone can who has no key. */
const rechain = async (sql: Sql, from: number): Promise<void> => {
  const rows = await sql`
    SELECT sequence::int, e.* FROM audit_links JOIN security_events e ON id = event_id ORDER BY sequence`
  let hash: Buffer = genesisHash
  for (const row of rows) {
    const { id, type, severity, outcome, occurred_at, user_id: userId, actor_id: actorId } = row
    const rest = { userId, actorId, sessionId: row.session_id, personalDigest: row.personal_digest }
    const digest = digestOf({ id, type, severity, outcome, occurredAt: new Date(occurred_at), ...rest })
    hash = linkHash(hash, row.sequence, digest)
    if (row.sequence >= from)
      await sql`UPDATE audit_links SET ${sql({ digest, hash })} WHERE sequence = ${row.sequence}`
  }
  await sql`UPDATE audit_checkpoints c SET hash = (SELECT hash FROM audit_links l WHERE l.sequence = c.sequence)`
  await sql`
    UPDATE audit_head SET sequence = newest.sequence, hash = newest.hash
    FROM (SELECT * FROM audit_links ORDER BY sequence DESC LIMIT 1) newest`
}

/** Signs head and checkpoints anew with the attacker's key, under its own id or that of the right one. */
const resign = async (sql: Sql, keyId: string): Promise<void> => {
  const places = await sql`SELECT sequence::int, hash, sealed_at FROM audit_checkpoints ORDER BY sequence`
  let checkpointBefore = 0
  for (const { sequence, hash, sealed_at } of places) {
    const sealedAt = new Date(sealed_at)
    const { signature } = signHead({ sequence, hash, sealedAt }, { checkpointBefore, isCheckpoint: true }, foreignKey)
    await sql`UPDATE audit_checkpoints SET ${sql({ key_id: keyId, signature })} WHERE sequence = ${sequence}`
    checkpointBefore = sequence
  }
  const [head] = await sql`SELECT sequence::int, hash, sealed_at FROM audit_head`
  const isCheckpoint = head?.sequence === checkpointBefore
  const before = isCheckpoint ? (places.at(-2)?.sequence ?? 0) : checkpointBefore
  const { signature } = signHead(
    { sequence: head?.sequence, hash: head?.hash, sealedAt: new Date(head?.sealed_at) },
    { checkpointBefore: before, isCheckpoint },
    foreignKey,
  )
  await sql`UPDATE audit_head SET ${sql({ key_id: keyId, signature })}`
}

const keyIdOf = async (sql: Sql): Promise<string> => (await sql`SELECT key_id FROM audit_head`)[0]?.key_id

const deleteEvents = async (sql: Sql, ids: readonly string[]): Promise<void> => {
  await sql`DELETE FROM security_events WHERE id = ANY (${ids}::uuid[])`
  await sql`DELETE FROM security_event_personal_data WHERE event_id = ANY (${ids}::uuid[])`
}

const forgeEvent = async (sql: Sql, like: string): Promise<string> => {
  const id = newId()
  await sql`
    INSERT INTO security_events
    SELECT ${id}, type, severity, outcome, occurred_at, user_id, actor_id, session_id, personal_digest
    FROM security_events WHERE id = ${like}`
  await sql`
    INSERT INTO security_event_personal_data
    SELECT ${id}, salt, ip_address, user_agent, details FROM security_event_personal_data WHERE event_id = ${like}`
  return id
}

/** Takes the newest links, and with them their events. */
const cut = async (sql: Sql, last: number): Promise<void> => {
  await deleteEvents(
    sql,
    (await sql`SELECT event_id FROM audit_links WHERE sequence > ${last}`).map((row) => row.event_id),
  )
  await sql`DELETE FROM audit_links WHERE sequence > ${last}`
}

const one = (name: string, problems: readonly AuditProblem[], run: Attack): Manipulation => ({ name, problems, run })
const contradicted: readonly AuditProblem[] = ['checkpointContradicted', 'checkpointForged', 'headForged']

const attacks = [
  one('events deleted', ['eventMissing'], async (sql, random) => {
    const ids = await eventIds(sql)
    const first = random.below(ids.length)
    await deleteEvents(sql, ids.slice(first, first + 1 + random.below(5)))
    return { brokenAt: ids[first] }
  }),
  one('a companion deleted', ['personalDataMissing'], async (sql, random) => {
    const id = random.oneOf(await eventIds(sql))
    await sql`DELETE FROM security_event_personal_data WHERE event_id = ${id}`
    return { brokenAt: id }
  }),
  one('links deleted', ['linkMissing'], async (sql, random) => {
    const first = random.oneOf(await sequences(sql, 'audit_links'))
    await sql`DELETE FROM audit_links WHERE sequence BETWEEN ${first} AND ${first + random.below(5)}`
  }),
  one('an event deleted with its link', ['linkMissing'], async (sql, random) => {
    const id = random.oneOf(await eventIds(sql))
    await deleteEvents(sql, [id])
    await sql`DELETE FROM audit_links WHERE event_id = ${id}`
  }),
  one('an event deleted, the links after it moved up and recomputed', contradicted, async (sql, random) => {
    const ids = await eventIds(sql)
    const place = random.below(ids.length - 1)
    const id = ids[place] as string
    await deleteEvents(sql, [id])
    await sql`DELETE FROM audit_links WHERE event_id = ${id}`
    for (let sequence = place + 2; sequence <= ids.length; sequence++)
      await sql`UPDATE audit_links SET sequence = sequence - 1 WHERE sequence = ${sequence}`
    await sql`DELETE FROM audit_checkpoints WHERE sequence >= ${ids.length}`
    await rechain(sql, place + 1)
  }),
  one('a checkpoint deleted', ['checkpointForged', 'headForged'], async (sql, random) => {
    await sql`DELETE FROM audit_checkpoints WHERE sequence = ${random.oneOf(await sequences(sql, 'audit_checkpoints'))}`
  }),
  one(
    'the oldest checkpoint passed off as signed by a forgotten key',
    ['checkpointForged'],
    (sql) => sql`
      UPDATE audit_checkpoints SET key_id = 'forgotten'
      WHERE sequence = (SELECT min(sequence) FROM audit_checkpoints)`,
  ),
  one('all checkpoints deleted', ['headForged'], (sql) => sql`DELETE FROM audit_checkpoints`),
  one('the head deleted', ['headMissing'], (sql) => sql`DELETE FROM audit_head`),
  one(
    'a second head',
    ['headMissing'],
    (sql) => sql`INSERT INTO audit_head SELECT 2, sequence, hash, sealed_at, key_id, signature FROM audit_head`,
  ),
  one('what waits in the outbox deleted', ['eventUnsealed'], (sql) => sql`DELETE FROM unsealed_security_events`),
  one(
    'the outbox names another event',
    ['eventUnsealed'],
    (sql) =>
      sql`UPDATE unsealed_security_events SET event_id = gen_random_uuid()
      WHERE ordinal = (SELECT max(ordinal) FROM unsealed_security_events)`,
  ),
  one(
    'the outbox names no event',
    ['outboxAltered'],
    (sql) => sql`INSERT INTO unsealed_security_events (event_id) VALUES (gen_random_uuid())`,
  ),
  one(
    'the outbox names a sealed event',
    ['outboxAltered'],
    async (sql, random) =>
      sql`INSERT INTO unsealed_security_events (event_id) VALUES (${random.oneOf(await eventIds(sql))})`,
  ),
  one('two events swapped', ['eventAltered'], async (sql, random) => {
    const [a, b] = two(await eventIds(sql), random)
    const spare = newId()
    for (const [from, to] of swap(a, b, spare)) await sql`UPDATE security_events SET id = ${to} WHERE id = ${from}`
    return { brokenAt: a }
  }),
  one('two companions swapped', ['personalDataAltered'], async (sql, random) => {
    const [a, b] = two(await eventIds(sql), random)
    const spare = newId()
    for (const [from, to] of swap(a, b, spare))
      await sql`UPDATE security_event_personal_data SET event_id = ${to} WHERE event_id = ${from}`
    return { brokenAt: a }
  }),
  one('two links swapped', ['linkAltered'], async (sql, random) => {
    const [a, b] = two(await sequences(sql, 'audit_links'), random)
    for (const [from, to] of swap(a, b, -1)) await sql`UPDATE audit_links SET sequence = ${to} WHERE sequence = ${from}`
  }),
  one('the events of two links swapped', ['eventAltered'], async (sql, random) => {
    const [a, b] = two(await eventIds(sql), random)
    const spare = newId()
    for (const [from, to] of swap(a, b, spare))
      await sql`UPDATE audit_links SET event_id = ${to} WHERE event_id = ${from}`
  }),
  one('two links swapped and the chain recomputed', contradicted, async (sql, random) => {
    const [a, b] = two(await sequences(sql, 'audit_links'), random)
    for (const [from, to] of swap(a, b, -1)) await sql`UPDATE audit_links SET sequence = ${to} WHERE sequence = ${from}`
    await rechain(sql, a)
  }),
  one('two checkpoints swapped', ['checkpointContradicted'], async (sql, random) => {
    const [a, b] = two(await sequences(sql, 'audit_checkpoints'), random)
    for (const [from, to] of swap(a, b, -1))
      await sql`UPDATE audit_checkpoints SET sequence = ${to} WHERE sequence = ${from}`
  }),
  one('the newest links cut off', ['linkMissing'], async (sql, random) => {
    await cut(sql, random.below((await eventIds(sql)).length))
  }),
  one(
    'the newest links cut off, the head set to the last that is left',
    ['headForged', 'headSetBack'],
    async (sql, random) => {
      const last = 1 + random.below((await eventIds(sql)).length - 1)
      await cut(sql, last)
      await sql`DELETE FROM audit_checkpoints WHERE sequence > ${last}`
      await sql`UPDATE audit_head SET sequence = l.sequence, hash = l.hash FROM audit_links l WHERE l.sequence = ${last}`
    },
  ),
  one('the newest links cut off, the head set back to a checkpoint', ['logCut'], async (sql, random) => {
    const kept = random.oneOf((await sequences(sql, 'audit_checkpoints')).slice(0, -1))
    await cut(sql, kept)
    await sql`DELETE FROM audit_checkpoints WHERE sequence > ${kept}`
    await sql`
      UPDATE audit_head SET sequence = c.sequence, hash = c.hash, sealed_at = c.sealed_at, signature = c.signature
      FROM audit_checkpoints c WHERE c.sequence = ${kept}`
  }),
  one('the head set back to a checkpoint, the links left', ['headSetBack'], async (sql, random) => {
    const kept = random.oneOf((await sequences(sql, 'audit_checkpoints')).slice(0, -1))
    await sql`
      UPDATE audit_head SET sequence = c.sequence, hash = c.hash, sealed_at = c.sealed_at, signature = c.signature
      FROM audit_checkpoints c WHERE c.sequence = ${kept}`
  }),
  one('everything deleted, as if nothing had ever been', ['logCut'], async (sql) => {
    for (const table of ['security_events', companions, 'audit_links', 'audit_checkpoints', 'unsealed_security_events'])
      await sql`DELETE FROM ${sql(table)}`
    await sql`UPDATE audit_head SET sequence = 0, hash = ${genesisHash}, sealed_at = '1970-01-01', key_id = '', signature = ''`
  }),
  one('an event forged', ['eventUnsealed'], async (sql, random) => {
    return { brokenAt: await forgeEvent(sql, random.oneOf(await eventIds(sql))) }
  }),
  one('an event forged, with a link of its own', ['headSetBack'], async (sql, random) => {
    const ids = await eventIds(sql)
    const id = await forgeEvent(sql, random.oneOf(ids))
    await sql`INSERT INTO audit_links SELECT ${ids.length + 1}, ${id}, digest, hash FROM audit_links LIMIT 1`
    await sql`
      UPDATE audit_links SET digest = ${Buffer.alloc(32)}, hash = ${flipped(Buffer.alloc(32), random)}
      WHERE event_id = ${id}`
  }),
  one('an event forged, with link and head', ['headForged'], async (sql, random) => {
    const ids = await eventIds(sql)
    const id = await forgeEvent(sql, random.oneOf(ids))
    await sql`INSERT INTO audit_links VALUES (${ids.length + 1}, ${id}, ${Buffer.alloc(32)}, ${Buffer.alloc(32)})`
    await rechain(sql, ids.length + 1)
  }),
  one('an event edited and the chain recomputed', contradicted, async (sql, random) => {
    const edited = await random.oneOf(eventEdits.slice(1, -1)).run(sql, random)
    const [link] =
      await sql`SELECT sequence::int FROM audit_links WHERE event_id = ${(edited as { brokenAt: string }).brokenAt}`
    await rechain(sql, link?.sequence)
  }),
  one('an event edited, all recomputed and signed with another key', ['headForged'], async (sql, random) => {
    await random.oneOf(eventEdits.slice(1, -1)).run(sql, random)
    await rechain(sql, 1)
    await resign(sql, foreignKey.id)
  }),
  one('an event edited, all signed with another key under the right id', ['checkpointForged'], async (sql, random) => {
    await random.oneOf(eventEdits.slice(1, -1)).run(sql, random)
    await rechain(sql, 1)
    await resign(sql, await keyIdOf(sql))
  }),
  one(
    'a checkpoint forged',
    ['checkpointForged', 'checkpointContradicted', 'headForged', 'headSetBack'],
    async (sql, random) => {
      const taken = new Set(await sequences(sql, 'audit_checkpoints'))
      const free = (await sequences(sql, 'audit_links')).filter((sequence) => !taken.has(sequence))
      const keyId = random.oneOf([await keyIdOf(sql), foreignKey.id])
      await sql`
      INSERT INTO audit_checkpoints
      SELECT l.sequence, l.hash, h.sealed_at, ${keyId}, h.signature FROM audit_links l, audit_head h
      WHERE l.sequence = ${random.oneOf(free)}`
    },
  ),
  one(
    'the head kept as a checkpoint that it was not',
    ['headForged', 'checkpointForged'],
    (sql) => sql`INSERT INTO audit_checkpoints SELECT sequence, hash, sealed_at, key_id, signature FROM audit_head`,
  ),
]

export const manipulations: readonly Manipulation[] = [...eventEdits, ...companionEdits, ...chainEdits, ...attacks]
