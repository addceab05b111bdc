import type { Account } from '../accounts/account.ts'
import type { Redis } from '../redis/client.ts'
import type { RedisConnection } from '../redis/topology.ts'
import type { Session, SessionEndReason } from './session.ts'
import { type EndedToken, staleUser } from './session-store.ts'
import type { SessionToken } from './session-token.ts'

export interface CachedSession {
  readonly session: Session
  readonly account: Account
}

/** What names a token's keys. */
type TokenPlace = Pick<SessionToken, 'tag' | 'hash'>

export type CacheAnswer =
  | ({ readonly kind: 'live'; readonly copy: string } & CachedSession)
  /** `reason` is null for a token that was replaced. */
  | { readonly kind: 'ended'; readonly reason: SessionEndReason | null }
  | { readonly kind: 'missing' }

export type SessionCacheStore = ReturnType<typeof createSessionCacheStore>

const endMark = '!'
const endMarkLifetimeMs = 10 * 60 * 1000 // outlives every write-back that began before the end
const writeBackLifetimeMs = 60 * 1000 // a copy that was read back is asked for again soon

/** The hot copies in Redis. All keys of a user share the hash tag, so that one command reads session and user at once. */
export const createSessionCacheStore = (redis: Pick<Redis, 'run'>) => {
  const keep = (token: TokenPlace, { session, account }: CachedSession, lifetimeMs: number): Promise<void> =>
    redis.run(({ serverOf }) => {
      const { client, prefix } = serverOf(token.tag)
      const lifetime = Math.max(1, lifetimeMs).toFixed()
      return client.keepCopies(
        [sessionKey(prefix, token.tag, token.hash), accountKey(prefix, token.tag)],
        [packed(session), lifetime, `${account.version}${packed(account)}`, String(account.version), lifetime],
      )
    })

  return {
    /** One Redis command. What is no whole copy is missing: a key may have been made by anything. */
    async find(token: SessionToken): Promise<CacheAnswer> {
      const [copy, account] = await redis.run(({ serverOf }) => {
        const { client, prefix } = serverOf(token.tag)
        return client.mGet([sessionKey(prefix, token.tag, token.hash), accountKey(prefix, token.tag)])
      })
      if (!copy) return { kind: 'missing' }
      if (copy.startsWith(endMark)) return { kind: 'ended', reason: (copy.slice(1) || null) as SessionEndReason | null }
      const cached = account ? cachedFrom(copy, account) : null
      return cached ? { kind: 'live', copy, ...cached } : { kind: 'missing' }
    },

    /** The copy of a session that was just made, for as long as the session can last. */
    keepNew: (token: SessionToken, cached: CachedSession) =>
      keep(token, cached, cached.session.expiresAt.getTime() - cached.session.lastSeenAt.getTime()),

    /** The copy of a session that PostgreSQL said was live. It never overrules an end. */
    writeBack: (token: TokenPlace, cached: CachedSession) => keep(token, cached, writeBackLifetimeMs),

    async renew(token: SessionToken, copy: string, session: Session): Promise<void> {
      const lifetime = Math.max(1, session.expiresAt.getTime() - session.lastSeenAt.getTime())
      await redis.run(({ serverOf }) => {
        const { client, prefix } = serverOf(token.tag)
        return client.renewCopy(
          [sessionKey(prefix, token.tag, token.hash)],
          [copy, packed(session), lifetime.toFixed()],
        )
      })
    },

    /** The copy of a user who changed; where there is none, none is made. */
    async keepAccount(account: Account): Promise<void> {
      await redis.run(({ serverOf }) => {
        const { client, prefix } = serverOf(account.sessionTag)
        return client.renewAccount(
          [accountKey(prefix, account.sessionTag)],
          [`${account.version}${packed(account)}`, String(account.version)],
        )
      })
    },

    /** Puts the copy of a user who was erased in the place of any, so that no older one is written back. */
    async buryAccount(account: Account): Promise<void> {
      await redis.run(({ serverOf }) => {
        const { client, prefix } = serverOf(account.sessionTag)
        return client.set(accountKey(prefix, account.sessionTag), `${account.version}${packed(account)}`, {
          expiration: { type: 'PX', value: endMarkLifetimeMs },
        })
      })
    },

    end: (tokens: readonly EndedToken[]): Promise<void> => redis.run((connection) => markEnded(connection, tokens)),
  }
}

/** Replaces each token's copy with the mark of its end, and drops the copies of users that are stale. Safe to repeat. */
export const markEnded = async ({ serverOf }: RedisConnection, tokens: readonly EndedToken[]): Promise<void> => {
  await Promise.all(
    tokens.map(({ sessionTag, tokenHash, reason }): Promise<unknown> => {
      const { client, prefix } = serverOf(sessionTag)
      if (tokenHash === staleUser(sessionTag).tokenHash) return client.del(accountKey(prefix, sessionTag))
      return client.set(sessionKey(prefix, sessionTag, tokenHash), `${endMark}${reason ?? ''}`, {
        expiration: { type: 'PX', value: endMarkLifetimeMs },
      })
    }),
  )
}

const sessionKey = (prefix: string, tag: string, hash: string): string => `${prefix}:{${tag}}:s:${hash}`
const accountKey = (prefix: string, tag: string): string => `${prefix}:{${tag}}:u`

const instants = [
  'createdAt',
  'lastSeenAt',
  'idleExpiresAt',
  'expiresAt',
  'elevatedUntil',
  'endedAt',
  'emailConfirmedAt',
  'lastLoginAt',
]

/** Instants as numbers, which are quicker to read than text: this happens at every request. */
const packed = (value: object): string =>
  JSON.stringify(value, function (this: Record<string, unknown>, name, plain) {
    const original = this[name]
    return original instanceof Date ? original.getTime() : plain
  })

const revived = <T>(json: string): T => {
  const value = JSON.parse(json)
  for (const name of instants) if (value[name]) value[name] = new Date(value[name])
  return value
}

const cachedFrom = (copy: string, userCopy: string): CachedSession | null => {
  try {
    const session = revived<Session>(copy)
    const account = revived<Account>(userCopy.slice(userCopy.indexOf('{')))
    const isWhole = session.userId === account.id && session.id && session.idleExpiresAt && session.expiresAt
    return isWhole ? { session, account } : null
  } catch {
    return null
  }
}
