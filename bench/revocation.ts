import { setTimeout as wait } from 'node:timers/promises'
import { type Answer, type Caller, openCaller, requestText, runLoad } from './support/load.ts'
import type { Benchmark, Environment, Figure } from './support/report.ts'
import { addUsers, password } from './support/seed.ts'
import { type Server, startGatehouse } from './support/server.ts'
import { signInAll } from './support/sign-in-all.ts'
import { median, spread } from './support/statistics.ts'

const rounds = 50 // of each way to end
const requestsPerSecond = 200 // over all servers
const connections = 8 // to each server
const quietMs = 200
const watchedMs = 300
const query = '{ me { id email } }'

interface Ending {
  readonly called: string
  /** Whose token asks for the end: the session's own, or that of another of the same user. */
  readonly by: 'own' | 'other'
  readonly query: string
  readonly variables?: (sessionId: string) => Readonly<Record<string, unknown>>
}

const endings: readonly Ending[] = [
  {
    called: 'revokeSession',
    by: 'other',
    query: 'mutation ($id: ID!) { revokeSession(id: $id) { id } }',
    variables: (id) => ({ id }),
  },
  { called: 'revokeOtherSessions', by: 'other', query: 'mutation { revokeOtherSessions { id } }' },
  { called: 'logout', by: 'own', query: 'mutation { logout { id } }' },
  {
    called: 'changePassword',
    by: 'other',
    query: 'mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { endedSessions } }',
    variables: () => ({ input: { currentPassword: password, newPassword: `${password} and more` } }),
  },
]

/** Whether a token is ever accepted by a request that starts after the answer to its session's end, on either of two servers. */
export const revocation: Benchmark = async (environment) => {
  const servers = await Promise.all([startGatehouse(environment), startGatehouse(environment)])
  const callers = await Promise.all(servers.map(({ port }) => openCaller(port)))
  try {
    const figures: Figure[] = []
    for (const ending of endings) figures.push(...(await measure(environment, { servers, callers }, ending)))
    return figures
  } finally {
    for (const caller of callers) caller.close()
    await Promise.all(servers.map((server) => server.stop()))
  }
}

interface Fleet {
  readonly servers: readonly Server[]
  /** An open connection to each, so that its first request after an end leaves at once. */
  readonly callers: readonly Caller[]
}

const measure = async ({ databaseUrl, say }: Environment, fleet: Fleet, ending: Ending): Promise<Figure[]> => {
  say(`revocation: ${ending.called}: ${rounds} rounds …`)
  const [server] = fleet.servers as [Server]
  const users = await addUsers(databaseUrl, `revocation-${ending.called.toLowerCase()}-`, rounds)
  const own = await signInAll(server, users)
  const other = await signInAll(server, users)
  const measured: Round[] = []
  for (let user = 0; user < rounds; user++) {
    const tokens = { own: own[user] as string, other: other[user] as string }
    measured.push(await runRound(fleet, ending, tokens, user))
  }
  const late = measured.flatMap(({ asked, endedAt }) => asked.filter(({ askedAt }) => askedAt >= endedAt))
  const accepted = late.filter(({ isSuccess }) => isSuccess).length
  const odd = late.filter(({ isSuccess, body }) => !isSuccess && !body.includes('"SESSION_ENDED"')).length
  const lastSuccesses = measured.map(({ asked, endedAt }) => {
    const successes = asked.filter(({ isSuccess }) => isSuccess)
    if (successes.length === 0) throw new Error('A session was refused before it was ended')
    return Math.max(...successes.map(({ answeredAt }) => answeredAt)) - endedAt
  })
  const took = measured.map(({ tookMs }) => tookMs)
  return [
    {
      what: `${ending.called}: of ${late.length} requests after its answer, accepted`,
      value: String(accepted),
      bar: { text: '0', isMet: accepted === 0 },
    },
    { what: 'refused, but not with SESSION_ENDED', value: String(odd) },
    { what: 'last accepted request answered, after the answer', value: `${spread(lastSuccesses)} ms` },
    { what: `the act itself, median of ${rounds}`, value: `${median(took).toFixed(1)} ms` },
  ]
}

interface Round {
  readonly asked: readonly Answer[]
  /** When the answer to the end was read. */
  readonly endedAt: number
  readonly tookMs: number
}

const runRound = async (
  { servers, callers }: Fleet,
  ending: Ending,
  tokens: Readonly<Record<Ending['by'], string>>,
  user: number,
): Promise<Round> => {
  const [first] = callers as [Caller]
  const check = requestText({ query, user, sessionToken: tokens.own })
  const sessionId = await ownSessionId(first, tokens.own, user)
  const end = requestText({
    query: ending.query,
    ...(ending.variables && { variables: ending.variables(sessionId) }),
    user,
    sessionToken: tokens[ending.by],
  })
  const asked: Answer[] = []
  let isOver = false
  const mostPerSecond = requestsPerSecond / servers.length
  const next = () => (isOver ? null : check)
  const onAnswer = (answer: Answer) => void asked.push(answer)
  const act = async (): Promise<Answer> => {
    try {
      await wait(quietMs)
      const ended = await first.ask(end)
      if (!ended.isSuccess) throw new Error(`${ending.called} failed: ${ended.body}`)
      asked.push(...(await Promise.all(callers.map((caller) => caller.ask(check)))))
      await wait(watchedMs)
      return ended
    } finally {
      isOver = true
    }
  }
  const loads = servers.map(({ port }) => runLoad({ port, connections, mostPerSecond, next, onAnswer }))
  const [ended] = await Promise.all([act(), ...loads])
  return { asked, endedAt: ended.answeredAt, tookMs: ended.answeredAt - ended.askedAt }
}

const ownSessionId = async (caller: Caller, sessionToken: string, user: number): Promise<string> => {
  const { body } = await caller.ask(requestText({ query: '{ listSessions { id current } }', user, sessionToken }))
  const { data } = JSON.parse(body) as { data: { listSessions: { id: string; current: boolean }[] } | null }
  const id = data?.listSessions.find(({ current }) => current)?.id
  if (!id) throw new Error(`A session is not listed: ${body}`)
  return id
}
