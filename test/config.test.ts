import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from '../src/config.ts'

const key = (id: string) => `${id}:${Buffer.alloc(32, 1).toString('base64')}`
const needed = {
  NODE_ENV: 'development',
  DATABASE_URL: 'postgres://user:hunter2@db:5432/gatehouse',
  GATEHOUSE_KEYS: key('k1'),
}
const production = {
  ...needed,
  NODE_ENV: 'production',
  REDIS_URL: 'redis://:hunter2@cache:6379',
  PUBLIC_URL: 'https://id.example.com',
}

const twilio = {
  TWILIO_ACCOUNT_SID: `AC${'0123456789abcdef'.repeat(2)}`,
  TWILIO_AUTH_TOKEN: 'hunter2',
  TWILIO_FROM: '+15005550006',
}

const problemsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    readConfig(environment)
    return []
  } catch (problem) {
    if (problem instanceof ConfigError) return problem.problems
    throw problem
  }
}
const namesIn = (problems: readonly string[]) => problems.map((problem) => /^[A-Z_]+/.exec(problem)?.[0]).sort()

describe('what is missing', () => {
  test('production with nothing set names everything that it needs, at once', () => {
    expect(namesIn(problemsOf({ NODE_ENV: 'production' }))).toEqual([
      'DATABASE_URL',
      'GATEHOUSE_KEYS',
      'PUBLIC_URL',
      'REDIS_URL',
    ])
  })

  test('development needs a database and keys', () => {
    expect(namesIn(problemsOf({ NODE_ENV: 'development' }))).toEqual(['DATABASE_URL', 'GATEHOUSE_KEYS'])
  })

  test('a variable that is empty or blank is missing', () => {
    const blank = { ...production, DATABASE_URL: '', REDIS_URL: ' ', GATEHOUSE_KEYS: '\t' }
    expect(namesIn(problemsOf(blank))).toEqual(['DATABASE_URL', 'GATEHOUSE_KEYS', 'REDIS_URL'])
  })

  test('SMTP without a sender names MAIL_FROM', () => {
    expect(namesIn(problemsOf({ ...needed, SMTP_URL: 'smtp://mail:25' }))).toEqual(['MAIL_FROM'])
  })

  test('Twilio without its sender, or without all but its address, names what is missing', () => {
    const { TWILIO_FROM, ...senderless } = twilio
    expect(problemsOf({ ...needed, ...senderless })).toEqual([expect.stringMatching(/^TWILIO_FROM is missing/)])
    const [problem, ...others] = problemsOf({ ...needed, TWILIO_FROM })
    expect(problem).toContain('TWILIO_ACCOUNT_SID')
    expect(problem).toContain('TWILIO_AUTH_TOKEN')
    expect(others).toEqual([])
    expect(namesIn(problemsOf({ ...needed, TWILIO_API_URL: 'http://localhost:1' }))).toEqual(['TWILIO_ACCOUNT_SID'])
  })

  test('each line says what the variable is for or looks like', () => {
    for (const problem of problemsOf({ NODE_ENV: 'production' })) expect(problem).toMatch(/^[A-Z_]+ is missing: .{10,}/)
  })
})

describe('what is malformed', () => {
  test.each([
    ['DATABASE_URL', 'mysql://db/x', 'postgres://'],
    ['DATABASE_URL', 'not a url', 'postgres://'],
    ['REDIS_URL', 'http://cache', 'redis://'],
    ['REDIS_URL', 'cache:6379', 'redis://'],
    ['REDIS_URL', 'redis://', 'redis://'],
    ['REDIS_URL', 'redis://a, redis://b,', 'separated by commas'],
    ['REDIS_URL', 'redis://a,rediss://b', 'the same beginning'],
    ['REDIS_URL', 'redis://:one@a,redis://:two@b', 'credentials'],
    ['REDIS_URL', 'redis://a/1,redis://b/1', 'no database'],
    ['REDIS_URL', 'redis://a/name', 'as in /0'],
    ['REDIS_URL', 'redis://:half#way@a', 'redis://'],
    ['REDIS_URL', 'redis://a?timeout=1', '%3F'],
    ['REDIS_URL', 'redis-sentinel://a:26379', 'as in /mymaster'],
    ['REDIS_URL', 'redis-sentinel://a/one,redis-sentinel://b/two', 'end in each'],
    ['REDIS_URL', 'redis-sentinel://a/one,redis://b/one', 'the same beginning'],
    ['PUBLIC_URL', 'ftp://id.example.com', 'https://'],
    ['PUBLIC_URL', 'id.example.com', 'https://'],
    ['PUBLIC_URL', 'http://id.example.com', 'https://'],
    ['SMTP_URL', 'imap://mail', 'smtp://'],
    ['TWILIO_ACCOUNT_SID', 'SK0123', 'begin with AC'],
    ['TWILIO_API_URL', 'ftp://api.example.com', 'https://'],
    ['SMS_COUNTRIES', 'US,UK', '"UK"'],
    ['SMS_COUNTRIES', 'USA', 'ISO 3166'],
    ['SMS_COUNTRIES', 'US,', 'ISO 3166'],
    ['PORT', '65536', 'from 0 to 65535'],
    ['PORT', '40.5', 'whole number'],
    ['PORT', 'http', 'whole number'],
    ['PORT', '-1', 'whole number'],
    ['GATEHOUSE_KEYS', 'k1', '32 bytes'],
    ['GATEHOUSE_KEYS', `k1:${Buffer.alloc(31).toString('base64')}`, '32 bytes'],
    ['GATEHOUSE_KEYS', `k 1:${Buffer.alloc(32).toString('base64')}`, 'id:base64'],
    ['GATEHOUSE_KEYS', `${key('k1')},${key('k1')}`, 'same id'],
    ['GATEHOUSE_KEYS', ',', 'GATEHOUSE_KEYS'],
    ['TRUSTED_PROXIES', '10.0.0.0/8, proxy.internal', '"proxy.internal"'],
    ['TRUSTED_PROXIES', '10.0.0.0/33', 'CIDR'],
    ...[
      ...[
        '*',
        'null',
        'app.example.com',
        'https://*.example.com',
        'https://app.example.com/',
        'https://app.example.com/x',
      ],
      ...[
        'HTTPS://app.example.com',
        'https://App.example.com',
        'https://app.example.com.',
        'https://app.example.com:443',
      ],
      ...['http://app.example.com', 'https://me@app.example.com', 'https://bücher.example', 'capacitor://localhost'],
      ...['https://a.example https://b.example', 'http://localhost.evil.example'],
    ].map((origin): [string, string, string] => ['ALLOWED_ORIGINS', `https://a.example, ${origin}`, `"${origin}"`]),
    ['SOCKETS_PER_NETWORK', '0', 'from 1'],
    ['SESSION_ABSOLUTE_SECONDS', '59', 'from 60'],
    ['SESSION_LIMIT', '0', 'from 1 to 100'],
    ['SESSION_LIMIT_POLICY', 'evict_oldest', 'EVICT_OLDEST, DENY, ASK'],
    ['SESSION_IDLE_SECONDS', '90000', 'to 86400'],
    ['SIGNING_KEY_MAX_AGE_DAYS', '0', 'from 1'],
    ['SESSION_RETENTION_DAYS', '0', 'from 1'],
    ['SESSION_RETENTION_DAYS', '3651', 'to 3650'],
    ['LOG_LEVEL', 'loud', 'debug'],
    ['METRICS_PORT', 'nine', 'whole number'],
    ['METRICS_PORT', '4000', 'another than PORT'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'https://'],
    ['OTEL_TRACES_SAMPLER_ARG', '10', 'from 0 to 1'],
    ['OTEL_TRACES_SAMPLER_ARG', 'half', 'from 0 to 1'],
  ])('%s=%j is refused, naming it and what would be right', (name, value, hint) => {
    const problems = problemsOf({ ...production, ...twilio, MAIL_FROM: 'a@example.com', [name]: value })
    expect(problems).toEqual([expect.stringContaining(hint)])
    expect(problems[0]).toMatch(new RegExp(`^${name}\\b`))
  })

  test('all that is malformed is named at once, beside what is missing', () => {
    const environment = { NODE_ENV: 'production', DATABASE_URL: 'x', PORT: 'x', LOG_LEVEL: 'x', TRUSTED_PROXIES: 'x' }
    expect(namesIn(problemsOf(environment))).toEqual([
      'DATABASE_URL',
      'GATEHOUSE_KEYS',
      'LOG_LEVEL',
      'PORT',
      'PUBLIC_URL',
      'REDIS_URL',
      'TRUSTED_PROXIES',
    ])
  })

  test('no message quotes a value that may be a secret', () => {
    const secret = 'hunter2hunter2'
    const names = ['DATABASE_URL', 'REDIS_URL', 'GATEHOUSE_KEYS', 'SMTP_URL', 'TWILIO_AUTH_TOKEN', 'TWILIO_ACCOUNT_SID']
    const problems = problemsOf(Object.fromEntries(names.map((name) => [name, secret])))
    expect(problems.length).toBeGreaterThanOrEqual(6)
    expect(problems.join()).not.toContain(secret)
  })
})

describe('defaults', () => {
  test('development listens on this machine alone, at port 4000, and says so in links', () => {
    expect(readConfig(needed)).toMatchObject({
      isProduction: false,
      host: '127.0.0.1',
      port: 4000,
      publicUrl: 'http://localhost:4000',
      redis: null,
      smtpUrl: null,
      twilio: null,
      trustedProxies: [],
      allowedOrigins: [],
      sessionIdleSeconds: 3_600,
      sessionAbsoluteSeconds: 86_400,
      sessionLimit: { mostSessions: 5, policy: 'EVICT_OLDEST' },
      signingKeyMaxAgeSeconds: 90 * 86_400,
      logLevel: 'info',
    })
  })

  test('production listens on every address', () => {
    expect(readConfig(production)).toMatchObject({
      isProduction: true,
      host: '0.0.0.0',
      publicUrl: production.PUBLIC_URL,
    })
  })

  test('whoever forgets NODE_ENV, or misspells it, gets production', () => {
    for (const NODE_ENV of ['test', 'Development', 'dev', ''])
      expect(readConfig({ ...production, NODE_ENV }).isProduction).toBe(true)
  })

  test('production may be reached over plain HTTP on this machine alone', () => {
    for (const PUBLIC_URL of ['http://localhost:4000', 'http://127.0.0.1', 'http://[::1]:4000'])
      expect(problemsOf({ ...production, PUBLIC_URL })).toEqual([])
  })

  test('a PUBLIC_URL loses the slash at its end, and keeps its path', () => {
    expect(readConfig({ ...production, PUBLIC_URL: 'https://example.com/id/' }).publicUrl).toBe(
      'https://example.com/id',
    )
  })

  test('text messages go over Twilio itself where no other address is given', () => {
    const given = { accountSid: twilio.TWILIO_ACCOUNT_SID, authToken: 'hunter2', from: '+15005550006' }
    expect(readConfig({ ...production, ...twilio }).twilio).toEqual({ ...given, apiUrl: null })
    const TWILIO_API_URL = 'http://127.0.0.1:4010'
    expect(readConfig({ ...production, ...twilio, TWILIO_API_URL }).twilio).toEqual({
      ...given,
      apiUrl: TWILIO_API_URL,
    })
  })

  test('text messages go to the countries on the list, or to those where pumping is rare', () => {
    expect(readConfig({ ...needed, SMS_COUNTRIES: ' US, KE' }).smsCountries).toEqual(['US', 'KE'])
    const { smsCountries } = readConfig(needed)
    expect(smsCountries).toHaveLength(2 + 27 + 3 + 2 + 3)
    expect(smsCountries).toEqual(expect.arrayContaining(['US', 'CA', 'DE', 'HR', 'IS', 'GB', 'CH', 'AU', 'NZ', 'JP']))
  })

  test('metrics have a port of their own where one is set, which this machine alone reaches unless METRICS_HOST says more', () => {
    expect(readConfig(production).metrics).toBeNull()
    expect(readConfig({ ...production, METRICS_PORT: '9464' }).metrics).toEqual({ host: '127.0.0.1', port: 9464 })
    const METRICS_HOST = '0.0.0.0'
    expect(readConfig({ ...production, METRICS_PORT: '9464', METRICS_HOST }).metrics?.host).toBe(METRICS_HOST)
  })

  test('traces go to a collector where one is set, all of them unless a share is', () => {
    expect(readConfig(production).traces).toBeNull()
    const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318/'
    const given = { url: 'http://collector:4318/v1/traces', serviceName: 'gatehouse', ratio: 1 }
    expect(readConfig({ ...production, OTEL_EXPORTER_OTLP_ENDPOINT }).traces).toEqual(given)
    const more = { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME: 'id', OTEL_TRACES_SAMPLER_ARG: '0.25' }
    expect(readConfig({ ...production, ...more }).traces).toEqual({ ...given, serviceName: 'id', ratio: 0.25 })
  })

  test('the keys stand newest first, as they were given', () => {
    const { keys } = readConfig({ ...needed, GATEHOUSE_KEYS: ` ${key('new')} , ${key('old')} ` })
    expect(keys.map(({ id }) => id)).toEqual(['new', 'old'])
  })
})

describe('REDIS_URL', () => {
  const addressOf = (REDIS_URL: string, more = {}) => readConfig({ ...production, REDIS_URL, ...more }).redis

  test('one URL is one server', () => {
    expect(addressOf('rediss://user:secret@cache:6379/2')).toEqual({
      kind: 'single',
      url: 'rediss://user:secret@cache:6379/2',
    })
  })

  test('several are nodes of a cluster', () => {
    expect(addressOf('redis://:secret@a:7000, redis://:secret@b:7000')).toEqual({
      kind: 'cluster',
      urls: ['redis://:secret@a:7000', 'redis://:secret@b:7000'],
    })
  })

  test('redis-sentinel:// names sentinels, the credentials of the servers and the master', () => {
    const url = 'redis-sentinel://app:p%40ss@a/main,redis-sentinel://app:p%40ss@[::1]:26380/main'
    expect(addressOf(url)).toEqual({
      kind: 'sentinel',
      sentinels: ['redis://a:26379', 'redis://[::1]:26380'],
      master: 'main',
      server: 'redis://app:p%40ss@a',
    })
    expect(addressOf('rediss-sentinel://:x@a/main', { REDIS_SENTINEL_PASSWORD: 'open sesame' })).toEqual({
      kind: 'sentinel',
      sentinels: ['rediss://:open%20sesame@a:26379'],
      master: 'main',
      server: 'rediss://:x@a',
    })
  })

  test('a password for sentinels without a sentinel is a mistake', () => {
    const problems = problemsOf({ ...production, REDIS_SENTINEL_PASSWORD: 'x' })
    expect(problems).toEqual([expect.stringContaining('redis-sentinel://')])
  })
})
