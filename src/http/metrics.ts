import Fastify, { type FastifyInstance } from 'fastify'

const requestTimeoutMs = 5_000

/** `/metrics`: what Prometheus reads. It tells how much a server does and how well, and of nobody. */
export const serveMetrics = (server: FastifyInstance, read: () => Promise<string>): void => {
  server.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await read()),
  )
}

/** A server of nothing else, on a port that the public does not reach. */
export const createMetricsServer = (read: () => Promise<string>): FastifyInstance => {
  const server = Fastify({ requestTimeout: requestTimeoutMs, forceCloseConnections: true })
  server.setErrorHandler((_problem, _request, reply) => reply.code(500).send())
  serveMetrics(server, read)
  return server
}
