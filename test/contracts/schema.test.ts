import { isEnumType, isInputObjectType, isIntrospectionType, isObjectType, isSpecifiedScalarType } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { introspect, rootOperations, writtenSchema } from '../support/schema-walk.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const ownTypes = Object.values(writtenSchema.getTypeMap()).filter(
  (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
)
const roots = ['Query', 'Mutation', 'Subscription']

test('everything in the schema has a description', () => {
  const nameless = ownTypes.flatMap((type) => {
    const missing = type.description || roots.includes(type.name) ? [] : [type.name]
    if (isEnumType(type)) missing.push(...withoutDescription(type.name, type.getValues()))
    if (isInputObjectType(type)) missing.push(...withoutDescription(type.name, Object.values(type.getFields())))
    if (isObjectType(type)) {
      const fields = Object.values(type.getFields())
      missing.push(...withoutDescription(type.name, fields))
      for (const field of fields) missing.push(...withoutDescription(`${type.name}.${field.name}`, field.args))
    }
    return missing
  })
  expect(nameless).toEqual([])
})

interface Described {
  readonly name: string
  readonly description?: string | null | undefined
}

const withoutDescription = (owner: string, parts: readonly Described[]) =>
  parts.filter(({ description }) => !description?.trim()).map(({ name }) => `${owner}.${name}`)

test('a description is a sentence: it begins like one and ends with a full stop', () => {
  const descriptions = ownTypes.flatMap((type): Described[] => {
    if (isEnumType(type)) return [type, ...type.getValues()]
    if (isInputObjectType(type)) return [type, ...Object.values(type.getFields())]
    if (!isObjectType(type)) return []
    return [type, ...Object.values(type.getFields()).flatMap((field) => [field, ...field.args])]
  })
  const odd = descriptions.filter(({ description }) => description && !/^[`A-Z0-9].*[.!?]$/s.test(description.trim()))
  expect(odd.map(({ name, description }) => `${name}: ${description}`)).toEqual([])
})

test('every root field has a rule of its own: an administrator with a factor is refused none', async () => {
  const admin = await gatehouse.createUser({ role: 'ADMIN' })
  await gatehouse.giveTotp(admin)
  for (const { text } of rootOperations(writtenSchema, 1)) {
    const { errors } = await (await gatehouse.signedInAs(admin)).sendText(text)
    expect(errors?.[0]?.extensions.code).not.toBe('FORBIDDEN')
  }
})

test('the server describes itself as the written schema does', async () => {
  const served = await introspect(gatehouse.anonymous)
  expect(Object.keys(served.getTypeMap()).sort()).toEqual(Object.keys(writtenSchema.getTypeMap()).sort())
})

test('no output type has a field that could hold a stored secret', () => {
  const suspicious = ownTypes.flatMap((type) =>
    isObjectType(type) && type !== writtenSchema.getMutationType()
      ? Object.keys(type.getFields())
          .filter((name) => /password|hash|seed|secret|salt|sealed|tokenhash/i.test(name))
          .map((name) => `${type.name}.${name}`)
      : [],
  )
  expect(suspicious).toEqual(['AuditVerification.headHash', 'AuditVerification.sealedThrough', 'TotpEnrolment.secret'])
})
