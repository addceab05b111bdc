import { type Command, parseOptions } from './command.ts'
import { parseHead } from './head.ts'
import { asOperator } from './operator.ts'
import { createProgress } from './progress.ts'

const patienceMs = 60 * 60_000 // millions of sessions, in one transaction

export const afterRestore: Command = {
  summary: 'Makes a database that was restored from a backup safe to serve.',
  usage: `after-restore [--head SEQUENCE:HASH] [--dry-run]

  --head SEQUENCE:HASH   the newest head of the security log that was noted down
                         before: stands in the event, to tell what of the log is lost
  --dry-run              only count what would end, and change nothing

A backup has forgotten what was ended, used or taken back since. So this ends every
session and the trust of every device, voids open challenges, mailed links, unused
backup codes and the codes that authenticator apps show now, and revokes the keys of
access tokens, of which servers make the next by themselves. What Redis holds from
before counts no more. Everybody signs in anew, with password and second factor.
Recorded as DATABASE_RESTORED. All of it happens, or nothing.

Run it after the restore and migrate, and before servers start. Servers that run
already refuse old sessions within a second; start them anew to have the security
log sealed again.

Example: gatehouse after-restore --dry-run
Example: gatehouse after-restore
Exit code: 0 done, 1 failed, 2 wrong usage.`,
  whenStopped: 'It happens as a whole or not at all: run it again to be sure that it did.',

  async run(args, databaseUrl) {
    const { values } = parseOptions({ args, options: { head: { type: 'string' }, 'dry-run': { type: 'boolean' } } })
    const lostHead = values.head === undefined ? null : parseHead(values.head)
    const isDryRun = values['dry-run'] ?? false
    const progress = createProgress(process.stderr, () => performance.now(), 'ended sessions recorded')
    const work = { lostHead, isDryRun, onProgress: progress.show }
    const restored = await asOperator(databaseUrl(), (operator) => operator.afterRestore(work), patienceMs).finally(
      progress.clear,
    )
    console.log(isDryRun ? 'Nothing was changed. There are to end:' : 'Ended, and recorded as DATABASE_RESTORED:')
    for (const [what, count] of Object.entries(restored))
      console.log(`${String(count).padStart(12)}  ${names[what] ?? what}`)
  },
}

const names: Readonly<Record<string, string>> = {
  sessions: 'sessions',
  challenges: 'open challenges',
  tickets: 'sign-ins that wait for a session to be ended',
  devices: 'trusted devices',
  backupCodes: 'unused backup codes',
  registrations: 'unconfirmed registrations',
  passwordResets: 'password resets',
  emailChanges: 'changes of address',
  authenticators: 'authenticator apps, whose next code counts',
  signingKeys: 'keys of access tokens',
}
