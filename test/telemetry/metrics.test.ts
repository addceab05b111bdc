import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
let gatehouse: Gatehouse
beforeAll(async () => { gatehouse = await startGatehouse() })
afterAll(() => gatehouse.close())
test('x', async () => {
  const me = await gatehouse.signedInAs(await gatehouse.createUser())
  await me.sendText('{ me { id } }')
  console.log(await (await fetch(gatehouse.url + '/metrics')).text())
})
