import { afterAll, beforeAll, expect, test } from 'vitest'
import { secondsAfter } from '../../src/lib/clock.ts'
import { RegenerateBackupCodesDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { tally } from '../support/race.ts'
import { answerChallenge, loginChallenge } from '../support/second-factor.ts'
import { totpCode } from '../support/totp.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const isSomebodyWaiting = async () => {
  const [row] = await gatehouse.sql`
    SELECT count(*)::int AS waiting FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return row?.waiting > 0
}

test('D4: a session that ends while its sensitive act waits does nothing any more', async () => {
  const user = await gatehouse.createUser()
  await gatehouse.giveTotp(user)
  await gatehouse.giveBackupCodes(user)
  const session = await gatehouse.signedInAs(user, ['PASSWORD', 'TOTP'], secondsAfter(gatehouse.now(), 300))
  const codes = () => gatehouse.sql`SELECT code_hash FROM backup_codes WHERE user_id = ${user.id} ORDER BY slot`
  const before = await codes()
  const act = await gatehouse.sql.begin(async (owner) => {
    await owner`SELECT id FROM users WHERE id = ${user.id} FOR UPDATE`
    const answer = session.send(RegenerateBackupCodesDocument, {})
    await eventually(isSomebodyWaiting)
    await owner`UPDATE user_sessions SET ended_at = now(), end_reason = 'PASSWORD_CHANGED' WHERE user_id = ${user.id}`
    return { answer }
  })
  expect(tally([await act.answer])).toEqual({ SESSION_ENDED: 1 })
  expect(await codes()).toEqual(before)
})

test('D4: a sign-in that the old password began comes to nothing, also where its challenge was opened too late to be voided', async () => {
  const user = await gatehouse.createUser()
  const seed = await gatehouse.giveTotp(user)
  const challengeId = await loginChallenge(gatehouse.anonymous, user)
  await gatehouse.sql`UPDATE users SET password_version = password_version + 1 WHERE id = ${user.id}`
  const answer = await answerChallenge(gatehouse.anonymous, challengeId, totpCode(seed, gatehouse.now()))
  expect(tally([answer])).toEqual({ CHALLENGE_EXPIRED: 1 })
  expect(await gatehouse.sql`SELECT id FROM user_sessions WHERE user_id = ${user.id}`).toEqual([])
})
