import { rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Whom `npm run dev` opens an account for. */
export const seededAdministrator = 'admin@example.com'

/** Where `npm run dev` keeps its data. */
export const localDirectory = (): string => resolve(process.env.GATEHOUSE_DATA_DIR ?? '.gatehouse')

const environmentFile = (): string => join(localDirectory(), 'environment')

/** Leaves what commands, and a second server, need to work on the database of `npm run dev`, until the function that it returns is called. */
export const leaveEnvironment = (environment: Readonly<Record<string, string>>): (() => void) => {
  const lines = Object.entries(environment).map(([name, value]) => `${name}='${value}'\n`)
  writeFileSync(environmentFile(), lines.join(''), { mode: 0o600 })
  return () => rmSync(environmentFile(), { force: true })
}

/** Takes what a running `npm run dev` left, where no database is named. Never in production. */
export const takeEnvironment = (): void => {
  if (process.env.DATABASE_URL || process.env.NODE_ENV === 'production') return
  try {
    process.loadEnvFile(environmentFile())
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== 'ENOENT') throw problem
  }
}
