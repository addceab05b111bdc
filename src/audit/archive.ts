import { type KeyObject, sign, verify } from 'node:crypto'
import type { AuditKey } from './audit-key.ts'

/** What stays in the database of a month whose events were written to a file. */
export interface ArchiveRecord {
  /** Its first day, as in 2026-01-01. */
  readonly month: string
  readonly events: number
  readonly firstSequence: number
  readonly lastSequence: number
  readonly file: string
  /** SHA-256 of the file. */
  readonly fileDigest: Buffer
  readonly archivedAt: Date
}

export interface SignedArchive extends ArchiveRecord {
  readonly keyId: string
  readonly signature: Buffer
}

const signedText = (record: ArchiveRecord): Buffer => {
  const { month, events, firstSequence, lastSequence, file, fileDigest, archivedAt } = record
  const fields = [
    month,
    events,
    firstSequence,
    lastSequence,
    file,
    fileDigest.toString('hex'),
    archivedAt.toISOString(),
  ]
  return Buffer.from(JSON.stringify(['gatehouse audit archive', ...fields]))
}

export const signArchive = (record: ArchiveRecord, { id: keyId, privateKey }: AuditKey): SignedArchive => ({
  ...record,
  keyId,
  signature: sign(null, signedText(record), privateKey),
})

/** Whether the key signed this record. */
export const isArchiveSignedBy = (archive: SignedArchive, publicKey: KeyObject): boolean =>
  verify(null, signedText(archive), publicKey, archive.signature)
