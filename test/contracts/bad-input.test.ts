import { getNamedType, isEnumType } from 'graphql'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { secondsAfter } from '../../src/lib/clock.ts'
import {
  argumentsWith,
  badValues,
  canary,
  type Place,
  places,
  withLiterals,
  withVariables,
} from '../support/bad-values.ts'
import type { Answer } from '../support/client.ts'
import { rowCounts } from '../support/evidence.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { writtenSchema } from '../support/schema-walk.ts'

const errorCodes = (() => {
  const type = writtenSchema.getType('ErrorCode')
  return isEnumType(type) ? type.getValues().map(({ name }) => name) : []
})()
/** Codes that say that nothing was done, nor recorded. */
const refusals = ['BAD_USER_INPUT', 'PASSWORD_REJECTED']
/** What no place takes, but a boolean's place a boolean: text must be what PostgreSQL can give back. */
const neverRight = ['a boolean', 'an object', 'a NUL byte', 'a lone surrogate']
const quoted = /canary-31337|31337819/

let gatehouse: Gatehouse
let admin: Awaited<ReturnType<Gatehouse['signedInAs']>>
beforeAll(async () => {
  gatehouse = await startGatehouse()
  const user = await gatehouse.createUser({ role: 'ADMIN' })
  await gatehouse.giveTotp(user)
  admin = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], secondsAfter(gatehouse.now(), 3600))
})
beforeEach(() => gatehouse.sql`DELETE FROM repeated_refusals`) // else those of an earlier test are recorded a minute later
afterAll(() => gatehouse.close())

const problemsOf = (
  { status, errors = [], text }: Answer<unknown>,
  what: string,
  { path, type }: Pick<Place, 'path' | 'type'>,
): string[] => {
  const codes = errors.map(({ extensions }) => extensions.code)
  const fields = errors.flatMap(({ extensions }) => (extensions.fields as { path: string }[] | undefined) ?? [])
  const named = fields.map((field) => field.path.replace(/\.(\d+|wrong)\b/g, ''))
  const isReadable = status !== 413 && !text.includes('Syntax Error')
  const faults: Record<string, boolean> = {
    'is a fault of the server': status >= 500 || codes.includes('INTERNAL_SERVER_ERROR'),
    'has a code of its own': codes.some((code) => !errorCodes.includes(code)),
    'is quoted': errors.some(({ message, extensions }) => quoted.test(JSON.stringify([message, extensions]))),
    'is accepted':
      neverRight.includes(what) &&
      !(what === 'a boolean' && getNamedType(type).name === 'Boolean') &&
      !codes.includes('BAD_USER_INPUT'),
    'is refused without naming its field':
      codes.includes('BAD_USER_INPUT') && isReadable && !named.some((name) => `${name}.`.startsWith(`${path}.`)),
  }
  return Object.keys(faults).filter((fault) => faults[fault])
}

describe.each(['as a variable', 'as a literal'])('%s', (form) => {
  test.each(places.map((place) => [place.operation, place.path, place] as const))(
    'G what %s can not take for %s is refused by name, unquoted, and changes nothing',
    async (_operation, _path, place) => {
      const problems: string[] = []
      let before = await rowCounts(gatehouse.sql)
      for (const [what, value] of Object.entries(badValues)) {
        const values = argumentsWith(place, value)
        const answer =
          form === 'as a variable'
            ? await admin.sendText(withVariables(place), values)
            : await admin.sendText(withLiterals(place, values))
        const isRefused = answer.errors?.some(({ extensions }) => refusals.includes(extensions.code))
        const after = await rowCounts(gatehouse.sql)
        if (isRefused && after !== before) problems.push(`${what} wrote a row`)
        before = after
        problems.push(
          ...problemsOf(answer, what, place).map((fault) => `${what} ${fault}: ${answer.text.slice(0, 300)}`),
        )
      }
      expect(problems).toEqual([])
    },
  )
})

test('G no wrong value stands in the log', () => {
  expect(gatehouse.logs.filter((line) => line.includes(canary))).toEqual([])
})

test.each(['999', '0x7f000001', '127.1', '010.1.1.1', '1.2.3.4/8', 'fe80::1%eth0', ' 192.0.2.7'])(
  'G %s is no address of an event',
  async (ipAddress) => {
    const query =
      'query ($ipAddress: IPAddress) { securityEvents(filter: { ipAddress: $ipAddress }) { edges { cursor } } }'
    const { status, errors } = await admin.sendText(query, { ipAddress })
    expect([status, errors?.map(({ extensions }) => extensions.code)]).toEqual([400, ['BAD_USER_INPUT']])
  },
)
