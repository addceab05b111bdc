import { migrate, migrationStatus } from '../db/migrate.ts'
import { type Command, parseOptions } from './command.ts'

export const migrateCommand: Command = {
  summary: 'Brings the database to the newest schema.',
  usage: `migrate [--status]

  --status    only say which migrations the database has not, and change nothing

Safe to run again, and on several machines at once: one migrates, and the others
wait for it. All migrations are applied, or none. Servers of the version before
keep running meanwhile and after; start those of the new version then.

Example: gatehouse migrate
Example: gatehouse migrate --status
Exit code: 0 done, 1 failed or, with --status, migrations are missing, 2 wrong usage.`,
  whenStopped: 'Migrations are applied all or not at all. Run it again, or see migrate --status.',

  async run(args, databaseUrl) {
    const { values } = parseOptions({ args, options: { status: { type: 'boolean' } } })
    if (!values.status) {
      await migrate(databaseUrl(), {
        onWaiting: () => console.error('Another one is migrating: waiting until it is through.'),
      })
      return console.log('The database has the newest schema.')
    }
    const { pending, isNewer } = await migrationStatus(databaseUrl())
    if (isNewer) return console.log('The database has a newer schema than this version knows, which it can work with.')
    if (pending.length === 0) return console.log('The database has the newest schema.')
    console.log(`The database lacks:\n${pending.map((name) => `  ${name}`).join('\n')}`)
    process.exitCode = 1
  },
}
