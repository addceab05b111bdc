import { eventually, type Gatehouse } from './gatehouse.ts'

/** What a server says of itself: ready, degraded or unavailable. */
export const statusOf = async ({ url }: Pick<Gatehouse, 'url'>): Promise<string> =>
  ((await (await fetch(`${url}/readyz`)).json()) as { status: string }).status

/** Resolves with the milliseconds until every server is ready. */
export const recoveryOf = async (servers: readonly Pick<Gatehouse, 'url'>[]): Promise<number> => {
  const start = performance.now()
  await eventually(async () => (await Promise.all(servers.map(statusOf))).every((status) => status === 'ready'))
  return performance.now() - start
}
