import { expect, test } from 'vitest'
import {
  certainWeight,
  fastestKmPerHour,
  leastTravelKm,
  mostContextsASession,
  policy,
  stuffing,
} from '../../src/risk/policy.ts'
import { readDocument, tablesUnder } from '../support/prose.ts'

const tableUnder = (firstHeading: string) => tablesUnder('docs/risk.md', firstHeading)

test("the document's policy is the one that the server holds to", async () => {
  expect(await tableUnder('Finding')).toEqual(
    Object.entries(policy).map(([rule, { weight, follows }]) => [
      rule,
      String(weight),
      follows.join(', ') || 'nothing by itself',
    ]),
  )
})

test("the document's numbers are those of the rules", async () => {
  const rules = Object.fromEntries(await tableUnder('Rule'))
  expect(Object.keys(rules)).toEqual(Object.keys(policy))
  expect(rules.IMPOSSIBLE_TRAVEL).toContain(
    `more than ${leastTravelKm} km away and sooner than at ${fastestKmPerHour} km/h`,
  )
  expect(rules.CREDENTIAL_STUFFING).toContain(`${stuffing.limit} accounts`)
  expect(rules.CREDENTIAL_STUFFING).toContain(`within ${stuffing.windowSeconds / 60} minutes`)
  expect(rules.SESSION_CONTEXT_CHANGED).toContain(`at most ${mostContextsASession} a session`)
  expect(await readDocument('docs/risk.md')).toContain(`From ${certainWeight} on a session ends`)
})
