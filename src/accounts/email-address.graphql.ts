import { GraphQLScalarType, Kind } from 'graphql'
import { isEmailAddress } from './account.ts'

const parse = (value: unknown): string => {
  const address = typeof value === 'string' ? value.trim() : ''
  if (!isEmailAddress(address)) {
    throw new TypeError(
      'must be an email address such as name@example.com, in ASCII (write an international domain in its xn-- form)',
    )
  }
  return address
}

/** An address that mail can go to. The same in upper and lower case. */
export const EmailAddressScalar = new GraphQLScalarType<string, string>({
  name: 'EmailAddress',
  description: 'An email address, at most 254 ASCII characters (RFC 5321). Upper and lower case are the same address.',
  serialize: String as (value: unknown) => string,
  parseValue: parse,
  parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : null),
})
