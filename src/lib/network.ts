import ipaddr from 'ipaddr.js'

/** Whether an address is one of the internet's: others are private, or our own proxy that nobody configured. */
export const isPublic = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast'

/** What an address counts as: an IPv4 address is itself, an IPv6 address its first 64 bits, which one client may roam in. */
export const networkOf = (address: string): string => {
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv4'
    ? parsed.toString()
    : `${parsed.toNormalizedString().split(':').slice(0, 4).join(':')}::/64`
}
