import type { KeyRing } from '../lib/key-ring.ts'
import type { KeyUse } from './key-use.ts'
import type { KeyUseStore } from './key-use-store.ts'
import type { SealedColumn, SealedRow } from './sealed-column-store.ts'

export interface KeyRotationDeps {
  readonly columns: readonly SealedColumn[]
  readonly use: KeyUseStore
  readonly ring: KeyRing
  /** The keys of the ring, newest first, with the ids of their audit keys. */
  readonly keys: readonly { readonly id: string; readonly auditKeyId: string }[]
  /** Before another look at rows that somebody held. */
  readonly pause: () => Promise<unknown>
}

export interface Resealing {
  /** How many rows were sealed anew. */
  readonly done: number
  /** Rows that can't be opened, and were left as they are. */
  readonly unreadable: readonly string[]
}

export interface KeyUses {
  readonly older: readonly KeyUse[]
  /** Keys that seal something and are not in the ring. */
  readonly missing: readonly Pick<KeyUse, 'keyId' | 'sealed'>[]
}

export type KeyRotation = ReturnType<typeof createKeyRotation>

const batchSize = 500 // a statement that holds them takes some milliseconds
const mostPasses = 20 // nobody holds a row for longer than a few seconds

/**
 * Seals anew, under the newest key, what is sealed under others, while servers run. Each batch is a statement of its own that
 * changes only what is still as it was read: it can be stopped at any point and run again, and any number of times at once.
 */
export const createKeyRotation = ({ columns, use, ring, keys, pause }: KeyRotationDeps) => {
  const newestKeyId = keys[0]?.id ?? ''

  const resealed = (row: SealedRow) => {
    try {
      return { ...row, resealed: ring.seal(ring.open(row.sealed, row.boundTo), row.boundTo) }
    } catch {
      return null
    }
  }

  return {
    /** Rows that somebody holds for long are left, as those are that can't be opened. */
    async run(onProgress: (done: number) => void): Promise<Resealing> {
      const unreadable = new Set<string>()
      let done = 0

      /** Once through a column; returns how many rows were held, or changed meanwhile. */
      const pass = async (column: SealedColumn): Promise<number> => {
        let missed = 0
        for (let after: string | null = null; ; ) {
          const rows: SealedRow[] = await column.page(newestKeyId, after, batchSize)
          after = rows.at(-1)?.id ?? null
          if (after === null) return missed
          const tried = rows.map(resealed)
          for (const [n, { id }] of rows.entries()) if (!tried[n]) unreadable.add(`${column.name} ${id}`)
          const fresh = tried.filter((row) => row !== null)
          const replaced = await column.replace(fresh)
          missed += fresh.length - replaced
          done += replaced
          onProgress(done)
        }
      }

      for (const column of columns) {
        for (let passes = 1; (await pass(column)) > 0 && passes < mostPasses; passes++) await pause()
      }
      return { done, unreadable: [...unreadable] }
    },

    /** What depends on each key but the newest. */
    async uses(): Promise<KeyUses> {
      const counted: [string, ReadonlyMap<string, number>][] = []
      for (const { name, countByKey } of columns) counted.push([name, await countByKey()])
      const sealedBy = (keyId: string) =>
        new Map(
          counted.map(([name, counts]) => [name, counts.get(keyId) ?? 0] as const).filter(([, count]) => count > 0),
        )

      const older: KeyUse[] = []
      for (const { id, auditKeyId } of keys.slice(1)) {
        older.push({ keyId: id, sealed: sealedBy(id), ...(await use.useOf(auditKeyId)) })
      }
      const sealing = new Set(counted.flatMap(([, counts]) => [...counts.keys()]))
      const missing = [...sealing].filter((id) => !keys.some((key) => key.id === id))
      return { older, missing: missing.map((keyId) => ({ keyId, sealed: sealedBy(keyId) })) }
    },
  }
}
