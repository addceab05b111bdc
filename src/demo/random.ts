import { createCipheriv, hash } from 'node:crypto'

export type Random = ReturnType<typeof createRandom>

/** Choices that look random and are the same for the same seed: for data to look at, never for a secret. */
export const createRandom = (seed: number) => {
  const stream = createCipheriv('aes-256-ctr', hash('sha256', `gatehouse demo ${seed}`, 'buffer'), Buffer.alloc(16))
  const bytes = (count: number): Buffer => stream.update(Buffer.alloc(count))
  const share = (): number => bytes(4).readUInt32LE() / 2 ** 32
  const below = (end: number): number => Math.floor(share() * end)
  const oneOf = <T>(choices: readonly T[]): T => choices[below(choices.length)] as T
  return {
    bytes,
    below,
    oneOf,
    /** From the first instant on, and before the second. */
    between: (from: Date, to: Date): Date => new Date(from.getTime() + below(to.getTime() - from.getTime())),
    /** True as often as that, of 1. */
    chance: (often: number): boolean => share() < often,
  }
}
