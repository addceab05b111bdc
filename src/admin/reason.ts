import { badInput } from '../failure.ts'
import { hasControlCharacters } from '../lib/text.ts'

const longestReason = 500
const invisible = /\p{Default_Ignorable_Code_Point}/gu // a filler is a letter

/** What an administrator gives as the reason of an act, in NFC without surrounding space. Throws BAD_USER_INPUT. */
export const parseReason = (path: string, text: string): string => {
  const reason = text.normalize('NFC').trim()
  if (!/[\p{L}\p{N}]/u.test(reason.replace(invisible, ''))) throw badInput(path, 'must say why')
  if ([...reason].length > longestReason) throw badInput(path, `must have at most ${longestReason} characters`)
  if (hasControlCharacters(reason)) throw badInput(path, 'must have no control characters')
  return reason
}
