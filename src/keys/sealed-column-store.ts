import { and, asc, getTableName, gt, ne, type SQL, sql } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import { signingKeyBinding } from '../access-tokens/signing-key.ts'
import type { Db } from '../db/client.ts'
import { signingKeys } from '../db/tables/access-tokens.ts'
import { outgoingMessages } from '../db/tables/messaging.ts'
import { mfaConfigurations } from '../db/tables/mfa.ts'
import { factorBinding } from '../mfa/factor.ts'

/** A stored secret, with what it is bound to. */
export interface SealedRow {
  readonly id: string
  readonly sealed: string
  readonly boundTo: string
}

export interface ResealedRow {
  readonly id: string
  readonly sealed: string
  readonly resealed: string
}

export type SealedColumn = ReturnType<typeof columnOver>

/** Every column that holds what the key ring sealed. */
export const createSealedColumns = (db: Db): readonly SealedColumn[] => [
  columnOver(db, mfaConfigurations, mfaConfigurations.sealedSecret, factorBinding),
  columnOver(db, signingKeys, signingKeys.sealedPrivateKey, ({ id }) => signingKeyBinding(id)),
  columnOver(db, outgoingMessages, outgoingMessages.sealedText, ({ id }) => id),
]

const columnOver = <Table extends PgTable & { readonly id: PgColumn }>(
  db: Db,
  table: Table,
  sealed: PgColumn,
  bindingOf: (row: Table['$inferSelect'] & { readonly id: string }) => string,
) => {
  const keyId: SQL = sql`split_part(${sealed}, ':', 1)`
  const isSealed = ne(sealed, '') // a message that went out has no text any more
  return {
    name: `${getTableName(table)}.${sealed.name}`,

    async countByKey(): Promise<ReadonlyMap<string, number>> {
      const rows = await db
        .select({ id: sql<string>`${keyId}`, count: sql<number>`count(*)::integer` })
        .from(table as PgTable)
        .where(isSealed)
        .groupBy(keyId)
      return new Map(rows.map(({ id, count }) => [id, count]))
    },

    /** Rows sealed under any other key than this one, in the order of their ids: those after the last of the page before. */
    async page(newestKeyId: string, after: string | null, limit: number): Promise<SealedRow[]> {
      const rows = await db
        .select({ sealed: sql<string>`${sealed}`, row: table as PgTable })
        .from(table as PgTable)
        .where(and(isSealed, sql`${keyId} <> ${newestKeyId}`, after === null ? undefined : gt(table.id, after)))
        .orderBy(asc(table.id))
        .limit(limit)
      return rows.map(({ sealed: value, row }) => {
        const known = row as Parameters<typeof bindingOf>[0]
        return { id: known.id, sealed: value, boundTo: bindingOf(known) }
      })
    },

    /**
     * Puts new values in the place of those that were read, in one statement, and returns how many. A row that changed since is
     * left as it is, and one that somebody holds is left for the next time, so that nobody waits for it.
     */
    async replace(rows: readonly ResealedRow[]): Promise<number> {
      const name = sql.identifier(sealed.name)
      const replaced = await db.execute(sql`
        with fresh as materialized (
          select id::${sql.raw(table.id.getSQLType())} as id, sealed, resealed
          from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as fresh (id text, sealed text, resealed text)
        ),
        free as materialized (
          select kept.id, fresh.sealed, fresh.resealed from ${table} kept join fresh using (id)
          where kept.${name} = fresh.sealed for update of kept skip locked
        )
        update ${table} kept set ${name} = free.resealed from free
        where kept.id = free.id and kept.${name} = free.sealed returning 1`)
      return replaced.length
    },
  }
}
