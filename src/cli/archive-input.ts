import { once } from 'node:events'
import { createReadStream, type ReadStream } from 'node:fs'
import { basename } from 'node:path'
import { ArchiveFormatError, mostBytesOfLine, parseArchiveLine } from '../audit/archive-file.ts'
import type { ArchiveFile } from '../audit/archive-verification-service.ts'
import { gunzippedLinesOf } from '../lib/lines.ts'
import { UsageError } from './command.ts'

const [ending, personalEnding] = ['.jsonl.gz', '.personal.jsonl.gz']

/**
 * Opens archives of months, in the order of their events, each with the personal data beside it where that is there. Throws
 * UsageError for what is no such file, and rejects where one can't be read.
 */
export const openArchives = async (
  paths: readonly string[],
): Promise<{ readonly name: string; readonly file: ArchiveFile }[]> => {
  for (const path of paths) {
    if (!path.endsWith(ending)) throw new UsageError(`${path} is no file such as security-events-2026-01${ending}`)
  }
  const archives = await Promise.all(
    [...new Set(paths.filter((path) => !path.endsWith(personalEnding)))].map(async (path) => ({
      name: basename(path),
      path,
      personalPath: path.replace(ending, personalEnding),
      first: await firstSequenceOf(path),
    })),
  )
  for (const path of paths) {
    if (path.endsWith(personalEnding) && !archives.some(({ personalPath }) => personalPath === path))
      throw new UsageError(`${path} can only be checked with the file of its events`)
  }
  return Promise.all(
    archives
      .toSorted((a, b) => a.first - b.first)
      .map(async ({ name, path, personalPath }) => ({
        name,
        file: {
          lines: textLinesOf(await open(path)),
          personalData: await open(personalPath).then(textLinesOf, ifMissing),
        },
      })),
  )
}

const ifMissing = (problem: NodeJS.ErrnoException): null => {
  if (problem.code !== 'ENOENT') throw problem
  return null
}

const open = async (path: string): Promise<ReadStream> => {
  const stream = createReadStream(path)
  await once(stream, 'open')
  return stream
}

/** Where nothing can be read of a file, it comes last: its own check says what is wrong. */
const firstSequenceOf = async (path: string): Promise<number> => {
  const stream = await open(path)
  try {
    for await (const text of textLinesOf(stream)) {
      const line = text === null ? null : parseArchiveLine(text)
      if (line?.kind !== 'header') return line?.sequence ?? Number.POSITIVE_INFINITY
    }
  } catch (problem) {
    if (!(problem instanceof ArchiveFormatError)) throw problem
  } finally {
    stream.destroy()
  }
  return Number.POSITIVE_INFINITY
}

/** Throws ArchiveFormatError where a file is not whole, or not compressed. */
async function* textLinesOf(stream: ReadStream): AsyncGenerator<string | null> {
  try {
    yield* gunzippedLinesOf(stream, mostBytesOfLine)
  } catch (problem) {
    const { code = '' } = problem as { code?: string }
    throw code.startsWith('Z_') || code === 'ERR_STREAM_PREMATURE_CLOSE'
      ? new ArchiveFormatError('no whole gzip file')
      : problem
  }
}
