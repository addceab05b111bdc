import { parseKeys } from '../../src/config.ts'

/** A key ring, as GATEHOUSE_KEYS spells it. */
export const readKeys = (text: string) => {
  const keys = parseKeys(text, (problem) => {
    throw new Error(problem)
  })
  if (!keys) throw new Error('There is no key')
  return keys
}
