import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { claimFolder } from './folder-claim.ts'
import { end, processOf, type ServerProcess, signal } from './server-process.ts'
import type { SystemUser } from './system-user.ts'

type Say = (text: string) => void

export interface LocalServiceOptions {
  readonly directory: string
  /** False gives up safety against power cuts, and persistence where there is a choice, for speed. */
  readonly durable?: boolean
  readonly say: Say
}

export interface LocalService {
  readonly url: string
  /** Resolves when the server's process is gone; further calls get the same promise. */
  stop(): Promise<void>
}

export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly stdin?: string
  readonly user?: SystemUser | undefined
  readonly isReady: (pid: number) => Promise<boolean>
}

const startTimeoutMs = 60_000

/**
 * Runs one server process for a folder, on a free port, and resolves when it is ready. The process has a session of its
 * own, so that Ctrl-C reaches only us and we decide when it stops (by SIGINT). Throws when another live process uses
 * the folder; a server that outlived its killed owner is stopped first.
 */
export const startServer = async (
  name: string,
  { directory, say }: LocalServiceOptions,
  commandFor: (port: number) => Promise<ServerCommand>,
) => {
  const claim = await claimFolder(name, directory, say)
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    try {
      const stopProcess = await run(name, directory, await commandFor(port), say, claim.add)
      let stopping: Promise<void> | undefined
      const stop = () => {
        stopping ??= stopProcess().then(claim.release)
        return stopping
      }
      return { port, stop }
    } catch (error) {
      if (attempt < 3 && /address already in use/i.test(String(error))) continue
      claim.release()
      throw error
    }
  }
}

/** Says the text if the work takes longer than a second. */
export const sayWhenSlow = <T>(say: Say, text: string, work: Promise<T>): Promise<T> => {
  const timer = setTimeout(say, 1_000, text)
  return work.finally(() => clearTimeout(timer))
}

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  if (address === null || typeof address === 'string') throw new Error('The system named no free port')
  return address.port
}

const run = async (
  name: string,
  directory: string,
  what: ServerCommand,
  say: Say,
  onSpawn: (it: ServerProcess) => void,
) => {
  const logFile = join(directory, 'server.log')
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(what.command, what.args, {
    ...what.user,
    cwd: '/',
    detached: true,
    env: { PATH: process.env.PATH, LC_ALL: 'C' }, // none of our secrets, no PG* of the developer's
    stdio: ['pipe', log, log],
  })
  closeSync(log)
  await once(child, 'spawn')
  child.unref()
  child.stdin?.on('error', () => undefined) // it ended before it read; untilReady reports that
  child.stdin?.end(what.stdin)

  const server = processOf(child.pid as number)
  onSpawn(server)
  const endAtExit = () => signal(server, 'SIGINT')
  process.once('exit', endAtExit)
  const stop = async () => {
    await sayWhenSlow(say, `Stopping ${name} …`, end(server))
    process.off('exit', endAtExit)
  }
  try {
    await sayWhenSlow(say, `Starting ${name} …`, untilReady(child, what))
    return stop
  } catch (cause) {
    await stop()
    throw new Error(`${name} did not start: ${readFileSync(logFile, 'utf8').slice(-2_000)}`, { cause })
  }
}

const untilReady = async (child: ChildProcess, { isReady }: ServerCommand) => {
  const deadline = Date.now() + startTimeoutMs
  while (!(await isReady(child.pid as number))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('The process ended')
    if (Date.now() > deadline) throw new Error(`Not ready after ${startTimeoutMs} ms`)
    await wait(20)
  }
}
