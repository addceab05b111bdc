import { createApp } from './app.ts'
import { ConfigError, readConfig, startProblem } from './config.ts'
import { isMigrated } from './db/migrate.ts'
import { createLogger } from './lib/logger.ts'

const longestDrainMs = 8_000

const start = async (): Promise<void> => {
  const config = readConfig()
  await checkDatabase(config.databaseUrl)
  const log = createLogger(config.logLevel)
  const app = await createApp(config, log)
  if (config.metrics) await app.metricsServer?.listen(config.metrics)
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

const checkDatabase = async (url: string): Promise<void> => {
  const isReady = await isMigrated(url).catch((problem: { code?: string; message: string }) => {
    throw new ConfigError([`DATABASE_URL: PostgreSQL can not be reached (${problem.code ?? problem.message})`])
  })
  if (!isReady) throw new ConfigError(['The database has not the newest schema. Run: npm run gatehouse -- migrate'])
}

start().catch((problem) => {
  console.error(startProblem(problem))
  process.exit(1)
})
