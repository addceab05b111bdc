import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

const lineFeed = 0x0a

/**
 * The lines of a stream, in bytes without their line feed, one at a time as they are asked for; null for a line of more
 * than `mostBytes`, of which no more than that is ever held.
 */
export async function* linesOf(stream: AsyncIterable<Buffer>, mostBytes: number): AsyncGenerator<Buffer | null> {
  let parts: Buffer[] = []
  let length = 0
  const take = (part: Buffer): void => {
    length += part.length
    if (length <= mostBytes) parts.push(part)
    else parts = []
  }
  const finish = (): Buffer | null => {
    const line = length <= mostBytes ? Buffer.concat(parts) : null
    parts = []
    length = 0
    return line
  }
  for await (const chunk of stream) {
    let start = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      take(chunk.subarray(start, end))
      start = end + 1
      yield finish()
    }
    take(chunk.subarray(start))
  }
  if (length > 0) yield finish()
}

/** The lines of a gzipped stream, as text; null for a line of more than `mostBytes`. */
export async function* gunzippedLinesOf(stream: Readable, mostBytes: number): AsyncGenerator<string | null> {
  const gunzipped = pipeline(stream, createGunzip(), () => {}) // whoever reads is told
  for await (const line of linesOf(gunzipped, mostBytes)) yield line?.toString() ?? null
}
