import { randomInt } from 'node:crypto'
import type { KeyRing } from '../lib/key-ring.ts'
import { smsCodeLifetimeSeconds } from './challenge.ts'

/** A new code: six random digits (NIST SP 800-63B-4 §3.1.3.2). */
export const newSmsCode = (): string => String(randomInt(1_000_000)).padStart(6, '0')

export const smsText = (code: string): string =>
  `${code} is your Gatehouse code, good for ${smsCodeLifetimeSeconds / 60} minutes. Nobody will ever ask you for it.`

const bound = (challengeId: string, factorId: string, code: string): string =>
  `sms code ${challengeId} ${factorId} ${code}`

/** How a code is stored: keyed, as a million codes are soon tried, and bound to its challenge and number (ASVS 6.6.2). */
export const smsCodeDigest = (keys: KeyRing, challengeId: string, factorId: string, code: string): string =>
  keys.sign(bound(challengeId, factorId, code)).toString('base64url')

/** The same under every key of the ring. */
export const smsCodeDigests = (keys: KeyRing, challengeId: string, factorId: string, code: string): string[] =>
  [...keys.signatures(bound(challengeId, factorId, code))].map((signature) => signature.toString('base64url'))
