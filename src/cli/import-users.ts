import { open, stat } from 'node:fs/promises'
import { mostImportLineBytes } from '../accounts/user-import.ts'
import type { ImportCounts } from '../accounts/user-import-service.ts'
import { linesOf } from '../lib/lines.ts'
import { type Command, parseOptions, UsageError } from './command.ts'
import { asOperator } from './operator.ts'
import { createProgress } from './progress.ts'

export const importUsers: Command = {
  summary: 'Imports accounts with their password hashes from an older system.',
  usage: `import-users FILE

  FILE    one JSON object a line, in UTF-8; - for standard input

  email           required
  passwordHash    required: bcrypt ($2a$, $2b$ or $2y$, cost 4 to 15), or argon2id
                  in the PHC form ($argon2id$v=19$...)
  displayName     at most 100 characters
  role            USER (default), AUDITOR or ADMIN
  createdAt       RFC 3339, such as 2019-04-30T12:00:00Z; default now

The accounts are active at once and sign in with their old passwords. An address
that has an active account is left as it is, so the command can be stopped and run
again, and then completes. A line that will not do is told on standard error and
left out: line 7: email: must be an email address, such as ada@example.com

Passwords are compared in Unicode NFC. bcrypt reads 72 bytes of a password: who
had a longer one must reset it.

Example: gatehouse import-users users.jsonl, with lines such as
{"email":"ada@example.com","passwordHash":"$2b$12$...","displayName":"Ada"}
Exit code: 0 all imported or already there, 1 some refused or failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { positionals } = parseOptions({ args, options: {}, allowPositionals: true })
    const [path, ...more] = positionals
    if (!path || more.length > 0) throw new UsageError('import-users takes one FILE, or - for standard input')
    const input = await openInput(path)
    const progress = createProgress(process.stderr, () => performance.now(), 'accounts')
    let counts: ImportCounts = { imported: 0, alreadyThere: 0, refused: 0 }
    try {
      await asOperator(databaseUrl(), (operator) =>
        operator.importUsers(linesOf(input.stream, mostImportLineBytes), {
          onRefused(lineNumber, problems) {
            for (const { path, message } of problems) {
              progress.say(`line ${lineNumber}: ${path === '' ? '' : `${path}: `}${message}`)
            }
          },
          onProgress(latest) {
            counts = latest
            progress.show(latest.imported + latest.alreadyThere + latest.refused, input.share())
          },
        }),
      )
    } finally {
      progress.clear()
      const { imported, alreadyThere, refused } = counts
      console.log(`Imported ${imported}, already there ${alreadyThere}, refused ${refused}.`)
    }
    if (counts.refused > 0) process.exitCode = 1
  },
}

interface Input {
  readonly stream: AsyncIterable<Buffer>
  /** What was read of the whole, from 0 to 1; null where the size is unknown. */
  share(): number | null
}

const openInput = async (path: string): Promise<Input> => {
  if (path === '-') return { stream: process.stdin, share: () => null }
  const info = await stat(path).catch(() => null)
  if (!info) throw new Error(`${path} does not exist`)
  if (info.isDirectory()) throw new Error(`${path} is a directory, not a file`)
  const file = await open(path).catch(() => null)
  if (!file) throw new Error(`${path} can not be read`)
  const stream = file.createReadStream()
  return { stream, share: () => (info.size > 0 ? Math.min(1, stream.bytesRead / info.size) : null) }
}
