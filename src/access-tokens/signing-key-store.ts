import { desc, sql } from 'drizzle-orm'
import type { Db } from '../db/client.ts'
import { signingKeys } from '../db/tables/access-tokens.ts'
import type { SigningKey } from './signing-key.ts'

export type SigningKeyStore = ReturnType<typeof createSigningKeyStore>

export const signingKeysChannel = 'gatehouse_signing_keys'

/** The keys of access tokens, a row a key, as every server knows them. */
export const createSigningKeyStore = (db: Db) => ({
  /** Every key, revoked ones too, the newest first. */
  list: async (): Promise<SigningKey[]> => db.select().from(signingKeys).orderBy(desc(signingKeys.generation)),

  /**
   * Adds a key, where asked to revokes all before it, and announces that to every server: in one statement. False, and
   * nothing done, when there is a key of this generation already: of any number of makers one succeeds.
   */
  async addNext(key: SigningKey, revokesOlder: boolean): Promise<boolean> {
    const createdAt = key.createdAt.toISOString()
    const rows = await db.execute(sql`
      with added as (
        insert into ${signingKeys} (id, generation, public_key, sealed_private_key, created_at, signs_from)
        values (${key.id}, ${key.generation}, ${key.publicKey}, ${key.sealedPrivateKey}, ${createdAt},
          ${key.signsFrom.toISOString()})
        on conflict (generation) do nothing returning generation
      ),
      revoked as (
        update ${signingKeys} set revoked_at = ${createdAt}
        where ${revokesOlder} and revoked_at is null and generation < (select generation from added)
      )
      select pg_notify(${signingKeysChannel}, '') from added`)
    return rows.length > 0
  },
})
