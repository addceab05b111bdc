import { randomInt } from 'node:crypto'

const backupCodeCount = 10

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ' // Crockford's Base32: no letter is taken for a digit
const groupLength = 5 // two groups: 50 random bits, behind one hash and a budget of tries (ASVS 6.5.2, 6.5.4)

export interface BackupCode {
  readonly slot: number
  /** As it was printed. */
  readonly text: string
}

const randomGroup = (): string =>
  Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join('')

/** Ten new codes. Each begins with the digit of its slot, so that checking one costs one hash. */
export const newBackupCodes = (): string[] =>
  Array.from({ length: backupCodeCount }, (_none, slot) => `${slot}-${randomGroup()}-${randomGroup()}`)

/** A backup code as someone typed it: in any case, with or without dashes, an O for a 0. Null for anything else. */
export const parseBackupCode = (typed: string): BackupCode | null => {
  if (!/^[\s\w-]{1,32}$/.test(typed)) return null // ASCII: the upper case of other letters can be one of ours
  const plain = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1')
  const [, slot, first, second] = /^(\d)([0-9A-HJKMNP-TV-Z]{5})([0-9A-HJKMNP-TV-Z]{5})$/.exec(plain) ?? []
  return slot && first && second ? { slot: Number(slot), text: `${slot}-${first}-${second}` } : null
}
