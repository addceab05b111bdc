import type { ChainPosition } from '../audit/verification.ts'
import { UsageError } from './command.ts'

/** Reads a head of the security log as `verify-audit` prints it. Throws UsageError. */
export const parseHead = (text: string): ChainPosition => {
  const [, sequence, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (!sequence || !hash) throw new UsageError('--head must be SEQUENCE:HASH as verify-audit prints it')
  return { sequence: Number(sequence), hash: Buffer.from(hash, 'hex') }
}
