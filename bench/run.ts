import { availableParallelism } from 'node:os'
import { audit } from './audit.ts'
import { eventPages } from './event-pages.ts'
import { frozenRedis } from './frozen-redis.ts'
import { limit } from './limit.ts'
import { liveEvents } from './live-events.ts'
import { lockout } from './lockout.ts'
import { observability } from './observability.ts'
import { overview } from './overview.ts'
import { revocation } from './revocation.ts'
import { sessionCheck } from './session-check.ts'
import { signIn } from './sign-in.ts'
import { sizing } from './sizing.ts'
import { withEnvironment } from './support/environment.ts'
import { type Benchmark, table } from './support/report.ts'
import { userPages } from './user-pages.ts'
import { verifyAudit } from './verify-audit.ts'
import { verifyMfa } from './verify-mfa.ts'

// `npm run bench -- [name …]`: measures the build against the bars of its design. Figures, not verdicts: it fails only
// where it can't measure.

const benchmarks: Readonly<Record<string, Benchmark>> = {
  'session-check': sessionCheck,
  observability,
  'sign-in': signIn,
  'verify-mfa': verifyMfa,
  lockout,
  revocation,
  'live-events': liveEvents,
  limit,
  'frozen-redis': frozenRedis,
  audit,
  sizing,
  'verify-audit': verifyAudit,
  'event-pages': eventPages,
  'user-pages': userPages,
  overview,
}

const say = (text: string): void => console.log(text)

const measure = (names: readonly string[]): Promise<void> =>
  withEnvironment(say, async (environment) => {
    const results: string[] = []
    for (const name of names) {
      const figures = await (benchmarks[name] as Benchmark)(environment)
      results.push(`${name}\n${table(figures)}`)
    }
    say(`\n${results.join('\n\n')}\n
Medians, with the least and the most of the rounds in brackets. Ratios are taken round by round. The load generator,
PostgreSQL (fsync on), Redis and the servers shared the ${availableParallelism()} cores of this machine, so read the ratios.`)
  })

const names = process.argv.slice(2)
const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name))
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. There are ${Object.keys(benchmarks).join(', ')}.`)
  process.exit(2)
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(130)) // the services end with this process
try {
  await measure(names.length > 0 ? names : Object.keys(benchmarks))
} catch (problem) {
  console.error(problem)
  process.exitCode = 1
}
