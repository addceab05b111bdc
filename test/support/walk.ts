import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { readDocument, root } from './prose.ts'

interface Step {
  readonly commands: string
  /** The answer that the document shows under the commands; … stands for a value of each run's own. */
  readonly answer: string | undefined
}

const stepsOf = (document: string): Step[] =>
  [...document.matchAll(/```sh\n([\s\S]*?)```(?:\s*```(?:json|http)\n([\s\S]*?)\n```)?/g)].map(
    ([, commands = '', answer]) => ({ commands, answer }),
  )

const pattern = (answer: string): RegExp =>
  new RegExp(`^${answer.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('…', '[^"]+')}$`)

export interface Walk {
  /** Documents that go on from each other, from the root of the repository, for example `README.md`. */
  readonly paths: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Fewer than this were not the whole walk: a document is written in another way than this reads it. */
  readonly leastSteps: number
  readonly longestMs: number
}

/** Runs the sh blocks of documents as one shell session and compares each with the answer printed under it. */
export const walk = async ({ paths, environment, leastSteps, longestMs }: Walk): Promise<void> => {
  const steps = (await Promise.all(paths.map(readDocument))).flatMap(stepsOf)
  expect(steps.length).toBeGreaterThanOrEqual(leastSteps)
  const boundary = '=== next step ==='
  const script = steps.map(({ commands }) => `{\n${commands}\n} 2>&1\necho; echo "${boundary}"`).join('\n')
  const { stdout } = await promisify(execFile)('bash', ['-uc', `TOKEN=\n${script}`], {
    cwd: root,
    env: { ...process.env, ...environment },
    timeout: longestMs,
  })
  const outputs = stdout.split(boundary).map((output) => output.trim())
  for (const [index, { commands, answer }] of steps.entries()) {
    expect(outputs[index], commands).toMatch(answer ? pattern(answer) : /^$/)
  }
}
