import { ConfigError, readSessionRetentionDays } from '../config.ts'
import { mostCounted } from '../db/expired-rows.ts'
import { type Command, parseOptions, UsageError } from './command.ts'
import { asOperator } from './operator.ts'
import { problemOf } from './problem.ts'
import { createProgress } from './progress.ts'

export const purge: Command = {
  summary: 'Deletes what no longer has a purpose, as servers do by themselves.',
  usage: `purge [--dry-run]

  --dry-run    only count what would be deleted, and change nothing

Ends sessions in the record that passed their absolute end unnoticed, and deletes
sessions that ended more than SESSION_RETENTION_DAYS ago (default 30: give the
command the same as the servers), and challenges, tokens, limits, messages and
devices whose time is up. Safe while servers run, and can be stopped and run
again. Waits while a server or another purge is at it.

Example: gatehouse purge --dry-run
Example: SESSION_RETENTION_DAYS=90 gatehouse purge
Exit code: 0 done, 1 some or all of it failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { values } = parseOptions({ args, options: { 'dry-run': { type: 'boolean' } } })
    const days = retentionDays()
    const say = (text: string) => console.log(text)
    await asOperator(databaseUrl(), async ({ retention }) => {
      const { count, purge } = retention(days)
      if (values['dry-run']) {
        say(`Nothing was changed. With sessions kept for ${days} days after their end, there are to purge:`)
        for (const line of await count()) say(tableLine(line))
        return
      }
      const progress = createProgress(process.stderr, () => performance.now(), 'rows')
      const counts = new Map<string, number>()
      let total = 0
      let isWhole = true
      try {
        const isComplete = await purge({
          onWaiting: () => progress.say('A server or another purge is at it: waiting until it is through.'),
          onDone(what, done) {
            counts.set(what, (counts.get(what) ?? 0) + done)
            total += done
            progress.show(total, null)
          },
          onProblem(what, problem) {
            isWhole = false
            progress.say(`${what}: ${problemOf(problem, databaseUrl()).text}`)
          },
        })
        if (!isComplete) throw new Error('another purge took over; run it again')
      } finally {
        progress.clear()
        say(`Purged, with sessions kept for ${days} days after their end:`)
        for (const line of counts) say(tableLine(line))
      }
      if (!isWhole) process.exitCode = 1
    })
  },
}

const retentionDays = (): number => {
  try {
    return readSessionRetentionDays()
  } catch (problem) {
    throw problem instanceof ConfigError ? new UsageError(problem.problems.join()) : problem
  }
}

const tableLine = ([what, count]: readonly [string, number]): string =>
  `${(count > mostCounted ? `over ${mostCounted}` : String(count)).padStart(12)}  ${what}`
