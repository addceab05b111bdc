import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { access, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { ArchiveFormatError, archiveFileNames, mostBytesOfLine } from '../audit/archive-file.ts'
import { gunzippedLinesOf } from '../lib/lines.ts'

const draftName = /^security-events-(\d{4}-\d\d)(\.personal)?\.jsonl\.gz\.[0-9a-f-]{36}\.part$/
const personalName = /^security-events-(\d{4}-\d\d)\.personal\.jsonl\.gz$/
const draftAgeMs = 24 * 3600 * 1000

/** A gzipped file that grows line by line. */
export interface LineWriter {
  write(lines: readonly string[]): Promise<void>
}

/** The two files of a month under names of their own, until they are known to be right. */
export interface ArchiveDraft {
  readonly events: LineWriter
  readonly personalData: LineWriter
  /** Resolves once all is on disk. */
  finish(): Promise<void>
  /** As the check of archives takes them. */
  readEvents(): AsyncIterable<string | null>
  /** `count` says how many lines were read so far. */
  readPersonalData(): { readonly lines: AsyncIterable<string | null>; count(): number }
  /** SHA-256 of the file of events. */
  digest(): Promise<Buffer>
  /**
   * Gives the files their names. Throws, and changes nothing, where a file of events is there that holds something else. Beside one that
   * holds the same, a file of personal data that is there stays as it is: somebody may have been taken out of it.
   */
  place(): Promise<void>
  discard(): Promise<void>
}

export type ArchiveFileStore = ReturnType<typeof createArchiveFileStore>

const linesAtOnce = 500

/** The directory that months are archived in. It must be there: one that is not may be a disk that is not mounted. */
export const createArchiveFileStore = (directory: string) => ({
  /** Whether the files of a month, as in 2026-01, are both there, and that of events has this SHA-256. */
  async has(month: string, digest: Buffer): Promise<boolean> {
    const names = archiveFileNames(month)
    if (!(await isThere(join(directory, names.personalData)))) return false
    return (await digestOf(join(directory, names.events)))?.equals(digest) ?? false
  },

  /** The months, as in 2026-01, that personal data is there of, oldest first. */
  async months(): Promise<string[]> {
    return (await readdir(directory)).flatMap((name) => personalName.exec(name)?.[1] ?? []).toSorted()
  },

  /** The events of a month, as the check of archives takes them. */
  readEvents: (month: string) => readLines(join(directory, archiveFileNames(month).events)),

  /**
   * Writes the personal data of a month anew without the lines that are to go, and returns how many went; where none does, the file
   * stays as it is, and so it does where `mayGoOn`, asked now and then and at last before the file gets its name, says no: null.
   * It gets its name once it is on disk, so that it is whole at any time.
   */
  async rewritePersonalData(
    month: string,
    isToGo: (line: string) => boolean,
    mayGoOn: () => Promise<boolean>,
  ): Promise<number | null> {
    const path = join(directory, archiveFileNames(month).personalData)
    const draft = `${path}.${randomUUID()}.part`
    const writer = openWriter(draft)
    let [gone, read] = [0, 0]
    try {
      for await (const line of readLines(path)) {
        if (line === null) throw new ArchiveFormatError('a line is too long')
        if (isToGo(line)) gone++
        else await writer.write([line])
        if (++read % linesAtOnce === 0 && !(await mayGoOn())) return null
      }
      await writer.close()
      if (gone > 0) {
        if (!(await mayGoOn())) return null // somebody else may have taken more out of it meanwhile
        await rename(draft, path)
        await syncDirectory(directory)
      }
      return gone
    } finally {
      await writer.abort()
      await rm(draft, { force: true })
    }
  },

  /** Begins the files of a month, as in 2026-01, and removes what was begun of it before, or long ago, and not finished: one program at a time may. */
  async begin(month: string): Promise<ArchiveDraft> {
    await removeDrafts(directory, month)
    const names = archiveFileNames(month)
    const suffix = `.${randomUUID()}.part`
    const events = join(directory, names.events)
    const personalData = join(directory, names.personalData)
    const writers = [openWriter(events + suffix), openWriter(personalData + suffix)] as const
    return {
      events: writers[0],
      personalData: writers[1],
      async finish() {
        for (const writer of writers) await writer.close()
      },
      readEvents: () => readLines(events + suffix),
      readPersonalData: () => countLines(readLines(personalData + suffix)),
      digest: async () => (await digestOf(events + suffix)) as Buffer,
      async place() {
        const present = await digestOf(events)
        if (present && !present.equals((await digestOf(events + suffix)) as Buffer))
          throw new Error(`${events} is there already and holds something else: move it away`)
        if (!(present && (await isThere(personalData)))) await rename(personalData + suffix, personalData)
        await rename(events + suffix, events)
        await syncDirectory(directory)
      },
      async discard() {
        for (const writer of writers) await writer.abort()
        for (const path of [events + suffix, personalData + suffix]) await rm(path, { force: true })
      },
    }
  },
})

const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory)
  await handle.sync().finally(() => handle.close())
}

const removeDrafts = async (directory: string, month: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    const [, monthOfDraft] = draftName.exec(name) ?? []
    if (!monthOfDraft) continue
    const path = join(directory, name)
    if (monthOfDraft === month || Date.now() - (await stat(path)).mtimeMs > draftAgeMs) await rm(path)
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (problem: { code?: string }) => {
      if (problem.code === 'ENOENT') return false
      throw problem
    },
  )

const openWriter = (path: string) => {
  const gzip = createGzip()
  const written = pipeline(gzip, createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }))
  written.catch(() => {}) // whoever writes or closes is told
  return {
    async write(lines: readonly string[]): Promise<void> {
      if (lines.length === 0) return
      if (!gzip.write(lines.map((line) => `${line}\n`).join(''))) await Promise.race([once(gzip, 'drain'), written])
    },
    async close(): Promise<void> {
      gzip.end()
      await written
    },
    async abort(): Promise<void> {
      gzip.destroy()
      await written.catch(() => {})
    },
  }
}

async function* readLines(path: string): AsyncGenerator<string | null> {
  yield* gunzippedLinesOf(createReadStream(path), mostBytesOfLine) // opened once somebody reads
}

const countLines = (lines: AsyncIterable<string | null>) => {
  let count = 0
  const counted = async function* () {
    for await (const line of lines) {
      count++
      yield line
    }
  }
  return { lines: counted(), count: () => count }
}

/** SHA-256 of a file; null where there is none. */
const digestOf = async (path: string): Promise<Buffer | null> => {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch (problem) {
    if ((problem as { code?: string }).code === 'ENOENT') return null
    throw problem
  }
  return hash.digest()
}
