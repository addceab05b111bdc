import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** A process, told apart from a later one that was given the same number. `startedAt` is missing once it is gone. */
export interface ServerProcess {
  readonly pid: number
  readonly startedAt?: string | undefined
}

const stopTimeoutMs = 20_000 // a fast shutdown takes less than a second; longer means frozen

/** The process that has this number now. */
export const processOf = (pid: number): ServerProcess => {
  try {
    return { pid, startedAt: process.platform === 'linux' ? startOnLinux(pid) : startOnUnix(pid) }
  } catch {
    return { pid }
  }
}

export const isRunning = ({ pid, startedAt }: ServerProcess) =>
  startedAt !== undefined && processOf(pid).startedAt === startedAt

/** Sends a signal, unless the process is gone. */
export const signal = (server: ServerProcess, name: NodeJS.Signals) => {
  if (isRunning(server)) process.kill(server.pid, name)
}

/** Asks with SIGINT, insists with SIGKILL after 20 s, and resolves when the process is gone. */
export const end = async (server: ServerProcess) => {
  const deadline = Date.now() + stopTimeoutMs
  signal(server, 'SIGINT')
  while (isRunning(server)) {
    if (Date.now() > deadline) signal(server, 'SIGKILL')
    await wait(20)
  }
}

/** A zombie counts as gone: an orphan stays one for ever where process 1 reaps nobody, as in many containers. */
const startOnLinux = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' ? undefined : rest[18] // proc(5): fields 3 and 22
}

const startOnUnix = (pid: number) =>
  execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim()
