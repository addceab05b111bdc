import type { ChainedEvent, SignedHead } from './chain.ts'
import type { PersonalData } from './security-event.ts'

/** An event with its place in the chain. */
export interface ArchivedEvent {
  readonly sequence: number
  /** The hash of the link before it. */
  readonly previousHash: Buffer
  readonly hash: Buffer
  readonly event: ChainedEvent
}

/** The link of an event that another month's file holds. */
export interface ArchivedLink {
  readonly sequence: number
  readonly digest: Buffer
  readonly hash: Buffer
}

export interface ArchivedCheckpoint extends SignedHead {
  /** The sequence of the checkpoint before it, which its signature covers; 0 where there was none. */
  readonly checkpointBefore: number
  /** SPKI, DER: to tell keys apart. Whether it is to be trusted the file itself can't say. */
  readonly publicKey: Buffer
}

/**
 * A line of a month's file, which holds in this order: the header; events and links together, by sequence and without a
 * gap, to a checkpoint at or after the last event; the checkpoints of those sequences.
 */
export type ArchiveLine =
  | { readonly kind: 'header'; readonly month: string }
  | ({ readonly kind: 'event' } & ArchivedEvent)
  | ({ readonly kind: 'link' } & ArchivedLink)
  | ({ readonly kind: 'checkpoint' } & ArchivedCheckpoint)

/** A line of the month's second file, in the order of its events: what erasure takes out. */
export interface ArchivedPersonalData extends PersonalData {
  readonly eventId: string
}

/** A line is not as this program writes it. */
export class ArchiveFormatError extends Error {}

const format = 'gatehouse audit archive'
const version = 1

/** More than any line has that Gatehouse writes. */
export const mostBytesOfLine = 1_000_000

/** The names of a month's two files; `month` as in 2026-01. */
export const archiveFileNames = (month: string) => ({
  events: `security-events-${month}.jsonl.gz`,
  personalData: `security-events-${month}.personal.jsonl.gz`,
})

/** One line, without its line feed. */
export const printArchiveLine = (line: ArchiveLine): string => {
  switch (line.kind) {
    case 'header':
      return JSON.stringify({ format, version, month: line.month })
    case 'event': {
      const { id, type, severity, outcome, occurredAt, userId, actorId, sessionId, personalDigest } = line.event
      return JSON.stringify({
        sequence: line.sequence,
        previousHash: line.previousHash.toString('hex'),
        hash: line.hash.toString('hex'),
        event: { id, type, severity, outcome, occurredAt, userId, actorId, sessionId, personalDigest },
      })
    }
    case 'link': {
      const { sequence, digest, hash } = line
      return JSON.stringify({ link: { sequence, digest: digest.toString('hex'), hash: hash.toString('hex') } })
    }
    case 'checkpoint': {
      const { sequence, hash, sealedAt, checkpointBefore, keyId, signature, publicKey } = line
      return JSON.stringify({
        checkpoint: {
          sequence,
          hash: hash.toString('hex'),
          sealedAt,
          checkpointBefore,
          keyId,
          signature: signature.toString('base64url'),
          publicKey: publicKey.toString('base64url'),
        },
      })
    }
  }
}

export const printPersonalData = (line: ArchivedPersonalData): string => {
  const { eventId, salt, ipAddress, userAgent, details } = line
  return JSON.stringify({ eventId, salt, ipAddress, userAgent, details })
}

/** Throws ArchiveFormatError. */
export const parseArchiveLine = (text: string): ArchiveLine => {
  const line = objectOf(text)
  if ('format' in line) {
    if (line.format !== format || line.version !== version) throw new ArchiveFormatError('another format or version')
    return { kind: 'header', month: matching(line, 'month', /^\d{4}-\d\d$/) }
  }
  if ('event' in line) {
    const event = fieldsOf(line.event)
    return {
      kind: 'event',
      sequence: wholeOf(line, 'sequence', 1),
      previousHash: hashOf(line, 'previousHash'),
      hash: hashOf(line, 'hash'),
      event: {
        id: textOf(event, 'id'),
        type: textOf(event, 'type') as ChainedEvent['type'],
        severity: textOf(event, 'severity') as ChainedEvent['severity'],
        outcome: textOf(event, 'outcome') as ChainedEvent['outcome'],
        occurredAt: instantOf(event, 'occurredAt'),
        userId: optionalTextOf(event, 'userId'),
        actorId: optionalTextOf(event, 'actorId'),
        sessionId: optionalTextOf(event, 'sessionId'),
        personalDigest: textOf(event, 'personalDigest'),
      },
    }
  }
  if ('link' in line) {
    const link = fieldsOf(line.link)
    return {
      kind: 'link',
      sequence: wholeOf(link, 'sequence', 1),
      digest: hashOf(link, 'digest'),
      hash: hashOf(link, 'hash'),
    }
  }
  const checkpoint = fieldsOf(line.checkpoint)
  return {
    kind: 'checkpoint',
    sequence: wholeOf(checkpoint, 'sequence', 1),
    hash: hashOf(checkpoint, 'hash'),
    sealedAt: instantOf(checkpoint, 'sealedAt'),
    checkpointBefore: wholeOf(checkpoint, 'checkpointBefore', 0),
    keyId: textOf(checkpoint, 'keyId'),
    signature: Buffer.from(textOf(checkpoint, 'signature'), 'base64url'),
    publicKey: Buffer.from(textOf(checkpoint, 'publicKey'), 'base64url'),
  }
}

/** Throws ArchiveFormatError. */
export const parsePersonalData = (text: string): ArchivedPersonalData => {
  const line = objectOf(text)
  return {
    eventId: textOf(line, 'eventId'),
    salt: textOf(line, 'salt'),
    ipAddress: optionalTextOf(line, 'ipAddress'),
    userAgent: optionalTextOf(line, 'userAgent'),
    details: fieldsOf(line.details) as PersonalData['details'],
  }
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields => {
  if (typeof value !== 'object' || value === null) throw new ArchiveFormatError('no line of an archive')
  return value as Fields
}

const objectOf = (text: string): Fields => {
  try {
    return fieldsOf(JSON.parse(text))
  } catch {
    throw new ArchiveFormatError('no JSON object')
  }
}

const textOf = (fields: Fields, name: string): string => {
  const value = fields[name]
  if (typeof value !== 'string') throw new ArchiveFormatError(`"${name}" is no text`)
  return value
}

const optionalTextOf = (fields: Fields, name: string): string | null =>
  fields[name] === null ? null : textOf(fields, name)

const matching = (fields: Fields, name: string, pattern: RegExp): string => {
  const text = textOf(fields, name)
  if (!pattern.test(text)) throw new ArchiveFormatError(`"${name}" has another form`)
  return text
}

const hashOf = (fields: Fields, name: string): Buffer => Buffer.from(matching(fields, name, /^[0-9a-f]{64}$/), 'hex')

/** Only as it was written: the digest is over the text. */
const instantOf = (fields: Fields, name: string): Date => {
  const instant = new Date(matching(fields, name, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/))
  if (Number.isNaN(instant.getTime())) throw new ArchiveFormatError(`"${name}" is no time`)
  return instant
}

const wholeOf = (fields: Fields, name: string, least: number): number => {
  const value = fields[name]
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw new ArchiveFormatError(`"${name}" is no whole number from ${least} on`)
  return value as number
}
