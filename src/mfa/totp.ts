import { generateSecret, generateURI, verifySync } from 'otplib'
import type { Clock } from '../lib/clock.ts'

const seedBytes = 20 // 160 bits, what RFC 4226 §4 recommends; at least 112 are asked (NIST SP 800-63B-4 §3.1.4.1)
const periodSeconds = 30
const digits = 6
const toleranceSeconds: [past: number, future: number] = [periodSeconds, 5] // one step for slow typing, 5 s for a fast phone clock
const issuer = 'Gatehouse'

/** A new seed in Base32. The server alone chooses it (ASVS 6.5.3). */
export const newSeed = (): string => generateSecret({ length: seedBytes })

/** The Key URI that authenticator apps read from the QR code. */
export const otpauthUri = (seed: string, accountName: string): string =>
  generateURI({ issuer, label: accountName, secret: seed, algorithm: 'sha1', digits, period: periodSeconds })

/** Whether `text` has the form of a code. Only ASCII digits count, so that no code has a second spelling. */
export const isTotpCode = (text: string): boolean => /^[0-9]{6}$/.test(text)

/** The latest time step whose code can have been accepted by an instant. */
export const newestStepAt = (at: Date): number =>
  Math.floor((at.getTime() / 1000 + toleranceSeconds[1]) / periodSeconds)

/**
 * The time step (RFC 6238 §4) that `code` belongs to; null when it is wrong or out of the window. Says nothing of
 * replay: the caller must claim the step, which only one statement in the database can decide.
 */
export const matchTimeStep = (seed: string, code: string, now: Clock): number | null => {
  const epoch = Math.floor(now().getTime() / 1000)
  const result = verifySync({
    strategy: 'totp',
    secret: seed,
    token: code,
    algorithm: 'sha1',
    digits,
    period: periodSeconds,
    epoch,
    epochTolerance: toleranceSeconds,
  })
  return result.valid && 'timeStep' in result ? result.timeStep : null
}
