import { randomInt } from 'node:crypto'

const backupCodeCount = 10

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ' // Crockford's Base32: no letter is taken for a digit
const groupLength = 5 // two groups: 50 random bits, behind one hash and a budget of tries (ASVS 6.5.2, 6.5.4)

const randomGroup = (): string =>
  Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join('')

/** Ten new codes. Each begins with the digit of its slot, so that checking one costs one hash. */
export const newBackupCodes = (): string[] =>
  Array.from({ length: backupCodeCount }, (_none, slot) => `${slot}-${randomGroup()}-${randomGroup()}`)
