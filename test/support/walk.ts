import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'

export const root = fileURLToPath(new URL('../..', import.meta.url))

interface Step {
  readonly commands: string
  /** The answer that the document shows under the commands; … stands for a value of each run's own. */
  readonly answer: string | undefined
}

/** A document of this repository, by its path from the root. */
export const readDocument = (path: string): Promise<string> => readFile(`${root}/${path}`, 'utf8')

const stepsOf = (document: string): Step[] =>
  [...document.matchAll(/```sh\n([\s\S]*?)```(?:\s*```(?:json|http)\n([\s\S]*?)\n```)?/g)].map(
    ([, commands = '', answer]) => ({ commands, answer }),
  )

const pattern = (answer: string): RegExp =>
  new RegExp(`^${answer.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('…', '[^"]+')}$`)

export interface Walk {
  /** From the root of the repository, for example `docs/guide.md`. */
  readonly path: string
  readonly environment: Readonly<Record<string, string>>
  /** Fewer than this were not the whole walk: the document is written in another way than this reads it. */
  readonly leastSteps: number
  readonly longestMs: number
}

/** Runs the sh blocks of a document as one shell session and compares each with the answer printed under it. */
export const walk = async ({ path, environment, leastSteps, longestMs }: Walk): Promise<void> => {
  const steps = stepsOf(await readDocument(path))
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
