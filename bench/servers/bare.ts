import { buildSchema } from 'graphql'
import { serve } from './serve.ts'

// The same Fastify and Apollo, with a constant behind `me`: no session check, no guard, no store.

const built = <T>(module: string): Promise<T> => import(new URL(`../../dist/${module}`, import.meta.url).href)

const { createGraphQLServer } = await built<typeof import('../../src/graphql/apollo.ts')>('graphql/apollo.js')
const { createHttpServer } = await built<typeof import('../../src/http/server.ts')>('http/server.js')
const { createSockets } = await built<typeof import('../../src/http/sockets.ts')>('http/sockets.js')
const { createLogger } = await built<typeof import('../../src/lib/logger.ts')>('lib/logger.js')

const schema = buildSchema('type Query { me: User! } type User { id: ID! email: String! }')
const user = { id: '0197c2a4-1111-7000-8000-000000000000', email: 'user0@example.com' }
for (const field of Object.values(schema.getQueryType()?.getFields() ?? {})) field.resolve = () => user

const log = createLogger('warn')
const apollo = createGraphQLServer({ schema, isProduction: true, log })
await apollo.start()
const context = { caller: { kind: 'anonymous' } } as never
const server = await createHttpServer({
  apollo,
  createContext: async () => context,
  sockets: createSockets({ serveSocket: () => async () => {}, mostOfNetwork: 1, log }),
  trustedProxies: ['127.0.0.1'],
  origins: new Set(),
  isProduction: true,
  log,
})
await serve(server, () => server.close())
