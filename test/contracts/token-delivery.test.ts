import { getNamedType, graphql, isAbstractType, isObjectType } from 'graphql'
import { expect, test } from 'vitest'
import type { GraphQLContext } from '../../src/graphql/context.ts'
import { createPermissions } from '../../src/graphql/permissions.ts'
import { buildSchema, guardSchema } from '../../src/graphql/schema.ts'
import { createTokenDelivery } from '../../src/graphql/token-delivery.ts'
import type { SessionTransport } from '../../src/sessions/session.ts'
import { rootOperations, writtenSchema } from '../support/schema-walk.ts'

const tokenFields = ['sessionToken', 'deviceToken']

/** Each way in which a mutation may hand out tokens: every mutation, by every type of its answer that has a field for one. */
const handouts = rootOperations(writtenSchema, 0).flatMap(({ name, text }) => {
  const type = writtenSchema.getMutationType()?.getFields()[name]?.type
  const named = type && getNamedType(type)
  const types = isAbstractType(named) ? writtenSchema.getPossibleTypes(named) : isObjectType(named) ? [named] : []
  return types.flatMap((possible) => {
    const fields = tokenFields.filter((field) => field in possible.getFields())
    const operation = text.replace('{ __typename }', `{ ... on ${possible.name} { ${fields.join(' ')} } }`)
    return fields.length > 0 ? [{ name, type: possible.name, fields, operation }] : []
  })
})

/** Answers one operation with what a service would say, through all that stands around resolvers. */
const answer = async (operation: string, type: string, transport: SessionTransport, hasSession: boolean) => {
  const session = { id: 'session', transport, expiresAt: new Date(), endReason: null }
  const kind = type.charAt(0).toLowerCase() + type.slice(1)
  const outcome = { kind, sessionToken: 'gts_secret', deviceToken: 'gtd_secret', ...(hasSession && { session }) }
  const service = new Proxy({}, { get: () => async () => outcome })
  const cookies: string[] = []
  const allowAll = createPermissions({
    endedReasonFor: () => undefined,
    isEnrolmentOwed: () => false,
    checkSession: async () => ({ kind: 'unknown' }),
    requireStepUp: async () => {},
    recordEvent: async () => {},
    logProblem: () => {},
  })
  const delivery = createTokenDelivery({ signOut: async () => {}, logProblem: () => {} })
  const contextValue = {
    caller: { kind: 'signedIn', session, account: { role: 'ADMIN' }, token: { hash: '' } },
    cookies: {
      keepSession: (token: string) => cookies.push(token),
      keepDevice: (token: string) => cookies.push(token),
    },
  } as unknown as GraphQLContext
  const schema = guardSchema(buildSchema({ get: () => service }), allowAll, delivery)
  const { data, errors } = await graphql({ schema, source: operation, contextValue })
  if (errors) throw errors[0]
  return { text: JSON.stringify(data), cookies }
}

test('the walk finds every mutation that is known to hand out a token', () => {
  expect(handouts.map(({ name, type }) => `${name} ${type}`)).toEqual(
    expect.arrayContaining([
      'changePassword PasswordChanged',
      'confirmEmail SignedIn',
      'login SignedIn',
      'reauthenticate SteppedUp',
      'verifyMfa MfaActivated',
      'verifyMfa SignedIn',
      'verifyMfa SteppedUp',
    ]),
  )
})

test.each(handouts)('$name hands the tokens of $type out by cookie alone, or by its answer alone', async (handout) => {
  const { operation, type, fields } = handout
  for (const hasSession of [true, false]) {
    const byCookie = await answer(operation, type, 'COOKIE', hasSession)
    expect(byCookie.text).not.toContain('secret')
    expect(byCookie.cookies).toContain('gts_secret')
    const byAnswer = await answer(operation, type, 'BEARER', hasSession)
    expect(byAnswer.text).toContain('gts_secret')
    if (fields.includes('deviceToken')) {
      expect(byCookie.cookies).toContain('gtd_secret')
      expect(byAnswer.text).toContain('gtd_secret')
    }
    expect(byAnswer.cookies).toEqual([])
  }
})

test('tokens stand nowhere but directly in the answer of a mutation, where their delivery looks', () => {
  const handed = new Set(handouts.map(({ type }) => type))
  const others = Object.values(writtenSchema.getTypeMap()).flatMap((type) =>
    isObjectType(type) && !handed.has(type.name)
      ? tokenFields.filter((field) => field in type.getFields()).map((field) => `${type.name}.${field}`)
      : [],
  )
  expect(others).toEqual([])
})
