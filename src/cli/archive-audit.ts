import { ConfigError, readAuditRetentionMonths } from '../config.ts'
import { type Command, parseOptions, UsageError } from './command.ts'
import { givenKeys } from './given-keys.ts'
import { asOperator } from './operator.ts'
import { createProgress } from './progress.ts'

export const archiveAudit: Command = {
  summary: 'Moves months of the security log to files.',
  usage: `archive-audit --to DIR [--months N] [--dry-run] [--keep]

  --to DIR     where the files go; it must be there
  --months N   how many whole months stay in the database after a month ended, 1 to
               120 (default AUDIT_RETENTION_MONTHS, else 13)
  --dry-run    only say what there is to archive, and change nothing
  --keep       write the files and leave the events in the database too

Writes each month that is old enough to two gzipped files of JSON lines,
security-events-2026-01.jsonl.gz with its part of the chain, and what says of a
person where they were and on which device, security-events-2026-01.personal.jsonl.gz;
recomputes the chain from what was written, and then drops the month from the
database. Servers do the same by themselves where AUDIT_ARCHIVE_DIR is set. Safe
while servers run, and can be stopped and run again. Waits while a server or
another command is at it. A month whose events are not all sealed and followed by
a checkpoint is left for later.

Needs GATEHOUSE_KEYS, the same that the servers have, as archives are signed for.

Example: gatehouse archive-audit --to /var/archive --dry-run
Example: gatehouse archive-audit --to /var/archive --months 6
Exit code: 0 done, 1 some or all of it failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { values } = parseOptions({
      args,
      options: {
        to: { type: 'string' },
        months: { type: 'string' },
        'dry-run': { type: 'boolean' },
        keep: { type: 'boolean' },
      },
    })
    const directory = values.to
    if (!directory) throw new UsageError('--to DIR is missing: where the files go')
    const keptMonths = retentionMonths(values.months)
    const keys = givenKeys()

    await asOperator(databaseUrl(), async ({ archives }) => {
      const { list, run } = archives({ directory, keptMonths, keys })
      if (values['dry-run']) {
        console.log(`Nothing was changed. With ${keptMonths} whole months kept, there are to archive:`)
        for (const [month, measured] of await list()) {
          console.log(
            line(month, measured.kind === 'waits' ? `waits: ${measured.reason}` : `${measured.events} events`),
          )
        }
        return
      }
      const progress = createProgress(process.stderr, () => performance.now(), 'events')
      let isWhole = true
      const isComplete = await run({
        isKept: values.keep ?? false,
        onWaiting: () => progress.say('A server or another command is at it: waiting until it is through.'),
        onProgress: (events) => progress.show(events, null),
        onMonth(month, outcome) {
          progress.clear()
          console.log(
            line(
              month,
              outcome.kind === 'waits' ? `waits: ${outcome.reason}` : `${outcome.events} events, ${done[outcome.kind]}`,
            ),
          )
        },
        onProblem(month, problem) {
          isWhole = false
          progress.say(line(month, (problem as Error).message))
        },
      })
      if (!isComplete) throw new Error('another one took over; run it again')
      if (!isWhole) process.exitCode = 1
    })
  },
}

const done = { dropped: 'dropped from the database', kept: 'kept in the database too' }

const line = (month: string, text: string): string => `${month.slice(0, 7)}  ${text}`

const retentionMonths = (text: string | undefined): number => {
  try {
    return readAuditRetentionMonths(text === undefined ? process.env : { AUDIT_RETENTION_MONTHS: text })
  } catch (problem) {
    throw problem instanceof ConfigError
      ? new UsageError(
          problem.problems.join().replace('AUDIT_RETENTION_MONTHS', text === undefined ? '$&' : '--months'),
        )
      : problem
  }
}
