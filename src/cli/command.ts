import { type ParseArgsConfig, parseArgs } from 'node:util'

/** One subcommand of `gatehouse`. */
export interface Command {
  readonly summary: string
  readonly usage: string
  /** `databaseUrl` is for those who work on the database: it throws UsageError where there is none. */
  run(args: string[], databaseUrl: () => string): Promise<void>
}

/** The command was called in a way that it does not know. */
export class UsageError extends Error {}

/** Parses options; the complaint about one that is unknown names those that there are. Throws UsageError. */
export const parseOptions = <Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> => {
  try {
    return parseArgs(config)
  } catch (problem) {
    const { code, message } = problem as { code?: string; message: string }
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw problem
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`)
    throw new UsageError(`${/^[^.]*/.exec(message)?.[0]}. Did you mean ${known.join(' or ')}?`)
  }
}
