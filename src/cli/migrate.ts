import { parseArgs } from 'node:util'
import { migrate } from '../db/migrate.ts'
import type { Command } from './command.ts'

export const migrateCommand: Command = {
  summary: 'Brings the database to the newest schema.',
  usage: `migrate

Safe to run again, and on several machines at once.
Exit code: 0 done, 1 failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    parseArgs({ args, options: {} })
    await migrate(databaseUrl())
    console.log('The database has the newest schema.')
  },
}
