import { readFile, writeFile } from 'node:fs/promises'
import { printedSchema } from '../graphql/schema.ts'

// Writes schema.graphql; with --check, only says whether it is current.
const file = new URL('../../schema.graphql', import.meta.url)
const current = printedSchema()

if (!process.argv.includes('--check')) await writeFile(file, current)
else if ((await readFile(file, 'utf8').catch(() => '')) !== current) {
  console.error('schema.graphql is not what the resolvers declare. Run: npm run schema')
  process.exitCode = 1
}
