import { afterAll, beforeAll, expect, test } from 'vitest'
import { occursIn } from '../support/attack.ts'
import type { Answer } from '../support/client.ts'
import { SendMfaCodeDocument } from '../support/documents.generated.ts'
import { codeSentTo, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { freshlyProved, mailedResetToken } from '../support/recovery.ts'
import { rootOperations, writtenSchema } from '../support/schema-walk.ts'
import { loginChallenge } from '../support/second-factor.ts'

const deep = 8 // from a page of events to the factors of their users
const nobody = /00000000-0000-4000-8000-000000000000/g
/** Answer an administrator with somebody else's account, in an order in which each of them works. */
const mutationsOnUsers = [
  'unlockUser',
  'revokeUserSessions',
  'suspendUser',
  'reinstateUser',
  'setUserRole',
  'resetUserMfa',
]

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

/** What stands in columns that hold a secret, or what is made of one. The chain's own hashes are for everybody. */
const storedSecrets = async (): Promise<string[]> => {
  const columns = await gatehouse.sql<{ table: string; name: string }[]>`
    SELECT table_name AS table, column_name AS name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name ~ '(hash|sealed|salt|digest|tag)' AND column_name !~ 'sealed_at|stage'
      AND table_name !~ '^audit_'`
  const rows = await Promise.all(
    columns.map(({ table, name }) =>
      gatehouse.sql.unsafe(`SELECT "${name}"::text AS value FROM "${table}" WHERE length("${name}"::text) > 8`),
    ),
  )
  return rows.flat().map(({ value }) => value)
}

/** A user with every secret that there is, and all of them. */
const createVictim = async () => {
  const user = await gatehouse.createUser({ password: 'the passphrase of a victim' })
  const phone = await gatehouse.givePhone(user)
  const [seed, codes] = [await gatehouse.giveTotp(user), await gatehouse.giveBackupCodes(user)]
  const { token } = await gatehouse.signedInAs(user)
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  await gatehouse.anonymous.ask(SendMfaCodeDocument, { input: { challengeId } })
  const sent = [await codeSentTo(gatehouse, phone), await mailedResetToken(gatehouse, user)]
  return { userId: user.id, secrets: [user.password, seed, ...codes, phone, token, challengeId, ...sent] }
}

test.each(['ADMIN', 'AUDITOR'] as const)(
  'H2: an %s who asks for every field of every type finds no hash, seed, token or code of a user',
  async (role) => {
    const { userId, secrets } = await createVictim()
    const client = await freshlyProved(gatehouse, await gatehouse.createUser({ role }))
    const all = rootOperations(writtenSchema, deep)
    const mutations = role === 'ADMIN' ? mutationsOnUsers : []
    const operations = [
      ...all.filter(({ text }) => text.startsWith('query')),
      ...mutations.flatMap((mutation) => all.filter(({ name }) => name === mutation)),
    ]
    const answers: Answer<unknown>[] = []
    for (const { text } of operations) answers.push(await client.sendText(text.replace(nobody, userId)))
    expect(answers.map(({ errors }) => errors)).toEqual(operations.map(() => undefined))
    const read = answers.map(({ text }) => text).join('\n')
    expect(read).toContain(userId)
    expect(read).toContain('"factors":[{')
    expect(read).not.toMatch(/\$argon2|gts_/)
    const stored = await storedSecrets()
    expect(stored.length).toBeGreaterThan(20)
    expect([...secrets, ...stored].filter((secret) => occursIn(read, secret))).toEqual([])
  },
)
