import type { FastifyInstance } from 'fastify'
import { AccountResolver } from './accounts/account.graphql.ts'
import { createAccountStore } from './accounts/account-store.ts'
import { createPasswordHasher } from './accounts/password-hasher.ts'
import { createRegistrationService } from './accounts/registration-service.ts'
import { createSignIn } from './accounts/sign-in-service.ts'
import { AuditResolver } from './audit/audit.graphql.ts'
import { createReadEvents } from './audit/audit-service.ts'
import { createEventStore } from './audit/event-store.ts'
import { SecurityEventResolver } from './audit/security-event.graphql.ts'
import type { Config } from './config.ts'
import { type Db, openDatabase } from './db/client.ts'
import { createTransact } from './db/transact.ts'
import { createGraphQLServer } from './graphql/apollo.ts'
import { createContextFactory } from './graphql/context.ts'
import { createPermissions } from './graphql/permissions.ts'
import { buildSchema, guardSchema } from './graphql/schema.ts'
import { serveHealth } from './http/health.ts'
import { serveOutbox } from './http/outbox.ts'
import { createHttpServer } from './http/server.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { createKeyRing } from './lib/key-ring.ts'
import type { Logger } from './lib/logger.ts'
import { startMailRelay } from './messaging/mail-relay-service.ts'
import { createMessageStore } from './messaging/message-store.ts'
import { createSmtpDelivery } from './messaging/smtp.ts'
import { MfaChallengeResolver } from './mfa/challenge.graphql.ts'
import { createOpenChallenge } from './mfa/challenge-service.ts'
import { createChallengeStore } from './mfa/challenge-store.ts'
import { createEnrol } from './mfa/enrolment-service.ts'
import { UserMfaResolver } from './mfa/factor.graphql.ts'
import { createFactorStore } from './mfa/factor-store.ts'
import { MfaActivatedResolver, MfaResolver, TotpEnrolmentResolver } from './mfa/mfa.graphql.ts'
import { createReadMfaStatuses } from './mfa/mfa-status-service.ts'
import { createStepUpService } from './mfa/step-up-service.ts'
import { createVerifyMfa } from './mfa/verification-service.ts'
import { noRedis, openRedis } from './redis/client.ts'
import { createAdmissionStore } from './sessions/admission-store.ts'
import { createEndedTokens } from './sessions/ended-tokens-service.ts'
import { createGate } from './sessions/gate-service.ts'
import { SessionResolver } from './sessions/session.graphql.ts'
import { createSessionCacheStore, markEnded } from './sessions/session-cache-store.ts'
import { createSessionCheck } from './sessions/session-check-service.ts'
import { createSessionService } from './sessions/session-service.ts'
import { createSessionStore, type EndedToken, endedTokensChannel } from './sessions/session-store.ts'
import { newSessionToken, parseSessionToken } from './sessions/session-token.ts'
import { SignedInResolver } from './sessions/signed-in.graphql.ts'
import { createTokenRenewal } from './sessions/token-renewal-service.ts'

export interface App {
  readonly server: FastifyInstance
  /** Answers what was asked already, then closes every connection. */
  close(): Promise<void>
}

const endedTokensIntervalMs = 5_000

const missing = (resolver: unknown): never => {
  throw new Error(`No resolver was built of ${String(resolver)}`)
}

/** Builds the server from its configuration: the only place that knows every concrete thing. */
export const createApp = async (config: Config, log: Logger, now: Clock = systemClock): Promise<App> => {
  const { isProduction, publicUrl } = config
  const keys = createKeyRing(config.keys)
  const limits = { idleSeconds: config.sessionIdleSeconds, absoluteSeconds: config.sessionAbsoluteSeconds }
  const database = openDatabase(config.databaseUrl)
  const storesOver = (db: Db) => ({
    accounts: createAccountStore(db),
    admissions: createAdmissionStore(db),
    sessions: createSessionStore(db),
    factors: createFactorStore(db),
    challenges: createChallengeStore(db),
    events: createEventStore(db, now),
    messages: createMessageStore(db, keys),
  })
  type Stores = ReturnType<typeof storesOver>
  const reading: Stores = storesOver(database.reading)
  const writing: Stores = storesOver(database.writing)
  const transact = createTransact<Stores>(
    (work) => database.transactional.transaction((tx) => work(storesOver(tx))),
    log,
  )
  const alone = createTransact<Stores>((work) => work(writing), log)

  const endedTokens = createEndedTokens({ sessions: writing.sessions, now })
  let redis = noRedis
  const cache = createSessionCacheStore({ run: (work) => redis.run(work) })
  const tellEnded = (tokens: readonly EndedToken[]) => endedTokens.tell(tokens, cache.end)
  const tellAllEnded = async () => {
    if (redis.isTrusted()) await endedTokens.tellAll(cache.end)
  }
  const logUntold = (problem: unknown) => log.warn({ err: problem }, 'ended sessions could not be told to Redis')
  await database.listen(endedTokensChannel, {
    onMessage: endedTokens.hear,
    onListening() {
      endedTokens.connected()
      tellAllEnded().catch(logUntold)
    },
    onInterrupted: endedTokens.interrupted,
  })
  if (config.redisUrl) {
    redis = await openRedis(config.redisUrl, log, (run) =>
      endedTokens.tellAll((tokens) => run((connection) => markEnded(connection, tokens))),
    )
  }
  const sweep = setInterval(() => tellAllEnded().catch(logUntold), endedTokensIntervalMs)

  const newToken = (tag: string) => newSessionToken(tag, keys)
  const sessionService = createSessionService({
    transact,
    sessions: reading.sessions,
    recordEvent: writing.events.append,
    tellEnded,
    now,
  })
  const checkSession = createSessionCheck({
    parseToken: (text) => parseSessionToken(text, keys),
    cache,
    isCacheTrusted: () => redis.isTrusted(),
    isListening: endedTokens.isListening,
    endedReasonFor: endedTokens.reasonFor,
    sessions: { findByToken: reading.sessions.findByToken, touch: writing.sessions.touch },
    expire: sessionService.expire,
    limits,
    now,
  })

  const hasher = await createPasswordHasher()
  const openChallenge = createOpenChallenge(now)
  const admit = createGate({ newToken, keepNew: cache.keepNew, openChallenge, limits, now })
  const renewToken = createTokenRenewal({ newToken, keepNew: cache.keepNew, tellEnded, now })
  const stepUp = createStepUpService({ alone, factors: reading.factors, openChallenge, now })
  const enrol = createEnrol({
    transact,
    isStepUpMissing: stepUp.isMissing,
    demandStepUp: stepUp.demand,
    openChallenge,
    keys,
    now,
  })
  const verifyMfa = createVerifyMfa({
    transact,
    alone,
    recordEvent: writing.events.append,
    challenges: writing.challenges,
    factors: reading.factors,
    hashBackupCode: hasher.hash,
    admit,
    renewToken,
    keys,
    now,
  })

  const { smtpUrl, mailFrom } = config
  if (isProduction && !smtpUrl) log.warn('SMTP_URL is not set: mail is queued and waits')
  const mailRelay =
    isProduction && !smtpUrl
      ? undefined
      : startMailRelay({
          messages: writing.messages,
          deliver: smtpUrl ? createSmtpDelivery(smtpUrl, mailFrom) : async () => {},
          keepsText: !isProduction,
          log,
          now,
        })
  const registration = createRegistrationService({
    transact,
    hashPassword: hasher.hash,
    admit,
    wakeMailRelay: () => mailRelay?.wake(),
    publicUrl,
    now,
  })
  const signIn = createSignIn({
    alone,
    recordEvent: writing.events.append,
    accounts: reading.accounts,
    verifyPassword: hasher.verify,
    admit,
  })

  const resolvers = new Map<unknown, unknown>(
    [
      new AccountResolver(registration, signIn),
      new AuditResolver(createReadEvents(reading.events)),
      new MfaActivatedResolver(),
      new MfaChallengeResolver(),
      new MfaResolver(enrol, verifyMfa, stepUp),
      new SecurityEventResolver(),
      new SessionResolver(sessionService, now),
      new SignedInResolver(),
      new TotpEnrolmentResolver(),
      new UserMfaResolver(),
    ].map((resolver) => [resolver.constructor, resolver]),
  )
  const permissions = createPermissions({
    endedReasonFor: endedTokens.reasonFor,
    recordEvent: writing.events.append,
    logProblem: (problem) => log.error({ err: problem }, 'a refusal could not be recorded'),
  })
  const schema = guardSchema(
    buildSchema({ get: (resolver) => resolvers.get(resolver) ?? missing(resolver) }),
    permissions,
  )
  const apollo = createGraphQLServer({ schema, isProduction, log })
  await apollo.start()
  const createContext = createContextFactory({
    checkSession,
    logProblem: (problem) => log.error({ err: problem }, 'a session could not be checked'),
    findAccounts: reading.accounts.findByIds,
    readMfaStatuses: createReadMfaStatuses(reading.factors),
  })
  const server = await createHttpServer({
    apollo,
    createContext,
    trustedProxies: config.trustedProxies,
    isProduction,
    log,
  })
  serveHealth(server, { pingDatabase: database.ping, pingRedis: () => redis.run(({ client }) => client.ping()) })
  if (!isProduction && !smtpUrl) serveOutbox(server, reading.messages)

  return {
    server,
    async close() {
      clearInterval(sweep)
      const inOrder = [
        () => server.close(),
        () => apollo.stop(),
        () => mailRelay?.stop(),
        () => redis.close(),
        database.close,
      ]
      for (const step of inOrder) {
        await Promise.resolve(step()).catch((problem: unknown) =>
          log.error({ err: problem }, 'stopping failed in part'),
        )
      }
    },
  }
}
