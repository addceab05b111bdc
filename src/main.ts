import { createApp } from './app.ts'
import { ConfigError, readConfig } from './config.ts'
import { createLogger } from './lib/logger.ts'

const longestDrainMs = 8_000

const start = async (): Promise<void> => {
  const config = readConfig()
  const log = createLogger(config.logLevel)
  const app = await createApp(config, log)
  await app.server.listen({ port: config.port, host: config.host })
  log.info({ url: config.publicUrl }, 'Gatehouse is ready')

  let isStopping = false
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (isStopping) return
    isStopping = true
    log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), longestDrainMs).unref()
    await app.close()
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // The last resort: a fault that nobody awaited is logged and the process lives on (ASVS 16.5.4).
  process.on('unhandledRejection', (problem) => log.error({ err: problem }, 'an unhandled rejection'))
}

start().catch((problem) => {
  console.error(problem instanceof ConfigError ? problem.message : problem)
  process.exitCode = 1
})
