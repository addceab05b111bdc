import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const project = fileURLToPath(new URL('../..', import.meta.url))
const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')

/** Everything that a file could import, at the layer that each stands for. */
const inOtherFolders = {
  lib: '../lib/clock.ts',
  failure: '../failure.ts',
  domain: '../sessions/session.ts',
  db: '../db/client.ts',
  redis: '../redis/client.ts',
  store: '../sessions/session-store.ts',
  service: '../sessions/session-service.ts',
  resolver: '../sessions/session.graphql.ts',
  graphql: '../graphql/context.ts',
  http: '../http/server.ts',
  app: '../app.ts',
  main: '../main.ts',
  cli: '../cli/local-redis.ts',
}
type Layer = keyof typeof inOtherFolders

const packages = [
  ...['graphql', 'graphql/language/index.js', 'type-graphql', 'drizzle-orm', 'drizzle-orm/pg-core'],
  ...['redis', 'otplib', 'twilio', 'nodemailer', 'prom-client', '@opentelemetry/api', 'node:crypto'],
]
const graphql = ['graphql', 'graphql/language/index.js', 'type-graphql']
const drizzle = ['drizzle-orm', 'drizzle-orm/pg-core']

const domain: Layer[] = ['lib', 'failure', 'domain']
const upToService: Layer[] = [...domain, 'db', 'redis', 'store', 'service']
const upToResolver: Layer[] = [...upToService, 'resolver']
const upToEdge: Layer[] = [...upToResolver, 'graphql', 'http']

const mayImport: Record<string, { layers: Layer[]; packages?: string[] }> = {
  'src/lib/x.ts': { layers: [] },
  'src/db/x.ts': { layers: [...domain, 'db'], packages: drizzle },
  'src/redis/x.ts': { layers: [...domain, 'redis'], packages: ['redis'] },
  'src/failure.ts': { layers: domain },
  'src/config.ts': { layers: domain },
  'src/accounts/account.ts': { layers: domain },
  'src/mfa/totp.ts': { layers: domain, packages: ['otplib'] },
  'src/messaging/twilio.ts': { layers: domain, packages: ['twilio'] },
  'src/messaging/smtp.ts': { layers: domain, packages: ['nodemailer'] },
  'src/accounts/account-store.ts': {
    layers: [...domain, 'db', 'redis', 'store'],
    packages: [...drizzle, 'redis'],
  },
  'src/accounts/account-service.ts': { layers: upToService },
  'src/accounts/account.graphql.ts': { layers: upToResolver, packages: graphql },
  'src/telemetry/x.ts': { layers: upToService, packages: ['prom-client', '@opentelemetry/api'] },
  'src/graphql/x.ts': { layers: upToEdge, packages: graphql },
  'src/http/x.ts': { layers: upToEdge },
  'src/app.ts': { layers: [...upToEdge, 'app'] },
  'src/main.ts': { layers: [...upToEdge, 'app', 'main', 'cli'] },
  'src/cli/x.ts': { layers: [...upToEdge, 'app', 'main', 'cli'] },
}

const otherSnippets: Record<string, { text: string; refusedBy: string | undefined }> = {
  'src/lib/types.ts': { text: "import type { A } from '../db/a.ts'", refusedBy: 'noRestrictedImports' },
  'src/lib/reexport.ts': { text: "export { a } from '../db/a.ts'", refusedBy: 'noRestrictedImports' },
  'src/lib/dynamic.ts': { text: "await import('../db/a.ts')", refusedBy: 'noRestrictedImports' },
  'src/accounts/deeper/x.ts': { text: "import { a } from '../../db/a.ts'", refusedBy: 'noRestrictedImports' },
  'src/accounts/own.ts': { text: "import { a } from './own-store.ts'", refusedBy: 'noRestrictedImports' },
  'src/accounts/value-service.ts': { text: "import { a } from './own-store.ts'", refusedBy: 'plugin' },
  'src/accounts/type-service.ts': { text: "import type { A } from './own-store.ts'", refusedBy: undefined },
  'src/accounts/env.ts': { text: 'export default process.env.HOME', refusedBy: 'noProcessEnv' },
  'src/cli/env.ts': { text: 'export default process.env.HOME', refusedBy: undefined },
  'src/accounts/cycle-a.ts': { text: "import type { B } from './cycle-b.ts'", refusedBy: 'noImportCycles' },
  'src/accounts/cycle-b.ts': { text: "import type { A } from './cycle-a.ts'", refusedBy: 'noImportCycles' },
  'src/accounts/x.graphql.ts': { text: "class R { read(@Arg('id') id: string) {} }", refusedBy: undefined },
}

let folder: string
let findings: Map<string, { line: number; rule: string }[]>

/** What is `../x` elsewhere is `./x` directly in src/. */
const seenFrom = (file: string, path: string) => (dirname(file) === 'src' ? path.replace('../', './') : path)

const specifiersFor = (file: string): string[] => [
  ...Object.values(inOtherFolders).map((path) => seenFrom(file, path)),
  ...packages,
]

/** A file of one type-only import a line, in the order of specifiersFor: stores are open to services as types only. */
const importsOf = (file: string): string =>
  specifiersFor(file)
    .map((specifier) => `import type { A } from '${specifier}'`)
    .join('\n')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-lint-'))
  for (const path of ['biome.json', '.biome']) await cp(join(project, path), join(folder, path), { recursive: true })
  const write = async (file: string, text: string) => {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  for (const file of Object.keys(mayImport)) await write(file, importsOf(file))
  for (const [file, { text }] of Object.entries(otherSnippets)) await write(file, text)

  const report = await lint(folder, '--vcs-enabled=false')
  findings = new Map()
  for (const { category, location, severity } of report.diagnostics) {
    if (severity !== 'error') continue
    const rule = category.replace(/.*\//, '')
    findings.set(location.path, [...(findings.get(location.path) ?? []), { line: location.start.line, rule }])
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test.each(Object.entries(mayImport))('%s imports only what lies before it', (file, allowed) => {
  const refused = (findings.get(file) ?? []).filter(({ rule }) => rule === 'noRestrictedImports')
  const accepted = specifiersFor(file).filter((_, index) => !refused.some(({ line }) => line === index + 1))
  const layers = allowed.layers.map((layer) => seenFrom(file, inOtherFolders[layer]))
  expect(accepted.sort()).toEqual([...layers, ...(allowed.packages ?? []), 'node:crypto'].sort())
})

test.each(Object.entries(otherSnippets))('%s is judged by its own rule', (file, { refusedBy }) => {
  expect(findings.get(file)?.map(({ rule }) => rule) ?? []).toEqual(refusedBy === undefined ? [] : [refusedBy])
})

test('the linter sees every source file of the project', async () => {
  const files = await readdir(join(project, 'src'), { recursive: true })
  const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.generated.ts'))
  expect(sources.length).toBeGreaterThan(0)
  expect((await lint(project)).summary.unchanged).toBeGreaterThanOrEqual(sources.length)
})

interface Report {
  readonly summary: { readonly unchanged: number }
  readonly diagnostics: { severity: string; category: string; location: { path: string; start: { line: number } } }[]
}

const lint = async (cwd: string, ...options: string[]): Promise<Report> => {
  const args = [biome, 'lint', 'src', '--reporter=json', '--max-diagnostics=none', ...options]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, maxBuffer: 2 ** 26 }).catch(
    (error: { stdout: string }) => error, // it ends with 1 when it found something
  )
  return JSON.parse(stdout)
}
