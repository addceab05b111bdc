import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const policy = '/usr/sbin/policy-rc.d'

/** Installs redis-server as root on Debian or Ubuntu, and says so. Resolves to whether it could; starts no service. */
export const installRedis = async (say: (text: string) => void): Promise<boolean> => {
  if (process.getuid?.() !== 0) return false
  if (
    !(await run('apt-get', ['--version']).then(
      () => true,
      () => false,
    ))
  )
    return false

  say('There is no Redis on this machine: installing redis-server with apt-get …')
  try {
    await aptGet('update')
    await withoutStartingServices(() => aptGet('install', '--yes', '--no-install-recommends', 'redis-server'))
    await run('systemctl', ['disable', '--now', 'redis-server']).catch(() => undefined) // there may be no systemd
  } catch (error) {
    say(`apt-get could not install redis-server: ${error instanceof Error ? error.message : error}`)
    return false
  }
  say('Installed redis-server. It does not run as a service; Gatehouse starts its own.')
  return true
}

const aptGet = (...args: string[]) =>
  run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: { PATH: process.env.PATH, DEBIAN_FRONTEND: 'noninteractive' },
  })

/** Debian starts what it installs unless this file forbids it; one that is there already keeps its say. */
const withoutStartingServices = async (work: () => Promise<unknown>) => {
  const script =
    '#!/bin/sh\n# Made by Gatehouse while it installs Redis. If you still find it later, delete it.\nexit 101\n'
  const isOurs = await writeFile(policy, script, { flag: 'wx', mode: 0o755 }).then(
    () => true,
    () => false,
  )
  try {
    await work()
  } finally {
    if (isOurs) await rm(policy)
  }
}
