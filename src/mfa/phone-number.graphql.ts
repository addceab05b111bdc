import { GraphQLScalarType, Kind } from 'graphql'
import { parsePhoneNumber } from './phone-number.ts'

const parse = (value: unknown): string => {
  const number = typeof value === 'string' ? parsePhoneNumber(value) : null
  if (!number) throw new TypeError('must be a phone number with its country code, such as +14155550123')
  return number
}

/** A phone number with its country code. Every spelling of a number is the same number. */
export const PhoneNumberScalar = new GraphQLScalarType<string, string>({
  name: 'PhoneNumber',
  description:
    'A phone number with its country code, such as +14155550123 (E.164). Spaces, dashes and brackets are taken too; every spelling of a number is the same number.',
  serialize: String as (value: unknown) => string,
  parseValue: parse,
  parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : null),
})
