import { readdir } from 'node:fs/promises'
import { is } from 'drizzle-orm'
import { PgTable } from 'drizzle-orm/pg-core'

const folder = new URL('../../src/db/tables/', import.meta.url)

const modules = await Promise.all((await readdir(folder)).map((file) => import(new URL(file, folder).href)))
/** Every table that the code declares. */
export const tables = modules.flatMap((module) => Object.values(module)).filter((value) => is(value, PgTable))
if (tables.length < 30) throw new Error(`Only ${tables.length} tables were found`)
