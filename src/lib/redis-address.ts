/** Where Redis is: one server, the nodes of a cluster, or the sentinels that name a master. */
export type RedisAddress =
  | { readonly kind: 'single'; readonly url: string }
  /** Some nodes; the others are asked for, and reached with the credentials of these. */
  | { readonly kind: 'cluster'; readonly urls: readonly [string, ...string[]] }
  | {
      readonly kind: 'sentinel'
      readonly sentinels: readonly string[]
      readonly master: string
      /** What reaches the master, but for its host and port. */
      readonly server: string
    }

/** A fault of what an operator wrote, in words that say what would be right. */
export class RedisAddressError extends Error {}

const forms =
  'redis://:password@host:6379, or rediss:// for TLS; several separated by commas for a cluster; ' +
  'redis-sentinel:// (rediss-sentinel://) :password@host:26379/master for sentinels'

/** Reads one or several URLs, separated by commas. Throws RedisAddressError, which repeats no password. */
export const parseRedisAddress = (text: string, sentinelPassword: string): RedisAddress => {
  const urls = text.split(',').map((part) => readUrl(part.trim()))
  const [first, ...others] = urls as [URL, ...URL[]]
  for (const other of others) insistAlike(first, other)
  if (first.protocol.includes('sentinel')) return sentinelAddress(first, urls, sentinelPassword)
  if (sentinelPassword)
    throw new RedisAddressError('must begin with redis-sentinel:// if REDIS_SENTINEL_PASSWORD is set')
  if (others.length === 0) {
    if (!/^(\/\d*)?$/.test(first.pathname))
      throw new RedisAddressError('may end with the number of a database, as in /0')
    return { kind: 'single', url: first.href }
  }
  if (urls.some(({ pathname }) => !/^\/?0?$/.test(pathname)))
    throw new RedisAddressError('may name no database where it names several servers: a cluster has one only')
  return { kind: 'cluster', urls: [first.href, ...others.map(({ href }) => href)] }
}

/** The same URL at another host and port. */
export const movedTo = (url: string, { host, port }: { host: string; port: number }): string => {
  const moved = new URL(url)
  moved.host = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return moved.href
}

const readUrl = (text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^rediss?(-sentinel)?:$/.test(url.protocol)) throw new RedisAddressError(`must be ${forms}`)
  if (!url.hostname) throw new RedisAddressError(`names no host: it must be ${forms}`)
  if (url.search || url.hash)
    throw new RedisAddressError('may have neither ? nor #: encode them in a password as %3F and %23')
  return url
}

const insistAlike = (first: URL, other: URL): void => {
  const isAlike = (['protocol', 'username', 'password', 'pathname'] as const).every(
    (part) => first[part] === other[part],
  )
  if (!isAlike) throw new RedisAddressError('must have the same beginning, credentials and end in each of its URLs')
}

const sentinelAddress = (first: URL, urls: readonly URL[], sentinelPassword: string): RedisAddress => {
  const master = decodeURIComponent(first.pathname.slice(1))
  if (!/^[\w.-]+$/.test(master))
    throw new RedisAddressError('must end with the name of the master that the sentinels watch, as in /mymaster')
  const isTls = first.protocol === 'rediss-sentinel:'
  const protocol = isTls ? 'rediss:' : 'redis:'
  const sentinels = urls.map(({ host, port }) => {
    const sentinel = new URL(`${protocol}//${port ? host : `${host}:26379`}`)
    sentinel.password = sentinelPassword
    return sentinel.href
  })
  const server = new URL(`${protocol}//${first.host}`)
  server.username = first.username
  server.password = first.password
  return { kind: 'sentinel', sentinels, master, server: server.href }
}
