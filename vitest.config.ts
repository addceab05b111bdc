import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** Tests of how long something takes, or of hundreds of requests at once: nothing else runs beside them. */
const alone = [
  'test/attacks/enumeration-by-time.test.ts',
  'test/attacks/guess-budget.test.ts',
  'test/attacks/query-limits.test.ts',
  'test/accounts/password-hasher.test.ts',
  'test/budgets/locks.test.ts',
  'test/faults/**/*.test.ts',
  'test/main.test.ts',
  'test/messaging/twilio.test.ts',
  'test/sessions/one-request.test.ts',
]
const all = ['test/**/*.test.ts']

export default defineConfig({
  // Vite would take graphql's ES build while type-graphql and shield load its CommonJS build: two realms.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql/index.js')) }] },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      // They wait more than they compute, so more of them run at once than there are processors.
      { extends: true, test: { name: 'together', include: all, exclude: alone, maxWorkers: 4 } },
      { extends: true, test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
})
