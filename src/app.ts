import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { AccessTokenResolver } from './access-tokens/access-token.graphql.ts'
import { createIssueAccessToken } from './access-tokens/access-token-service.ts'
import { startSigningKeys } from './access-tokens/signing-key-service.ts'
import { signingKeysChannel } from './access-tokens/signing-key-store.ts'
import { AccountResolver } from './accounts/account.graphql.ts'
import type { Account } from './accounts/account.ts'
import { createEmailChangeService } from './accounts/email-change-service.ts'
import { createPasswordChangeService } from './accounts/password-change-service.ts'
import { createCheckPassword } from './accounts/password-check-service.ts'
import { createPasswordHasher } from './accounts/password-hasher.ts'
import { createCompleteReset, createPasswordResetService } from './accounts/password-reset-service.ts'
import { createSetPassword } from './accounts/password-setting-service.ts'
import { RecoveryResolver } from './accounts/recovery.graphql.ts'
import { createRegistrationService } from './accounts/registration-service.ts'
import { createSignIn } from './accounts/sign-in-service.ts'
import { createActOnUser } from './admin/act-on-user-service.ts'
import { AdminResolver } from './admin/admin.graphql.ts'
import { createResetUserMfa } from './admin/mfa-reset-service.ts'
import { createSetUserRole } from './admin/role-service.ts'
import { createRevokeUserSessions } from './admin/session-revocation-service.ts'
import { createSuspensionService } from './admin/suspension-service.ts'
import { createUnlockUser } from './admin/unlock-service.ts'
import { createUserReading } from './admin/user-reading-service.ts'
import { UsersResolver } from './admin/users.graphql.ts'
import { AuditResolver } from './audit/audit.graphql.ts'
import { createCheckAuditLog } from './audit/audit-check-service.ts'
import { auditKeysOf } from './audit/audit-key.ts'
import { createReadEvents } from './audit/audit-service.ts'
import { auditHeadChannel, unsealedChannel } from './audit/chain-store.ts'
import { createRecordEvent } from './audit/event-recording-service.ts'
import { LiveEventsResolver } from './audit/live-events.graphql.ts'
import { createLiveEvents } from './audit/live-events-service.ts'
import { createSettleRefusals } from './audit/refusal-settling-service.ts'
import { sealDuty, startSealRelay } from './audit/seal-relay-service.ts'
import { createSeal } from './audit/seal-service.ts'
import { SecurityEventResolver } from './audit/security-event.graphql.ts'
import { createSeenHead } from './audit/seen-head.ts'
import { AuditVerificationResolver } from './audit/verification.graphql.ts'
import { createCheckHead, createVerifyLog } from './audit/verification-service.ts'
import { createVerificationStore } from './audit/verification-store.ts'
import { createFloodGuard } from './budgets/flood-service.ts'
import { createFloodStore } from './budgets/flood-store.ts'
import { createLockIfSpent } from './budgets/lock-service.ts'
import type { Config } from './config.ts'
import { type Db, openDatabase } from './db/client.ts'
import { createReadPlanned } from './db/planned.ts'
import { createTransact } from './db/transact.ts'
import { TrustedDeviceResolver } from './devices/trusted-device.graphql.ts'
import { parseDeviceToken } from './devices/trusted-device.ts'
import { createTrustedDeviceService } from './devices/trusted-device-service.ts'
import { createGraphQLServer } from './graphql/apollo.ts'
import { createContextFactory } from './graphql/context.ts'
import { createPermissions } from './graphql/permissions.ts'
import { buildSchema, guardSchema } from './graphql/schema.ts'
import { createSubscriptionStream } from './graphql/subscription-stream.ts'
import { createSubscriptions } from './graphql/subscriptions.ts'
import { createTokenDelivery } from './graphql/token-delivery.ts'
import { serveHealth } from './http/health.ts'
import { serveJwks } from './http/jwks.ts'
import { createMetricsServer, serveMetrics } from './http/metrics.ts'
import { serveOutbox } from './http/outbox.ts'
import { createHttpServer } from './http/server.ts'
import { createSockets } from './http/sockets.ts'
import { type Clock, secondsAfter, systemClock } from './lib/clock.ts'
import { newId } from './lib/ids.ts'
import { createKeyRing } from './lib/key-ring.ts'
import type { Logger } from './lib/logger.ts'
import { createNudged } from './lib/nudge.ts'
import { startRounds } from './lib/rounds.ts'
import { startMailRelay } from './messaging/mail-relay-service.ts'
import type { Sms } from './messaging/sms.ts'
import { createSmtpDelivery } from './messaging/smtp.ts'
import { createTwilioSms } from './messaging/twilio.ts'
import { createFactorActivation } from './mfa/activation-service.ts'
import { createPrepareBackupCodes, createRegenerateBackupCodes } from './mfa/backup-codes-service.ts'
import { MfaChallengeResolver } from './mfa/challenge.graphql.ts'
import { createOpenChallenge } from './mfa/challenge-service.ts'
import { createMatchCode } from './mfa/code-match-service.ts'
import { SmsEnrolmentResolver, TotpEnrolmentResolver } from './mfa/enrolment.graphql.ts'
import { createEnrol } from './mfa/enrolment-service.ts'
import { UserMfaResolver } from './mfa/factor.graphql.ts'
import { createFactorService } from './mfa/factor-service.ts'
import { MfaActivatedResolver, MfaResolver } from './mfa/mfa.graphql.ts'
import { createReadMfaStatuses } from './mfa/mfa-status-service.ts'
import { MfaPolicyResolver } from './mfa/policy.graphql.ts'
import { createPolicies, createSetPolicy } from './mfa/policy-service.ts'
import { policiesChannel } from './mfa/policy-store.ts'
import { createSmsCodeService } from './mfa/sms-code-service.ts'
import { createStepUpService } from './mfa/step-up-service.ts'
import { createRecordFailure } from './mfa/verification-failure-service.ts'
import { createVerifyMfa } from './mfa/verification-service.ts'
import { OverviewResolver } from './overview/overview.graphql.ts'
import { createReadOverview } from './overview/overview-service.ts'
import { createOverviewStore } from './overview/overview-store.ts'
import { createArchivedErasures } from './privacy/archived-erasures-service.ts'
import { PrivacyResolver } from './privacy/privacy.graphql.ts'
import { createPrivacy } from './privacy/privacy-service.ts'
import { noRedis, openRedis } from './redis/client.ts'
import { restoredChannel } from './restore/restore-store.ts'
import { createRestoreWatch } from './restore/restore-watch-service.ts'
import { createArchiveFileStore } from './retention/archive-file-store.ts'
import { createArchiveMonth } from './retention/archive-month-service.ts'
import { startArchives } from './retention/archive-schedule-service.ts'
import { archivesTurn, createArchives } from './retention/archive-service.ts'
import { createAuditArchiveStore } from './retention/audit-archive-store.ts'
import { createLease, purgeTurn } from './retention/lease-service.ts'
import { startPurges } from './retention/purge-schedule-service.ts'
import { createPurge } from './retention/purge-service.ts'
import { stuffing, stuffingDetails } from './risk/policy.ts'
import { createJudgeContext } from './risk/session-context-service.ts'
import { readCityData } from './sessions/city-data-store.ts'
import { createEndedTokens } from './sessions/ended-tokens-service.ts'
import { createGate } from './sessions/gate-service.ts'
import { createLocate } from './sessions/location-service.ts'
import { createRefreshSession } from './sessions/refresh-service.ts'
import { SessionResolver } from './sessions/session.graphql.ts'
import { createSessionCacheStore, markEnded } from './sessions/session-cache-store.ts'
import { createSessionCheck } from './sessions/session-check-service.ts'
import { createSessionCookies } from './sessions/session-cookies-service.ts'
import { createEndSessions } from './sessions/session-end-service.ts'
import { createOverdueSessions } from './sessions/session-expiry-service.ts'
import { SessionLimitResolver } from './sessions/session-limit.graphql.ts'
import { createResolveSessionLimit } from './sessions/session-limit-service.ts'
import { createSessionService } from './sessions/session-service.ts'
import { type EndedToken, endedTokensChannel, untoldChannel } from './sessions/session-store.ts'
import { newSessionToken, parseSessionToken, sessionTokenSuccessors } from './sessions/session-token.ts'
import { createSessionWatch } from './sessions/session-watch-service.ts'
import { SignedInResolver } from './sessions/signed-in.graphql.ts'
import { createTokenRenewal } from './sessions/token-renewal-service.ts'
import { createJudgeReplacedToken } from './sessions/token-reuse-service.ts'
import { createStores, type Stores } from './stores.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { createObserved } from './telemetry/observed-service.ts'
import { createReadMetrics } from './telemetry/server-state-service.ts'
import { noTracing } from './telemetry/tracing.ts'

export interface App {
  readonly server: FastifyInstance
  /** Answers Prometheus, on a port of its own where one is configured. */
  readonly metricsServer: FastifyInstance | null
  /** Answers what was asked already, then closes every connection. */
  close(): Promise<void>
}

const endedTokensIntervalMs = 5_000
const noteHeadPauseMs = 200
const refusalSettlingMs = 2_000
const partitionsIntervalMs = 3_600_000
const partitionsAheadDays = 92 // a server that nobody restarts, and a database that is away for long
const archivesIntervalMs = 3_600_000
const dropRetryMs = 500
const firstArchivesAfterMs = 5_000 // soon, for servers that never run for long
const purgeIntervalMs = 45_000
const firstPurgeAfterMs = 10_000 // soon, for servers that never run for long

const missing = (resolver: unknown): never => {
  throw new Error(`No resolver was built of ${String(resolver)}`)
}

/** Builds the server from its configuration: the only place that knows every concrete thing. */
export const createApp = async (config: Config, log: Logger, now: Clock = systemClock): Promise<App> => {
  const { isProduction, publicUrl } = config
  const serverId = newId()
  const keys = createKeyRing(config.keys)
  const limits = { idleSeconds: config.sessionIdleSeconds, absoluteSeconds: config.sessionAbsoluteSeconds }
  const metrics = createMetrics()
  const { observeCheck, observeStream } = createObserved(metrics)
  const tracing = config.traces ? (await import('./telemetry/otlp.ts')).openTracing(config.traces, log) : noTracing
  const database = openDatabase(config.databaseUrl, { observe: metrics.observeStatement })
  const storesOver = (db: Db) => createStores(db, keys, now)
  const reading: Stores = storesOver(database.reading)
  const writing: Stores = storesOver(database.writing)
  const transact = createTransact<Stores>(
    (work) => database.transactional.transaction((tx) => work(storesOver(tx))),
    log,
    () => sealRelay.wake(),
  )
  const alone = createTransact<Stores>(
    (work) => work(writing),
    log,
    () => sealRelay.wake(),
  )
  const planned = createReadPlanned(database.transactional, storesOver)
  const seen = createSeenHead()
  const verificationDeps = {
    keys: new Map(auditKeysOf(config.keys).map(({ id, publicKey }) => [id, publicKey])),
    seen,
  }
  const checkHead = createCheckHead({ ...verificationDeps, store: writing.verification })
  const headNoting = createNudged(async () => void (await checkHead().catch(() => {})), noteHeadPauseMs)
  const sealRelay = startSealRelay({
    sealSome: createSeal({
      chain: writing.chain,
      checkHead,
      seen,
      key: auditKeysOf(config.keys)[0],
      onSealed: metrics.countSealed,
      now,
    }),
    duty: createLease({ leases: writing.leases, holder: serverId, ...sealDuty }),
    announceUnsealed: writing.chain.announceUnsealed,
    log,
  })
  const wholeLog = createVerificationStore(database.patient)
  const monthsOfLog = createAuditArchiveStore(database.archiving)
  const { createPartitions } = createAuditArchiveStore(database.writing)
  const makePartitions = () => createPartitions(now(), secondsAfter(now(), partitionsAheadDays * 24 * 3600))
  await makePartitions() // before the first event: a database may have been asleep for months
  const partitions = startRounds({
    work: makePartitions,
    intervalMs: partitionsIntervalMs,
    onProblem: (problem) => log.error({ err: problem }, 'partitions of the security log could not be made ahead'),
  })

  const endedTokens = createEndedTokens({ sessions: writing.sessions, isRedisShared: config.redis !== null, now })
  let redis = noRedis
  const cache = createSessionCacheStore({ run: (work) => redis.run(work) })
  const tellEnded = (tokens: readonly EndedToken[]) => endedTokens.tell(tokens, cache.end)
  const keepAccount = (account: Account) =>
    cache.keepAccount(account).catch((problem) => endedTokens.dropUser(account.sessionTag, problem))
  const logUntold = (problem: unknown) => log.warn({ err: problem }, 'ended sessions could not be told to Redis')
  const tellUntold = (): void => {
    if (redis.isTrusted()) endedTokens.tellUntold(cache.end).catch(logUntold)
  }
  const catchUp = (): void => {
    if (redis.isTrusted()) endedTokens.catchUp(cache.end).catch(logUntold)
  }
  const policies = createPolicies({
    listPolicies: reading.policies.list,
    logProblem: (problem) => log.error({ err: problem }, 'policies could not be read'),
    now,
  })
  await policies.load()
  const signingKeys = await startSigningKeys({
    list: reading.signingKeys.list,
    addNext: writing.signingKeys.addNext,
    ring: keys,
    maxAgeSeconds: config.signingKeyMaxAgeSeconds,
    log,
    now,
  })
  const liveEvents = createLiveEvents({
    log: reading.sealedEvents,
    logProblem: (problem) => log.warn({ err: problem }, 'the security log can not be followed'),
  })
  const sessionWatch = createSessionWatch({
    findByIds: reading.sessions.findByIds,
    expire: (session, reason) => sessionService.expire(session, reason),
    now,
  })
  const restores = createRestoreWatch({
    readEpoch: reading.restores.epoch,
    onRestored() {
      redis.renew('PostgreSQL was restored from a backup')
      sessionWatch.checkAll()
      policies.reload()
      signingKeys.reload()
    },
    logProblem: (problem) => log.error({ err: problem }, 'whether PostgreSQL was restored could not be read'),
  })
  await restores.load()
  await database.listen({
    onMessage: {
      [auditHeadChannel](sequence) {
        headNoting.nudge()
        liveEvents.hear(sequence)
      },
      [endedTokensChannel](payload) {
        endedTokens.hear(payload)
        sessionWatch.hear(payload)
      },
      [unsealedChannel]: sealRelay.hear,
      [untoldChannel]: tellUntold,
      [policiesChannel]: policies.reload,
      [signingKeysChannel]: signingKeys.reload,
      [restoredChannel]: restores.reload,
    },
    onListening() {
      restores.reload()
      headNoting.nudge()
      endedTokens.connected()
      catchUp()
      liveEvents.look()
      sessionWatch.checkAll()
      policies.reload()
      signingKeys.reload()
    },
    onInterrupted: endedTokens.interrupted,
  })
  if (config.redis) {
    redis = await openRedis(
      config.redis,
      log,
      (run) => endedTokens.catchUp((tokens) => run((connection) => markEnded(connection, tokens))),
      restores.epoch,
      metrics.observeRedisCall,
    )
  }
  const sweep = setInterval(() => (endedTokens.isCaughtUp() ? tellUntold() : catchUp()), endedTokensIntervalMs)

  const recordEvent = createRecordEvent({
    append: writing.events.append,
    recordRefusals: writing.refusals.record,
    onRecorded: sealRelay.wake,
    now,
  })
  const settling = startRounds({
    work: createSettleRefusals(transact, reading.refusals.hasEnded),
    intervalMs: refusalSettlingMs,
    onProblem: (problem) => log.warn({ err: problem }, 'repeated refusals could not be recorded yet'),
  })
  const newToken = (tag: string) => newSessionToken(tag, keys)
  const { smtpUrl, mailFrom } = config
  if (isProduction && !smtpUrl) log.warn('SMTP_URL is not set: mail is queued and waits')
  const mailRelay =
    isProduction && !smtpUrl
      ? undefined
      : startMailRelay({
          messages: writing.messages,
          deliver: smtpUrl ? tracing.traceDelivery(createSmtpDelivery(smtpUrl, mailFrom)) : async () => {},
          keepsText: !isProduction,
          log,
          now,
        })
  const wakeMailRelay = () => mailRelay?.wake()
  const digest = (text: string) => keys.sign(text).toString('base64url')
  const twilio = config.twilio && createTwilioSms({ ...config.twilio, log, now })
  const sendSms = twilio
    ? twilio
    : isProduction
      ? null
      : (sms: Sms, userId: string) => writing.messages.keep('SMS', { ...sms, subject: 'Text message' }, now(), userId)
  const offersSms = sendSms !== null

  const hasher = await createPasswordHasher()
  const floodStore = createFloodStore(
    { run: (work) => redis.run(work), isTrusted: () => redis.isTrusted() },
    digest,
    now,
  )
  const floods = createFloodGuard(floodStore, recordEvent, config.networkLimit, {
    budget: stuffing,
    detailsOf: stuffingDetails,
  })
  const lockIfSpent = createLockIfSpent({ wakeMailRelay, now })
  const openChallenge = createOpenChallenge({ offersSms, now })
  const devices = createTrustedDeviceService({ transact, trustedDevices: reading.trustedDevices, wakeMailRelay, now })
  const locate = createLocate({ readPlaces: readCityData, log })
  const admit = createGate({
    newToken,
    keepNew: cache.keepNew,
    tellEnded,
    openChallenge,
    endCopiedTrust: devices.endCopied,
    wakeMailRelay,
    keys,
    limits,
    sessionLimit: config.sessionLimit,
    now,
  })
  const renewToken = createTokenRenewal({ newToken, keepNew: cache.keepNew, tellEnded, now })
  const endSessions = createEndSessions({ tellEnded, now })
  const stepUp = createStepUpService({ transact, alone, openChallenge, now })
  const { actAsOwner } = stepUp
  const actOnUser = createActOnUser(actAsOwner)
  const sessionService = createSessionService({
    transact,
    actAsOwner,
    endSessions,
    sessions: reading.sessions,
    recordEvent,
    tellEnded,
    now,
  })
  const checkSession = createSessionCheck({
    parseToken: (text) => parseSessionToken(text, keys),
    cache,
    isCacheTrusted: () => redis.isTrusted(),
    isListening: endedTokens.isListening,
    endedReasonFor: endedTokens.reasonFor,
    sessions: { findByTokens: reading.sessions.findByTokens, touch: writing.sessions.touch },
    judgeReplaced: createJudgeReplacedToken({ transact, sessions: reading.sessions, tellEnded, wakeMailRelay, now }),
    judgeContext: createJudgeContext({
      transact,
      locate,
      tellEnded,
      wakeMailRelay,
      logProblem: (problem) => log.error({ err: problem }, 'a changed context of a session could not be recorded'),
      now,
    }),
    expire: sessionService.expire,
    limits,
    now,
  })
  const refreshSession = createRefreshSession({
    transact,
    successorsOf: (token) => sessionTokenSuccessors(token, keys),
    isEnrolmentOwed: policies.isEnrolmentOwed,
    claimOfUser: floods.claimOfUser,
    recordEvent,
    keepNew: cache.keepNew,
    tellEnded,
    limits,
    now,
  })
  const enrol = createEnrol({ actAsOwner, openChallenge, offersSms, smsCountries: config.smsCountries, keys, now })
  const smsCodes = createSmsCodeService({
    transact,
    budgets: writing.budgets,
    sends: writing.smsSends,
    recordEvent,
    sendSms,
    digest,
    keys,
    now,
  })
  const prepareBackupCodes = createPrepareBackupCodes(hasher.hash, now)
  const factorService = createFactorService({
    transact,
    actAsOwner,
    endSessions,
    mustKeepFactor: policies.isRequired,
    keepAccount,
    wakeMailRelay,
    now,
  })
  const setPassword = createSetPassword({ endSessions, wakeMailRelay, now })
  const completeReset = createCompleteReset({ setPassword, locate, now })
  const passwordResets = createPasswordResetService({
    transact,
    recovery: reading.recovery,
    recordEvent,
    floods,
    hashPassword: hasher.hash,
    openChallenge,
    completeReset,
    digest,
    wakeMailRelay,
    publicUrl,
    now,
  })
  const passwords = createPasswordChangeService({
    actAsOwner,
    requireStepUp: stepUp.require,
    checkPassword: createCheckPassword({
      transact,
      accounts: reading.accounts,
      budgets: writing.budgets,
      recordEvent,
      hasher,
      lockIfSpent,
      now,
    }),
    hashPassword: hasher.hash,
    setPassword,
    renewToken,
  })
  const emailChanges = createEmailChangeService({
    transact,
    actAsOwner,
    recordEvent,
    keepAccount,
    digest,
    wakeMailRelay,
    publicUrl,
    now,
  })
  const registration = createRegistrationService({
    transact,
    recordEvent,
    floods,
    hashPassword: hasher.hash,
    admit,
    digest,
    wakeMailRelay,
    locate,
    publicUrl,
    now,
  })
  const verifyMfa = createVerifyMfa({
    transact,
    alone,
    recordEvent,
    challenges: writing.challenges,
    budgets: writing.budgets,
    floods,
    matchCode: createMatchCode({ verifyBackupCode: hasher.verify, keys, now }),
    recordFailure: createRecordFailure({ transact, lockIfSpent, wakeMailRelay, now }),
    admit,
    renewToken,
    activation: createFactorActivation({ prepareBackupCodes, renewToken, wakeMailRelay, now }),
    completeReset,
    noteSmsAnswered: smsCodes.noteAnswered,
    wakeMailRelay,
    locate,
    now,
  })
  const signIn = createSignIn({
    alone,
    transact,
    accounts: writing.accounts,
    signIns: writing.signIns,
    budgets: writing.budgets,
    recordEvent,
    hasher,
    floods,
    claimFlood: floodStore.claim,
    admit,
    parseDeviceToken: (text) => parseDeviceToken(text, keys),
    locate,
    digest,
    lockIfSpent,
    wakeMailRelay,
    logProblem: (problem) => log.error({ err: problem }, 'the owner of an account could not be told of a refusal'),
    now,
  })
  const privacy = createPrivacy({
    actAsOwner,
    actOnUser,
    consents: reading.consents,
    erasures: writing.erasures,
    erasedRows: writing.erasedRows,
    claimOfUser: floods.claimOfUser,
    endSessions,
    buryAccount: (account) =>
      cache.buryAccount(account).catch((problem) => endedTokens.dropUser(account.sessionTag, problem)),
    wakeMailRelay,
    logProblem: (problem) => log.error({ err: problem }, 'an erased account could not be taken out at once'),
    keys,
    now,
  })
  const leaseOf = (task: string) => createLease({ leases: writing.leases, task, holder: serverId })
  const purges = startPurges({
    purge: createPurge({
      retention: writing.retention,
      overdueSessions: createOverdueSessions({ transact, sessions: reading.sessions, now }),
      erasures: privacy.completion,
      sessionRetentionDays: config.sessionRetentionDays,
      now,
    }),
    duty: leaseOf('purge duty'),
    turn: leaseOf(purgeTurn),
    intervalMs: purgeIntervalMs,
    firstAfterMs: firstPurgeAfterMs,
    log,
  })
  const archiveFiles = config.auditArchiveDir ? createArchiveFileStore(config.auditArchiveDir) : undefined
  const archives = archiveFiles
    ? startArchives({
        archivedErasures: createArchivedErasures({ erasures: writing.erasures, files: archiveFiles, now }),
        archives: createArchives({
          archives: monthsOfLog,
          month: createArchiveMonth({
            archives: monthsOfLog,
            log: wholeLog,
            files: archiveFiles,
            auditKeys: auditKeysOf(config.keys),
            pause: () => wait(dropRetryMs),
            now,
          }),
          keptMonths: config.auditRetentionMonths,
          now,
        }),
        turn: leaseOf(archivesTurn),
        intervalMs: archivesIntervalMs,
        firstAfterMs: firstArchivesAfterMs,
        log,
      })
    : undefined

  const resolvers = new Map<unknown, unknown>(
    [
      new AccessTokenResolver(
        createIssueAccessToken({
          issuer: publicUrl,
          signer: signingKeys.signer,
          claimOfUser: floods.claimOfUser,
          recordEvent,
          now,
        }),
      ),
      new AccountResolver(registration, signIn, emailChanges),
      new AdminResolver(
        createUnlockUser({ actOnUser, wakeMailRelay, now }),
        createSuspensionService({ actOnUser, endSessions, keepAccount, wakeMailRelay, now }),
        createRevokeUserSessions({ actOnUser, endSessions, wakeMailRelay, now }),
        createSetUserRole({ actOnUser, endSessions, keepAccount, wakeMailRelay, now }),
        createResetUserMfa({ actOnUser, endSessions, keepAccount, wakeMailRelay, now }),
      ),
      new AuditResolver(createReadEvents({ events: reading.events, planned })),
      new AuditVerificationResolver(
        createCheckAuditLog(createVerifyLog({ ...verificationDeps, store: wholeLog }), recordEvent),
      ),
      new LiveEventsResolver(),
      new MfaActivatedResolver(),
      new MfaChallengeResolver(),
      new MfaPolicyResolver(policies, createSetPolicy({ actAsOwner, policies, now })),
      new MfaResolver(
        enrol,
        verifyMfa,
        stepUp,
        smsCodes,
        factorService,
        createRegenerateBackupCodes({ actAsOwner, prepare: prepareBackupCodes, wakeMailRelay, now }),
      ),
      new OverviewResolver(createReadOverview(createOverviewStore(database.writing), now)), // no read is to wait behind it
      new PrivacyResolver(privacy.consents, privacy.exportData, privacy.erasures),
      new RecoveryResolver(passwordResets, passwords, emailChanges),
      new SecurityEventResolver(locate),
      new SessionLimitResolver(
        createResolveSessionLimit({ transact, recordEvent, floods, admit, endSessions, locate, now }),
      ),
      new SessionResolver(sessionService, locate, now),
      new SignedInResolver(refreshSession),
      new SmsEnrolmentResolver(),
      new TotpEnrolmentResolver(),
      new TrustedDeviceResolver(devices),
      new UserMfaResolver(),
      new UsersResolver(createUserReading({ accounts: reading.accounts, sessions: reading.sessions, planned, now })),
    ].map((resolver) => [resolver.constructor, resolver]),
  )
  const permissions = createPermissions({
    endedReasonFor: endedTokens.reasonFor,
    checkSession,
    isEnrolmentOwed: policies.isEnrolmentOwed,
    requireStepUp: stepUp.require,
    recordEvent,
    logProblem: (problem) => log.error({ err: problem }, 'a refusal could not be recorded'),
  })
  const schema = guardSchema(
    buildSchema({ get: (resolver) => resolvers.get(resolver) ?? missing(resolver) }),
    permissions,
    createTokenDelivery({
      signOut: sessionService.signOut,
      logProblem: (problem) => log.error({ err: problem }, 'the session that a sign-in replaced could not be ended'),
    }),
  )
  const apollo = createGraphQLServer({ schema, isProduction, log, observe: metrics.observeOperation })
  await apollo.start()
  const { createContext, contextOf } = createContextFactory({
    checkSession: observeCheck(checkSession),
    readCookies: createSessionCookies({ isSecure: isProduction || publicUrl.startsWith('https:'), now }),
    logProblem: (problem) => log.error({ err: problem }, 'a session could not be checked'),
    findAccounts: reading.accounts.findByIds,
    readMfaStatuses: createReadMfaStatuses({ factors: reading.factors, policies }),
  })
  const serveSocket = createSubscriptions({
    schema,
    createContext,
    watch: sessionWatch,
    stream: observeStream(
      createSubscriptionStream({
        schema,
        contextOf,
        standing: sessionWatch.standing,
        followEvents: liveEvents.follow,
      }),
    ),
    recordEvent,
    log,
  })
  const sockets = createSockets({ serveSocket, mostOfNetwork: config.socketsPerNetwork, log })
  const server = await createHttpServer({
    apollo,
    createContext,
    sockets,
    trustedProxies: config.trustedProxies,
    origins: new Set([new URL(publicUrl).origin, ...config.allowedOrigins]),
    isProduction,
    log,
    observe: metrics.countResponse,
    beginTrace: tracing.begin,
  })
  const pingRedis = () => redis.run(({ servers }) => Promise.all(servers.map(({ client }) => client.ping())))
  serveHealth(server, { pingDatabase: database.ping, pingRedis })
  serveJwks(server, signingKeys.published)
  if (!isProduction && !smtpUrl) serveOutbox(server, reading.messages)
  const readMetrics = createReadMetrics(metrics, {
    database: database.load,
    isRedisTrusted: () => redis.isTrusted(),
    isTwilioPaused: () => twilio?.isPaused() ?? false,
    hashes: hasher.load,
    sockets: sockets.count,
    unsealedEvents: reading.chain.backlog,
    unsentMail: reading.messages.backlog,
    now,
  })
  if (!isProduction) serveMetrics(server, readMetrics)
  const metricsServer = config.metrics && createMetricsServer(readMetrics)

  return {
    server,
    metricsServer,
    async close() {
      clearInterval(sweep)
      const inOrder = [
        async () => database.endPatience(),
        () => server.close(),
        () => apollo.stop(),
        liveEvents.stop,
        sessionWatch.stop,
        () => mailRelay?.stop(),
        settling.stop,
        partitions.stop,
        () => archives?.stop(),
        purges.stop,
        signingKeys.stop,
        policies.stop,
        restores.stop,
        sealRelay.stop,
        headNoting.stop,
        () => metricsServer?.close(),
        () => redis.close(),
        database.close,
        tracing.close,
      ]
      for (const step of inOrder) {
        await Promise.resolve(step()).catch((problem: unknown) =>
          log.error({ err: problem }, 'stopping failed in part'),
        )
      }
    },
  }
}
