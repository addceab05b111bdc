import type { asOperatorOn } from './operator-on-database.ts'

/** Does as `asOperatorOn` does, which is loaded only then: help and wrong usage are told without a wait. */
export const asOperator: typeof asOperatorOn = async (...args) => {
  const { asOperatorOn } = await import('./operator-on-database.ts')
  return asOperatorOn(...args)
}
