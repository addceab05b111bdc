/** One subcommand of `gatehouse`. */
export interface Command {
  readonly summary: string
  readonly usage: string
  run(args: string[], databaseUrl: string): Promise<void>
}

/** The command was called in a way that it does not know. */
export class UsageError extends Error {}
