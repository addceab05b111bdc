import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { freePort } from '../../src/cli/local-service.ts'
import { startOf } from '../support/build.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/gatehouse.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

/** `npm run dev` as npm starts it, from a shell, until it is ready. */
const startDevelopment = async () => {
  const metricsPort = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-dev-'))
  const command = [process.execPath, ...startOf('cli/dev.ts')].map((word) => `'${word}'`).join(' ')
  const shell = spawn('sh', ['-c', `${command} & echo "process $!"; wait`], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: database.url,
      REDIS_URL: inject('redisUrl'),
      PORT: '0',
      METRICS_PORT: String(metricsPort),
      GATEHOUSE_DATA_DIR: directory,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  shell.stdout.on('data', (data) => {
    output += data
  })
  const ended = once(shell.stdout, 'close') // once nobody is left who could write to it
  await eventually(() => output.includes('Ctrl-C stops everything'))
  return {
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    pid: Number(/process (\d+)/.exec(output)?.[1]),
    shell,
    filesOfRun: async () => (await readdir(directory)).filter((name) => name === 'environment'),
    ended,
    remove: () => rm(directory, { recursive: true }),
  }
}

test('npm run dev that loses the npm it was started by, which hands no signal on, stops and leaves nothing of the run', async () => {
  const development = await startDevelopment()
  expect(await development.filesOfRun()).toEqual(['environment'])
  expect((await fetch(development.metricsUrl)).status).toBe(200)
  development.shell.kill('SIGKILL')
  await development.ended
  expect(await development.filesOfRun()).toEqual([])
  await development.remove()
})

test('npm run dev whose terminal is closed stops and leaves nothing of the run', async () => {
  const development = await startDevelopment()
  process.kill(development.pid, 'SIGHUP')
  await development.ended
  expect(await development.filesOfRun()).toEqual([])
  await development.remove()
})
