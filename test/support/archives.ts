import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { drizzle } from 'drizzle-orm/postgres-js'
import type { Sql } from 'postgres'
import { archiveFileNames, printArchiveLine, printPersonalData } from '../../src/audit/archive-file.ts'
import { genesisHash } from '../../src/audit/chain.ts'
import { monthOf } from '../../src/audit/verification.ts'
import { createVerificationStore } from '../../src/audit/verification-store.ts'
import { sealingKey } from './sealed-log.ts'

const write = (path: string, lines: readonly string[]) =>
  pipeline(Readable.from([lines.map((line) => `${line}\n`).join('')]), createGzip(), createWriteStream(path))

/** Writes each month of a log as an archive, and returns the paths of the files of events, in order. */
export const writeArchives = async (sql: Sql, folder: string): Promise<string[]> => {
  const store = createVerificationStore(drizzle(sql))
  const links = await store.links(0, 1_000_000)
  const checkpoints = await store.checkpoints(0, 1_000_000)
  const publicKey = sealingKey.publicKey.export({ type: 'spki', format: 'der' })
  const paths: string[] = []
  for (const month of new Set(links.map(({ eventId }) => monthOf(eventId).slice(0, 7)))) {
    const isOwn = (eventId: string) => monthOf(eventId).startsWith(month)
    const first = links.findIndex(({ eventId }) => isOwn(eventId))
    const last = links.findLast(({ eventId }) => isOwn(eventId))?.sequence as number
    const end = checkpoints.find(({ sequence }) => sequence >= last)?.sequence as number
    const covered = links.slice(first, end)
    const lines = covered.map(({ sequence, digest, hash, eventId, event }) => {
      const previousHash = links[sequence - 2]?.hash ?? genesisHash
      return event && isOwn(eventId)
        ? printArchiveLine({ kind: 'event', sequence, previousHash, hash, event })
        : printArchiveLine({ kind: 'link', sequence, digest, hash })
    })
    const kept = checkpoints.filter(({ sequence }) => sequence > first && sequence <= end)
    const names = archiveFileNames(month)
    const path = join(folder, names.events)
    await write(path, [
      printArchiveLine({ kind: 'header', month }),
      ...lines,
      ...kept.map((checkpoint) => printArchiveLine({ kind: 'checkpoint', ...checkpoint, publicKey })),
    ])
    await write(
      join(folder, names.personalData),
      covered.flatMap(({ eventId, personal }) =>
        personal && isOwn(eventId) ? [printPersonalData({ eventId, ...personal })] : [],
      ),
    )
    paths.push(path)
  }
  return paths
}
