import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { documents, readDocument, root } from '../support/prose.ts'

const withoutCode = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '')

/** The anchors of a document's headings, as GitHub names them. */
const anchorsOf = async (path: string): Promise<string[]> => {
  const text = (await readDocument(path)).replaceAll(/^```[\s\S]*?^```/gm, '')
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('every relative link leads to a file, and to a heading where it names one', async () => {
  const dead: string[] = []
  let links = 0
  for (const document of await documents()) {
    for (const [link, target = '', , anchor] of withoutCode(await readDocument(document)).matchAll(
      /\]\(([^()\s:#]*)(#([^()\s]+))?\)/g,
    )) {
      links++
      const file = target ? join(dirname(document), target) : document
      const isThere = existsSync(join(root, file))
      if (!isThere || (anchor && !(await anchorsOf(file)).includes(anchor))) dead.push(`${document}: ${link}`)
    }
  }
  expect(dead).toEqual([])
  expect(links).toBeGreaterThan(60)
})

test('every page of the guide and every document of docs/ can be reached from the README', async () => {
  const seen = new Set(['README.md'])
  for (const document of seen) {
    for (const [, target = ''] of (await readDocument(document)).matchAll(/\]\(([^()\s:#]+\.md)[^()\s]*\)/g)) {
      seen.add(join(dirname(document), target))
    }
  }
  const all = (await documents()).filter((document) => !document.includes('decisions/'))
  expect(all.filter((document) => !seen.has(document))).toEqual([])
})

test('no two decisions have one number, and each bears its own', async () => {
  const decisions = (await documents()).filter((document) => document.startsWith('docs/decisions/'))
  const numbers = decisions.map((document) => Number(document.match(/\/(\d{3})-/)?.[1]))
  expect(new Set(numbers).size).toBe(decisions.length)
  for (const [index, document] of decisions.entries()) {
    expect(await readDocument(document), document).toMatch(new RegExp(`^# ${numbers[index]}\\. `))
  }
})
