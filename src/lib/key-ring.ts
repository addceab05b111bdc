import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

const keyBytes = 32
const ivBytes = 12
const tagBytes = 16

export interface MasterKey {
  readonly id: string
  readonly secret: Buffer
}

/** What is stored is sealed under a key that the ring lacks: another process may well open it. */
export class UnknownKeyError extends Error {
  constructor(keyId: string) {
    super(`A stored value is sealed under the key "${keyId}", which GATEHOUSE_KEYS does not hold`)
    this.name = 'UnknownKeyError'
  }
}

/** Seals small secrets for storage and signs short checksums, under keys that can be replaced while running. */
export interface KeyRing {
  /** AES-256-GCM under the newest key. `boundTo` must be given again to open: a value moved to another row won't. */
  seal(plaintext: string, boundTo: string): string
  /** Opens what any key of the ring sealed. Throws UnknownKeyError, and on a wrong binding or a changed byte. */
  open(sealed: string, boundTo: string): string
  /** HMAC-SHA-256 of `text` under the newest key. */
  sign(text: string): Buffer
  /** The same under every key, newest first, to recognise what an older key signed. */
  signatures(text: string): Iterable<Buffer>
}

interface DerivedKeys {
  readonly id: string
  readonly sealing: KeyObject
  readonly signing: KeyObject
}

/** 32 bytes for one purpose (RFC 5869): they tell nothing of the key, nor of another purpose's. */
export const deriveBytes = (key: MasterKey, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key.secret, '', `gatehouse ${purpose}`, keyBytes))

const derive = (key: MasterKey, purpose: string): KeyObject => createSecretKey(deriveBytes(key, purpose))

/** Builds the ring from its keys, newest first. KeyObjects are made once: with a Buffer each use costs five times as much. */
export const createKeyRing = (masterKeys: readonly [MasterKey, ...MasterKey[]]): KeyRing => {
  const derived = masterKeys.map(
    (key): DerivedKeys => ({ id: key.id, sealing: derive(key, 'sealing'), signing: derive(key, 'signing') }),
  )
  const newest = derived[0] as DerivedKeys
  const byId = new Map(derived.map((keys) => [keys.id, keys]))
  const signWith = (keys: DerivedKeys, text: string): Buffer => createHmac('sha256', keys.signing).update(text).digest()

  return {
    seal(plaintext, boundTo) {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', newest.sealing, iv).setAAD(Buffer.from(boundTo))
      const body = Buffer.concat([iv, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${newest.id}:${body.toString('base64url')}`
    },
    open(sealed, boundTo) {
      const [id = '', encoded = ''] = sealed.split(':')
      const keys = byId.get(id)
      if (!keys) throw new UnknownKeyError(id)
      const body = Buffer.from(encoded, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', keys.sealing, body.subarray(0, ivBytes), {
        authTagLength: tagBytes,
      })
      decipher.setAAD(Buffer.from(boundTo)).setAuthTag(body.subarray(-tagBytes))
      return Buffer.concat([decipher.update(body.subarray(ivBytes, -tagBytes)), decipher.final()]).toString('utf8')
    },
    sign: (text) => signWith(newest, text),
    *signatures(text) {
      for (const keys of derived) yield signWith(keys, text)
    },
  }
}
