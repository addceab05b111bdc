import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { startOf } from './build.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Ending {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of src/ to its end, with no environment but the one given. */
export const runProgram = async (
  file: string,
  args: readonly string[],
  {
    environment = {},
    input = '',
    onError,
  }: {
    environment?: Record<string, string>
    input?: string
    /** Hears what goes to standard error as it comes, and may send a signal. */
    onError?: (text: string, kill: (signal: NodeJS.Signals) => void) => void
  } = {},
): Promise<Ending> => {
  const child = spawn(process.execPath, [...startOf(file), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, ...environment },
  })
  if (onError) child.stderr.on('data', (data) => onError(String(data), (signal) => child.kill(signal)))
  child.stdin.on('error', () => {}) // a program that does not read its input may end before it is written
  child.stdin.end(input)
  const [[code], stdout, stderr] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  return { code, stdout, stderr }
}
