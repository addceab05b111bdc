import { randomBytes, randomInt } from 'node:crypto'
import { Writable } from 'node:stream'
import { hash } from '@node-rs/argon2'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { inject } from 'vitest'
import type { Account, Role } from '../../src/accounts/account.ts'
import { createAccountStore } from '../../src/accounts/account-store.ts'
import { createPasswordHasher } from '../../src/accounts/password-hasher.ts'
import { createApp } from '../../src/app.ts'
import { type Config, readConfig } from '../../src/config.ts'
import { mfaConfigurations } from '../../src/db/tables/mfa.ts'
import { userSessions } from '../../src/db/tables/sessions.ts'
import { newId } from '../../src/lib/ids.ts'
import { createKeyRing } from '../../src/lib/key-ring.ts'
import { createLogger } from '../../src/lib/logger.ts'
import { createPrepareBackupCodes } from '../../src/mfa/backup-codes-service.ts'
import { phoneBinding, seedBinding } from '../../src/mfa/factor.ts'
import { createFactorStore } from '../../src/mfa/factor-store.ts'
import { maskPhoneNumber } from '../../src/mfa/phone-number.ts'
import { newSeed } from '../../src/mfa/totp.ts'
import { type AuthenticationMethod, deadlinesFrom, type SessionTransport } from '../../src/sessions/session.ts'
import { newSessionTag, newSessionToken } from '../../src/sessions/session-token.ts'
import { type Client, createClient } from './client.ts'
import { asServer, createTestDatabase } from './database.ts'

/** Codes have 50 bits, whatever their hash costs: what a server checks against comes out the same. */
const quickly = { memoryCost: 1_024, timeCost: 1, parallelism: 1 }

/** One password for every test user that was not asked for another: hashing is slow on purpose. */
export const testPassword = 'a perfectly fine passphrase'

export interface TestUser extends Account {
  readonly password: string
}

export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface GatehouseOptions {
  /** Another server's database, to run two on one. */
  readonly databaseUrl?: string
  /** Null: no Redis at all. */
  readonly redisUrl?: string | null
  readonly config?: Partial<Config>
}

export type Gatehouse = Awaited<ReturnType<typeof startGatehouse>>

export const testKeys = `test:${Buffer.alloc(32, 7).toString('base64')}`

/** Starts a whole server with a database of its own, listening on a free port. Its clock can be moved. */
export const startGatehouse = async ({ databaseUrl, redisUrl, config }: GatehouseOptions = {}) => {
  const database = databaseUrl ? { url: databaseUrl, drop: async () => {} } : await createTestDatabase()
  const environment = {
    NODE_ENV: 'development',
    DATABASE_URL: asServer(database.url),
    GATEHOUSE_KEYS: testKeys,
    ...(redisUrl !== null && { REDIS_URL: redisUrl ?? inject('redisUrl') }),
  }
  let skew = 0
  const now = () => new Date(Date.now() + skew)
  const logs: string[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logs.push(String(chunk))
      done()
    },
  })
  const app = await createApp({ ...readConfig(environment), ...config }, createLogger('debug', sink), now)
  const url = await app.server.listen({ port: 0, host: '127.0.0.1' })
  const metricsUrl = (await app.metricsServer?.listen({ port: 0, host: '127.0.0.1' })) ?? null

  const sql = postgres(database.url, { max: 2, onnotice: () => {} })
  const db = drizzle(sql)
  const keys = createKeyRing(readConfig(environment).keys)
  const hashes = new Map<string, string>()

  const createUser = async ({
    role = 'USER' as Role,
    password = testPassword,
    email = `user-${randomBytes(6).toString('hex')}@example.com`,
  } = {}): Promise<TestUser> => {
    const passwordHash = hashes.get(password) ?? (await (await createPasswordHasher()).hash(password.normalize('NFC')))
    hashes.set(password, passwordHash)
    const account = await createAccountStore(db).provision({
      id: newId(),
      email,
      sessionTag: newSessionTag(),
      createdAt: now(),
      passwordHash,
      role,
    })
    if (!account) throw new Error(`${email} is taken`)
    return { ...account, password }
  }

  /** Writes a session and returns a client that holds its token; drives no form. */
  const signedInAs = async (
    user: Account,
    authenticationMethods: AuthenticationMethod[] = ['PASSWORD'],
    elevatedUntil: Date | null = null,
    transport: SessionTransport = 'BEARER',
  ) => {
    const token = newSessionToken(user.sessionTag, keys)
    const createdAt = now()
    const limits = { idleSeconds: 3600, absoluteSeconds: 24 * 3600 }
    const session = {
      id: newId(),
      userId: user.id,
      createdAt,
      ...deadlinesFrom(createdAt, null, limits),
      authenticationMethods,
      elevatedUntil,
      trustedDevice: false,
      transport,
      ipAddress: '127.0.0.1',
      userAgent: 'test',
      endedAt: null,
      endReason: null,
    }
    await db.insert(userSessions).values({ ...session, tokenHash: token.hash })
    return { ...createClient(url, token.text), token: token.text, sessionId: session.id } satisfies Client & {
      token: string
      sessionId: string
    }
  }

  /** Puts a factor in force, as its enrolment would. */
  const giveFactor = async (user: Account, method: 'TOTP' | 'SMS', secret: string): Promise<string> => {
    const id = newId()
    const factors = createFactorStore(db)
    const isFirst = (await factors.listActive(user.id)).length === 0
    await db.insert(mfaConfigurations).values({
      id,
      userId: user.id,
      method,
      label: 'Phone',
      status: 'ACTIVE',
      preferred: isFirst,
      maskedPhoneNumber: method === 'SMS' ? maskPhoneNumber(secret) : null,
      sealedSecret: keys.seal(secret, (method === 'SMS' ? phoneBinding : seedBinding)(user.id, id)),
      createdAt: now(),
      activatedAt: now(),
    })
    await factors.setEnabled(user.id, true)
    return id
  }

  /** Gives a user an active authenticator app and returns its seed. */
  const giveTotp = async (user: Account): Promise<string> => {
    const seed = newSeed()
    await giveFactor(user, 'TOTP', seed)
    return seed
  }

  /** Gives a user an active SMS factor with a number of its own, which it returns. */
  const givePhone = async (user: Account, phone = `+1415555${randomInt(10_000).toString().padStart(4, '0')}`) => {
    await giveFactor(user, 'SMS', phone)
    return phone
  }

  /** Gives a user backup codes, and returns them. */
  const giveBackupCodes = async (user: Account): Promise<readonly string[]> => {
    const { codes, hashes } = await createPrepareBackupCodes((code) => hash(code, quickly), now)()
    await createFactorStore(db).replaceBackupCodes(user.id, hashes, now())
    return codes
  }

  const mailTo = async (to: string): Promise<Mail[]> => {
    const response = await fetch(`${url}/outbox.json?to=${encodeURIComponent(to)}`)
    return (await response.json()) as Mail[]
  }

  return {
    url,
    /** Where Prometheus is answered, if it has a port of its own. */
    metricsUrl,
    databaseUrl: database.url,
    /** The database as its owner sees it, past every service. */
    sql,
    keys,
    /** Every line that the server logged, at debug level. */
    logs,
    now,
    advanceClock(seconds: number): void {
      skew += seconds * 1000
    },
    anonymous: createClient(url),
    clientWith: (token: string | null) => createClient(url, token),
    createUser,
    signedInAs,
    giveTotp,
    givePhone,
    giveBackupCodes,
    mailTo,
    async close() {
      await app.close()
      await sql.end()
      await database.drop()
    },
  }
}

/** Resolves with the first answer of `probe` that is neither undefined nor false; the test's own timeout bounds it. */
export const eventually = async <T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> => {
  for (;;) {
    const answer = await probe()
    if (answer !== undefined && answer !== false) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The token in the newest confirmation mail to an address, once it arrives. */
export const confirmationTokenTo = (gatehouse: Pick<Gatehouse, 'mailTo'>, to: string): Promise<string> =>
  eventually(async () => {
    for (const { text } of await gatehouse.mailTo(to)) {
      const token = /#token=([\w-]+)/.exec(text)?.[1]
      if (token) return token
    }
    return undefined
  })

/** The newest code that went out to a phone number, once it arrives in the outbox. */
export const codeSentTo = (gatehouse: Pick<Gatehouse, 'mailTo'>, phone: string): Promise<string> =>
  eventually(async () => /\b\d{6}\b/.exec((await gatehouse.mailTo(phone))[0]?.text ?? '')?.[0])
