import { expect, test } from 'vitest'
import { readDocument, tablesUnder } from '../support/prose.ts'

const path = 'docs/compliance.md'
const standards = ['ASVS', 'Section', 'Article', 'Criterion', 'Control']
const rows = (await Promise.all(standards.map((heading) => tablesUnder(path, heading)))).flat()

test('each row says how things stand, and what is met or partly met names its proof', () => {
  expect(rows.length).toBeGreaterThan(100)
  for (const [id = '', asks = '', state = '', how = '', proof = ''] of rows) {
    expect(['met', 'partly', 'not met', 'operator'], id).toContain(state)
    expect(Math.min(asks.length, how.length), id).toBeGreaterThan(2)
    if (state === 'met' || state === 'partly') expect(proof, id).toMatch(/^(`test\/|No test: )/)
  }
})

test.each(rows.map(([id, , , , proof = '']) => [id, proof]))(
  '%s: its proofs are tests of this project',
  async (_id, proof) => {
    for (const [, file = '', name = ''] of proof.matchAll(/`(test\/[^`]+)` "([^"]+)"/g)) {
      const source = await readDocument(file)
      expect(
        ["'", '"', '`'].some((mark) => source.includes(mark + name + mark)),
        name,
      ).toBe(true)
    }
    expect(proof.match(/`test\//g)?.length ?? 0).toBe(proof.match(/`test\/[^`]+` "/g)?.length ?? 0)
  },
)
