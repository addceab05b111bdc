import ipaddr from 'ipaddr.js'
import type { MasterKey } from './lib/key-ring.ts'
import { parseRedisAddress, type RedisAddress, RedisAddressError } from './lib/redis-address.ts'
import { isCountry } from './mfa/phone-number.ts'
import type { SessionLimit, SessionLimitPolicy } from './sessions/session-limit.ts'

export interface Config {
  readonly isProduction: boolean
  readonly host: string
  readonly port: number
  readonly publicUrl: string
  readonly databaseUrl: string
  /** Null only in development: every session check then reads PostgreSQL. */
  readonly redis: RedisAddress | null
  readonly keys: readonly [MasterKey, ...MasterKey[]]
  readonly smtpUrl: string | null
  readonly mailFrom: string
  /** Null: production offers no text messages, development shows them in the outbox. */
  readonly twilio: {
    readonly accountSid: string
    readonly authToken: string
    readonly from: string
    readonly apiUrl: string | null
  } | null
  /** Countries that text messages go to, ISO 3166. */
  readonly smsCountries: readonly string[]
  /** Failed tries, registrations or reset requests that one network may make in a quarter of an hour. */
  readonly networkLimit: number
  /** WebSockets that one network may have open on a server. */
  readonly socketsPerNetwork: number
  readonly trustedProxies: readonly string[]
  /** Origins besides PUBLIC_URL's whose pages may call, as browsers spell them. */
  readonly allowedOrigins: readonly string[]
  readonly sessionIdleSeconds: number
  readonly sessionAbsoluteSeconds: number
  readonly sessionLimit: SessionLimit
  /** After so long the next key for access tokens is made. */
  readonly signingKeyMaxAgeSeconds: number
  /** How long the record keeps a session that ended. */
  readonly sessionRetentionDays: number
  /** Where months of the security log are archived; null: they stay in the database. */
  readonly auditArchiveDir: string | null
  /** How many whole months stay in the database after a month ended. */
  readonly auditRetentionMonths: number
  readonly logLevel: string
  /** Where Prometheus is answered; null: nowhere, but in development at `/metrics` of the server. */
  readonly metrics: { readonly host: string; readonly port: number } | null
  /** The collector that takes traces; null: there are none. */
  readonly traces: { readonly url: string; readonly serviceName: string; readonly ratio: number } | null
}

/** Every problem with the environment at once, so that nobody fixes them one start at a time. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`Gatehouse can not start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** What to tell an operator whose server did not start: what to mend where that is known, else everything. */
export const startProblem = (problem: unknown): string => {
  if (problem instanceof ConfigError) return problem.message
  const { code, port } = problem as { code?: string; port?: number }
  if (code === 'EADDRINUSE') {
    const name = process.env.METRICS_PORT?.trim() === String(port) ? 'METRICS_PORT' : 'PORT'
    return new ConfigError([`${name}: ${port} is in use by another program; set another`]).message
  }
  return problem instanceof Error ? String(problem.stack) : String(problem)
}

type WholeNumber = readonly [name: string, fallback: number, least: number, most: number]

const sessionRetention: WholeNumber = ['SESSION_RETENTION_DAYS', 30, 1, 3650]
const auditRetention: WholeNumber = ['AUDIT_RETENTION_MONTHS', 13, 1, 120]

/** Notes a problem, and gives back what to go on with. */
type Fail = <T>(problem: string, value: T) => T

type Environment = Readonly<Record<string, string | undefined>>

const keyBytes = 32
// Where SMS pumping is rare: North America, the European Economic Area and its neighbours, Australia, New Zealand, Japan.
const defaultSmsCountries =
  'US,CA,AT,BE,BG,HR,CY,CZ,DK,EE,FI,FR,DE,GR,HU,IS,IE,IT,LV,LI,LT,LU,MT,NL,NO,PL,PT,RO,SK,SI,ES,SE,CH,GB,AU,NZ,JP'
const limitPolicies: readonly SessionLimitPolicy[] = ['EVICT_OLDEST', 'DENY', 'ASK']
const isLimitPolicy = (text: string): text is SessionLimitPolicy => limitPolicies.some((policy) => policy === text)
const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/** Reads the configuration from the environment. Throws ConfigError with all that is missing or malformed. */
export const readConfig = (environment: Environment = process.env): Config => {
  const problems: string[] = []
  const fail: Fail = (problem, value) => {
    problems.push(problem)
    return value
  }
  const isProduction = environment.NODE_ENV !== 'development' // whoever forgets it gets the strict one
  const text = (name: string): string => environment[name]?.trim() ?? ''

  const required = (name: string, what: string): string => text(name) || fail(`${name} is missing: ${what}`, '')
  const url = (name: string, protocols: readonly string[], value: string): string => {
    if (value === '') return value
    const isFine = URL.canParse(value) && protocols.includes(new URL(value).protocol)
    return isFine
      ? value
      : fail(`${name} must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`, '')
  }
  const whole = (...number: WholeNumber): number => wholeNumber(environment, number, fail)

  const databaseUrl = url(
    'DATABASE_URL',
    ['postgres:', 'postgresql:'],
    required('DATABASE_URL', 'postgres://user:password@host:5432/database'),
  )
  const redisText = isProduction
    ? required('REDIS_URL', 'redis://:password@host:6379, or rediss:// for TLS')
    : text('REDIS_URL')
  const redis = redisText === '' ? null : redisAddress(redisText, text('REDIS_SENTINEL_PASSWORD'), fail)
  const port = whole('PORT', 4000, 0, 65_535)
  const publicText = isProduction
    ? required('PUBLIC_URL', 'https://id.example.com, where your front end lives; links in mail begin with it')
    : text('PUBLIC_URL')
  const publicUrl = url(
    'PUBLIC_URL',
    ['https:', 'http:'],
    publicText || (isProduction ? '' : `http://localhost:${port}`),
  )
  if (isProduction && publicUrl.startsWith('http:') && !isLoopback(publicUrl))
    fail('PUBLIC_URL must begin with https://, but on localhost', '')
  const keys = parseKeys(
    required(
      'GATEHOUSE_KEYS',
      'id:base64 of 32 random bytes, newest first, for example from: echo "k1:$(openssl rand -base64 32)"',
    ),
    fail,
  )
  const smtpUrl = url('SMTP_URL', ['smtp:', 'smtps:'], text('SMTP_URL')) || null
  const mailFrom =
    text('MAIL_FROM') ||
    (smtpUrl ? fail('MAIL_FROM is missing: the sender of mail, for example Gatehouse <no-reply@example.com>', '') : '')
  const twilioNames = ['TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN', 'TWILIO_FROM'] as const
  const [accountSid, authToken, from] = twilioNames.map(text) as [string, string, string]
  const absent = twilioNames.filter((name) => text(name) === '')
  const twilioUrl = url('TWILIO_API_URL', ['https:', 'http:'], text('TWILIO_API_URL')) || null
  if (absent.length > 0 && (absent.length < twilioNames.length || twilioUrl)) {
    fail(`${absent.join(' and ')} ${absent.length > 1 ? 'are' : 'is'} missing: text messages need all of Twilio's`, '')
  }
  if (accountSid && !accountSid.startsWith('AC')) fail('TWILIO_ACCOUNT_SID must begin with AC', '')
  const smsCountries = (text('SMS_COUNTRIES') || defaultSmsCountries).split(',').map((code) => code.trim())
  for (const code of smsCountries) {
    if (!isCountry(code)) fail(`SMS_COUNTRIES: "${code}" is no ISO 3166 code such as US`, '')
  }
  const networkLimit = whole('NETWORK_LIMIT', isProduction ? 1_000 : 1_000_000, 1, 1_000_000_000)
  const socketsPerNetwork = whole('SOCKETS_PER_NETWORK', isProduction ? 200 : 100_000, 1, 1_000_000)
  const trustedProxies = text('TRUSTED_PROXIES')
    .split(',')
    .map((range) => range.trim())
    .filter(Boolean)
  for (const range of trustedProxies) {
    if (!(ipaddr.isValid(range) || ipaddr.isValidCIDR(range)))
      fail(`TRUSTED_PROXIES: "${range}" is neither an address nor a CIDR range such as 10.0.0.0/8`, '')
  }
  const allowedOrigins = text('ALLOWED_ORIGINS')
    .split(',')
    .map((origin) => origin.trim())
    .filter(Boolean)
  for (const origin of allowedOrigins) {
    if (!isOrigin(origin)) {
      fail(
        `ALLOWED_ORIGINS: "${origin}" is no origin such as https://app.example.com or https://app.example.com:8443: lower case, no wildcard, no path, https but on localhost`,
        '',
      )
    }
  }
  const sessionAbsoluteSeconds = whole('SESSION_ABSOLUTE_SECONDS', 24 * 3600, 60, 30 * 24 * 3600)
  const sessionIdleSeconds = whole(
    'SESSION_IDLE_SECONDS',
    Math.min(3600, sessionAbsoluteSeconds),
    60,
    sessionAbsoluteSeconds,
  )
  const policy = text('SESSION_LIMIT_POLICY') || 'EVICT_OLDEST'
  if (!isLimitPolicy(policy)) fail(`SESSION_LIMIT_POLICY must be one of ${limitPolicies.join(', ')}`, '')
  const sessionLimit = {
    mostSessions: whole('SESSION_LIMIT', 5, 1, 100),
    policy: isLimitPolicy(policy) ? policy : 'EVICT_OLDEST',
  } as const
  const signingKeyMaxAgeSeconds = whole('SIGNING_KEY_MAX_AGE_DAYS', 90, 1, 365) * 24 * 3600
  const sessionRetentionDays = whole(...sessionRetention)
  const auditRetentionMonths = whole(...auditRetention)
  const logLevel = text('LOG_LEVEL') || 'info'
  if (!logLevels.includes(logLevel)) fail(`LOG_LEVEL must be one of ${logLevels.join(', ')}`, '')
  const metricsPort = text('METRICS_PORT') === '' ? null : whole('METRICS_PORT', 0, 0, 65_535)
  if (metricsPort !== null && metricsPort > 0 && metricsPort === port)
    fail('METRICS_PORT must be another than PORT: what is there is not for everybody', 0)
  const collector = url('OTEL_EXPORTER_OTLP_ENDPOINT', ['http:', 'https:'], text('OTEL_EXPORTER_OTLP_ENDPOINT'))
  const ratio = Number(text('OTEL_TRACES_SAMPLER_ARG') || '1')
  if (!(ratio >= 0 && ratio <= 1)) fail('OTEL_TRACES_SAMPLER_ARG must be a share from 0 to 1, such as 0.1', 0)

  if (problems.length > 0 || !keys) throw new ConfigError(problems)
  return {
    isProduction,
    host: text('HOST') || (isProduction ? '0.0.0.0' : '127.0.0.1'),
    port,
    publicUrl: publicUrl.replace(/\/+$/, ''),
    databaseUrl,
    redis,
    keys,
    smtpUrl,
    mailFrom,
    twilio: absent.length > 0 ? null : { accountSid, authToken, from, apiUrl: twilioUrl },
    smsCountries,
    networkLimit,
    socketsPerNetwork,
    trustedProxies,
    allowedOrigins,
    sessionIdleSeconds,
    sessionAbsoluteSeconds,
    sessionLimit,
    signingKeyMaxAgeSeconds,
    sessionRetentionDays,
    auditArchiveDir: text('AUDIT_ARCHIVE_DIR') || null,
    auditRetentionMonths,
    logLevel,
    metrics: metricsPort === null ? null : { host: text('METRICS_HOST') || '127.0.0.1', port: metricsPort },
    traces: collector
      ? {
          url: `${collector.replace(/\/+$/, '')}/v1/traces`,
          serviceName: text('OTEL_SERVICE_NAME') || 'gatehouse',
          ratio,
        }
      : null,
  }
}

/** A setting that commands on the database need too. Throws ConfigError where it is malformed. */
export const readSessionRetentionDays = (environment: Environment = process.env): number =>
  wholeNumberOf(environment, sessionRetention)

/** The same. */
export const readAuditRetentionMonths = (environment: Environment = process.env): number =>
  wholeNumberOf(environment, auditRetention)

const wholeNumberOf = (environment: Environment, number: WholeNumber): number =>
  wholeNumber(environment, number, (problem) => {
    throw new ConfigError([problem])
  })

const wholeNumber = (
  environment: Environment,
  [name, fallback, least, most]: WholeNumber,
  fail: (problem: string, value: number) => number,
): number => {
  const text = environment[name]?.trim() ?? ''
  const value = text === '' ? fallback : Number(text)
  return Number.isInteger(value) && value >= least && value <= most
    ? value
    : fail(`${name} must be a whole number from ${least} to ${most}`, fallback)
}

/** An exact origin, as browsers spell it (RFC 6454 §6.2). */
const isOrigin = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, origin } = new URL(text)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(text))
  return origin === text && isSafe && !hostname.includes('*') && !hostname.endsWith('.')
}

const isLoopback = (url: string): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname)

const redisAddress = (text: string, sentinelPassword: string, fail: Fail): RedisAddress | null => {
  try {
    return parseRedisAddress(text, sentinelPassword)
  } catch (problem) {
    if (!(problem instanceof RedisAddressError)) throw problem
    return fail(`REDIS_URL ${problem.message}`, null)
  }
}

/** Reads a key ring, newest first, null where there is none. Tells `fail` of what is malformed. */
export const parseKeys = (text: string, fail: Fail): Config['keys'] | null => {
  const keys = text
    .split(',')
    .filter(Boolean)
    .map((entry): MasterKey => {
      const [id = '', encoded = ''] = entry.trim().split(':')
      const secret = Buffer.from(encoded, 'base64')
      const isFine = /^[\w-]{1,32}$/.test(id) && secret.length === keyBytes
      return isFine
        ? { id, secret }
        : fail('GATEHOUSE_KEYS: each key must be id:base64 of exactly 32 bytes, separated by commas', { id, secret })
    })
  if (text !== '' && keys.length === 0) fail('GATEHOUSE_KEYS holds no key', null)
  if (new Set(keys.map(({ id }) => id)).size < keys.length) fail('GATEHOUSE_KEYS: two keys have the same id', null)
  const [newest, ...older] = keys
  return newest ? [newest, ...older] : null
}
