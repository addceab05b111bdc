import { type ParseArgsConfig, parseArgs } from 'node:util'
import { closestTo } from '../lib/closest.ts'

/** One subcommand of `gatehouse`. */
export interface Command {
  readonly summary: string
  /** Begins with the name; ends with examples and `Exit code: …`. */
  readonly usage: string
  /** What to tell whoever stops it with Ctrl-C, where it is not that it can be run again. */
  readonly whenStopped?: string
  /** `databaseUrl` is for those who work on the database: it throws UsageError where there is none. */
  run(args: string[], databaseUrl: () => string): Promise<void>
}

/** The command was called in a way that it does not know. */
export class UsageError extends Error {}

/** Parses options; the complaint about one that is unknown names what was meant, or those that there are. Throws UsageError. */
export const parseOptions = <Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> => {
  try {
    return parseArgs(config)
  } catch (problem) {
    const { code = '', message } = problem as { code?: string; message: string }
    if (!code.startsWith('ERR_PARSE_ARGS')) throw problem
    const what = /^.*?(?=\.(\s|$)|$)/.exec(message)?.[0] ?? message
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new UsageError(what)
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`)
    const meant = closestTo(/'(-[^']*)'/.exec(message)?.[1] ?? '', known)
    const hint = meant
      ? `Did you mean ${meant}?`
      : known.length > 0
        ? `There are ${known.join(', ')}.`
        : 'It takes none.'
    throw new UsageError(`${what}. ${hint}`)
  }
}
