import { type Config, parseKeys } from '../config.ts'
import { UsageError } from './command.ts'

/** The key ring of GATEHOUSE_KEYS. Throws UsageError where there is none, or it is malformed. */
export const givenKeys = (): Config['keys'] => {
  const keys = parseKeys(process.env.GATEHOUSE_KEYS?.trim() ?? '', (problem) => {
    throw new UsageError(problem)
  })
  if (!keys) throw new UsageError('GATEHOUSE_KEYS is missing: the same keys that the servers have')
  return keys
}
