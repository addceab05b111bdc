import { createHmac, randomInt } from 'node:crypto'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

const base32Decode = (text: string): Buffer => {
  const bits = [...text].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

/** A TOTP code by RFC 6238 and RFC 4226 §5.3, written apart from the library that the server uses. */
export const totpCode = (seed: string, at: Date): string => {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at.getTime() / 30_000)))
  const mac = createHmac('sha1', base32Decode(seed)).update(counter).digest()
  const offset = (mac.at(-1) as number) & 15
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** Codes that are wrong at `at` and in the steps around it, all different. */
export const wrongTotpCodes = (seed: string, at: Date, count: number): string[] => {
  const near = new Set([-60, -30, 0, 30, 60].map((seconds) => totpCode(seed, new Date(at.getTime() + seconds * 1000))))
  const wrong = new Set<string>()
  while (wrong.size < count) {
    const code = String(randomInt(1_000_000)).padStart(6, '0')
    if (!near.has(code)) wrong.add(code)
  }
  return [...wrong]
}

/** One such code. */
export const wrongTotpCode = (seed: string, at: Date): string => wrongTotpCodes(seed, at, 1)[0] as string
