import { hash, randomBytes } from 'node:crypto'

const singleUseTokenBytes = 32 // 256 bits: nothing to guess, so a fast hash is enough to store it by

/** A new single-use token, base64url, 256 random bits. */
export const newToken = (): string => randomBytes(singleUseTokenBytes).toString('base64url')

/** SHA-256 of a high-entropy secret as base64url: the only form in which one is stored (ASVS 6.5.2, NIST 5.1). */
export const fingerprint = (secret: string): string => hash('sha256', secret, 'base64url')
