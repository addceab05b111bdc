import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type ArchivedPersonalData,
  ArchiveFormatError,
  type ArchiveLine,
  parseArchiveLine,
  parsePersonalData,
} from './archive-file.ts'
import { type ChainedEvent, digestOf } from './chain.ts'
import {
  type AuditProblem,
  beginning,
  type ChainPosition,
  checkLink,
  checkPersonalData,
  type Finding,
  findingAt,
  judgeSignature,
  type KnownKeys,
  monthOf,
} from './verification.ts'

/** The files of a month, as lines; null stands for one that is longer than any that Gatehouse writes. */
export interface ArchiveFile {
  readonly lines: AsyncIterable<string | null>
  /** Null where the file is missing: nothing personal is checked then. */
  readonly personalData: AsyncIterable<string | null> | null
}

export interface ArchiveResult {
  readonly checkedEvents: number
  /** How far the file goes; null where something is wrong. */
  readonly end: ChainPosition | null
  readonly finding: Finding | null
}

export interface ArchiveVerification {
  readonly keys: KnownKeys
  /** A head that somebody noted down: must stand in the chain where the files reach it. */
  readonly knownHead: ChainPosition | null
  /** Users that somebody noted down as erased: that may stand in none of the files. */
  readonly erased?: Iterable<string>
  readonly onProgress: (checked: number) => void
}

export interface VerifyArchives {
  check(file: ArchiveFile): Promise<ArchiveResult>
  /** Once all files were checked: the first event whose personal data is missing though nobody's erasure explains it. */
  unexplained(): Finding | null
}

const checkedInOneGo = 500

/**
 * Checks archives of months one after the other, which must come in the order of their events and join: each on its own and
 * against those before it. Rejects where a file can't be read.
 */
export const createVerifyArchives = ({
  keys,
  knownHead,
  erased = [],
  onProgress,
}: ArchiveVerification): VerifyArchives => {
  const absences = collectAbsences(erased)
  let before: HashList | null = null
  let total = 0

  const check = async ({ lines, personalData }: ArchiveFile): Promise<ArchiveResult> => {
    let checkedEvents = 0
    let hashes = null as HashList | null // set by `begin`, which the compiler does not see
    let previous = beginning
    let lastEvent = 0
    let vouchedThrough = 0
    const broken = (problem: AuditProblem, eventId: string | null = null, sequence: number | null = null) => ({
      checkedEvents,
      end: null,
      finding: findingAt(problem, sequence ?? previous.sequence + 1, eventId),
    })
    const companions = companionsOf(personalData)

    /** Whether the chain of this file can begin after `position`, given those before it. */
    const begin = (position: ChainPosition): AuditProblem | null => {
      hashes = new HashList(position)
      previous = position
      if (position.sequence === 0) return position.hash.equals(beginning.hash) ? null : 'linkAltered'
      if (before && position.sequence > before.last) return 'filesApart'
      return contradicts(position) ? 'filesContradict' : null
    }
    const contradicts = ({ sequence, hash }: ChainPosition): boolean =>
      [before?.at(sequence), knownHead?.sequence === sequence ? knownHead.hash : undefined].some(
        (known) => known && !known.equals(hash),
      )
    const advance = (position: ChainPosition): AuditProblem | null => {
      previous = position
      hashes?.add(position.hash)
      return contradicts(position) ? 'filesContradict' : null
    }

    const reading = lines[Symbol.asyncIterator]()
    try {
      const header = await nextLine(reading)
      if (header?.kind !== 'header') return broken('fileMalformed')
      for (let line = await nextLine(reading); line; line = await nextLine(reading)) {
        if (line.kind === 'event') {
          const { sequence, hash, previousHash, event } = line
          const problem = hashes ? null : begin({ sequence: sequence - 1, hash: previousHash })
          if (problem) return broken(problem, event.id)
          if (sequence > previous.sequence + 1) return broken('linkMissing')
          if (!previousHash.equals(previous.hash)) return broken('linkAltered', event.id)
          if (monthOf(event.id) !== `${header.month}-01`) return broken('eventAltered', event.id)
          if (checkLink(previous, { sequence, hash, digest: digestOf(event) })) return broken('eventAltered', event.id)
          const personal = await companions.of(event.id)
          absences.note(sequence, event, personalData === null || personal !== null)
          const altered = (personal && checkPersonalData(event, personal)) ?? advance({ sequence, hash })
          if (altered) return broken(altered, event.id, sequence)
          lastEvent = sequence
          onProgress(++total)
          if (++checkedEvents % checkedInOneGo === 0) await nextTurn()
        } else if (line.kind === 'link') {
          if (!hashes) return broken('fileMalformed')
          const problem = checkLink(previous, line) ?? advance(line)
          if (problem) return broken(problem)
        } else if (line.kind === 'checkpoint') {
          if (!hashes?.at(line.sequence)?.equals(line.hash))
            return broken('checkpointContradicted', null, line.sequence)
          const verdict = judgeSignature(line, { ...line, isCheckpoint: true }, keys)
          if (verdict === 'forged') return broken('checkpointForged', null, line.sequence)
          if (verdict === 'valid') vouchedThrough = Math.max(vouchedThrough, line.sequence)
        } else return broken('fileMalformed')
      }
      const stray = await companions.left()
      if (stray) return broken('personalDataAltered', stray.eventId)
    } catch (problem) {
      if (!(problem instanceof ArchiveFormatError)) throw problem
      return broken('fileMalformed')
    } finally {
      await Promise.all([reading.return?.(), companions.close()])
    }
    if (vouchedThrough < Math.max(lastEvent, 1)) return broken('fileUnsigned')
    before = hashes
    return { checkedEvents, end: previous, finding: null }
  }
  return { check, unexplained: absences.unexplained }
}

/** Remembers of whom personal data is missing, and who was erased: which may come in a later file. */
const collectAbsences = (known: Iterable<string>) => {
  const erased = new Set(known)
  const absent = new Map<string, { readonly finding: Finding; readonly by: readonly (string | null)[] }>()
  return {
    note(sequence: number, { id, type, userId, actorId }: ChainedEvent, isPresent: boolean): void {
      const isErasure = type === 'ACCOUNT_ERASED'
      if (isErasure && userId) erased.add(userId)
      const by = [isErasure ? null : userId, actorId]
      const key = by.join()
      if (isPresent || absent.has(key)) return
      absent.set(key, { finding: findingAt('personalDataMissing', sequence, id), by })
    },
    unexplained(): Finding | null {
      const all = [...absent.values()].filter(({ by }) => !by.some((one) => one !== null && erased.has(one)))
      return all.toSorted((a, b) => Number(a.finding.sequence) - Number(b.finding.sequence))[0]?.finding ?? null
    },
  }
}

const nextLine = async (reading: AsyncIterator<string | null>): Promise<ArchiveLine | null> => {
  const { value, done } = await reading.next()
  if (done) return null
  if (value === null) throw new ArchiveFormatError('a line is too long')
  return parseArchiveLine(value)
}

/** Personal data goes in the order of its events, and that of whom was erased is missing. */
const companionsOf = (lines: ArchiveFile['personalData']) => {
  const reading = lines?.[Symbol.asyncIterator]()
  let waiting: ArchivedPersonalData | null | undefined

  const peek = async (): Promise<ArchivedPersonalData | null> => {
    if (waiting !== undefined) return waiting
    const next = await reading?.next()
    if (next?.value === null) throw new ArchiveFormatError('a line is too long')
    waiting = next && !next.done ? parsePersonalData(next.value) : null
    return waiting
  }
  return {
    async of(eventId: string): Promise<ArchivedPersonalData | null> {
      const next = await peek()
      if (next?.eventId !== eventId) return null
      waiting = undefined
      return next
    },
    left: peek,
    close: async () => reading?.return?.(),
  }
}

const hashBytes = 32

/** Hashes of links that follow each other: 32 bytes each. */
class HashList {
  private readonly first: number
  private count = 0
  private bytes = Buffer.alloc(1024 * hashBytes)

  constructor({ sequence, hash }: ChainPosition) {
    this.first = sequence
    this.add(hash)
  }

  get last(): number {
    return this.first + this.count - 1
  }

  add(hash: Buffer): void {
    if (this.bytes.length === this.count * hashBytes)
      this.bytes = Buffer.concat([this.bytes, Buffer.alloc(this.bytes.length)])
    hash.copy(this.bytes, this.count++ * hashBytes)
  }

  at(sequence: number): Buffer | undefined {
    const place = sequence - this.first
    return place >= 0 && place < this.count
      ? this.bytes.subarray(place * hashBytes, (place + 1) * hashBytes)
      : undefined
  }
}
