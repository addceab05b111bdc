import { isIP } from 'node:net'
import { GraphQLScalarType, Kind } from 'graphql'
import ipaddr from 'ipaddr.js'

const parse = (value: unknown): string => {
  // ipaddr.js takes 999 for 0.0.3.231, and both of them the zone of a link, which PostgreSQL does not.
  if (typeof value !== 'string' || !isIP(value) || value.includes('%')) {
    throw new TypeError('must be an IPv4 or IPv6 address')
  }
  return ipaddr.process(value).toString()
}

/** IPv4 (RFC 791) or IPv6 (RFC 4291) as text. Equal addresses are equal texts, however they were spelt. */
export const IPAddressScalar = new GraphQLScalarType<string, string>({
  name: 'IPAddress',
  description: 'An IPv4 or IPv6 address as text, for example 192.0.2.7 or 2001:db8::1.',
  serialize: String as (value: unknown) => string,
  parseValue: parse,
  parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : null),
})
