import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../src/cli/local-service.ts'
import { type Span, startCollector } from '../support/collector.ts'
import { createTestDatabase } from '../support/database.ts'
import { LoginDocument, MeDocument } from '../support/documents.generated.ts'
import { eventually, type Gatehouse, startGatehouse } from '../support/gatehouse.ts'
import { startGatehouseProcess } from '../support/gatehouse-process.ts'
import { startTwilioServer } from '../support/twilio-server.ts'

const tracesTo = (url: string, ratio = 1) => ({ url: `${url}/v1/traces`, serviceName: 'gatehouse', ratio })

let collector: Awaited<ReturnType<typeof startCollector>>
let twilio: Awaited<ReturnType<typeof startTwilioServer>>
let gatehouse: Gatehouse
beforeAll(async () => {
  collector = await startCollector()
  twilio = await startTwilioServer()
  gatehouse = await startGatehouse({ config: { traces: tracesTo(collector.url), twilio: twilio.settings } })
})
afterAll(async () => {
  await gatehouse.close()
  await Promise.all([collector.close(), twilio.close()])
})

const attributesOf = ({ attributes }: Span) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** The spans of a trace, once its request has ended. */
const traceOf = (traceId: string): Promise<Span[]> =>
  eventually(() => {
    const spans = collector.spans().filter((span) => span.traceId === traceId)
    return spans.some(({ name }) => name === 'POST /graphql') && spans
  })

const isRequest = ({ name }: Span) => name === 'POST /graphql'
const callerTrace = (id: string, flags = '01') => ({ traceparent: `00-${id}-00f067aa0ba902b7-${flags}` })
const linesWith = (text: string) => gatehouse.logs.filter((line) => line.includes(text)).map((line) => JSON.parse(line))

test('a request is a trace: the request within its caller, the operation in it, statements and commands in that', async () => {
  const user = await gatehouse.createUser()
  const id = '4bf92f3577b34da6a3ce929d0e0e4736'
  const client = (await gatehouse.signedInAs(user)).with(callerTrace(id))
  await client.ask(MeDocument, {})
  const first = await traceOf(id)
  expect(first.some(({ name }) => name.startsWith('postgresql'))).toBe(true) // the session was not in Redis yet

  await client.sendText('query Named { securityEvents(first: 1) { totalCount: __typename } }')
  const spans = await eventually(() => {
    const found = collector.spans().filter(({ traceId }) => traceId === id)
    return found.filter(({ name }) => name === 'POST /graphql').length === 2 && found.slice(first.length)
  })
  const [request] = spans.filter(({ name }) => name === 'POST /graphql')
  const [operation] = spans.filter(({ name }) => name === 'query securityEvents')
  expect(request?.parentSpanId).toBe('00f067aa0ba902b7')
  expect(attributesOf(request as Span)).toMatchObject({ 'http.route': '/graphql', 'http.response.status_code': 200 })
  expect(operation?.parentSpanId).toBe(request?.spanId)
  const [command] = spans.filter(({ name }) => name === 'redis MGET')
  expect(command?.parentSpanId).toBe(request?.spanId) // whose session it is, is asked before what the operation is
  const [statement] = spans.filter(({ name }) => name === 'postgresql select')
  expect(statement?.parentSpanId).toBe(operation?.spanId)
  expect(attributesOf(statement as Span)['db.query.text']).toMatch(/^select .* from "security_events"/)
  expect(spans.map(({ name }) => name).join()).not.toContain('Named')
  for (const { startTimeUnixNano: start, endTimeUnixNano: end } of spans) {
    expect(Number(end)).toBeGreaterThanOrEqual(Number(start))
    expect(Math.abs(Number(start) / 1e6 - Date.now())).toBeLessThan(60_000)
  }
})

test('what a request logs bears its id and that of its trace, whatever code logs it', async () => {
  const id = '0af7651916cd43dd8448eb211c80319c'
  await gatehouse.sql`ALTER TABLE security_events ADD CONSTRAINT closed CHECK (false) NOT VALID`
  const answer = await gatehouse.anonymous.with(callerTrace(id)).send(MeDocument, {})
  const requestId = answer.headers.get('x-request-id')
  await eventually(() => linesWith('"msg":"request"').some((line) => line.requestId === requestId))
  await gatehouse.sql`ALTER TABLE security_events DROP CONSTRAINT closed`
  for (const text of ['a refusal could not be recorded', '"msg":"request"'])
    expect(linesWith(text).filter((line) => line.requestId === requestId)).toMatchObject([{ traceId: id }])
})

test('a request that nobody traced begins a trace, and one that its caller does not record is not recorded', async () => {
  const unrecorded = 'aaaabbbbccccddddaaaabbbbccccdddd'
  await gatehouse.anonymous.with(callerTrace(unrecorded, '00')).send(MeDocument, {})
  for (const nonsense of [
    '',
    'x',
    `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`,
    `00-${'g'.repeat(32)}-00f067aa0ba902b7-01`,
  ])
    await gatehouse.anonymous.with({ traceparent: nonsense }).send(MeDocument, {})
  const begun = await eventually(() => {
    const found = collector.spans().filter((span) => isRequest(span) && !span.parentSpanId)
    return found.length === 4 && found
  })
  expect(new Set(begun.map(({ traceId }) => traceId)).size).toBe(4)
  expect(collector.spans().filter(({ traceId }) => traceId === unrecorded)).toEqual([]) // spans are sent in their order
})

test('only the configured share is recorded, whatever callers ask for', async () => {
  const silent = await startCollector()
  const server = await startGatehouse({ config: { traces: tracesTo(silent.url, 0) } })
  await server.anonymous.with(callerTrace('4bf92f3577b34da6a3ce929d0e0e4736')).send(MeDocument, {})
  await server.close() // which sends all that there is
  await silent.close()
  expect(silent.bodies).toEqual([])
})

test('no caller chooses by the id of a trace whether it is among the share that is recorded', async () => {
  const few = await startCollector()
  const server = await startGatehouse({ config: { traces: tracesTo(few.url, 0.01) } })
  for (let n = 0; n < 20; n++)
    await server.anonymous.with(callerTrace('00000000000000000000000000000001')).send(MeDocument, {})
  await server.close()
  await few.close()
  expect(few.spans().filter(isRequest).length).toBeLessThan(10)
})

test('text messages are spans of their request, without number or text', async () => {
  const user = await gatehouse.createUser()
  const phone = await gatehouse.givePhone(user)
  const { data } = await gatehouse.anonymous.send(LoginDocument, {
    input: { email: user.email, password: user.password },
  })
  const challengeId = data?.login.__typename === 'MfaRequired' ? data.login.challenge.id : ''
  await gatehouse.anonymous.sendText(
    'mutation ($input: SendMfaCodeInput!) { sendMfaCode(input: $input) { __typename } }',
    {
      input: { challengeId },
    },
  )
  const span = await eventually(() => collector.spans().find(({ name }) => name === 'twilio send'))
  const around = await traceOf(span.traceId)
  expect(around.map(({ name }) => name)).toContain('mutation sendMfaCode')
  expect(collector.bodies.join()).not.toContain(phone)
  expect(collector.bodies.join()).not.toContain(user.email)
})

for (const state of ['is not there', 'hangs'] as const)
  test(`a collector that ${state} slows no request, and stopping takes less than 2 s`, async () => {
    const hanging = state === 'hangs' ? await startCollector({ hangs: true }) : null
    const url = hanging?.url ?? `http://127.0.0.1:${await freePort()}`
    const server = await startGatehouse({ config: { traces: tracesTo(url) } })
    const slowest = async (times: number) => {
      const took: number[] = []
      while (took.length < times) {
        const askedAt = performance.now()
        expect((await server.anonymous.sendText('{ __typename }')).status).toBe(200)
        took.push(performance.now() - askedAt)
      }
      return Math.max(...took)
    }
    await slowest(20)
    await eventually(() => (collector ? collector.bodies.length > 0 : server.logs.some((line) => failure.test(line))))
    expect(await slowest(100)).toBeLessThan(500)
    const stoppedAt = performance.now()
    await server.close()
    expect(performance.now() - stoppedAt).toBeLessThan(2_000)
    await hanging?.close()
    expect(server.logs.filter((line) => failure.test(line)).length).toBeLessThanOrEqual(1)
  })
const failure = /the collector does not take traces/

test('the standard variables are heard: the name of the service, and headers for the collector, which is told at the stop what it lacks', async () => {
  const database = await createTestDatabase()
  const own = await startCollector()
  const server = await startGatehouseProcess(database.url, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${own.url}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=only-for-this-test',
    OTEL_SERVICE_NAME: 'identity',
  })
  await server.anonymous.send(MeDocument, {})
  expect(await server.end('SIGTERM')).toBe(0)
  await Promise.all([own.close(), database.drop()])
  expect(own.spans().map(({ name }) => name)).toContain('POST /graphql')
  expect(own.headers[0]?.['x-collector-key']).toBe('only-for-this-test')
  expect(own.bodies[0]).toContain('"stringValue":"identity"')
  expect(server.output.join('')).not.toContain('only-for-this-test')
})
