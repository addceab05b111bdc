import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { newId } from '../lib/ids.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import { type SigningKey, signingKeyBinding } from './signing-key.ts'

/** The key that comes after these: a new Ed25519 pair, its private half as PKCS #8, sealed and bound to the key's id. */
export const newSigningKey = (
  before: readonly SigningKey[],
  { createdAt, signsFrom }: Pick<SigningKey, 'createdAt' | 'signsFrom'>,
  ring: KeyRing,
): SigningKey => {
  const id = newId()
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')
  return {
    id,
    generation: Math.max(0, ...before.map(({ generation }) => generation)) + 1,
    publicKey: publicKey.export({ format: 'jwk' }).x as string,
    sealedPrivateKey: ring.seal(pkcs8, signingKeyBinding(id)),
    createdAt,
    signsFrom,
    revokedAt: null,
  }
}

/** The private half. Throws when the ring lacks the key that sealed it, or when it was sealed for another id. */
export const openPrivateKey = ({ id, sealedPrivateKey }: SigningKey, ring: KeyRing): KeyObject =>
  createPrivateKey({
    key: Buffer.from(ring.open(sealedPrivateKey, signingKeyBinding(id)), 'base64'),
    format: 'der',
    type: 'pkcs8',
  })
