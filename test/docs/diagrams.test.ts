import DOMPurify from 'dompurify'
import { expect, test } from 'vitest'
import { blocksOf, documents, readDocument } from '../support/prose.ts'

// Mermaid cleans labels with it, which takes a browser; what is parsed here is shown to nobody.
Object.assign(DOMPurify, { addHook: () => {}, sanitize: (text: string) => text })

test('every diagram is one that Mermaid can draw', async () => {
  const { default: mermaid } = await import('mermaid')
  const broken: string[] = []
  let diagrams = 0
  for (const document of await documents()) {
    for (const diagram of blocksOf(await readDocument(document), 'mermaid')) {
      diagrams++
      await mermaid.parse(diagram).catch((problem: Error) => broken.push(`${document}: ${problem.message}`))
    }
  }
  expect(broken).toEqual([])
  expect(diagrams).toBeGreaterThan(12)
})
