import { archiveAudit } from './archive-audit.ts'
import { type Command, UsageError } from './command.ts'
import { createAdmin } from './create-admin.ts'
import { demo } from './demo.ts'
import { erasures } from './erasures.ts'
import { importUsers } from './import-users.ts'
import { takeEnvironment } from './local-environment.ts'
import { migrateCommand } from './migrate.ts'
import { purge } from './purge.ts'
import { rotateSigningKey } from './rotate-signing-key.ts'
import { verifyAudit } from './verify-audit.ts'

const commands: Readonly<Record<string, Command>> = {
  'archive-audit': archiveAudit,
  'create-admin': createAdmin,
  demo,
  erasures,
  'import-users': importUsers,
  migrate: migrateCommand,
  purge,
  'rotate-signing-key': rotateSigningKey,
  'verify-audit': verifyAudit,
}

const help = `gatehouse COMMAND [OPTIONS]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(20)}${summary}`)
  .join('\n')}

  help COMMAND        Tells more of a command.

Commands work on the database that DATABASE_URL names; without it, on that of
a running npm run dev, with its GATEHOUSE_KEYS.`

const databaseUrl = (): string => {
  const url = process.env.DATABASE_URL
  if (!url) throw new UsageError('DATABASE_URL is missing: postgres://user:password@host:5432/database')
  return url
}

const run = async ([name = 'help', ...args]: string[]): Promise<void> => {
  const isHelp = name === 'help' || name === '--help' || args.includes('--help')
  const command = Object.hasOwn(commands, name === 'help' ? (args[0] ?? '') : name)
    ? commands[name === 'help' ? (args[0] as string) : name]
    : undefined
  if (name === 'help' && args[0] && !command) throw new UsageError(`there is no command "${args[0]}"`)
  if (isHelp) return console.log(command ? `gatehouse ${command.usage}` : help)
  if (!command) throw new UsageError(`there is no command "${name}"`)
  await command.run(args, databaseUrl)
}

try {
  takeEnvironment()
  await run(process.argv.slice(2))
} catch (problem) {
  const isUsage =
    problem instanceof UsageError || String((problem as { code?: string }).code).startsWith('ERR_PARSE_ARGS')
  console.error(`gatehouse: ${(problem as Error).message}`)
  if (isUsage) console.error('Try: gatehouse help')
  process.exitCode = isUsage ? 2 : 1
}
