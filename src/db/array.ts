import { type SQL, sql } from 'drizzle-orm'
import { makePgArray } from 'drizzle-orm/pg-core'

/** One parameter with all the values, for a cast to an array: so a statement is the same however many there are. */
export const arrayOf = (values: readonly string[]): SQL => sql`${makePgArray([...values])}`
