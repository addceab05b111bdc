import type { KeyObject } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import type { KeyRing } from '../lib/key-ring.ts'
import type { Logger } from '../lib/logger.ts'
import { createReloading } from '../lib/reloading.ts'
import { newSigningKey, openPrivateKey } from './key-pair.ts'
import { isNextKeyDue, nextSignsFrom, publishedKeys, type SigningKey, signingKeyAmong } from './signing-key.ts'
import type { SigningKeyStore } from './signing-key-store.ts'

export interface SigningKeysDeps {
  readonly list: SigningKeyStore['list']
  readonly addNext: SigningKeyStore['addNext']
  readonly ring: KeyRing
  readonly maxAgeSeconds: number
  readonly log: Logger
  readonly now: Clock
}

export interface Signer {
  readonly keyId: string
  readonly privateKey: KeyObject
}

export type SigningKeys = Awaited<ReturnType<typeof startSigningKeys>>

const reloadMs = 60_000

/**
 * The keys of access tokens, in memory: read at the start, at every announcement and each minute, opened once. Makes the
 * first key, and the next one when the newest has its age or none can be opened here; of several servers one succeeds.
 * Rejects when PostgreSQL can't be reached.
 */
export const startSigningKeys = async ({ list, addNext, ring, maxAgeSeconds, log, now }: SigningKeysDeps) => {
  let keys: readonly SigningKey[] = []
  /** Null for a key that could not be opened. */
  let privateKeys: ReadonlyMap<string, KeyObject | null> = new Map()

  const open = (key: SigningKey): KeyObject | null => {
    try {
      return openPrivateKey(key, ring)
    } catch (problem) {
      const text = 'a signing key can not be opened: it is published, and this server does not sign with it'
      log.error({ err: problem, keyId: key.id }, text)
      return null
    }
  }

  const read = async (): Promise<void> => {
    keys = await list()
    const published = publishedKeys(keys, now())
    privateKeys = new Map(published.map((key) => [key.id, privateKeys.get(key.id) ?? open(key)]))
  }

  /** Those that this server may sign with, now or later. */
  const usableKeys = (at: Date): SigningKey[] => publishedKeys(keys, at).filter(({ id }) => privateKeys.get(id))

  const readAndRotate = async (): Promise<void> => {
    await read()
    const at = now()
    const usable = usableKeys(at)
    if (!isNextKeyDue(usable, maxAgeSeconds, at)) return
    const key = newSigningKey(keys, { createdAt: at, signsFrom: nextSignsFrom(usable, at) }, ring)
    const isMade = await addNext(key, false) // else another server did
    if (isMade) log.info({ keyId: key.id, signsFrom: key.signsFrom }, 'the next signing key was made')
    await read()
  }

  const logProblem = (problem: unknown) => log.error({ err: problem }, 'signing keys could not be read')
  const { load, reload, stop } = createReloading(readAndRotate, logProblem)
  await load()
  const timer = setInterval(() => load().catch(logProblem), reloadMs)

  return {
    reload,
    /** What signs at this moment; undefined while there is nothing to sign with. */
    signer(): Signer | undefined {
      const key = signingKeyAmong(usableKeys(now()), now())
      const privateKey = key && privateKeys.get(key.id)
      return privateKey ? { keyId: key.id, privateKey } : undefined
    },
    /** What services may trust at this moment. */
    published: (): Pick<SigningKey, 'id' | 'publicKey'>[] => publishedKeys(keys, now()),
    stop(): Promise<void> {
      clearInterval(timer)
      return stop()
    },
  }
}
