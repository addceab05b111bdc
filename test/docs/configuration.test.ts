import { expect, test } from 'vitest'
import { type Config, type ConfigError, readConfig } from '../../src/config.ts'
import { readDocument, tablesUnder } from '../support/prose.ts'

const key = Buffer.alloc(32, 1).toString('base64')
const required = {
  DATABASE_URL: 'postgres://localhost/gatehouse',
  REDIS_URL: 'redis://localhost',
  PUBLIC_URL: 'https://id.example.com',
  GATEHOUSE_KEYS: `k1:${key}`,
}
/** What else must be set for some defaults to count. */
const switchedOn = { METRICS_PORT: '9464', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
const seconds = (days: number) => days * 24 * 3600

/** Each variable with a default, and what of the configuration shows it. */
const defaults: Readonly<Record<string, (config: Config) => unknown>> = {
  HOST: ({ host }) => host,
  PORT: ({ port }) => port,
  NETWORK_LIMIT: ({ networkLimit }) => networkLimit,
  SOCKETS_PER_NETWORK: ({ socketsPerNetwork }) => socketsPerNetwork,
  SESSION_IDLE_SECONDS: ({ sessionIdleSeconds }) => sessionIdleSeconds,
  SESSION_ABSOLUTE_SECONDS: ({ sessionAbsoluteSeconds }) => sessionAbsoluteSeconds,
  SESSION_LIMIT: ({ sessionLimit }) => sessionLimit.mostSessions,
  SESSION_LIMIT_POLICY: ({ sessionLimit }) => sessionLimit.policy,
  SIGNING_KEY_MAX_AGE_DAYS: ({ signingKeyMaxAgeSeconds }) => signingKeyMaxAgeSeconds / seconds(1),
  SESSION_RETENTION_DAYS: ({ sessionRetentionDays }) => sessionRetentionDays,
  AUDIT_RETENTION_MONTHS: ({ auditRetentionMonths }) => auditRetentionMonths,
  LOG_LEVEL: ({ logLevel }) => logLevel,
  METRICS_HOST: ({ metrics }) => metrics?.host,
  OTEL_SERVICE_NAME: ({ traces }) => traces?.serviceName,
  OTEL_TRACES_SAMPLER_ARG: ({ traces }) => traces?.ratio,
}

/** Each variable with its default as the document prints it, those of one row apart. */
const table = async (): Promise<Map<string, string>> =>
  new Map(
    (await tablesUnder('docs/operations.md', 'Variable')).flatMap(([names = '', fallbacks = '']) => {
      const variables = names.match(/[A-Z_]+/g) ?? []
      const each = fallbacks.replaceAll('`', '').split(/, (?![\d,]+ in)/)
      return variables.map((name, index) => [name, (variables.length > 1 ? each[index] : fallbacks) ?? ''] as const)
    }),
  )

test('the table of the configuration names what the server reads, and nothing else', async () => {
  const source = await readDocument('src/config.ts')
  const read = new Set(
    [...source.matchAll(/'([A-Z]+(?:_[A-Z]+)+|PORT|HOST)'|environment\.([A-Z_]+)/g)].map(
      ([, quoted, own]) => quoted ?? own,
    ),
  )
  for (const value of ['EVICT_OLDEST']) read.delete(value)
  read.add('GATEHOUSE_DATA_DIR') // of `npm run dev` alone
  read.add('OTEL_EXPORTER_OTLP_HEADERS') // read by the exporter itself
  expect([...(await table()).keys()].toSorted()).toEqual([...read].toSorted())
})

test.each(Object.entries(defaults))('the default of %s is what the document says', async (name, from) => {
  const config = readConfig({ ...required, ...switchedOn })
  const printed = ((await table()).get(name) ?? '').replaceAll('`', '').replace(/ \(.*/, '')
  expect(printed).toBe(String(from(config)))
})

test('the variables without a default that production needs are those that the document exports first', async () => {
  const document = await readDocument('docs/operations.md')
  const exported = [...document.matchAll(/^export ([A-Z_]+)=/gm)].map(([, name]) => name)
  let missing: string[] = []
  try {
    readConfig({})
  } catch (problem) {
    missing = (problem as ConfigError).problems.map((line) => line.split(' ')[0] ?? '')
  }
  expect(missing.toSorted()).toEqual(exported.toSorted())
  for (const name of missing) expect((await table()).get(name) ?? '', name).not.toMatch(/^`?\d/)
})
