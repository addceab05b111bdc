import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const all = ['test/**/*.test.ts']

/** Tests that wait more than they compute: for time steps, or for services of their own that they stop, freeze and cut off. */
const waiting = [
  'test/faults/**/*.test.ts',
  'test/guide.test.ts',
  'test/main.test.ts',
  'test/messaging/twilio.test.ts',
  'test/readme.test.ts',
]

/** Tests of how long something takes, or of hundreds of requests at once: nothing else runs beside them. */
const alone = [
  'test/attacks/enumeration-by-time.test.ts',
  'test/attacks/guess-budget.test.ts',
  'test/attacks/query-limits.test.ts',
  'test/accounts/password-hasher.test.ts',
  'test/budgets/locks.test.ts',
  'test/faults/twilio.test.ts',
  'test/risk/credential-stuffing.test.ts',
  'test/sessions/one-request.test.ts',
]

export default defineConfig({
  // Vite would take graphql's ES build while type-graphql and shield load its CommonJS build: two realms.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql/index.js')) }] },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    execArgv: [`--import=${new URL('./test/support/quick-loading.mjs', import.meta.url).href}`],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: all,
          exclude: [...waiting, ...alone],
          maxWorkers: 4, // more than processors, as they wait now and then
          isolate: false, // else each file loads the whole server anew
        },
      },
      {
        extends: true,
        test: { name: 'waiting', include: waiting, exclude: alone, maxWorkers: 6, sequence: { groupOrder: 1 } },
      },
      { extends: true, test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
})
