import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** Keys that access tokens are signed with; the private half is sealed. */
export const signingKeys = pgTable('signing_keys', {
  id: text('id').primaryKey(),
  /** One more than that of the key before it: unique, so that of two servers that make the next key one does. */
  generation: integer('generation').notNull().unique(),
  /** Raw Ed25519 public key, base64url (RFC 8037 `x`). */
  publicKey: text('public_key').notNull(),
  /** PKCS #8, base64, sealed and bound to the id. */
  sealedPrivateKey: text('sealed_private_key').notNull(),
  createdAt: instant('created_at').notNull(),
  /** Later than its creation, so that whoever caches the public keys knows it by then. */
  signsFrom: instant('signs_from').notNull(),
  /** From then on nothing it signed counts, and it is published no more. */
  revokedAt: instant('revoked_at'),
})
