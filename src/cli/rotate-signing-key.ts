import { publicKeysMaxAgeSeconds } from '../access-tokens/signing-key.ts'
import { createKeyRing } from '../lib/key-ring.ts'
import { type Command, parseOptions } from './command.ts'
import { givenKeys } from './given-keys.ts'
import { asOperator } from './operator.ts'

export const rotateSigningKey: Command = {
  summary: 'Makes the next key for access tokens.',
  usage: `rotate-signing-key [--at-once]

The new key is published at once and signs a quarter of an hour later, when every
service has it; tokens of the key before it stay good until they end. While a key
waits for that already, no other is made. Servers do the same by themselves when
the newest key is SIGNING_KEY_MAX_AGE_DAYS old.

  --at-once    for a key that leaked: the new one signs now, and all before it are
               revoked. A service refuses what they signed as soon as it renews its
               copy of the public keys, after ${publicKeysMaxAgeSeconds / 60} minutes where it keeps to their
               max-age

Needs GATEHOUSE_KEYS, the same that the servers have, as the key is stored sealed.

Example: gatehouse rotate-signing-key
Exit code: 0 done, 1 failed, 2 wrong usage.`,

  async run(args, databaseUrl) {
    const { values } = parseOptions({ args, options: { 'at-once': { type: 'boolean' } } })
    const ring = createKeyRing(givenKeys())
    const isAtOnce = values['at-once'] ?? false
    const { id, signsFrom, isNew } = await asOperator(databaseUrl(), (operator) =>
      operator.rotateSigningKey(ring, isAtOnce),
    )
    if (isAtOnce) return console.log(`Key ${id} signs from now on. All keys before it are revoked.`)
    const key = isNew ? `Key ${id}` : `Key ${id}, which was made already,`
    console.log(`${key} signs from ${signsFrom.toISOString()}.`)
  },
}
