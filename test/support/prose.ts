import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A file of this repository, by its path from the root. */
export const readDocument = (path: string): Promise<string> => readFile(`${root}/${path}`, 'utf8')

/** Every document of the repository, by its path from the root. */
export const documents = async (): Promise<string[]> => {
  const inDocs = (await readdir(`${root}/docs`, { recursive: true })).map((file) => `docs/${file}`)
  return [...(await readdir(root)), ...inDocs].filter((file) => file.endsWith('.md'))
}

/** The pages of the guide, in the order in which its index names them. */
export const guidePages = async (): Promise<string[]> => {
  const rows = (await readDocument('docs/guide.md')).matchAll(/^\| \[[^\]]+\]\((guide\/[\w-]+\.md)\)/gm)
  return [...rows].map(([, page]) => `docs/${page}`)
}

/** The fenced blocks of a language in a document, such as `mermaid`. */
export const blocksOf = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, block = '']) => block)

/** The rows of each table under this first heading, cell by cell. */
export const tablesUnder = async (path: string, firstHeading: string): Promise<string[][]> => {
  const lines = (await readDocument(path)).split('\n')
  return lines.flatMap((line, start) => {
    if (!line.startsWith(`| ${firstHeading} |`)) return []
    const end = lines.findIndex((other, index) => index > start && !other.startsWith('|'))
    const rows = lines.slice(start + 2, end === -1 ? undefined : end)
    return rows.map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  })
}
