import { NotEmpty } from '../demo/demo-service.ts'
import { type Command, parseOptions, UsageError } from './command.ts'
import { givenKeys } from './given-keys.ts'
import { seededAdministrator } from './local-environment.ts'
import { asOperator } from './operator.ts'
import { createProgress } from './progress.ts'

const options = {
  seed: { fallback: 1, least: 0, most: 1_000_000 },
  users: { fallback: 1_000, least: 10, most: 10_000 },
  events: { fallback: 50_000, least: 100, most: 200_000 },
  days: { fallback: 30, least: 1, most: 365 },
} as const

export const demo: Command = {
  summary: 'Fills the database of a development server with people and a history.',
  usage: `demo [--seed N] [--users N] [--events N] [--days N]

  --seed N      the same number makes the same people, and at the same time the
                same history (default 1)
  --users N     how many accounts, 10 to 10,000 (default 1000)
  --events N    about how many security events, 100 to 200,000 (default 50,000)
  --days N      how long the history is, 1 to 365 days up to now (default 30)

Makes accounts with second factors, sessions that are live and sessions that
ended, sign-ins, mistakes, attacks and locks, and seals the security log, so that
lists, charts and subscriptions have something to show. Prints how to sign in.
Nobody of these exists: addresses end in @example.com, phone numbers are reserved
for fiction, and requests come from public name servers, as only real addresses
have a place on the map.

Works beside npm run dev and needs nothing else there. Elsewhere it needs
NODE_ENV=development, and DATABASE_URL and GATEHOUSE_KEYS, the same that the servers
have. Writes all or nothing, so it can be stopped and run again. Refuses where anybody
but the administrator of npm run dev has an account: to begin anew, stop npm run dev,
delete .gatehouse, and start it again.

Example: gatehouse demo
Example: gatehouse demo --seed 7 --users 200 --events 10000 --days 90
Exit code: 0 done, 1 refused or failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { values } = parseOptions({
      args,
      options: {
        seed: { type: 'string' },
        users: { type: 'string' },
        events: { type: 'string' },
        days: { type: 'string' },
      },
    })
    const numberOf = (name: keyof typeof options): number => wholeNumber(name, values[name])
    const [seed, users, events, days] = [numberOf('seed'), numberOf('users'), numberOf('events'), numberOf('days')]
    const url = databaseUrl()
    if (process.env.NODE_ENV !== 'development') {
      throw new Error('demo is for development: run npm run dev, or set NODE_ENV=development and DATABASE_URL')
    }
    const keys = givenKeys()

    const progress = createProgress(process.stderr, () => performance.now(), 'events')
    const story = { seed, users, events, days, end: new Date(), administrator: seededAdministrator }
    const { password, examples, ...written } = await asOperator(url, ({ fillDemo }) =>
      fillDemo(keys)({ ...story, onProgress: (count) => progress.show(count, Math.min(1, count / events)) }),
    )
      .catch((problem) => {
        throw problem instanceof NotEmpty ? new Error(notEmpty) : problem
      })
      .finally(progress.clear)
    console.log(`Wrote ${users} users, ${written.sessions} sessions and ${written.events} events of ${days} days, and sealed them.

  Password          ${password}   (everybody's, printed this once)
  User              ${examples.user}
  User with SMS     ${examples.userWithSms}   (codes are at /outbox)
  Auditor           ${examples.auditor}   (reads securityOverview, auditEvents)`)
  },
}

const notEmpty = `somebody but ${seededAdministrator} has an account in this database. To begin anew, stop npm run dev, delete .gatehouse, and start it again`

const wholeNumber = (name: keyof typeof options, text: string | undefined): number => {
  const { fallback, least, most } = options[name]
  if (text === undefined) return fallback
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= least && number <= most))
    throw new UsageError(`--${name} must be a whole number from ${least} to ${most}`)
  return number
}
