import { readFile, writeFile } from 'node:fs/promises'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { buildSchema } from '../graphql/schema.ts'

// Writes schema.graphql; with --check, only says whether it is current.
const file = new URL('../../schema.graphql', import.meta.url)
const noResolvers = { get: () => undefined }
const current = `${printSchema(lexicographicSortSchema(buildSchema(noResolvers)))}\n`

if (!process.argv.includes('--check')) await writeFile(file, current)
else if ((await readFile(file, 'utf8').catch(() => '')) !== current) {
  console.error('schema.graphql is not what the resolvers declare. Run: npm run schema')
  process.exitCode = 1
}
