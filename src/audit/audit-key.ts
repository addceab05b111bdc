import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { deriveBytes, type MasterKey } from '../lib/key-ring.ts'

/** What heads of the audit chain are signed with: Ed25519 (RFC 8032), known by the fingerprint of its public half. */
export interface AuditKey {
  readonly id: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export type AuditKeys = readonly [AuditKey, ...AuditKey[]]

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex') // what stands before an Ed25519 seed (RFC 8410 §7)
const idLength = 16

/** The fingerprint of a public key. */
export const auditKeyId = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, idLength)

/** The audit key of each key of the ring, in its order: the first signs, all are known. Nothing of them is stored. */
export const auditKeysOf = ([newest, ...older]: readonly [MasterKey, ...MasterKey[]]): AuditKeys => [
  auditKeyOf(newest),
  ...older.map(auditKeyOf),
]

const auditKeyOf = (key: MasterKey): AuditKey => {
  const der = Buffer.concat([pkcs8Prefix, deriveBytes(key, 'audit chain')])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  return { id: auditKeyId(publicKey), publicKey, privateKey }
}
