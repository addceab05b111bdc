import { hash as hashOf, type KeyObject, sign, verify } from 'node:crypto'
import type { AuditKey } from './audit-key.ts'
import type { SecurityEvent } from './security-event.ts'

/** What of an event its link covers: all that its row holds, and by `personalDigest` what stands beside it. */
export interface ChainedEvent
  extends Pick<
    SecurityEvent,
    'id' | 'type' | 'severity' | 'outcome' | 'occurredAt' | 'userId' | 'actorId' | 'sessionId'
  > {
  readonly personalDigest: string
}

/** An event's place in the chain. */
export interface Link {
  readonly sequence: number
  readonly eventId: string
  readonly digest: Buffer
  readonly hash: Buffer
}

/** How far the log is sealed. */
export interface Head {
  readonly sequence: number
  readonly hash: Buffer
  readonly sealedAt: Date
}

export interface SignedHead extends Head {
  /** The id of the audit key; empty before anything was sealed. */
  readonly keyId: string
  readonly signature: Buffer
}

/** What the first link follows. */
export const genesisHash = Buffer.alloc(32)

/** SHA-256 over the fields of an event as a JSON array, in the order of `ChainedEvent`; the time as RFC 3339 in UTC. */
export const digestOf = (event: ChainedEvent): Buffer => {
  const { id, type, severity, outcome, occurredAt, userId, actorId, sessionId, personalDigest } = event
  const fields = [id, type, severity, outcome, occurredAt.toISOString(), userId, actorId, sessionId, personalDigest]
  return hashOf('sha256', JSON.stringify(fields), 'buffer')
}

/** SHA-256 over the hash of the link before, the sequence as eight bytes, and the event's digest. */
export const linkHash = (previous: Buffer, sequence: number, digest: Buffer): Buffer => {
  const place = Buffer.alloc(8)
  place.writeBigUInt64BE(BigInt(sequence))
  return hashOf('sha256', Buffer.concat([previous, place, digest]), 'buffer')
}

/** How a head stands to those that are kept: signed with it, so that none of them can be taken away. */
export interface HeadStanding {
  /** The sequence of the newest checkpoint before this head; 0 where there is none. */
  readonly checkpointBefore: number
  /** Whether it is itself kept as a checkpoint. */
  readonly isCheckpoint: boolean
}

const signedText = ({ sequence, hash, sealedAt }: Head, { checkpointBefore, isCheckpoint }: HeadStanding): Buffer => {
  const fields = [sequence, hash.toString('hex'), sealedAt.toISOString(), checkpointBefore, isCheckpoint]
  return Buffer.from(JSON.stringify(['gatehouse audit head', ...fields]))
}

export const signHead = (head: Head, standing: HeadStanding, { id: keyId, privateKey }: AuditKey): SignedHead => ({
  ...head,
  keyId,
  signature: sign(null, signedText(head, standing), privateKey),
})

/** Whether the key signed this head, and that it stands so. */
export const isSignedBy = (head: SignedHead, standing: HeadStanding, publicKey: KeyObject): boolean =>
  verify(null, signedText(head, standing), publicKey, head.signature)
