import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import type { Db } from '../../src/db/client.ts'

/** What a statement read, and how. */
export interface Reading {
  /** Tables that were read from one end to the other, empty ones aside. */
  readonly scanned: readonly string[]
  /** Rows that were looked at, those that did not fit included. */
  readonly rows: number
  /** Blocks of 8 kB that were looked at, of tables and indexes: also for what an index alone ruled out. */
  readonly blocks: number
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly PlanNode[]
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

const readingOf = (plan: PlanNode): Reading => {
  const scans = nodesOf(plan).filter((node) => node['Node Type'].includes('Scan') && node['Actual Loops'] > 0)
  const rowsOf = (node: PlanNode) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)
  return {
    scanned: scans
      .filter((node) => node['Node Type'] === 'Seq Scan' && rowsOf(node) > 0)
      .map((node) => node['Relation Name'] ?? ''),
    rows: scans.reduce((sum, node) => sum + rowsOf(node) * node['Actual Loops'], 0),
    blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
  }
}

const usesBeforeOnePlan = 5

const literal = (value: unknown): string => {
  if (Array.isArray(value)) return `'{${value.join(',')}}'`
  return value === null ? 'null' : `'${String(value).replaceAll("'", "''")}'`
}

/**
 * Runs the statements of a store, and tells how PostgreSQL came by their rows: planned for these very values, as `ReadPlanned`
 * has them, or as it is for a statement that was used before, for which one plan may serve every value from the sixth use on.
 */
export const openPlans = (databaseUrl: string) => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  const sent: { query: string; params: unknown[] }[] = []
  const db: Db = drizzle(postgres(databaseUrl, { max: 1, onnotice: () => {} }), {
    logger: { logQuery: (query, params) => sent.push({ query, params }) },
  })
  return {
    async readingOf(read: (db: Db) => Promise<unknown>, how: 'planned' | 'prepared'): Promise<Reading> {
      sent.length = 0
      await read(db)
      const [{ query, params }] = sent as [(typeof sent)[number]]
      const plan = await sql.begin(async (tx) => {
        if (how === 'planned') {
          await tx.unsafe('set local plan_cache_mode = force_custom_plan')
          await tx.unsafe('set local max_parallel_workers_per_gather = 0')
        }
        await tx.unsafe(`prepare probe as ${query}`)
        const given = params.length > 0 ? `(${params.map(literal).join(', ')})` : ''
        for (let use = 0; how === 'prepared' && use < usesBeforeOnePlan; use++) await tx.unsafe(`execute probe${given}`)
        const [row] = await tx.unsafe(`explain (analyze, buffers, timing off, format json) execute probe${given}`)
        await tx.unsafe('deallocate probe')
        return row?.['QUERY PLAN'][0].Plan as PlanNode
      })
      return readingOf(plan)
    },
    async close(): Promise<void> {
      await sql.end()
      await (db as unknown as { $client: postgres.Sql }).$client.end()
    },
  }
}
