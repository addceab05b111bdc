import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, cp, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface SystemUser {
  readonly uid: number
  readonly gid: number
}

const run = promisify(execFile)
const sharedFolder = '/var/lib/gatehouse' // only root writes here: nobody can plant programs for us to run

/** PostgreSQL refuses to run as root: for root the user `postgres`, made when missing; undefined for anybody else. */
export const postgresUser = async (): Promise<SystemUser | undefined> => {
  if (process.getuid?.() !== 0) return undefined
  await run('id', ['postgres']).catch(() =>
    run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres']),
  )
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}

/** Whether the user can enter the folder and list it: a checkout in /root is closed to everybody but root. */
export const canEnter = (folder: string, user: SystemUser): Promise<boolean> =>
  run('ls', [folder], { ...user, cwd: '/' }).then(
    () => true,
    () => false,
  )

/** A folder for the same purpose in a place that every user can reach; root only. */
export const substituteFolder = async (folder: string): Promise<string> => {
  await mkdir(sharedFolder, { recursive: true })
  await chmod(sharedFolder, 0o755)
  return join(sharedFolder, createHash('sha256').update(folder).digest('hex').slice(0, 16))
}

/** Copies programs for every user to read. Of two runs at once the first to finish wins, the other uses its copy. */
export const copyPrograms = async (from: string, to: string): Promise<void> => {
  const unfinished = `${to}.${process.pid}`
  await cp(from, unfinished, { recursive: true, verbatimSymlinks: true })
  await run('chmod', ['-R', 'a+rX', unfinished])
  await rename(unfinished, to).catch(() => rm(unfinished, { recursive: true }))
}
