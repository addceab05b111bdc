import type { FastifyInstance } from 'fastify'

export interface HealthDeps {
  readonly pingDatabase: () => Promise<void>
  readonly pingRedis: () => Promise<unknown>
}

/** `/healthz`: the process is alive. `/readyz`: what works, per component; 503 when nothing can be changed. */
export const serveHealth = (server: FastifyInstance, { pingDatabase, pingRedis }: HealthDeps): void => {
  server.get('/healthz', async () => ({ status: 'ok' }))
  server.get('/readyz', async (_request, reply) => {
    const [database, cache] = await Promise.allSettled([pingDatabase(), pingRedis()])
    const postgresql = database.status === 'fulfilled' ? 'up' : 'down'
    const redis = cache.status === 'fulfilled' ? 'up' : 'down'
    const status = postgresql === 'down' ? 'unavailable' : redis === 'down' ? 'degraded' : 'ready'
    return reply.code(status === 'unavailable' ? 503 : 200).send({ status, components: { postgresql, redis } })
  })
}
