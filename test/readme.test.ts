import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Gatehouse, startGatehouse } from './support/gatehouse.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const longestWalkMs = 90_000 // the walk waits for a new code, as a person does

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.close())

interface Step {
  readonly commands: string
  /** The answer that the README shows under the commands; … stands for a value of each run's own. */
  readonly answer: string | undefined
}

const readSteps = async (): Promise<Step[]> => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  return [...readme.matchAll(/```sh\n([\s\S]*?)```(?:\s*```json\n([\s\S]*?)\n```)?/g)].map(
    ([, commands = '', answer]) => ({ commands, answer }),
  )
}

const pattern = (answer: string): RegExp =>
  new RegExp(`^${answer.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll('…', '[^"]+')}$`)

test(
  "the README's walk works as printed, answers included",
  async () => {
    const steps = await readSteps()
    expect(steps.length).toBeGreaterThan(8)
    const boundary = '=== next step ==='
    const script = steps.map(({ commands }) => `{\n${commands}\n} 2>&1\necho; echo "${boundary}"`).join('\n')
    const { stdout } = await promisify(execFile)('bash', ['-uc', `TOKEN=\n${script}`], {
      cwd: root,
      env: { ...process.env, GATEHOUSE: gatehouse.url },
    })
    const outputs = stdout.split(boundary).map((output) => output.trim())
    for (const [index, { answer }] of steps.entries()) expect(outputs[index]).toMatch(answer ? pattern(answer) : /^$/)
  },
  longestWalkMs,
)

test('the README names no command that package.json does not have', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const { scripts } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    scripts: object
  }
  const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name)
  expect(named.length).toBeGreaterThan(0)
  for (const name of named) expect(Object.keys(scripts)).toContain(name)
})
