import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectSealed } from '../support/chain.ts'
import { LoginDocument } from '../support/documents.generated.ts'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

const failedLogin = (server: Pick<Gatehouse, 'anonymous'>) =>
  server.anonymous.send(LoginDocument, { input: { email: 'nobody@example.com', password: 'wrong wrong wrong' } })

test('events are sealed in the order in which they were written, each once', async () => {
  for (let turn = 0; turn < 5; turn++) await failedLogin(gatehouse)
  const links = await expectSealed(gatehouse)
  expect(links).toHaveLength(5)
})
