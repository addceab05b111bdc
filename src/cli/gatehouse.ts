import { readFileSync } from 'node:fs'
import { closestTo } from '../lib/closest.ts'
import { type Command, UsageError } from './command.ts'
import { commands } from './commands.ts'
import { takeEnvironment } from './local-environment.ts'
import { exitCodes, problemOf } from './problem.ts'

const help = `gatehouse COMMAND [OPTIONS]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(20)}${summary}`)
  .join('\n')}

  help COMMAND        Tells more of a command, as COMMAND --help does.
  --version           Prints the version.

Commands work on the database that DATABASE_URL names; without it, on that of a running
npm run dev, with its GATEHOUSE_KEYS. What goes on is told on standard error, and the
result on standard output.

Exit code: 0 done, 1 failed or found something broken, 2 wrong usage, 130 stopped by Ctrl-C.`

const stoppedByDefault = 'What was done stays done. Run it again to go on.'

const databaseUrl = (): string => {
  const url = process.env.DATABASE_URL?.trim()
  const example = 'postgres://user:password@host:5432/database'
  if (!url) throw new UsageError(`DATABASE_URL is missing: ${example}`)
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol))
    throw new UsageError(`DATABASE_URL must be a URL such as ${example}`)
  return url
}

const commandNamed = (name: string): Command => {
  if (Object.hasOwn(commands, name)) return commands[name] as Command
  const meant = closestTo(name, [...Object.keys(commands), 'help'])
  throw new UsageError(`there is no command "${name}".${meant ? ` Did you mean ${meant}?` : ''}`)
}

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version

const isHelp = (text: string): boolean => ['--help', '-h'].includes(text)

const run = async ([name = 'help', ...args]: string[]): Promise<void> => {
  if (name === '--version') return console.log(`gatehouse ${version()}`)
  if (name === 'help' || isHelp(name)) {
    const [about, ...more] = args.filter((text) => !isHelp(text))
    if (more.length > 0) throw new UsageError(`help takes one COMMAND, not "${more.join(' ')}" too`)
    return console.log(about ? `gatehouse ${commandNamed(about).usage}` : help)
  }
  const command = commandNamed(name)
  if (args.some(isHelp)) return console.log(`gatehouse ${command.usage}`)
  const stop = (): void => {
    console.error(`\ngatehouse: stopped. ${command.whenStopped ?? stoppedByDefault}`)
    process.exit(exitCodes.stopped)
  }
  process.once('SIGINT', stop)
  await command.run(args, databaseUrl)
}

const args = process.argv.slice(2)
try {
  takeEnvironment()
  await run(args)
} catch (problem) {
  const { text, exitCode } = problemOf(problem, process.env.DATABASE_URL)
  console.error(`gatehouse: ${text}`)
  if (exitCode === exitCodes.wrongUsage)
    console.error(`Try: gatehouse help${Object.hasOwn(commands, args[0] ?? '') ? ` ${args[0]}` : ''}`)
  process.exitCode = exitCode
}
