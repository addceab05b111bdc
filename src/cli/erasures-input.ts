import { createReadStream } from 'node:fs'
import { isId } from '../lib/ids.ts'
import { linesOf } from '../lib/lines.ts'
import { UsageError } from './command.ts'

const mostBytesOfLine = 1_000

/** The ids in a list as the command `erasures` prints it. Throws UsageError for anything else, and rejects where it can't be read. */
export const readErasures = async (path: string): Promise<string[]> => {
  const ids: string[] = []
  let number = 0
  for await (const line of linesOf(createReadStream(path), mostBytesOfLine)) {
    number++
    const id = line && idIn(line.toString())
    if (id === null) throw new UsageError(`line ${number} of ${path} must be as in {"id":"…","erasedAt":"…"}`)
    if (id) ids.push(id)
  }
  return ids
}

/** Null where a line is something else, and empty where it is empty. */
const idIn = (text: string): string | null => {
  if (!text.trim()) return ''
  try {
    const { id } = JSON.parse(text) as { id?: unknown }
    return typeof id === 'string' && isId(id) ? id : null
  } catch {
    return null
  }
}
