import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readDocument, root, tablesUnder } from '../support/prose.ts'

const path = 'docs/security.md'
const attacks = (await tablesUnder(path, 'Id')).map(([ids = '', , , files = '']) => ({
  ids: ids.split(', '),
  files: files.match(/test\/[\w/.-]+\.test\.ts/g) ?? [],
}))

test('every test that the document names is there, and bears the id of its attack', async () => {
  expect(attacks.length).toBeGreaterThan(50)
  for (const { ids, files } of attacks) {
    expect(files, ids.join()).not.toEqual([])
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true)
    const code = (await Promise.all(files.map(readDocument))).join()
    for (const id of ids) expect(code, `${id} in ${files.join()}`).toMatch(new RegExp(`\\b${id}\\b`))
  }
})

test('the document has every attack and fault that a test bears the id of, each once', async () => {
  const listed = attacks.flatMap(({ ids }) => ids)
  expect(listed.filter((id, index) => listed.indexOf(id) !== index)).toEqual([])
  const files = (await readdir(`${root}/test`, { recursive: true })).filter((file) => file.endsWith('.test.ts'))
  const code = (await Promise.all(files.map((file) => readDocument(`test/${file}`)))).join()
  const borne = code.matchAll(/['"`]((?:[A-I][1-9]\d*(?:, |: | ))+)/g)
  const ids = new Set([...borne].flatMap(([, found]) => found?.match(/[A-I]\d+/g) ?? []))
  expect(ids.size).toBeGreaterThan(60)
  expect([...ids].filter((id) => !listed.includes(id))).toEqual([])
})

const units = { days: 24 * 3600, hours: 3600, minutes: 60, seconds: 1 }

/** 90 as `1.5 minutes`. */
const span = (seconds: number): string => {
  const [unit, length] = Object.entries(units).find(([, each]) => seconds % each === 0) ?? ['seconds', 1]
  const count = seconds / length
  return `${count} ${count === 1 ? unit.slice(0, -1) : unit}`
}

/** The value of a constant, or of a property by that name, of a source file. */
const constantOf = async (file: string, name: string): Promise<string> => {
  const source = await readDocument(file)
  const [, expression = ''] =
    new RegExp(`\\b${name}(?:: Budget)?(?: =|:) (\\{[^}]+\\}|[\\d_ *a-z]+)`).exec(source) ?? []
  const read = new Function('minute', 'hour', 'day', 'passwordBudget', `return (${expression})`)
  const value = read(60, 3600, 24 * 3600, { windowSeconds: 900 }) as number | { limit: number; windowSeconds: number }
  if (typeof value === 'object') return `${value.limit} in ${span(value.windowSeconds)}`
  if (name.endsWith('Seconds')) return span(value)
  if (name.endsWith('Minutes')) return span(value * 60)
  if (name.endsWith('Hours')) return `${value} hours`
  return name.endsWith('Ms') ? span(value / 1000) : String(value)
}

test.each(await tablesUnder(path, 'What'))('%s: %s, as in %s', async (_what, number, place = '') => {
  const [file = '', name = ''] = place.replaceAll('`', '').split('#')
  expect(number).toBe(await constantOf(file, name))
})
