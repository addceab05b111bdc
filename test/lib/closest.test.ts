import { expect, test } from 'vitest'
import { closestTo } from '../../src/lib/closest.ts'

test.each([
  ['verfy-audit', 'verify-audit'],
  ['verify-adiut', 'verify-audit'],
  ['purg', 'purge'],
  ['prugee', 'purge'],
  ['migrat', 'migrate'],
  ['migrtae', 'migrate'],
  ['verify', 'verify-audit'],
  ['--dryrun', '--dry-run'],
  ['explode', undefined],
  ['', undefined],
])('by "%s" somebody meant %s', (typed, meant) => {
  expect(closestTo(typed, ['purge', 'migrate', 'verify-audit', '--dry-run', '--to'])).toBe(meant)
})
