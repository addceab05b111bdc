import type { Transact } from '../db/transact.ts'
import type { Clock } from '../lib/clock.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import { newSigningKey, openPrivateKey } from './key-pair.ts'
import { nextSignsFrom, publishedKeys, type SigningKey } from './signing-key.ts'
import type { SigningKeyStore } from './signing-key-store.ts'

export interface RotationDeps {
  readonly transact: Transact<{ readonly signingKeys: Pick<SigningKeyStore, 'list' | 'addNext'> }>
  readonly ring: KeyRing
  readonly now: Clock
}

export type Rotation = Pick<SigningKey, 'id' | 'signsFrom'> & {
  /** False for a key that was waiting for its time already. */
  readonly isNew: boolean
}

/**
 * Makes the next key, which signs once everybody knows it, unless one waits for that already. At once, for a key that
 * leaked: the new one signs now, and all before it are revoked. Throws when the ring opens none of the keys there are.
 */
export const createRotateSigningKey =
  ({ transact, ring, now }: RotationDeps) =>
  async (isAtOnce: boolean): Promise<Rotation> => {
    const canOpen = (key: SigningKey): boolean => {
      try {
        return Boolean(openPrivateKey(key, ring))
      } catch {
        return false
      }
    }
    for (;;) {
      const keys = await transact(({ signingKeys }) => signingKeys.list())
      const createdAt = now()
      const published = publishedKeys(keys, createdAt)
      const usable = published.filter(canOpen)
      if (published.length > 0 && usable.length === 0) {
        throw new Error(
          'GATEHOUSE_KEYS opens none of the signing keys: give the command the keys that the servers have',
        )
      }
      const waiting = usable.find(({ signsFrom }) => signsFrom > createdAt)
      if (waiting && !isAtOnce) return { ...waiting, isNew: false }
      const signsFrom = isAtOnce ? createdAt : nextSignsFrom(usable, createdAt)
      const key = newSigningKey(keys, { createdAt, signsFrom }, ring)
      if (await transact(({ signingKeys }) => signingKeys.addNext(key, isAtOnce))) return { ...key, isNew: true }
    }
  }
