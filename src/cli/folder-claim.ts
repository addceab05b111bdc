import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, isRunning, processOf, type ServerProcess } from './server-process.ts'

/** Written while a folder is in use: by whom, and which server runs on it. */
export const claimFile = 'owner.json'

/**
 * Makes this process the folder's only user until `release`. Throws when another live process, or this one, has it; a
 * server that outlived its killed owner is stopped first.
 */
export const claimFolder = async (name: string, directory: string, say: (text: string) => void) => {
  const file = join(directory, claimFile)
  const owner = processOf(process.pid)
  const previous = readClaim(file)
  if (previous !== undefined && !isRunning(previous.owner)) {
    if (previous.server !== undefined && isRunning(previous.server)) {
      say(`Stopping the ${name} that a killed process left behind in ${directory}`)
      await end(previous.server)
    }
    rmSync(file, { force: true })
  }
  try {
    writeFileSync(file, JSON.stringify({ owner }), { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    const holder = previous === undefined ? 'another process' : `process ${previous.owner.pid}`
    throw new Error(
      `${name} in ${directory} is in use by ${holder}. Stop that one, or set GATEHOUSE_DATA_DIR to another folder. ` +
        `If it is not so, delete ${file}.`,
      { cause },
    )
  }
  return {
    /** Records the server, to be found if this process is killed. */
    add: (server: ServerProcess) => writeFileSync(file, JSON.stringify({ owner, server })),
    release: () => rmSync(file, { force: true }),
  }
}

const readClaim = (file: string): { owner: ServerProcess; server?: ServerProcess } | undefined => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
