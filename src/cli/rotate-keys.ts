import type { KeyUses } from '../keys/key-rotation-service.ts'
import { type KeyUse, reasonsToKeep } from '../keys/key-use.ts'
import { type Command, parseOptions } from './command.ts'
import { givenKeys } from './given-keys.ts'
import { asOperator } from './operator.ts'
import { createProgress } from './progress.ts'

export const rotateKeys: Command = {
  summary: 'Seals everything anew under the newest key of GATEHOUSE_KEYS.',
  usage: `rotate-keys [--dry-run]

  --dry-run    only say what each key is used for, and change nothing

For when a new key was put first in GATEHOUSE_KEYS, and all servers were started
with that. Opens what older keys sealed (authenticator seeds, phone numbers, keys
of access tokens, queued mail) and seals it under the newest one, then says which
old keys may go and which must stay, and why. Safe while servers run: a row that
changes meanwhile is left to its change. Can be stopped at any point and run again,
and several times at once.

Needs GATEHOUSE_KEYS, the same that the servers have.

Example: gatehouse rotate-keys --dry-run
Example: gatehouse rotate-keys
Exit code: 0 done, 1 failed or something is left under another key, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { values } = parseOptions({ args, options: { 'dry-run': { type: 'boolean' } } })
    const keys = givenKeys()
    const [{ id: newestKeyId }] = keys
    await asOperator(databaseUrl(), async (operator) => {
      const rotation = operator.keyRotation(keys)
      if (values['dry-run']) console.log('Nothing was changed.')
      else {
        const progress = createProgress(process.stderr, () => performance.now(), 'rows')
        const { done, unreadable } = await rotation.run((count) => progress.show(count, null)).finally(progress.clear)
        console.log(`${done} rows were sealed anew under ${newestKeyId}.`)
        for (const row of unreadable.slice(0, mostRowsNamed))
          console.error(`${row} can not be opened, and was left as it is`)
        if (unreadable.length > mostRowsNamed) console.error(`and ${unreadable.length - mostRowsNamed} more`)
      }
      const uses = await rotation.uses()
      tell(uses)
      const isDone = [...uses.older, ...uses.missing].every(({ sealed }) => sealed.size === 0)
      if (!isDone && !values['dry-run']) process.exitCode = 1
    })
  },
}

const mostRowsNamed = 10

const tell = ({ older, missing }: KeyUses): void => {
  for (const { keyId, sealed } of missing) {
    console.log(
      `${keyId} is not in GATEHOUSE_KEYS, and seals ${[...sealed].map(([name, count]) => `${count} of ${name}`).join(', ')}.`,
    )
  }
  for (const use of older) {
    const reasons = reasonsToKeep(use)
    console.log(reasons.length > 0 ? `${use.keyId} must stay:` : `${use.keyId} may be removed${removalOf(use)}.`)
    for (const reason of reasons) console.log(`  it ${reason}`)
  }
}

/** What goes with a key that nothing needs for good. */
const removalOf = ({ sessions, devices }: KeyUse): string => {
  const losses = [
    ...(sessions.until ? [`${sessions.count} sessions end (none after ${sessions.until.toISOString()})`] : []),
    ...(devices.until
      ? [`${devices.count} devices are trusted no more (none after ${devices.until.toISOString()})`]
      : []),
  ]
  return losses.length > 0 ? `; up to ${losses.join(', and up to ')}` : ''
}
