import type { CheckSession } from '../sessions/session-check-service.ts'
import type { Metrics } from './metrics.ts'

/** What is measured from outside, so that the code at work knows nothing of it. */
export const createObserved = ({
  observeSessionCheck,
  countSubscription,
}: Pick<Metrics, 'observeSessionCheck' | 'countSubscription'>) => ({
  observeCheck:
    (check: CheckSession): CheckSession =>
    async (token, client) => {
      const startedAt = performance.now()
      try {
        return await check(token, client)
      } finally {
        observeSessionCheck((performance.now() - startedAt) / 1000)
      }
    },

  observeStream: <Request extends { readonly field: string }, Rest extends unknown[], Result>(
    stream: (request: Request, ...rest: Rest) => AsyncGenerator<Result>,
  ) =>
    async function* (request: Request, ...rest: Rest): AsyncGenerator<Result> {
      countSubscription(request.field, 1)
      try {
        yield* stream(request, ...rest)
      } finally {
        countSubscription(request.field, -1)
      }
    },
})
