import type { Answer } from './client.ts'

/** Sends `count` requests at once, in turn over these servers, and returns the answers. */
export const atOnce = <Server, Result>(
  count: number,
  servers: readonly Server[],
  send: (server: Server, index: number) => Promise<Result>,
): Promise<Result[]> =>
  Promise.all(Array.from({ length: count }, (_none, index) => send(servers[index % servers.length] as Server, index)))

/** How many answers were a success, as `OK`, and how many each failure. */
export const tally = (answers: readonly Answer<unknown>[]): Record<string, number> => {
  const outcomes = answers.map(({ errors }) => errors?.[0]?.extensions.code ?? 'OK')
  return Object.fromEntries([...Map.groupBy(outcomes, String)].map(([outcome, group]) => [outcome, group.length]))
}
