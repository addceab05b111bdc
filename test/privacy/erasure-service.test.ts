import { afterAll, beforeAll, expect, test } from 'vitest'
import { DeleteMyAccountDocument, MeDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { freshlyProved } from '../support/recovery.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

test('erase', async () => {
  const user = await gatehouse.createUser()
  const client = await freshlyProved(gatehouse, user)
  const t = performance.now()
  const { deleteMyAccount } = await client.ask(DeleteMyAccountDocument, {})
  console.log(deleteMyAccount, performance.now() - t)
  console.log((await client.send(MeDocument, {})).text)
  console.log(
    await gatehouse.sql`select type, e.id, actor_id, p.* from security_events e left join security_event_personal_data p on event_id = e.id`,
  )
  console.log(
    await gatehouse.sql`select * from users`,
    await gatehouse.sql`select * from erasures`,
    await gatehouse.sql`select * from outgoing_messages`,
  )
  console.log(gatehouse.logs.filter((l) => /"level":[456]0/.test(l)))
})
