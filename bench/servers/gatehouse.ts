import { serve } from './serve.ts'

// The real server, from its build: what `npm start` runs, configured by the environment.

const built = <T>(module: string): Promise<T> => import(new URL(`../../dist/${module}`, import.meta.url).href)

const { createApp } = await built<typeof import('../../src/app.ts')>('app.js')
const { readConfig } = await built<typeof import('../../src/config.ts')>('config.js')
const { createLogger } = await built<typeof import('../../src/lib/logger.ts')>('lib/logger.js')

const config = readConfig()
const app = await createApp(config, createLogger(config.logLevel))
if (config.metrics) await app.metricsServer?.listen(config.metrics)
await serve(app.server, app.close)
