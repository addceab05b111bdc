import type { FastifyInstance } from 'fastify'

/** Listens on a free port, tells the parent process which, answers it with CPU time used, and ends with it. */
export const serve = async (server: FastifyInstance, close: () => Promise<unknown>): Promise<void> => {
  await server.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.server.address() as { port: number }
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.on('disconnect', () => close().finally(() => process.exit()))
  process.send?.({ port })
}
